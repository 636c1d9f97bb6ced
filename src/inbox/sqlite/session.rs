//! Statements on a connection of SQLite.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Error, Row as _, TypeInfo as _, ValueRef as _};

use crate::http_client::BoxFuture;
use crate::inbox::error::{InboxError, bounded};
use crate::inbox::sql::statements::{SQLITE, Statements};
use crate::inbox::sql::{Row, Session, Value};

/// A connection, at one point in time.
pub(super) struct SqliteSession<'c> {
    pub(super) connection: &'c mut SqliteConnection,
    /// Milliseconds since 1970.
    pub(super) now: i64,
}

impl Session for SqliteSession<'_> {
    fn run<'a>(
        &'a mut self,
        statement: &'static str,
        values: Vec<Value>,
    ) -> BoxFuture<'a, Result<Vec<Row>, InboxError>> {
        Box::pin(async move {
            let mut query = sqlx::query(statement);
            for value in values {
                query = match value {
                    Value::Blob(value) => query.bind(value),
                    Value::Int(value) => query.bind(value),
                    Value::Text(value) => query.bind(value),
                };
            }
            let rows = query.fetch_all(&mut *self.connection).await;
            rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|error| failed(&error))
        })
    }

    fn now(&self) -> Value {
        self.now.into()
    }

    fn statements(&self) -> &'static Statements {
        &SQLITE
    }
}

fn read(row: &SqliteRow) -> Result<Row, Error> {
    let columns = (0..row.len()).map(|at| {
        let kind = row.try_get_raw(at)?.type_info().name().to_owned();
        Ok(match kind.as_str() {
            "INTEGER" => Value::Int(row.try_get(at)?),
            "TEXT" => Value::Text(row.try_get(at)?),
            "NULL" => Value::Int(None),
            _ => Value::Blob(row.try_get(at)?),
        })
    });
    Ok(Row::new(columns.collect::<Result<_, Error>>()?))
}

/// The meaning of an error, by SQLite's result code.
pub(super) fn failed(error: &Error) -> InboxError {
    let reason = bounded(error);
    match primary_code(error) {
        Some(5 | 6) => InboxError::Busy { reason },
        // Read-only, or not to be opened at all.
        Some(8 | 14) => InboxError::ReadOnly { reason },
        Some(11 | 26) => InboxError::Damaged { reason },
        Some(13) => InboxError::Full { reason },
        // A write that failed: a quota, or a limit on the size of a file.
        Some(10) if extended_code(error) == Some(778) => InboxError::Full { reason },
        _ => InboxError::Unavailable { reason },
    }
}

fn extended_code(error: &Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok()
}

fn primary_code(error: &Error) -> Option<u32> {
    extended_code(error).map(|code| code & 0xff)
}

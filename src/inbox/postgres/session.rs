//! Statements on a connection of PostgreSQL.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Error, Row as _, TypeInfo as _, ValueRef as _};

use crate::http_client::BoxFuture;
use crate::inbox::error::{InboxError, bounded};
use crate::inbox::sql::statements::{POSTGRES, Statements};
use crate::inbox::sql::{Row, Session, Value};

/// A connection.
pub(super) struct PostgresSession<'c> {
    pub(super) connection: &'c mut PgConnection,
    /// The time of a test, in milliseconds since 1970. Otherwise it is that of the server.
    pub(super) now: Option<i64>,
    /// Whether callbacks are ordered by resource, so that settling one locks its resource.
    pub(super) is_ordered: bool,
}

impl Session for PostgresSession<'_> {
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
        Value::Int(self.now)
    }

    fn statements(&self) -> &'static Statements {
        &POSTGRES
    }

    fn lock(&self) -> Option<&'static str> {
        self.is_ordered.then_some(LOCK_RESOURCE)
    }
}

fn read(row: &PgRow) -> Result<Row, Error> {
    let columns = (0..row.len()).map(|at| {
        let raw = row.try_get_raw(at)?;
        let is_null = raw.is_null();
        let kind = raw.type_info().name().to_owned();
        Ok(match kind.as_str() {
            _ if is_null => Value::Int(None),
            "INT8" => Value::Int(row.try_get(at)?),
            "INT4" => Value::Int(row.try_get::<Option<i32>, _>(at)?.map(i64::from)),
            "INT2" => Value::Int(row.try_get::<Option<i16>, _>(at)?.map(i64::from)),
            "BYTEA" => Value::Blob(row.try_get(at)?),
            "TEXT" => Value::Text(row.try_get(at)?),
            // The result of a function that is called for its effect.
            _ => Value::Int(None),
        })
    });
    Ok(Row::new(columns.collect::<Result<_, Error>>()?))
}

/// The meaning of an error, by its SQLSTATE.
pub(super) fn failed(error: &Error) -> InboxError {
    let reason = bounded(error);
    let code = error.as_database_error().and_then(|error| error.code());
    match (error, code.as_deref()) {
        (Error::PoolTimedOut, _) => InboxError::unavailable(
            "no connection became free in time; do handlers hold connections of this inbox, or has the server reached \
             `max_connections`?",
        ),
        // disk_full, and the size of a file.
        (_, Some("53100" | "54000")) => InboxError::Full { reason },
        (_, Some("25006")) => InboxError::ReadOnly { reason },
        // lock_not_available, and a statement that its time limit cancelled.
        (_, Some("55P03" | "57014")) => InboxError::Busy { reason },
        (_, Some("XX001" | "XX002")) => InboxError::Damaged { reason },
        _ => InboxError::Unavailable { reason },
    }
}

/// Keeps a store of the same resource from overlapping: it would not see that its predecessor is settled, and would wait for good.
const LOCK_RESOURCE: &str = "select pg_advisory_xact_lock(hashtextextended($1 || ':' || resource, 0)) \
     from partner_center_inbox where seq = $2 and resource is not null";

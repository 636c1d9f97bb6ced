//! Connections to one file: one that writes, behind a fair lock, and one that reads.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::session::{SqliteSession, failed};
use crate::inbox::error::InboxError;
use crate::inbox::sql::engine::Run;

/// A file and its connections. A connection on which anything failed is thrown away: after an error, SQLite may have rolled back
/// by itself, and the driver would not know.
pub(super) struct Database {
    pub(super) options: SqliteConnectOptions,
    pub(super) clock: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// SQLite has one writer at a time, and its own waiting is not fair: a handler that takes the lock again and again starves
    /// the stores. So all writers of this process queue here, in order of arrival.
    writing: Arc<Mutex<Option<SqliteConnection>>>,
    reading: Mutex<Option<SqliteConnection>>,
}

impl Database {
    pub(super) fn new(
        options: SqliteConnectOptions,
        clock: Arc<dyn Fn() -> Duration + Send + Sync>,
    ) -> Self {
        Self { options, clock, writing: Arc::default(), reading: Mutex::default() }
    }

    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        i64::try_from((self.clock)().as_millis()).unwrap_or(i64::MAX)
    }

    /// Waits for the turn to write.
    pub(super) async fn turn(&self) -> Turn {
        Turn(Arc::clone(&self.writing).lock_owned().await)
    }

    /// Begins a transaction that holds SQLite's lock from the start. A deferred one could fail when it writes.
    pub(super) async fn begin(&self, mut turn: Turn) -> Result<Writing, InboxError> {
        let mut connection = match turn.0.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        execute(&mut connection, "begin immediate").await?;
        Ok(Writing { connection, turn, now: self.now() })
    }

    /// Runs `run` on the connection for reading.
    pub(super) async fn read<C: Send + Sync, T: Send>(
        &self,
        context: &C,
        run: Run<C, T>,
    ) -> Result<T, InboxError> {
        let mut slot = self.reading.lock().await;
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        let now = self.now();
        let mut session = SqliteSession { connection: &mut connection, now };
        let result = run(&mut session, context).await;
        if result.is_ok() {
            *slot = Some(connection);
        }
        result
    }

    async fn open(&self) -> Result<SqliteConnection, InboxError> {
        self.options.connect().await.map_err(|error| failed(&error))
    }

    /// Closes the connections, so that the file can be moved.
    pub(super) async fn close(&self) {
        let writing = self.writing.lock().await.take();
        let reading = self.reading.lock().await.take();
        for connection in [writing, reading].into_iter().flatten() {
            // It is closed whatever the result.
            let _: Result<(), sqlx::Error> = connection.close().await;
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("file", &self.options.get_filename())
            .finish_non_exhaustive()
    }
}

/// The turn to write, with the connection if it is open.
pub(super) struct Turn(OwnedMutexGuard<Option<SqliteConnection>>);

/// An open transaction. Dropping it closes the connection, and so rolls back.
pub(super) struct Writing {
    connection: SqliteConnection,
    turn: Turn,
    now: i64,
}

impl Writing {
    pub(super) fn session(&mut self) -> SqliteSession<'_> {
        SqliteSession { connection: &mut self.connection, now: self.now }
    }

    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub(super) async fn commit(self) -> Result<(), InboxError> {
        self.end("commit").await
    }

    pub(super) async fn rollback(self) -> Result<(), InboxError> {
        self.end("rollback").await
    }

    async fn end(self, statement: &'static str) -> Result<(), InboxError> {
        let Self { mut connection, mut turn, .. } = self;
        execute(&mut connection, statement).await?;
        *turn.0 = Some(connection);
        Ok(())
    }
}

async fn execute(
    connection: &mut SqliteConnection,
    statement: &'static str,
) -> Result<(), InboxError> {
    let done = sqlx::query(statement).execute(connection).await;
    done.map(drop).map_err(|error| failed(&error))
}

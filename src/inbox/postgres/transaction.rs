//! A handler's own transaction in the database of the inbox.

use std::fmt;
use std::sync::Arc;

use sqlx::Postgres;
use sqlx::postgres::PgConnection;

use super::session::{PostgresSession, failed};
use crate::inbox::claim::ClaimToken;
use crate::inbox::error::InboxError;
use crate::inbox::sql::settle;

/// A transaction in the inbox's own database, for effects that take place exactly once. Made by
/// [`PostgresInbox::begin`](super::PostgresInbox::begin).
///
/// Dropping it rolls back. It uses one of the inbox's connections: keep it short. Each statement is limited to the inbox's
/// [deadline](super::PostgresOptions::with_deadline), and the server ends a transaction that is idle for a minute.
#[must_use = "a transaction that is dropped is rolled back"]
pub struct PostgresTransaction {
    pub(super) transaction: sqlx::Transaction<'static, Postgres>,
    pub(super) endpoint: Arc<str>,
    pub(super) is_ordered: bool,
    /// The time of a test.
    pub(super) now: Option<i64>,
}

impl PostgresTransaction {
    /// The connection, for the handler's own statements.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Records in this transaction that the callback was handled. Call it first: then a stale attempt does nothing, and another
    /// claim is kept off until the end of the transaction.
    ///
    /// # Errors
    ///
    /// [`InboxError::Stale`] if another claim took over. Drop the transaction then.
    pub async fn complete(&mut self, token: ClaimToken) -> Result<(), InboxError> {
        let (now, is_ordered) = (self.now, self.is_ordered);
        let connection = &mut *self.transaction;
        let mut session = PostgresSession { connection, now, is_ordered };
        settle::complete(&mut session, &self.endpoint, token).await
    }

    /// Commits. The effects and the completion become durable together.
    ///
    /// # Errors
    ///
    /// [`InboxError`] if it is unknown whether they were committed. Neither is there without the other.
    pub async fn commit(self) -> Result<(), InboxError> {
        self.transaction.commit().await.map_err(|error| failed(&error))
    }

    /// Rolls back.
    ///
    /// # Errors
    ///
    /// [`InboxError`] if the connection failed, which rolls back as well.
    pub async fn rollback(self) -> Result<(), InboxError> {
        self.transaction.rollback().await.map_err(|error| failed(&error))
    }
}

impl fmt::Debug for PostgresTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresTransaction")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

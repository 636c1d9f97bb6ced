//! A handler's own transaction on the file of the inbox.

use std::fmt;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;

use super::database::Writing;
use crate::inbox::claim::ClaimToken;
use crate::inbox::error::InboxError;
use crate::inbox::sql::settle;

/// A transaction on the inbox's own file, for effects that take place exactly once. Made by
/// [`SqliteInbox::begin`](super::SqliteInbox::begin).
///
/// It holds the only write lock of the file, so the responses to Partner Center wait as long as it is open: do no network calls
/// in it. It waits in one queue with the stores, so neither starves the other. Dropping it rolls back.
///
/// The connection is in a transaction already: use `SAVEPOINT` for nested ones, and neither `COMMIT` nor `ROLLBACK`.
#[must_use = "a transaction that is dropped is rolled back"]
pub struct SqliteTransaction {
    pub(super) writing: Writing,
    pub(super) endpoint: Arc<str>,
}

impl SqliteTransaction {
    /// The connection, for the handler's own statements.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        self.writing.connection()
    }

    /// Records in this transaction that the callback was handled. Call it first: then a stale attempt does nothing.
    ///
    /// # Errors
    ///
    /// [`InboxError::Stale`] if another claim took over. Drop the transaction then.
    pub async fn complete(&mut self, token: ClaimToken) -> Result<(), InboxError> {
        let mut session = self.writing.session();
        settle::complete(&mut session, &self.endpoint, token).await
    }

    /// Commits. The effects and the completion become durable together.
    ///
    /// # Errors
    ///
    /// [`InboxError`] if it is unknown whether they were committed. Neither is there without the other.
    pub async fn commit(self) -> Result<(), InboxError> {
        self.writing.commit().await
    }

    /// Rolls back, and keeps the connection open for the next transaction.
    ///
    /// # Errors
    ///
    /// [`InboxError`] if the connection failed, which rolls back as well.
    pub async fn rollback(self) -> Result<(), InboxError> {
        self.writing.rollback().await
    }
}

impl fmt::Debug for SqliteTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteTransaction")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

//! The connections of the pool, for the calls that both engines share.

use std::sync::Arc;

use sqlx::Connection as _;
use tokio::time::timeout;

use super::PostgresInbox;
use super::session::failed;
use crate::inbox::error::InboxError;
use crate::inbox::sql::engine::{Engine, Run};

impl Engine for PostgresInbox {
    fn endpoint(&self) -> &Arc<str> {
        &self.shared.options.endpoint
    }

    fn is_ordered(&self) -> bool {
        self.shared.options.is_ordered
    }

    fn wake(&self) {
        self.shared.changed.notify_one();
    }

    /// In an unordered inbox each statement is complete in itself, and a transaction would only cost round trips.
    async fn write<C: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: C,
        run: Run<C, T>,
    ) -> Result<T, InboxError> {
        if !self.shared.options.is_ordered {
            return self.read(context, run).await;
        }
        let after = self.shared.options.deadline;
        let write = async {
            let mut connection =
                self.shared.pool.acquire().await.map_err(|error| failed(&error))?;
            let mut transaction = connection.begin().await.map_err(|error| failed(&error))?;
            let result = run(&mut self.shared.session(&mut transaction), &context).await?;
            transaction.commit().await.map_err(|error| failed(&error))?;
            Ok(result)
        };
        timeout(after, write).await.unwrap_or(Err(InboxError::Deadline { after }))
    }

    async fn write_if_awaited<C: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: C,
        run: Run<C, T>,
    ) -> Result<T, InboxError> {
        self.read(context, run).await
    }

    async fn read<C: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: C,
        run: Run<C, T>,
    ) -> Result<T, InboxError> {
        let after = self.shared.options.deadline;
        let read = async {
            let mut connection =
                self.shared.pool.acquire().await.map_err(|error| failed(&error))?;
            run(&mut self.shared.session(&mut connection), &context).await
        };
        timeout(after, read).await.unwrap_or(Err(InboxError::Deadline { after }))
    }
}

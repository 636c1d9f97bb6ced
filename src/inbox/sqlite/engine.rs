//! The connections of the file, for the calls that both engines share.

use std::sync::Arc;

use tokio::time::timeout;

use super::SqliteInbox;
use super::writer::Abandoned;
use crate::inbox::error::InboxError;
use crate::inbox::sql::engine::{Engine, Run};

impl Engine for SqliteInbox {
    fn endpoint(&self) -> &Arc<str> {
        &self.shared.options.endpoint
    }

    fn is_ordered(&self) -> bool {
        self.shared.options.is_ordered
    }

    fn wake(&self) {
        self.shared.changed.notify_one();
    }

    async fn write<C: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: C,
        run: Run<C, T>,
    ) -> Result<T, InboxError> {
        self.shared.writer.write(context, run, Abandoned::Write).await
    }

    async fn write_if_awaited<C: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: C,
        run: Run<C, T>,
    ) -> Result<T, InboxError> {
        self.shared.writer.write(context, run, Abandoned::Skip).await
    }

    async fn read<C: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: C,
        run: Run<C, T>,
    ) -> Result<T, InboxError> {
        let after = self.shared.options.deadline;
        let result = timeout(after, self.shared.database.read(&context, run)).await;
        result.unwrap_or(Err(InboxError::Deadline { after }))
    }
}

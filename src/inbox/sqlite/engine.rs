//! The connections of the file, for the calls that both engines share.

use std::sync::Arc;

use tokio::time::timeout;

use super::SqliteInbox;
use super::store::store;
use super::writer::Abandoned;
use crate::inbox::contract::Stored;
use crate::inbox::error::InboxError;
use crate::inbox::sql::engine::{Engine, Run, Shared};
use crate::inbox::sql::settings::Settings;
use crate::inbox::sql::store::NewRow;

impl Engine for SqliteInbox {
    const SIZE: &'static str = "select (page_count - freelist_count) * page_size \
                                from pragma_page_count, pragma_freelist_count, pragma_page_size";

    fn settings(&self) -> &Settings {
        &self.inner.options.settings
    }

    fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    async fn insert(&self, row: NewRow, pem: Option<String>) -> Result<Stored, InboxError> {
        let context = (Arc::clone(&self.settings().endpoint), row, pem);
        let stored = self.write(context, |session, (endpoint, row, pem)| {
            Box::pin(store(session, endpoint, row, pem.as_deref()))
        });
        stored.await
    }

    async fn write<C: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: C,
        run: Run<C, T>,
    ) -> Result<T, InboxError> {
        self.inner.writer.write(context, run, Abandoned::Write).await
    }

    async fn write_if_awaited<C: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: C,
        run: Run<C, T>,
    ) -> Result<T, InboxError> {
        self.inner.writer.write(context, run, Abandoned::Skip).await
    }

    async fn read<C: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: C,
        run: Run<C, T>,
    ) -> Result<T, InboxError> {
        let after = self.settings().deadline;
        let result = timeout(after, self.inner.database.read(&context, run)).await;
        result.unwrap_or(Err(InboxError::Deadline { after }))
    }
}

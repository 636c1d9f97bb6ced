//! The connections of the pool, for the calls that both engines share.

use sqlx::Connection as _;
use tokio::time::timeout;

use super::PostgresInbox;
use super::session::failed;
use super::storer::SIZE;
use crate::inbox::contract::Stored;
use crate::inbox::error::InboxError;
use crate::inbox::sql::engine::{Engine, Run, Shared};
use crate::inbox::sql::settings::Settings;
use crate::inbox::sql::store::NewRow;

impl Engine for PostgresInbox {
    const SIZE: &'static str = SIZE;

    fn settings(&self) -> &Settings {
        &self.inner.options.settings
    }

    fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    async fn insert(&self, row: NewRow, pem: Option<String>) -> Result<Stored, InboxError> {
        self.inner.storers.store(row, pem).await
    }

    /// In an unordered inbox each statement is complete in itself, and a transaction would only cost round trips.
    async fn write<C: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: C,
        run: Run<C, T>,
    ) -> Result<T, InboxError> {
        if !self.settings().is_ordered {
            return self.read(context, run).await;
        }
        let after = self.settings().deadline;
        let write = async {
            let mut connection = self.inner.pool.acquire().await.map_err(|error| failed(&error))?;
            let mut transaction = connection.begin().await.map_err(|error| failed(&error))?;
            let result = run(&mut self.inner.session(&mut transaction), &context).await?;
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
        let after = self.settings().deadline;
        let read = async {
            let mut connection = self.inner.pool.acquire().await.map_err(|error| failed(&error))?;
            run(&mut self.inner.session(&mut connection), &context).await
        };
        timeout(after, read).await.unwrap_or(Err(InboxError::Deadline { after }))
    }
}

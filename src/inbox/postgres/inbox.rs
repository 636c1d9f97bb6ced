//! The database as an inbox and as a ring of refused requests.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::PostgresInbox;
use super::storer::SIZE;
use crate::duplicates::Settled;
use crate::http_client::BoxFuture;
use crate::inbox::callback::VerifiedCallback;
use crate::inbox::claim::{ClaimToken, Claimed};
use crate::inbox::contract::{Inbox, Retention, Stored};
use crate::inbox::error::InboxError;
use crate::inbox::filter::{Filter, Page};
use crate::inbox::record::{Entry, Record, Stats};
use crate::inbox::refused::{RefusedRequest, RefusedRing};
use crate::inbox::sql::engine::{self, Engine as _};
use crate::inbox::sql::operations::{self, Change};
use crate::inbox::sql::settle::Settlement;
use crate::inbox::sql::store::NewRow;

impl Inbox for PostgresInbox {
    fn store<'a>(
        &'a self,
        callback: &'a VerifiedCallback,
    ) -> BoxFuture<'a, Result<Stored, InboxError>> {
        Box::pin(async move {
            let row = NewRow::of(callback, self.is_ordered())?;
            let chain = row.chain;
            let is_known = self.shared.knows(&chain);
            let pem = (!is_known).then(|| callback.evidence().certificates_pem());
            let stored = self.shared.storers.store(row, pem).await?;
            self.shared.learn(chain);
            if stored == Stored::New {
                self.wake();
            }
            Ok(stored)
        })
    }

    fn claim(
        &self,
        limit: NonZeroU32,
        lease: Duration,
    ) -> BoxFuture<'_, Result<Vec<Claimed>, InboxError>> {
        Box::pin(engine::claim(self, limit, lease))
    }

    fn extend(
        &self,
        token: ClaimToken,
        lease: Duration,
    ) -> BoxFuture<'_, Result<Settled, InboxError>> {
        Box::pin(engine::settle(self, token, Settlement::Extend(lease)))
    }

    fn complete(&self, token: ClaimToken) -> BoxFuture<'_, Result<Settled, InboxError>> {
        Box::pin(engine::settle(self, token, Settlement::Complete))
    }

    fn fail<'a>(
        &'a self,
        token: ClaimToken,
        error: &'a str,
        backoff: Duration,
    ) -> BoxFuture<'a, Result<Settled, InboxError>> {
        let error = Settlement::error(error);
        Box::pin(engine::settle(self, token, Settlement::Fail { error, backoff }))
    }

    fn park<'a>(
        &'a self,
        token: ClaimToken,
        error: &'a str,
    ) -> BoxFuture<'a, Result<Settled, InboxError>> {
        let error = Settlement::error(error);
        Box::pin(engine::settle(self, token, Settlement::Park { error }))
    }

    fn discard_claimed(&self, token: ClaimToken) -> BoxFuture<'_, Result<Settled, InboxError>> {
        Box::pin(engine::settle(self, token, Settlement::Discard))
    }

    fn release(&self, token: ClaimToken) -> BoxFuture<'_, Result<Settled, InboxError>> {
        Box::pin(engine::settle(self, token, Settlement::Release))
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.shared.changed.notified())
    }

    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        page: Page,
    ) -> BoxFuture<'a, Result<Vec<Entry>, InboxError>> {
        Box::pin(engine::list(self, filter, page))
    }

    fn export<'a>(
        &'a self,
        filter: &'a Filter,
        page: Page,
    ) -> BoxFuture<'a, Result<Vec<Record>, InboxError>> {
        Box::pin(engine::export(self, filter, page))
    }

    fn retry<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, InboxError>> {
        Box::pin(engine::change(self, Change::Retry, filter))
    }

    fn discard<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, InboxError>> {
        Box::pin(engine::change(self, Change::Discard, filter))
    }

    fn prune(
        &self,
        age: Duration,
        retention: Retention,
        limit: NonZeroU32,
    ) -> BoxFuture<'_, Result<u64, InboxError>> {
        Box::pin(engine::prune(self, age, retention, limit))
    }

    fn stats(&self) -> BoxFuture<'_, Result<Stats, InboxError>> {
        Box::pin(async move {
            let endpoint = Arc::clone(self.endpoint());
            let stats = self.read(endpoint, |session, endpoint| {
                Box::pin(async move {
                    let mut stats = operations::stats(session, endpoint).await?;
                    if let Some(row) = session.run(SIZE, Vec::new()).await?.first_mut() {
                        stats.size_bytes = row.count()?;
                    }
                    Ok(stats)
                })
            });
            let mut stats = stats.await?;
            stats.limit_bytes = Some(self.shared.options.limit_bytes);
            Ok(stats)
        })
    }
}

impl RefusedRing for PostgresInbox {
    fn keep<'a>(&'a self, request: &'a RefusedRequest) -> BoxFuture<'a, Result<(), InboxError>> {
        Box::pin(engine::keep_refused(self, request, self.shared.options.refused))
    }

    fn refused(&self, limit: NonZeroU32) -> BoxFuture<'_, Result<Vec<RefusedRequest>, InboxError>> {
        Box::pin(engine::refused(self, limit))
    }

    fn clear_refused(&self) -> BoxFuture<'_, Result<u64, InboxError>> {
        Box::pin(engine::clear_refused(self))
    }
}

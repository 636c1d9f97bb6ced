//! Calls that are alike in both engines. An engine brings only its connections.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::chains::Chains;
use super::guard;
use super::operations::{self, Change};
use super::settings::Settings;
use super::settle::{self, Settlement};
use super::store::NewRow;
use super::sweeps::Sweeps;
use super::{Session, ring};
use crate::duplicates::{Claim, Lease, Settled};
use crate::http_client::BoxFuture;
use crate::inbox::callback::VerifiedCallback;
use crate::inbox::claim::{ClaimToken, Claimed};
use crate::inbox::contract::{Retention, Stored};
use crate::inbox::error::InboxError;
use crate::inbox::filter::{Filter, Page};
use crate::inbox::record::{Entry, Record, Stats};
use crate::inbox::refused::RefusedRequest;
use crate::signature::BodyDigest;

/// Work on one connection, with what it needs to know. It may run twice: again after its transaction failed.
pub(in super::super) type Run<C, T> =
    for<'s> fn(&'s mut dyn Session, &'s C) -> BoxFuture<'s, Result<T, InboxError>>;

/// What an engine keeps in memory.
#[derive(Debug)]
pub(in super::super) struct Shared {
    changed: Arc<Notify>,
    chains: Chains,
    sweeps: Sweeps,
    runtime: Handle,
}

impl Shared {
    /// On the current tokio runtime.
    pub(in super::super) fn new() -> Self {
        Self {
            changed: Arc::default(),
            chains: Chains::default(),
            sweeps: Sweeps::default(),
            runtime: Handle::current(),
        }
    }

    /// Resolves when a callback may have become due.
    pub(in super::super) fn changed(&self) -> &Arc<Notify> {
        &self.changed
    }

    pub(in super::super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Tells the workers of this process that a callback may have become due.
    fn wake(&self) {
        self.changed.notify_one();
    }
}

/// The connections of an engine. Each call is within the engine's deadline.
pub(in super::super) trait Engine: Send + Sync {
    /// The statement that returns the size of the store in bytes.
    const SIZE: &'static str;

    fn settings(&self) -> &Settings;
    fn shared(&self) -> &Shared;

    /// Stores a callback, with its certificates unless they are known to be stored.
    fn insert(
        &self,
        row: NewRow,
        pem: Option<String>,
    ) -> impl Future<Output = Result<Stored, InboxError>> + Send;

    /// Runs `run` in a transaction, and returns after its commit.
    fn write<C: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: C,
        run: Run<C, T>,
    ) -> impl Future<Output = Result<T, InboxError>> + Send;

    /// [`write`](Self::write), and nothing if the caller has left by the time of the transaction: a claim would lease to nobody.
    fn write_if_awaited<C: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: C,
        run: Run<C, T>,
    ) -> impl Future<Output = Result<T, InboxError>> + Send;

    /// Runs `run`, which changes nothing.
    fn read<C: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: C,
        run: Run<C, T>,
    ) -> impl Future<Output = Result<T, InboxError>> + Send;
}

pub(in super::super) async fn store(
    engine: &impl Engine,
    callback: &VerifiedCallback,
) -> Result<Stored, InboxError> {
    let row = NewRow::of(callback, engine.settings().is_ordered)?;
    let (chain, shared) = (row.chain, engine.shared());
    let is_known = shared.chains.contains(&chain);
    let pem = (!is_known).then(|| callback.evidence().certificates_pem());
    let stored = engine.insert(row, pem).await?;
    shared.chains.insert(chain);
    if stored == Stored::New {
        shared.wake();
    }
    Ok(stored)
}

pub(in super::super) async fn claim(
    engine: &impl Engine,
    limit: NonZeroU32,
    lease: Duration,
) -> Result<Vec<Claimed>, InboxError> {
    let claim = async || {
        let context = (Arc::clone(&engine.settings().endpoint), limit, lease);
        let claim = engine.write_if_awaited(context, |session, (endpoint, limit, lease)| {
            Box::pin(settle::claim(session, endpoint, *limit, *lease))
        });
        claim.await
    };
    let claims = claim().await?;
    // A completion by other means than this crate's leaves the successors waiting.
    if claims.is_empty() && sweep(engine).await? > 0 {
        return claim().await;
    }
    Ok(claims)
}

/// Makes waiting callbacks pending whose predecessors are settled, if it is time for that. Returns how many.
async fn sweep(engine: &impl Engine) -> Result<usize, InboxError> {
    let begun = Instant::now();
    let sweeps = &engine.shared().sweeps;
    if !engine.settings().is_ordered || !sweeps.begin(begun) {
        return Ok(0);
    }
    let endpoint = Arc::clone(&engine.settings().endpoint);
    let sweep =
        engine.write(endpoint, |session, endpoint| Box::pin(settle::sweep(session, endpoint)));
    let swept = sweep.await;
    sweeps.ended(begun, Instant::now());
    swept
}

pub(in super::super) async fn settle(
    engine: &impl Engine,
    token: ClaimToken,
    settlement: Settlement,
) -> Result<Settled, InboxError> {
    let makes_due = settlement.ends() || matches!(settlement, Settlement::Release);
    let context = (Arc::clone(&engine.settings().endpoint), token, settlement);
    let settled = engine.write(context, |session, (endpoint, token, settlement)| {
        Box::pin(settle::settle(session, endpoint, *token, settlement))
    });
    let settled = settled.await?;
    if makes_due {
        engine.shared().wake();
    }
    Ok(settled)
}

pub(in super::super) async fn list(
    engine: &impl Engine,
    filter: &Filter,
    page: Page,
) -> Result<Vec<Entry>, InboxError> {
    let context = (Arc::clone(&engine.settings().endpoint), filter.clone(), page);
    let list = engine.read(context, |session, (endpoint, filter, page)| {
        Box::pin(operations::list(session, endpoint, filter, *page))
    });
    list.await
}

pub(in super::super) async fn export(
    engine: &impl Engine,
    filter: &Filter,
    page: Page,
) -> Result<Vec<Record>, InboxError> {
    let context = (Arc::clone(&engine.settings().endpoint), filter.clone(), page);
    let export = engine.read(context, |session, (endpoint, filter, page)| {
        Box::pin(operations::export(session, endpoint, filter, *page))
    });
    export.await
}

/// Changes all callbacks that `filter` selects, some hundred in a transaction.
pub(in super::super) async fn change(
    engine: &impl Engine,
    change: Change,
    filter: &Filter,
) -> Result<u64, InboxError> {
    let (mut total, mut after) = (0_u64, Some(0));
    while let Some(start) = after {
        let context = (Arc::clone(&engine.settings().endpoint), change, filter.clone(), start);
        let part = engine.write(context, |session, (endpoint, change, filter, start)| {
            Box::pin(operations::change(session, endpoint, *change, filter, *start))
        });
        let (count, last) = part.await?;
        total = total.saturating_add(count);
        after = last;
    }
    engine.shared().wake();
    Ok(total)
}

pub(in super::super) async fn prune(
    engine: &impl Engine,
    age: Duration,
    retention: Retention,
    limit: NonZeroU32,
) -> Result<u64, InboxError> {
    let context = (Arc::clone(&engine.settings().endpoint), age, retention, limit);
    let prune = engine.write(context, |session, (endpoint, age, retention, limit)| {
        Box::pin(operations::prune(session, endpoint, *age, *retention, *limit))
    });
    prune.await
}

pub(in super::super) async fn stats<E: Engine>(engine: &E) -> Result<Stats, InboxError> {
    let settings = engine.settings();
    let stats = engine.read(Arc::clone(&settings.endpoint), |session, endpoint| {
        Box::pin(async move {
            let mut stats = operations::stats(session, endpoint).await?;
            if let Some(row) = session.run(E::SIZE, Vec::new()).await?.first_mut() {
                stats.size_bytes = row.count()?;
            }
            Ok(stats)
        })
    });
    let mut stats = stats.await?;
    stats.limit_bytes = Some(settings.limit_bytes);
    Ok(stats)
}

pub(in super::super) async fn keep_refused(
    engine: &impl Engine,
    request: &RefusedRequest,
) -> Result<(), InboxError> {
    let capacity = engine.settings().refused;
    let context = (Arc::clone(&engine.settings().endpoint), request.clone(), capacity);
    let keep = engine.write(context, |session, (endpoint, request, capacity)| {
        Box::pin(ring::keep(session, endpoint, request, *capacity))
    });
    keep.await
}

pub(in super::super) async fn refused(
    engine: &impl Engine,
    limit: NonZeroU32,
) -> Result<Vec<RefusedRequest>, InboxError> {
    let context = (Arc::clone(&engine.settings().endpoint), limit);
    let list = engine.read(context, |session, (endpoint, limit)| {
        Box::pin(ring::list(session, endpoint, *limit))
    });
    list.await
}

pub(in super::super) async fn clear_refused(engine: &impl Engine) -> Result<u64, InboxError> {
    let endpoint = Arc::clone(&engine.settings().endpoint);
    engine.write(endpoint, |session, endpoint| Box::pin(ring::clear(session, endpoint))).await
}

pub(in super::super) async fn guard_claim(
    engine: &impl Engine,
    digest: BodyDigest,
) -> Result<Claim, InboxError> {
    let times = engine.settings().guard;
    let context = (Arc::clone(&engine.settings().endpoint), digest, times);
    let claim = engine.write_if_awaited(context, |session, (endpoint, digest, times)| {
        Box::pin(guard::claim(session, endpoint, *digest, *times))
    });
    claim.await
}

pub(in super::super) async fn guard_complete(
    engine: &impl Engine,
    lease: &Lease,
) -> Result<Settled, InboxError> {
    let times = engine.settings().guard;
    let context = (Arc::clone(&engine.settings().endpoint), lease.clone(), times);
    let complete = engine.write(context, |session, (endpoint, lease, times)| {
        Box::pin(guard::complete(session, endpoint, lease, *times))
    });
    complete.await
}

pub(in super::super) async fn guard_release(
    engine: &impl Engine,
    lease: &Lease,
) -> Result<Settled, InboxError> {
    let context = (Arc::clone(&engine.settings().endpoint), lease.clone());
    let release = engine.write(context, |session, (endpoint, lease)| {
        Box::pin(guard::release(session, endpoint, lease))
    });
    release.await
}

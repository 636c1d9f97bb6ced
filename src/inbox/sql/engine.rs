//! Calls that are alike in both engines. An engine brings only its connections.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::guard::{self, GuardTimes};
use super::operations::{self, Change};
use super::settle::{self, Settlement};
use super::{Session, ring};
use crate::duplicates::{Claim, Lease, Settled};
use crate::http_client::BoxFuture;
use crate::inbox::claim::{ClaimToken, Claimed};
use crate::inbox::contract::Retention;
use crate::inbox::error::InboxError;
use crate::inbox::filter::{Filter, Page};
use crate::inbox::record::{Entry, Record};
use crate::inbox::refused::RefusedRequest;
use crate::signature::BodyDigest;

/// Work on one connection, with what it needs to know. It may run twice: again after its transaction failed.
pub(in super::super) type Run<C, T> =
    for<'s> fn(&'s mut dyn Session, &'s C) -> BoxFuture<'s, Result<T, InboxError>>;

/// The connections of an engine. Each call is within the engine's deadline.
pub(in super::super) trait Engine: Send + Sync {
    fn endpoint(&self) -> &Arc<str>;
    fn is_ordered(&self) -> bool;
    /// Tells the workers of this process that a callback may have become due.
    fn wake(&self);

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

pub(in super::super) async fn claim(
    engine: &impl Engine,
    limit: NonZeroU32,
    lease: Duration,
) -> Result<Vec<Claimed>, InboxError> {
    let context = (Arc::clone(engine.endpoint()), limit, lease, engine.is_ordered());
    let claim =
        engine.write_if_awaited(context, |session, (endpoint, limit, lease, is_ordered)| {
            Box::pin(async move {
                let claims = settle::claim(session, endpoint, *limit, *lease).await?;
                // A completion by other means than this crate's leaves the successors waiting.
                if *is_ordered && claims.is_empty() && settle::sweep(session, endpoint).await? > 0 {
                    return settle::claim(session, endpoint, *limit, *lease).await;
                }
                Ok(claims)
            })
        });
    claim.await
}

pub(in super::super) async fn settle(
    engine: &impl Engine,
    token: ClaimToken,
    settlement: Settlement,
) -> Result<Settled, InboxError> {
    let makes_due = settlement.ends() || matches!(settlement, Settlement::Release);
    let context = (Arc::clone(engine.endpoint()), token, settlement);
    let settled = engine.write(context, |session, (endpoint, token, settlement)| {
        Box::pin(settle::settle(session, endpoint, *token, settlement))
    });
    let settled = settled.await?;
    if makes_due {
        engine.wake();
    }
    Ok(settled)
}

pub(in super::super) async fn list(
    engine: &impl Engine,
    filter: &Filter,
    page: Page,
) -> Result<Vec<Entry>, InboxError> {
    let context = (Arc::clone(engine.endpoint()), filter.clone(), page);
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
    let context = (Arc::clone(engine.endpoint()), filter.clone(), page);
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
        let context = (Arc::clone(engine.endpoint()), change, filter.clone(), start);
        let part = engine.write(context, |session, (endpoint, change, filter, start)| {
            Box::pin(operations::change(session, endpoint, *change, filter, *start))
        });
        let (count, last) = part.await?;
        total = total.saturating_add(count);
        after = last;
    }
    engine.wake();
    Ok(total)
}

pub(in super::super) async fn prune(
    engine: &impl Engine,
    age: Duration,
    retention: Retention,
    limit: NonZeroU32,
) -> Result<u64, InboxError> {
    let context = (Arc::clone(engine.endpoint()), age, retention, limit);
    let prune = engine.write(context, |session, (endpoint, age, retention, limit)| {
        Box::pin(operations::prune(session, endpoint, *age, *retention, *limit))
    });
    prune.await
}

pub(in super::super) async fn keep_refused(
    engine: &impl Engine,
    request: &RefusedRequest,
    capacity: u32,
) -> Result<(), InboxError> {
    let context = (Arc::clone(engine.endpoint()), request.clone(), capacity);
    let keep = engine.write(context, |session, (endpoint, request, capacity)| {
        Box::pin(ring::keep(session, endpoint, request, *capacity))
    });
    keep.await
}

pub(in super::super) async fn refused(
    engine: &impl Engine,
    limit: NonZeroU32,
) -> Result<Vec<RefusedRequest>, InboxError> {
    let context = (Arc::clone(engine.endpoint()), limit);
    let list = engine.read(context, |session, (endpoint, limit)| {
        Box::pin(ring::list(session, endpoint, *limit))
    });
    list.await
}

pub(in super::super) async fn clear_refused(engine: &impl Engine) -> Result<u64, InboxError> {
    let endpoint = Arc::clone(engine.endpoint());
    engine.write(endpoint, |session, endpoint| Box::pin(ring::clear(session, endpoint))).await
}

pub(in super::super) async fn guard_claim(
    engine: &impl Engine,
    digest: BodyDigest,
    times: GuardTimes,
) -> Result<Claim, InboxError> {
    let context = (Arc::clone(engine.endpoint()), digest, times);
    let claim = engine.write_if_awaited(context, |session, (endpoint, digest, times)| {
        Box::pin(guard::claim(session, endpoint, *digest, *times))
    });
    claim.await
}

pub(in super::super) async fn guard_complete(
    engine: &impl Engine,
    lease: &Lease,
    times: GuardTimes,
) -> Result<Settled, InboxError> {
    let context = (Arc::clone(engine.endpoint()), lease.clone(), times);
    let complete = engine.write(context, |session, (endpoint, lease, times)| {
        Box::pin(guard::complete(session, endpoint, lease, *times))
    });
    complete.await
}

pub(in super::super) async fn guard_release(
    engine: &impl Engine,
    lease: &Lease,
) -> Result<Settled, InboxError> {
    let context = (Arc::clone(engine.endpoint()), lease.clone());
    let release = engine.write(context, |session, (endpoint, lease)| {
        Box::pin(guard::release(session, endpoint, lease))
    });
    release.await
}

//! The keys of a tenant: cached, refreshed, and fetched once however many deliveries wait.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::error::TokenRefusal;
use super::fetch::{self, Source};
use super::jwks::{KeySet, PublicKey};
use super::key_cache::{CachedKeys, FETCH_INTERVAL, KeyCache};
use crate::log;
use crate::mask::Excerpt;
use crate::spawn::Spawn;
use crate::spawn::single_flight::{Interrupted, SingleFlight, Start, Times};

/// Finds keys by their ids.
///
/// A token is refused for an unknown key only after a fetch that started after the token arrived: Entra may have published the
/// key since an earlier fetch started.
#[derive(Debug)]
pub(super) struct Keys {
    source: Source,
    cache: Arc<KeyCache>,
    flights: SingleFlight<Excerpt, Arc<KeySet>, TokenRefusal>,
}

impl Keys {
    /// An empty cache over `source`.
    pub(super) fn new(source: Source) -> Self {
        let flights = SingleFlight::new(Arc::clone(&source.spawn), TIMES, fetch::interrupted);
        Self { source, cache: Arc::default(), flights }
    }

    /// The same keys, fetched on `spawn`, with an empty cache.
    pub(super) fn on(&self, spawn: Arc<dyn Spawn>) -> Self {
        Self::new(Source { spawn, ..self.source.clone() })
    }

    /// The key with this id, if it is cached.
    pub(super) fn cached(&self, key_id: &str, now: OffsetDateTime) -> Option<PublicKey> {
        let cached = self.cache.at(since_1970(now))?;
        cached.set.get(key_id).cloned()
    }

    /// The key with this id, from the cache or a fetch.
    pub(super) async fn find(
        &self,
        key_id: &str,
        clock: &(dyn Fn() -> OffsetDateTime + Send + Sync),
    ) -> Result<PublicKey, TokenRefusal> {
        let now = since_1970(clock());
        if let Some(cached) = self.cache.at(now)
            && let Some(key) = cached.set.get(key_id)
        {
            if !cached.is_fresh(now) {
                self.refresh(now).await;
            }
            return Ok(key.clone());
        }
        let mut fetched = self.join_or_fetch(key_id, clock).await?;
        if !fetched.is_conclusive(key_id) {
            // The fetch started before this delivery arrived, so the key may be newer.
            fetched = self.join_or_fetch(key_id, clock).await?;
        }
        let unknown =
            || TokenRefusal::UnknownKey { key: Excerpt::of(key_id), url: self.source.excerpt() };
        fetched.set.get(key_id).cloned().ok_or_else(unknown)
    }

    /// Waits for the fetch in flight, or starts one if the interval permits.
    async fn join_or_fetch(
        &self,
        key_id: &str,
        clock: &(dyn Fn() -> OffsetDateTime + Send + Sync),
    ) -> Result<Fetched, TokenRefusal> {
        let now = since_1970(clock());
        let about = self.source.excerpt();
        let may_start = || match self.cache.at(now) {
            Some(cached) if cached.set.get(key_id).is_some() => Err(Declined::Settled(cached.set)),
            Some(_) => self.cache.start_fetch_for_unknown(now).map_err(Declined::TooSoon),
            None => Ok(()),
        };
        let work =
            |number| fetch_and_store(self.source.clone(), Arc::clone(&self.cache), number, now);
        let (waiter, was_joined) = match self.flights.join_or_start(&about, now, may_start, work) {
            Start::Joined(waiter) => (waiter, true),
            Start::Started(waiter) => (waiter, false),
            Start::Declined(Declined::Settled(set)) => {
                let was_joined = false;
                return Ok(Fetched { set, was_joined });
            }
            Start::Declined(Declined::TooSoon(retry_after)) => {
                let reason = format!(
                    "the token's key `{}` is not known, and the last fetch of the keys was less than a minute ago",
                    Excerpt::of(key_id)
                );
                return Err(TokenRefusal::Keys { reason: reason.into(), retry_after });
            }
            Start::Cooling(failure) => {
                let wait = failure.wait(now);
                return Err(failure.error.with_retry_after(wait));
            }
        };
        let outcome = waiter.await;
        match outcome.unwrap_or_else(|_| Err(fetch::interrupted(&about, Interrupted::Stopped))) {
            Ok(set) => Ok(Fetched { set, was_joined }),
            Err(error) => {
                let now = since_1970(clock());
                let failure = self.flights.failure(&about);
                let wait = failure.map_or(COOL_DOWN, |failure| failure.wait(now));
                Err(error.with_retry_after(wait))
            }
        }
    }

    /// Refreshes old keys, unless a refresh started in the last minute. Callers do not wait for it, except the one that starts
    /// a caller-driven refresh. If it fails, the cached keys stay valid.
    async fn refresh(&self, now: Duration) {
        let may_start = || match self.cache.start_refresh(now) {
            true => Ok(()),
            false => Err(()),
        };
        let work = |number| {
            let fetch = fetch_and_store(self.source.clone(), Arc::clone(&self.cache), number, now);
            async move {
                let outcome = fetch.await;
                if let Err(error) = &outcome {
                    log::event_grid::keys_not_renewed(error);
                }
                outcome
            }
        };
        let start = self.flights.join_or_start(&self.source.excerpt(), now, may_start, work);
        if let Start::Started(waiter) = start
            && waiter.is_caller_driven()
        {
            let _ = waiter.await;
        }
    }
}

/// The result of a fetch.
struct Fetched {
    set: Arc<KeySet>,
    /// Whether the fetch was already in flight.
    was_joined: bool,
}

impl Fetched {
    /// Whether the set has the key, or was fetched for it.
    fn is_conclusive(&self, key_id: &str) -> bool {
        !self.was_joined || self.set.get(key_id).is_some()
    }
}

/// Why a fetch is not started although none is in flight.
enum Declined {
    /// A fetch completed since the caller read the cache.
    Settled(Arc<KeySet>),
    /// The last fetch is too recent.
    TooSoon(Duration),
}

async fn fetch_and_store(
    source: Source,
    cache: Arc<KeyCache>,
    number: u64,
    now: Duration,
) -> Result<Arc<KeySet>, TokenRefusal> {
    let set = source.fetch().await?;
    cache.store(CachedKeys { set: Arc::clone(&set), number, fetched_at: now });
    Ok(set)
}

/// Times before 1970 count as 1970.
fn since_1970(now: OffsetDateTime) -> Duration {
    let since = now - OffsetDateTime::UNIX_EPOCH;
    since.try_into().unwrap_or_default()
}

/// How long the first failure is remembered.
pub(in crate::event_grid::receive) const COOL_DOWN: Duration = Duration::from_secs(10);

/// A second more than the fetch, whose own error is more specific.
const TIMES: Times = Times {
    limit: fetch::LIMITS.deadline.saturating_add(Duration::from_secs(1)),
    patience: fetch::LIMITS.deadline.saturating_add(Duration::from_secs(1)),
    cool_down: COOL_DOWN,
    longest_cool_down: FETCH_INTERVAL,
    kept: Duration::ZERO,
};

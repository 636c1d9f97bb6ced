//! The keys of a tenant: fetched once however many deliveries wait, kept, and fetched anew when they are replaced.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use time::OffsetDateTime;

use super::fetch::{self, Source};
use super::jwks::KeySet;
use super::kept::{Kept, KeptKeys, SEEK_INTERVAL};
use super::{KeysError, PublicKey, TokenRefusal};
use crate::crypto::Backend;
use crate::excerpt::Excerpt;
use crate::http_client::HttpClient;
use crate::log;
use crate::single_flight::{Interrupted, SingleFlight, Start, Times};
use crate::spawn::Spawn;

/// Finds keys by their names. Cheap to clone; clones share what they keep.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: Source,
    kept: Arc<KeptKeys>,
    flights: SingleFlight<Excerpt, Arc<KeySet>, KeysError>,
}

impl Keys {
    pub(super) fn new(
        url: Uri,
        backend: Arc<dyn Backend>,
        client: Arc<dyn HttpClient>,
        spawn: Arc<dyn Spawn>,
    ) -> Self {
        Self::of(Source::new(url, backend, client, spawn))
    }

    /// The same keys, fetched on `spawn`. What was kept is not.
    pub(super) fn on(&self, spawn: Arc<dyn Spawn>) -> Self {
        Self::of(self.inner.source.clone().on(spawn))
    }

    fn of(source: Source) -> Self {
        let flights = SingleFlight::new(Arc::clone(source.spawn()), TIMES, fetch::interrupted);
        let inner = Arc::new(Inner {
            source,
            kept: Arc::default(),
            flights,
        });
        Self { inner }
    }

    /// The key of this name, if it is kept.
    pub(super) fn kept(&self, key_id: &str, now: OffsetDateTime) -> Option<PublicKey> {
        let kept = self.inner.kept.at(since_1970(now))?;
        kept.set.get(key_id).cloned()
    }

    /// The key of this name.
    pub(super) async fn find(
        &self,
        key_id: &str,
        clock: &(dyn Fn() -> OffsetDateTime + Send + Sync),
    ) -> Result<PublicKey, TokenRefusal> {
        let now = since_1970(clock());
        if let Some(kept) = self.inner.kept.at(now)
            && let Some(key) = kept.set.get(key_id)
        {
            if !kept.is_fresh(now) {
                self.inner.refresh(now).await;
            }
            return Ok(key.clone());
        }
        let mut sought = self.inner.seek(key_id, clock).await?;
        if !sought.is_answer(key_id) {
            // It departed before this delivery came, and so may the keys that it brought.
            sought = self.inner.seek(key_id, clock).await?;
        }
        let unknown = || TokenRefusal::UnknownKey {
            key: Excerpt::of(key_id),
            url: self.inner.source.excerpt(),
        };
        sought.set.get(key_id).cloned().ok_or_else(unknown)
    }
}

/// Keys that were waited for.
struct Sought {
    set: Arc<KeySet>,
    /// Whether the fetch was under way already.
    was_joined: bool,
}

impl Sought {
    /// Whether nothing is known better: they hold the key, or they were fetched for it.
    fn is_answer(&self, key_id: &str) -> bool {
        !self.was_joined || self.set.get(key_id).is_some()
    }
}

/// Why no fetch is started although none is under way.
enum Declined {
    /// One landed since the caller looked.
    Settled(Arc<KeySet>),
    /// One was started a moment ago.
    TooSoon(Duration),
}

impl Inner {
    /// Waits for the fetch of keys that is under way, or starts one if it is time for one.
    async fn seek(
        &self,
        key_id: &str,
        clock: &(dyn Fn() -> OffsetDateTime + Send + Sync),
    ) -> Result<Sought, KeysError> {
        let now = since_1970(clock());
        let about = self.source.excerpt();
        let may_start = || match self.kept.at(now) {
            Some(kept) if kept.set.get(key_id).is_some() => Err(Declined::Settled(kept.set)),
            Some(_) => self.kept.may_seek(now).map_err(Declined::TooSoon),
            None => Ok(()),
        };
        let work =
            |number| fetch_and_keep(self.source.clone(), Arc::clone(&self.kept), number, now);
        let (waiter, was_joined) = match self.flights.join_or_start(&about, now, may_start, work) {
            Start::Joined(waiter) => (waiter, true),
            Start::Started(waiter) => (waiter, false),
            Start::Declined(Declined::Settled(set)) => {
                let was_joined = false;
                return Ok(Sought { set, was_joined });
            }
            Start::Declined(Declined::TooSoon(retry_after)) => {
                let key = Excerpt::of(key_id);
                return Err(KeysError::TooSoon { key, retry_after });
            }
            Start::Cooling(failure) => {
                let wait = failure.wait(now);
                return Err(failure.error.with_retry_after(wait));
            }
        };
        let landed = waiter.await;
        match landed.unwrap_or_else(|_| Err(fetch::interrupted(&about, Interrupted::Stopped))) {
            Ok(set) => Ok(Sought { set, was_joined }),
            Err(error) => {
                let now = since_1970(clock());
                let failure = self.flights.failure(&about);
                let wait = failure.map_or(COOL_DOWN, |failure| failure.wait(now));
                Err(error.with_retry_after(wait))
            }
        }
    }

    /// Fetches keys that are kept for long, if that was not tried a moment ago. Nobody waits for it, unless nothing but the
    /// callers carries it: then whoever starts it does. If it fails, the keys that are kept stay good.
    async fn refresh(&self, now: Duration) {
        let may_start = || match self.kept.may_refresh(now) {
            true => Ok(()),
            false => Err(()),
        };
        let work = |number| {
            let fetch = fetch_and_keep(self.source.clone(), Arc::clone(&self.kept), number, now);
            async move {
                let outcome = fetch.await;
                if let Err(error) = &outcome {
                    log::event_grid::keys_not_renewed(error);
                }
                outcome
            }
        };
        let start = self
            .flights
            .join_or_start(&self.source.excerpt(), now, may_start, work);
        if let Start::Started(waiter) = start
            && waiter.is_caller_driven()
        {
            let _ = waiter.await;
        }
    }
}

async fn fetch_and_keep(
    source: Source,
    kept: Arc<KeptKeys>,
    number: u64,
    now: Duration,
) -> Result<Arc<KeySet>, KeysError> {
    let set = source.fetch().await?;
    kept.keep(Kept {
        set: Arc::clone(&set),
        number,
        fetched_at: now,
    });
    Ok(set)
}

/// A clock that says a time before 1970 says 1970.
fn since_1970(now: OffsetDateTime) -> Duration {
    let since = now - OffsetDateTime::UNIX_EPOCH;
    since.try_into().unwrap_or_default()
}

/// For how long the first failure is remembered.
pub(super) const COOL_DOWN: Duration = Duration::from_secs(10);

/// A moment more than the fetch itself, whose own error says more.
const TIMES: Times = Times {
    limit: fetch::LIMITS
        .deadline
        .saturating_add(Duration::from_secs(1)),
    patience: fetch::LIMITS
        .deadline
        .saturating_add(Duration::from_secs(1)),
    cool_down: COOL_DOWN,
    longest_cool_down: SEEK_INTERVAL,
    kept: Duration::ZERO,
};

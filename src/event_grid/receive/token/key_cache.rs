//! The cached keys, and when the last fetches started.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::jwks::KeySet;

/// The cache of a tenant's keys.
///
/// ```text
/// age      0 ─────────────── 24 h ─────────────────────── 7 days
/// known    used              used, refreshed in background fetched again: the delivery waits
/// unknown  fetched, at most once a minute ─────────────►
/// ```
#[derive(Default)]
pub(super) struct KeyCache(Mutex<State>);

#[derive(Default)]
struct State {
    cached: Option<CachedKeys>,
    /// Start of the last fetch for an unknown key.
    fetched_unknown_at: Option<Duration>,
    /// Start of the last refresh.
    refreshed_at: Option<Duration>,
}

/// The keys from one fetch.
#[derive(Clone)]
pub(super) struct CachedKeys {
    pub(super) set: Arc<KeySet>,
    /// The number of the fetch.
    pub(super) number: u64,
    /// The start of the fetch.
    pub(super) fetched_at: Duration,
}

impl CachedKeys {
    /// Whether they do not need a refresh.
    pub(super) fn is_fresh(&self, now: Duration) -> bool {
        is_within(self.fetched_at, REFRESH_AGE, now)
    }
}

impl KeyCache {
    /// The cached keys, unless they are too old to be trusted.
    pub(super) fn at(&self, now: Duration) -> Option<CachedKeys> {
        self.state().at(now).cloned()
    }

    /// Stores the keys of a fetch, unless a later fetch has completed.
    pub(super) fn store(&self, keys: CachedKeys) {
        let mut state = self.state();
        let is_earlier = |cached: &CachedKeys| cached.number < keys.number;
        if state.cached.as_ref().is_none_or(is_earlier) {
            state.cached = Some(keys);
        }
    }

    /// Permits and records a fetch for an unknown key.
    ///
    /// # Errors
    ///
    /// The wait until the next one is permitted.
    pub(super) fn start_fetch_for_unknown(&self, now: Duration) -> Result<(), Duration> {
        let mut state = self.state();
        if let Some(last) = state.fetched_unknown_at
            && is_within(last, FETCH_INTERVAL, now)
        {
            return Err(last.saturating_add(FETCH_INTERVAL).saturating_sub(now));
        }
        state.fetched_unknown_at = Some(now);
        Ok(())
    }

    /// Permits and records a refresh if the cached keys are old and none started in the last minute.
    pub(super) fn start_refresh(&self, now: Duration) -> bool {
        let mut state = self.state();
        let is_recent = |at| is_within(at, FETCH_INTERVAL, now);
        let is_fresh = |cached: &CachedKeys| cached.is_fresh(now);
        if state.refreshed_at.is_some_and(is_recent) || state.at(now).is_some_and(is_fresh) {
            return false;
        }
        state.refreshed_at = Some(now);
        true
    }

    /// A panic while the lock is held cannot leave the state inconsistent, so poisoning is ignored.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn at(&self, now: Duration) -> Option<&CachedKeys> {
        let cached = self.cached.as_ref();
        cached.filter(|cached| is_within(cached.fetched_at, MAX_AGE, now))
    }
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache").finish_non_exhaustive()
    }
}

/// Whether `now` is within `period` after `start`. False if the clock was set back.
fn is_within(start: Duration, period: Duration, now: Duration) -> bool {
    start <= now && now.saturating_sub(start) < period
}

/// The minimum interval between two fetches for unknown keys, and between two refreshes.
pub(super) const FETCH_INTERVAL: Duration = Duration::from_secs(60);

/// The age at which keys are refreshed: a day, as Microsoft recommends.
///
/// Source: "Signing key rollover in the Microsoft identity platform".
const REFRESH_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The maximum age of keys if every refresh fails: a week, because a revoked key must not stay valid.
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

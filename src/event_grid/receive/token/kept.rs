//! The keys that are kept, and when others were asked for.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::jwks::KeySet;

/// What is kept of a tenant's keys.
#[derive(Default)]
pub(super) struct KeptKeys(Mutex<State>);

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    /// When the last fetch started because a key was not known.
    sought_at: Option<Duration>,
    /// When the last fetch started because the keys were old.
    refreshed_at: Option<Duration>,
}

/// Keys from one fetch.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) set: Arc<KeySet>,
    /// Of the fetch.
    pub(super) number: u64,
    /// When it started.
    pub(super) fetched_at: Duration,
}

impl Kept {
    /// Whether there is no need to fetch them anew.
    pub(super) fn is_fresh(&self, now: Duration) -> bool {
        is_within(self.fetched_at, REFRESH_AGE, now)
    }
}

impl KeptKeys {
    /// The keys that are kept, unless they are too old to be trusted.
    pub(super) fn at(&self, now: Duration) -> Option<Kept> {
        self.state().at(now).cloned()
    }

    /// Keeps what a fetch brought, unless a later one has landed.
    pub(super) fn keep(&self, kept: Kept) {
        let mut state = self.state();
        let is_latest = |before: &Kept| before.number < kept.number;
        if state.kept.as_ref().is_none_or(is_latest) {
            state.kept = Some(kept);
        }
    }

    /// Notes that keys are sought because one is not known, or tells how long to wait before they may be.
    pub(super) fn may_seek(&self, now: Duration) -> Result<(), Duration> {
        let mut state = self.state();
        if let Some(sought) = state.sought_at
            && is_within(sought, SEEK_INTERVAL, now)
        {
            return Err(sought.saturating_add(SEEK_INTERVAL).saturating_sub(now));
        }
        state.sought_at = Some(now);
        Ok(())
    }

    /// Whether keys are to be fetched because those that are kept are old. Notes that they are.
    pub(super) fn may_refresh(&self, now: Duration) -> bool {
        let mut state = self.state();
        let is_tried = |at| is_within(at, SEEK_INTERVAL, now);
        let is_fresh = |kept: &Kept| kept.is_fresh(now);
        if state.refreshed_at.is_some_and(is_tried) || state.at(now).is_some_and(is_fresh) {
            return false;
        }
        state.refreshed_at = Some(now);
        true
    }

    /// No holder of the lock can leave the state half-changed, so a panic elsewhere does not matter.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn at(&self, now: Duration) -> Option<&Kept> {
        let kept = self.kept.as_ref();
        kept.filter(|kept| is_within(kept.fetched_at, MAX_AGE, now))
    }
}

impl fmt::Debug for KeptKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptKeys").finish_non_exhaustive()
    }
}

/// Whether `now` is in the `period` from `start` on. A clock that was set back counts as a period that is over.
fn is_within(start: Duration, period: Duration, now: Duration) -> bool {
    start <= now && now.saturating_sub(start) < period
}

/// How often keys are fetched at most because a token names one that is not known; and because they are old.
pub(super) const SEEK_INTERVAL: Duration = Duration::from_secs(60);

/// When keys are fetched anew: daily, as Microsoft advises.
///
/// Source: "Signing key rollover in the Microsoft identity platform".
const REFRESH_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// For how long keys are used if no new ones can be had: a week. A key that was withdrawn must not stay good.
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

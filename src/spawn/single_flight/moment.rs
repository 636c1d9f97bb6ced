//! A point in time whose age is known even if the caller's clock is set back.
//!
//! | event | the caller's clock | the spawner's clock | the age |
//! |---|---|---|---|
//! | time passes | goes on | goes on | right |
//! | the clock is set back | falls behind | goes on | right |
//! | the clock is set forward | runs ahead | goes on | too great: a cool-down is cut short |
//! | the machine sleeps | goes on | stops, on some systems | right |
//!
//! An age that is too great costs a fetch; one that is too small would refuse callbacks for as long as the clock was wrong.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::spawn::Spawn;

/// A time by two clocks: the caller's, which can be set, and the spawner's, which cannot.
///
/// Receivers take their time from the application, which may correct it at any moment; the spawner's clock is monotonic, and stops
/// while the machine sleeps. Each covers the fault of the other.
#[derive(Clone)]
pub(crate) struct Moment {
    /// By the caller's clock: the time since 1970.
    pub(crate) time: Duration,
    instant: Instant,
    spawn: Arc<dyn Spawn>,
}

impl Moment {
    /// The present moment, at which the caller's clock reads `time`.
    pub(crate) fn now(time: Duration, spawn: &Arc<dyn Spawn>) -> Self {
        Self { time, instant: spawn.instant(), spawn: Arc::clone(spawn) }
    }

    /// The age when the caller's clock reads `now`: the greater of both clocks' values.
    ///
    /// So neither a caller's clock that is set back nor a spawner's clock that stops while the machine sleeps understates it.
    #[cfg_attr(
        not(feature = "receiver"),
        expect(dead_code, reason = "for fetches and failures of signers")
    )]
    pub(crate) fn age(&self, now: Duration) -> Duration {
        self.age_at(&Self::now(now, &self.spawn))
    }

    /// The same at a moment that is known: reading a clock costs more than comparing.
    pub(super) fn age_at(&self, now: &Self) -> Duration {
        now.time.saturating_sub(self.time).max(self.elapsed_at(now))
    }

    /// How long ago this is by the spawner's clock.
    pub(super) fn elapsed_at(&self, now: &Self) -> Duration {
        now.instant.saturating_duration_since(self.instant)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moment")
            .field("time", &self.time)
            .field("instant", &self.instant)
            .finish_non_exhaustive()
    }
}

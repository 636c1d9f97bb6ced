//! When something began, so that its age is known although the caller's clock can be set back.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::spawn::Spawn;

/// A time by two clocks: the caller's, which can be set, and the spawner's, which cannot.
#[derive(Clone)]
pub(crate) struct Moment {
    /// By the caller's clock: the time since 1970.
    pub(crate) time: Duration,
    instant: Instant,
    spawn: Arc<dyn Spawn>,
}

impl Moment {
    /// This moment, at which the caller's clock says `time`.
    pub(crate) fn now(time: Duration, spawn: &Arc<dyn Spawn>) -> Self {
        Self {
            time,
            instant: spawn.instant(),
            spawn: Arc::clone(spawn),
        }
    }

    /// How long ago this is when the caller's clock says `now`: by whichever clock it is longer ago.
    ///
    /// A clock that is set back makes nothing young, nor does the spawner's, which may stand still while a machine sleeps.
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

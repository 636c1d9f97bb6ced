//! A point in time whose age is known even if the caller's clock is set back.

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
    /// The present moment, at which the caller's clock reads `time`.
    pub(crate) fn now(time: Duration, spawn: &Arc<dyn Spawn>) -> Self {
        Self {
            time,
            instant: spawn.instant(),
            spawn: Arc::clone(spawn),
        }
    }

    /// The age when the caller's clock reads `now`: the greater of both clocks' values.
    ///
    /// So neither a caller's clock that is set back nor a spawner's clock that stops while the machine sleeps understates it.
    pub(crate) fn age(&self, now: Duration) -> Duration {
        let elapsed = self.spawn.instant().saturating_duration_since(self.instant);
        now.saturating_sub(self.time).max(elapsed)
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

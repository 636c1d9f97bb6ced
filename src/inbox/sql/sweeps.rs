//! When waiting callbacks are looked through.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The pauses between [sweeps](super::settle::sweep). A sweep reads every resource that has a waiting callback, so one per claim would
/// make a backlog quadratic.
#[derive(Debug, Default)]
pub(in super::super) struct Sweeps(Mutex<Option<Instant>>);

impl Sweeps {
    /// Whether one is due now. If so, it counts as begun.
    pub(super) fn begin(&self, now: Instant) -> bool {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = next.is_none_or(|next| now >= next);
        if is_due {
            *next = Some(now + PAUSE);
        }
        is_due
    }

    /// Records how long one took: the pause after it is at least twenty times as long.
    pub(super) fn ended(&self, begun: Instant, now: Instant) {
        let took = now.saturating_duration_since(begun);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(now + PAUSE.max(took.saturating_mul(SHARE)));
    }
}

const PAUSE: Duration = Duration::from_secs(1);
const SHARE: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_takes_a_twentieth_of_the_time_at_most() {
        let (sweeps, start) = (Sweeps::default(), Instant::now());
        assert!(sweeps.begin(start));
        assert!(!sweeps.begin(start + PAUSE / 2), "the first one runs");
        sweeps.ended(start, start + PAUSE * 2);
        assert!(!sweeps.begin(start + PAUSE * 41));
        assert!(sweeps.begin(start + PAUSE * 42));
        sweeps.ended(start, start);
        assert!(!sweeps.begin(start + PAUSE / 2));
        assert!(sweeps.begin(start + PAUSE));
    }
}

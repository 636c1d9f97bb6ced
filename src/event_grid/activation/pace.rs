//! The polling intervals.

use std::time::Duration;

/// The intervals at which an [`ActivationWatcher`](super::ActivationWatcher) reads a channel.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Pace {
    pub(super) first: Duration,
    pub(super) longest: Duration,
    pub(super) after_hint: Duration,
}

impl Pace {
    /// Sets the delay after the first read; it doubles after each read. At least a second. Default: 30 s.
    pub fn with_first_delay(mut self, delay: Duration) -> Self {
        self.first = delay.max(MIN_DELAY);
        self
    }

    /// Sets the maximum delay. At least a second. Default: ten minutes.
    pub fn with_longest_delay(mut self, delay: Duration) -> Self {
        self.longest = delay.max(MIN_DELAY);
        self
    }

    /// Sets the delay after a hint. Hints within it cause one read. Default: two seconds.
    pub fn with_delay_after_hint(mut self, delay: Duration) -> Self {
        self.after_hint = delay;
        self
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(30),
            longest: Duration::from_secs(600),
            after_hint: Duration::from_secs(2),
        }
    }
}

const MIN_DELAY: Duration = Duration::from_secs(1);

//! How often channels are read.

use std::time::Duration;

/// How often channels are read.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Pace {
    pub(super) first: Duration,
    pub(super) longest: Duration,
    pub(super) after_hint: Duration,
}

impl Pace {
    /// How long after the first time it is read again; then twice as long each time. A second at least. Default: 30 s.
    pub fn with_first_delay(mut self, delay: Duration) -> Self {
        self.first = delay.max(LEAST_DELAY);
        self
    }

    /// The longest time between two. A second at least. Default: ten minutes.
    pub fn with_longest_delay(mut self, delay: Duration) -> Self {
        self.longest = delay.max(LEAST_DELAY);
        self
    }

    /// How long after a hint it is read: hints within that time are one. Default: two seconds.
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

const LEAST_DELAY: Duration = Duration::from_secs(1);

//! When to try again.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// How often, and for how long, a call is repeated.
///
/// Calls that have the same end when they are repeated (GET, PUT; all that publish to Event Grid or manage it) are repeated
/// after 408, 429, 5xx, a code that names the service's own trouble, a 404 that is not the service's own, a broken connection,
/// and a response that is empty or cut. A POST to Partner Center is repeated only after 429 and where no connection was made,
/// because then it was not processed. After 401, each call is made once more with another token.
///
/// Between two attempts lies the wait of `Retry-After` or, with 429 and 503, of the response's words; else a growing time with
/// jitter. A call gives up rather than wait past its deadline.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use partner_center_webhooks::api::RetryPolicy;
///
/// let patient = RetryPolicy::default().with_deadline(Duration::from_secs(600)).with_max_repeats(20);
/// let once = RetryPolicy::default().with_max_repeats(0);
/// # let _ = (patient, once);
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct RetryPolicy {
    pub(crate) deadline: Duration,
    pub(crate) attempt: Duration,
    first_delay: Duration,
    max_repeats: usize,
}

impl RetryPolicy {
    /// How far repeated calls are spread after the instant that `Retry-After` names: up to a second.
    pub(crate) const SPREAD: Duration = Duration::from_secs(1);

    /// The longest a call may take, with all its attempts and the waiting between. Default: 100 s.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The longest one attempt may take. Default: 30 s.
    pub fn with_attempt_deadline(mut self, deadline: Duration) -> Self {
        self.attempt = deadline;
        self
    }

    /// How long to wait after the first failure, 20 s at most; each wait is twice the one before, up to 20 s, and up to once as long again
    /// by chance. Default: half a second.
    pub fn with_first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay.min(LONGEST_DELAY);
        self
    }

    /// How often a call is repeated at most. Default: 5 times.
    pub fn with_max_repeats(mut self, repeats: usize) -> Self {
        self.max_repeats = repeats;
        self
    }

    pub(crate) fn delays(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(self.first_delay)
            .with_max_delay(LONGEST_DELAY)
            .with_factor(2.0)
            .with_max_times(self.max_repeats)
            .with_jitter()
            .build()
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(100),
            attempt: Duration::from_secs(30),
            first_delay: Duration::from_millis(500),
            max_repeats: 5,
        }
    }
}

const LONGEST_DELAY: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_with_jitter_and_end() {
        let policy = RetryPolicy::default().with_first_delay(Duration::from_secs(4));
        let delays: Vec<_> = policy.delays().collect();
        assert_eq!(delays.len(), 5);
        for (delay, least) in delays.iter().zip([4, 8, 16, 20, 20]) {
            let least = Duration::from_secs(least);
            assert!((least..=2 * least).contains(delay), "{delay:?} {least:?}");
        }
        assert_eq!(policy.with_max_repeats(0).delays().count(), 0);
    }
}

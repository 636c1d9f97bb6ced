//! When a call is retried.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// How often, and for how long, a call is retried.
///
/// Idempotent calls (GET, PUT, and all calls to Event Grid but the regeneration of a key) are retried after 408, 429, 5xx, a
/// code for an internal error of the service, a 404 that is not the service's own, a broken connection, and an empty or
/// truncated response. A POST to Partner Center is retried only after 429 or a failed connection, because then it was not
/// processed. After 401, each call is tried once more with another token.
///
/// The wait is that of `Retry-After` or, with 429 and 503, of the response's message; otherwise exponential backoff with
/// jitter. A call fails rather than wait beyond its deadline.
///
/// | Setting | Default |
/// |---|---|
/// | deadline of a call, with all attempts and waits | 100 s |
/// | deadline of one attempt | 30 s |
/// | first delay | 500 ms |
/// | maximum number of retries | 5 |
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use partner_center_webhooks::api::RetryPolicy;
///
/// let patient = RetryPolicy::default().with_deadline(Duration::from_secs(600)).with_max_retries(20);
/// let once = RetryPolicy::default().with_max_retries(0);
/// # let _ = (patient, once);
/// ```
///
/// With the defaults, a call that fails at each attempt ends after 15.5 to 31 seconds, not counting the attempts themselves.
///
/// # Source
///
/// "API throttling guidance for partners"; RFC 9110, section 10.2.3.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct RetryPolicy {
    /// Of the call.
    pub(crate) deadline: Duration,
    /// Of one attempt.
    pub(crate) attempt: Duration,
    first_delay: Duration,
    max_retries: usize,
}

impl RetryPolicy {
    /// Jitter on top of `Retry-After`: at most a second.
    pub(crate) const SPREAD: Duration = Duration::from_secs(1);

    /// Sets the deadline of a call, with all attempts and waits. Default: 100 s.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the deadline of one attempt. Default: 30 s.
    ///
    /// The deadline of the call limits it, too. A large list takes longer than a single resource.
    pub fn with_attempt_deadline(mut self, deadline: Duration) -> Self {
        self.attempt = deadline;
        self
    }

    /// Sets the first delay, at most 20 s. Each delay is twice the previous one, capped at 20 s, plus up to 100 % jitter.
    /// Default: 500 ms.
    pub fn with_first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay.min(MAX_DELAY);
        self
    }

    /// Sets the maximum number of retries. Default: 5.
    ///
    /// 0 sends each call once, except for a second attempt with another token.
    pub fn with_max_retries(mut self, retries: usize) -> Self {
        self.max_retries = retries;
        self
    }

    /// The backoff of one call, with new jitter.
    pub(crate) fn delays(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(self.first_delay)
            .with_max_delay(MAX_DELAY)
            .with_factor(2.0)
            .with_max_times(self.max_retries)
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
            max_retries: 5,
        }
    }
}

/// The cap of the backoff, without jitter.
const MAX_DELAY: Duration = Duration::from_secs(20);

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
        assert_eq!(policy.with_max_retries(0).delays().count(), 0);
    }
}

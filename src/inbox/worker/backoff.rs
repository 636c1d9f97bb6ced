//! When a failed attempt is repeated.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// A schedule of backoffs with jitter of ±20 %. The last one repeats.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use partner_center_webhooks::inbox::Backoff;
///
/// let backoff = Backoff::new([Duration::from_secs(10), Duration::from_secs(60)]);
/// assert_eq!(backoff.after(1, 0), Duration::from_secs(8));
/// assert_eq!(backoff.after(1, u64::MAX), Duration::from_secs(12));
/// assert_eq!(backoff.after(2, u64::MAX / 2).as_secs(), 59); // about 60 s
/// assert_eq!(backoff.after(9, 0), Duration::from_secs(48));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Backoff {
    steps: Vec<Duration>,
}

impl Backoff {
    /// A backoff of `steps`. Without any, failed attempts are repeated at once.
    pub fn new(steps: impl IntoIterator<Item = Duration>) -> Self {
        Self { steps: steps.into_iter().collect() }
    }

    /// The backoff after the failure number `failures`, from 1 on. `random` is evenly distributed.
    pub fn after(&self, failures: u64, random: u64) -> Duration {
        let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
        let step = self.steps.get(index).or_else(|| self.steps.last()).copied().unwrap_or_default();
        let fifth = step.checked_div(5).unwrap_or_default();
        // From 0 to 1000 thousandths of two fifths.
        let share = u32::try_from(u128::from(random) * 1000 / u128::from(u64::MAX)).unwrap_or(1000);
        let spread = fifth.saturating_mul(2).checked_div(1000).unwrap_or_default();
        step.saturating_sub(fifth).saturating_add(spread.saturating_mul(share))
    }

    /// [`after`](Self::after) with a random number.
    pub(super) fn jittered(&self, failures: u64) -> Duration {
        self.after(failures, RandomState::new().hash_one(failures))
    }
}

impl Default for Backoff {
    /// 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, and then 6 h.
    fn default() -> Self {
        Self::new([5, 30, 120, 600, 1800, 3600, 21_600].map(Duration::from_secs))
    }
}

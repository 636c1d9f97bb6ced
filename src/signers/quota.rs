//! The quota of downloads for URLs that never verified.

use std::num::NonZeroU32;
use std::time::Duration;

/// A token bucket that counts in whole seconds.
///
/// It holds at most [`Quota::BURST`] tokens, or those of a minute if they are fewer, and starts full.
#[derive(Debug)]
pub(super) struct Quota {
    per_minute: NonZeroU32,
    /// In sixtieths of a token, so that each second adds `per_minute` of them.
    sixtieths: u64,
    counted_at: u64,
}

impl Quota {
    /// The most downloads that are allowed at once. A partner uses one or two URLs, so a burst is a stranger's.
    const BURST: u32 = 16;
    /// One download, in sixtieths.
    const TOKEN: u64 = 60;

    /// A full bucket: a receiver that has just started may fetch at once.
    pub(super) fn new(per_minute: NonZeroU32) -> Self {
        let mut quota = Self { per_minute, sixtieths: 0, counted_at: 0 };
        quota.sixtieths = quota.capacity();
        quota
    }

    /// The rate that was configured, for messages.
    pub(super) fn per_minute(&self) -> NonZeroU32 {
        self.per_minute
    }

    /// Takes one token, or returns the time until the next one.
    ///
    /// `now` is in seconds since 1970. The wait is rounded up, so that a caller that obeys it gets the token.
    pub(super) fn take(&mut self, now: u64) -> Result<(), Duration> {
        let rate = u64::from(self.per_minute.get());
        // A clock that was set back adds nothing; counting continues from the new time.
        let grown = now.saturating_sub(self.counted_at).saturating_mul(rate);
        self.sixtieths = self.sixtieths.saturating_add(grown).min(self.capacity());
        self.counted_at = now;
        match self.sixtieths.checked_sub(Self::TOKEN) {
            Some(left) => {
                self.sixtieths = left;
                Ok(())
            }
            None => {
                let missing = Self::TOKEN.saturating_sub(self.sixtieths);
                Err(Duration::from_secs(missing.div_ceil(rate)))
            }
        }
    }

    /// In sixtieths of a token.
    fn capacity(&self) -> u64 {
        u64::from(self.per_minute.get().min(Self::BURST)).saturating_mul(Self::TOKEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(quota: &mut Quota, now: u64) -> usize {
        (0..1000).filter(|_| quota.take(now).is_ok()).count()
    }

    #[test]
    fn a_burst_then_the_rate() {
        let mut quota = Quota::new(NonZeroU32::new(60).unwrap());
        assert_eq!(take_all(&mut quota, 1_000), 16);
        assert_eq!(quota.take(1_000), Err(Duration::from_secs(1)));
        assert_eq!(take_all(&mut quota, 1_001), 1);
        assert_eq!(take_all(&mut quota, 1_011), 10);
        assert_eq!(take_all(&mut quota, 9_999), 16);
    }

    #[test]
    fn a_small_quota_has_a_small_burst() {
        let mut quota = Quota::new(NonZeroU32::new(2).unwrap());
        assert_eq!(take_all(&mut quota, 0), 2);
        assert_eq!(quota.take(0), Err(Duration::from_secs(30)));
        assert_eq!(quota.take(29), Err(Duration::from_secs(1)));
        assert_eq!(quota.take(30), Ok(()));
    }

    #[test]
    fn a_clock_set_back_grants_nothing_and_blocks_nothing() {
        let mut quota = Quota::new(NonZeroU32::new(60).unwrap());
        assert_eq!(take_all(&mut quota, 1_000_000), 16);
        assert_eq!(take_all(&mut quota, 10), 0);
        assert_eq!(take_all(&mut quota, 13), 3);
    }
}

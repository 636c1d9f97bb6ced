//! Rules that one caller after the other can break.

use std::time::Duration;

use super::Nonconformance;
use super::bench::{Bench, DIGEST, SECOND, digest};
use super::rule::Rule;
use crate::duplicates::Settled;
use crate::signature::BodyDigest;

impl Bench {
    pub(super) async fn one_at_a_time(&self) -> Result<(), Nonconformance> {
        let rule = Rule("one claim at a time, and none once it is completed");
        let lease = rule.first(self.claim(0).await)?;
        rule.in_progress(self.claim(1).await)?;
        rule.settled(Settled::Current, self.complete(1, &lease).await)?;
        rule.done(self.claim(0).await)?;
        rule.done(self.claim(1).await)
    }

    pub(super) async fn released_claims_are_open(&self) -> Result<(), Nonconformance> {
        let rule = Rule("a released claim is open to the next, and settled for the last");
        let old = rule.first(self.claim(0).await)?;
        rule.settled(Settled::Current, self.release(0, &old).await)?;
        rule.settled(Settled::Stale, self.release(1, &old).await)?;
        rule.settled(Settled::Stale, self.complete(0, &old).await)?;
        let new = rule.first(self.claim(1).await)?;
        rule.settled(Settled::Stale, self.release(0, &old).await)?;
        rule.settled(Settled::Stale, self.complete(0, &old).await)?;
        rule.in_progress(self.claim(0).await)?;
        rule.settled(Settled::Current, self.complete(0, &new).await)
    }

    pub(super) async fn digests_are_told_apart(&self) -> Result<(), Nonconformance> {
        let rule = Rule("digests are told apart by every byte");
        rule.first(self.claim(0).await)?;
        for at in 0..32 {
            let mut bytes = *DIGEST.as_bytes();
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1;
            }
            rule.first(self.claim_of(0, BodyDigest::from_bytes(bytes)).await)?;
        }
        Ok(())
    }

    pub(super) async fn one_leaves_the_others_alone(&self) -> Result<(), Nonconformance> {
        // Tokens need not differ between digests: those of first claims that are counted for each digest are the same.
        let rule = Rule("to settle one callback settles no other");
        let mut leases = Vec::new();
        for number in 1..=4 {
            leases.push(rule.first(self.claim_of(0, digest(number)).await)?);
        }
        let [completed, released, abandoned, open] = leases.as_slice() else {
            return Ok(());
        };
        rule.settled(Settled::Current, self.complete(1, completed).await)?;
        for other in [released, abandoned, open] {
            rule.in_progress(self.claim_of(0, other.digest()).await)?;
        }
        rule.settled(Settled::Current, self.release(1, released).await)?;
        for other in [abandoned, open] {
            rule.in_progress(self.claim_of(0, other.digest()).await)?;
        }
        self.node(1).abandon(abandoned);
        rule.in_progress(self.claim_of(0, open.digest()).await)?;
        rule.done(self.claim_of(0, completed.digest()).await)?;
        rule.settled(Settled::Current, self.complete(1, open).await)
    }

    pub(super) async fn many_stay_done(&self) -> Result<(), Nonconformance> {
        let rule = Rule("what is done stays done when others are");
        for number in 1..=MANY {
            let lease = rule.first(self.claim_of(0, digest(number)).await)?;
            rule.settled(Settled::Current, self.complete(1, &lease).await)?;
        }
        for number in 1..=MANY {
            rule.done(self.claim_of(0, digest(number)).await)?;
            rule.done(self.claim_of(1, digest(number)).await)?;
        }
        Ok(())
    }

    pub(super) async fn a_crash_ends_with_the_lease(&self) -> Result<(), Nonconformance> {
        let rule = Rule("an attempt that crashed ends with its lease, and no earlier");
        rule.first(self.claim(0).await)?;
        self.clock.advance(self.lease.saturating_sub(SECOND));
        rule.in_progress(self.claim(1).await)?;
        self.clock.advance(SECOND + SECOND);
        rule.first(self.claim(1).await)?;
        rule.in_progress(self.claim(0).await)
    }

    pub(super) async fn what_is_left_of_a_lease_is_true(&self) -> Result<(), Nonconformance> {
        let rule = Rule(
            "what is said to be left of a lease is not longer than it, and after it the next claim is first",
        );
        // At its beginning and in the midst of it.
        for (number, age) in [(1, Duration::ZERO), (2, whole_seconds(self.lease / 2))] {
            let digest = digest(number);
            rule.first(self.claim_of(0, digest).await)?;
            self.clock.advance(age);
            let Some(left) = rule.lease_left(self.claim_of(1, digest).await)? else {
                continue;
            };
            let longest = self.lease.saturating_sub(age);
            if left > longest {
                return Err(rule.wrong("at most what is left", &format!("{left:?} of {longest:?}")));
            }
            self.clock.advance(whole_seconds(left));
            rule.first(self.claim_of(1, digest).await)?;
        }
        Ok(())
    }

    pub(super) async fn who_comes_too_late_disturbs_nobody(&self) -> Result<(), Nonconformance> {
        let rule = Rule("who comes too late does not disturb the attempt that took over");
        let old = rule.first(self.claim(0).await)?;
        self.clock.advance(self.lease + SECOND);
        let new = rule.first(self.claim(1).await)?;
        rule.settled(Settled::Stale, self.complete(0, &old).await)?;
        rule.in_progress(self.claim(0).await)?;
        rule.settled(Settled::Stale, self.release(0, &old).await)?;
        rule.in_progress(self.claim(0).await)?;
        self.node(0).abandon(&old);
        rule.in_progress(self.claim(0).await)?;
        rule.settled(Settled::Current, self.complete(1, &new).await)?;
        for lease in [&old, &new] {
            rule.settled(Settled::Stale, self.release(0, lease).await)?;
            self.node(0).abandon(lease);
            rule.done(self.claim(0).await)?;
        }
        Ok(())
    }

    pub(super) async fn a_late_success_counts(&self) -> Result<(), Nonconformance> {
        let rule = Rule("a late success counts if nobody took over");
        let lease = rule.first(self.claim(0).await)?;
        self.clock.advance(self.lease + SECOND);
        rule.settled(Settled::Current, self.complete(0, &lease).await)?;
        rule.done(self.claim(1).await)
    }

    pub(super) async fn abandoned_claims_are_not_done(&self) -> Result<(), Nonconformance> {
        let rule = Rule("an abandoned claim is open again when its lease ends at the latest");
        let lease = rule.first(self.claim(0).await)?;
        self.node(0).abandon(&lease);
        self.clock.advance(self.lease + SECOND);
        rule.first(self.claim(1).await).map(drop)
    }

    pub(super) async fn what_is_done_stays_done(&self) -> Result<(), Nonconformance> {
        let rule = Rule("what is done stays done for the time to live");
        let lease = rule.first(self.claim(0).await)?;
        self.clock.advance(self.lease.saturating_sub(SECOND));
        rule.settled(Settled::Current, self.complete(0, &lease).await)?;
        self.clock.advance(SECOND + SECOND);
        rule.done(self.claim(1).await)?;
        let rest = self.time_to_live.saturating_sub(SECOND * 3);
        self.clock.advance(rest);
        rule.done(self.claim(0).await)
    }

    pub(super) async fn a_clock_set_back_ends_nothing(&self) -> Result<(), Nonconformance> {
        let rule = Rule(
            "a clock that is set back ends no lease, forgets nothing, and blocks nobody for good",
        );
        let hour = SECOND * 3600;
        let lease = rule.first(self.claim(0).await)?;
        self.clock.set_back(hour);
        rule.in_progress(self.claim(1).await)?;
        rule.settled(Settled::Current, self.complete(0, &lease).await)?;
        rule.done(self.claim(1).await)?;
        self.clock.set_back(hour);
        rule.done(self.claim(1).await)?;

        let crashed = digest(2);
        rule.first(self.claim_of(0, crashed).await)?;
        self.clock.set_back(hour);
        rule.in_progress(self.claim_of(1, crashed).await)?;
        self.clock.advance(hour + self.lease + SECOND);
        rule.first(self.claim_of(1, crashed).await).map(drop)
    }

    pub(super) async fn a_clock_set_forward_is_time(&self) -> Result<(), Nonconformance> {
        let rule = Rule("a clock that is set forward is time that passes, and tokens stay apart");
        let old = rule.first(self.claim(0).await)?;
        self.clock.advance(self.time_to_live / 2);
        let new = rule.first(self.claim(1).await)?;
        self.clock.set_back(self.time_to_live / 2);
        rule.in_progress(self.claim(0).await)?;
        rule.settled(Settled::Stale, self.complete(0, &old).await)?;
        rule.settled(Settled::Current, self.complete(1, &new).await)?;
        rule.done(self.claim(0).await)
    }
}

/// Rounded up, as what a sender is told is.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

/// How many callbacks are done at once: fewer than any guard has room for.
const MANY: u8 = 16;

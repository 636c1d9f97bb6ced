//! Whether an implementation of [`DuplicateGuard`] keeps the contract.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use thiserror::Error;

use crate::duplicates::{Claim, DuplicateGuard, GuardError, Lease, Settled};
use crate::signature::BodyDigest;

/// Checks a [`DuplicateGuard`] against every rule of its contract.
///
/// `open` makes two nodes that share a new, empty store and read the time from the given clock; for a guard of one process
/// they are one. It is called once for each rule. `lease` is how long an attempt may take, and `time_to_live` how long at
/// least is remembered what was done: whole seconds, the lease at least two, and the time to live at least twice the lease.
/// Nothing waits in real time.
///
/// # Errors
///
/// [`Nonconformance`] with the first rule that does not hold.
///
/// # Example
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use partner_center_webhooks::duplicates::{DuplicateGuard, InMemory};
/// use partner_center_webhooks::testing::{TestClock, duplicate_guard_conformance};
///
/// let open = |clock: &TestClock| {
///     let clock = clock.clone();
///     let node: Arc<dyn DuplicateGuard> = Arc::new(InMemory::new().with_clock(move || clock.now()));
///     [Arc::clone(&node), node]
/// };
/// duplicate_guard_conformance(open, InMemory::LEASE, InMemory::TIME_TO_LIVE).await
/// # }).map_err(Box::new)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn duplicate_guard_conformance(
    open: impl Fn(&TestClock) -> [Arc<dyn DuplicateGuard>; 2],
    lease: Duration,
    time_to_live: Duration,
) -> Result<(), Nonconformance> {
    let bench = || {
        let clock = TestClock::default();
        let nodes = open(&clock);
        Bench {
            clock,
            nodes,
            lease,
            time_to_live,
        }
    };
    bench().one_at_a_time().await?;
    bench().released_claims_are_open().await?;
    bench().digests_are_told_apart().await?;
    bench().of_many_at_once_one_is_first().await?;
    bench().a_crash_ends_with_the_lease().await?;
    bench().who_comes_too_late_disturbs_nobody().await?;
    bench().a_late_success_counts().await?;
    bench().abandoned_claims_are_not_done().await?;
    bench().what_is_done_stays_done().await?;
    bench().a_clock_set_back_ends_nothing().await?;
    bench().a_clock_set_forward_is_time().await
}

/// A clock for guards, which stands still unless it is told otherwise. Clones tell the same time.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<AtomicU64>);

impl TestClock {
    /// The time since some point in the past.
    pub fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }

    /// Sets it forward. Whole seconds.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }

    /// Sets it back. Whole seconds.
    pub fn set_back(&self, by: Duration) {
        self.0.fetch_sub(by.as_secs(), Ordering::SeqCst);
    }
}

impl Default for TestClock {
    /// 2026-11-21T00:00:00Z, since 1970.
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(1_795_219_200)))
    }
}

/// A rule that a guard does not keep.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Nonconformance {
    /// It failed, as it may in operation; here it must not.
    #[error("{rule}: {error}")]
    Failed {
        /// What was being checked.
        rule: &'static str,
        /// What the guard says.
        error: GuardError,
    },
    /// It answered wrongly.
    #[error("{rule}: the guard says {found} (expected {expected})")]
    Wrong {
        /// What was being checked.
        rule: &'static str,
        /// What the guard should have said.
        expected: &'static str,
        /// What it said.
        found: String,
    },
}

/// A new store, and what is known of it.
struct Bench {
    clock: TestClock,
    nodes: [Arc<dyn DuplicateGuard>; 2],
    lease: Duration,
    time_to_live: Duration,
}

impl Bench {
    async fn one_at_a_time(&self) -> Result<(), Nonconformance> {
        let rule = Rule("one claim at a time, and none once it is completed");
        let lease = rule.first(self.claim(0).await)?;
        rule.in_progress(self.claim(1).await)?;
        rule.settled(Settled::Current, self.complete(1, &lease).await)?;
        rule.done(self.claim(0).await)?;
        rule.done(self.claim(1).await)
    }

    async fn released_claims_are_open(&self) -> Result<(), Nonconformance> {
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

    async fn digests_are_told_apart(&self) -> Result<(), Nonconformance> {
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

    async fn of_many_at_once_one_is_first(&self) -> Result<(), Nonconformance> {
        let rule = Rule("of many claims at once, one is first");
        for _ in 0..ROUNDS {
            let claims = join_all((0..CROWD).map(|number| self.claim(number % 2))).await;
            let mut first = None;
            for claim in claims {
                match claim {
                    Ok(Claim::First(lease)) if first.is_none() => first = Some(lease),
                    claim => rule.in_progress(claim)?,
                }
            }
            let Some(lease) = first else {
                return Err(rule.wrong("one first claim", "none"));
            };
            rule.settled(Settled::Current, self.release(0, &lease).await)?;
        }
        Ok(())
    }

    async fn a_crash_ends_with_the_lease(&self) -> Result<(), Nonconformance> {
        let rule = Rule("an attempt that crashed ends with its lease, and no earlier");
        rule.first(self.claim(0).await)?;
        self.clock.advance(self.lease.saturating_sub(SECOND));
        rule.in_progress(self.claim(1).await)?;
        self.clock.advance(SECOND + SECOND);
        rule.first(self.claim(1).await)?;
        rule.in_progress(self.claim(0).await)
    }

    async fn who_comes_too_late_disturbs_nobody(&self) -> Result<(), Nonconformance> {
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

    async fn a_late_success_counts(&self) -> Result<(), Nonconformance> {
        let rule = Rule("a late success counts if nobody took over");
        let lease = rule.first(self.claim(0).await)?;
        self.clock.advance(self.lease + SECOND);
        rule.settled(Settled::Current, self.complete(0, &lease).await)?;
        rule.done(self.claim(1).await)
    }

    async fn abandoned_claims_are_not_done(&self) -> Result<(), Nonconformance> {
        let rule = Rule("an abandoned claim is open again when its lease ends at the latest");
        let lease = rule.first(self.claim(0).await)?;
        self.node(0).abandon(&lease);
        self.clock.advance(self.lease + SECOND);
        rule.first(self.claim(1).await).map(drop)
    }

    async fn what_is_done_stays_done(&self) -> Result<(), Nonconformance> {
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

    async fn a_clock_set_back_ends_nothing(&self) -> Result<(), Nonconformance> {
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

        let crashed = BodyDigest::from_bytes([2; 32]);
        rule.first(self.claim_of(0, crashed).await)?;
        self.clock.set_back(hour);
        rule.in_progress(self.claim_of(1, crashed).await)?;
        self.clock.advance(hour + self.lease + SECOND);
        rule.first(self.claim_of(1, crashed).await).map(drop)
    }

    async fn a_clock_set_forward_is_time(&self) -> Result<(), Nonconformance> {
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

    fn node(&self, number: usize) -> &dyn DuplicateGuard {
        let [even, odd] = &self.nodes;
        match number {
            0 => &**even,
            _ => &**odd,
        }
    }

    async fn claim(&self, node: usize) -> Result<Claim, GuardError> {
        self.claim_of(node, DIGEST).await
    }

    async fn claim_of(&self, node: usize, digest: BodyDigest) -> Result<Claim, GuardError> {
        self.node(node).claim(digest).await
    }

    async fn complete(&self, node: usize, lease: &Lease) -> Result<Settled, GuardError> {
        self.node(node).complete(lease).await
    }

    async fn release(&self, node: usize, lease: &Lease) -> Result<Settled, GuardError> {
        self.node(node).release(lease).await
    }
}

/// Judges answers, in the name of a rule.
#[derive(Clone, Copy)]
struct Rule(&'static str);

impl Rule {
    fn first(self, claim: Result<Claim, GuardError>) -> Result<Lease, Nonconformance> {
        match self.heard(claim)? {
            Claim::First(lease) => Ok(lease),
            other => Err(self.wrong("First", &format!("{other:?}"))),
        }
    }

    fn in_progress(self, claim: Result<Claim, GuardError>) -> Result<(), Nonconformance> {
        match self.heard(claim)? {
            Claim::InProgress => Ok(()),
            other => Err(self.wrong("InProgress", &format!("{other:?}"))),
        }
    }

    fn done(self, claim: Result<Claim, GuardError>) -> Result<(), Nonconformance> {
        match self.heard(claim)? {
            Claim::Done => Ok(()),
            other => Err(self.wrong("Done", &format!("{other:?}"))),
        }
    }

    fn settled(
        self,
        expected: Settled,
        found: Result<Settled, GuardError>,
    ) -> Result<(), Nonconformance> {
        let expected_name = match expected {
            Settled::Current => "Current",
            Settled::Stale => "Stale",
        };
        match self.heard(found)? {
            found if found == expected => Ok(()),
            found => Err(self.wrong(expected_name, &format!("{found:?}"))),
        }
    }

    fn heard<T>(self, answer: Result<T, GuardError>) -> Result<T, Nonconformance> {
        let rule = self.0;
        answer.map_err(|error| Nonconformance::Failed { rule, error })
    }

    fn wrong(self, expected: &'static str, found: &str) -> Nonconformance {
        Nonconformance::Wrong {
            rule: self.0,
            expected,
            found: found.to_owned(),
        }
    }
}

const DIGEST: BodyDigest = BodyDigest::from_bytes([1; 32]);
const SECOND: Duration = Duration::from_secs(1);
const CROWD: usize = 32;
const ROUNDS: usize = 8;

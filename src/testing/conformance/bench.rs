//! The guard under test, and the checks that rules are made of.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join;
use thiserror::Error;

use crate::duplicates::{Claim, DuplicateGuard, GuardError, Lease, Settled};
use crate::signature::BodyDigest;

/// The result of checking a rule.
pub(super) type Outcome<T = ()> = Result<T, Nonconformance>;

/// The result of a claim.
pub(super) type Claimed = Result<Claim, GuardError>;

/// A guard with a new store, and its settings.
pub(super) struct Bench {
    pub(super) clock: TestClock,
    pub(super) nodes: [Arc<dyn DuplicateGuard>; 2],
    pub(super) lease: Duration,
    pub(super) time_to_live: Duration,
}

impl Bench {
    /// The node with this number: 0 or 1.
    pub(super) fn node(&self, number: usize) -> &dyn DuplicateGuard {
        let [even, odd] = &self.nodes;
        match number {
            0 => &**even,
            _ => &**odd,
        }
    }

    /// Claims the one callback of most rules.
    pub(super) async fn claim(&self, node: usize) -> Claimed {
        self.claim_of(node, DIGEST).await
    }

    pub(super) async fn claim_of(&self, node: usize, digest: BodyDigest) -> Claimed {
        self.node(node).claim(digest).await
    }

    pub(super) async fn complete(&self, node: usize, lease: &Lease) -> Result<Settled, GuardError> {
        self.node(node).complete(lease).await
    }

    pub(super) async fn release(&self, node: usize, lease: &Lease) -> Result<Settled, GuardError> {
        self.node(node).release(lease).await
    }
}

/// The callback of rules that need only one.
pub(super) const DIGEST: BodyDigest = digest(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A different callback for each number.
pub(super) const fn digest(number: u8) -> BodyDigest {
    BodyDigest::from_bytes([number; 32])
}

/// Checks results under the name of a rule.
#[derive(Clone, Copy)]
pub(super) struct Rule(pub(super) &'static str);

impl Rule {
    /// The lease, if the claim is first.
    pub(super) fn first(self, claim: Claimed) -> Outcome<Lease> {
        match self.succeeded(claim)? {
            Claim::First(lease) => Ok(lease),
            other => Err(self.wrong("First", &format!("{other:?}"))),
        }
    }

    /// Checks that the callback is in progress.
    pub(super) fn in_progress(self, claim: Claimed) -> Outcome {
        self.lease_left(claim).map(drop)
    }

    /// The remaining lease, if the guard reports it.
    pub(super) fn lease_left(self, claim: Claimed) -> Outcome<Option<Duration>> {
        match self.succeeded(claim)? {
            Claim::InProgress { lease_left } => Ok(lease_left),
            other => Err(self.wrong("InProgress", &format!("{other:?}"))),
        }
    }

    /// Checks that the callback is completed.
    pub(super) fn done(self, claim: Claimed) -> Outcome {
        match self.succeeded(claim)? {
            Claim::Done => Ok(()),
            other => Err(self.wrong("Done", &format!("{other:?}"))),
        }
    }

    /// Checks that settling had the `expected` result: whether the lease was current.
    pub(super) fn settled(self, expected: Settled, found: Result<Settled, GuardError>) -> Outcome {
        let found = self.succeeded(found)?;
        match expected {
            _ if found == expected => Ok(()),
            Settled::Current => Err(self.wrong("Current", &format!("{found:?}"))),
            Settled::Stale => Err(self.wrong("Stale", &format!("{found:?}"))),
        }
    }

    /// The result of a call that must not fail.
    pub(super) fn succeeded<T>(self, result: Result<T, GuardError>) -> Outcome<T> {
        let rule = self.0;
        result.map_err(|error| Nonconformance::Failed { rule, error })
    }

    pub(super) fn wrong(self, expected: &'static str, found: &str) -> Nonconformance {
        Nonconformance::Wrong { rule: self.0, expected, found: found.to_owned() }
    }

    /// The lease of the only first claim, if all others are in progress.
    pub(super) fn one_first(self, claims: impl IntoIterator<Item = Claimed>) -> Outcome<Lease> {
        let mut first = None;
        for claim in claims {
            match claim {
                Ok(Claim::First(lease)) if first.is_none() => first = Some(lease),
                claim => self.in_progress(claim)?,
            }
        }
        first.ok_or_else(|| self.wrong("one first claim", "none"))
    }
}

/// A clock for guards that moves only when it is set. Clones share the time.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use partner_center_webhooks::testing::TestClock;
///
/// let clock = TestClock::default();
/// let (other, start) = (clock.clone(), clock.now());
/// clock.advance(Duration::from_millis(1999));
/// assert_eq!(other.now() - start, Duration::from_secs(1), "in whole seconds");
/// clock.set_back(Duration::from_secs(1));
/// assert_eq!(other.now(), start);
/// ```
#[derive(Clone, Debug)]
pub struct TestClock(Arc<AtomicU64>);

impl TestClock {
    /// The time since a fixed point in the past.
    pub fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }

    /// Sets the clock forward, in whole seconds.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }

    /// Sets the clock back, in whole seconds.
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

/// A rule that a guard breaks.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Nonconformance {
    /// The guard failed, which it may in production, but not in this check.
    #[error("{rule}: {error}")]
    Failed {
        /// The rule.
        rule: &'static str,
        /// The error of the guard.
        error: GuardError,
    },
    /// The guard returned a wrong result.
    #[error("{rule}: the guard returned {found} (expected {expected})")]
    Wrong {
        /// The rule.
        rule: &'static str,
        /// The expected result.
        expected: &'static str,
        /// The result.
        found: String,
    },
}

/// Which of two calls starts first, and how many polls ahead.
#[derive(Clone, Copy)]
pub(super) enum Start {
    Settling(usize),
    Claiming(usize),
}

impl Start {
    /// Both orders, with up to four polls ahead: more than the steps of a typical call, so that each step is interrupted once.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..5).flat_map(|ahead| [Self::Settling(ahead), Self::Claiming(ahead)])
    }

    /// Runs both calls, in this order.
    pub(super) async fn race<S, C>(self, settle: S, claim: C) -> (S::Output, C::Output)
    where
        S: Future + Unpin,
        C: Future + Unpin,
    {
        match self {
            Self::Settling(ahead) => race(settle, claim, ahead).await,
            Self::Claiming(ahead) => {
                let (claim, settled) = race(claim, settle, ahead).await;
                (settled, claim)
            }
        }
    }
}

async fn race<A, B>(mut one: A, other: B, ahead: usize) -> (A::Output, B::Output)
where
    A: Future + Unpin,
    B: Future + Unpin,
{
    match turns(&mut one, ahead).await {
        Some(early) => (early, other.await),
        None => join(one, other).await,
    }
}

/// Polls `future` at most `left` times. Returns its output if it completes.
pub(super) async fn turns<F: Future + Unpin>(future: &mut F, mut left: usize) -> Option<F::Output> {
    poll_fn(|context| {
        let Some(rest) = left.checked_sub(1) else {
            return Poll::Ready(None);
        };
        left = rest;
        let outcome = Pin::new(&mut *future).poll(context).map(Some);
        if outcome.is_pending() {
            context.waker().wake_by_ref();
        }
        outcome
    })
    .await
}

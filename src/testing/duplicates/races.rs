//! Rules that calls at the same time can break.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use futures_util::future::{join, join_all};

use super::Nonconformance;
use super::bench::{Bench, SECOND, digest};
use super::rule::Rule;
use crate::duplicates::{Claim, GuardError, Lease, Settled};

impl Bench {
    pub(super) async fn of_many_at_once_one_is_first(&self) -> Result<(), Nonconformance> {
        let rule = Rule("of many claims at once, one is first");
        for _ in 0..ROUNDS {
            let lease = rule.one_first(self.crowd().await)?;
            rule.settled(Settled::Current, self.release(0, &lease).await)?;
        }
        Ok(())
    }

    pub(super) async fn of_many_at_once_one_takes_over(&self) -> Result<(), Nonconformance> {
        let rule = Rule("of many claims at once after a crash, one is first");
        rule.first(self.claim(0).await)?;
        for _ in 0..ROUNDS {
            self.clock.advance(self.lease + SECOND);
            rule.one_first(self.crowd().await)?;
        }
        Ok(())
    }

    async fn crowd(&self) -> Vec<Result<Claim, GuardError>> {
        join_all((0..CROWD).map(|number| self.claim(number % 2))).await
    }

    pub(super) async fn a_late_success_meets_its_successor(&self) -> Result<(), Nonconformance> {
        let rule = Rule("a late success and the attempt that takes over exclude each other");
        for (number, start) in (1..).zip(STARTS) {
            let digest = digest(number);
            let old = rule.first(self.claim_of(0, digest).await)?;
            self.clock.advance(self.lease + SECOND);
            let complete = self.node(0).complete(&old);
            let claim = self.node(1).claim(digest);
            match start.race(complete, claim).await {
                (settled, Ok(Claim::First(new))) => {
                    rule.settled(Settled::Stale, settled)?;
                    rule.in_progress(self.claim_of(0, digest).await)?;
                    rule.settled(Settled::Current, self.complete(1, &new).await)?;
                }
                (settled, claim) => {
                    rule.heard(claim)?;
                    rule.settled(Settled::Current, settled)?;
                }
            }
            rule.done(self.claim_of(0, digest).await)?;
        }
        Ok(())
    }

    pub(super) async fn a_late_release_meets_its_successor(&self) -> Result<(), Nonconformance> {
        let rule = Rule("a late release does not open the attempt that takes over");
        for (number, start) in (1..).zip(STARTS) {
            let digest = digest(number);
            let old = rule.first(self.claim_of(0, digest).await)?;
            self.clock.advance(self.lease + SECOND);
            let release = self.node(0).release(&old);
            let claim = self.node(1).claim(digest);
            let (settled, claim) = start.race(release, claim).await;
            let new = match claim {
                // Whoever is being released is in progress still.
                Ok(Claim::InProgress { .. }) => {
                    rule.settled(Settled::Current, settled)?;
                    rule.first(self.claim_of(1, digest).await)?
                }
                claim => {
                    rule.heard(settled)?;
                    rule.first(claim)?
                }
            };
            rule.in_progress(self.claim_of(0, digest).await)?;
            rule.settled(Settled::Current, self.complete(1, &new).await)?;
        }
        Ok(())
    }
}

impl Rule {
    /// The one lease, if all other claims are in progress.
    pub(super) fn one_first(
        self,
        claims: impl IntoIterator<Item = Result<Claim, GuardError>>,
    ) -> Result<Lease, Nonconformance> {
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

/// Who sets out first, and how many turns ahead.
#[derive(Clone, Copy)]
enum Start {
    Settling(usize),
    Claiming(usize),
}

impl Start {
    async fn race<S, C>(self, settle: S, claim: C) -> (S::Output, C::Output)
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

/// What comes of `future` within so many turns.
pub(super) async fn turns<F: Future + Unpin>(future: &mut F, mut left: usize) -> Option<F::Output> {
    poll_fn(|context| {
        let Some(rest) = left.checked_sub(1) else {
            return Poll::Ready(None);
        };
        left = rest;
        let answer = Pin::new(&mut *future).poll(context).map(Some);
        if answer.is_pending() {
            context.waker().wake_by_ref();
        }
        answer
    })
    .await
}

const STARTS: [Start; 10] = [
    Start::Settling(0),
    Start::Settling(1),
    Start::Settling(2),
    Start::Settling(3),
    Start::Settling(4),
    Start::Claiming(0),
    Start::Claiming(1),
    Start::Claiming(2),
    Start::Claiming(3),
    Start::Claiming(4),
];
const CROWD: usize = 32;
const ROUNDS: usize = 8;

//! The rule that dropped futures can break.

use super::Nonconformance;
use super::bench::{Bench, SECOND, digest};
use super::races::turns;
use super::rule::Rule;
use crate::duplicates::{Claim, Settled};

impl Bench {
    pub(super) async fn what_is_dropped_ends_with_its_lease(&self) -> Result<(), Nonconformance> {
        let rule = Rule("a call that is dropped half-way blocks nobody for longer than a lease");
        for (number, turn) in (1..).zip(0..TURNS) {
            let digest = digest(number);
            turns(&mut self.node(0).claim(digest), turn).await;
            self.clock.advance(self.lease + SECOND);
            let released = rule.first(self.claim_of(1, digest).await)?;

            turns(&mut self.node(1).release(&released), turn).await;
            self.clock.advance(self.lease + SECOND);
            let completed = rule.first(self.claim_of(0, digest).await)?;

            let settled = turns(&mut self.node(0).complete(&completed), turn).await;
            self.clock.advance(self.lease + SECOND);
            match (settled, self.claim_of(1, digest).await) {
                // It may have been noted all the same.
                (None, Ok(Claim::Done)) => {}
                (None, claim) => {
                    let lease = rule.first(claim)?;
                    rule.settled(Settled::Current, self.complete(1, &lease).await)?;
                }
                (Some(settled), claim) => {
                    rule.settled(Settled::Current, settled)?;
                    rule.done(claim)?;
                }
            }
        }
        Ok(())
    }
}

/// More than a call takes in memory; one over a network is cut off while it waits for its first answer.
const TURNS: usize = 8;

//! Rules that concurrent and dropped calls can break.

use std::collections::HashSet;
use std::num::NonZeroU32;

use futures_util::future::join_all;

use super::bench::{Bench, InboxNonconformance, LEASE, Rule};
use crate::inbox::{Filter, Page, State};
use crate::testing::conformance::bench::turns;

impl Bench {
    pub(super) async fn concurrent_claims_share_nothing(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("no callback is claimed by two concurrent claims");
        self.store_all(rule, self.events(24)).await?;
        for _ in 0..4 {
            let three = NonZeroU32::MIN.saturating_add(2);
            let claims = (0..16).map(|node| self.node(node).claim(three, LEASE));
            let mut claimed = HashSet::new();
            for claims in join_all(claims).await {
                for one in rule.ok(claims)? {
                    rule.equal(&claimed.insert(one.digest()), &true)?;
                }
            }
            rule.equal(&claimed.len(), &24)?;
            self.clock.advance(LEASE);
        }
        Ok(())
    }

    pub(super) async fn dropped_calls_leave_nothing_behind(
        &self,
    ) -> Result<(), InboxNonconformance> {
        let rule =
            Rule("calls that are dropped at any point are done or not done, and block nothing");
        let callbacks = self.events(8);
        for (polls, callback) in callbacks.iter().enumerate() {
            turns(&mut self.node(0).store(callback), polls).await;
        }
        // All of them are stored by now, once.
        for callback in callbacks {
            rule.ok(self.node(1).store(callback).await)?;
        }
        for polls in 0..8 {
            turns(&mut self.node(0).claim(NonZeroU32::MIN, LEASE), polls).await;
        }
        self.clock.advance(LEASE);
        let claims = self.claim(rule, 1, 10).await?;
        rule.equal(&claims.len(), &8)?;
        for (polls, claimed) in claims.iter().enumerate() {
            turns(&mut self.node(0).complete(claimed.token), polls).await;
            rule.ok(self.node(1).complete(claimed.token).await)?;
        }
        let done = Filter::new().with_state(State::Done);
        let done = rule.ok(self.node(0).list(&done, Page::default()).await)?;
        rule.equal(&done.len(), &8)
    }
}

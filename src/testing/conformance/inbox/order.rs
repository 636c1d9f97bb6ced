//! Rules of an inbox that is ordered by resource.

use std::time::Duration;

use futures_util::future::join;

use super::bench::{Bench, InboxNonconformance, LEASE, Rule};
use crate::inbox::{Filter, State, Stored};

impl Bench {
    pub(super) async fn one_of_a_resource_at_a_time(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("one callback of a resource is claimed at a time, in order of arrival");
        let callbacks = self.siblings(5);
        self.store_all(rule, callbacks).await?;
        self.store_all(rule, self.events(1)).await?;
        let other = rule.at(self.events(1), 0)?.digest();
        for (number, callback) in callbacks.iter().enumerate() {
            let mut claims = self.claim(rule, number, 10).await?;
            // The event of another resource is not held up.
            claims.retain(|claimed| claimed.digest() != other);
            let [claimed] = claims.as_slice() else {
                return Err(rule.broken(&claims));
            };
            rule.equal(&claimed.digest(), &callback.digest())?;
            self.claim_none(rule).await?;
            for later in callbacks.iter().skip(number + 1) {
                self.state(rule, later, State::Waiting).await?;
            }
            match number {
                0 => rule.current(self.node(1).complete(claimed.token).await)?,
                1 => rule.current(self.node(1).discard_claimed(claimed.token).await)?,
                _ => rule.current(self.node(0).complete(claimed.token).await)?,
            }
        }
        self.claim_none(rule).await
    }

    pub(super) async fn a_parked_one_does_not_hold_up_its_resource(
        &self,
    ) -> Result<(), InboxNonconformance> {
        let rule = Rule("a parked callback does not hold up its resource");
        let callbacks = self.siblings(2);
        self.store_all(rule, callbacks).await?;
        let first = self.claim_one(rule, 0).await?;
        rule.current(self.node(0).park(first.token, "error").await)?;
        let second = self.claim_one(rule, 1).await?;
        rule.equal(&second.digest(), &rule.at(callbacks, 1)?.digest())
    }

    pub(super) async fn a_failed_one_holds_up_its_resource(
        &self,
    ) -> Result<(), InboxNonconformance> {
        let rule =
            Rule("a callback that backs off holds up its resource, also if its lease expires");
        let callbacks = self.siblings(2);
        self.store_all(rule, callbacks).await?;
        let first = self.claim_one(rule, 0).await?;
        rule.current(self.node(0).fail(first.token, "error", LEASE).await)?;
        self.claim_none(rule).await?;
        self.clock.advance(LEASE);
        let again = self.claim_one(rule, 1).await?;
        rule.equal(&again.digest(), &rule.at(callbacks, 0)?.digest())?;
        self.clock.advance(LEASE);
        let third = self.claim_one(rule, 1).await?;
        rule.equal(&third.digest(), &rule.at(callbacks, 0)?.digest())
    }

    pub(super) async fn a_retried_one_joins_its_resource(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("a retried callback waits for the one of its resource that is pending");
        let callbacks = self.siblings(4);
        self.store_all(rule, callbacks).await?;
        for _ in 0..2 {
            let claimed = self.claim_one(rule, 0).await?;
            rule.current(self.node(0).park(claimed.token, "error").await)?;
        }
        let third = self.claim_one(rule, 0).await?;
        rule.equal(&rule.ok(self.node(1).retry(&Filter::new()).await)?, &2)?;
        self.claim_none(rule).await?;
        rule.current(self.node(0).complete(third.token).await)?;
        for expected in [0, 1, 3] {
            let claimed = self.claim_one(rule, 1).await?;
            rule.equal(&claimed.digest(), &rule.at(callbacks, expected)?.digest())?;
            rule.current(self.node(1).complete(claimed.token).await)?;
        }
        self.claim_none(rule).await
    }

    pub(super) async fn completions_and_stores_race_without_loss(
        &self,
    ) -> Result<(), InboxNonconformance> {
        let rule = Rule("a callback that is stored while its predecessor completes becomes due");
        let mut claimed = None;
        for (number, callback) in self.siblings(20).iter().enumerate() {
            let store = self.node(number).store(callback);
            let stored = match claimed.take() {
                None => store.await,
                Some(token) => {
                    let complete = self.node(number + 1).complete(token);
                    let (stored, settled) = join(store, complete).await;
                    rule.current(settled)?;
                    stored
                }
            };
            rule.equal(&rule.ok(stored)?, &Stored::New)?;
            let next = self.claim_one(rule, number).await?;
            rule.equal(&next.digest(), &callback.digest())?;
            claimed = Some(next.token);
        }
        Ok(())
    }

    pub(super) async fn an_unordered_inbox_keeps_no_order_of_resources(
        &self,
    ) -> Result<(), InboxNonconformance> {
        let rule = Rule("an unordered inbox holds up no callback");
        let callbacks = self.siblings(3);
        self.store_all(rule, callbacks).await?;
        let claims = self.claim(rule, 0, 10).await?;
        rule.equal(&claims.len(), &3)?;
        let Some(first) = claims.first() else {
            return Err(rule.broken(&claims));
        };
        rule.equal(&first.entry.resource, &None)?;
        rule.current(self.node(0).fail(first.token, "error", Duration::ZERO).await)?;
        self.claim_one(rule, 1).await.map(drop)
    }
}

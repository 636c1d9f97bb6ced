//! Rules of claims: leases, fencing, failures.

use std::time::Duration;

use super::bench::{Bench, InboxNonconformance, LEASE, Rule, SECOND, tokens};
use crate::inbox::{Filter, State};

impl Bench {
    pub(super) async fn a_claim_excludes_others_until_its_lease_expires(
        &self,
    ) -> Result<(), InboxNonconformance> {
        let rule =
            Rule("a claimed callback is not claimed again until its lease expires, and then is");
        self.store_all(rule, self.events(1)).await?;
        let first = self.claim_one(rule, 0).await?;
        self.claim_none(rule).await?;
        self.clock.advance(LEASE - SECOND);
        self.claim_none(rule).await?;
        self.clock.advance(SECOND);
        let second = self.claim_one(rule, 1).await?;
        rule.equal(&second.digest(), &first.digest())?;
        rule.equal(&second.entry.attempts, &2)?;
        self.claim_none(rule).await
    }

    pub(super) async fn claims_are_in_order_of_arrival(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("callbacks are claimed in order of arrival, and no more than asked for");
        let callbacks = self.events(7);
        self.store_all(rule, callbacks).await?;
        let mut claimed = Vec::new();
        for (node, limit) in [(0, 1), (1, 3), (0, 10)] {
            let claims = self.claim(rule, node, limit).await?;
            rule.equal(&(claims.len() <= usize::try_from(limit).unwrap_or(0)), &true)?;
            claimed.extend(claims.iter().map(|claimed| claimed.digest()));
        }
        let stored: Vec<_> = callbacks.iter().map(|callback| callback.digest()).collect();
        rule.equal(&claimed, &stored)
    }

    pub(super) async fn a_stale_token_has_no_effect(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("a stale token cannot affect the current claim");
        let callbacks = self.events(1);
        self.store_all(rule, callbacks).await?;
        let old = self.claim_one(rule, 0).await?.token;
        self.clock.advance(LEASE);
        let new = self.claim_one(rule, 1).await?.token;
        let before = self.node(0).list(&Filter::new(), Default::default()).await;
        for node in [0, 1] {
            let node = self.node(node);
            rule.stale(node.complete(old).await)?;
            rule.stale(node.fail(old, "error", Duration::ZERO).await)?;
            rule.stale(node.park(old, "error").await)?;
            rule.stale(node.discard_claimed(old).await)?;
            rule.stale(node.release(old).await)?;
            rule.stale(node.extend(old, LEASE * 9).await)?;
        }
        let after = self.node(0).list(&Filter::new(), Default::default()).await;
        rule.equal(&after, &before)?;
        self.claim_none(rule).await?;
        rule.current(self.node(0).complete(new).await)?;
        self.all(callbacks, State::Done, rule).await
    }

    async fn all(
        &self,
        callbacks: &[crate::inbox::VerifiedCallback],
        state: State,
        rule: Rule,
    ) -> Result<(), InboxNonconformance> {
        for callback in callbacks {
            self.state(rule, callback, state).await?;
        }
        Ok(())
    }

    pub(super) async fn a_late_success_counts(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("a claim whose lease expired can be settled if no other claim took over");
        let callbacks = self.events(2);
        self.store_all(rule, callbacks).await?;
        let claims = tokens(&self.claim(rule, 0, 2).await?);
        let [completed, extended] = claims.as_slice() else {
            return Err(rule.broken(&claims));
        };
        self.clock.advance(LEASE * 2);
        rule.current(self.node(1).complete(*completed).await)?;
        rule.current(self.node(1).extend(*extended, LEASE).await)?;
        self.claim_none(rule).await?;
        rule.current(self.node(0).complete(*extended).await)?;
        self.clock.advance(LEASE * 2);
        self.claim_none(rule).await?;
        self.all(callbacks, State::Done, rule).await
    }

    pub(super) async fn a_settled_claim_is_stale(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("a claim is settled once");
        self.store_all(rule, self.events(5)).await?;
        let claims = tokens(&self.claim(rule, 0, 5).await?);
        let [done, failed, parked, discarded, released] = claims.as_slice() else {
            return Err(rule.broken(&claims));
        };
        let node = self.node(0);
        rule.current(node.complete(*done).await)?;
        rule.current(node.fail(*failed, "error", LEASE).await)?;
        rule.current(node.park(*parked, "error").await)?;
        rule.current(node.discard_claimed(*discarded).await)?;
        rule.current(node.release(*released).await)?;
        for token in claims.iter().copied() {
            let node = self.node(1);
            rule.stale(node.complete(token).await)?;
            rule.stale(node.fail(token, "again", Duration::ZERO).await)?;
            rule.stale(node.park(token, "again").await)?;
            rule.stale(node.discard_claimed(token).await)?;
            rule.stale(node.release(token).await)?;
            rule.stale(node.extend(token, LEASE).await)?;
        }
        let again = self.claim_one(rule, 1).await?;
        rule.equal(&again.digest(), &released.digest())
    }

    pub(super) async fn a_failure_backs_off(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("a failed callback is due after its backoff, with the error and the count");
        let callbacks = self.events(1);
        let [callback] = callbacks else {
            return Err(rule.broken(&"no callback"));
        };
        self.store_all(rule, callbacks).await?;
        for failure in 1..=3 {
            let claimed = self.claim_one(rule, 0).await?;
            let error = format!("failure {failure}\n");
            rule.current(self.node(1).fail(claimed.token, &error, LEASE * 2).await)?;
            let entry = self.entry(rule, callback).await?;
            rule.equal(&(entry.failures, entry.attempts), &(failure, failure))?;
            let escaped = format!("failure {failure}\\n");
            rule.equal(&entry.last_error, &Some(escaped))?;
            rule.equal(&(entry.state, entry.is_leased), &(State::Pending, false))?;
            self.clock.advance(LEASE * 2 - SECOND);
            self.claim_none(rule).await?;
            self.clock.advance(SECOND);
        }
        let claimed = self.claim_one(rule, 1).await?;
        let long = "x".repeat(5000);
        rule.current(self.node(0).park(claimed.token, &long).await)?;
        let entry = self.entry(rule, callback).await?;
        rule.equal(&entry.last_error.is_some_and(|error| error.len() < 1200), &true)
    }

    pub(super) async fn an_extended_lease_lasts(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("an extended lease expires that long after the extension");
        self.store_all(rule, self.events(1)).await?;
        let claimed = self.claim_one(rule, 0).await?;
        self.clock.advance(LEASE - SECOND);
        rule.current(self.node(1).extend(claimed.token, LEASE).await)?;
        self.clock.advance(LEASE - SECOND);
        self.claim_none(rule).await?;
        self.clock.advance(SECOND);
        let other = self.claim_one(rule, 1).await?;
        rule.stale(self.node(0).extend(claimed.token, LEASE).await)?;
        rule.current(self.node(0).complete(other.token).await)
    }

    pub(super) async fn a_released_claim_is_due_and_no_failure(
        &self,
    ) -> Result<(), InboxNonconformance> {
        let rule = Rule("a released claim is due at once, and does not count as a failure");
        self.store_all(rule, self.events(1)).await?;
        let claimed = self.claim_one(rule, 0).await?;
        rule.current(self.node(1).release(claimed.token).await)?;
        let again = self.claim_one(rule, 1).await?;
        rule.equal(&(again.entry.failures, again.entry.attempts), &(0, 2))?;
        rule.equal(&again.entry.last_error, &None)
    }

    pub(super) async fn a_parked_callback_waits_for_an_operator(
        &self,
    ) -> Result<(), InboxNonconformance> {
        let rule = Rule("a parked callback is claimed only after an operator retries it");
        let callbacks = self.events(1);
        self.store_all(rule, callbacks).await?;
        let old = self.claim_one(rule, 0).await?;
        rule.current(self.node(0).park(old.token, "for good").await)?;
        self.clock.advance(LEASE * 1000);
        self.claim_none(rule).await?;
        self.all(callbacks, State::Parked, rule).await?;
        let filter = Filter::new().with_state(State::Parked);
        rule.equal(&rule.ok(self.node(1).retry(&filter).await)?, &1)?;
        rule.stale(self.node(0).complete(old.token).await)?;
        let new = self.claim_one(rule, 0).await?;
        rule.equal(&(new.entry.failures, new.entry.attempts), &(0, 2))?;
        rule.current(self.node(1).complete(new.token).await)
    }

    pub(super) async fn tokens_grow(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("tokens of one callback grow");
        self.store_all(rule, self.events(1)).await?;
        let mut last = 0;
        for node in 0..4 {
            let claimed = self.claim_one(rule, node).await?;
            rule.equal(&(claimed.token.number() > last), &true)?;
            last = claimed.token.number();
            match node {
                0 => self.clock.advance(LEASE),
                1 => rule.current(self.node(0).fail(claimed.token, "", Duration::ZERO).await)?,
                2 => {
                    rule.current(self.node(1).park(claimed.token, "").await)?;
                    rule.equal(&rule.ok(self.node(0).retry(&Filter::new()).await)?, &1)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) async fn a_clock_set_back_ends_no_lease(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("a clock that is set back ends no lease, and blocks no claim for good");
        self.store_all(rule, self.events(1)).await?;
        let claimed = self.claim_one(rule, 0).await?;
        self.clock.set_back(LEASE * 60);
        self.claim_none(rule).await?;
        rule.current(self.node(1).extend(claimed.token, LEASE).await)?;
        self.claim_none(rule).await?;
        self.clock.advance(LEASE * 62);
        let other = self.claim_one(rule, 1).await?;
        rule.current(self.node(1).complete(other.token).await)?;
        self.claim_none(rule).await
    }
}

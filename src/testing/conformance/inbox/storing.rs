//! Rules of storing.

use futures_util::future::join_all;

use super::bench::{Bench, InboxNonconformance, Rule};
use crate::inbox::{Filter, Page, State, Stored};

impl Bench {
    pub(super) async fn a_digest_is_stored_once(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("a digest is stored once, on any node, in any state");
        let callbacks = self.events(4);
        self.store_all(rule, callbacks).await?;
        let all_are_duplicates = async || {
            for (number, callback) in callbacks.iter().enumerate() {
                for node in [number, number + 1] {
                    let stored = rule.ok(self.node(node).store(callback).await)?;
                    rule.equal(&stored, &Stored::Duplicate)?;
                }
            }
            Ok(())
        };
        all_are_duplicates().await?;
        let claims = self.claim(rule, 0, 4).await?;
        let [done, parked, discarded, _open] = claims.as_slice() else {
            return Err(rule.broken(&claims));
        };
        all_are_duplicates().await?;
        rule.current(self.node(0).complete(done.token).await)?;
        rule.current(self.node(1).park(parked.token, "error").await)?;
        rule.current(self.node(0).discard_claimed(discarded.token).await)?;
        all_are_duplicates().await
    }

    pub(super) async fn what_was_stored_comes_back(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("body, evidence and what is known of the event come back unchanged");
        let event = self.events(1);
        let odd = std::slice::from_ref(&self.callbacks.oddity);
        for callback in event.iter().chain(odd) {
            rule.equal(&rule.ok(self.node(0).store(callback).await)?, &Stored::New)?;
            let filter = Filter::digest(callback.digest());
            let records = rule.ok(self.node(1).export(&filter, Page::default()).await)?;
            let [record] = records.as_slice() else {
                return Err(rule.broken(&records));
            };
            rule.equal(&record.body.as_ref(), &callback.body().as_bytes())?;
            rule.equal(&record.evidence, callback.evidence())?;
            let entry = &record.entry;
            rule.equal(&entry.digest, &callback.digest())?;
            rule.equal(&entry.state, &State::Pending)?;
            let name = callback.event().map(|event| event.name().to_string());
            rule.equal(&entry.event, &name)?;
            let customer = callback.event().and_then(|event| event.customer_tenant());
            rule.equal(&entry.customer, &customer)?;
            let stored_at = entry.stored_at.unix_timestamp();
            rule.equal(&u64::try_from(stored_at), &Ok(self.clock.now().as_secs()))?;
            rule.equal(&(entry.attempts, entry.failures, entry.is_leased), &(0, 0, false))?;
            rule.equal(&(entry.settled_at, entry.last_error.as_deref()), &(None, None))?;

            let claimed = self.claim_one(rule, 0).await?;
            rule.equal(&claimed.body.as_ref(), &callback.body().as_bytes())?;
            rule.equal(&claimed.event().is_ok(), &callback.event().is_some())?;
            rule.equal(&(claimed.entry.attempts, claimed.entry.is_leased), &(1, true))?;
        }
        Ok(())
    }

    pub(super) async fn what_is_ignored_is_kept(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("an ignored callback is kept, not claimed, and retried only by its state");
        let siblings = self.siblings(2);
        let ignored = rule.at(siblings, 0)?.clone().ignored();
        rule.equal(&rule.ok(self.node(0).store(&ignored).await)?, &Stored::New)?;
        rule.equal(&rule.ok(self.node(1).store(&ignored).await)?, &Stored::Duplicate)?;
        self.state(rule, &ignored, State::Ignored).await?;
        self.claim_none(rule).await?;
        // It holds up nothing.
        let other = rule.at(siblings, 1)?;
        rule.equal(&rule.ok(self.node(0).store(other).await)?, &Stored::New)?;
        let claimed = self.claim_one(rule, 1).await?;
        rule.equal(&claimed.digest(), &other.digest())?;
        rule.current(self.node(0).complete(claimed.token).await)?;

        rule.equal(&rule.ok(self.node(0).discard(&Filter::new()).await)?, &0)?;
        rule.equal(&rule.ok(self.node(0).retry(&Filter::new()).await)?, &0)?;
        rule.equal(&rule.ok(self.node(0).stats().await)?.ignored, &1)?;
        let by_state = Filter::new().with_state(State::Ignored);
        rule.equal(&rule.ok(self.node(0).retry(&by_state).await)?, &1)?;
        let claimed = self.claim_one(rule, 1).await?;
        rule.equal(&claimed.digest(), &ignored.digest())
    }

    pub(super) async fn one_of_many_stores_is_new(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("of many concurrent stores of one digest, one is new");
        for callback in self.events(8) {
            let stores = (0..16).map(|node| self.node(node).store(callback));
            let mut new = 0;
            for stored in join_all(stores).await {
                new += usize::from(rule.ok(stored)? == Stored::New);
            }
            rule.equal(&new, &1)?;
        }
        let all = rule.ok(self.node(0).list(&Filter::new(), Page::default()).await)?;
        rule.equal(&all.len(), &8)
    }
}

//! Rules of what operators do.

use std::num::NonZeroU32;

use super::bench::{Bench, InboxNonconformance, LEASE, Rule, SECOND};
use crate::inbox::{Filter, Page, Retention, State, Stats, Stored};
use crate::signature::BodyDigest;

impl Bench {
    async fn listed(
        &self,
        rule: Rule,
        filter: &Filter,
        page: Page,
    ) -> Result<Vec<BodyDigest>, InboxNonconformance> {
        let entries = rule.ok(self.node(0).list(filter, page).await)?;
        let records = rule.ok(self.node(1).export(filter, page).await)?;
        let exported: Vec<_> = records.into_iter().map(|record| record.entry).collect();
        rule.equal(&exported, &entries)?;
        Ok(entries.into_iter().map(|entry| entry.digest).collect())
    }

    pub(super) async fn lists_are_filtered_and_paged(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("lists are filtered, and paged without gaps");
        let callbacks = self.events(5);
        let digests: Vec<_> = callbacks.iter().map(|callback| callback.digest()).collect();
        for callback in callbacks {
            self.store_all(rule, std::slice::from_ref(callback)).await?;
            self.clock.advance(SECOND);
        }
        self.store_all(rule, std::slice::from_ref(&self.callbacks.oddity)).await?;
        let two = NonZeroU32::MIN.saturating_add(1);
        let (mut page, mut seen) = (Page::first(two), Vec::new());
        loop {
            let entries = rule.ok(self.node(0).list(&Filter::new(), page).await)?;
            let Some(last) = entries.last() else { break };
            page = page.after(last.seq);
            seen.extend(entries.iter().map(|entry| entry.digest));
        }
        let all: Vec<_> = digests.iter().copied().chain([self.callbacks.oddity.digest()]).collect();
        rule.equal(&seen, &all)?;
        let newest = self.listed(rule, &Filter::new(), Page::first(two).newest_first()).await?;
        rule.equal(&newest, &vec![*rule.at(&all, 5)?, *rule.at(&all, 4)?])?;

        let page = Page::default();
        let named = Filter::new().with_event("subscription-updated");
        rule.equal(&self.listed(rule, &named, page).await?, &digests)?;
        let other = Filter::new().with_event("invoice-ready");
        rule.equal(&self.listed(rule, &other, page).await?, &Vec::new())?;
        let entry = self.entry(rule, rule.at(callbacks, 2)?).await?;
        let since = Filter::new().with_stored_since(entry.stored_at);
        rule.equal(
            &self.listed(rule, &since, page).await?,
            &all.iter().skip(2).copied().collect(),
        )?;
        let before = Filter::new().with_stored_before(entry.stored_at);
        rule.equal(
            &self.listed(rule, &before, page).await?,
            &all.iter().take(2).copied().collect(),
        )?;
        let customer = entry.customer.unwrap_or_default();
        let of_customer = Filter::new().with_customer(customer);
        rule.equal(&self.listed(rule, &of_customer, page).await?, &digests)?;
        let nobody = Filter::new().with_customer(uuid::Uuid::nil());
        rule.equal(&self.listed(rule, &nobody, page).await?, &Vec::new())?;
        let done = Filter::new().with_state(State::Done);
        rule.equal(&self.listed(rule, &done, page).await?, &Vec::new())?;
        for digest in &all {
            let digits = digest.to_string();
            let prefix = digits.get(..9).unwrap_or_default();
            let filter = Filter::new().with_digest_prefix(prefix).unwrap_or_default();
            rule.equal(&self.listed(rule, &filter, page).await?, &vec![*digest])?;
        }
        Ok(())
    }

    pub(super) async fn operators_spare_what_is_being_handled(
        &self,
    ) -> Result<(), InboxNonconformance> {
        let rule = Rule("operators do not change callbacks under a lease that has not expired");
        self.store_all(rule, self.events(1)).await?;
        let claimed = self.claim_one(rule, 0).await?;
        rule.equal(&rule.ok(self.node(1).retry(&Filter::new()).await)?, &0)?;
        rule.equal(&rule.ok(self.node(1).discard(&Filter::new()).await)?, &0)?;
        self.claim_none(rule).await?;
        self.clock.advance(LEASE);
        rule.equal(&rule.ok(self.node(1).discard(&Filter::new()).await)?, &1)?;
        rule.stale(self.node(0).complete(claimed.token).await)
    }

    pub(super) async fn done_is_retried_only_by_name(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("what is done is handled again only if the filter names the state");
        let callbacks = self.events(2);
        self.store_all(rule, callbacks).await?;
        for claimed in self.claim(rule, 0, 2).await? {
            rule.current(self.node(0).complete(claimed.token).await)?;
        }
        rule.equal(&rule.ok(self.node(1).retry(&Filter::new()).await)?, &0)?;
        let mut one = Filter::digest(rule.at(callbacks, 1)?.digest());
        rule.equal(&rule.ok(self.node(1).retry(&one).await)?, &0)?;
        one.state = Some(State::Done);
        rule.equal(&rule.ok(self.node(1).retry(&one).await)?, &1)?;
        let again = self.claim_one(rule, 0).await?;
        rule.equal(&again.digest(), &rule.at(callbacks, 1)?.digest())
    }

    pub(super) async fn discarded_is_not_claimed(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("what is discarded is not claimed, and can be retried");
        let callbacks = self.events(3);
        self.store_all(rule, callbacks).await?;
        let one = Filter::digest(rule.at(callbacks, 1)?.digest());
        rule.equal(&rule.ok(self.node(0).discard(&one).await)?, &1)?;
        rule.equal(&rule.ok(self.node(0).discard(&one).await)?, &0)?;
        let claims = self.claim(rule, 1, 10).await?;
        let claimed: Vec<_> = claims.iter().map(|claimed| claimed.digest()).collect();
        rule.equal(
            &claimed,
            &vec![rule.at(callbacks, 0)?.digest(), rule.at(callbacks, 2)?.digest()],
        )?;
        rule.equal(&rule.ok(self.node(0).retry(&one).await)?, &1)?;
        let again = self.claim_one(rule, 1).await?;
        rule.equal(&again.digest(), &rule.at(callbacks, 1)?.digest())
    }

    pub(super) async fn only_old_and_settled_is_pruned(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("only what was settled long ago is pruned, parked callbacks only if asked");
        let callbacks = self.events(5);
        self.store_all(rule, callbacks).await?;
        let claims = self.claim(rule, 0, 4).await?;
        let [done, discarded, parked, _held] = claims.as_slice() else {
            return Err(rule.broken(&claims));
        };
        rule.current(self.node(0).complete(done.token).await)?;
        rule.current(self.node(0).discard_claimed(discarded.token).await)?;
        rule.current(self.node(0).park(parked.token, "error").await)?;
        let prune = async |retention, limit| {
            let limit = NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN);
            rule.ok(self.node(1).prune(LEASE, retention, limit).await)
        };
        self.clock.advance(LEASE - SECOND);
        rule.equal(&prune(Retention::WithParked, 100).await?, &0)?;
        self.clock.advance(SECOND);
        rule.equal(&prune(Retention::KeepParked, 1).await?, &1)?;
        rule.equal(&prune(Retention::KeepParked, 100).await?, &1)?;
        rule.equal(&prune(Retention::KeepParked, 100).await?, &0)?;
        rule.equal(&prune(Retention::WithParked, 100).await?, &1)?;
        let left = self.listed(rule, &Filter::new(), Page::default()).await?;
        rule.equal(&left, &vec![rule.at(callbacks, 3)?.digest(), rule.at(callbacks, 4)?.digest()])?;
        // What was pruned is new, under a number that was not used before.
        rule.equal(&rule.ok(self.node(0).store(rule.at(callbacks, 0)?).await)?, &Stored::New)?;
        let entry = self.entry(rule, rule.at(callbacks, 0)?).await?;
        rule.equal(&(entry.seq > rule.at(&claims, 3)?.token.seq() + 1), &true)?;
        rule.stale(self.node(0).complete(done.token).await)
    }

    pub(super) async fn counts_are_right(&self) -> Result<(), InboxNonconformance> {
        let rule = Rule("counts are right");
        let stats = rule.ok(self.node(0).stats().await)?;
        let counts = |stats: &Stats| {
            let Stats { pending, in_progress, waiting, done, parked, discarded, .. } = *stats;
            [pending, in_progress, waiting, done, parked, discarded]
        };
        rule.equal(&(counts(&stats), stats.oldest_pending), &([0; 6], None))?;
        let callbacks = self.events(7);
        for callback in callbacks {
            self.store_all(rule, std::slice::from_ref(callback)).await?;
            self.clock.advance(SECOND);
        }
        let claims = self.claim(rule, 0, 4).await?;
        let [done, discarded, parked, _held] = claims.as_slice() else {
            return Err(rule.broken(&claims));
        };
        rule.current(self.node(0).complete(done.token).await)?;
        rule.current(self.node(0).discard_claimed(discarded.token).await)?;
        rule.current(self.node(0).park(parked.token, "error").await)?;
        let stats = rule.ok(self.node(1).stats().await)?;
        rule.equal(&counts(&stats), &[4, 1, 0, 1, 1, 1])?;
        let oldest = self.entry(rule, rule.at(callbacks, 3)?).await?.stored_at;
        rule.equal(&stats.oldest_pending, &Some(oldest))
    }
}

//! The contract of an inbox, over the memory.

use std::num::NonZeroU32;
use std::time::Duration;

use super::MemoryInbox;
use crate::duplicates::Settled;
use crate::http_client::BoxFuture;
use crate::inbox::{
    ClaimToken, Claimed, Entry, Filter, Inbox, InboxError, Page, Record, Retention, State, Stats,
    Stored, VerifiedCallback,
};
use crate::mask::Excerpt;

impl Inbox for MemoryInbox {
    fn store<'a>(
        &'a self,
        callback: &'a VerifiedCallback,
    ) -> BoxFuture<'a, Result<Stored, InboxError>> {
        Box::pin(async move { self.store_now(callback) })
    }

    fn claim(
        &self,
        limit: NonZeroU32,
        lease: Duration,
    ) -> BoxFuture<'_, Result<Vec<Claimed>, InboxError>> {
        Box::pin(async move { Ok(self.claim_now(limit, lease)) })
    }

    fn extend(
        &self,
        token: ClaimToken,
        lease: Duration,
    ) -> BoxFuture<'_, Result<Settled, InboxError>> {
        Box::pin(
            async move { Ok(self.settle(token, |entry, now| entry.due_at = Some(now + lease))) },
        )
    }

    fn complete(&self, token: ClaimToken) -> BoxFuture<'_, Result<Settled, InboxError>> {
        Box::pin(async move { Ok(self.end(token, State::Done, None)) })
    }

    fn fail<'a>(
        &'a self,
        token: ClaimToken,
        error: &'a str,
        backoff: Duration,
    ) -> BoxFuture<'a, Result<Settled, InboxError>> {
        let error = Excerpt::long(error).to_string();
        Box::pin(async move { Ok(self.give_back(token, Some(error), backoff)) })
    }

    fn park<'a>(
        &'a self,
        token: ClaimToken,
        error: &'a str,
    ) -> BoxFuture<'a, Result<Settled, InboxError>> {
        let error = Excerpt::long(error).to_string();
        Box::pin(async move { Ok(self.end(token, State::Parked, Some(error))) })
    }

    fn discard_claimed(&self, token: ClaimToken) -> BoxFuture<'_, Result<Settled, InboxError>> {
        Box::pin(async move { Ok(self.end(token, State::Discarded, None)) })
    }

    fn release(&self, token: ClaimToken) -> BoxFuture<'_, Result<Settled, InboxError>> {
        Box::pin(async move { Ok(self.give_back(token, None, Duration::ZERO)) })
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.changed.notified())
    }

    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        page: Page,
    ) -> BoxFuture<'a, Result<Vec<Entry>, InboxError>> {
        Box::pin(async move { Ok(self.select(filter, page, |row| row.entry.clone())) })
    }

    fn export<'a>(
        &'a self,
        filter: &'a Filter,
        page: Page,
    ) -> BoxFuture<'a, Result<Vec<Record>, InboxError>> {
        Box::pin(async move {
            Ok(self.select(filter, page, |row| {
                Record::new(row.entry.clone(), row.body.clone(), row.evidence.clone())
            }))
        })
    }

    fn retry<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, InboxError>> {
        Box::pin(async move {
            Ok(self.change(filter, |entry, now| {
                let is_named = filter.state == Some(entry.state);
                let needs_name = matches!(entry.state, State::Done | State::Ignored);
                if (needs_name && !is_named) || entry.state == State::Waiting {
                    return false;
                }
                if entry.state != State::Pending && entry.resource.is_some() {
                    entry.state = State::Waiting;
                    entry.due_at = None;
                } else {
                    entry.state = State::Pending;
                    entry.due_at = Some(now);
                }
                (entry.is_leased, entry.settled_at, entry.failures) = (false, None, 0);
                true
            }))
        })
    }

    fn discard<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, InboxError>> {
        Box::pin(async move {
            Ok(self.change(filter, |entry, now| {
                if matches!(entry.state, State::Done | State::Discarded | State::Ignored) {
                    return false;
                }
                (entry.state, entry.is_leased) = (State::Discarded, false);
                (entry.due_at, entry.settled_at) = (None, Some(now));
                true
            }))
        })
    }

    fn prune(
        &self,
        age: Duration,
        retention: Retention,
        limit: NonZeroU32,
    ) -> BoxFuture<'_, Result<u64, InboxError>> {
        Box::pin(async move {
            let (mut memory, now) = self.now();
            let is_old = |entry: &Entry| entry.settled_at.is_some_and(|at| at + age <= now);
            let may_go = |entry: &Entry| match entry.state {
                State::Done | State::Discarded | State::Ignored => true,
                State::Parked => retention == Retention::WithParked,
                _ => false,
            };
            let old = memory.rows.values().filter(|row| is_old(&row.entry) && may_go(&row.entry));
            let limit = usize::try_from(limit.get()).unwrap_or(usize::MAX);
            let old: Vec<_> = old.map(|row| row.entry.seq).take(limit).collect();
            old.iter().for_each(|seq| drop(memory.rows.remove(seq)));
            Ok(u64::try_from(old.len()).unwrap_or(u64::MAX))
        })
    }

    fn stats(&self) -> BoxFuture<'_, Result<Stats, InboxError>> {
        Box::pin(async move {
            let (memory, now) = self.now();
            let mut stats = Stats::default();
            for row in memory.rows.values() {
                let entry = &row.entry;
                let count = match entry.state {
                    State::Pending => &mut stats.pending,
                    State::Waiting => &mut stats.waiting,
                    State::Done => &mut stats.done,
                    State::Parked => &mut stats.parked,
                    State::Discarded => &mut stats.discarded,
                    State::Ignored => &mut stats.ignored,
                };
                *count = count.saturating_add(1);
                let is_held = entry.is_leased && entry.due_at.is_some_and(|due| due > now);
                stats.in_progress = stats.in_progress.saturating_add(is_held.into());
                if !entry.state.is_settled() {
                    let oldest = stats.oldest_pending.unwrap_or(entry.stored_at);
                    stats.oldest_pending = Some(oldest.min(entry.stored_at));
                }
                let bytes = u64::try_from(row.body.len()).unwrap_or(u64::MAX);
                stats.size_bytes = stats.size_bytes.saturating_add(bytes);
            }
            Ok(stats)
        })
    }
}

//! An inbox in memory, for tests of handlers and workers.

mod ring;
mod rows;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::duplicates::Settled;
use crate::http_client::BoxFuture;
use crate::inbox::{
    ClaimToken, Claimed, Entry, Filter, Inbox, InboxError, MAX_BODY, Page, Record, Retention,
    State, Stats, Stored, VerifiedCallback,
};
use crate::mask::Excerpt;
use rows::{Memory, Row, selects};

/// An [`Inbox`] in memory. It is not durable, and serves one process: for tests.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::inbox::{Inbox as _, Stored, VerifiedCallback};
/// use partner_center_webhooks::testing::{Issuer, MemoryInbox};
///
/// let issuer = Issuer::new()?;
/// let signer = issuer.signer()?;
/// let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
/// let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
/// let callback = VerifiedCallback::receive(&receiver, &request.headers, request.body).await?;
///
/// let inbox = MemoryInbox::new();
/// assert_eq!(inbox.store(&callback).await?, Stored::New);
/// assert_eq!(inbox.store(&callback).await?, Stored::Duplicate);
/// # Ok(()) }) }
/// ```
pub struct MemoryInbox {
    state: Mutex<Memory>,
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    is_ordered: bool,
    changed: Notify,
}

impl MemoryInbox {
    /// How many refused requests are kept.
    pub const REFUSED: usize = 100;

    /// An empty inbox.
    pub fn new() -> Self {
        let since_1970 = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            state: Mutex::default(),
            clock: Box::new(move || since_1970().unwrap_or_default()),
            is_ordered: false,
            changed: Notify::new(),
        }
    }

    /// Gives callbacks of one resource to one worker at a time, in order of arrival.
    #[must_use]
    pub fn ordered_by_resource(mut self) -> Self {
        self.is_ordered = true;
        self
    }

    /// Reads the time since 1970 from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The memory at the present time. Every change under the lock is complete, so a poisoned lock is safe to use.
    fn now(&self) -> (MutexGuard<'_, Memory>, OffsetDateTime) {
        let memory = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (memory, OffsetDateTime::UNIX_EPOCH + (self.clock)())
    }

    fn store_now(&self, callback: &VerifiedCallback) -> Result<Stored, InboxError> {
        let bytes = callback.body().as_bytes().len();
        if bytes > MAX_BODY {
            return Err(InboxError::BodyTooLong { bytes, limit: MAX_BODY });
        }
        let (mut memory, now) = self.now();
        if memory.rows.values().any(|row| row.entry.digest == callback.digest()) {
            return Ok(Stored::Duplicate);
        }
        let seq = memory.last_seq.saturating_add(1);
        memory.last_seq = seq;
        let mut entry = Entry::new(callback.digest(), seq, now);
        entry.event = callback.event().map(|event| event.name().as_str().to_owned());
        entry.customer = callback.event().and_then(|event| event.customer_tenant());
        let resource = callback.event().and_then(|event| event.resource_uri());
        entry.resource = resource.filter(|_| self.is_ordered).map(str::to_owned);
        entry.due_at = Some(now);
        if memory.has_open(entry.resource.as_deref()) {
            entry.state = State::Waiting;
            entry.due_at = None;
        }
        let body = callback.body().clone().into_inner();
        let evidence = callback.evidence().clone();
        memory.rows.insert(seq, Row { entry, fence: 0, body, evidence });
        self.changed.notify_one();
        Ok(Stored::New)
    }

    fn claim_now(&self, limit: NonZeroU32, lease: Duration) -> Vec<Claimed> {
        let (mut memory, now) = self.now();
        let mut due: Vec<_> = (memory.rows.values())
            .filter(|row| row.entry.state == State::Pending)
            .filter_map(|row| Some((row.entry.due_at?, row.entry.seq)))
            .filter(|(due, _)| *due <= now)
            .collect();
        due.sort();
        let limit = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let mut claims: Vec<_> = (due.into_iter().take(limit))
            .filter_map(|(_, seq)| {
                let row = memory.rows.get_mut(&seq)?;
                row.fence = row.fence.saturating_add(1);
                row.entry.attempts = row.entry.attempts.saturating_add(1);
                row.entry.is_leased = true;
                row.entry.due_at = Some(now + lease);
                let token = ClaimToken::new(row.entry.digest, seq, row.fence);
                Some(Claimed::new(token, row.entry.clone(), row.body.clone(), lease))
            })
            .collect();
        claims.sort_by_key(|claimed| claimed.token.seq());
        claims
    }

    /// Changes a claimed row under its fence.
    fn settle(
        &self,
        token: ClaimToken,
        change: impl FnOnce(&mut Entry, OffsetDateTime),
    ) -> Settled {
        let (mut memory, now) = self.now();
        let row = memory.rows.get_mut(&token.seq()).filter(|row| {
            let entry = &row.entry;
            let is_claimed = entry.state == State::Pending && entry.is_leased;
            is_claimed && entry.digest == token.digest() && row.fence == token.fence()
        });
        let Some(row) = row else {
            return Settled::Stale;
        };
        change(&mut row.entry, now);
        memory.promote(now);
        self.changed.notify_one();
        Settled::Current
    }

    fn end(&self, token: ClaimToken, state: State, error: Option<String>) -> Settled {
        self.settle(token, |entry, now| {
            entry.state = state;
            entry.is_leased = false;
            entry.due_at = None;
            entry.settled_at = Some(now);
            if error.is_some() {
                entry.failures = entry.failures.saturating_add(1);
                entry.last_error = error;
            }
        })
    }

    fn give_back(&self, token: ClaimToken, error: Option<String>, backoff: Duration) -> Settled {
        self.settle(token, |entry, now| {
            entry.is_leased = false;
            entry.due_at = Some(now + backoff);
            if error.is_some() {
                entry.failures = entry.failures.saturating_add(1);
                entry.last_error = error;
            }
        })
    }

    fn change(&self, filter: &Filter, change: impl Fn(&mut Entry, OffsetDateTime) -> bool) -> u64 {
        let (mut memory, now) = self.now();
        let mut count = 0_u64;
        for row in memory.rows.values_mut().filter(|row| selects(filter, &row.entry)) {
            let is_held = row.entry.is_leased && row.entry.due_at.is_some_and(|due| due > now);
            if !is_held && change(&mut row.entry, now) {
                count = count.saturating_add(1);
            }
        }
        memory.promote(now);
        self.changed.notify_one();
        count
    }

    fn select<T>(&self, filter: &Filter, page: Page, read: impl Fn(&Row) -> T) -> Vec<T> {
        let (memory, _) = self.now();
        let is_in_page = |row: &&Row| match (page.after, page.newest_first) {
            (None, _) => true,
            (Some(after), true) => row.entry.seq < after,
            (Some(after), false) => row.entry.seq > after,
        };
        let mut rows: Vec<_> = memory.rows.values().collect();
        if page.newest_first {
            rows.reverse();
        }
        let rows = rows.into_iter().filter(|row| selects(filter, &row.entry)).filter(is_in_page);
        rows.take(usize::try_from(page.limit.get()).unwrap_or(usize::MAX)).map(read).collect()
    }
}

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
                let is_done = entry.state == State::Done && filter.state != Some(State::Done);
                if is_done || entry.state == State::Waiting {
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
                if matches!(entry.state, State::Done | State::Discarded) {
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
                State::Done | State::Discarded => true,
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

impl Default for MemoryInbox {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryInbox").field("is_ordered", &self.is_ordered).finish_non_exhaustive()
    }
}

//! An inbox in memory, for tests of handlers and workers.

mod inbox;
mod ring;
mod rows;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::duplicates::Settled;
use crate::inbox::{
    ClaimToken, Claimed, Entry, Filter, InboxError, MAX_BODY, Page, State, Stored, VerifiedCallback,
};
use rows::{Memory, Row, selects};

/// An [`Inbox`](crate::inbox::Inbox) in memory. It is not durable, and serves one process: for tests.
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
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # use std::{num::NonZeroU32, time::Duration};
    /// # use partner_center_webhooks::{crypto::DefaultBackend, inbox::*, testing::{Issuer, MemoryInbox}};
    /// # let issuer = Issuer::new()?;
    /// # let signer = issuer.signer()?;
    /// # let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    /// let inbox = MemoryInbox::new().ordered_by_resource();
    /// for number in 1..=2 {
    ///     let resource = "https://api.partnercenter.microsoft.com/v1/invoices/G000024135";
    ///     let body = format!(r#"{{"EventName":"invoice-ready","ResourceUri":"{resource}","Number":{number}}}"#);
    ///     let request = signer.callback(body)?;
    ///     let callback = VerifiedCallback::receive(&receiver, &request.headers, request.body).await?;
    ///     inbox.store(&callback).await?;
    /// }
    /// let claims = inbox.claim(NonZeroU32::new(9).unwrap(), Duration::from_secs(60)).await?;
    /// assert_eq!(claims.len(), 1); // the second waits for the first
    /// assert_eq!(inbox.stats().await?.waiting, 1);
    /// # Ok(()) }) }
    /// ```
    #[must_use]
    pub fn ordered_by_resource(mut self) -> Self {
        self.is_ordered = true;
        self
    }

    /// Reads the time since 1970 from `clock`, for tests of leases and backoffs that do not wait.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # use std::{num::NonZeroU32, time::Duration};
    /// # use partner_center_webhooks::{crypto::DefaultBackend, inbox::*, testing::{Issuer, MemoryInbox}};
    /// # let issuer = Issuer::new()?;
    /// # let signer = issuer.signer()?;
    /// # let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    /// # let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
    /// # let callback = VerifiedCallback::receive(&receiver, &request.headers, request.body).await?;
    /// use partner_center_webhooks::testing::TestClock;
    ///
    /// let clock = TestClock::default();
    /// let inbox = MemoryInbox::new().with_clock({
    ///     let clock = clock.clone();
    ///     move || clock.now()
    /// });
    /// inbox.store(&callback).await?;
    /// let lease = Duration::from_secs(60);
    /// assert_eq!(inbox.claim(NonZeroU32::MIN, lease).await?.len(), 1);
    /// assert_eq!(inbox.claim(NonZeroU32::MIN, lease).await?.len(), 0);
    /// clock.advance(lease); // its worker crashed
    /// assert_eq!(inbox.claim(NonZeroU32::MIN, lease).await?.len(), 1);
    /// # Ok(()) }) }
    /// ```
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
        if callback.is_ignored() {
            (entry.state, entry.due_at, entry.settled_at) = (State::Ignored, None, Some(now));
        } else if memory.has_open(entry.resource.as_deref()) {
            (entry.state, entry.due_at) = (State::Waiting, None);
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

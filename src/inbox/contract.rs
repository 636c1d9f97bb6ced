//! The seam for stores of callbacks.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use super::callback::VerifiedCallback;
use super::claim::{ClaimToken, Claimed};
use super::error::InboxError;
use super::filter::{Filter, Page};
use super::record::{Entry, Record, Stats};
use crate::duplicates::Settled;
use crate::http_client::BoxFuture;

/// Stores callbacks durably, and gives each to one worker at a time.
///
/// The engines are `SqliteInbox` and `PostgresInbox`. Another database can implement it; the test kit (feature `testing`) has
/// `inbox_conformance`, which checks these rules:
///
/// - **Durable.** When [`store`](Self::store) returns, the callback survives a crash of the process and of the machine.
/// - **Once.** Of all stores of one digest, on any nodes, exactly one is [`Stored::New`], until the callback is pruned.
/// - **Exact.** Body and evidence come back byte for byte, also if the body is not an event.
/// - **Leases.** A claimed callback is not claimed again until its lease expires. Then the next claim takes over.
/// - **Fencing.** [`complete`](Self::complete), [`fail`](Self::fail), [`park`](Self::park), [`discard_claimed`](Self::discard_claimed),
///   [`release`](Self::release) and [`extend`](Self::extend) change nothing, and return [`Settled::Stale`], unless the token is that
///   of the latest claim, and the claim is not settled. Tokens of one callback grow.
/// - **A late success counts** unless another claim took over: a claim whose lease expired can still be settled.
/// - **Order.** Callbacks are claimed in order of arrival. In an inbox that is ordered by resource, one callback of a resource is
///   pending at a time, in order of arrival; a parked one does not hold up its successors.
/// - **One clock.** Leases and backoffs are durations by the database's clock, so the clocks of nodes do not matter.
/// - **Every call has a deadline**, after which it fails with [`InboxError::Deadline`].
///
/// The futures may be dropped at any time. The call may take effect nevertheless.
///
/// An inbox serves one endpoint. Digests are of bodies, and an event does not name its partner: with several endpoints, use one
/// inbox for each. The engines keep several in the same tables.
pub trait Inbox: fmt::Debug + Send + Sync {
    /// Stores a callback under its digest. It is durable when this returns, so respond with 2xx then and not before.
    ///
    /// A body of more than [`MAX_BODY`](super::MAX_BODY) is refused. A second store of a digest changes nothing, whatever the state
    /// of the callback. One that is [ignored](VerifiedCallback::ignored) is not claimed.
    ///
    /// # Errors
    ///
    /// [`InboxError`] if it is unknown whether it is stored: respond with 503.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use std::{num::NonZeroU32, sync::Arc, time::Duration};
    /// # use partner_center_webhooks::{crypto::DefaultBackend, inbox::*, testing::{Issuer, MemoryInbox}};
    /// # let issuer = Issuer::new()?;
    /// # let signer = issuer.signer()?;
    /// # let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    /// # let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
    /// # let callback = VerifiedCallback::receive(&receiver, &request.headers, request.body).await?;
    /// # let inbox: Arc<dyn Inbox> = Arc::new(MemoryInbox::new());
    /// assert_eq!(inbox.store(&callback).await?, Stored::New);
    /// assert_eq!(inbox.store(&callback).await?, Stored::Duplicate); // Partner Center delivered it again: 2xx
    /// # Ok(()) }) }
    /// ```
    fn store<'a>(
        &'a self,
        callback: &'a VerifiedCallback,
    ) -> BoxFuture<'a, Result<Stored, InboxError>>;

    /// Claims up to `limit` callbacks that are due, for the time `lease`. Empty if there is none.
    ///
    /// Due are callbacks that were stored or retried, whose backoff ended, or whose lease expired. The claim counts as an attempt.
    /// Times have milliseconds.
    ///
    /// # Errors
    ///
    /// [`InboxError`]. If the claim took effect nevertheless, its leases expire.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use std::{num::NonZeroU32, sync::Arc, time::Duration};
    /// # use partner_center_webhooks::{crypto::DefaultBackend, inbox::*, testing::{Issuer, MemoryInbox}};
    /// # let issuer = Issuer::new()?;
    /// # let signer = issuer.signer()?;
    /// # let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    /// # let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
    /// # let callback = VerifiedCallback::receive(&receiver, &request.headers, request.body).await?;
    /// # let inbox: Arc<dyn Inbox> = Arc::new(MemoryInbox::new());
    /// # inbox.store(&callback).await?;
    /// let (one, lease) = (NonZeroU32::MIN, Duration::from_secs(60));
    /// let claims = inbox.claim(one, lease).await?;
    /// assert_eq!(claims[0].event()?.name().as_str(), "invoice-ready");
    /// assert_eq!(claims[0].entry.attempts, 1);
    /// assert!(inbox.claim(one, lease).await?.is_empty()); // it is leased
    /// # Ok(()) }) }
    /// ```
    fn claim(
        &self,
        limit: NonZeroU32,
        lease: Duration,
    ) -> BoxFuture<'_, Result<Vec<Claimed>, InboxError>>;

    /// Renews the lease: it expires `lease` from now.
    ///
    /// # Errors
    ///
    /// [`InboxError`] if it is unknown whether it was renewed.
    fn extend(
        &self,
        token: ClaimToken,
        lease: Duration,
    ) -> BoxFuture<'_, Result<Settled, InboxError>>;

    /// Records that the callback was handled.
    ///
    /// # Errors
    ///
    /// [`InboxError`] if it is unknown whether that was recorded: repeat it.
    fn complete(&self, token: ClaimToken) -> BoxFuture<'_, Result<Settled, InboxError>>;

    /// Records that the attempt failed. The callback is due again after `backoff`. `error` is escaped and cut to 1 KiB.
    ///
    /// # Errors
    ///
    /// [`InboxError`] if it is unknown whether that was recorded: the lease expires.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use std::{num::NonZeroU32, sync::Arc, time::Duration};
    /// # use partner_center_webhooks::{crypto::DefaultBackend, inbox::*, testing::{Issuer, MemoryInbox}};
    /// # let issuer = Issuer::new()?;
    /// # let signer = issuer.signer()?;
    /// # let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    /// # let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
    /// # let callback = VerifiedCallback::receive(&receiver, &request.headers, request.body).await?;
    /// # let inbox: Arc<dyn Inbox> = Arc::new(MemoryInbox::new());
    /// # inbox.store(&callback).await?;
    /// # let claimed = inbox.claim(NonZeroU32::MIN, Duration::from_secs(60)).await?.remove(0);
    /// inbox.fail(claimed.token, "the ERP is closed\n", Duration::from_secs(30)).await?;
    /// let entry = inbox.list(&Filter::new(), Page::default()).await?.remove(0);
    /// assert_eq!((entry.state, entry.failures), (State::Pending, 1));
    /// assert_eq!(entry.last_error.as_deref(), Some("the ERP is closed\\n")); // escaped
    /// assert!(inbox.claim(NonZeroU32::MIN, Duration::from_secs(60)).await?.is_empty()); // for 30 s
    /// # Ok(()) }) }
    /// ```
    fn fail<'a>(
        &'a self,
        token: ClaimToken,
        error: &'a str,
        backoff: Duration,
    ) -> BoxFuture<'a, Result<Settled, InboxError>>;

    /// Records that the attempt failed, and that the callback is not to be claimed until an operator [retries](Self::retry) it.
    ///
    /// # Errors
    ///
    /// [`InboxError`] if it is unknown whether that was recorded: the lease expires.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use std::{num::NonZeroU32, sync::Arc, time::Duration};
    /// # use partner_center_webhooks::{crypto::DefaultBackend, inbox::*, testing::{Issuer, MemoryInbox}};
    /// # let issuer = Issuer::new()?;
    /// # let signer = issuer.signer()?;
    /// # let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    /// # let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
    /// # let callback = VerifiedCallback::receive(&receiver, &request.headers, request.body).await?;
    /// # let inbox: Arc<dyn Inbox> = Arc::new(MemoryInbox::new());
    /// # inbox.store(&callback).await?;
    /// # let claimed = inbox.claim(NonZeroU32::MIN, Duration::from_secs(60)).await?.remove(0);
    /// inbox.park(claimed.token, "no such customer").await?;
    /// assert_eq!(inbox.stats().await?.parked, 1);
    ///
    /// // Later, an operator has added the customer.
    /// assert_eq!(inbox.retry(&Filter::new().with_state(State::Parked)).await?, 1);
    /// assert_eq!(inbox.claim(NonZeroU32::MIN, Duration::from_secs(60)).await?.len(), 1);
    /// # Ok(()) }) }
    /// ```
    fn park<'a>(
        &'a self,
        token: ClaimToken,
        error: &'a str,
    ) -> BoxFuture<'a, Result<Settled, InboxError>>;

    /// Records that the callback is never to be handled.
    ///
    /// # Errors
    ///
    /// [`InboxError`] if it is unknown whether that was recorded: the lease expires.
    fn discard_claimed(&self, token: ClaimToken) -> BoxFuture<'_, Result<Settled, InboxError>>;

    /// Gives a claim back: the callback is due now, and the attempt does not count as a failure.
    ///
    /// # Errors
    ///
    /// [`InboxError`] if it is unknown whether that was recorded: the lease expires.
    fn release(&self, token: ClaimToken) -> BoxFuture<'_, Result<Settled, InboxError>>;

    /// Waits until a callback may have become due: one was stored, or retried by an operator. Never resolving is allowed: workers
    /// poll, too.
    ///
    /// SQLite tells of changes by this process, PostgreSQL of stores by every node, with a notification for each batch. A change that
    /// nobody waits for is remembered once.
    fn changed(&self) -> BoxFuture<'_, ()>;

    /// The callbacks that `filter` selects, without their bodies.
    ///
    /// # Errors
    ///
    /// [`InboxError`].
    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        page: Page,
    ) -> BoxFuture<'a, Result<Vec<Entry>, InboxError>>;

    /// The callbacks that `filter` selects, with bodies and evidence. For one callback: [`Filter::digest`].
    ///
    /// # Errors
    ///
    /// [`InboxError`].
    fn export<'a>(
        &'a self,
        filter: &'a Filter,
        page: Page,
    ) -> BoxFuture<'a, Result<Vec<Record>, InboxError>>;

    /// Makes settled callbacks that `filter` selects pending again, and those that back off due now. Their failures start at 0.
    /// Returns how many. Callbacks under a lease that has not expired are left alone. Done ones are handled a second time, and
    /// ignored ones were never to be handled, so these are retried only if the filter [names the state](Filter::with_state).
    ///
    /// # Errors
    ///
    /// [`InboxError`]. A part of them may have been changed.
    fn retry<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, InboxError>>;

    /// Discards pending, waiting and parked callbacks that `filter` selects. Returns how many. Callbacks under a lease that has not
    /// expired are left alone.
    ///
    /// # Errors
    ///
    /// [`InboxError`]. A part of them may have been changed.
    fn discard<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, InboxError>>;

    /// Deletes up to `limit` callbacks that were done, discarded or ignored more than `age` ago; parked ones only with
    /// [`Retention::WithParked`]. Returns how many: repeat, with a pause, until it is less than `limit`.
    ///
    /// A pruned callback is new if it is delivered again, so keep at least seven days ([`RETAIN`](super::RETAIN) is 30).
    ///
    /// # Errors
    ///
    /// [`InboxError`].
    fn prune(
        &self,
        age: Duration,
        retention: Retention,
        limit: NonZeroU32,
    ) -> BoxFuture<'_, Result<u64, InboxError>>;

    /// Counts the callbacks of each state.
    ///
    /// # Errors
    ///
    /// [`InboxError`].
    fn stats(&self) -> BoxFuture<'_, Result<Stats, InboxError>>;
}

/// How long settled callbacks are kept by default: 30 days, because their digests are the memory of what was handled.
pub const RETAIN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many callbacks one transaction of [`Inbox::prune`] should delete: 100. Larger ones hold up the stores on SQLite.
pub const PRUNE_BATCH: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// The longest body that the engines store: 1 MiB, four times the default limit of a receiver.
pub const MAX_BODY: usize = 1024 * 1024;

/// The result of a store. Both mean that the callback is durable: respond with 2xx.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Stored {
    /// It was stored before.
    Duplicate,
    /// It is stored now.
    New,
}

/// What [`Inbox::prune`] may delete.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Retention {
    /// Only what was done, discarded or ignored.
    #[default]
    KeepParked,
    /// Parked callbacks, too.
    WithParked,
}

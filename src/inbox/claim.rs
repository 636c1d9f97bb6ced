//! Claims of stored callbacks.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::record::Entry;
use crate::event::{Event, EventError};
use crate::signature::BodyDigest;

/// A stored callback under a lease, to be handled now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claimed {
    /// The right to settle it.
    pub token: ClaimToken,
    /// Everything but the body, as of the claim.
    pub entry: Entry,
    /// The bytes that were signed.
    pub body: Bytes,
    /// The length of the lease, from the claim on.
    pub lease: Duration,
}

impl Claimed {
    /// A claim, as an engine returns it.
    pub fn new(token: ClaimToken, entry: Entry, body: Bytes, lease: Duration) -> Self {
        Self { token, entry, body, lease }
    }

    /// SHA-256 of the body: an idempotency key that is the same at each attempt.
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
    /// // Another system keeps the effect from being repeated, although an attempt may be.
    /// let key = format!("pc_{}", claimed.digest());
    /// assert_eq!(key.len(), 3 + 64);
    /// assert_eq!(claimed.digest(), callback.digest());
    /// # Ok(()) }) }
    /// ```
    pub fn digest(&self) -> BodyDigest {
        self.token.digest
    }

    /// Reads the event.
    ///
    /// # Errors
    ///
    /// [`EventError`] if the body is genuine and not an event.
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
    /// assert_eq!(claimed.event()?.name().as_str(), "invoice-ready");
    /// assert_eq!(claimed.entry.event.as_deref(), Some("invoice-ready")); // without parsing
    /// # Ok(()) }) }
    /// ```
    pub fn event(&self) -> Result<Event, EventError> {
        Event::from_slice(&self.body)
    }
}

/// The fencing token of one claim. It settles its callback as long as no other claim took over.
///
/// Tokens of one callback grow with each claim, so that another system can refuse a stale one: [`number`](Self::number).
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct ClaimToken {
    digest: BodyDigest,
    seq: u64,
    fence: u64,
}

impl ClaimToken {
    /// The token of the claim number `fence` of the callback with this digest, stored as number `seq`.
    pub const fn new(digest: BodyDigest, seq: u64, fence: u64) -> Self {
        Self { digest, seq, fence }
    }

    /// SHA-256 of the body.
    pub const fn digest(&self) -> BodyDigest {
        self.digest
    }

    /// The number of the stored callback, in order of arrival. It is not used again after pruning.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The number of the claim.
    pub const fn fence(&self) -> u64 {
        self.fence
    }

    /// Both numbers in one: `seq` × 2⁶⁴ + `fence`. It is unique in the inbox and grows with each claim of the callback.
    ///
    /// ```
    /// use partner_center_webhooks::inbox::ClaimToken;
    /// use partner_center_webhooks::signature::BodyDigest;
    ///
    /// let token = |fence| ClaimToken::new(BodyDigest::from_bytes([7; 32]), 3, fence).number();
    /// assert_eq!(token(1), (3 << 64) + 1);
    /// assert!(token(1) < token(2));
    /// ```
    pub fn number(&self) -> u128 {
        (u128::from(self.seq) << 64) | u128::from(self.fence)
    }
}

impl fmt::Debug for ClaimToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimToken({} {}.{})", self.digest, self.seq, self.fence)
    }
}

//! Each callback handled once, though it is delivered at least once and up to ten times.
//!
//! Before a callback is handled, its digest is claimed from a [`DuplicateGuard`]; afterwards the claim is completed, or
//! released so that the next delivery may try again. The digest is that of the signed body ([`BodyDigest`]): nothing that
//! is not signed counts, for anybody can change it.
//!
//! | the guard says | the answer is | the handler |
//! |---|---|---|
//! | [`Claim::First`] | the handler's own; 2xx completes the claim, anything else releases it unless work goes on | runs |
//! | [`Claim::InProgress`] | 503, because the attempt that runs may still fail; `Retry-After` is what is left of its lease | does not run |
//! | [`Claim::Done`] | 200 | does not run |
//! | an error, as when its database is down | 503 and a `Retry-After` of 30 s: nothing is lost, and nothing is handled unclaimed | does not run |
//!
//! A handler that panics or is cancelled (its client has gone) [abandons](DuplicateGuard::abandon) the claim. A claim that
//! is neither completed nor released, as after a crash, ends with its [`Lease`], and the next delivery is handled. A sender
//! that waits as it is told comes back when the lease has ended: `Retry-After` is at least 1 s and at most 300 s, so that its
//! ten tries outlast any lease of up to 45 minutes.
//!
//! Work that goes on after the response, as after a timeout inside the layer, keeps a clone of the [`Attempt`]: as long as it
//! does, a response that is not 2xx releases nothing, and no delivery begins the work again beside it.
//!
//! Handling and completing are two steps, so there is one case in which a callback is handled twice, and it is logged as a
//! warning: the handler succeeded, and the claim could not be completed, because the guard failed just then or because the
//! lease had ended and another attempt had begun. The handler's answer stands, for what it did is done, and a 503 would
//! surely have it done again. Who cannot bear that keeps the digest in the same transaction as the handler's work.
//!
//! # Example
//!
//! ```
//! # #[cfg(all(feature = "testing", feature = "aws-lc-rs"))]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! use std::sync::Arc;
//!
//! use partner_center_webhooks::crypto::DefaultBackend;
//! use partner_center_webhooks::duplicates::{Attempt, DuplicateError, DuplicateGuard, InMemory};
//! use partner_center_webhooks::testing::Issuer;
//!
//! let issuer = Issuer::new()?;
//! let signer = issuer.signer()?;
//! let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
//! let guard: Arc<dyn DuplicateGuard> = Arc::new(InMemory::new());
//!
//! let callback = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
//! let received = receiver.receive(&callback.headers, &callback.body).await?;
//! let attempt = Attempt::claim(&guard, received.digest()).await?;
//! // … handle it; `?` or a panic here would abandon the attempt …
//! attempt.complete().await?;
//!
//! let again = receiver.receive(&callback.headers, &callback.body).await?;
//! let refused = Attempt::claim(&guard, again.digest()).await.unwrap_err();
//! assert_eq!(refused, DuplicateError::Done { digest: again.digest() });
//! # Ok(()) }) }
//! # #[cfg(not(all(feature = "testing", feature = "aws-lc-rs")))] fn main() {}
//! ```

mod attempt;
mod in_memory;

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::excerpt::Excerpt;
use crate::http_client::BoxFuture;
use crate::mask::text::urls;
use crate::signature::BodyDigest;

pub use attempt::Attempt;
pub use in_memory::InMemory;

/// Remembers which callbacks are being handled and which have been.
///
/// Written so that a database which many nodes share can implement it; [`InMemory`] serves one process. The test kit
/// (feature `testing`) has `duplicate_guard_conformance`, which checks what is said here.
///
/// - **One at a time.** Of any number of claims of one digest at once, on whatever nodes, one is [`Claim::First`]. A check
///   and a write in two steps are not enough; a conditional write (`INSERT … ON CONFLICT DO UPDATE … WHERE`) is.
/// - **Leases end.** A claim that was neither completed nor released ends after a time that is longer than any handler runs,
///   and then the next claim is first. A guard that knows when tells it ([`Claim::InProgress`]), so that the sender comes back
///   in time and not before; what it tells is never longer than what is left, and a claim after it succeeds.
/// - **Fencing.** Each first claim has a token that no earlier claim of the digest had. [`complete`](Self::complete) and
///   [`release`](Self::release) change nothing unless the token is the one of the last first claim, and that claim is still
///   open: an attempt that lost its lease cannot disturb the one that took over.
/// - **A late success counts** as long as nobody took over: a lease that has ended can still be completed.
/// - **What is done stays done** for as long as Partner Center may deliver again. That is not documented; seven days is ample.
/// - **Clocks step.** A clock that is set back must not end a lease early. One that is set forward may: it looks like time.
/// - **Every call ends in time.** The sender waits for the answer while the guard is asked, so a guard that hangs withholds
///   answers, and events are delivered again that were handled. An implementation over a network has a deadline of a second
///   or two for each call, as with `tokio::time::timeout` around the query and the wait for a connection, and fails with
///   [`GuardError`] when it has passed. What the database does with the query then is settled by the token and the lease.
///
/// The futures may be dropped at any time: whatever was not settled by then ends with its lease.
///
/// A store serves one endpoint. Digests are of bodies, and an event does not name the partner it is for: of two tenants that
/// share a store and are sent the same bytes, one would never hear of it. Who has several endpoints gives each its own guard,
/// with a key of its own beside the digest if they share a table.
pub trait DuplicateGuard: fmt::Debug + Send + Sync {
    /// Asks to handle the callback whose body has this digest.
    ///
    /// # Errors
    ///
    /// [`GuardError`] if that cannot be known: the callback is then answered with 503, and not handled.
    fn claim(&self, digest: BodyDigest) -> BoxFuture<'_, Result<Claim, GuardError>>;

    /// Says that the callback was handled.
    ///
    /// # Errors
    ///
    /// [`GuardError`] if it is not known whether that was noted.
    fn complete<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>>;

    /// Says that the callback was not handled, so that the next delivery may be.
    ///
    /// # Errors
    ///
    /// [`GuardError`] if it is not known whether that was noted: the lease ends by itself.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>>;

    /// Hears of an attempt that was dropped, by a panic or because its client has gone: as [`release`](Self::release), but
    /// it cannot be waited for.
    ///
    /// Called while a future is dropped, so it must return at once and must not panic: a panic while another unwinds aborts
    /// the process. By default nothing is done, and the lease ends by itself. An implementation over a network can spawn its
    /// release here, on a `tokio::runtime::Handle` that it was made with: futures are dropped outside of runtimes too, as when
    /// one shuts down, and there `tokio::spawn` panics.
    fn abandon(&self, lease: &Lease) {
        let _ = lease;
    }
}

/// What a guard says to a claim.
#[derive(Debug)]
#[non_exhaustive]
pub enum Claim {
    /// It was handled before.
    Done,
    /// It is to be handled now, under this lease.
    First(Lease),
    /// It is being handled at this moment.
    InProgress {
        /// How long its lease still lasts, if the guard knows: a claim after that time is first unless the attempt is settled
        /// by then. The sender is told to wait for that long; without it, for [`InMemory::LEASE`].
        lease_left: Option<Duration>,
    },
}

/// The right to handle one callback, for a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    digest: BodyDigest,
    token: u128,
}

impl Lease {
    /// The lease of a first claim, with a token that no earlier claim of `digest` had: a counter, or a random UUID.
    pub fn new(digest: BodyDigest, token: u128) -> Self {
        Self { digest, token }
    }

    /// Whose lease it is.
    pub fn digest(&self) -> BodyDigest {
        self.digest
    }

    /// What tells it from earlier and later leases of the same digest.
    pub fn token(&self) -> u128 {
        self.token
    }
}

/// What became of a lease that was completed or released.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Settled {
    /// It was the current one, and now it is over.
    Current,
    /// Nothing was changed: another attempt took over after it had ended, or it was settled before.
    Stale,
}

/// Why a callback is not handled now. The text is for logs.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DuplicateError {
    /// It was handled before.
    #[error("callback {digest} was handled before")]
    Done {
        /// SHA-256 of the body.
        digest: BodyDigest,
    },
    /// It is being handled at this moment.
    #[error(
        "callback {digest} is being handled at this moment (deliver it again in {retry_after:?})"
    )]
    InProgress {
        /// SHA-256 of the body.
        digest: BodyDigest,
        /// What is left of the lease, in whole seconds, from 1 s to [`DuplicateError::LONGEST_RETRY`].
        retry_after: Duration,
    },
    /// It is not known whether it was handled before.
    #[error("it is not known whether callback {digest} was handled before: {error}")]
    Unknown {
        /// SHA-256 of the body.
        digest: BodyDigest,
        /// What the guard says.
        error: GuardError,
    },
}

impl DuplicateError {
    /// The longest time that a sender is told to wait for the end of a lease: 300 s.
    pub const LONGEST_RETRY: Duration = Duration::from_secs(300);
    /// How long a sender is told to wait if the guard failed: 30 s. Nine waits are 270 s, longer than the failover of an
    /// ordinary database takes.
    pub const RETRY_OF_UNKNOWN: Duration = Duration::from_secs(30);

    /// For a callback that is being handled, under a lease of which so much is left. Rounded up to whole seconds, from 1 s to
    /// [`LONGEST_RETRY`](Self::LONGEST_RETRY); [`InMemory::LEASE`] if it is not known.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use partner_center_webhooks::duplicates::DuplicateError;
    /// use partner_center_webhooks::signature::BodyDigest;
    ///
    /// let wait = |left| DuplicateError::in_progress(BodyDigest::from_bytes([7; 32]), left).retry_after();
    /// assert_eq!(wait(Some(Duration::from_millis(41_001))), Some(Duration::from_secs(42)));
    /// assert_eq!(wait(Some(Duration::ZERO)), Some(Duration::from_secs(1)));
    /// assert_eq!(wait(Some(Duration::MAX)), Some(Duration::from_secs(300)));
    /// assert_eq!(wait(None), Some(Duration::from_secs(120)));
    /// ```
    pub fn in_progress(digest: BodyDigest, lease_left: Option<Duration>) -> Self {
        let left = lease_left.unwrap_or(InMemory::LEASE);
        let begun = u64::from(left.subsec_nanos() > 0);
        let seconds = Duration::from_secs(left.as_secs().saturating_add(begun));
        Self::InProgress {
            digest,
            retry_after: seconds.clamp(Duration::from_secs(1), Self::LONGEST_RETRY),
        }
    }

    /// How long to tell the sender to wait, in whole seconds; nothing if the callback was handled.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Done { .. } => None,
            Self::InProgress { retry_after, .. } => Some(*retry_after),
            Self::Unknown { .. } => Some(Self::RETRY_OF_UNKNOWN),
        }
    }
}

/// A guard that could not answer.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("the duplicate guard failed: {0}")]
pub struct GuardError(Excerpt);

impl GuardError {
    /// For this reason, which is escaped and cut. URLs in it are shown without their user and the values of their query.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(Excerpt::of(&*urls(&reason.to_string())))
    }
}

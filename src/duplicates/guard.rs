//! The interface to stores of claims.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::http_client::BoxFuture;
use crate::mask::Excerpt;
use crate::mask::text::urls;
use crate::signature::BodyDigest;

/// Remembers which callbacks are being handled and which were handled.
///
/// A database shared by many nodes can implement it; [`InMemory`](super::InMemory) serves one process. The test kit (feature
/// `testing`) has `duplicate_guard_conformance`, which checks these rules:
///
/// - **One at a time.** Of concurrent claims of one digest, on any nodes, exactly one is [`Claim::First`]. A check followed by a
///   write is not enough; a conditional write (`INSERT … ON CONFLICT DO UPDATE … WHERE`) is.
/// - **Leases expire.** A claim that was neither completed nor released expires after a time that is longer than any handler
///   runs, and then the next claim is first. A guard that knows the remaining time returns it ([`Claim::InProgress`]), so that
///   the sender returns in time. It never returns more than remains, and a claim after that time succeeds.
/// - **Fencing.** Each first claim has a token that no earlier claim of the digest had. [`complete`](Self::complete) and
///   [`release`](Self::release) change nothing unless the token is that of the latest first claim and that claim is still open:
///   a stale lease cannot affect the current attempt.
/// - **A late success counts** unless another attempt took over: an expired lease can still be completed.
/// - **Done stays done** as long as Partner Center may deliver again. That time is not documented; seven days are ample.
/// - **Clocks step.** A clock that is set back must not expire a lease early. One that is set forward may, because that looks
///   like the passing of time.
/// - **Every call has a deadline.** The sender waits for the response meanwhile, so a guard that hangs delays responses, and
///   handled events are delivered again. An implementation over a network limits each call to a second or two, for example
///   with `tokio::time::timeout` around the query and the wait for a connection, and then fails with [`GuardError`]. If the
///   database still executes the query, the token and the lease keep the result consistent.
///
/// The futures may be dropped at any time: an unsettled claim expires with its lease.
///
/// A store serves one endpoint. Digests are of bodies, and an event does not name its partner: if two tenants share a store and
/// receive the same bytes, one of them never sees the event. With several endpoints, use one guard for each; in a shared table,
/// add a key for the endpoint to the digest.
pub trait DuplicateGuard: fmt::Debug + Send + Sync {
    /// Claims the callback whose body has this digest.
    ///
    /// # Errors
    ///
    /// [`GuardError`] if the result is unknown: then the response is 503, and the callback is not handled.
    fn claim(&self, digest: BodyDigest) -> BoxFuture<'_, Result<Claim, GuardError>>;

    /// Records that the callback was handled.
    ///
    /// # Errors
    ///
    /// [`GuardError`] if it is unknown whether that was recorded.
    fn complete<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>>;

    /// Records that the callback was not handled, so that the next delivery can be.
    ///
    /// # Errors
    ///
    /// [`GuardError`] if it is unknown whether that was recorded: the lease expires.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>>;

    /// Notifies the guard of an attempt that was dropped, by a panic or because the client disconnected. Like
    /// [`release`](Self::release), but synchronous.
    ///
    /// Called while a future is dropped, so it must return at once and must not panic: a panic during unwinding aborts the
    /// process. By default it does nothing, and the lease expires. An implementation over a network can spawn its release here, on
    /// a stored `tokio::runtime::Handle`: futures are also dropped outside of runtimes, as when one shuts down, and `tokio::spawn`
    /// panics there.
    fn abandon(&self, lease: &Lease) {
        let _ = lease;
    }
}

/// The result of a claim.
#[derive(Debug)]
#[non_exhaustive]
pub enum Claim {
    /// The callback was handled before.
    Done,
    /// Handle the callback now, under this lease.
    First(Lease),
    /// Another attempt is handling the callback.
    InProgress {
        /// The remaining time of its lease, if known: a claim after that time is first unless the attempt is settled by then. It
        /// becomes `Retry-After`; without it, [`InMemory::LEASE`](super::InMemory::LEASE) does.
        lease_left: Option<Duration>,
    },
}

/// The right to handle one callback for a limited time.
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

    /// The digest of the callback.
    pub fn digest(&self) -> BodyDigest {
        self.digest
    }

    /// The token that distinguishes it from other leases of the same digest.
    pub fn token(&self) -> u128 {
        self.token
    }
}

/// The result of completing or releasing a lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Settled {
    /// The lease was the current one, and is settled now.
    Current,
    /// Nothing changed: the lease had expired and another attempt took over, or it was settled before.
    Stale,
}

/// A failure of the guard.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("the duplicate guard failed: {0}")]
pub struct GuardError(Excerpt);

impl GuardError {
    /// An error with this reason, which is escaped and cut. URLs in it are masked.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(Excerpt::of(&*urls(&reason.to_string())))
    }
}

//! A claim in use: settled once, and never forgotten.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Claim, DuplicateError, DuplicateGuard, GuardError, Lease, Settled};
use crate::signature::BodyDigest;
use crate::trace;

/// The attempt to handle one callback. Complete it when the callback is handled.
///
/// It can be cloned, and is abandoned when the last of its clones is dropped: work that goes on by itself, on a thread or in a
/// task, takes a clone along, so that no delivery begins it again beside it when a timeout or a client that goes away has ended
/// the request. The first clone that completes or releases the attempt does so for all; a response that is not 2xx
/// ([`settle`](Self::settle)) says nothing about work that goes on, and drops its own clone only.
///
/// # Example: a timeout that does not end the work
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use std::sync::Arc;
///
/// use partner_center_webhooks::duplicates::{Attempt, DuplicateError, DuplicateGuard, InMemory, Settled};
/// use partner_center_webhooks::signature::BodyDigest;
///
/// let guard: Arc<dyn DuplicateGuard> = Arc::new(InMemory::new());
/// let digest = BodyDigest::from_bytes([7; 32]); // in production: received.digest()
/// let attempt = Attempt::claim(&guard, digest).await?;
/// let work = attempt.clone(); // moved into a task that goes on
/// attempt.settle(504).await;
///
/// let again = Attempt::claim(&guard, digest).await.unwrap_err();
/// assert!(matches!(again, DuplicateError::InProgress { .. }));
/// assert_eq!(work.complete().await, Ok(Settled::Current));
/// assert_eq!(Attempt::claim(&guard, digest).await.unwrap_err(), DuplicateError::Done { digest });
/// # Ok::<_, DuplicateError>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What became of it is logged, see the table on the crate's front page.
#[derive(Clone)]
#[must_use = "an attempt that is dropped is abandoned at once"]
pub struct Attempt(Arc<Inner>);

struct Inner {
    guard: Arc<dyn DuplicateGuard>,
    lease: Lease,
    is_open: AtomicBool,
}

impl Attempt {
    /// Claims the callback whose body has this digest.
    ///
    /// # Errors
    ///
    /// [`DuplicateError`] if it is not to be handled now: as an [`Error`](crate::Error) it knows what to answer.
    pub async fn claim(
        guard: &Arc<dyn DuplicateGuard>,
        digest: BodyDigest,
    ) -> Result<Self, DuplicateError> {
        match guard.claim(digest).await {
            Ok(Claim::Done) => {
                trace::attempt("duplicate", &digest);
                Err(DuplicateError::Done { digest })
            }
            Ok(Claim::First(lease)) => Ok(Self(Arc::new(Inner {
                guard: Arc::clone(guard),
                lease,
                is_open: AtomicBool::new(true),
            }))),
            Ok(Claim::InProgress { lease_left }) => {
                trace::attempt("in_progress", &digest);
                Err(DuplicateError::in_progress(digest, lease_left))
            }
            Err(error) => {
                trace::guard_failed("claim", &digest, &error);
                Err(DuplicateError::Unknown { digest, error })
            }
        }
    }

    /// The callback was handled. [`Settled::Stale`] if a clone has settled it before.
    ///
    /// Dropped before it is ready, this leaves the lease to end by itself: whether the guard has noted it is not known.
    ///
    /// # Errors
    ///
    /// [`GuardError`] if the guard could not note it: a later delivery may be handled again. It is logged.
    pub async fn complete(self) -> Result<Settled, GuardError> {
        let Inner {
            guard,
            lease,
            is_open,
        } = &*self.0;
        if !is_open.swap(false, Ordering::SeqCst) {
            return Ok(Settled::Stale);
        }
        let settled = guard.complete(lease).await;
        self.0.log("complete", "completed", settled)
    }

    /// The callback was not handled, and the next delivery may be, whatever clones there are. [`Settled::Stale`] if a clone has
    /// settled it before.
    ///
    /// # Errors
    ///
    /// [`GuardError`] if the guard could not note it: deliveries are refused until the lease ends. It is logged.
    pub async fn release(self) -> Result<Settled, GuardError> {
        self.0.release().await
    }

    /// Completes the attempt for all its clones if the callback was answered with 2xx. Otherwise releases it if this is its last
    /// clone, and drops this clone if work goes on that holds another one. The answer stands whatever becomes of it.
    pub async fn settle(self, status: u16) {
        if (200..300).contains(&status) {
            let _: Result<Settled, GuardError> = self.complete().await;
        } else if let Some(last) = Arc::into_inner(self.0) {
            // Of clones that come here at once, exactly one is the last.
            let _: Result<Settled, GuardError> = last.release().await;
        }
    }

    /// Which callback it is about.
    pub fn digest(&self) -> BodyDigest {
        self.0.lease.digest()
    }
}

impl Inner {
    async fn release(&self) -> Result<Settled, GuardError> {
        if !self.is_open.load(Ordering::SeqCst) {
            return Ok(Settled::Stale);
        }
        // Open until it is done: dropped in between, it is abandoned.
        let settled = self.guard.release(&self.lease).await;
        self.is_open.store(false, Ordering::SeqCst);
        self.log("release", "released", settled)
    }

    fn log(
        &self,
        step: &'static str,
        outcome: &'static str,
        settled: Result<Settled, GuardError>,
    ) -> Result<Settled, GuardError> {
        let digest = self.lease.digest();
        match &settled {
            Ok(Settled::Current) => trace::attempt(outcome, &digest),
            Ok(Settled::Stale) => trace::attempt_stale(step, &digest),
            Err(error) => trace::guard_failed(step, &digest, error),
        }
        settled
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if *self.is_open.get_mut() {
            self.guard.abandon(&self.lease);
            trace::attempt("abandoned", &self.lease.digest());
        }
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("lease", &self.0.lease)
            .field("is_open", &self.0.is_open)
            .finish_non_exhaustive()
    }
}

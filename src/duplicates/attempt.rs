//! A claim in use. It is settled exactly once.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::DuplicateError;
use super::guard::{Claim, DuplicateGuard, GuardError, Lease, Settled};
use crate::log;
use crate::signature::BodyDigest;

/// An attempt to handle one callback. Complete it when the callback is handled.
///
/// An attempt is abandoned when its last clone is dropped. Work that goes on in a thread or a task keeps a clone, so that no other
/// delivery starts the work again after a timeout or a disconnect ended the request. The first clone that completes or releases
/// the attempt does so for all. A response that is not 2xx ([`settle`](Self::settle)) drops only its own clone.
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
/// The outcome is logged, see the table on the crate's front page.
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
    /// [`DuplicateError`] if the callback is not to be handled now. As an [`Error`](crate::Error) it has the HTTP status.
    pub async fn claim(
        guard: &Arc<dyn DuplicateGuard>,
        digest: BodyDigest,
    ) -> Result<Self, DuplicateError> {
        match guard.claim(digest).await {
            Ok(Claim::Done) => {
                log::receiver::attempt("duplicate", &digest);
                Err(DuplicateError::Done { digest })
            }
            Ok(Claim::First(lease)) => Ok(Self(Arc::new(Inner {
                guard: Arc::clone(guard),
                lease,
                is_open: AtomicBool::new(true),
            }))),
            Ok(Claim::InProgress { lease_left }) => {
                log::receiver::attempt("in_progress", &digest);
                Err(DuplicateError::in_progress(digest, lease_left))
            }
            Err(error) => {
                log::receiver::guard_failed("claim", &digest, &error);
                Err(DuplicateError::Unknown { digest, error })
            }
        }
    }

    /// Records that the callback was handled. [`Settled::Stale`] if a clone settled the attempt before.
    ///
    /// If the future is dropped before it is ready, the lease expires: it is unknown whether the guard recorded it.
    ///
    /// # Errors
    ///
    /// [`GuardError`] if the guard could not record it: a later delivery may be handled again. It is logged.
    pub async fn complete(self) -> Result<Settled, GuardError> {
        let Inner { guard, lease, is_open } = &*self.0;
        if !is_open.swap(false, Ordering::SeqCst) {
            return Ok(Settled::Stale);
        }
        let settled = guard.complete(lease).await;
        self.0.log("complete", "completed", settled)
    }

    /// Records, for all clones, that the callback was not handled and the next delivery can be. [`Settled::Stale`] if a clone
    /// settled the attempt before.
    ///
    /// # Errors
    ///
    /// [`GuardError`] if the guard could not record it: deliveries are refused until the lease expires. It is logged.
    pub async fn release(self) -> Result<Settled, GuardError> {
        self.0.release().await
    }

    /// Completes the attempt for all clones if `status`, that of the response, is 2xx. Otherwise releases it if this is the last
    /// clone, and drops this clone if another one exists. A failure of the guard does not change the response.
    pub async fn settle(self, status: u16) {
        if (200..300).contains(&status) {
            let _: Result<Settled, GuardError> = self.complete().await;
        } else if let Some(last) = Arc::into_inner(self.0) {
            // Of concurrent clones, exactly one is the last.
            let _: Result<Settled, GuardError> = last.release().await;
        }
    }

    /// The digest of the callback.
    pub fn digest(&self) -> BodyDigest {
        self.0.lease.digest()
    }
}

impl Inner {
    async fn release(&self) -> Result<Settled, GuardError> {
        if !self.is_open.load(Ordering::SeqCst) {
            return Ok(Settled::Stale);
        }
        // It stays open until it is released: if this future is dropped, it is abandoned.
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
            Ok(Settled::Current) => log::receiver::attempt(outcome, &digest),
            Ok(Settled::Stale) => log::receiver::attempt_stale(step, &digest),
            Err(error) => log::receiver::guard_failed(step, &digest, error),
        }
        settled
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if *self.is_open.get_mut() {
            self.guard.abandon(&self.lease);
            log::receiver::attempt("abandoned", &self.lease.digest());
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

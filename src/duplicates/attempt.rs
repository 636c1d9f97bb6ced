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
/// the request. Whoever settles it first settles it for all.
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
            Ok(Claim::InProgress) => {
                trace::attempt("in_progress", &digest);
                Err(DuplicateError::InProgress { digest })
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
        self.tell("complete", "completed", settled)
    }

    /// The callback was not handled, and the next delivery may be, whatever clones there are. [`Settled::Stale`] if a clone has
    /// settled it before.
    ///
    /// # Errors
    ///
    /// [`GuardError`] if the guard could not note it: deliveries are refused until the lease ends. It is logged.
    pub async fn release(self) -> Result<Settled, GuardError> {
        let Inner {
            guard,
            lease,
            is_open,
        } = &*self.0;
        if !is_open.load(Ordering::SeqCst) {
            return Ok(Settled::Stale);
        }
        // Open until it is done: dropped in between, it is abandoned.
        let settled = guard.release(lease).await;
        is_open.store(false, Ordering::SeqCst);
        self.tell("release", "released", settled)
    }

    /// Completes the attempt if the callback was answered with 2xx, and releases it otherwise. The answer stands whatever
    /// becomes of it.
    pub async fn settle(self, status: u16) {
        let _: Result<Settled, GuardError> = match (200..300).contains(&status) {
            true => self.complete().await,
            false => self.release().await,
        };
    }

    /// Which callback it is about.
    pub fn digest(&self) -> BodyDigest {
        self.0.lease.digest()
    }

    fn tell(
        &self,
        step: &'static str,
        outcome: &'static str,
        settled: Result<Settled, GuardError>,
    ) -> Result<Settled, GuardError> {
        match &settled {
            Ok(Settled::Current) => trace::attempt(outcome, &self.digest()),
            Ok(Settled::Stale) => trace::attempt_stale(step, &self.digest()),
            Err(error) => trace::guard_failed(step, &self.digest(), error),
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

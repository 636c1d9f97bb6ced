//! A claim in use: settled once, and never forgotten.

use std::fmt;
use std::sync::Arc;

use super::{Claim, DuplicateError, DuplicateGuard, GuardError, Lease, Settled};
use crate::signature::BodyDigest;
use crate::trace;

/// The attempt to handle one callback. Complete it when the callback is handled; dropped, it is abandoned.
///
/// What became of it is logged, see the table on the crate's front page.
#[must_use = "an attempt that is dropped is abandoned at once"]
pub struct Attempt {
    guard: Arc<dyn DuplicateGuard>,
    lease: Lease,
    is_open: bool,
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
            Ok(Claim::First(lease)) => Ok(Self {
                guard: Arc::clone(guard),
                lease,
                is_open: true,
            }),
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

    /// The callback was handled.
    ///
    /// Dropped before it is ready, this leaves the lease to end by itself: whether the guard has noted it is not known.
    ///
    /// # Errors
    ///
    /// [`GuardError`] if the guard could not note it: a later delivery may be handled again. It is logged.
    pub async fn complete(mut self) -> Result<Settled, GuardError> {
        self.is_open = false;
        let settled = self.guard.complete(&self.lease).await;
        self.tell("complete", "completed", settled)
    }

    /// The callback was not handled, and the next delivery may be. The same as dropping the attempt, but waited for.
    ///
    /// # Errors
    ///
    /// [`GuardError`] if the guard could not note it: deliveries are refused until the lease ends. It is logged.
    pub async fn release(mut self) -> Result<Settled, GuardError> {
        let settled = self.guard.release(&self.lease).await;
        self.is_open = false;
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
        self.lease.digest()
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

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.is_open {
            self.guard.abandon(&self.lease);
            trace::attempt("abandoned", &self.digest());
        }
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("lease", &self.lease)
            .field("is_open", &self.is_open)
            .finish_non_exhaustive()
    }
}

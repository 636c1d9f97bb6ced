//! Verifies kept signers again with the evidence at hand.

use std::sync::Arc;
use std::time::Duration;

use super::gather::{Gatherer, Target};
use crate::chain::{CertificateDer, ChainError, PathError, VerifiedSigner};

/// Whether kept signers are verified under the rules that accepted them. Decides what a transient error means.
///
/// A missing list, for example, drops a signer only if the operator has just required lists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Rules {
    /// A signer is dropped until it passes.
    Replaced,
    /// A signer stays: it passed before.
    Unchanged,
}

/// The verdict on a kept signer.
///
/// It has no effect yet: [`SignerSet::after`](super::set::SignerSet::after) applies it, unless the rules were replaced meanwhile.
pub(super) struct Verdict {
    pub(super) signer: Arc<VerifiedSigner>,
    /// The signer as verified now, or `None` if it is dropped.
    pub(super) renewed: Option<Arc<VerifiedSigner>>,
    /// Why it is dropped.
    pub(super) error: Option<ChainError>,
}

impl Verdict {
    /// Verifies `signer` again with the evidence at hand and with `twins`, certificates that may replace revoked issuers.
    pub(super) fn on(
        signer: &Arc<VerifiedSigner>,
        gatherer: &Gatherer,
        rules: Rules,
        twins: &[CertificateDer<'static>],
    ) -> Self {
        let mut target = Target::of(signer);
        target.issuers.extend(twins.iter().cloned());
        let mut verdict = gatherer.assess(&target).verdict.map(Arc::new);
        if verdict.as_ref().is_err_and(is_about_time) {
            // A clock that jumped is not a reason to drop it. It is verified for a time at which it was valid, and its validity
            // is checked at each use. The last second is left out: where lists are required, the proof has expired by then.
            let (from, until) = (signer.valid_from(), signer.valid_until());
            let last = until.as_secs().saturating_sub(1);
            let then = Duration::from_secs(gatherer.now.as_secs().min(last).max(from.as_secs()));
            let then = gatherer.assess_at(&target, then).verdict;
            verdict = then.map(|_| Arc::clone(signer));
        }
        let (renewed, error) = match verdict {
            Ok(renewed) => (Some(renewed), None),
            Err(error) if rules == Rules::Unchanged && error.is_transient() => {
                (Some(Arc::clone(signer)), None)
            }
            Err(error) => (None, Some(error)),
        };
        Self { signer: Arc::clone(signer), renewed, error }
    }

    /// A policy panicked: a signer that was already accepted stays under unchanged rules, and is dropped under replaced ones.
    ///
    /// The panic itself has been reported by the runtime; there is no error to show.
    pub(super) fn panicked(signer: &Arc<VerifiedSigner>, rules: Rules) -> Self {
        Self {
            signer: Arc::clone(signer),
            renewed: (rules == Rules::Unchanged).then(|| Arc::clone(signer)),
            error: None,
        }
    }

    /// By fingerprint, because the signer may have been renewed since.
    pub(super) fn is_about(&self, signer: &VerifiedSigner) -> bool {
        self.signer.fingerprint() == signer.fingerprint()
    }
}

/// Whether another time would change the verdict.
///
/// A clock that is corrected makes the signer good again, so such a signer is not lost.
pub(super) fn is_about_time(error: &ChainError) -> bool {
    match error {
        ChainError::Expired { .. } | ChainError::NotYetValid { .. } => true,
        ChainError::Path { error, .. } => {
            matches!(error, PathError::IssuerExpired { .. } | PathError::IssuerNotYetValid { .. })
        }
        _ => false,
    }
}

//! Checks the signers of a URL against revocation lists.
//!
//! A check is due at once for a new signer, then every twelve hours, or every hour while a list is missing. It runs in the
//! background: a callback with a good signer does not wait for it. It covers the current signer, the former ones and the imports
//! of the URL. If an issuer turns out revoked, the check looks for a twin: a certificate of the same key that is not revoked.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rustls_pki_types::UnixTime;

use super::error::SignerError;
use super::gather::{Gatherer, Target};
use super::inner::Inner;
use super::set::SignerSet;
use super::times;
use super::verdict::Rules;
use crate::chain::{CertificateDer, ChainError, Revocation};
use crate::log;
use crate::source::CertificateUrl;
use crate::spawn::single_flight::{Start, Waiter};

/// The end of a check.
///
/// Its outcome is in the table; callers only learn that it is over.
type Check = Waiter<Result<(), SignerError>>;

impl Inner {
    /// Starts a check of the signers of `url`, if one is due.
    pub(super) fn start_check(
        self: &Arc<Self>,
        url: &CertificateUrl<'_>,
        now: Duration,
    ) -> Option<Check> {
        match self.check(url, now)? {
            Start::Started(waiter) => Some(waiter),
            _ => None,
        }
    }

    /// The same, or joins the check that is under way.
    pub(super) fn join_check(
        self: &Arc<Self>,
        url: &CertificateUrl<'_>,
        now: Duration,
    ) -> Option<Check> {
        match self.check(url, now)? {
            Start::Started(waiter) | Start::Joined(waiter) => Some(waiter),
            _ => None,
        }
    }

    fn check(
        self: &Arc<Self>,
        url: &CertificateUrl<'_>,
        now: Duration,
    ) -> Option<Start<(), SignerError, ()>> {
        if self.chain.load().revocation() == Revocation::DangerOff {
            return None;
        }
        let url = url.clone().into_owned();
        let may_start = || {
            let is_due = |set: &SignerSet| set.check_is_due(now);
            self.table.row(&url).filter(is_due).ok_or(())?;
            self.table.update(&url, |set| Some(set?.with_check_attempt(now)));
            Ok(())
        };
        let work = |_| {
            let check = check(Arc::downgrade(self), url.clone(), now);
            async move {
                check.await;
                Ok(())
            }
        };
        Some(self.checks.join_or_start(&url, now, may_start, work))
    }
}

/// Fetches the lists for every signer of `url`, and then verifies these signers again.
///
/// Twins are searched for here and not in a fetch, because a fetch may never come: the certificate host serves the same certificate
/// for months.
///
/// A signer that stays without a list in force is logged, once for each check: at most every hour.
async fn check(inner: Weak<Inner>, url: CertificateUrl<'static>, now: Duration) {
    let Some((gatherer, set, unverified)) = inner.upgrade().and_then(|inner| {
        let set = inner.table.row(&url)?;
        Some((inner.gatherer(now), set, inner.unverified(&url, now)))
    }) else {
        return;
    };
    let kept = set.iter().map(|signer| Target::of(signer));
    let targets: Vec<_> = kept.chain(unverified).collect();
    gatherer.lists(&targets, times::LISTS_OF_CHECK).await;
    let twins = twins(&gatherer, targets).await;
    let Some(inner) = inner.upgrade() else {
        return;
    };
    inner.reverify(|kept| kept == &url, now, Rules::Unchanged, &twins);
    // A new list may concern the signers of other URLs.
    inner.reverify_with_new_evidence(now);
    inner.adopt(&url, now, Some(&twins));
    let checked = (inner.table).update(&url, |kept| Some(kept?.checked(&set, now)));
    for signer in checked.iter().flat_map(SignerSet::iter) {
        let is_over = |end: UnixTime| end.as_secs() <= now.as_secs();
        if signer.misses_lists() && signer.evidence_ends().is_none_or(is_over) {
            log::receiver::revocation_unknown(&signer.fingerprint());
        }
    }
}

/// Certificates that may replace issuers of `targets` that were just found revoked.
///
/// Their lists are fetched too: a twin that is itself revoked does not help.
async fn twins(gatherer: &Gatherer, mut targets: Vec<Target>) -> Vec<CertificateDer<'static>> {
    targets.retain(|target| {
        let verdict = gatherer.assess(target).verdict;
        verdict.is_err_and(|error| matches!(error, ChainError::Path { .. }))
    });
    let mut twins = Vec::new();
    for target in &mut targets {
        let found = gatherer.issuers(target, &mut Vec::new()).await;
        target.issuers.extend(found.iter().cloned());
        twins.extend(found);
    }
    if !twins.is_empty() {
        gatherer.lists(&targets, times::LISTS_OF_CHECK).await;
    }
    twins
}

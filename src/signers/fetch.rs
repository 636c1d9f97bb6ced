//! Fetches a signing certificate, verifies it and keeps the signer.
//!
//! One fetch is one task, in this order:
//!
//! 1. Record the attempt, before anything is sent: the next refresh is due ten minutes later, whatever happens.
//! 2. Download the certificate, at most 5 s.
//! 3. Gather its issuers and, if lists are required, its lists; twice, if an issuer turns out revoked.
//! 4. Keep the signer, or note the failure. A failure drops no kept signer, unless it shows a revocation.
//! 5. Try imports again, verify kept signers again if there is new evidence, and start the check against lists.
//! 6. Log certificates that expire within a week, and lists that expire within a day.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rustls_pki_types::UnixTime;

use super::error::{FetchError, SignerError, Unavailable};
use super::gather::{EvidenceFetch, Target};
use super::give_way::give_way;
use super::inner::Inner;
use super::set::{Fetched, SignerSet};
use super::times;
use crate::chain::{ChainVerifier, Revocation, VerifiedSigner};
use crate::log;
use crate::mask::Excerpt;
use crate::source::{CertificateBundle, CertificateUrl};
use crate::spawn::single_flight::{Interrupted, Moment, Start, within};

/// The reason for a fetch.
///
/// It decides which kept signers make the fetch unnecessary by the time it may start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reason {
    /// There is no signer.
    Cold,
    /// A signature does not match under the kept signers.
    Mismatch,
    /// The signer is good, and its refresh is due.
    Refresh,
}

/// Why a fetch is not started although none is under way.
///
/// Decided under the lock of the single flight, so that two callers do not both start.
pub(super) enum Declined {
    /// The table already has the requested signers.
    Settled(SignerSet),
    /// No more may be started now.
    Refused(Unavailable),
}

/// A fetch that was joined, started, declined, or is cooling down.
pub(super) type Started = Start<SignerSet, SignerError, Declined>;

impl Inner {
    /// Joins the fetch of `url`, or starts one.
    ///
    /// The reason is checked again once the lock is held, because a fetch that has just ended may have settled it.
    pub(super) fn start_fetch(
        self: &Arc<Self>,
        url: &CertificateUrl<'_>,
        now: Duration,
        reason: Reason,
    ) -> Started {
        let url = url.clone().into_owned();
        let may_start = || match (reason, self.table.get(&url, now)) {
            (Reason::Cold, Some(set)) => Err(Declined::Settled(set)),
            (Reason::Refresh, Some(set)) if !set.refresh_is_due(now) => Err(Declined::Settled(set)),
            (Reason::Mismatch, Some(set)) if set.is_fresh(u64::MAX, now) => {
                Err(Declined::Settled(set))
            }
            _ => {
                self.known.may_fetch(&url, now).map_err(Declined::Refused)?;
                self.table.update(&url, |set| Some(set?.with_refresh_attempt(now)));
                Ok(())
            }
        };
        let work = |number| {
            let fetch =
                Fetch { url: url.clone(), number, now, is_routine: reason != Reason::Mismatch };
            run(Arc::downgrade(self), fetch)
        };
        self.fetches.join_or_start(&url, now, may_start, work)
    }
}

/// One fetch of a signing certificate.
struct Fetch {
    url: CertificateUrl<'static>,
    number: u64,
    now: Duration,
    /// Whether it was due, and not caused by a stranger's signature.
    is_routine: bool,
}

/// Runs `fetch`. Holds no strong reference to `inner` while it waits.
///
/// A receiver that is dropped ends its fetches: each step upgrades the reference again, and stops if that fails.
async fn run(inner: Weak<Inner>, fetch: Fetch) -> Result<SignerSet, SignerError> {
    let weak = inner;
    let (url, now) = (fetch.url, fetch.now);
    let Some(spawn) = weak.upgrade().map(|inner| Arc::clone(&inner.spawn)) else {
        return Err(stopped(&url, Interrupted::Stopped));
    };
    let fetched = Fetched { number: fetch.number, at: Moment::now(now, &spawn) };
    let verified = match download(&weak, &url).await {
        Ok(bundle) => verify(&weak, &url, bundle, now).await,
        Err(error) => Err(error),
    };
    let Some(inner) = weak.upgrade() else {
        return Err(stopped(&url, Interrupted::Stopped));
    };
    let outcome = match verified {
        Ok((signer, chain)) => inner.keep(&url, signer, &chain, &fetched),
        Err(error) => Err(error),
    };
    match &outcome {
        Ok(set) => inner.imports.note_current(&url, set.current(), now),
        Err(error) => inner.note_failure(&url, error, now),
    }
    inner.adopt(&url, now, None);
    // A new list may prolong or end the proof of any signer.
    inner.reverify_with_new_evidence(now);
    // New evidence may concern kept signers, whether the fetch succeeded or not.
    let check = inner.start_check(&url, now);
    drop(inner);
    if let Some(check) = check {
        give_way(check).await;
    }
    let outcome = outcome.and_then(|set| settled(&weak, &url, set, now));
    if fetch.is_routine
        && let Some(set) = weak.upgrade().and_then(|inner| inner.table.row(&url))
    {
        warn_of_expiry(set.current(), now);
    }
    outcome
}

/// The kept signers after the check, which may have shown that the signer is revoked.
fn settled(
    inner: &Weak<Inner>,
    url: &CertificateUrl<'static>,
    set: SignerSet,
    now: Duration,
) -> Result<SignerSet, SignerError> {
    let Some(inner) = inner.upgrade() else {
        return Ok(set);
    };
    match inner.table.row(url) {
        Some(set) => Ok(set),
        None => {
            let chain = inner.chain.load_full();
            let verdict = inner.verify_again(&chain, set.current(), now);
            verdict.map(|_| set)
        }
    }
}

/// The download has its own deadline, so that a slow host leaves time for the issuers.
async fn download(
    inner: &Weak<Inner>,
    url: &CertificateUrl<'static>,
) -> Result<CertificateBundle, SignerError> {
    let (source, spawn) = match inner.upgrade() {
        Some(inner) => (Arc::clone(&inner.source), Arc::clone(&inner.spawn)),
        None => return Err(stopped(url, Interrupted::Stopped)),
    };
    let owned = url.clone();
    let work = async move { source.fetch(&owned).await };
    match within(&spawn, times::CERTIFICATE, work).await {
        Ok(fetched) => fetched.map_err(|error| FetchError::Source(error).into()),
        Err(cause) => Err(stopped(url, cause)),
    }
}

/// Verifies the certificate in `bundle`, and gathers the evidence for that.
///
/// The second round serves one case: a list shows that an issuer is revoked, and a twin (another certificate of the same key, or of
/// the same name) may lead to another path.
///
/// With revocation required, lists of signers that cannot be verified yet are gathered too, because one of them may have signed
/// the callback.
async fn verify(
    inner: &Weak<Inner>,
    url: &CertificateUrl<'static>,
    bundle: CertificateBundle,
    now: Duration,
) -> Result<(Arc<VerifiedSigner>, Arc<ChainVerifier>), SignerError> {
    let Some((gatherer, unverified)) = inner.upgrade().map(|inner| {
        let unverified = inner.unverified(url, now);
        (inner.gatherer(now), unverified)
    }) else {
        return Err(stopped(url, Interrupted::Stopped));
    };
    let mut target = Target::served(&bundle);
    let mut journal = Vec::new();
    let waits_for_lists = gatherer.chain.revocation() == Revocation::Required;
    match gatherer.verify(&mut target, &unverified, waits_for_lists, &mut journal).await {
        Ok(signer) => Ok((Arc::new(signer), gatherer.chain)),
        Err(error) => {
            Err(SignerError::Chain { error, problems: EvidenceFetch::problems(&journal) })
        }
    }
}

/// Warns of certificates that expire within a week, and of lists that expire within a day.
///
/// Lists are fetched twice a day and are valid for a week, so one with a day left was not renewed. Only routine fetches warn, so
/// that strangers cannot fill the log by mismatches.
fn warn_of_expiry(signer: &VerifiedSigner, now: Duration) {
    let left = |end: UnixTime| Duration::from_secs(end.as_secs()).saturating_sub(now);
    let warn_within = |expiries: &[(Excerpt, UnixTime)], limit: Duration| {
        for (what, end) in expiries.iter().filter(|(_, end)| left(*end) < limit) {
            log::receiver::expires_soon(what, left(*end).as_secs() / (24 * 60 * 60));
        }
    };
    warn_within(signer.certificates_expire(), times::REFRESH_BEFORE_END);
    warn_within(signer.lists_expire(), 2 * times::LIST_AGE);
}

/// The error if the receiver, the runtime or the deadline ended the fetch.
fn stopped(url: &CertificateUrl<'_>, cause: Interrupted) -> SignerError {
    SignerError::interrupted(url, times::CERTIFICATE, cause)
}

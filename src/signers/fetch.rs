//! One fetch of a signing certificate, and one check of the signers that are kept: what their tasks do.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rustls_pki_types::UnixTime;

use super::error::SignerError;
use super::evidence::EvidenceStore;
use super::gather::{self, Gathered, Target};
use super::table::{Fetched, Judged, SignerSet, Verdicts};
use super::times::LISTS_OF_CHECK;
use super::{Inner, give_way, times};
use crate::chain::{
    Assessment, CertificateDer, ChainError, ChainVerifier, PathError, Revocation, VerifiedSigner,
};
use crate::excerpt::Excerpt;
use crate::single_flight::{Interrupted, Moment, within};
use crate::source::{CertificateBundle, CertificateUrl};
use crate::spawn::Spawn;
use crate::trace;

/// One fetch of a signing certificate.
pub(super) struct Flight {
    pub(super) url: CertificateUrl<'static>,
    pub(super) number: u64,
    pub(super) now: Duration,
    /// Whether it is due: no stranger's signature has caused it.
    pub(super) is_routine: bool,
}

/// Fetches the certificate, finds its path, and keeps the signer. Holds no strong reference to `inner` while it waits.
pub(super) async fn fetch(weak: Weak<Inner>, flight: Flight) -> Result<SignerSet, SignerError> {
    let Flight {
        url,
        number,
        now,
        is_routine,
    } = flight;
    let Some(spawn) = weak.upgrade().map(|inner| Arc::clone(&inner.spawn)) else {
        return Err(interrupted(&url, times::CERTIFICATE, Interrupted::Stopped));
    };
    let flight = Fetched {
        number,
        at: Moment::now(now, &spawn),
    };
    let fetched = match download(&weak, &url).await {
        Ok(bundle) => verify(&weak, &url, bundle, now).await,
        Err(error) => Err(error),
    };
    let Some(inner) = weak.upgrade() else {
        return Err(interrupted(&url, times::CERTIFICATE, Interrupted::Stopped));
    };
    let outcome = match fetched {
        Ok((signer, chain)) => inner.land(&url, signer, &chain, &flight),
        Err(error) => Err(error),
    };
    if let Err(error) = &outcome {
        inner.note_failure(&url, error, now);
    }
    if let Ok(set) = &outcome {
        inner.note_current(&url, set.current(), now);
    }
    inner.adopt(&url, now, None);
    // A new list may prolong the proof of any signer, or end it.
    inner.judge_by_new_lists(now);
    // What was learned may concern the signers that are kept, whether the fetch succeeded or not.
    let check = inner.start_check(&url, now);
    drop(inner);
    if let Some(check) = check {
        give_way(check).await;
    }
    let outcome = outcome.and_then(|set| settled(&weak, &url, set, now));
    if is_routine && let Some(set) = weak.upgrade().and_then(|inner| inner.table.row(&url)) {
        set.iter().for_each(|signer| warn_of_ends(signer, now));
    }
    outcome
}

/// What is kept by now: the check may have ended, and shown that the signer is revoked.
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
            inner.assess(&chain, set.current(), now).map(|_| set)
        }
    }
}

async fn download(
    inner: &Weak<Inner>,
    url: &CertificateUrl<'static>,
) -> Result<CertificateBundle, SignerError> {
    let stopped = |cause| interrupted(url, times::CERTIFICATE, cause);
    let (source, spawn) = match inner.upgrade() {
        Some(inner) => (Arc::clone(&inner.source), Arc::clone(&inner.spawn)),
        None => return Err(stopped(Interrupted::Stopped)),
    };
    let asked = url.clone();
    let work = async move { source.fetch(&asked).await };
    match within(&spawn, times::CERTIFICATE, work).await {
        Ok(fetched) => fetched.map_err(SignerError::Source),
        Err(cause) => Err(stopped(cause)),
    }
}

/// Verifies what was fetched, gathering what that needs.
async fn verify(
    inner: &Weak<Inner>,
    url: &CertificateUrl<'static>,
    bundle: CertificateBundle,
    now: Duration,
) -> Result<(Arc<VerifiedSigner>, Arc<ChainVerifier>), SignerError> {
    let Some((chain, store, spawn)) = inner.upgrade().map(|inner| {
        let chain = inner.chain.load_full();
        (chain, Arc::clone(&inner.store), Arc::clone(&inner.spawn))
    }) else {
        return Err(interrupted(url, times::CERTIFICATE, Interrupted::Stopped));
    };
    let mut target = Target {
        certificate: bundle.signing().clone(),
        issuers: bundle.intermediates().to_vec(),
    };
    let waiting = inner
        .upgrade()
        .map(|inner| inner.unverified(url, now))
        .unwrap_or_default();
    let mut problems = Vec::new();
    for _ in 0..2 {
        let gathered = within_issuers(&spawn, &store, &chain, target.clone(), now).await;
        target.issuers.extend(gathered.issuers);
        problems.extend(gathered.problems);
        if chain.revocation() == Revocation::Required {
            let waiting = waiting.iter().cloned().map(|mut waiting| {
                waiting.issuers.extend(target.issuers.iter().cloned());
                waiting
            });
            let targets = std::iter::once(target.clone()).chain(waiting).collect();
            problems.extend(within_lists(&spawn, &store, &chain, targets, now, times::LISTS).await);
        }
        // An issuer may just have been seen revoked: then its twin is looked for.
        let assessment = assess(&store, &chain, &target, now);
        match assessment.verdict {
            Ok(signer) => return Ok((Arc::new(signer), chain)),
            Err(ChainError::Path {
                error: PathError::Revoked,
                ..
            }) => {}
            Err(error) => return Err(SignerError::Chain { error, problems }),
        }
    }
    match assess(&store, &chain, &target, now).verdict {
        Ok(signer) => Ok((Arc::new(signer), chain)),
        Err(error) => Err(SignerError::Chain { error, problems }),
    }
}

fn assess(
    store: &EvidenceStore,
    chain: &ChainVerifier,
    target: &Target,
    now: Duration,
) -> Assessment {
    let evidence = store.at_hand(&target.issuers);
    let time = UnixTime::since_unix_epoch(now);
    let assessment = chain.assess(&target.certificate, &evidence, time);
    store.remember_revoked(&assessment.revoked);
    assessment
}

async fn within_issuers(
    spawn: &Arc<dyn Spawn>,
    store: &Arc<EvidenceStore>,
    chain: &Arc<ChainVerifier>,
    target: Target,
    now: Duration,
) -> Gathered {
    let work = gather::issuers(Arc::clone(store), Arc::clone(chain), target, now);
    within(spawn, times::ISSUERS, work)
        .await
        .unwrap_or_else(|_| Gathered {
            issuers: Vec::new(),
            problems: vec![not_in_time("the certificates of issuers", times::ISSUERS)],
        })
}

/// What went wrong.
async fn within_lists(
    spawn: &Arc<dyn Spawn>,
    store: &Arc<EvidenceStore>,
    chain: &Arc<ChainVerifier>,
    targets: Vec<Target>,
    now: Duration,
    limit: Duration,
) -> Vec<String> {
    let work = gather::lists(Arc::clone(store), Arc::clone(chain), targets, now);
    // Those that come later are kept for the next check.
    let gathered = within(spawn, limit, work).await;
    gathered.unwrap_or_else(|_| vec![not_in_time("revocation lists", limit)])
}

/// Asks for the revocation lists of every signer of `url`, and judges these signers with what is at hand then.
pub(super) async fn check(inner: Weak<Inner>, url: CertificateUrl<'static>, now: Duration) {
    let Some((chain, store, spawn, set)) = inner.upgrade().and_then(|inner| {
        let chain = inner.chain.load_full();
        let set = inner.table.row(&url)?;
        Some((
            chain,
            Arc::clone(&inner.store),
            Arc::clone(&inner.spawn),
            set,
        ))
    }) else {
        return;
    };
    let waiting = inner.upgrade().map(|inner| inner.unverified(&url, now));
    let kept = set.iter().map(|signer| Target::of(signer));
    let mut targets: Vec<_> = kept.chain(waiting.into_iter().flatten()).collect();
    within_lists(&spawn, &store, &chain, targets.clone(), now, LISTS_OF_CHECK).await;
    let twins = twins(&spawn, &store, &chain, &mut targets, now).await;
    let Some(inner) = inner.upgrade() else {
        return;
    };
    inner.judge_anew(|kept| kept == &url, now, Verdicts::Landed, &twins);
    // What a new list tells may concern the signers of other URLs.
    inner.judge_by_new_lists(now);
    inner.adopt(&url, now, Some(&twins));
    let checked = (inner.table).update(&url, |kept| Some(kept?.checked(&set, now)));
    for signer in checked.iter().flat_map(SignerSet::iter) {
        let is_over = |end: UnixTime| end.as_secs() <= now.as_secs();
        if signer.misses_lists() && signer.evidence_ends().is_none_or(is_over) {
            trace::revocation_unknown(&signer.fingerprint());
        }
    }
}

/// Certificates that may stand in the place of issuers that were just seen revoked.
async fn twins(
    spawn: &Arc<dyn Spawn>,
    store: &Arc<EvidenceStore>,
    chain: &Arc<ChainVerifier>,
    targets: &mut Vec<Target>,
    now: Duration,
) -> Vec<CertificateDer<'static>> {
    targets.retain(|target| {
        let verdict = assess(store, chain, target, now).verdict;
        verdict.is_err_and(|error| matches!(error, ChainError::Path { .. }))
    });
    let mut twins = Vec::new();
    for target in targets.iter_mut() {
        let gathered = within_issuers(spawn, store, chain, target.clone(), now).await;
        target.issuers.extend(gathered.issuers.iter().cloned());
        twins.extend(gathered.issuers);
    }
    if !twins.is_empty() {
        within_lists(spawn, store, chain, targets.clone(), now, LISTS_OF_CHECK).await;
    }
    twins
}

/// Verifies `signer` anew with what is at hand.
pub(super) fn judge(
    store: &EvidenceStore,
    chain: &ChainVerifier,
    signer: &Arc<VerifiedSigner>,
    now: Duration,
    verdicts: Verdicts,
    twins: &[CertificateDer<'static>],
) -> Judged {
    let mut target = Target::of(signer);
    target.issuers.extend(twins.iter().cloned());
    let mut verdict = assess(store, chain, &target, now).verdict.map(Arc::new);
    if verdict.as_ref().is_err_and(is_about_time) {
        // A clock that jumped is no reason to drop it: it is judged for a time at which it was valid, and its validity is
        // asked again whenever it is used. Not at the very end: where lists are required, they show nothing any more then.
        let (from, until) = (signer.valid_from(), signer.valid_until());
        let last = until.as_secs().saturating_sub(1);
        let then = Duration::from_secs(now.as_secs().min(last).max(from.as_secs()));
        let then = assess(store, chain, &target, then).verdict;
        verdict = then.map(|_| Arc::clone(signer));
    }
    let (becomes, error) = match verdict {
        Ok(anew) => (Some(anew), None),
        Err(error) if verdicts == Verdicts::Landed && error.is_transient() => {
            (Some(Arc::clone(signer)), None)
        }
        Err(error) => (None, Some(error)),
    };
    Judged {
        signer: Arc::clone(signer),
        becomes,
        error,
    }
}

/// Whether another time would change the verdict.
pub(super) fn is_about_time(error: &ChainError) -> bool {
    match error {
        ChainError::Expired { .. } | ChainError::NotYetValid { .. } => true,
        ChainError::Path { error, .. } => matches!(
            error,
            PathError::IssuerExpired { .. } | PathError::IssuerNotYetValid { .. }
        ),
        _ => false,
    }
}

/// Warns of what will end within a week.
fn warn_of_ends(signer: &VerifiedSigner, now: Duration) {
    let left = |end: UnixTime| Duration::from_secs(end.as_secs()).saturating_sub(now);
    for (what, end) in signer.expiries() {
        if left(end) < times::REFRESH_BEFORE_END {
            trace::ends_soon(&what, left(end).as_secs() / (24 * 60 * 60));
        }
    }
}

pub(super) fn interrupted(
    url: &CertificateUrl<'_>,
    limit: Duration,
    cause: Interrupted,
) -> SignerError {
    SignerError::Interrupted {
        url: Excerpt::of_url(url.as_str()),
        limit,
        panicked: cause == Interrupted::Panicked,
    }
}

fn not_in_time(what: &str, limit: Duration) -> String {
    format!("{what} did not come within {limit:?}")
}

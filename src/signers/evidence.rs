//! The evidence store: issuers' certificates, revocation lists and revoked certificates, learned, kept and fetched once.
//!
//! | evidence | kept | limit | dropped first |
//! |---|---|---|---|
//! | issuers' certificates | if they are on a verified path | 64 | the oldest |
//! | revocation lists | if the expected issuer signed them and they are in force | 32, by URL and key | the one that expires first |
//! | revoked certificates | until the process ends; exports carry them across restarts | 256 | the one that expires first |
//!
//! The *generation* counts changes of lists and revoked certificates, so that kept signers are verified again exactly when there
//! is new evidence.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::error::EvidenceError;
use super::times;
use crate::chain::{
    CertificateDer, ChainVerifier, Evidence, MissingEvidence, RevocationList, RevokedCertificate,
    UnixTime,
};
use crate::log;
use crate::mask::Excerpt;
use crate::source::{Authorities, SourceError};
use crate::spawn::Spawn;
use crate::spawn::single_flight::{Failure, Interrupted, SingleFlight, Start};

/// Issuers' certificates and revocation lists, and the source that they are fetched from.
#[derive(Debug)]
pub(super) struct EvidenceStore {
    authorities: ArcSwapOption<Authorities>,
    kept: Arc<Mutex<Kept>>,
    generation: Arc<AtomicU64>,
    issuers: SingleFlight<Box<str>, Vec<CertificateDer<'static>>, EvidenceError>,
    lists: SingleFlight<Box<str>, RevocationList, EvidenceError>,
}

#[derive(Debug, Default)]
struct Kept {
    /// In the order in which they were learned.
    issuers: Vec<CertificateDer<'static>>,
    /// By URL and the key that signed it.
    lists: HashMap<(Box<str>, Box<[u8]>), KeptList>,
    /// Certificates that a list named, even if the list is gone.
    revoked: Vec<RevokedCertificate>,
    /// Incremented when the lists or the revoked certificates change. Read without the lock.
    generation: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
struct KeptList {
    list: RevocationList,
    fetched_at: Duration,
}

impl EvidenceStore {
    pub(super) fn new(authorities: Option<Authorities>, spawn: &Arc<dyn Spawn>) -> Self {
        let kept = Kept::default();
        Self {
            authorities: ArcSwapOption::from_pointee(authorities),
            generation: Arc::clone(&kept.generation),
            kept: Arc::new(Mutex::new(kept)),
            issuers: SingleFlight::new(Arc::clone(spawn), times::EVIDENCE, interrupted),
            lists: SingleFlight::new(Arc::clone(spawn), times::EVIDENCE, interrupted),
        }
    }

    /// Replaces the source of evidence, and forgets failures of the previous one.
    pub(super) fn replace_authorities(&self, authorities: Option<Authorities>) {
        self.authorities.store(authorities.map(Arc::new));
        self.issuers.forget_failures();
        self.lists.forget_failures();
    }

    /// The issuers' certificates that were fetched.
    pub(super) fn learned(&self) -> Vec<CertificateDer<'static>> {
        self.kept().issuers.clone()
    }

    /// Keeps issuers on a verified path. Others are not kept, because a fetched certificate alone proves nothing.
    pub(super) fn learn(&self, issuers: &[CertificateDer<'static>]) {
        self.kept().learn(issuers);
    }

    /// Remembers revoked certificates. They stay refused after the list expires or becomes unreachable.
    pub(super) fn remember_revoked(&self, revoked: &[RevokedCertificate]) {
        if self.kept().remember_revoked(revoked) {
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// A number that changes with each new list and each newly revoked certificate.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The remembered revoked certificates.
    pub(super) fn revoked(&self) -> Vec<RevokedCertificate> {
        self.kept().revoked.clone()
    }

    /// The evidence that needs no fetch.
    pub(super) fn at_hand(&self, served: &[CertificateDer<'static>]) -> Evidence {
        self.kept().evidence(served, |_| true)
    }

    /// [`at_hand`](Self::at_hand) without the lists that are due to be fetched again.
    pub(super) fn fresh(&self, served: &[CertificateDer<'static>], now: Duration) -> Evidence {
        self.kept().evidence(served, |kept| kept.is_fresh(now))
    }

    /// Fetches the certificates at `url`.
    pub(super) async fn fetch_issuers(
        &self,
        url: &str,
        now: Duration,
    ) -> Result<Vec<CertificateDer<'static>>, EvidenceError> {
        let authorities =
            self.authorities.load_full().ok_or(EvidenceError::Source(SourceError::Disabled))?;
        let owned = url.to_owned();
        let work = |_| async move { Ok(authorities.issuers(&owned).await?) };
        let start = self.issuers.join_or_start(&url.into(), now, || Ok(()), work);
        outcome(url, now, start).await
    }

    /// Fetches the list at `url` for `missing` and keeps it, even if it arrives after all callers have left.
    pub(super) async fn fetch_list(
        &self,
        chain: &Arc<ChainVerifier>,
        missing: &MissingEvidence,
        url: &str,
        now: Duration,
    ) -> Result<(), EvidenceError> {
        let authorities =
            self.authorities.load_full().ok_or(EvidenceError::Source(SourceError::Disabled))?;
        let owned = url.to_owned();
        let (kept, chain_of_work) = (Arc::clone(&self.kept), Arc::clone(chain));
        let wanted = missing.clone();
        let work = |_| async move {
            let list = download_list(&authorities, &owned, now).await?;
            if chain_of_work.is_needed_list(&wanted, &list) {
                lock(&kept).keep(&wanted, &owned, list.clone(), now);
            }
            Ok(list)
        };
        let start = self.lists.join_or_start(&url.into(), now, || Ok(()), work);
        let list = outcome(url, now, start).await?;
        if !chain.is_needed_list(missing, &list) {
            return Err(EvidenceError::ForeignList { url: Excerpt::of_url(url) });
        }
        // A joined fetch may have kept it for another key.
        self.kept().keep(missing, url, list, now);
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        lock(&self.kept)
    }
}

async fn download_list(
    authorities: &Authorities,
    url: &str,
    now: Duration,
) -> Result<RevocationList, EvidenceError> {
    let der = authorities.revocation_list(url).await?;
    let about = || Excerpt::of_url(url);
    let list = RevocationList::from_der(&der)
        .map_err(|error| EvidenceError::NotAList { url: about(), error })?;
    match list.is_current(UnixTime::since_unix_epoch(now)) {
        true => Ok(list),
        false => Err(EvidenceError::ListNotInForce { url: about() }),
    }
}

/// Waits for work that was joined or started.
async fn outcome<T: Clone + Send>(
    url: &str,
    now: Duration,
    start: Start<T, EvidenceError, std::convert::Infallible>,
) -> Result<T, EvidenceError> {
    match start {
        Start::Cooling(failure) => Err(failed_before(url, &failure, now)),
        Start::Declined(never) => match never {},
        Start::Joined(waiter) => waiter.await.unwrap_or_else(|_| Err(late(url))),
        Start::Started(waiter) => {
            let outcome = waiter.await.unwrap_or_else(|_| Err(late(url)));
            if let Err(error) = &outcome {
                log::receiver::authority_failed(error);
            }
            outcome
        }
    }
}

fn failed_before(url: &str, failure: &Failure<EvidenceError>, now: Duration) -> EvidenceError {
    EvidenceError::FailedBefore {
        url: Excerpt::of_url(url),
        error: Box::new(failure.error.clone()),
        retry_after: failure.wait(now),
    }
}

fn late(url: &str) -> EvidenceError {
    EvidenceError::Interrupted { url: Excerpt::of_url(url), limit: times::EVIDENCE.limit }
}

#[expect(clippy::borrowed_box, reason = "it is the key's type")]
fn interrupted(url: &Box<str>, _: Interrupted) -> EvidenceError {
    late(url)
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    fn evidence(
        &self,
        served: &[CertificateDer<'static>],
        is_meant: impl Fn(&KeptList) -> bool,
    ) -> Evidence {
        let issuers = served.iter().chain(&self.issuers).cloned().collect();
        let lists = self.lists.values().filter(|kept| is_meant(kept));
        let mut evidence = Evidence::new(issuers, lists.map(|kept| kept.list.clone()).collect());
        evidence.revoked = self.revoked.iter().map(|revoked| revoked.fingerprint).collect();
        evidence
    }

    fn learn(&mut self, issuers: &[CertificateDer<'static>]) {
        for issuer in issuers {
            if !self.issuers.contains(issuer) {
                self.issuers.push(issuer.clone());
            }
        }
        let excess = self.issuers.len().saturating_sub(MAX_LEARNED);
        self.issuers.drain(..excess);
    }

    /// Returns whether any of them is new.
    fn remember_revoked(&mut self, revoked: &[RevokedCertificate]) -> bool {
        let mut has_new = false;
        for each in revoked {
            if !self.revoked.iter().any(|kept| kept.fingerprint == each.fingerprint) {
                self.revoked.push(*each);
                has_new = true;
            }
        }
        // The certificate that expires first is dropped first.
        self.revoked.sort_by_key(|each| each.not_after.as_secs());
        let excess = self.revoked.len().saturating_sub(MAX_REVOKED);
        self.revoked.drain(..excess);
        has_new
    }

    /// Keeps `list`, unless a newer one of the same key is in force: an old list must not hide a revocation in a newer one.
    fn keep(&mut self, missing: &MissingEvidence, url: &str, list: RevocationList, now: Duration) {
        let MissingEvidence::RevocationList { issuer_key, .. } = missing else {
            return;
        };
        let key = (Box::from(url), issuer_key.clone());
        let in_force = UnixTime::since_unix_epoch(now);
        let newer = self.lists.get(&key).map(|kept| kept.list.clone()).filter(|before| {
            before.is_current(in_force) && before.this_update() > list.this_update()
        });
        let is_other = (self.lists.get(&key))
            .is_none_or(|before| !before.list.is_same(newer.as_ref().unwrap_or(&list)));
        let kept = KeptList { list: newer.unwrap_or(list), fetched_at: now };
        self.lists.insert(key, kept);
        // Incremented after the insertion, so that a reader of the number finds the list.
        self.generation.fetch_add(u64::from(is_other), Ordering::Release);
        while self.lists.len() > MAX_LISTS {
            let soonest = self
                .lists
                .iter()
                .min_by_key(|(_, kept)| kept.list.next_update().as_secs())
                .map(|(key, _)| key.clone());
            soonest.and_then(|key| self.lists.remove(&key));
        }
    }
}

impl KeptList {
    /// Whether it is young and a quarter of its lifetime remains.
    fn is_fresh(&self, now: Duration) -> bool {
        let end = Duration::from_secs(self.list.next_update().as_secs());
        let life = end.saturating_sub(self.fetched_at);
        let is_young =
            self.fetched_at <= now && now.saturating_sub(self.fetched_at) < times::LIST_AGE;
        is_young && end.saturating_sub(now) > life / 4
    }
}

/// The most learned certificates that are kept. Microsoft has some 40 current TLS CAs.
const MAX_LEARNED: usize = 64;
/// The most lists that are kept: four for each path of current and former signers.
const MAX_LISTS: usize = 32;
/// The most revoked certificates that are remembered.
const MAX_REVOKED: usize = 256;

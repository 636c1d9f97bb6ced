//! What helps to verify signers: issuers' certificates, revocation lists, and what was seen revoked. Learned, kept, fetched once.

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
use crate::excerpt::Excerpt;
use crate::single_flight::{Failure, Interrupted, SingleFlight, Start};
use crate::source::{Authorities, SourceError};
use crate::spawn::Spawn;
use crate::trace;

/// Issuers' certificates and revocation lists, and where they are fetched.
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
    /// Certificates that a list named, whatever became of the list.
    revoked: Vec<RevokedCertificate>,
    /// Changes with the lists and the revoked certificates. Read without the lock.
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

    pub(super) fn replace_authorities(&self, authorities: Option<Authorities>) {
        self.authorities.store(authorities.map(Arc::new));
        self.issuers.forget_failures();
        self.lists.forget_failures();
    }

    /// The issuers' certificates that were fetched.
    pub(super) fn learned(&self) -> Vec<CertificateDer<'static>> {
        self.kept().issuers.clone()
    }

    /// Keeps issuers that are on a path that holds, and no other: what is merely fetched may be anybody's.
    pub(super) fn learn(&self, issuers: &[CertificateDer<'static>]) {
        self.kept().learn(issuers);
    }

    /// Keeps what was seen revoked: it stays refused when the list ends, or cannot be fetched any more.
    pub(super) fn remember_revoked(&self, revoked: &[RevokedCertificate]) {
        if self.kept().remember_revoked(revoked) {
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// Changes whenever a list is kept that is not the one before, and a certificate is seen revoked.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The certificates that were seen revoked.
    pub(super) fn revoked(&self) -> Vec<RevokedCertificate> {
        self.kept().revoked.clone()
    }

    /// What is known without asking anybody.
    pub(super) fn at_hand(&self, served: &[CertificateDer<'static>]) -> Evidence {
        self.kept().evidence(served, |_| true)
    }

    /// The same without the lists that are old enough to be fetched anew.
    pub(super) fn fresh(&self, served: &[CertificateDer<'static>], now: Duration) -> Evidence {
        self.kept().evidence(served, |kept| kept.is_fresh(now))
    }

    /// Fetches the certificates at `url`.
    pub(super) async fn fetch_issuers(
        &self,
        url: &str,
        now: Duration,
    ) -> Result<Vec<CertificateDer<'static>>, EvidenceError> {
        let authorities = self
            .authorities
            .load_full()
            .ok_or(EvidenceError::Source(SourceError::Disabled))?;
        let owned = url.to_owned();
        let work = |_| async move { Ok(authorities.issuers(&owned).await?) };
        let start = self
            .issuers
            .join_or_start(&url.into(), now, || Ok(()), work);
        outcome(url, now, start).await
    }

    /// Fetches the list at `url` that `missing` asks for, and keeps it: also when it comes after nobody waits any more.
    pub(super) async fn fetch_list(
        &self,
        chain: &Arc<ChainVerifier>,
        missing: &MissingEvidence,
        url: &str,
        now: Duration,
    ) -> Result<(), EvidenceError> {
        let authorities = self
            .authorities
            .load_full()
            .ok_or(EvidenceError::Source(SourceError::Disabled))?;
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
            return Err(EvidenceError::ForeignList {
                url: Excerpt::of_url(url),
            });
        }
        // For another key than that of the flight, perhaps.
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
    let list = RevocationList::from_der(&der).map_err(|error| EvidenceError::NotAList {
        url: about(),
        error,
    })?;
    match list.is_current(UnixTime::since_unix_epoch(now)) {
        true => Ok(list),
        false => Err(EvidenceError::ListNotInForce { url: about() }),
    }
}

/// Waits for what was joined or started.
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
                trace::authority_failed(error);
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
    EvidenceError::Interrupted {
        url: Excerpt::of_url(url),
        limit: times::EVIDENCE.limit,
    }
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
        evidence.revoked = self
            .revoked
            .iter()
            .map(|revoked| revoked.fingerprint)
            .collect();
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

    /// Whether any of them is new.
    fn remember_revoked(&mut self, revoked: &[RevokedCertificate]) -> bool {
        let mut has_new = false;
        for each in revoked {
            if !self
                .revoked
                .iter()
                .any(|kept| kept.fingerprint == each.fingerprint)
            {
                self.revoked.push(*each);
                has_new = true;
            }
        }
        // What ends first needs it for the shortest time.
        self.revoked.sort_by_key(|each| each.not_after.as_secs());
        let excess = self.revoked.len().saturating_sub(MAX_REVOKED);
        self.revoked.drain(..excess);
        has_new
    }

    /// Keeps `list`, unless a newer one under the same key is kept that is still in force: an old list must not hide what
    /// a newer one told.
    fn keep(&mut self, missing: &MissingEvidence, url: &str, list: RevocationList, now: Duration) {
        let MissingEvidence::RevocationList { issuer_key, .. } = missing else {
            return;
        };
        let key = (Box::from(url), issuer_key.clone());
        let in_force = UnixTime::since_unix_epoch(now);
        let newer = self
            .lists
            .get(&key)
            .map(|kept| kept.list.clone())
            .filter(|before| {
                before.is_current(in_force) && before.this_update() > list.this_update()
            });
        let is_other = (self.lists.get(&key))
            .is_none_or(|before| !before.list.is_same(newer.as_ref().unwrap_or(&list)));
        let kept = KeptList {
            list: newer.unwrap_or(list),
            fetched_at: now,
        };
        self.lists.insert(key, kept);
        // After it is in its place: who sees the number sees the list.
        self.generation
            .fetch_add(u64::from(is_other), Ordering::Release);
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
    /// Whether it is young and has a quarter of its time left.
    fn is_fresh(&self, now: Duration) -> bool {
        let end = Duration::from_secs(self.list.next_update().as_secs());
        let life = end.saturating_sub(self.fetched_at);
        let is_young =
            self.fetched_at <= now && now.saturating_sub(self.fetched_at) < times::LIST_AGE;
        is_young && end.saturating_sub(now) > life / 4
    }
}

/// How many learned certificates are kept. Microsoft has some 40 current TLS CAs.
const MAX_LEARNED: usize = 64;
/// How many lists are kept: four for a path, and those of the signers before and beside it.
const MAX_LISTS: usize = 32;
/// How many revoked certificates are remembered.
const MAX_REVOKED: usize = 256;

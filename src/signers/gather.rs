//! Gathers the evidence that a chain needs: issuers until a path is valid, then revocation lists.
//!
//! ```text
//!             ┌── an issuer is missing: fetch it ◄───┐ at most 4, one after the other, 5 s in all
//!             ▼                                      │
//!   target ─► assess ─────────────────────────────────┘
//!             │ a path is valid
//!             ▼
//!             lists are missing or old: fetch them ◄─┐ at most 3 rounds, all lists of a round at once,
//!             │                                      │ 3 s in all if a callback waits, otherwise 11 s
//!             ▼                                      │
//!             assess ─── an issuer is revoked: its twin may have lists of its own
//! ```
//!
//! Each step takes what the [`EvidenceStore`] has and fetches the rest through it, so that concurrent fetches share requests.
//! A URL is tried once. Each attempt is an entry of the journal ([`EvidenceFetch`]), and after a failure the next URL is tried: the verdict
//! decides what a failure means. A receiver shows the failures in its errors, and [`diagnosis`](crate::diagnosis) the whole journal.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::error::EvidenceError;
use super::evidence::EvidenceStore;
use super::times;
use crate::chain::{
    Assessment, CertificateDer, ChainError, ChainVerifier, Evidence, MissingEvidence, PathError,
    Revocation, UnixTime, VerifiedSigner,
};
use crate::mask::Excerpt;
use crate::source::{Authorities, CertificateBundle};
use crate::spawn::Spawn;
use crate::spawn::single_flight::within;

/// A certificate, and the issuers that were served with it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) issuers: Vec<CertificateDer<'static>>,
}

impl Target {
    /// A certificate that was served.
    pub(crate) fn served(bundle: &CertificateBundle) -> Self {
        Self { certificate: bundle.signing().clone(), issuers: bundle.intermediates().to_vec() }
    }

    /// A kept signer.
    pub(super) fn of(signer: &VerifiedSigner) -> Self {
        Self { certificate: signer.certificate().clone(), issuers: signer.issuers().to_vec() }
    }
}

/// An attempt to fetch evidence.
#[derive(Clone, Debug)]
pub(crate) struct EvidenceFetch {
    /// `issuer` or `revocation list`.
    pub(crate) what: &'static str,
    /// The subject of the certificate that needs it.
    pub(crate) of: Excerpt,
    pub(crate) url: Box<str>,
    pub(crate) outcome: Result<(), EvidenceError>,
}

impl EvidenceFetch {
    fn new(missing: &MissingEvidence, url: Box<str>, outcome: Result<(), EvidenceError>) -> Self {
        let (what, of) = match missing {
            MissingEvidence::Issuer { of, .. } => (ISSUER, of.clone()),
            MissingEvidence::RevocationList { of, .. } => (REVOCATION_LIST, of.clone()),
        };
        Self { what, of, url, outcome }
    }

    /// The entry for all evidence of a kind that did not arrive in time.
    fn late(what: &'static str, limit: Duration) -> Self {
        let outcome = Err(EvidenceError::Late { what, limit });
        Self { what, of: Excerpt::of(""), url: "".into(), outcome }
    }

    /// The failures in a journal, in words.
    pub(super) fn problems(journal: &[Self]) -> Vec<String> {
        journal.iter().filter_map(|fetch| Some(fetch.outcome.as_ref().err()?.to_string())).collect()
    }
}

/// Gathers evidence for one fetch or check, under one chain verifier and at one time. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gatherer {
    pub(super) store: Arc<EvidenceStore>,
    pub(super) chain: Arc<ChainVerifier>,
    pub(super) spawn: Arc<dyn Spawn>,
    pub(super) now: Duration,
}

impl Gatherer {
    /// A gatherer with an evidence store of its own. `None` disables fetching.
    pub(crate) fn alone(
        chain: ChainVerifier,
        authorities: Option<Authorities>,
        spawn: Arc<dyn Spawn>,
        now: Duration,
    ) -> Self {
        let store = Arc::new(EvidenceStore::new(authorities, &spawn));
        Self { store, chain: Arc::new(chain), spawn, now }
    }

    /// The evidence at hand for `target`.
    pub(crate) fn evidence(&self, target: &Target) -> Evidence {
        self.store.at_hand(&target.issuers)
    }

    /// Verifies `target`, and gathers the evidence for that: issuers' certificates, which become those of `target`, and if
    /// `needs_lists`, the revocation lists of `target` and `others`. Each attempt is added to `journal`.
    pub(crate) async fn verify(
        &self,
        target: &mut Target,
        others: &[Target],
        needs_lists: bool,
        journal: &mut Vec<EvidenceFetch>,
    ) -> Result<VerifiedSigner, ChainError> {
        let mut is_second_round = false;
        loop {
            target.issuers.extend(self.issuers(target, journal).await);
            if needs_lists && self.chain.revocation() != Revocation::DangerOff {
                let others = others.iter().cloned().map(|mut other| {
                    other.issuers.extend(target.issuers.iter().cloned());
                    other
                });
                let targets: Vec<_> = std::iter::once(target.clone()).chain(others).collect();
                journal.extend(self.lists(&targets, times::LISTS).await);
            }
            match self.assess(target).verdict {
                // An issuer was found revoked: the second round looks for its twin.
                Err(error) if !is_second_round && is_of_issuer(&error) => is_second_round = true,
                verdict => return verdict,
            }
        }
    }

    /// Assesses `target` with the evidence at hand, and remembers the certificates that turn out revoked.
    pub(super) fn assess(&self, target: &Target) -> Assessment {
        self.assess_at(target, self.now)
    }

    /// [`assess`](Self::assess), for another time.
    pub(super) fn assess_at(&self, target: &Target, time: Duration) -> Assessment {
        self.assess_with(target, &self.store.at_hand(&target.issuers), time)
    }

    fn assess_with(&self, target: &Target, evidence: &Evidence, time: Duration) -> Assessment {
        let time = UnixTime::since_unix_epoch(time);
        let assessment = self.chain.assess(&target.certificate, evidence, time);
        self.store.remember_revoked(&assessment.revoked);
        assessment
    }

    /// Fetches issuers' certificates until a path from `target` is valid, or nothing is left to fetch: at most [`MAX_ISSUERS`],
    /// for [`times::ISSUERS`] at most. Returns the new ones.
    pub(super) async fn issuers(
        &self,
        target: &Target,
        journal: &mut Vec<EvidenceFetch>,
    ) -> Vec<CertificateDer<'static>> {
        let (gatherer, target) = (self.clone(), target.clone());
        let work = async move { gatherer.fetch_issuers(&target).await };
        match within(&self.spawn, times::ISSUERS, work).await {
            Ok((issuers, fetches)) => {
                journal.extend(fetches);
                issuers
            }
            Err(_) => {
                journal.push(EvidenceFetch::late(ISSUER, times::ISSUERS));
                Vec::new()
            }
        }
    }

    async fn fetch_issuers(
        &self,
        target: &Target,
    ) -> (Vec<CertificateDer<'static>>, Vec<EvidenceFetch>) {
        let mut evidence = self.store.at_hand(&target.issuers);
        let (mut issuers, mut journal) = (Vec::new(), Vec::new());
        let mut tried = HashSet::new();
        while tried.len() < MAX_ISSUERS {
            let time = UnixTime::since_unix_epoch(self.now);
            let missing = self.chain.assess(&target.certificate, &evidence, time).missing;
            let next = missing.iter().find_map(|missing| {
                let MissingEvidence::Issuer { urls, .. } = missing else {
                    return None;
                };
                let url = urls.iter().find(|url| !tried.contains(*url))?;
                Some((missing, url.clone()))
            });
            let Some((missing, url)) = next else {
                break;
            };
            tried.insert(url.clone());
            let outcome = self.store.fetch_issuers(&url, self.now).await.and_then(|found| {
                let found = add_issuers(&self.chain, missing, found, &mut evidence);
                // It is fetched over plain HTTP, and may be replaced in transit.
                let is_other = found.is_empty();
                issuers.extend(found);
                match is_other {
                    true => Err(EvidenceError::NotTheIssuer { url: Excerpt::of_url(&*url) }),
                    false => Ok(()),
                }
            });
            journal.push(EvidenceFetch::new(missing, url, outcome));
        }
        (issuers, journal)
    }

    /// Fetches the revocation lists that cover the paths of `targets` and are missing or old, for `limit` at most. The store keeps
    /// them, also later ones. Returns the journal.
    pub(super) async fn lists(&self, targets: &[Target], limit: Duration) -> Vec<EvidenceFetch> {
        let (gatherer, targets) = (self.clone(), targets.to_vec());
        let work = async move { gatherer.fetch_lists(&targets).await };
        let journal = within(&self.spawn, limit, work).await;
        journal.unwrap_or_else(|_| vec![EvidenceFetch::late(REVOCATION_LIST, limit)])
    }

    async fn fetch_lists(&self, targets: &[Target]) -> Vec<EvidenceFetch> {
        let mut tried = HashSet::new();
        let mut journal = Vec::new();
        for _ in 0..MAX_LIST_ROUNDS {
            let mut untried = self.missing_lists(targets);
            untried.retain(|(_, url)| tried.insert(url.clone()));
            if untried.is_empty() {
                break;
            }
            // All at once: a list that does not arrive does not delay the others.
            let fetches = untried
                .iter()
                .map(|(missing, url)| self.store.fetch_list(&self.chain, missing, url, self.now));
            let outcomes = join_all(fetches).await;
            let fetched = untried.into_iter().zip(outcomes);
            journal.extend(
                fetched.map(|((missing, url), outcome)| EvidenceFetch::new(&missing, url, outcome)),
            );
        }
        journal
    }

    fn missing_lists(&self, targets: &[Target]) -> Vec<(MissingEvidence, Box<str>)> {
        let mut all = Vec::new();
        for target in targets {
            let evidence = self.store.fresh(&target.issuers, self.now);
            for missing in self.assess_with(target, &evidence, self.now).missing {
                if let MissingEvidence::RevocationList { urls, .. } = &missing {
                    let urls = urls.iter().take(MAX_LIST_URLS);
                    all.extend(urls.map(|url| (missing.clone(), url.clone())));
                }
            }
        }
        all
    }
}

/// Adds the certificates in `found` that are new and of the missing issuer to `evidence`, and returns them.
fn add_issuers(
    chain: &ChainVerifier,
    missing: &MissingEvidence,
    found: Vec<CertificateDer<'static>>,
    evidence: &mut Evidence,
) -> Vec<CertificateDer<'static>> {
    let is_new = |der: &CertificateDer<'static>| {
        chain.is_needed_issuer(missing, der) && !evidence.issuers.contains(der)
    };
    let new: Vec<_> = found.into_iter().filter(is_new).collect();
    evidence.issuers.extend(new.iter().cloned());
    new
}

/// Whether an issuer is revoked. It may have a twin: a certificate of the same key.
pub(super) fn is_of_issuer(error: &ChainError) -> bool {
    matches!(error, ChainError::Path { error: PathError::Revoked, .. })
}

pub(crate) const ISSUER: &str = "issuer";
pub(crate) const REVOCATION_LIST: &str = "revocation list";
/// The most issuers' certificates that are fetched for one signing certificate.
const MAX_ISSUERS: usize = 4;
/// The most rounds of fetching lists: a list may revoke an issuer, and lead to its twin.
const MAX_LIST_ROUNDS: usize = 3;
/// The most URLs that are tried for one list. Microsoft's certificates name two.
const MAX_LIST_URLS: usize = 4;

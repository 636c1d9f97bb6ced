//! Gathers the evidence that a chain needs: issuers until a path holds, then revocation lists.
//!
//! ```text
//!             ┌── an issuer is missing: fetch it ◄───┐ at most 4, one after the other, 5 s in all
//!             ▼                                      │
//!   target ─► assess ─────────────────────────────────┘
//!             │ a path holds
//!             ▼
//!             lists are missing or old: fetch them ◄─┐ at most 3 rounds, all lists of a round at once,
//!             │                                      │ 3 s in all if a callback waits, otherwise 11 s
//!             ▼                                      │
//!             assess ─── an issuer is revoked: its twin may have lists of its own
//! ```
//!
//! Each step takes what the [`EvidenceStore`] has and fetches the rest through it, so that concurrent fetches share requests.
//! A URL is tried once. A failure is noted as a problem, and the next URL is tried: the verdict decides what a failure means.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::evidence::EvidenceStore;
use super::times;
use crate::chain::{
    Assessment, CertificateDer, ChainVerifier, Evidence, MissingEvidence, UnixTime, VerifiedSigner,
};
use crate::excerpt::Excerpt;
use crate::single_flight::within;
use crate::spawn::Spawn;

/// A certificate, and the issuers that were served with it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) issuers: Vec<CertificateDer<'static>>,
}

impl Target {
    /// A kept signer.
    pub(super) fn of(signer: &VerifiedSigner) -> Self {
        Self { certificate: signer.certificate().clone(), issuers: signer.issuers().to_vec() }
    }
}

/// Issuers' certificates, and the failures in the order of the attempts.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    pub(super) issuers: Vec<CertificateDer<'static>>,
    pub(super) problems: Vec<String>,
}

/// Gathers evidence for one fetch or check, under one chain verifier and at one time. Cheap to clone.
#[derive(Clone)]
pub(super) struct Gatherer {
    pub(super) store: Arc<EvidenceStore>,
    pub(super) chain: Arc<ChainVerifier>,
    pub(super) spawn: Arc<dyn Spawn>,
    pub(super) now: Duration,
}

impl Gatherer {
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

    /// Fetches issuers' certificates until a path from `target` holds, or nothing is left to fetch: at most [`MAX_ISSUERS`], for
    /// [`times::ISSUERS`] at most.
    pub(super) async fn issuers(&self, target: &Target) -> Gathered {
        let (gatherer, target) = (self.clone(), target.clone());
        let work = async move { gatherer.fetch_issuers(&target).await };
        let gathered = within(&self.spawn, times::ISSUERS, work).await;
        gathered.unwrap_or_else(|_| Gathered {
            issuers: Vec::new(),
            problems: vec![not_in_time("the certificates of issuers", times::ISSUERS)],
        })
    }

    async fn fetch_issuers(&self, target: &Target) -> Gathered {
        let mut evidence = self.store.at_hand(&target.issuers);
        let mut gathered = Gathered::default();
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
            match self.store.fetch_issuers(&url, self.now).await {
                Ok(found) => {
                    let found = add_issuers(&self.chain, missing, found, &mut evidence);
                    // It is fetched over plain HTTP, and may be replaced in transit.
                    if found.is_empty() {
                        let url = Excerpt::of_url(url.as_bytes());
                        let problem = format!("`{url}` does not serve the issuer");
                        gathered.problems.push(problem);
                    }
                    gathered.issuers.extend(found);
                }
                Err(error) => gathered.problems.push(error.to_string()),
            }
        }
        gathered
    }

    /// Fetches the revocation lists that cover the paths of `targets` and are missing or old, for `limit` at most. The store keeps
    /// them, also later ones. Returns the failures.
    pub(super) async fn lists(&self, targets: &[Target], limit: Duration) -> Vec<String> {
        let (gatherer, targets) = (self.clone(), targets.to_vec());
        let work = async move { gatherer.fetch_lists(&targets).await };
        let failures = within(&self.spawn, limit, work).await;
        failures.unwrap_or_else(|_| vec![not_in_time("revocation lists", limit)])
    }

    async fn fetch_lists(&self, targets: &[Target]) -> Vec<String> {
        let mut tried = HashSet::new();
        let mut failures = Vec::new();
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
            let outcomes = join_all(fetches).await.into_iter();
            failures.extend(outcomes.filter_map(|outcome| Some(outcome.err()?.to_string())));
        }
        failures
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

fn not_in_time(what: &str, limit: Duration) -> String {
    format!("{what} did not arrive within {limit:?}")
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

/// The most issuers' certificates that are fetched for one signing certificate.
const MAX_ISSUERS: usize = 4;
/// The most rounds of fetching lists: a list may revoke an issuer, and lead to its twin.
const MAX_LIST_ROUNDS: usize = 3;
/// The most URLs that are tried for one list. Microsoft's certificates name two.
const MAX_LIST_URLS: usize = 4;

//! Gathers what a chain needs: issuers until a path holds, then revocation lists.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::evidence::EvidenceStore;
use crate::chain::{
    CertificateDer, ChainVerifier, Evidence, MissingEvidence, UnixTime, VerifiedSigner,
};
use crate::excerpt::Excerpt;

/// A certificate, and its issuers as far as they came with it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) issuers: Vec<CertificateDer<'static>>,
}

impl Target {
    /// A signer that is kept.
    pub(super) fn of(signer: &VerifiedSigner) -> Self {
        Self {
            certificate: signer.certificate().clone(),
            issuers: signer.issuers().to_vec(),
        }
    }
}

/// What was gathered, and what went wrong in the order of the attempts.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    pub(super) issuers: Vec<CertificateDer<'static>>,
    pub(super) problems: Vec<String>,
}

/// Fetches certificates of issuers until a path from `target` holds, or nothing more can be fetched: at most
/// [`MAX_ISSUERS`].
pub(super) async fn issuers(
    store: Arc<EvidenceStore>,
    chain: Arc<ChainVerifier>,
    target: Target,
    now: Duration,
) -> Gathered {
    let mut evidence = store.at_hand(&target.issuers);
    let mut gathered = Gathered::default();
    let mut tried = HashSet::new();
    while tried.len() < MAX_ISSUERS {
        let time = UnixTime::since_unix_epoch(now);
        let missing = chain.assess(&target.certificate, &evidence, time).missing;
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
        match store.fetch_issuers(&url, now).await {
            Ok(found) => {
                let found = add_issuers(&chain, missing, found, &mut evidence);
                // Somebody on the way may have put another in its place.
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

/// Those of `found` that are new and of the issuer that is missing.
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

/// Fetches the revocation lists that cover the paths of `targets` and are not at hand, or are old. The store keeps them.
/// Returns what went wrong.
pub(super) async fn lists(
    store: Arc<EvidenceStore>,
    chain: Arc<ChainVerifier>,
    targets: Vec<Target>,
    now: Duration,
) -> Vec<String> {
    let mut tried = HashSet::new();
    let mut problems = Vec::new();
    for _ in 0..MAX_LIST_ROUNDS {
        let missing = missing_lists(&store, &chain, &targets, now);
        let untried: Vec<_> = missing
            .into_iter()
            .filter(|(_, url)| tried.insert(url.clone()))
            .collect();
        if untried.is_empty() {
            break;
        }
        // All at once: one that does not come holds nobody up for longer than another.
        let fetches = untried
            .iter()
            .map(|(missing, url)| store.fetch_list(&chain, missing, url, now));
        let outcomes = join_all(fetches).await;
        problems.extend(
            outcomes
                .into_iter()
                .filter_map(Result::err)
                .map(|error| error.to_string()),
        );
    }
    problems
}

fn missing_lists(
    store: &EvidenceStore,
    chain: &ChainVerifier,
    targets: &[Target],
    now: Duration,
) -> Vec<(MissingEvidence, Box<str>)> {
    let mut all = Vec::new();
    for target in targets {
        let evidence = store.fresh(&target.issuers, now);
        let time = UnixTime::since_unix_epoch(now);
        let assessment = chain.assess(&target.certificate, &evidence, time);
        store.remember_revoked(&assessment.revoked);
        for missing in assessment.missing {
            if let MissingEvidence::RevocationList { urls, .. } = &missing {
                let urls = urls.iter().take(MAX_LIST_URLS).cloned().collect::<Vec<_>>();
                all.extend(urls.into_iter().map(|url| (missing.clone(), url)));
            }
        }
    }
    all
}

/// How many issuers' certificates are fetched for one signing certificate.
const MAX_ISSUERS: usize = 4;
/// How many times missing lists are looked for: a list may revoke an issuer, and lead to its twin.
const MAX_LIST_ROUNDS: usize = 3;
/// How many URLs of one list are asked. Microsoft's certificates name two.
const MAX_LIST_URLS: usize = 4;

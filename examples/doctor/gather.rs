//! Gathers what helps to judge a certificate, as a receiver does, and notes every step.

use std::collections::HashSet;

use partner_center_webhooks::Excerpt;
use partner_center_webhooks::chain::{
    ChainVerifier, Evidence, MissingEvidence, RevocationList, UnixTime,
};
use partner_center_webhooks::source::{Authorities, CertificateBundle, SourceError};
use serde::Serialize;

/// An attempt to have something.
#[derive(Serialize)]
pub(crate) struct Step {
    /// What: `signing certificate`, `issuer` or `revocation list`.
    pub(crate) what: &'static str,
    /// Whose, for what hangs on a certificate.
    pub(crate) of: Option<String>,
    /// A file's name, or a URL.
    pub(crate) from: String,
    pub(crate) succeeded: bool,
    /// What came, or why nothing did.
    pub(crate) outcome: String,
    #[serde(skip)]
    pub(crate) failure: Option<Failure>,
}

/// Why a step failed, as far as it matters for what to do.
pub(crate) enum Failure {
    /// Its URL is under none of the allowed locations.
    Elsewhere,
    /// `--offline`.
    Offline,
    /// The network, or what is at the other end of it.
    Passing,
    /// What came is not what is needed.
    Useless,
}

/// Gathers, and appends to `steps`.
pub(crate) async fn gather(
    chain: &ChainVerifier,
    bundle: &CertificateBundle,
    now: UnixTime,
    authorities: Option<&Authorities>,
    steps: &mut Vec<Step>,
) -> Evidence {
    let mut gathering = Gathering {
        chain,
        authorities,
        steps,
        evidence: Evidence::new(bundle.intermediates().to_vec(), Vec::new()),
        tried: HashSet::new(),
        issuers: 0,
    };
    for _ in 0..MAX_ROUNDS {
        let mut progress = false;
        for need in chain.missing_evidence(bundle.signing(), &gathering.evidence, now) {
            progress = gathering.meet(&need, now).await;
            // Each certificate and each list may change what is needed.
            if progress {
                break;
            }
        }
        if !progress {
            break;
        }
    }
    gathering.evidence
}

struct Gathering<'g> {
    chain: &'g ChainVerifier,
    authorities: Option<&'g Authorities>,
    steps: &'g mut Vec<Step>,
    evidence: Evidence,
    tried: HashSet<Box<str>>,
    issuers: usize,
}

impl Gathering<'_> {
    /// Whether something new came.
    async fn meet(&mut self, need: &MissingEvidence, now: UnixTime) -> bool {
        let (what, of, urls) = match need {
            MissingEvidence::Issuer { of, urls, .. } => ("issuer", of, urls),
            MissingEvidence::RevocationList { of, urls, .. } => ("revocation list", of, urls),
            _ => return false,
        };
        for url in urls {
            let is_issuer = matches!(need, MissingEvidence::Issuer { .. });
            if is_issuer && self.issuers >= MAX_ISSUERS || !self.tried.insert(url.clone()) {
                continue;
            }
            self.issuers += usize::from(is_issuer);
            let outcome = match is_issuer {
                true => self.issuer(need, url).await,
                false => self.list(need, url, now).await,
            };
            let (succeeded, outcome, failure) = match outcome {
                Ok(outcome) => (true, outcome, None),
                Err((outcome, failure)) => (false, outcome, Some(failure)),
            };
            self.steps.push(Step {
                what,
                of: Some(of.to_string()),
                from: Excerpt::of_url(url.as_bytes()).to_string(),
                succeeded,
                outcome,
                failure,
            });
            if succeeded {
                return true;
            }
        }
        false
    }

    async fn issuer(
        &mut self,
        need: &MissingEvidence,
        url: &str,
    ) -> Result<String, (String, Failure)> {
        let authorities = self.authorities.ok_or_else(offline)?;
        let found = authorities.issuers(url).await.map_err(why)?;
        let new: Vec<_> = found
            .into_iter()
            .filter(|der| {
                self.chain.is_needed_issuer(need, der) && !self.evidence.issuers.contains(der)
            })
            .collect();
        let number = new.len();
        self.evidence.issuers.extend(new);
        match number {
            0 => Err((
                "no certificate of the CA that issued it, or none that was not known".to_owned(),
                Failure::Useless,
            )),
            1 => Ok("1 certificate".to_owned()),
            more => Ok(format!("{more} certificates")),
        }
    }

    async fn list(
        &mut self,
        need: &MissingEvidence,
        url: &str,
        now: UnixTime,
    ) -> Result<String, (String, Failure)> {
        let authorities = self.authorities.ok_or_else(offline)?;
        let bytes = authorities.revocation_list(url).await.map_err(why)?;
        let list = RevocationList::from_der(&bytes)
            .map_err(|error| (error.to_string(), Failure::Useless))?;
        if !list.is_current(now) {
            return Err(("it is not in force".to_owned(), Failure::Useless));
        }
        if !self.chain.is_needed_list(need, &list) {
            let problem = "it was not signed by the issuer that it should be of".to_owned();
            return Err((problem, Failure::Useless));
        }
        let outcome = format!("{} bytes, issued by {}", bytes.len(), list.issuer());
        self.evidence.revocation_lists.push(list);
        Ok(outcome)
    }
}

fn offline() -> (String, Failure) {
    ("not fetched: --offline".to_owned(), Failure::Offline)
}

fn why(error: SourceError) -> (String, Failure) {
    let failure = match &error {
        SourceError::Location(_) => Failure::Elsewhere,
        SourceError::NotACertificate { .. } => Failure::Useless,
        _ => Failure::Passing,
    };
    (error.to_string(), failure)
}

/// As many issuers' certificates as a receiver fetches for one signing certificate.
const MAX_ISSUERS: usize = 4;
/// As many times as a receiver asks what is needed.
const MAX_ROUNDS: usize = 12;

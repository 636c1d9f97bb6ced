//! The walk: certificate, policies, path, revocation, verdict.

use super::advice::{self, Advice};
use super::candidates::{Candidate, candidates};
use super::facts::{Facts, days_left};
use super::steps::Step;
use crate::chain::{
    Certificate, CertificateDer, ChainError, ChainVerifier, Evidence, PolicyError,
    RevocationStatus, UnixTime, VerifiedSigner, rfc3339,
};
use crate::mask::Excerpt;
use crate::signers::{EvidenceFetch, Gatherer, Target, fetching};
use crate::source::{CertificateBundle, SourceError};

/// The result of an examination. `Display` is a report in 80 columns, [`to_json`](Self::to_json) the same for machines.
#[derive(Clone, Debug)]
pub struct Examination {
    pub(super) at: String,
    /// The error in words, with the failed fetches that may have caused it.
    pub(super) reason: Option<String>,
    pub(super) error: Option<ChainError>,
    pub(super) steps: Vec<Step>,
    /// `None` if it could not be fetched or parsed.
    pub(super) certificate: Option<Facts>,
    pub(super) policies: Vec<Policy>,
    /// How many are configured.
    pub(super) anchors: usize,
    /// How many are configured.
    pub(super) intermediates: usize,
    pub(super) candidates: Vec<Candidate>,
    /// Of each certificate on the valid path, without the anchor.
    pub(super) revocation: Vec<Status>,
    /// The validity of each part of the verdict.
    pub(super) expiries: Vec<Expiry>,
    pub(super) valid_until: Option<UnixTime>,
    pub(super) now: UnixTime,
    pub(super) issuers: Vec<CertificateDer<'static>>,
    pub(super) advice: Vec<Advice>,
}

/// The verdict of one policy.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) policy: String,
    pub(super) refusal: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Status {
    pub(super) subject: String,
    pub(super) status: RevocationStatus,
    /// When the list expires that says so.
    pub(super) list_expires: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Expiry {
    pub(super) what: String,
    pub(super) at: String,
    pub(super) days_left: i64,
}

impl Examination {
    pub(super) fn begun(
        chain: &ChainVerifier,
        from: &str,
        served: &Result<CertificateBundle, SourceError>,
        now: UnixTime,
    ) -> Self {
        Self {
            at: rfc3339(now),
            reason: None,
            error: None,
            steps: vec![Step::signing_certificate(from, served)],
            certificate: None,
            policies: Vec::new(),
            anchors: chain.anchors().len(),
            intermediates: chain.intermediates().len(),
            candidates: Vec::new(),
            revocation: Vec::new(),
            expiries: Vec::new(),
            valid_until: None,
            now,
            issuers: Vec::new(),
            advice: Vec::new(),
        }
    }

    /// Whether a receiver with these rules trusts the certificate.
    pub fn is_trusted(&self) -> bool {
        self.reason.is_none()
    }

    /// Why it is refused: the receiver's error, and the failed fetches that may have caused it.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The verdict of the chain verifier, if the certificate was obtained and is refused.
    pub fn error(&self) -> Option<&ChainError> {
        self.error.as_ref()
    }

    /// The issuers on the valid path, without the anchor. A receiver that is given them as intermediates does not have to fetch
    /// them. Empty if no path is valid.
    pub fn issuers(&self) -> &[CertificateDer<'static>] {
        &self.issuers
    }

    /// What would change a refusal. Empty if the certificate is trusted.
    pub fn advice(&self) -> &[Advice] {
        &self.advice
    }

    /// Whole days until the verdict expires; `None` if the certificate is refused.
    pub(super) fn days_left(&self) -> Option<i64> {
        self.valid_until.map(|until| days_left(until, self.now))
    }

    pub(super) fn not_obtained(&mut self, error: &SourceError) {
        self.reason = Some(error.to_string());
        self.advice = advice::to_obtain(error);
    }

    /// `gatherer` works under `chain` without its signer name.
    pub(super) async fn walk(
        &mut self,
        chain: &ChainVerifier,
        gatherer: &Gatherer,
        bundle: &CertificateBundle,
        now: UnixTime,
    ) {
        let certificate = bundle.signing();
        let mut target = Target::served(bundle);
        let mut journal: Vec<EvidenceFetch> = Vec::new();
        let any_name = gatherer.verify(&mut target, &[], true, &mut journal).await;
        self.steps.extend(journal.iter().map(Step::evidence));
        let evidence = gatherer.evidence(&target);

        if let Ok(parsed) = Certificate::parse(certificate) {
            self.certificate = Some(Facts::of(chain, &parsed, certificate, now));
            self.policies = policies(chain, &parsed);
            self.candidates = candidates(chain, certificate, &evidence, now);
        }
        self.follow(chain, certificate, &evidence, now);
        match chain.verify_with(certificate, &evidence, now) {
            Ok(signer) => self.trusted(&signer),
            Err(error) => {
                self.reason = Some(self.reason_for(&error));
                let mut errors = vec![&error];
                let is_of_name = matches!(
                    error,
                    ChainError::Policy { error: PolicyError::SignerName { .. }, .. }
                );
                if let (true, Err(behind)) = (is_of_name, &any_name) {
                    errors.push(behind);
                }
                let dns_names = self.certificate.as_ref().map_or(&[][..], |facts| &facts.dns_names);
                let (steps, candidates) = (&*self.steps, &*self.candidates);
                self.advice =
                    advice::to_trust(&errors, advice::Findings { steps, candidates, dns_names });
                self.error = Some(error);
            }
        }
    }

    /// Notes the issuers on the valid path, and the revocation of its certificates.
    fn follow(
        &mut self,
        chain: &ChainVerifier,
        certificate: &CertificateDer<'_>,
        evidence: &Evidence,
        now: UnixTime,
    ) {
        let Ok(path) = chain.find_path(certificate, evidence, now) else {
            return;
        };
        self.issuers = path.certificates().skip(1).cloned().collect();
        self.revocation = (path.links.iter())
            .map(|link| Status {
                subject: link.subject.to_string(),
                status: link.status(chain.revocation()),
                list_expires: link.list_ends.map(rfc3339),
            })
            .collect();
    }

    /// The refusal, with the failed fetches if they may have caused it.
    fn reason_for(&self, error: &ChainError) -> String {
        let failed = self.steps.iter().filter(|step| step.failure.is_some());
        let problems: Vec<_> = failed.map(|step| step.outcome.clone()).collect();
        match error {
            ChainError::Path { .. } | ChainError::UnknownIssuer { .. } => {
                format!("{error}{}", fetching(&problems))
            }
            _ => error.to_string(),
        }
    }

    fn trusted(&mut self, signer: &VerifiedSigner) {
        self.valid_until = Some(signer.valid_until());
        let now = self.now;
        let expiry = |(what, at): (Excerpt, UnixTime)| Expiry {
            what: what.to_string(),
            at: rfc3339(at),
            days_left: days_left(at, now),
        };
        self.expiries = signer.expiries().into_iter().map(expiry).collect();
    }
}

fn policies(chain: &ChainVerifier, certificate: &Certificate<'_>) -> Vec<Policy> {
    let verdicts = chain.policy_verdicts(certificate).into_iter();
    verdicts
        .map(|(policy, verdict)| Policy {
            policy,
            refusal: verdict.err().map(|error| error.to_string()),
        })
        .collect()
}

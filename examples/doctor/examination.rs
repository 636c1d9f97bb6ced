//! The walk: certificate, policies, path, revocation, verdict.

use partner_center_webhooks::Excerpt;
use partner_center_webhooks::chain::{
    Certificate, CertificateDer, ChainError, ChainVerifier, Evidence, PolicyError, Revocation,
    RevocationStatus, UnixTime, VerifiedSigner,
};
use partner_center_webhooks::source::{
    CertificateBundle, CertificateSource as _, LocationError, SourceError,
};
use serde::Serialize;

use crate::advice::{self, Advice};
use crate::candidates::{Candidate, candidates};
use crate::facts::{Facts, days_left, rfc3339};
use crate::gather::{Failure, Step, gather};
use crate::options::{Options, Origin};

/// What was found, in the order of the walk.
#[derive(Default, Serialize)]
pub(crate) struct Examination {
    /// `trusted` or `refused`.
    pub(crate) verdict: &'static str,
    /// Why it is refused.
    pub(crate) reason: Option<String>,
    pub(crate) at: String,
    pub(crate) steps: Vec<Step>,
    /// Nothing if it could not be had, or not be read.
    pub(crate) certificate: Option<Facts>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) anchors: usize,
    /// How many are configured.
    pub(crate) intermediates: usize,
    pub(crate) candidates: Vec<Candidate>,
    /// Of each certificate of the path that holds, but the anchor.
    pub(crate) revocation: Vec<Status>,
    /// What the verdict depends on, and when that ends.
    pub(crate) ends: Vec<Ending>,
    pub(crate) valid_until: Option<String>,
    pub(crate) days_left: Option<i64>,
    /// Nothing if it was not asked for.
    pub(crate) saved_intermediates: Option<usize>,
    pub(crate) advice: Vec<Advice>,
}

#[derive(Serialize)]
pub(crate) struct Policy {
    pub(crate) policy: String,
    /// Why it refuses.
    pub(crate) refusal: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Status {
    pub(crate) subject: String,
    /// `good`, `unknown` or `not checked`.
    pub(crate) status: String,
    /// Until when the list is in force that says so.
    pub(crate) list_ends: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Ending {
    pub(crate) what: String,
    pub(crate) at: String,
    pub(crate) days_left: i64,
}

/// Why there is nothing to examine.
pub(crate) enum Absent {
    Location(LocationError),
    Source(SourceError),
}

/// Examines. Gives the issuers on the path that holds, too.
pub(crate) async fn examine(options: &Options) -> (Examination, Vec<CertificateDer<'static>>) {
    let mut examination = Examination {
        verdict: "refused",
        at: rfc3339(options.now),
        anchors: options.chain.anchors().len(),
        intermediates: options.intermediates.len(),
        ..Examination::default()
    };
    let (from, bundle) = obtain(&options.origin).await;
    let (outcome, failure) = match &bundle {
        Ok(bundle) => match bundle.intermediates().len() {
            0 => ("1 certificate".to_owned(), None),
            more => (format!("the signing certificate, and {more} beside it"), None),
        },
        Err(Absent::Location(error)) => (error.to_string(), Some(Failure::Elsewhere)),
        Err(Absent::Source(error)) => (error.to_string(), Some(Failure::Passing)),
    };
    examination.steps.push(Step {
        what: "signing certificate",
        of: None,
        from,
        succeeded: failure.is_none(),
        outcome,
        failure,
    });
    let issuers = match bundle {
        Ok(bundle) => examination.walk(options, &bundle).await,
        Err(absent) => {
            examination.reason = Some(match &absent {
                Absent::Location(error) => error.to_string(),
                Absent::Source(error) => error.to_string(),
            });
            examination.advice = advice::to_obtain(&absent);
            Vec::new()
        }
    };
    (examination, issuers)
}

/// Where the certificate comes from, and what came.
async fn obtain(origin: &Origin) -> (String, Result<CertificateBundle, Absent>) {
    match origin {
        Origin::File { path, bundle } => (path.clone(), Ok(bundle.clone())),
        Origin::Url { url, location, download } => match location.check(url) {
            Ok(url) => {
                let bundle = download.fetch(&url).await.map_err(Absent::Source);
                (url.to_string(), bundle)
            }
            Err(error) => (Excerpt::of_url(url).to_string(), Err(Absent::Location(error))),
        },
    }
}

impl Examination {
    pub(crate) fn is_trusted(&self) -> bool {
        self.reason.is_none()
    }

    async fn walk(
        &mut self,
        options: &Options,
        bundle: &CertificateBundle,
    ) -> Vec<CertificateDer<'static>> {
        let (certificate, now) = (bundle.signing(), options.now);
        let chain = options.chain.clone().with_intermediates(options.intermediates.iter().cloned());
        // A certificate of another name is not Partner Center's; its path is examined all the same.
        let any_name = chain.clone().danger_accept_any_signer_name();
        let authorities = options.authorities.as_ref();
        let evidence = gather(&any_name, bundle, now, authorities, &mut self.steps).await;

        if let Ok(parsed) = Certificate::parse(certificate) {
            self.certificate = Some(Facts::of(&parsed, certificate, now));
            self.policies = policies(&chain, &parsed);
            let everything = Evidence::new(
                [&*options.intermediates, &evidence.issuers].concat(),
                evidence.revocation_lists.clone(),
            );
            self.candidates = candidates(&options.chain, certificate, &everything, now);
        }
        let path = chain.find_path(certificate, &evidence, now).ok();
        if let Some(path) = &path {
            self.revocation = path
                .links()
                .iter()
                .map(|link| Status {
                    subject: link.subject().to_string(),
                    status: status(chain.revocation(), link.revocation_list_ends()).to_string(),
                    list_ends: link.revocation_list_ends().map(rfc3339),
                })
                .collect();
        }
        match chain.verify_with(certificate, &evidence, now) {
            Ok(signer) => self.note(&signer, now),
            Err(error) => {
                self.reason = Some(self.reason_for(&error));
                let behind = match &error {
                    ChainError::Policy { error: PolicyError::SignerName { .. }, .. } => {
                        any_name.verify_with(certificate, &evidence, now).err()
                    }
                    _ => None,
                };
                let errors: Vec<_> = [error].into_iter().chain(behind).collect();
                self.advice = advice::to_trust(&errors, self);
            }
        }
        let links = path.iter().flat_map(|path| path.links().iter().skip(1));
        links.map(|link| link.certificate().clone()).collect()
    }

    /// The refusal, and the fetches that failed if what they were for may change it.
    fn reason_for(&self, error: &ChainError) -> String {
        let failed = self.steps.iter().filter(|step| !step.succeeded);
        let problems: Vec<_> = failed.take(4).map(|step| step.outcome.as_str()).collect();
        match error {
            ChainError::Path { .. } | ChainError::UnknownIssuer { .. } if !problems.is_empty() => {
                format!("{error}; fetching it failed: {}", problems.join("; "))
            }
            _ => error.to_string(),
        }
    }

    fn note(&mut self, signer: &VerifiedSigner, now: UnixTime) {
        self.verdict = "trusted";
        self.valid_until = Some(rfc3339(signer.valid_until()));
        self.days_left = Some(days_left(signer.valid_until(), now));
        let ending = |(what, end): (Excerpt, UnixTime)| Ending {
            what: what.to_string(),
            at: rfc3339(end),
            days_left: days_left(end, now),
        };
        self.ends = signer.expiries().into_iter().map(ending).collect();
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

/// What a receiver says of a certificate on a path that holds.
fn status(revocation: Revocation, list_ends: Option<UnixTime>) -> RevocationStatus {
    match (revocation, list_ends) {
        (Revocation::DangerOff, _) => RevocationStatus::NotChecked,
        (_, Some(_)) => RevocationStatus::Good,
        (_, None) => RevocationStatus::Unknown,
    }
}

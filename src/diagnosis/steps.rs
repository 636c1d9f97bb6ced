//! The attempts to fetch something, in order.

use crate::mask::Excerpt;
use crate::signers::{EvidenceError, EvidenceFetch};
use crate::source::{CertificateBundle, SourceError};

/// An attempt to fetch something.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// `signing certificate`, `issuer` or `revocation list`.
    pub(super) what: &'static str,
    /// The subject of the certificate that needs it.
    pub(super) of: Option<String>,
    /// A file or a URL; empty for several that did not arrive in time.
    pub(super) from: String,
    /// The response, or the failure in words.
    pub(super) outcome: String,
    pub(super) failure: Option<Failure>,
}

/// The kind of a failure, as far as advice depends on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    /// The URL is under none of the allowed locations.
    NotAllowed,
    /// Nothing is fetched.
    Disabled,
    /// The network, or the host.
    Transient,
    /// The response is not the missing certificate or list.
    Useless,
}

impl Step {
    pub(super) fn signing_certificate(
        from: &str,
        served: &Result<CertificateBundle, SourceError>,
    ) -> Self {
        let (outcome, failure) = match served {
            Ok(bundle) => match bundle.intermediates().len() {
                0 => ("1 certificate".to_owned(), None),
                more => (format!("the signing certificate, and {more} more"), None),
            },
            Err(error) => (error.to_string(), Some(Failure::of(error))),
        };
        let from = Excerpt::of_url(from).to_string();
        Self { what: "signing certificate", of: None, from, outcome, failure }
    }

    pub(super) fn evidence(fetch: &EvidenceFetch) -> Self {
        let (outcome, failure) = match &fetch.outcome {
            Ok(()) => ("fetched".to_owned(), None),
            Err(error) => (error.to_string(), Some(Failure::of_evidence(error))),
        };
        Self {
            what: fetch.what,
            of: (!fetch.url.is_empty()).then(|| fetch.of.to_string()),
            from: Excerpt::of_url(&*fetch.url).to_string(),
            outcome,
            failure,
        }
    }
}

impl Failure {
    fn of(error: &SourceError) -> Self {
        match error {
            SourceError::Location(_) => Self::NotAllowed,
            SourceError::Disabled => Self::Disabled,
            SourceError::NotACertificate { .. } => Self::Useless,
            _ => Self::Transient,
        }
    }

    fn of_evidence(error: &EvidenceError) -> Self {
        match error {
            EvidenceError::Source(error) => Self::of(error),
            EvidenceError::FailedBefore { error, .. } => Self::of_evidence(error),
            EvidenceError::Interrupted { .. } | EvidenceError::Late { .. } => Self::Transient,
            EvidenceError::ForeignList { .. }
            | EvidenceError::ListNotInForce { .. }
            | EvidenceError::NotAList { .. }
            | EvidenceError::NotTheIssuer { .. } => Self::Useless,
        }
    }
}

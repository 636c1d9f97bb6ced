//! Why a signing certificate is not trusted.

use thiserror::Error;

use super::{CertificateSummary, Malformed, PathError, PolicyError};
use crate::Excerpt;
use crate::crypto::KeyRejected;

/// Why a signing certificate is not trusted.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// It has ended.
    #[error("the signing certificate has expired (it is {now}); it is: {certificate}")]
    Expired {
        /// The time of the check (RFC 3339, UTC).
        now: String,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// The backend does not take its key.
    #[error("{error}; the signing certificate is: {certificate}")]
    Key {
        /// What the backend says.
        error: KeyRejected,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// It is no X.509 certificate that can be read.
    #[error("the signing certificate cannot be read: {0}")]
    Malformed(Malformed),
    /// It has not begun.
    #[error("the signing certificate is not valid yet (it is {now}); it is: {certificate}")]
    NotYetValid {
        /// The time of the check (RFC 3339, UTC).
        now: String,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// There are paths, and each has a fault.
    #[error("no path to a trust anchor holds: {error}; the signing certificate is: {certificate}{}", fetching(.problems))]
    Path {
        /// The most telling fault.
        error: PathError,
        /// The certificate.
        certificate: Box<CertificateSummary>,
        /// What went wrong when issuers' certificates were fetched.
        problems: Vec<String>,
        /// Whether a later attempt to fetch them may succeed.
        may_pass: bool,
    },
    /// A policy refused it.
    #[error("the signing certificate is refused: {error}; it is: {certificate}")]
    Policy {
        /// Which, and why.
        error: PolicyError,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// It, or every issuer over which a path leads, is revoked.
    #[error("the signing certificate, or its issuer, is revoked; it is: {certificate}")]
    Revoked {
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// Revocation is required, and no list tells about a certificate of the path. A later attempt may succeed.
    #[error(
        "no revocation list in force covers `{subject}`, and revocation is required; the signing certificate is: {certificate}"
    )]
    RevocationUnknown {
        /// Which certificate of the path.
        subject: Excerpt,
        /// The signing certificate.
        certificate: Box<CertificateSummary>,
    },
    /// Nothing leads from it to a trust anchor: an intermediate is missing, or the anchor is.
    #[error(
        "no path leads from the signing certificate to one of {anchors} trust anchors over {links} known \
         intermediates: configure its issuer's certificate as an intermediate, or another anchor; it is: \
         {certificate}{}",
        fetching(.problems)
    )]
    UnknownIssuer {
        /// How many intermediates were known.
        links: usize,
        /// How many trust anchors there are.
        anchors: usize,
        /// The certificate.
        certificate: Box<CertificateSummary>,
        /// What went wrong when issuers' certificates were fetched.
        problems: Vec<String>,
        /// Whether a later attempt to fetch them may succeed.
        may_pass: bool,
    },
}

impl ChainError {
    /// Whether it is passing trouble: an issuer's certificate or a required revocation list could not be had.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::RevocationUnknown { .. }
                | Self::Path { may_pass: true, .. }
                | Self::UnknownIssuer { may_pass: true, .. }
        )
    }

    /// The same after attempts to fetch issuers' certificates.
    #[must_use]
    pub fn after_fetching(mut self, tried: Vec<String>, issuer_may_come: bool) -> Self {
        if let Self::UnknownIssuer {
            problems, may_pass, ..
        }
        | Self::Path {
            problems, may_pass, ..
        } = &mut self
        {
            *problems = tried;
            *may_pass = issuer_may_come;
        }
        self
    }
}

fn fetching(problems: &[String]) -> String {
    let problems: Vec<_> = problems.iter().take(4).map(String::as_str).collect();
    match problems.is_empty() {
        true => String::new(),
        false => format!("; fetching it failed: {}", problems.join("; ")),
    }
}

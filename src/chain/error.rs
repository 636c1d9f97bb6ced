//! Why a signing certificate is not trusted.

use std::time::Duration;

use rustls_pki_types::UnixTime;
use thiserror::Error;

use super::certificate::{CertificateSummary, ParseError};
use super::path_error::PathError;
use super::policy::PolicyError;
use crate::crypto::KeyRejected;
use crate::excerpt::Excerpt;

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
    /// It cannot be read as an X.509 certificate.
    #[error("the signing certificate cannot be read: {0}")]
    Malformed(ParseError),
    /// It is not valid yet.
    #[error("the signing certificate is not valid yet (it is {now}); it is: {certificate}")]
    NotYetValid {
        /// The time of the check (RFC 3339, UTC).
        now: String,
        /// When it begins.
        not_before: UnixTime,
        /// How long that is from the time of the check.
        wait: Duration,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// There are paths, and each has a fault. Another issuer's certificate may lead to one that holds.
    #[error("no path to a trust anchor holds: {error}; the signing certificate is: {certificate}")]
    Path {
        /// The most telling fault.
        error: PathError,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// A policy refused it.
    #[error("the signing certificate is refused: {error}; it is: {certificate}")]
    Policy {
        /// Which, and why.
        error: PolicyError,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// It is revoked, and only another certificate helps. (If its issuers are revoked, that is [`PathError::Revoked`].)
    #[error("the signing certificate is revoked; it is: {certificate}")]
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
         {certificate}"
    )]
    UnknownIssuer {
        /// How many intermediates were known.
        links: usize,
        /// How many trust anchors there are.
        anchors: usize,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
}

impl ChainError {
    /// A certificate that begins this soon is waited for: five minutes, the difference between clocks that Kerberos and
    /// Microsoft Entra allow.
    pub const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

    /// Whether the verdict may change without anybody doing something: a required revocation list is missing, or the
    /// certificate begins within [`CLOCK_SKEW`](Self::CLOCK_SKEW).
    ///
    /// Whether a missing issuer can still be fetched is not known here, because that depends on the fetch.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RevocationUnknown { .. } => true,
            Self::NotYetValid { wait, .. } => *wait < Self::CLOCK_SKEW,
            _ => false,
        }
    }

    /// When the verdict changes by itself, if that is known: when the certificate begins.
    pub fn retry_at(&self) -> Option<UnixTime> {
        match self {
            Self::NotYetValid { not_before, .. } => Some(*not_before),
            _ => None,
        }
    }

    /// Whether another issuer's certificate or another revocation list may change the verdict.
    pub(crate) fn depends_on_evidence(&self) -> bool {
        matches!(
            self,
            Self::Path { .. } | Self::RevocationUnknown { .. } | Self::UnknownIssuer { .. }
        )
    }
}

//! Why a signing certificate is not trusted.

use std::time::Duration;

use rustls_pki_types::UnixTime;
use thiserror::Error;

use super::parse_error::ParseError;
use super::path_error::PathError;
use super::policy::PolicyError;
use super::summary::CertificateSummary;
use crate::crypto::CryptoError;
use crate::mask::Excerpt;

/// Why a signing certificate is not trusted.
///
/// Each message includes the certificate's names, issuer and validity, because an operator who reads the log does not have the
/// certificate.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use partner_center_webhooks::chain::{ChainError, ChainVerifier, UnixTime};
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::testing::Issuer;
///
/// let issuer = Issuer::new()?;
/// let signer = issuer.signer()?;
/// let chain = ChainVerifier::new(DefaultBackend::new(), issuer.anchors()?);
/// let verify = |now| chain.verify(signer.certificate(), &[], now).unwrap_err();
///
/// let long_ago = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
/// let error = verify(long_ago);
/// assert!(matches!(error, ChainError::NotYetValid { .. }));
/// assert!(!error.is_transient()); // it is not valid within five minutes
/// assert!(error.retry_at() > Some(long_ago));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The certificate has expired.
    #[error(
        "the signing certificate has expired (the clock says {now}); certificate: {certificate}"
    )]
    Expired {
        /// The time of the check (RFC 3339, UTC).
        now: String,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// The backend rejects the key.
    #[error("{error}; signing certificate: {certificate}")]
    Key {
        /// The error of the backend.
        error: CryptoError,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// The bytes are not an X.509 certificate.
    #[error("the signing certificate cannot be read: {0}")]
    Malformed(ParseError),
    /// The certificate is not valid yet.
    #[error(
        "the signing certificate is not valid yet (the clock says {now}: check the clock of this machine); certificate: {certificate}"
    )]
    NotYetValid {
        /// The time of the check (RFC 3339, UTC).
        now: String,
        /// The beginning of its validity.
        not_before: UnixTime,
        /// The time until then, from the time of the check.
        wait: Duration,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// Every path has a fault. Another issuer's certificate may lead to a valid path.
    #[error("no path to a trust anchor is valid: {error}; signing certificate: {certificate}")]
    Path {
        /// The most telling fault.
        error: PathError,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// A policy refused the certificate.
    #[error("the signing certificate is refused: {error}; certificate: {certificate}")]
    Policy {
        /// The reason.
        error: PolicyError,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// The certificate is revoked: only another certificate helps. (Revoked issuers are [`PathError::Revoked`].)
    #[error(
        "the signing certificate is revoked, and every callback is refused until Microsoft serves another one: open a support \
         case, and read the missed changes from the audit records; certificate: {certificate}"
    )]
    Revoked {
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// Revocation is required, and no list covers a certificate of the path. A later attempt may succeed.
    #[error(
        "no revocation list in force covers `{subject}`, and revocation is required; signing certificate: {certificate}"
    )]
    RevocationUnknown {
        /// The certificate of the path.
        subject: Excerpt,
        /// The signing certificate.
        certificate: Box<CertificateSummary>,
    },
    /// No path leads from the certificate to a trust anchor: an intermediate or the anchor is missing.
    #[error(
        "no path leads from the signing certificate to one of {anchors} trust anchors through {links} known \
         intermediates: configure its issuer's certificate as an intermediate, or another anchor; certificate: \
         {certificate}"
    )]
    UnknownIssuer {
        /// The number of known intermediates.
        links: usize,
        /// The number of trust anchors.
        anchors: usize,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
}

impl ChainError {
    /// An error is transient if the certificate becomes valid within this time: five minutes, the clock difference that
    /// Kerberos and Microsoft Entra tolerate.
    pub const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

    /// Whether the verdict may change by itself: a required revocation list is missing, or the certificate becomes valid
    /// within [`CLOCK_SKEW`](Self::CLOCK_SKEW).
    ///
    /// A missing issuer does not count, because only the fetch knows whether it can still be found.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RevocationUnknown { .. } => true,
            Self::NotYetValid { wait, .. } => *wait < Self::CLOCK_SKEW,
            _ => false,
        }
    }

    /// When the verdict changes by itself, if known: when the certificate becomes valid.
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

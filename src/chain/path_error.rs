//! Why no path is valid.

use thiserror::Error;

use super::summary::rfc3339;
use crate::mask::Excerpt;

/// The fault of the best path.
///
/// webpki reports the fault, but not the certificate. Validity and usages of the signing certificate are checked first, so
/// such a fault is about an issuer.
///
/// webpki ranks the faults of several paths, and reports the most telling one.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PathError {
    /// An issuer is not a CA or may not issue, or the signing certificate is a CA certificate.
    #[error(
        "a certificate that is not a CA issues another, or a CA certificate is used as the signing certificate"
    )]
    CaRole,
    /// A critical extension is unknown, or an extension is malformed.
    #[error("a certificate has a critical extension that is unknown, or a malformed extension")]
    Extension,
    /// An issuer's certificate has expired.
    #[error("an issuer's certificate expired at {not_after}")]
    IssuerExpired {
        /// Its expiry (RFC 3339, UTC).
        not_after: String,
    },
    /// An issuer's certificate is not valid yet.
    #[error("an issuer's certificate is not valid before {not_before}")]
    IssuerNotYetValid {
        /// The beginning of its validity (RFC 3339, UTC).
        not_before: String,
    },
    /// The path is longer than one of its CAs or webpki allows.
    #[error("the path is longer than one of its CAs allows")]
    Length,
    /// A name violates the name constraints of a CA in the path.
    #[error("a name violates the name constraints of a CA")]
    NameConstraint,
    /// Another fault, as webpki reports it.
    #[error("{0}")]
    Other(Excerpt),
    /// An issuer may not issue certificates for TLS.
    #[error("an issuer's extended key usage allows neither TLS servers nor TLS clients")]
    Purpose,
    /// Every path has a revoked certificate.
    #[error("a certificate is revoked")]
    Revoked,
    /// A signature on a certificate is wrong.
    #[error(
        "a certificate was not signed by the issuer that it names (it is forged, or another CA of the same name must be configured)"
    )]
    Signature,
    /// A certificate is signed with a rejected algorithm, such as SHA-1 or MD5.
    #[error("a certificate is signed with an algorithm that is not accepted")]
    SignatureAlgorithm,
    /// No path leads to an anchor.
    #[error("the issuer is unknown")]
    UnknownIssuer,
}

impl PathError {
    pub(super) fn of(error: webpki::Error) -> Self {
        use webpki::Error as E;
        match error {
            E::CaUsedAsEndEntity | E::EndEntityUsedAsCa => Self::CaRole,
            E::UnsupportedCriticalExtension
            | E::MalformedExtensions
            | E::ExtensionValueInvalid
            | E::EmptyEkuExtension => Self::Extension,
            E::CertExpired { not_after, .. } => {
                Self::IssuerExpired { not_after: rfc3339(not_after) }
            }
            E::CertNotValidYet { not_before, .. } => {
                Self::IssuerNotYetValid { not_before: rfc3339(not_before) }
            }
            E::PathLenConstraintViolated | E::MaximumPathDepthExceeded => Self::Length,
            E::NameConstraintViolation => Self::NameConstraint,
            E::RequiredEkuNotFoundContext(_) => Self::Purpose,
            E::InvalidSignatureForPublicKey | E::SignatureAlgorithmMismatch => Self::Signature,
            E::UnsupportedSignatureAlgorithmContext(_)
            | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Self::SignatureAlgorithm,
            E::CertRevoked => Self::Revoked,
            E::UnknownIssuer => Self::UnknownIssuer,
            other => Self::Other(Excerpt::of(other.to_string())),
        }
    }
}

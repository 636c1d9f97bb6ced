//! Why no path holds.

use thiserror::Error;

use super::certificate::rfc3339;
use crate::excerpt::Excerpt;

/// What is wrong with the best path there is.
///
/// webpki tells the fault, not the certificate that has it; the signing certificate's own validity and usages have
/// been judged before, so that those told here are about an issuer.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PathError {
    /// An issuer is not a CA or may not issue, or the signing certificate is a CA certificate.
    #[error("a certificate is used as a CA and is none, or the other way round")]
    CaRole,
    /// An extension that must be understood is not, or one cannot be read.
    #[error("a certificate has an extension that is critical and unknown, or malformed")]
    Extension,
    /// An issuer has ended.
    #[error("an issuer's certificate ended at {not_after}")]
    IssuerExpired {
        /// When (RFC 3339, UTC).
        not_after: String,
    },
    /// An issuer has not begun.
    #[error("an issuer's certificate begins at {not_before}")]
    IssuerNotYetValid {
        /// When (RFC 3339, UTC).
        not_before: String,
    },
    /// The path is longer than some CA in it allows, or than webpki looks.
    #[error("the path is longer than a CA in it allows")]
    Length,
    /// A name is outside of what a CA in the path may issue for.
    #[error("a name violates the name constraints of a CA")]
    NameConstraint,
    /// Another fault, in webpki's words.
    #[error("{0}")]
    Other(Excerpt),
    /// An issuer may not issue certificates for TLS.
    #[error("an issuer's extended key usage allows neither TLS servers nor TLS clients")]
    Purpose,
    /// A certificate of every path is revoked.
    #[error("a certificate is revoked")]
    Revoked,
    /// A signature on a certificate is wrong.
    #[error(
        "a certificate was not signed by the issuer that it names (it is forged, or another CA of that name is to be configured)"
    )]
    Signature,
    /// A certificate is signed with an algorithm that is not accepted, SHA-1 or MD5, say.
    #[error("a certificate is signed with an algorithm that is not accepted")]
    SignatureAlgorithm,
    /// Nothing leads to an anchor.
    #[error("the issuer is unknown")]
    UnknownIssuer,
}

impl From<webpki::Error> for PathError {
    fn from(error: webpki::Error) -> Self {
        use webpki::Error as E;
        match error {
            E::CaUsedAsEndEntity | E::EndEntityUsedAsCa => Self::CaRole,
            E::UnsupportedCriticalExtension
            | E::MalformedExtensions
            | E::ExtensionValueInvalid
            | E::EmptyEkuExtension => Self::Extension,
            E::CertExpired { not_after, .. } => Self::IssuerExpired {
                not_after: rfc3339(not_after),
            },
            E::CertNotValidYet { not_before, .. } => Self::IssuerNotYetValid {
                not_before: rfc3339(not_before),
            },
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

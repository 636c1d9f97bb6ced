//! Paths from a certificate to a trust anchor, by webpki.

use rustls_pki_types::{CertificateDer, UnixTime};
use thiserror::Error;
use webpki::{
    EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage,
    RequiredEkuNotFoundContext, VerifiedPath,
};

use super::certificate::{Certificate, distinguished_name, rfc3339};
use super::{Anchors, policy};
use crate::Excerpt;
use crate::crypto::Backend;

/// What a path tells beyond that it holds.
pub(super) struct Path {
    /// From the signing certificate's issuer to the anchor.
    pub(super) subjects: Vec<Excerpt>,
    /// The latest beginning of the intermediates.
    pub(super) not_before: UnixTime,
    /// The earliest end of the intermediates. An anchor's own dates do not count (RFC 5280, 6.1).
    pub(super) not_after: UnixTime,
}

/// Finds a path.
pub(super) fn build(
    certificate: &CertificateDer<'_>,
    links: &[CertificateDer<'_>],
    anchors: &Anchors,
    backend: &dyn Backend,
    now: UnixTime,
) -> Result<Path, PathError> {
    let end_entity = EndEntityCert::try_from(certificate).map_err(PathError::from)?;
    let path = end_entity
        .verify_for_usage(
            backend.certificate_algorithms(),
            anchors.as_slice(),
            links,
            now,
            TlsPurposes,
            None,
            None,
        )
        .map_err(PathError::from)?;
    Ok(describe(&path))
}

fn describe(path: &VerifiedPath<'_>) -> Path {
    let mut described = Path {
        subjects: Vec::new(),
        not_before: UnixTime::since_unix_epoch(std::time::Duration::ZERO),
        not_after: UnixTime::since_unix_epoch(std::time::Duration::MAX),
    };
    for link in path.intermediate_certificates() {
        let der = link.der();
        // webpki has verified it, so it can be read; if the two parsers ever disagree, the proof ends at once.
        match Certificate::parse(&der) {
            Ok(link) => {
                described.subjects.push(link.subject().excerpt());
                described.not_before = described.not_before.max(link.not_before());
                described.not_after = described.not_after.min(link.not_after());
            }
            Err(_) => described.not_after = described.not_before,
        }
    }
    described
        .subjects
        .push(distinguished_name(&path.anchor().subject));
    described
}

/// Asks of every certificate of the path that its extended key usage, if it has one, is for TLS servers or clients.
#[derive(Debug)]
struct TlsPurposes;

impl ExtendedKeyUsageValidator for TlsPurposes {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let mut present = Vec::new();
        for purpose in purposes {
            let purpose = purpose?.to_decoded_oid();
            if policy::is_tls_purpose(&purpose) {
                return Ok(());
            }
            present.push(purpose);
        }
        match present.is_empty() {
            true => Ok(()),
            false => Err(webpki::Error::RequiredEkuNotFoundContext(
                RequiredEkuNotFoundContext {
                    required: KeyUsage::server_auth(),
                    present,
                },
            )),
        }
    }
}

/// What is wrong with the best path there is.
///
/// webpki tells the fault, not the certificate that has it; the signing certificate's own validity and usages have
/// been judged before, so that those told here are about an issuer.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PathError {
    /// An issuer is no CA, or the signing certificate is one.
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
            E::UnknownIssuer => Self::UnknownIssuer,
            other => Self::Other(Excerpt::of(other.to_string())),
        }
    }
}

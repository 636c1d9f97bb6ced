//! Paths from a certificate to a trust anchor, by webpki.

use rustls_pki_types::{CertificateDer, UnixTime};
use thiserror::Error;
use webpki::{
    EndEntityCert, ExpirationPolicy, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage,
    RequiredEkuNotFoundContext, RevocationCheckDepth, RevocationOptionsBuilder,
    UnknownStatusPolicy,
};

use super::certificate::{Certificate, distinguished_name, rfc3339};
use super::revocation::RevocationList;
use super::{Anchors, policy};
use crate::Excerpt;
use crate::crypto::Backend;

/// A path that holds: from a certificate to a trust anchor. It says nothing about whose certificate it is.
#[derive(Clone, Debug)]
pub struct Path {
    pub(super) links: Vec<Link>,
    pub(super) anchor: Excerpt,
}

impl Path {
    /// The certificate, then its issuers up to the anchor, which is not among them.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The name of the anchor.
    pub fn anchor(&self) -> &Excerpt {
        &self.anchor
    }
}

/// One certificate of a [`Path`].
#[derive(Clone, Debug)]
pub struct Link {
    pub(super) der: CertificateDer<'static>,
    pub(super) subject: Excerpt,
    pub(super) not_before: UnixTime,
    pub(super) not_after: UnixTime,
    pub(super) revocation_list_urls: Vec<Box<str>>,
    pub(super) list_ends: Option<UnixTime>,
}

/// What a path is searched with.
pub(super) struct Search<'s> {
    pub(super) anchors: &'s Anchors,
    pub(super) issuers: &'s [CertificateDer<'s>],
    pub(super) lists: &'s [RevocationList],
    pub(super) backend: &'s dyn Backend,
    pub(super) now: UnixTime,
}

impl Search<'_> {
    /// Finds a path on which nothing is known to be revoked.
    ///
    /// Only lists in force whose signature one of the known issuers of that name made are believed. If two issuers have one
    /// name and different keys, a list of one may be held against a path over the other: then the lists are chosen for the
    /// path that holds without them.
    pub(super) fn run(&self, certificate: &CertificateDer<'_>) -> Result<Path, PathError> {
        let believed: Vec<_> = self
            .lists
            .iter()
            .filter(|list| list.is_current(self.now) && self.believes(list, self.issuers))
            .collect();
        match self.with_lists(certificate, &believed) {
            Err(PathError::RevocationList) => {
                let (path, certificates) = self.with_lists(certificate, &[])?;
                let believed: Vec<_> = believed
                    .into_iter()
                    .filter(|list| self.believes(list, &certificates))
                    .collect();
                match self.with_lists(certificate, &believed) {
                    // Such as of an issuer that may not sign lists: then nothing is known.
                    Err(PathError::RevocationList) => Ok(path),
                    other => other.map(|(path, _)| path),
                }
            }
            other => other.map(|(path, _)| path),
        }
    }

    fn believes(&self, list: &RevocationList, issuers: &[CertificateDer<'_>]) -> bool {
        list.is_signed_by_any(issuers, self.anchors.as_slice(), self.backend)
    }

    fn with_lists(
        &self,
        certificate: &CertificateDer<'_>,
        lists: &[&RevocationList],
    ) -> Result<(Path, Vec<CertificateDer<'static>>), PathError> {
        let end_entity = EndEntityCert::try_from(certificate)?;
        let webpki_lists: Vec<_> = lists.iter().map(|list| list.as_webpki()).collect();
        let revocation = RevocationOptionsBuilder::new(&webpki_lists)
            .ok()
            .map(|options| {
                options
                    .with_depth(RevocationCheckDepth::Chain)
                    .with_status_policy(UnknownStatusPolicy::Allow)
                    .with_expiration_policy(ExpirationPolicy::Enforce)
                    .build()
            });
        let path = end_entity.verify_for_usage(
            self.backend.certificate_algorithms(),
            self.anchors.as_slice(),
            self.issuers,
            self.now,
            TlsPurposes,
            revocation,
            None,
        )?;
        let issuers = path.intermediate_certificates();
        let ders: Vec<_> = std::iter::once(certificate.clone().into_owned())
            .chain(issuers.map(|issuer| issuer.der().into_owned()))
            .collect();
        let links = ders.iter().map(|der| Link::describe(der, lists));
        let path = Path {
            links: links.collect::<Result<_, _>>()?,
            anchor: distinguished_name(&path.anchor().subject),
        };
        Ok((path, ders))
    }
}

impl Link {
    /// The certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Whom it is for.
    pub fn subject(&self) -> &Excerpt {
        &self.subject
    }

    /// When the revocation list ends that covers it, if a list in force does.
    pub fn revocation_list_ends(&self) -> Option<UnixTime> {
        self.list_ends
    }

    /// When it ends, and when the list that covers it does.
    pub(super) fn ends(&self) -> impl Iterator<Item = (Excerpt, UnixTime)> {
        let list = Excerpt::of(format!("the revocation list for {}", self.subject));
        std::iter::once((self.subject.clone(), self.not_after))
            .chain(self.list_ends.map(|end| (list, end)))
    }

    fn describe(der: &CertificateDer<'_>, lists: &[&RevocationList]) -> Result<Self, PathError> {
        // webpki has read it. Should the two parsers ever disagree, there is no proof.
        let certificate = Certificate::parse(der).map_err(|_| PathError::Extension)?;
        Ok(Self {
            der: der.clone().into_owned(),
            subject: certificate.subject().excerpt(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            revocation_list_urls: certificate.revocation_list_urls().to_vec(),
            list_ends: lists
                .iter()
                .filter(|list| list.covers(&certificate, der))
                .map(|list| list.next_update())
                .max(),
        })
    }
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
    /// A revocation list could not be applied.
    #[error(
        "a revocation list was not signed by the issuer that it names, or that issuer may not sign lists"
    )]
    RevocationList,
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
            E::InvalidCrlSignatureForPublicKey
            | E::IssuerNotCrlSigner
            | E::CrlExpired { .. }
            | E::UnsupportedCrlSignatureAlgorithmContext(_)
            | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => Self::RevocationList,
            E::UnknownIssuer => Self::UnknownIssuer,
            other => Self::Other(Excerpt::of(other.to_string())),
        }
    }
}

//! Paths from a certificate to a trust anchor, by webpki.

use std::cell::RefCell;

use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use thiserror::Error;
use webpki::{
    Cert, EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage,
    RequiredEkuNotFoundContext, VerifiedPath,
};

use super::certificate::{Certificate, distinguished_name, rfc3339, sequence};
use super::revocation::{Coverage, RevocationList};
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
    pub(super) issuer_key: Box<[u8]>,
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
    /// Finds a path on which every issuer may issue and nothing is known to be revoked.
    ///
    /// Both are asked here, of each path whose signatures hold: webpki does not look at the key usage of issuers, and of
    /// several lists it looks at one.
    pub(super) fn run(&self, certificate: &CertificateDer<'_>) -> Result<Path, PathError> {
        let end_entity = EndEntityCert::try_from(certificate)?;
        let links = RefCell::new(Vec::new());
        let path = end_entity.verify_for_usage(
            self.backend.certificate_algorithms(),
            self.anchors.as_slice(),
            self.issuers,
            self.now,
            TlsPurposes,
            None,
            Some(&|path| {
                *links.borrow_mut() = self.links(path)?;
                Ok(())
            }),
        )?;
        Ok(Path {
            anchor: distinguished_name(&path.anchor().subject),
            links: links.take(),
        })
    }

    fn links(&self, path: &VerifiedPath<'_>) -> Result<Vec<Link>, webpki::Error> {
        let certificates: Vec<&Cert<'_>> = std::iter::once::<&Cert<'_>>(path.end_entity())
            .chain(path.intermediate_certificates())
            .collect();
        let mut links = Vec::with_capacity(certificates.len());
        for (index, certificate) in certificates.iter().enumerate() {
            let der = certificate.der();
            // webpki has read it. Should the two parsers ever disagree, there is no proof.
            let parsed =
                Certificate::parse(&der).map_err(|_| webpki::Error::MalformedExtensions)?;
            if index > 0 && parsed.signs_certificates() == Some(false) {
                return Err(webpki::Error::EndEntityUsedAsCa);
            }
            let list_ends = match certificates.get(index.saturating_add(1)) {
                Some(issuer) => self.list_ends(certificate, &parsed, issuer)?,
                None => self.list_ends_at_anchor(certificate, &parsed, path.anchor())?,
            };
            let issuer_key = match certificates.get(index.saturating_add(1)) {
                Some(issuer) => Some(issuer.subject_public_key_info().to_vec()),
                None => sequence(&path.anchor().subject_public_key_info),
            };
            links.push(Link {
                issuer_key: issuer_key.unwrap_or_default().into(),
                der: der.clone().into_owned(),
                subject: parsed.subject().excerpt(),
                not_before: parsed.not_before(),
                not_after: parsed.not_after(),
                revocation_list_urls: parsed.revocation_list_urls().to_vec(),
                list_ends,
            });
        }
        Ok(links)
    }

    fn list_ends(
        &self,
        certificate: &Cert<'_>,
        parsed: &Certificate<'_>,
        issuer: &Cert<'_>,
    ) -> Result<Option<UnixTime>, webpki::Error> {
        let der = issuer.der();
        let may_sign = Certificate::parse(&der).map(|issuer| issuer.signs_lists() != Some(false));
        match may_sign {
            Ok(true) => self.ask_lists(certificate, parsed, &issuer.subject_public_key_info()),
            // As good as if there were none.
            _ => Ok(None),
        }
    }

    fn list_ends_at_anchor(
        &self,
        certificate: &Cert<'_>,
        parsed: &Certificate<'_>,
        anchor: &TrustAnchor<'_>,
    ) -> Result<Option<UnixTime>, webpki::Error> {
        match sequence(&anchor.subject_public_key_info) {
            Some(key) => self.ask_lists(certificate, parsed, &key.into()),
            None => Ok(None),
        }
    }

    /// When the last of the lists ends that cover the certificate and were signed with its issuer's key; an error if one of
    /// them revokes it.
    fn ask_lists(
        &self,
        certificate: &Cert<'_>,
        parsed: &Certificate<'_>,
        issuer_key: &SubjectPublicKeyInfoDer<'_>,
    ) -> Result<Option<UnixTime>, webpki::Error> {
        let mut ends = None;
        for list in self.lists.iter().filter(|list| list.is_current(self.now)) {
            let Some(coverage) = list.coverage(certificate, parsed) else {
                continue;
            };
            if !list.is_signed_with(issuer_key, self.backend) {
                continue;
            }
            if list.names(certificate) {
                return Err(webpki::Error::CertRevoked);
            }
            if coverage == Coverage::Full {
                ends = ends.max(Some(list.next_update()));
            }
        }
        Ok(ends)
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

    /// Whether no list in force covers it although it names one.
    pub(super) fn misses_list(&self) -> bool {
        self.list_ends.is_none() && !self.revocation_list_urls.is_empty()
    }

    /// When it ends, and when the list that covers it does.
    pub(super) fn ends(&self) -> impl Iterator<Item = (Excerpt, UnixTime)> {
        let list = Excerpt::of(format!("the revocation list for {}", self.subject));
        std::iter::once((self.subject.clone(), self.not_after))
            .chain(self.list_ends.map(|end| (list, end)))
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
    /// An issuer is no CA or may not issue, or the signing certificate is a CA's.
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

//! Paths from a certificate to a trust anchor, by webpki.

use std::cell::RefCell;

use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use webpki::{
    Cert, EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage,
    RequiredEkuNotFoundContext, VerifiedPath,
};

use super::anchors::Anchors;
use super::certificate::Certificate;
use super::name::distinguished_name;
use super::path_error::PathError;
use super::policy;
use super::revocation::{Revocation, RevocationStatus};
use super::revocation_list::{Coverage, RevocationList};
use super::signer::Fingerprint;
use crate::crypto::{Backend, der};
use crate::mask::Excerpt;

/// A valid path from a certificate to a trust anchor. It does not show who owns the certificate.
///
/// [`ChainVerifier::find_path`](super::ChainVerifier::find_path) returns it, to explain a refusal.
#[derive(Clone, Debug)]
pub struct Path {
    pub(crate) links: Vec<Link>,
    pub(super) anchor: Excerpt,
}

impl Path {
    /// The certificate, then its issuers, without the anchor.
    pub fn certificates(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.links.iter().map(|link| &link.der)
    }

    /// The name of the anchor.
    pub fn anchor(&self) -> &Excerpt {
        &self.anchor
    }
}

/// One certificate of a [`Path`].
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(super) der: CertificateDer<'static>,
    pub(crate) subject: Excerpt,
    /// Inclusive, as its end.
    pub(super) not_before: UnixTime,
    pub(super) not_after: UnixTime,
    pub(super) revocation_list_urls: Vec<Box<str>>,
    /// SubjectPublicKeyInfo, DER. Empty if the anchor's is too long to be written, so that no list matches.
    pub(super) issuer_key: Box<[u8]>,
    /// The expiry of the last list in force that covers the certificate and does not name it; up to
    /// [a day](RevocationList::GRACE) ago.
    pub(crate) list_ends: Option<UnixTime>,
}

/// A certificate that a list of its issuer names as revoked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RevokedCertificate {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) not_after: UnixTime,
}

/// The input of a search for a path.
///
/// Lists and revocations are empty if revocation is off.
pub(super) struct Search<'s> {
    pub(super) anchors: &'s Anchors,
    pub(super) issuers: &'s [CertificateDer<'s>],
    pub(super) lists: &'s [RevocationList],
    /// Certificates that are known to be revoked, whether or not a list still names them.
    pub(super) revoked: &'s [Fingerprint],
    pub(super) backend: &'s dyn Backend,
    pub(super) now: UnixTime,
}

/// The result of a search.
pub(super) struct Searched {
    pub(super) path: Result<Path, PathError>,
    /// The certificates that lists revoke, on the found path and on the paths tried before it.
    pub(super) revoked: Vec<RevokedCertificate>,
}

impl Search<'_> {
    /// Finds a path on which every issuer may issue, and no certificate is known to be revoked.
    ///
    /// Both are checked here, for each path with valid signatures, because webpki does not check the key usage of issuers,
    /// and uses only one of several lists.
    pub(super) fn run(&self, certificate: &CertificateDer<'_>) -> Searched {
        let revoked = RefCell::new(Vec::new());
        let path = self.find(certificate, &revoked).map_err(PathError::of);
        Searched { path, revoked: revoked.into_inner() }
    }

    /// webpki calls back for each path with valid signatures; an error there makes it try the next one. Its own limits bound the search
    /// (signatures and path steps).
    fn find(
        &self,
        certificate: &CertificateDer<'_>,
        revoked: &RefCell<Vec<RevokedCertificate>>,
    ) -> Result<Path, webpki::Error> {
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
                *links.borrow_mut() = self.links(path, &mut revoked.borrow_mut())?;
                Ok(())
            }),
        )?;
        let anchor = &path.anchor().subject;
        Ok(Path {
            anchor: distinguished_name(anchor).unwrap_or_else(|| Excerpt::of(&**anchor)),
            links: links.take(),
        })
    }

    /// The certificates of a path with valid signatures. An error if one may not issue, or is revoked. The certificates that
    /// lists revoke are added to `revoked`.
    fn links(
        &self,
        path: &VerifiedPath<'_>,
        revoked: &mut Vec<RevokedCertificate>,
    ) -> Result<Vec<Link>, webpki::Error> {
        let certificates: Vec<&Cert<'_>> = std::iter::once::<&Cert<'_>>(path.end_entity())
            .chain(path.intermediate_certificates())
            .collect();
        let ders: Vec<_> = certificates.iter().map(|each| each.der()).collect();
        // webpki has parsed them. If the two parsers ever disagree, the path is refused.
        let parsed: Vec<_> = ders
            .iter()
            .map(Certificate::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| webpki::Error::MalformedExtensions)?;
        let mut issuers = parsed.iter().skip(1);
        if issuers.any(|issuer| issuer.signs_certificates == Some(false)) {
            return Err(webpki::Error::EndEntityUsedAsCa);
        }
        let mut is_revoked = false;
        let mut links = Vec::with_capacity(certificates.len());
        for (index, (certificate, parsed)) in certificates.iter().zip(&parsed).enumerate() {
            let next = index.saturating_add(1);
            let issuer = Issuer::of(certificates.get(next).copied(), path.anchor());
            let der = certificate.der().into_owned();
            let status = match self.is_known_as_revoked(&der) {
                true => Status::Revoked { by_list: false },
                false => self.listed_status(certificate, parsed, &issuer),
            };
            let list_ends = match status {
                Status::Unknown => None,
                Status::Good { until } => Some(until),
                Status::Revoked { by_list } => {
                    is_revoked = true;
                    if by_list {
                        add_revoked(revoked, &der, parsed, self.backend);
                    }
                    None
                }
            };
            links.push(Link {
                der,
                subject: parsed.subject().excerpt(),
                not_before: parsed.not_before(),
                not_after: parsed.not_after(),
                revocation_list_urls: parsed.revocation_list_urls().to_vec(),
                issuer_key: issuer.key.unwrap_or_default().into(),
                list_ends,
            });
        }
        match is_revoked {
            true => Err(webpki::Error::CertRevoked),
            false => Ok(links),
        }
    }

    /// Fingerprints are computed only if there is something to compare with.
    fn is_known_as_revoked(&self, der: &CertificateDer<'_>) -> bool {
        !self.revoked.is_empty() && self.revoked.contains(&Fingerprint::of(der, self.backend))
    }

    /// The status of the certificate in the lists that `issuer` signed.
    ///
    /// A revocation on any list counts. Otherwise the list that expires last decides how long the certificate is covered.
    fn listed_status(
        &self,
        certificate: &Cert<'_>,
        parsed: &Certificate<'_>,
        issuer: &Issuer,
    ) -> Status {
        let mut status = Status::Unknown;
        // The lists of an issuer that may not sign lists are ignored.
        let (true, Some(key)) = (issuer.signs_lists, &issuer.key) else {
            return status;
        };
        let key = SubjectPublicKeyInfoDer::from(key.as_slice());
        for list in self.lists {
            let Some(coverage) = list.coverage(certificate, parsed) else {
                continue;
            };
            // A revocation does not expire.
            let revokes = list.names(certificate);
            let clears = coverage == Coverage::Full && list.clears_at(self.now);
            if !(revokes || clears) || !list.is_signed_with(&key, self.backend) {
                continue;
            }
            if revokes {
                return Status::Revoked { by_list: true };
            }
            let until = match status {
                Status::Good { until } => until.max(list.next_update()),
                _ => list.next_update(),
            };
            status = Status::Good { until };
        }
        status
    }
}

/// The revocation status of a certificate.
enum Status {
    Good { until: UnixTime },
    Revoked { by_list: bool },
    Unknown,
}

/// The issuer of a certificate on a path: a CA or the anchor.
struct Issuer {
    /// SubjectPublicKeyInfo, DER.
    key: Option<Vec<u8>>,
    signs_lists: bool,
}

impl Issuer {
    /// `certificate` is the next one of the path, or `None` if the anchor follows.
    fn of(certificate: Option<&Cert<'_>>, anchor: &TrustAnchor<'_>) -> Self {
        let Some(certificate) = certificate else {
            return Self {
                key: der::encode(der::SEQUENCE, &anchor.subject_public_key_info),
                signs_lists: true,
            };
        };
        let der = certificate.der();
        let parsed = Certificate::parse(&der);
        Self {
            key: Some(certificate.subject_public_key_info().to_vec()),
            signs_lists: parsed.is_ok_and(|issuer| issuer.signs_lists != Some(false)),
        }
    }
}

/// Each certificate once, although several paths share it.
fn add_revoked(
    revoked: &mut Vec<RevokedCertificate>,
    der: &CertificateDer<'_>,
    parsed: &Certificate<'_>,
    backend: &dyn Backend,
) {
    let found = RevokedCertificate {
        fingerprint: Fingerprint::of(der, backend),
        not_after: parsed.not_after(),
    };
    if !revoked.contains(&found) {
        revoked.push(found);
    }
}

impl Link {
    /// Its revocation status on a valid path: a certificate that a list names is not on one.
    pub(crate) fn status(&self, revocation: Revocation) -> RevocationStatus {
        match (revocation, self.list_ends) {
            (Revocation::DangerOff, _) => RevocationStatus::NotChecked,
            (_, Some(_)) => RevocationStatus::Good,
            (_, None) => RevocationStatus::Unknown,
        }
    }

    /// Whether the certificate names a list, but no list in force at the time `now` covers it.
    pub(super) fn misses_list(&self, now: UnixTime) -> bool {
        self.list_ends.is_none_or(|end| end <= now) && !self.revocation_list_urls.is_empty()
    }

    /// When the certificate expires, with its subject.
    pub(super) fn certificate_expires(&self) -> (Excerpt, UnixTime) {
        (self.subject.clone(), self.not_after)
    }

    /// When its revocation list expires, with a description.
    pub(super) fn list_expires(&self) -> Option<(Excerpt, UnixTime)> {
        let list = Excerpt::of(format!("the revocation list for {}", self.subject));
        self.list_ends.map(|end| (list, end))
    }
}

/// Requires the extended key usage, if present, of every certificate of the path to allow TLS servers or clients.
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
            false => Err(webpki::Error::RequiredEkuNotFoundContext(RequiredEkuNotFoundContext {
                required: KeyUsage::server_auth(),
                present,
            })),
        }
    }
}

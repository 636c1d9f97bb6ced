//! Evidence about a signing certificate, known and missing.

use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::certificate::Certificate;
use super::revocation_list::RevocationList;
use super::signer::Fingerprint;
use crate::mask::Excerpt;

/// Issuers' certificates and revocation lists for a signing certificate. Only `revoked` is trusted, and it can only refuse.
///
/// Nothing has to be complete or in order. Certificates and lists that do not fit are ignored, so those of several signers can be
/// passed together.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Evidence {
    /// CA certificates, in any order.
    pub issuers: Vec<CertificateDer<'static>>,
    /// Revocation lists.
    pub revocation_lists: Vec<RevocationList>,
    /// Certificates, signing or issuing, that a list named as revoked before. They are refused unless revocation is off,
    /// so that a revocation outlives its list.
    pub revoked: Vec<Fingerprint>,
}

impl Evidence {
    /// Issuers' certificates and revocation lists, in any order; no certificate is known to be revoked.
    pub fn new(
        issuers: Vec<CertificateDer<'static>>,
        revocation_lists: Vec<RevocationList>,
    ) -> Self {
        Self { issuers, revocation_lists, revoked: Vec::new() }
    }
}

/// A certificate or a list to fetch, because it may change the verdict.
///
/// Whether its URLs may be fetched is the caller's decision: certificates that are not trusted yet can name any URL.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum MissingEvidence {
    /// The certificate of an issuer.
    Issuer {
        /// The subject of the issued certificate.
        of: Excerpt,
        /// Its URLs in the issued certificate (authority information access).
        urls: Vec<Box<str>>,
        /// The issued certificate: the issuer's key must verify its signature.
        child: CertificateDer<'static>,
    },
    /// A revocation list.
    RevocationList {
        /// The subject of the certificate that the list should cover.
        of: Excerpt,
        /// Its URLs in that certificate (CRL distribution points).
        urls: Vec<Box<str>>,
        /// The key of the issuer on the path (SubjectPublicKeyInfo, DER), which must verify the list's signature.
        issuer_key: Box<[u8]>,
    },
}

/// The missing issuers of the certificates that are reachable by name from the signing certificate. Certificates without a
/// known issuer come first.
///
/// Names are followed, not signatures, because the search has failed: a certificate of the right name may be a stranger's.
/// Certificates that have a known issuer come last, because another issuer for them seldom helps.
pub(super) fn needed_issuers(
    certificate: &CertificateDer<'_>,
    known: &[CertificateDer<'_>],
) -> Vec<MissingEvidence> {
    let mut reached = vec![(0, CertificateDer::from(certificate.as_ref()))];
    let mut missing = Vec::new();
    let mut at = 0;
    while let Some((depth, der)) = reached.get(at).cloned() {
        at = at.saturating_add(1);
        let (Ok(parsed), Ok(raw)) = (Certificate::parse(&der), EndEntityCert::try_from(&der))
        else {
            continue;
        };
        let is_issuer = |each: &&CertificateDer<'_>| {
            EndEntityCert::try_from(*each).is_ok_and(|each| each.subject() == raw.issuer())
        };
        let issuers: Vec<_> = known.iter().filter(is_issuer).collect();
        if !parsed.issuer_urls().is_empty() && depth < MAX_DEPTH {
            let issuer = MissingEvidence::Issuer {
                of: parsed.subject().excerpt(),
                urls: parsed.issuer_urls().to_vec(),
                child: der.clone().into_owned(),
            };
            match issuers.is_empty() {
                true => missing.insert(0, issuer),
                false => missing.push(issuer),
            }
        }
        for issuer in issuers {
            let is_new = !reached.iter().any(|(_, each)| each == issuer);
            if is_new && reached.len() < MAX_REACHED {
                reached.push((depth.saturating_add(1), issuer.clone()));
            }
        }
    }
    missing
}

/// The maximum distance from the signing certificate to a fetched issuer: the live path has two intermediates.
const MAX_DEPTH: usize = 3;
/// More certificates than any of Microsoft's paths has, with every twin and cross-signature.
const MAX_REACHED: usize = 32;

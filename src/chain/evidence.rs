//! What helps to verify a signing certificate, what is missing, and whether something that came is that.

use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::certificate::{Certificate, is_signed_with};
use super::revocation_list::RevocationList;
use super::signer::Fingerprint;
use super::verifier::ChainVerifier;
use crate::excerpt::Excerpt;

/// What was found beside a signing certificate. None of it is trusted but `revoked`, which can only refuse.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Evidence {
    /// Certificates of CAs, in any order.
    pub issuers: Vec<CertificateDer<'static>>,
    /// Revocation lists.
    pub revocation_lists: Vec<RevocationList>,
    /// Certificates that a list named as revoked before, be they signing certificates or issuers'. They are refused
    /// unless revocation is off, so that a revocation outlives the list that told of it.
    pub revoked: Vec<Fingerprint>,
}

impl Evidence {
    /// Evidence of issuers' certificates and revocation lists, in any order; nothing is known to be revoked.
    pub fn new(
        issuers: Vec<CertificateDer<'static>>,
        revocation_lists: Vec<RevocationList>,
    ) -> Self {
        Self {
            issuers,
            revocation_lists,
            revoked: Vec::new(),
        }
    }
}

/// Something that could be fetched to say more about a signing certificate, and from where.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MissingEvidence {
    /// The certificate of an issuer.
    Issuer {
        /// Whose issuer.
        of: Excerpt,
        /// Where, as that certificate says (authority information access).
        urls: Vec<Box<str>>,
        /// That certificate: its issuer is whoever has signed it.
        child: CertificateDer<'static>,
    },
    /// A revocation list.
    RevocationList {
        /// Whose list.
        of: Excerpt,
        /// Where, as that certificate says (CRL distribution points).
        urls: Vec<Box<str>>,
        /// The key of its issuer on the path (SubjectPublicKeyInfo, DER): with it the list is signed.
        issuer_key: Box<[u8]>,
    },
}

impl ChainVerifier {
    /// Whether `issuer` is the certificate of a CA that `need` asks for: of the right name, and with the key that signed the
    /// certificate in question. A stranger's certificate of that name is worth nothing, and dear to search with.
    pub fn is_needed_issuer(&self, need: &MissingEvidence, issuer: &CertificateDer<'_>) -> bool {
        let MissingEvidence::Issuer { child, .. } = need else {
            return false;
        };
        let (Ok(raw), Ok(parsed), Ok(raw_child)) = (
            EndEntityCert::try_from(issuer),
            Certificate::parse(issuer),
            EndEntityCert::try_from(child),
        ) else {
            return false;
        };
        let key = raw.subject_public_key_info();
        parsed.is_ca()
            && raw.subject() == raw_child.issuer()
            && is_signed_with(child, &key, &*self.backend)
    }

    /// Whether `list` is one that `need` asks for: signed with the key of the issuer on the path. Another one is worth
    /// nothing, and not worth keeping.
    pub fn is_needed_list(&self, need: &MissingEvidence, list: &RevocationList) -> bool {
        let MissingEvidence::RevocationList { issuer_key, .. } = need else {
            return false;
        };
        list.is_signed_with(&issuer_key.to_vec().into(), &*self.backend)
    }
}

/// The certificates that name their issuers' URLs, among those that can be reached over names: from the signing
/// certificate on, those without a known issuer first.
pub(super) fn needed_issuers(
    certificate: &CertificateDer<'_>,
    known: &[CertificateDer<'_>],
) -> Vec<MissingEvidence> {
    let mut reached = vec![(0, CertificateDer::from(certificate.as_ref()))];
    let mut needs = Vec::new();
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
            let need = MissingEvidence::Issuer {
                of: parsed.subject().excerpt(),
                urls: parsed.issuer_urls().to_vec(),
                child: der.clone().into_owned(),
            };
            match issuers.is_empty() {
                true => needs.insert(0, need),
                false => needs.push(need),
            }
        }
        for issuer in issuers {
            let is_new = !reached.iter().any(|(_, each)| each == issuer);
            if is_new && reached.len() < MAX_REACHED {
                reached.push((depth.saturating_add(1), issuer.clone()));
            }
        }
    }
    needs
}

/// How far from the signing certificate an issuer is still fetched: the live path has two intermediates.
const MAX_DEPTH: usize = 3;
/// More certificates than any path of Microsoft's has, with every twin and cross-signature.
const MAX_REACHED: usize = 32;

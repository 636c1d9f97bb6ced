//! What helps to verify a signing certificate, and what is missing.

use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::{Certificate, RevocationList};
use crate::Excerpt;

/// What was found beside a signing certificate. None of it is trusted.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers put it together")]
pub struct Evidence {
    /// Certificates of CAs, in any order.
    pub issuers: Vec<CertificateDer<'static>>,
    /// Revocation lists.
    pub revocation_lists: Vec<RevocationList>,
}

/// Something that may help to verify a signing certificate, and where it can be had.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Need {
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

/// The certificates that name their issuers' URLs, among those that can be reached over names: from the signing
/// certificate on, those without a known issuer first.
pub(super) fn needed_issuers(
    certificate: &CertificateDer<'_>,
    known: &[CertificateDer<'_>],
) -> Vec<Need> {
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
            let need = Need::Issuer {
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

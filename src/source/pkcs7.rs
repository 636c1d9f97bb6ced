//! Issuers' certificates as CAs serve them (RFC 5280, section 4.2.2.1): DER, or PKCS#7 with certificates only; also PEM.

use rustls_pki_types::CertificateDer;
use x509_parser::asn1_rs::{Class, Tag};

use super::bundle::{BundleError, CertificateBundle, first, only};

/// Reads one to [`CertificateBundle::MAX_INTERMEDIATES`] + 1 certificates.
pub(super) fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, BundleError> {
    if let Some(certificates) = pkcs7(bytes) {
        let most = CertificateBundle::MAX_INTERMEDIATES + 1;
        return match certificates.len() {
            0 => Err(BundleError::Empty),
            more if more > most => Err(BundleError::TooMany),
            _ => Ok(certificates),
        };
    }
    let bundle = CertificateBundle::from_bytes(bytes)?;
    let mut certificates = vec![bundle.signing().clone()];
    certificates.extend_from_slice(bundle.intermediates());
    Ok(certificates)
}

/// The certificates of an unsigned PKCS#7 (RFC 2315, section 9.1):
/// `ContentInfo { signedData, [0] SignedData { version, digestAlgorithms, contentInfo, [0] certificates, … } }`.
fn pkcs7(bytes: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let content_info = only(bytes)?;
    let (content_type, content) = first(content_info.data)?;
    if content_type.tag() != Tag::Oid || content_type.data != SIGNED_DATA {
        return None;
    }
    let explicit = only(content)?;
    let signed_data = only(explicit.data)?;
    let (_version, rest) = first(signed_data.data)?;
    let (_digest_algorithms, rest) = first(rest)?;
    let (_content_info, rest) = first(rest)?;
    let (certificates, _) = first(rest)?;
    if certificates.header.class() != Class::ContextSpecific || certificates.tag() != Tag(0) {
        return None;
    }
    let mut rest = certificates.data;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let before = rest;
        let (certificate, after) = first(rest)?;
        if certificate.tag() != Tag::Sequence {
            return None;
        }
        let length = before.len().checked_sub(after.len())?;
        found.push(CertificateDer::from(before.get(..length)?.to_vec()));
        rest = after;
    }
    Some(found)
}

/// 1.2.840.113549.1.7.2
const SIGNED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";

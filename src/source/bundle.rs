//! What a certificate URL serves, read: DER, PEM or bare base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use thiserror::Error;
use x509_parser::asn1_rs::{Any, Class, Tag};
use x509_parser::prelude::FromDer as _;

use crate::excerpt::Excerpt;

/// A signing certificate and what was served beside it. Read, and not trusted yet.
///
/// Microsoft does not say whether the file behind the URL is DER or text, and its two samples read it either
/// way, so both are accepted, and the bare base64 that .NET accepts too. Containers (PKCS#7, PKCS#12) are not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateBundle {
    signing: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
}

impl CertificateBundle {
    /// How many intermediates may stand behind the signing certificate.
    pub const MAX_INTERMEDIATES: usize = 4;

    /// A bundle of certificates that are at hand.
    pub fn new(
        signing: CertificateDer<'static>,
        intermediates: Vec<CertificateDer<'static>>,
    ) -> Self {
        Self {
            signing,
            intermediates,
        }
    }

    /// Reads a file: one DER certificate; or PEM, of which the first block is the signing certificate and at most
    /// four more are intermediates; or the bare base64 of one DER certificate.
    ///
    /// Text may stand between PEM blocks (RFC 7468, section 2), and a byte order mark in front.
    ///
    /// # Errors
    ///
    /// [`BundleError`]. That a certificate is sound, and trusted, is stage 3's to say: here each must only be one
    /// DER `SEQUENCE` from its first byte to its last.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.is_empty() {
            return Err(BundleError::Empty);
        }
        if let [DER_SEQUENCE, 0x80..=0xff, ..] = bytes {
            return Ok(Self::new(certificate(bytes.to_vec())?, Vec::new()));
        }
        let text = bytes
            .strip_prefix(BYTE_ORDER_MARK)
            .unwrap_or(bytes)
            .trim_ascii();
        if text.is_empty() {
            return Err(BundleError::Empty);
        }
        let mut certificates = match contains(text, b"-----BEGIN ") {
            true => pem_certificates(text)?.into_iter(),
            false => vec![certificate(bare_base64(text)?)?].into_iter(),
        };
        match certificates.next() {
            Some(signing) => Ok(Self::new(signing, certificates.collect())),
            None => Err(BundleError::NotText {
                found: Excerpt::of(text),
            }),
        }
    }

    /// The signing certificate: the first of the file.
    pub fn signing(&self) -> &CertificateDer<'static> {
        &self.signing
    }

    /// The others, in the file's order.
    pub fn intermediates(&self) -> &[CertificateDer<'static>] {
        &self.intermediates
    }
}

/// Why bytes are no signing certificate.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum BundleError {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// It begins like DER and is not one certificate: cut short, followed by other bytes, or another structure,
    /// such as PKCS#7 or PKCS#12.
    #[error(
        "it is not one DER certificate and nothing else (cut short, followed by more, or PKCS#7 or PKCS#12)"
    )]
    NotDer,
    /// It is neither DER nor PEM nor base64: an HTML page, say.
    #[error("it is neither DER, PEM nor base64; it begins `{found}`")]
    NotText {
        /// Its beginning.
        found: Excerpt,
    },
    /// A PEM block is of another kind.
    #[error("it holds a PEM block `{found}` (expected `CERTIFICATE` alone)")]
    PemLabel {
        /// The block's label.
        found: Excerpt,
    },
    /// A PEM block is not well-formed.
    #[error("PEM block {block} is cut short or not base64")]
    PemMalformed {
        /// Which block, from 1.
        block: usize,
    },
    /// There are more certificates than one and its intermediates.
    #[error("it holds more than {} certificates", CertificateBundle::MAX_INTERMEDIATES + 1)]
    TooMany,
}

/// The certificates of a PEM file with certificates only.
fn pem_certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, BundleError> {
    let mut certificates = Vec::new();
    let mut lines = text
        .split(|byte| b"\r\n".contains(byte))
        .map(<[u8]>::trim_ascii);
    while let Some(line) = lines.next() {
        let Some(label) = boundary(line, b"-----BEGIN ") else {
            continue;
        };
        if label != b"CERTIFICATE" {
            return Err(BundleError::PemLabel {
                found: Excerpt::of(label),
            });
        }
        if certificates.len() > CertificateBundle::MAX_INTERMEDIATES {
            return Err(BundleError::TooMany);
        }
        let malformed = BundleError::PemMalformed {
            block: certificates.len().saturating_add(1),
        };
        let mut base64 = Vec::new();
        let end = lines.by_ref().find_map(|line| {
            let end = boundary(line, b"-----END ");
            base64.extend_from_slice(if end.is_none() { line } else { b"" });
            end
        });
        let der = STANDARD.decode(base64).ok();
        let (Some(b"CERTIFICATE"), Some(der)) = (end, der) else {
            return Err(malformed);
        };
        certificates.push(certificate(der)?);
    }
    Ok(certificates)
}

/// The label of a PEM boundary line.
fn boundary<'a>(line: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(start)?.strip_suffix(b"-----")
}

fn bare_base64(text: &[u8]) -> Result<Vec<u8>, BundleError> {
    let joined: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    STANDARD.decode(joined).map_err(|_| BundleError::NotText {
        found: Excerpt::of(text),
    })
}

/// Checks that `der` is one SEQUENCE { SEQUENCE, SEQUENCE, BIT STRING }, the outline of a certificate (RFC 5280,
/// 4.1), which neither PKCS#7 nor PKCS#12 has.
fn certificate(der: Vec<u8>) -> Result<CertificateDer<'static>, BundleError> {
    let mut outline = Vec::new();
    let (mut rest, whole) = match Any::from_der(&der) {
        Ok(([], whole)) => (whole.data, whole.header.tag()),
        _ => return Err(BundleError::NotDer),
    };
    while let Ok((next, part)) = Any::from_der(rest) {
        if part.header.class() != Class::Universal || outline.len() > 3 {
            break;
        }
        outline.push(part.header.tag());
        rest = next;
        if rest.is_empty() {
            break;
        }
    }
    let expected = [Tag::Sequence, Tag::Sequence, Tag::BitString];
    match whole == Tag::Sequence && rest.is_empty() && outline == expected {
        true => Ok(CertificateDer::from(der)),
        false => Err(BundleError::NotDer),
    }
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// How every DER certificate begins; its length, of more than 127 bytes, follows with the high bit set, as in no
/// text.
const DER_SEQUENCE: u8 = 0x30;

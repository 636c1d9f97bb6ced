//! The file behind a certificate URL: DER, PEM or bare base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use thiserror::Error;
use x509_parser::asn1_rs::{Any, Class, Tag};
use x509_parser::prelude::FromDer as _;

use crate::mask::Excerpt;

/// A signing certificate and the intermediates served with it. Parsed, but not trusted yet.
///
/// Microsoft does not say whether the file behind the URL is DER or text, and its two samples read both. So both are
/// accepted, as is the bare base64 that .NET reads. Containers (PKCS#7, PKCS#12) are not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateBundle {
    signing: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
}

impl CertificateBundle {
    /// The maximum number of intermediates after the signing certificate.
    pub const MAX_INTERMEDIATES: usize = 4;

    /// A bundle of the given certificates.
    pub fn new(
        signing: CertificateDer<'static>,
        intermediates: Vec<CertificateDer<'static>>,
    ) -> Self {
        Self { signing, intermediates }
    }

    /// Reads a file: one DER certificate, the bare base64 of one, or PEM. The first PEM block is the signing certificate;
    /// up to four more are intermediates.
    ///
    /// Text between PEM blocks (RFC 7468, section 2) and a leading byte order mark are ignored.
    ///
    /// # Errors
    ///
    /// [`BundleError`]. Each certificate must be exactly one DER `SEQUENCE` with the outline of a certificate; stage 3
    /// checks everything else.
    ///
    /// # Example
    ///
    /// ```
    /// use partner_center_webhooks::source::CertificateBundle;
    /// use partner_center_webhooks::testing::Issuer;
    ///
    /// let issuer = Issuer::new()?;
    /// let signer = issuer.signer()?;
    /// let pem = signer.certificate_pem() + &issuer.intermediate_pem();
    /// let bundle = CertificateBundle::from_bytes(pem.as_bytes())?;
    /// assert_eq!(bundle.signing(), signer.certificate());
    /// assert_eq!(bundle.intermediates(), issuer.intermediates());
    ///
    /// let error = CertificateBundle::from_bytes(b"<html>").unwrap_err();
    /// assert_eq!(error.to_string(), "it is neither DER, PEM nor base64; it begins with `<html>`");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.is_empty() {
            return Err(BundleError::Empty);
        }
        if let [DER_SEQUENCE, 0x80..=0xff, ..] = bytes {
            return Ok(Self::new(certificate(bytes.to_vec())?, Vec::new()));
        }
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii();
        if text.is_empty() {
            return Err(BundleError::Empty);
        }
        let mut certificates = match contains(text, b"-----BEGIN ") {
            true => pem_certificates(text)?.into_iter(),
            false => vec![certificate(bare_base64(text)?)?].into_iter(),
        };
        match certificates.next() {
            Some(signing) => Ok(Self::new(signing, certificates.collect())),
            None => Err(BundleError::NotText { found: Excerpt::of(text) }),
        }
    }

    /// The signing certificate: the first in the file.
    pub fn signing(&self) -> &CertificateDer<'static> {
        &self.signing
    }

    /// The intermediates, in the file's order.
    pub fn intermediates(&self) -> &[CertificateDer<'static>] {
        &self.intermediates
    }
}

/// Why bytes are not a certificate.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum BundleError {
    /// There are no bytes.
    #[error("it is empty")]
    Empty,
    /// DER, but not exactly one certificate: truncated, with trailing bytes, or another structure such as PKCS#7 or
    /// PKCS#12.
    #[error(
        "it is not exactly one DER certificate (it is truncated, has trailing bytes, or is PKCS#7 or PKCS#12)"
    )]
    NotDer,
    /// Neither DER nor PEM nor base64: an HTML page, for example.
    #[error("it is neither DER, PEM nor base64; it begins with `{found}`")]
    NotText {
        /// The first bytes.
        found: Excerpt,
    },
    /// A PEM block has another label than `CERTIFICATE`.
    #[error("it contains a PEM block `{found}` (expected only `CERTIFICATE`)")]
    PemLabel {
        /// The block's label.
        found: Excerpt,
    },
    /// A PEM block is malformed.
    #[error("PEM block {block} is truncated or not base64")]
    PemMalformed {
        /// The block's number, from 1.
        block: usize,
    },
    /// There are more certificates than a signing certificate and its intermediates.
    #[error("it contains more than {} certificates", CertificateBundle::MAX_INTERMEDIATES + 1)]
    TooMany,
}

/// The certificates of a PEM file that contains nothing else.
fn pem_certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, BundleError> {
    let mut certificates = Vec::new();
    let mut lines = text.split(|byte| b"\r\n".contains(byte)).map(<[u8]>::trim_ascii);
    while let Some(line) = lines.next() {
        let Some(label) = boundary(line, b"-----BEGIN ") else {
            continue;
        };
        if label != b"CERTIFICATE" {
            return Err(BundleError::PemLabel { found: Excerpt::of(label) });
        }
        if certificates.len() > CertificateBundle::MAX_INTERMEDIATES {
            return Err(BundleError::TooMany);
        }
        let malformed = BundleError::PemMalformed { block: certificates.len().saturating_add(1) };
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
    let joined: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(joined).map_err(|_| BundleError::NotText { found: Excerpt::of(text) })
}

/// Checks that `der` is one SEQUENCE { SEQUENCE, SEQUENCE, BIT STRING }, the outline of a certificate (RFC 5280,
/// section 4.1). Neither PKCS#7 nor PKCS#12 has it.
fn certificate(der: Vec<u8>) -> Result<CertificateDer<'static>, BundleError> {
    match has_outline(&der) {
        Some(true) => Ok(CertificateDer::from(der)),
        _ => Err(BundleError::NotDer),
    }
}

fn has_outline(der: &[u8]) -> Option<bool> {
    let whole = only(der)?;
    let (contents, rest) = first(whole.data)?;
    let (algorithm, rest) = first(rest)?;
    let signature = only(rest)?;
    let parts =
        [(contents, Tag::Sequence), (algorithm, Tag::Sequence), (signature, Tag::BitString)];
    let mut parts = parts
        .iter()
        .map(|(part, tag)| part.header.class() == Class::Universal && part.tag() == *tag);
    Some(whole.tag() == Tag::Sequence && parts.all(|is_it| is_it))
}

/// The value at the beginning of `bytes`, and the rest.
pub(super) fn first(bytes: &[u8]) -> Option<(Any<'_>, &[u8])> {
    let (rest, any) = Any::from_der(bytes).ok()?;
    Some((any, rest))
}

/// The single value in `bytes`.
pub(super) fn only(bytes: &[u8]) -> Option<Any<'_>> {
    let (any, rest) = first(bytes)?;
    rest.is_empty().then_some(any)
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// The first byte of a DER certificate. Its length, of more than 127 bytes, follows with the high bit set, which never
/// occurs in text.
const DER_SEQUENCE: u8 = 0x30;

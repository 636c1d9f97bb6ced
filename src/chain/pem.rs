//! Certificates in PEM (RFC 7468).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::parse_error::ParseError;
use crate::mask::Excerpt;

/// Reads the certificates of a PEM file, in order; text between the blocks is skipped.
///
/// # Errors
///
/// [`ParseError::NoPem`] or [`ParseError::Pem`].
///
/// # Example
///
/// ```
/// use partner_center_webhooks::chain::{certificate_to_pem, certificates_from_pem};
/// use partner_center_webhooks::testing::Issuer;
///
/// let issuer = Issuer::new()?;
/// let pem = certificate_to_pem(issuer.root());
/// assert_eq!(certificates_from_pem(pem.as_bytes())?, [issuer.root().clone()]);
///
/// let error = certificates_from_pem(b"not PEM").unwrap_err();
/// assert_eq!(error.to_string(), "the PEM text holds no `CERTIFICATE` block");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn certificates_from_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ParseError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| ParseError::Pem(Excerpt::of(error.to_string())))?;
    match certificates.is_empty() {
        true => Err(ParseError::NoPem),
        false => Ok(certificates),
    }
}

/// Writes a certificate as PEM, in lines of 64 characters.
///
/// Lines end in a single line feed. [`certificates_from_pem`] reads it back.
pub fn certificate_to_pem(certificate: &CertificateDer<'_>) -> String {
    let base64 = STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for (index, character) in base64.chars().enumerate() {
        if index > 0 && index.is_multiple_of(64) {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}

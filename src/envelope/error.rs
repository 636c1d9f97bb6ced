//! Errors of the signature headers.

use thiserror::Error;

use super::header::{AUTHORIZATION_HEADER, BASE64_LENGTHS};
use crate::crypto::SignatureAlgorithm;
use crate::mask::Excerpt;

/// A fault of the signature headers.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The base64 of the signature has a character outside the standard alphabet, or at a place where it is not allowed.
    #[error(
        "the signature in header `{header}` is not standard base64: `{}` at offset {offset}",
        .found.escape_ascii()
    )]
    Base64Character {
        /// The header's name.
        header: &'static str,
        /// The offset in bytes.
        offset: usize,
        /// The byte.
        found: u8,
    },
    /// The base64 of the signature is not in its canonical form (RFC 4648, section 4).
    #[error("the signature in header `{header}` is not standard base64: {problem}")]
    Base64Form {
        /// The header's name.
        header: &'static str,
        /// The fault: it is cut short, its padding is wrong, or its last character has spare bits that are not zero.
        problem: &'static str,
    },
    /// `Authorization: Signature` and `x-ms-signature` hold different signatures.
    #[error("headers `authorization` and `x-ms-signature` hold different signatures")]
    ConflictingSignatures,
    /// A header is present more than once.
    #[error("header `{header}` is present more than once")]
    Duplicate {
        /// The header's name.
        header: &'static str,
    },
    /// A header is missing.
    #[error("header `{header}` is missing")]
    Missing {
        /// The header's name.
        header: &'static str,
    },
    /// Neither header of the signature is present.
    #[error(
        "no signature: neither `authorization: Signature …` nor `x-ms-signature` is present{}",
        remedy(*.certificate_url_present, "removed")
    )]
    MissingSignature {
        /// Whether the header of the certificate URL is present. If so, the request may be a callback whose `Authorization` was
        /// removed in transit, and the message says how to receive the signature in `x-ms-signature`.
        certificate_url_present: bool,
    },
    /// A header is not UTF-8.
    #[error("header `{header}` is not UTF-8: `{found}`")]
    NotText {
        /// The header's name.
        header: &'static str,
        /// The header's value.
        found: Excerpt,
    },
    /// The signature is too short or too long for an RSA key of 2048 to 8192 bits.
    #[error(
        "the signature in header `{header}` has {found} characters of base64 (expected {} to {})",
        BASE64_LENGTHS.start(),
        BASE64_LENGTHS.end()
    )]
    SignatureLength {
        /// The header's name.
        header: &'static str,
        /// The number of characters.
        found: usize,
    },
    /// The algorithm is not accepted.
    #[error("signature algorithm `{found}` is not accepted (accepted: {})", list(.accepted))]
    UnsupportedAlgorithm {
        /// The header's value.
        found: Excerpt,
        /// The accepted algorithms.
        accepted: Vec<SignatureAlgorithm>,
    },
    /// The header uses another authentication scheme. Its value may be a secret and is not kept.
    #[error(
        "header `{header}` does not use the scheme `Signature`{}",
        remedy(*.certificate_url_present && *.header == AUTHORIZATION_HEADER, "replaced")
    )]
    UnsupportedScheme {
        /// The header's name.
        header: &'static str,
        /// Whether the header of the certificate URL is present. If so, the request may be a callback whose `Authorization` was
        /// replaced in transit, and the message says how to receive the signature in `x-ms-signature`, unless that is `header`.
        certificate_url_present: bool,
    },
}

/// The remedy for a signature that was lost in transit. Empty for a request that does not look like a callback, so that scanners
/// do not fill the log with advice.
fn remedy(is_callback: bool, done: &str) -> String {
    match is_callback {
        true => format!(
            "; the request has a certificate URL, so if this happens to all callbacks, a gateway or the hosting platform has \
             {done} `authorization`: set `signatureTokenToMsSignatureHeader` in the registration to receive the signature in \
             `x-ms-signature` (`Registration::with_signature_token_to_ms_signature_header(true)` with \
             `RegistrationClient::ensure`, which keeps the other settings, or \
             `partner-center register ensure --url URL --ms-signature`)"
        ),
        false => String::new(),
    }
}

fn list(algorithms: &[SignatureAlgorithm]) -> String {
    let names: Vec<_> = algorithms.iter().map(|each| each.as_str()).collect();
    names.join(", ")
}

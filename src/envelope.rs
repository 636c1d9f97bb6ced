//! Stage 1: three headers become a [`SignatureEnvelope`].
//!
//! Partner Center describes the signature of a callback in three headers: the signature itself
//! (`Authorization: Signature …`, or `x-ms-signature` where the registration asked for that), where the
//! signing certificate can be had (`X-MS-Certificate-Url`), and the algorithm (`X-MS-Signature-Algorithm`).
//! This stage reads them, strictly, and judges nothing but their form; it costs about a microsecond and
//! allocates nothing. Source: "Partner Center webhooks", "How to authenticate the callback".

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::{DecodeError, DecodeSliceError};
use http::{HeaderMap, HeaderName};
use thiserror::Error;

pub use crate::crypto::SignatureAlgorithm;
use crate::excerpt::Excerpt;

/// What the headers of a callback say of its signature. Well-formed, and proof of nothing yet.
///
/// # Example
///
/// ```
/// use http::HeaderMap;
/// use partner_center_webhooks::envelope::{EnvelopeError, SignatureAlgorithm, SignatureEnvelope};
///
/// let mut headers = HeaderMap::new();
/// headers.insert("authorization", format!("Signature {}==", "A".repeat(342)).parse()?);
/// headers.insert("x-ms-signature-algorithm", "rsa-sha256".parse()?);
/// headers.insert("x-ms-certificate-url", "https://host.example/cert/a.cer".parse()?);
///
/// let envelope = SignatureEnvelope::from_headers(&headers)?;
/// assert_eq!(envelope.signature(), [0; 256]);
/// assert_eq!(envelope.algorithm(), SignatureAlgorithm::RsaSha256);
/// assert_eq!(envelope.certificate_url(), "https://host.example/cert/a.cer");
///
/// headers.insert("x-ms-signature-algorithm", "rsa-sha1".parse()?);
/// assert_eq!(
///     SignatureEnvelope::from_headers(&headers).unwrap_err().to_string(),
///     "signature algorithm `rsa-sha1` is not accepted (accepted: rsa-sha256, rsa-sha384, rsa-sha512)",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SignatureEnvelope<'h> {
    signature: Signature,
    algorithm: SignatureAlgorithm,
    certificate_url: &'h str,
}

impl<'h> SignatureEnvelope<'h> {
    /// Reads the envelope of a callback from its headers, accepting every [`SignatureAlgorithm`].
    ///
    /// # Errors
    ///
    /// See [`EnvelopeReader::from_headers`].
    pub fn from_headers(headers: &'h HeaderMap) -> Result<Self, EnvelopeError> {
        EnvelopeReader::default().from_headers(headers)
    }

    /// The same for a framework whose headers are of another type: (name, value) pairs, in any order.
    ///
    /// # Errors
    ///
    /// See [`EnvelopeReader::from_headers`].
    pub fn from_pairs<N: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, &'h [u8])>,
    ) -> Result<Self, EnvelopeError> {
        EnvelopeReader::default().from_pairs(pairs)
    }

    /// The signature, decoded: 256 to 1024 bytes.
    pub fn signature(&self) -> &[u8] {
        self.signature.as_bytes()
    }

    /// The algorithm that made it.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Where the signing certificate can be had, as the sender wrote it.
    ///
    /// Anybody can write anything here; [`CertificateLocation`](crate::source::CertificateLocation) judges it.
    pub fn certificate_url(&self) -> &'h str {
        self.certificate_url
    }
}

/// Reads [`SignatureEnvelope`]s, accepting some algorithms only.
///
/// The default accepts every [`SignatureAlgorithm`].
#[derive(Clone, Debug)]
pub struct EnvelopeReader {
    algorithms: Vec<SignatureAlgorithm>,
}

impl EnvelopeReader {
    /// A reader that accepts `algorithms` and refuses every other.
    pub fn accepting(algorithms: impl IntoIterator<Item = SignatureAlgorithm>) -> Self {
        Self {
            algorithms: algorithms.into_iter().collect(),
        }
    }

    /// Reads the envelope of a callback from its headers.
    ///
    /// The signature is taken from `Authorization` if its scheme is `Signature` and from `x-ms-signature`, with
    /// or without that word. Where both are present they must be equal; an `Authorization` of another scheme,
    /// which a gateway may have added, is ignored beside an `x-ms-signature`. A gateway that removes or replaces
    /// `Authorization` loses the signature: have it in `x-ms-signature`, with
    /// `Registration::with_signature_token_to_ms_signature_header`.
    ///
    /// # Errors
    ///
    /// An [`EnvelopeError`] for the first fault, in this order: a header that is doubled, no signature, a header
    /// that is missing, the algorithm, the base64 of the signature.
    pub fn from_headers<'h>(
        &self,
        headers: &'h HeaderMap,
    ) -> Result<SignatureEnvelope<'h>, EnvelopeError> {
        let mut found = Found::default();
        for (slot, header) in found.slots() {
            for value in headers.get_all(header) {
                fill(slot, header.as_str(), value.as_bytes())?;
            }
        }
        self.judge(&found)
    }

    /// The same from (name, value) pairs, in any order.
    ///
    /// # Errors
    ///
    /// As [`from_headers`](Self::from_headers).
    pub fn from_pairs<'h, N: AsRef<str>>(
        &self,
        pairs: impl IntoIterator<Item = (N, &'h [u8])>,
    ) -> Result<SignatureEnvelope<'h>, EnvelopeError> {
        let mut found = Found::default();
        for (name, value) in pairs {
            for (slot, header) in found.slots() {
                if name.as_ref().eq_ignore_ascii_case(header.as_str()) {
                    fill(slot, header.as_str(), value)?;
                }
            }
        }
        self.judge(&found)
    }

    fn judge<'h>(&self, found: &Found<'h>) -> Result<SignatureEnvelope<'h>, EnvelopeError> {
        let (header, signature) = found.signature()?;
        let missing = |header| EnvelopeError::Missing { header };
        let url = found
            .certificate_url
            .ok_or_else(|| missing(CERTIFICATE_URL_HEADER))?;
        let algorithm = found.algorithm.ok_or_else(|| missing(ALGORITHM_HEADER))?;

        Ok(SignatureEnvelope {
            algorithm: self.algorithm(algorithm)?,
            certificate_url: str::from_utf8(url).map_err(|_| EnvelopeError::NotText {
                header: CERTIFICATE_URL_HEADER,
                found: Excerpt::of_url(url),
            })?,
            signature: Signature::decode(header, signature)?,
        })
    }

    fn algorithm(&self, name: &[u8]) -> Result<SignatureAlgorithm, EnvelopeError> {
        self.algorithms
            .iter()
            .copied()
            .find(|algorithm| name.eq_ignore_ascii_case(algorithm.as_str().as_bytes()))
            .ok_or_else(|| EnvelopeError::UnsupportedAlgorithm {
                found: Excerpt::of(name),
                accepted: self.algorithms.clone(),
            })
    }
}

impl Default for EnvelopeReader {
    fn default() -> Self {
        Self::accepting(SignatureAlgorithm::ALL.iter().copied())
    }
}

/// Why the headers of a callback were refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// `Authorization: Signature` and `x-ms-signature` hold two signatures.
    #[error("headers `authorization` and `x-ms-signature` hold different signatures")]
    ConflictingSignatures,
    /// A header is there more than once.
    #[error("header `{header}` is present more than once")]
    Duplicate {
        /// Its name.
        header: &'static str,
    },
    /// The signature is not standard base64.
    #[error("the signature in header `{header}` is not standard base64: {problem}")]
    MalformedSignature {
        /// The header's name.
        header: &'static str,
        /// What is wrong with it.
        problem: Base64Problem,
    },
    /// A header is absent.
    #[error("header `{header}` is missing")]
    Missing {
        /// Its name.
        header: &'static str,
    },
    /// Neither header that may hold the signature is there.
    #[error(
        "no signature: neither `authorization: Signature …` nor `x-ms-signature` is present{}",
        remedy(*.certificate_url_present, "removed")
    )]
    MissingSignature {
        /// Whether the header with the certificate's URL is there. Then the request may be a callback whose `Authorization`
        /// was removed on its way, and the text says how to have the signature in `x-ms-signature`.
        certificate_url_present: bool,
    },
    /// A header is not text.
    #[error("header `{header}` is not UTF-8: `{found}`")]
    NotText {
        /// Its name.
        header: &'static str,
        /// Its value.
        found: Excerpt,
    },
    /// The signature is shorter or longer than any RSA key of 2048 to 8192 bits makes.
    #[error(
        "the signature in header `{header}` has {found} characters of base64 (expected {} to {})",
        Signature::BASE64_LENGTHS.start(),
        Signature::BASE64_LENGTHS.end()
    )]
    SignatureLength {
        /// The header's name.
        header: &'static str,
        /// The length of its value.
        found: usize,
    },
    /// The algorithm is none that is accepted.
    #[error("signature algorithm `{found}` is not accepted (accepted: {})", list(.accepted))]
    UnsupportedAlgorithm {
        /// The header's value.
        found: Excerpt,
        /// What would be.
        accepted: Vec<SignatureAlgorithm>,
    },
    /// The signature header is of another authentication scheme. Its value may be a secret and is not kept.
    #[error(
        "header `{header}` is not of scheme `Signature`{}",
        remedy(*.certificate_url_present && *.header == AUTHORIZATION_HEADER, "replaced")
    )]
    UnsupportedScheme {
        /// The header's name.
        header: &'static str,
        /// Whether the header with the certificate's URL is there. Then the request may be a callback whose `Authorization`
        /// was replaced on its way, and the text says how to have the signature in `x-ms-signature`, unless that is `header`.
        certificate_url_present: bool,
    },
}

/// Why a text is not canonical base64 of the standard alphabet (RFC 4648, section 4).
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Base64Problem {
    /// A character that is not of the alphabet, or stands where none may.
    #[error("`{}` at offset {offset}", .found.escape_ascii())]
    Character {
        /// Where, in bytes.
        offset: usize,
        /// The byte.
        found: u8,
    },
    /// Too few characters at the end.
    #[error("it is cut short")]
    Length,
    /// Padding is absent or wrong.
    #[error("its padding is wrong")]
    Padding,
    /// The last character holds bits that belong to no byte.
    #[error("its last character has spare bits that are not zero")]
    SpareBits,
}

/// The header that holds the signature by default: `Signature` and the base64.
pub const AUTHORIZATION_HEADER: &str = "authorization";
/// The header that holds it if the registration set `signatureTokenToMsSignatureHeader`.
pub const SIGNATURE_HEADER: &str = "x-ms-signature";
/// The header that names the signing certificate's URL.
pub const CERTIFICATE_URL_HEADER: &str = "x-ms-certificate-url";
/// The header that names the algorithm.
pub const ALGORITHM_HEADER: &str = "x-ms-signature-algorithm";

// The same, ready to look up: a string is parsed into one of these at each look-up.
static AUTHORIZATION: HeaderName = HeaderName::from_static(AUTHORIZATION_HEADER);
static SIGNATURE: HeaderName = HeaderName::from_static(SIGNATURE_HEADER);
static CERTIFICATE_URL: HeaderName = HeaderName::from_static(CERTIFICATE_URL_HEADER);
static ALGORITHM: HeaderName = HeaderName::from_static(ALGORITHM_HEADER);

/// The values of the four headers.
#[derive(Default)]
struct Found<'h> {
    authorization: Option<&'h [u8]>,
    ms_signature: Option<&'h [u8]>,
    certificate_url: Option<&'h [u8]>,
    algorithm: Option<&'h [u8]>,
}

impl<'h> Found<'h> {
    fn slots(&mut self) -> [(&mut Option<&'h [u8]>, &'static HeaderName); 4] {
        [
            (&mut self.authorization, &AUTHORIZATION),
            (&mut self.ms_signature, &SIGNATURE),
            (&mut self.certificate_url, &CERTIFICATE_URL),
            (&mut self.algorithm, &ALGORITHM),
        ]
    }

    /// The base64 of the signature, and the header it stands in.
    fn signature(&self) -> Result<(&'static str, &'h [u8]), EnvelopeError> {
        let certificate_url_present = self.certificate_url.is_some();
        let scheme = |header| EnvelopeError::UnsupportedScheme {
            header,
            certificate_url_present,
        };
        let authorization = self.authorization.map(after_scheme);
        let Some(ms_signature) = self.ms_signature else {
            return match authorization {
                Some(Some(signature)) => Ok((AUTHORIZATION_HEADER, signature)),
                Some(None) => Err(scheme(AUTHORIZATION_HEADER)),
                None => Err(EnvelopeError::MissingSignature {
                    certificate_url_present,
                }),
            };
        };

        let ms_signature = match ms_signature.contains(&b' ') {
            true => after_scheme(ms_signature).ok_or_else(|| scheme(SIGNATURE_HEADER))?,
            false => ms_signature,
        };
        match authorization.flatten() {
            // Base64 is accepted in its one canonical form only, so equal text is equal bytes.
            Some(other) if other != ms_signature => Err(EnvelopeError::ConflictingSignatures),
            _ => Ok((SIGNATURE_HEADER, ms_signature)),
        }
    }
}

fn fill<'h>(
    slot: &mut Option<&'h [u8]>,
    header: &'static str,
    value: &'h [u8],
) -> Result<(), EnvelopeError> {
    match slot.replace(value) {
        Some(_) => Err(EnvelopeError::Duplicate { header }),
        None => Ok(()),
    }
}

/// What follows `Signature` and at least one space (RFC 9110, 11.4), or nothing if the scheme is another.
fn after_scheme(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    match scheme.eq_ignore_ascii_case(SCHEME) && spaces > 0 {
        true => rest.get(spaces..),
        false => None,
    }
}

/// The remedy for a signature that was lost on its way. Empty for a request that does not look like a callback, so that
/// scanners do not fill the log with advice.
fn remedy(is_callback: bool, done: &str) -> String {
    match is_callback {
        true => format!(
            "; the request has a certificate URL, so if this happens to all callbacks, a gateway or the hosting platform has \
             {done} `authorization`: set `signatureTokenToMsSignatureHeader` in the registration to have the signature in \
             `x-ms-signature` (`Registration::with_signature_token_to_ms_signature_header(true)` with \
             `RegistrationClient::ensure`, which keeps what else is registered, or \
             `cargo run --example registration -- ensure --url URL --ms-signature`)"
        ),
        false => String::new(),
    }
}

fn list(algorithms: &[SignatureAlgorithm]) -> String {
    let names: Vec<_> = algorithms.iter().map(|each| each.as_str()).collect();
    names.join(", ")
}

const SCHEME: &[u8] = b"Signature";

/// A signature of at most 1024 bytes. That of an RSA key of 2048 bits, as Microsoft's are, is held in place, so that nothing
/// is allocated; longer ones are not, so that an envelope is cheap to move.
#[derive(Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the common one, and allocates nothing"
)]
enum Signature {
    Short {
        bytes: [u8; Self::SHORT],
        length: usize,
    },
    Long(Box<[u8]>),
}

impl Signature {
    /// What an RSA key of 8192 bits makes.
    const MAX: usize = 1024;
    /// As many characters of base64 as 256 bytes need may stand for two bytes more.
    const SHORT: usize = 256 + 2;
    /// Of 256 bytes (RSA 2048) to 1024 bytes (RSA 8192).
    const BASE64_LENGTHS: std::ops::RangeInclusive<usize> = 344..=1368;

    fn decode(header: &'static str, base64: &[u8]) -> Result<Self, EnvelopeError> {
        let wrong_length = EnvelopeError::SignatureLength {
            header,
            found: base64.len(),
        };
        if !Self::BASE64_LENGTHS.contains(&base64.len()) {
            return Err(wrong_length);
        }
        let decode = |bytes: &mut [u8]| {
            let decoded = STANDARD.decode_slice(base64, bytes);
            decoded.map_err(|error| EnvelopeError::MalformedSignature {
                header,
                problem: Base64Problem::from(error),
            })
        };
        if base64.len() == *Self::BASE64_LENGTHS.start() {
            let mut bytes = [0; Self::SHORT];
            let length = decode(&mut bytes)?;
            return Ok(Self::Short { bytes, length });
        }
        let mut bytes = vec![0; Self::MAX + 2];
        let length = decode(&mut bytes)?;
        if length > Self::MAX {
            return Err(wrong_length);
        }
        bytes.truncate(length);
        Ok(Self::Long(bytes.into()))
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { bytes, length } => bytes.get(..*length).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({} bytes)", self.as_bytes().len())
    }
}

impl From<DecodeSliceError> for Base64Problem {
    fn from(error: DecodeSliceError) -> Self {
        match error {
            DecodeSliceError::DecodeError(DecodeError::InvalidByte(offset, found)) => {
                Self::Character { offset, found }
            }
            DecodeSliceError::DecodeError(DecodeError::InvalidLastSymbol { .. }) => Self::SpareBits,
            DecodeSliceError::DecodeError(DecodeError::InvalidPadding) => Self::Padding,
            _ => Self::Length,
        }
    }
}

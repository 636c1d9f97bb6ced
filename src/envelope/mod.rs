//! Stage 1: the signature headers become a [`SignatureEnvelope`].
//!
//! Partner Center sends the signature of a callback in three headers: the signature itself (`Authorization: Signature …`, or
//! `x-ms-signature` if the registration asks for that), the URL of the signing certificate (`X-MS-Certificate-Url`), and the
//! algorithm (`X-MS-Signature-Algorithm`). This stage reads them strictly and checks their form only. It takes about a
//! microsecond, and allocates only for the signature of a key of more than 2048 bits. Source: "Partner Center webhooks", "How
//! to authenticate the callback".

mod error;
mod header;
mod signature;

use self::signature::Signature;
use crate::mask::Excerpt;

pub use self::error::EnvelopeError;
pub use self::header::{
    ALGORITHM_HEADER, AUTHORIZATION_HEADER, CERTIFICATE_URL_HEADER, SIGNATURE_HEADER,
};
pub use crate::crypto::SignatureAlgorithm;

/// The content of the signature headers: well-formed, but not yet verified.
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
    /// Reads the envelope of a callback from its headers: `&HeaderMap` of `http` 0.2 or 1, or any pairs of a name and a value, in any
    /// order. Accepts every [`SignatureAlgorithm`].
    ///
    /// The signature is read from `Authorization` if its scheme is `Signature`, and from `x-ms-signature` with or without that
    /// word. If both are present they must be equal. An `Authorization` of another scheme, which a gateway may have added, is
    /// ignored beside an `x-ms-signature`. A gateway that removes or replaces `Authorization` loses the signature: move it to
    /// `x-ms-signature` with `Registration::with_signature_token_to_ms_signature_header`.
    ///
    /// # Errors
    ///
    /// An [`EnvelopeError`] for the first fault in this order: a duplicate header, no signature, a missing header, the algorithm,
    /// the base64 of the signature.
    pub fn from_headers<N, V>(
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
    ) -> Result<Self, EnvelopeError>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
    {
        Self::accepting(SignatureAlgorithm::ALL, headers)
    }

    /// [`from_headers`](Self::from_headers), accepting only `algorithms`.
    ///
    /// # Errors
    ///
    /// An [`EnvelopeError`], as for [`from_headers`](Self::from_headers).
    pub fn accepting<N, V>(
        algorithms: &[SignatureAlgorithm],
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
    ) -> Result<Self, EnvelopeError>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
    {
        let values = Values::read(headers)?;
        let (header, signature) = values.signature()?;
        let missing = |header| EnvelopeError::Missing { header };
        let url = values.certificate_url.ok_or_else(|| missing(CERTIFICATE_URL_HEADER))?;
        let name = values.algorithm.ok_or_else(|| missing(ALGORITHM_HEADER))?;
        let is_named = |it: &&SignatureAlgorithm| name.eq_ignore_ascii_case(it.as_str().as_bytes());
        let algorithm = algorithms.iter().find(is_named).copied().ok_or_else(|| {
            let accepted = algorithms.to_vec();
            EnvelopeError::UnsupportedAlgorithm { found: Excerpt::of(name), accepted }
        })?;
        Ok(Self {
            algorithm,
            certificate_url: str::from_utf8(url).map_err(|_| EnvelopeError::NotText {
                header: CERTIFICATE_URL_HEADER,
                found: Excerpt::of_url(url),
            })?,
            signature: Signature::decode(header, signature)?,
        })
    }

    /// The signature, decoded: 256 to 1024 bytes.
    pub fn signature(&self) -> &[u8] {
        self.signature.as_bytes()
    }

    /// The signature algorithm.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// The URL of the signing certificate, as the sender wrote it.
    ///
    /// It is untrusted: [`CertificateLocation`](crate::source::CertificateLocation) checks it.
    pub fn certificate_url(&self) -> &'h str {
        self.certificate_url
    }
}

/// The values of the four headers.
struct Values<'h> {
    authorization: Option<&'h [u8]>,
    ms_signature: Option<&'h [u8]>,
    certificate_url: Option<&'h [u8]>,
    algorithm: Option<&'h [u8]>,
}

impl<'h> Values<'h> {
    fn read<N, V>(headers: impl IntoIterator<Item = (&'h N, &'h V)>) -> Result<Self, EnvelopeError>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
    {
        let mut fields =
            [AUTHORIZATION_HEADER, SIGNATURE_HEADER, CERTIFICATE_URL_HEADER, ALGORITHM_HEADER]
                .map(|header| (header, None, false));
        for (name, value) in headers {
            let name = name.as_ref();
            for (header, found, is_duplicate) in &mut fields {
                if name.eq_ignore_ascii_case(header) {
                    *is_duplicate |= found.replace(value.as_ref()).is_some();
                }
            }
        }
        // All headers are read first, so that the error does not depend on their order.
        if let Some((header, ..)) = fields.iter().find(|(.., is_duplicate)| *is_duplicate) {
            return Err(EnvelopeError::Duplicate { header });
        }
        let [authorization, ms_signature, certificate_url, algorithm] =
            fields.map(|(_, found, _)| found);
        Ok(Self { authorization, ms_signature, certificate_url, algorithm })
    }

    /// The base64 of the signature, and its header.
    fn signature(&self) -> Result<(&'static str, &'h [u8]), EnvelopeError> {
        let certificate_url_present = self.certificate_url.is_some();
        let scheme = |header| EnvelopeError::UnsupportedScheme { header, certificate_url_present };
        let authorization = self.authorization.map(after_scheme);
        let Some(ms_signature) = self.ms_signature else {
            return match authorization {
                Some(Some(signature)) => Ok((AUTHORIZATION_HEADER, signature)),
                Some(None) => Err(scheme(AUTHORIZATION_HEADER)),
                None => Err(EnvelopeError::MissingSignature { certificate_url_present }),
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

/// The text after `Signature` and at least one space (RFC 9110, 11.4), or `None` for another scheme.
fn after_scheme(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    match scheme.eq_ignore_ascii_case(SCHEME) && spaces > 0 {
        true => rest.get(spaces..),
        false => None,
    }
}

const SCHEME: &[u8] = b"Signature";

//! Stage 4: signer, envelope and body become a [`VerifiedBody`]. Pure: one RSA verification.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::UnixTime;
use thiserror::Error;

use crate::chain::{Fingerprint, VerifiedSigner, write_hex};
use crate::envelope::{SignatureAlgorithm, SignatureEnvelope};

/// The body of a callback whose signature was verified: the bytes that Partner Center sent. A value of this type is the proof.
///
/// `B` is the container of the bytes: `&[u8]`, `Vec<u8>`, `bytes::Bytes`.
#[derive(Clone)]
#[must_use]
pub struct VerifiedBody<B> {
    body: B,
    digest: BodyDigest,
    signer: Arc<VerifiedSigner>,
}

impl<B: AsRef<[u8]>> VerifiedBody<B> {
    /// Verifies the signature in `envelope` over the exact bytes of `body` with the key of `signer`.
    ///
    /// # Errors
    ///
    /// [`SignatureError`]: the signature does not match, or the verification of `signer` has expired.
    pub fn verify(
        body: B,
        envelope: &SignatureEnvelope<'_>,
        signer: &Arc<VerifiedSigner>,
        now: UnixTime,
    ) -> Result<Self, SignatureError> {
        Self::verify_under_any(body, envelope, [signer], now).map_err(|(_, error)| error)
    }

    /// [`verify`](Self::verify) under the first of `signers` that matches. On failure, returns the body and the first signer's error.
    pub(crate) fn verify_under_any<'s>(
        body: B,
        envelope: &SignatureEnvelope<'_>,
        signers: impl IntoIterator<Item = &'s Arc<VerifiedSigner>>,
        now: UnixTime,
    ) -> Result<Self, (B, SignatureError)> {
        let mut digest = None;
        let mut first_error = None;
        for signer in signers {
            let digest =
                *digest.get_or_insert_with(|| BodyDigest(signer.backend().sha256(body.as_ref())));
            match digest.verify(body.as_ref(), envelope, signer, now) {
                Ok(()) => {
                    return Ok(Self { body, digest, signer: Arc::clone(signer) });
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err((body, first_error.unwrap_or(SignatureError::NoSigner)))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.body.as_ref()
    }

    /// The bytes, in their container.
    pub fn into_inner(self) -> B {
        self.body
    }

    /// SHA-256 of the bytes.
    pub fn digest(&self) -> BodyDigest {
        self.digest
    }

    /// The signer of the bytes.
    pub fn signer(&self) -> &Arc<VerifiedSigner> {
        &self.signer
    }
}

impl<B> fmt::Debug for VerifiedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedBody")
            .field("digest", &self.digest)
            .field("signer", &self.signer.fingerprint())
            .finish_non_exhaustive()
    }
}

/// The SHA-256 of a callback's body, displayed in hexadecimal: the callback's identity.
///
/// Partner Center sends no delivery ID, delivers at least once and up to ten times, and signs nothing but the body. So only the
/// digest of the signed bytes identifies repeated deliveries and cannot be forged.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct BodyDigest([u8; 32]);

impl BodyDigest {
    /// A digest from storage. It proves nothing.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// [`VerifiedBody::verify`] with this digest of the body.
    fn verify(
        &self,
        body: &[u8],
        envelope: &SignatureEnvelope<'_>,
        signer: &VerifiedSigner,
        now: UnixTime,
    ) -> Result<(), SignatureError> {
        if !signer.is_valid_at(now) {
            return Err(SignatureError::SignerNotValid { signer: signer.fingerprint() });
        }
        signer.key().verify(envelope.algorithm(), body, &self.0, envelope.signature()).map_err(
            |_| SignatureError::Mismatch {
                algorithm: envelope.algorithm(),
                bytes: body.len(),
                digest: *self,
                signer: signer.fingerprint(),
                fetched_ago: None,
                next_fetch_in: None,
            },
        )
    }
}

impl fmt::Display for BodyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for BodyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The reason why a body was not verified.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SignatureError {
    /// The signature was not made with the signer's key over these bytes.
    #[error(
        "the {algorithm} signature does not match the body ({bytes} bytes, SHA-256 {digest}) under signing certificate \
         {signer}: the body was altered in transit (parsed and serialized again?), or it is not Partner Center's{}",
        replaced(*.fetched_ago, *.next_fetch_in)
    )]
    Mismatch {
        /// The algorithm.
        algorithm: SignatureAlgorithm,
        /// The length of the body.
        bytes: usize,
        /// SHA-256 of the body.
        digest: BodyDigest,
        /// SHA-256 of the certificate.
        signer: Fingerprint,
        /// The age of the certificate in whole seconds, if it was fetched before the callback arrived and is still
        /// [fresh](crate::signers::Signers::FRESH): then it may have been replaced since.
        fetched_ago: Option<u8>,
        /// The seconds until a mismatch causes another fetch. Known together with `fetched_ago`.
        next_fetch_in: Option<u8>,
    },
    /// There is no signer to verify with.
    #[error("there is no signer to verify the signature with")]
    NoSigner,
    /// The verification of the signer does not cover this time.
    #[error(
        "the chain of signing certificate {signer} was verified for another time: verify it again"
    )]
    SignerNotValid {
        /// SHA-256 of the certificate.
        signer: Fingerprint,
    },
}

impl SignatureError {
    /// The mismatch under a certificate that was fetched this long before the callback arrived.
    #[cfg_attr(
        not(feature = "receiver"),
        expect(dead_code, reason = "only receivers keep certificates")
    )]
    pub(crate) fn under_kept(mut self, ago: Duration, next: Duration) -> Self {
        if let Self::Mismatch { fetched_ago, next_fetch_in, .. } = &mut self {
            // Numbers of seconds, so that the error stays small.
            *fetched_ago = u8::try_from(ago.as_secs()).ok();
            *next_fetch_in = u8::try_from(next.as_millis().div_ceil(1000)).ok();
        }
        self
    }
}

/// The suffix of a message that names the third cause of a mismatch: a certificate that was replaced a moment ago.
fn replaced(fetched_ago: Option<u8>, next_fetch_in: Option<u8>) -> String {
    match (fetched_ago, next_fetch_in) {
        (Some(ago), Some(next)) => format!(
            "; or the certificate was replaced after it was fetched {ago} s ago: a callback that arrives in {next} s causes \
             another fetch"
        ),
        _ => String::new(),
    }
}

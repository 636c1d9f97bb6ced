//! The interface to a cryptographic library.

use std::fmt;

use rustls_pki_types::{PrivateKeyDer, SignatureVerificationAlgorithm};
use thiserror::Error;

/// A cryptographic library.
///
/// Object-safe. All methods are pure.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::crypto::{Backend as _, DefaultBackend};
///
/// let backend = DefaultBackend::new();
/// assert_eq!(backend.sha256(b"")[..4], [0xe3, 0xb0, 0xc4, 0x42]);
/// assert!(backend.rsa_key(b"not DER").is_err());
/// ```
pub trait Backend: fmt::Debug + Send + Sync {
    /// The accepted signature algorithms of certificates.
    ///
    /// RSA PKCS#1 v1.5 with 2048 to 8192 bits and ECDSA on P-256 and P-384, with SHA-256, SHA-384 or SHA-512.
    /// Never SHA-1 or MD5.
    fn certificate_algorithms(&self) -> &'static [&'static dyn SignatureVerificationAlgorithm];

    /// The SHA-256 of `data`.
    ///
    /// Of certificates (fingerprints) and of bodies (digests).
    fn sha256(&self, data: &[u8]) -> [u8; 32];

    /// Parses a DER `RSAPublicKey` (RFC 8017, A.1.1) for verification.
    ///
    /// # Errors
    ///
    /// [`CryptoError::PublicKey`] unless the key has 2048 to 8192 bits.
    fn rsa_key(&self, public_key: &[u8]) -> Result<Box<dyn RsaKey>, CryptoError>;

    /// Parses an unencrypted RSA private key for signing: PKCS#1 (RFC 8017, A.1.2) or PKCS#8 (RFC 5208).
    ///
    /// # Errors
    ///
    /// [`CryptoError::PrivateKey`] unless the key has 2048 to 8192 bits.
    fn rsa_signing_key(
        &self,
        private_key: &PrivateKeyDer<'_>,
    ) -> Result<Box<dyn RsaSigningKey>, CryptoError>;
}

/// A parsed RSA public key.
pub trait RsaKey: fmt::Debug + Send + Sync {
    /// Verifies one RSASSA-PKCS1-v1_5 signature (RFC 8017, 8.2.2) over `body`.
    ///
    /// `sha256` is the SHA-256 of `body`, which the caller already has.
    ///
    /// # Errors
    ///
    /// [`CryptoError::SignatureMismatch`] for any cause, because callers treat all causes alike.
    fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        body: &[u8],
        sha256: &[u8; 32],
        signature: &[u8],
    ) -> Result<(), CryptoError>;
}

/// A parsed RSA private key. Dropping it wipes it from memory, and `Debug` shows nothing private.
pub trait RsaSigningKey: fmt::Debug + Send + Sync {
    /// The public key, as a DER `RSAPublicKey` (RFC 8017, A.1.1).
    fn public_key(&self) -> &[u8];

    /// Signs `message` with RSASSA-PSS, SHA-256 and a salt of 32 bytes: `PS256` (RFC 7518, 3.5).
    ///
    /// # Errors
    ///
    /// [`CryptoError::Signing`].
    fn sign_ps256(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

/// A signature algorithm of the header `X-MS-Signature-Algorithm`.
///
/// Microsoft documents only "the specified hash algorithm"; every published sample is `rsa-sha256`.
/// Source: "Partner Center webhooks", "How to authenticate the callback".
///
/// ```
/// use partner_center_webhooks::crypto::SignatureAlgorithm;
///
/// assert_eq!(SignatureAlgorithm::RsaSha256.to_string(), "rsa-sha256");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// `rsa-sha256`: RSASSA-PKCS1-v1_5 with SHA-256.
    RsaSha256,
    /// `rsa-sha384`: RSASSA-PKCS1-v1_5 with SHA-384.
    RsaSha384,
    /// `rsa-sha512`: RSASSA-PKCS1-v1_5 with SHA-512.
    RsaSha512,
}

impl SignatureAlgorithm {
    /// All algorithms.
    pub const ALL: &'static [Self] = &[Self::RsaSha256, Self::RsaSha384, Self::RsaSha512];

    /// The name in the header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::RsaSha384 => "rsa-sha384",
            Self::RsaSha512 => "rsa-sha512",
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a key was rejected or a signature was not made or not verified. No part of a key is shown.
///
/// The causes are coarse on purpose: finer ones would not help a caller, and could help a forger.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CryptoError {
    /// The private key is not an unencrypted RSA key of 2048 to 8192 bits.
    #[error(
        "the private key is not an unencrypted RSA key of 2048 to 8192 bits (expected PKCS#8 or PKCS#1)"
    )]
    PrivateKey,
    /// The public key is not an RSA key of 2048 to 8192 bits.
    #[error("the public key is not an RSA key of 2048 to 8192 bits")]
    PublicKey,
    /// The signature was not made with the key over the body.
    #[error("the signature does not match")]
    SignatureMismatch,
    /// Signing failed, because memory or randomness is exhausted.
    #[error("signing with the private key failed")]
    Signing,
}

//! The backend over aws-lc-rs.

use aws_lc_rs::digest::{self, Digest, SHA256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_SHA256,
};
use rustls_pki_types::{PrivateKeyDer, SignatureVerificationAlgorithm};
use webpki::aws_lc_rs as algorithms;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::RSAPublicKey;

use super::backend::{Backend, CryptoError, RsaKey, RsaSigningKey, SignatureAlgorithm};

/// The [`Backend`] over [aws-lc-rs](https://docs.rs/aws-lc-rs).
///
/// It signs in constant time. RSA keys are parsed once for each of the three hashes, so that a verification allocates nothing.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AwsLcRs;

impl AwsLcRs {
    /// The backend.
    pub const fn new() -> Self {
        Self
    }
}

impl Backend for AwsLcRs {
    fn certificate_algorithms(&self) -> &'static [&'static dyn SignatureVerificationAlgorithm] {
        CERTIFICATE_ALGORITHMS
    }

    fn sha256(&self, data: &[u8]) -> [u8; 32] {
        bytes_of(&digest::digest(&SHA256, data))
    }

    fn rsa_key(&self, public_key: &[u8]) -> Result<Box<dyn RsaKey>, CryptoError> {
        if !has_accepted_size(public_key) {
            return Err(CryptoError::PublicKey);
        }
        let parse = |algorithm| ParsedPublicKey::new(algorithm, public_key);
        match (
            parse(&RSA_PKCS1_2048_8192_SHA256),
            parse(&RSA_PKCS1_2048_8192_SHA384),
            parse(&RSA_PKCS1_2048_8192_SHA512),
        ) {
            (Ok(sha256), Ok(sha384), Ok(sha512)) => Ok(Box::new(Key { sha256, sha384, sha512 })),
            _ => Err(CryptoError::PublicKey),
        }
    }

    fn rsa_signing_key(
        &self,
        private_key: &PrivateKeyDer<'_>,
    ) -> Result<Box<dyn RsaSigningKey>, CryptoError> {
        let pair = match private_key {
            PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
            _ => return Err(CryptoError::PrivateKey),
        };
        match pair {
            Ok(pair) if has_accepted_size(pair.public_key().as_ref()) => {
                Ok(Box::new(SigningKey(pair)))
            }
            _ => Err(CryptoError::PrivateKey),
        }
    }
}

/// aws-lc-rs binds a parsed key to one algorithm, so there is one key for each.
#[derive(Debug)]
struct Key {
    sha256: ParsedPublicKey,
    sha384: ParsedPublicKey,
    sha512: ParsedPublicKey,
}

impl RsaKey for Key {
    fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        body: &[u8],
        sha256: &[u8; 32],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        match algorithm {
            SignatureAlgorithm::RsaSha256 => Digest::import_less_safe(sha256, &SHA256)
                .and_then(|digest| self.sha256.verify_digest_sig(&digest, signature)),
            SignatureAlgorithm::RsaSha384 => self.sha384.verify_sig(body, signature),
            SignatureAlgorithm::RsaSha512 => self.sha512.verify_sig(body, signature),
        }
        .map_err(|_| CryptoError::SignatureMismatch)
    }
}

/// The library wipes it.
#[derive(Debug)]
struct SigningKey(KeyPair);

impl RsaSigningKey for SigningKey {
    fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn sign_ps256(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| CryptoError::Signing)?;
        Ok(signature)
    }
}

/// Whether `public_key` is an `RSAPublicKey` of 2048 to 8192 bits. aws-lc-rs also parses other sizes and a
/// `SubjectPublicKeyInfo`, and only refuses their signatures. It checks everything else about the key.
fn has_accepted_size(public_key: &[u8]) -> bool {
    let Ok((_, RSAPublicKey { modulus, .. })) = RSAPublicKey::from_der(public_key) else {
        return false;
    };
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    match modulus.len() {
        256 => matches!(modulus, [0x80..=0xff, ..]),
        bytes => (257..=1024).contains(&bytes),
    }
}

/// Copies a SHA-256, which has 32 bytes, out of the library's type.
fn bytes_of(digest: &Digest) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    bytes
}

const CERTIFICATE_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
];

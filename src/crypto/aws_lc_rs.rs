//! The backend over aws-lc-rs.

use aws_lc_rs::digest::{self, Digest, SHA256};
use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512,
};
use rustls_pki_types::SignatureVerificationAlgorithm;
use webpki::aws_lc_rs as algorithms;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::RSAPublicKey;

use super::{Backend, KeyRejected, RsaKey, SignatureAlgorithm, SignatureMismatch};

/// The [`Backend`] over [aws-lc-rs](https://docs.rs/aws-lc-rs).
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

    fn rsa_key(&self, public_key: &[u8]) -> Result<Box<dyn RsaKey>, KeyRejected> {
        if !has_accepted_size(public_key) {
            return Err(KeyRejected);
        }
        let parse = |algorithm| ParsedPublicKey::new(algorithm, public_key);
        match (
            parse(&RSA_PKCS1_2048_8192_SHA256),
            parse(&RSA_PKCS1_2048_8192_SHA384),
            parse(&RSA_PKCS1_2048_8192_SHA512),
        ) {
            (Ok(sha256), Ok(sha384), Ok(sha512)) => Ok(Box::new(Key {
                sha256,
                sha384,
                sha512,
            })),
            _ => Err(KeyRejected),
        }
    }
}

/// aws-lc-rs binds a parsed key to one algorithm, so there is one for each.
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
    ) -> Result<(), SignatureMismatch> {
        match algorithm {
            SignatureAlgorithm::RsaSha256 => Digest::import_less_safe(sha256, &SHA256)
                .and_then(|digest| self.sha256.verify_digest_sig(&digest, signature)),
            SignatureAlgorithm::RsaSha384 => self.sha384.verify_sig(body, signature),
            SignatureAlgorithm::RsaSha512 => self.sha512.verify_sig(body, signature),
        }
        .map_err(|_| SignatureMismatch)
    }
}

/// Whether `public_key` is an `RSAPublicKey` of 2048 to 8192 bits. aws-lc-rs would take other sizes, and a
/// `SubjectPublicKeyInfo`, and refuse at each signature; all else about the key is its own to judge.
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

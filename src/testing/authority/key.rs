//! RSA keys, and public keys without a private half.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKey};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding,
};
use x509_cert::der::Decode as _;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::fault::Fault;
use crate::crypto::SignatureAlgorithm;
use crate::testing::error::TestKitError;

/// An RSA key pair.
#[derive(Clone)]
pub(super) enum Key {
    /// Generated, 2048 bits.
    Strong(Arc<KeyPair>),
    /// A SubjectPublicKeyInfo without a private half: signatures are all zeros.
    PublicOnly(Arc<[u8]>),
}

impl Key {
    /// Generates a key of 2048 bits, which takes about a tenth of a second.
    pub(super) fn generate() -> Result<Self, TestKitError> {
        KeyPair::generate(KeySize::Rsa2048)
            .map(|pair| Self::Strong(Arc::new(pair)))
            .map_err(|error| TestKitError::creating("an RSA key")(error.into()))
    }

    /// The public half, as it stands in a certificate.
    pub(super) fn public_key(&self) -> Result<SubjectPublicKeyInfoOwned, TestKitError> {
        let der = match self {
            Self::Strong(pair) => PublicKey::as_der(pair.public_key())
                .map_err(|error| TestKitError::creating("a public key")(error.into()))?
                .as_ref()
                .to_vec(),
            Self::PublicOnly(info) => info.to_vec(),
        };
        Ok(SubjectPublicKeyInfoOwned::from_der(&der).map_err(Fault::from)?)
    }

    /// The private key as PKCS#8.
    pub(super) fn private_key(&self) -> Result<Pkcs8V1Der<'static>, TestKitError> {
        let problem = TestKitError::creating("a private key");
        match self {
            Self::Strong(pair) => pair.as_der().map_err(|error| problem(error.into())),
            Self::PublicOnly(_) => Err(problem("only the public half is known".into())),
        }
    }

    /// Signs with RSASSA-PKCS1-v1_5. Without a private half, the signature is 256 zero bytes: no verifier accepts it, but a
    /// certificate can still be built.
    pub(super) fn sign(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, TestKitError> {
        let pair = match self {
            Self::Strong(pair) => pair,
            Self::PublicOnly(_) => return Ok(vec![0; 256]),
        };
        let encoding: &'static dyn RsaEncoding = match algorithm {
            SignatureAlgorithm::RsaSha256 => &RSA_PKCS1_SHA256,
            SignatureAlgorithm::RsaSha384 => &RSA_PKCS1_SHA384,
            SignatureAlgorithm::RsaSha512 => &RSA_PKCS1_SHA512,
        };
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
            .map_err(|error| TestKitError::creating("a signature")(error.into()))?;
        Ok(signature)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strong(_) => "Key(RSA 2048)",
            Self::PublicOnly(_) => "Key(public half only)",
        })
    }
}

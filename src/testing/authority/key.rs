//! RSA keys.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKey};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding,
};
use thiserror::Error;
use x509_cert::der::asn1::{Any, BitString, Null, ObjectIdentifier, Uint};
use x509_cert::der::{self, Decode as _, Encode as _};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_parser::num_bigint::BigUint;

use crate::crypto::SignatureAlgorithm;
use crate::excerpt::Excerpt;

/// A certificate, key or signature that could not be created.
#[derive(Debug, Error)]
#[error("cannot create {what}: {problem}")]
#[non_exhaustive]
pub struct IssuerError {
    /// What could not be created.
    pub what: &'static str,
    /// Why.
    pub problem: Excerpt,
}

impl IssuerError {
    pub(super) fn new(what: &'static str) -> impl Fn(Box<dyn StdError>) -> Self {
        move |error| Self { what, problem: Excerpt::of(error.to_string()) }
    }
}

impl From<der::Error> for IssuerError {
    fn from(error: der::Error) -> Self {
        Self::new("a certificate")(error.into())
    }
}

/// An RSA key pair.
#[derive(Clone)]
pub(super) enum Key {
    /// Generated, 2048 bits.
    Strong(Arc<KeyPair>),
    /// The 1024-bit key in this file.
    Small,
    /// A SubjectPublicKeyInfo without a private half: signatures are all zeros.
    PublicOnly(Arc<[u8]>),
}

impl Key {
    pub(super) fn generate() -> Result<Self, IssuerError> {
        KeyPair::generate(KeySize::Rsa2048)
            .map(|pair| Self::Strong(Arc::new(pair)))
            .map_err(|error| IssuerError::new("an RSA key")(error.into()))
    }

    /// A key from its private half as PKCS#8.
    pub(super) fn from_private_key(pkcs8: &[u8]) -> Result<Self, IssuerError> {
        KeyPair::from_pkcs8(pkcs8)
            .map(|pair| Self::Strong(Arc::new(pair)))
            .map_err(|error| IssuerError::new("an RSA key")(error.into()))
    }

    /// A point on P-256.
    pub(super) fn elliptic() -> Self {
        Self::PublicOnly(P256_PUBLIC_KEY.into())
    }

    /// The same modulus with another exponent.
    pub(super) fn with_exponent(&self, exponent: u32) -> Result<Self, IssuerError> {
        let Self::Strong(pair) = self else {
            return Ok(self.clone());
        };
        // RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
        let mut key = Vec::<Uint>::from_der(pair.public_key().as_ref())?;
        key.pop();
        key.push(Uint::new(&exponent.to_be_bytes())?);
        let info = SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned {
                oid: RSA_ENCRYPTION,
                parameters: Some(Any::from(Null)),
            },
            subject_public_key: BitString::from_bytes(&key.to_der()?)?,
        };
        Ok(Self::PublicOnly(info.to_der()?.into()))
    }

    pub(super) fn public_key(&self) -> Result<SubjectPublicKeyInfoOwned, IssuerError> {
        let der = match self {
            Self::Strong(pair) => PublicKey::as_der(pair.public_key())
                .map_err(|error| IssuerError::new("a public key")(error.into()))?
                .as_ref()
                .to_vec(),
            Self::Small => small::public_key(),
            Self::PublicOnly(info) => info.to_vec(),
        };
        Ok(SubjectPublicKeyInfoOwned::from_der(&der)?)
    }

    /// The private key as PKCS#8.
    pub(super) fn private_key(&self) -> Result<Pkcs8V1Der<'static>, IssuerError> {
        let problem = IssuerError::new("a private key");
        match self {
            Self::Strong(pair) => pair.as_der().map_err(|error| problem(error.into())),
            Self::Small | Self::PublicOnly(_) => {
                Err(problem("only the public half is known".into()))
            }
        }
    }

    /// Signs with RSASSA-PKCS1-v1_5.
    pub(super) fn sign(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, IssuerError> {
        let pair = match self {
            Self::Strong(pair) => pair,
            Self::Small => return Ok(small::sign_sha256(message)),
            Self::PublicOnly(_) => return Ok(vec![0; 256]),
        };
        let encoding: &'static dyn RsaEncoding = match algorithm {
            SignatureAlgorithm::RsaSha256 => &RSA_PKCS1_SHA256,
            SignatureAlgorithm::RsaSha384 => &RSA_PKCS1_SHA384,
            SignatureAlgorithm::RsaSha512 => &RSA_PKCS1_SHA512,
        };
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
            .map_err(|error| IssuerError::new("a signature")(error.into()))?;
        Ok(signature)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strong(_) => "Key(RSA 2048)",
            Self::Small => "Key(RSA 1024)",
            Self::PublicOnly(_) => "Key(public half only)",
        })
    }
}

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// The base point of P-256 (FIPS 186-4, D.1.2.3), as a SubjectPublicKeyInfo.
const P256_PUBLIC_KEY: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\
    \x03\x42\x00\x04\
    \x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\
    \x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";

/// A complete key of 1024 bits, which aws-lc-rs cannot generate. Verifiers must refuse it.
mod small {
    use aws_lc_rs::digest::{SHA256, digest};

    use super::BigUint;

    /// SubjectPublicKeyInfo up to the modulus, with `rsaEncryption` (RFC 3279, 2.3.1).
    const BEFORE_MODULUS: &[u8] =
        b"\x30\x81\x9f\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\
        \x03\x81\x8d\x00\x30\x81\x89\x02\x81\x81\x00";
    /// The exponent 65537.
    const AFTER_MODULUS: &[u8] = b"\x02\x03\x01\x00\x01";
    const MODULUS: &[u8] = b"bffa13d2e49ad29bd45dc31c2cf0ecf3c9846d3f85ea817e6fb607e5b7682a79623640dd40202c8d1b34a1b92ee69f73\
        b42d2e91db37423f01a336d75d3a507949c198e2b64059d0031a7900bb27cbc51b7c91fec5053f47797e12b9f445a2b3\
        bd16e090e1d52c8fe9cc713d10fca353be97ca2eee8ba9fac0a2b78bc2b90329";
    const PRIVATE_EXPONENT: &[u8] = b"b8a8d4eeb3a454d73d941efbf8229ad9f8c9dfc80d893f9c1dda4b88643dd735410a0ca4856d2d4d6190e3cadbd94c21\
        207ba162fd290f18c9fb73e1feb3fbf8b3706ed570001523e962fa85d43e086f02e9ee5fd87f1d6f1e99765ac5bb3bd3\
        e9efe2420af6f51e2019946c6149bba0fb45874023c8340f73c270e16e9c452d";
    /// EMSA-PKCS1-v1_5 of a SHA-256 (RFC 8017, 9.2, note 1).
    const DIGEST_INFO: &[u8] =
        b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

    pub(super) fn public_key() -> Vec<u8> {
        let modulus = number(MODULUS).to_bytes_be();
        [BEFORE_MODULUS, &modulus, AFTER_MODULUS].concat()
    }

    pub(super) fn sign_sha256(message: &[u8]) -> Vec<u8> {
        let digest = digest(&SHA256, message);
        let padding = vec![0xff; 128 - 3 - DIGEST_INFO.len() - 32];
        let padded =
            [b"\x00\x01".as_slice(), &padding, b"\x00", DIGEST_INFO, digest.as_ref()].concat();
        let signature = BigUint::from_bytes_be(&padded)
            .modpow(&number(PRIVATE_EXPONENT), &number(MODULUS))
            .to_bytes_be();
        let mut whole = vec![0; 128usize.saturating_sub(signature.len())];
        whole.extend(signature);
        whole
    }

    fn number(hex: &[u8]) -> BigUint {
        BigUint::parse_bytes(hex, 16).unwrap_or_default()
    }
}

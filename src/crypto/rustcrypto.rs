//! The backend over the `rsa`, `sha2`, `p256` and `p384` crates.

use std::fmt;

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::pkcs1::der::Decode;
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::rand_core::OsRng;
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey};
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm, alg_id,
};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::backend::{Backend, CryptoError, RsaKey, RsaSigningKey, SignatureAlgorithm};

/// The [`Backend`] over the [RustCrypto](https://github.com/RustCrypto) crates.
///
/// `rsa` has the advisory RUSTSEC-2023-0071: the duration of an operation can leak information about a private key. Callbacks
/// are verified with public keys. Private keys only sign for applications that authenticate with a certificate: once for
/// each access token, never at the request of a stranger, and blinded. If that is not enough, use `AwsLcRs`, which signs in
/// constant time.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct RustCrypto;

impl RustCrypto {
    /// The backend.
    pub const fn new() -> Self {
        Self
    }
}

impl Backend for RustCrypto {
    fn certificate_algorithms(&self) -> &'static [&'static dyn SignatureVerificationAlgorithm] {
        CERTIFICATE_ALGORITHMS
    }

    fn sha256(&self, data: &[u8]) -> [u8; 32] {
        Sha256::digest(data).into()
    }

    fn rsa_key(&self, public_key: &[u8]) -> Result<Box<dyn RsaKey>, CryptoError> {
        Ok(Box::new(Key(parse(public_key)?)))
    }

    fn rsa_signing_key(
        &self,
        private_key: &PrivateKeyDer<'_>,
    ) -> Result<Box<dyn RsaSigningKey>, CryptoError> {
        let private = match private_key {
            PrivateKeyDer::Pkcs1(key) => RsaPrivateKey::from_pkcs1_der(key.secret_pkcs1_der()).ok(),
            PrivateKeyDer::Pkcs8(key) => RsaPrivateKey::from_pkcs8_der(key.secret_pkcs8_der()).ok(),
            _ => None,
        };
        let private = private.ok_or(CryptoError::PrivateKey)?;
        let public = private.to_public_key().to_pkcs1_der();
        let public = public.map_err(|_| CryptoError::PrivateKey)?.into_vec();
        parse(&public).map_err(|_| CryptoError::PrivateKey)?;
        Ok(Box::new(SigningKey { private, public }))
    }
}

#[derive(Debug)]
struct Key(RsaPublicKey);

impl RsaKey for Key {
    fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        body: &[u8],
        sha256: &[u8; 32],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        match algorithm {
            SignatureAlgorithm::RsaSha256 => self.verify_hash(Hash::Sha256, sha256, signature),
            SignatureAlgorithm::RsaSha384 => {
                self.verify_hash(Hash::Sha384, &Sha384::digest(body), signature)
            }
            SignatureAlgorithm::RsaSha512 => {
                self.verify_hash(Hash::Sha512, &Sha512::digest(body), signature)
            }
        }
    }
}

impl Key {
    /// `hashed` is the digest by `hash`.
    fn verify_hash(&self, hash: Hash, hashed: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let scheme = match hash {
            Hash::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
            Hash::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
            Hash::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
        };
        self.0.verify(scheme, hashed, signature).map_err(|_| CryptoError::SignatureMismatch)
    }
}

/// The library wipes the private half.
struct SigningKey {
    private: RsaPrivateKey,
    public: Vec<u8>,
}

impl RsaSigningKey for SigningKey {
    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn sign_ps256(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let (scheme, hashed) = (Pss::new_blinded::<Sha256>(), Sha256::digest(message));
        self.private.sign_with_rng(&mut OsRng, scheme, &hashed).map_err(|_| CryptoError::Signing)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").finish_non_exhaustive()
    }
}

/// Reads an `RSAPublicKey` by the rules of aws-lc-rs, so that the backends agree.
fn parse(public_key: &[u8]) -> Result<RsaPublicKey, CryptoError> {
    let parts =
        rsa::pkcs1::RsaPublicKey::from_der(public_key).map_err(|_| CryptoError::PublicKey)?;
    let modulus = BigUint::from_bytes_be(parts.modulus.as_bytes());
    let exponent = BigUint::from_bytes_be(parts.public_exponent.as_bytes());
    let odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte & 1 == 1);
    if !(2048..=8192).contains(&modulus.bits())
        || !odd(parts.modulus.as_bytes())
        || !odd(parts.public_exponent.as_bytes())
        || !(2..=33).contains(&exponent.bits())
    {
        return Err(CryptoError::PublicKey);
    }
    RsaPublicKey::new_with_max_size(modulus, exponent, 8192).map_err(|_| CryptoError::PublicKey)
}

/// The hashes of signatures.
#[derive(Clone, Copy, Debug)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn digest(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

/// The kinds of keys of certificates.
#[derive(Debug)]
enum Family {
    P256,
    P384,
    Rsa,
}

/// A certificate signature algorithm for webpki.
#[derive(Debug)]
struct CertificateAlgorithm {
    family: Family,
    hash: Hash,
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
}

impl SignatureVerificationAlgorithm for CertificateAlgorithm {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.public_key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }

    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let hashed = self.hash.digest(message);
        match self.family {
            Family::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(public_key)
                .and_then(|key| {
                    key.verify_prehash(&hashed, &p256::ecdsa::Signature::from_der(signature)?)
                })
                .map_err(|_| InvalidSignature),
            Family::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(public_key)
                .and_then(|key| {
                    key.verify_prehash(&hashed, &p384::ecdsa::Signature::from_der(signature)?)
                })
                .map_err(|_| InvalidSignature),
            Family::Rsa => parse(public_key).map_err(|_| InvalidSignature).and_then(|key| {
                Key(key).verify_hash(self.hash, &hashed, signature).map_err(|_| InvalidSignature)
            }),
        }
    }
}

const fn algorithm(
    family: Family,
    hash: Hash,
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
) -> CertificateAlgorithm {
    CertificateAlgorithm { family, hash, public_key, signature }
}

const CERTIFICATE_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = {
    use alg_id::{ECDSA_P256, ECDSA_P384, ECDSA_SHA256, ECDSA_SHA384, RSA_ENCRYPTION};
    &[
        &algorithm(Family::Rsa, Hash::Sha256, RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256),
        &algorithm(Family::Rsa, Hash::Sha384, RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA384),
        &algorithm(Family::Rsa, Hash::Sha512, RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA512),
        &algorithm(Family::P256, Hash::Sha256, ECDSA_P256, ECDSA_SHA256),
        &algorithm(Family::P256, Hash::Sha384, ECDSA_P256, ECDSA_SHA384),
        &algorithm(Family::P384, Hash::Sha256, ECDSA_P384, ECDSA_SHA256),
        &algorithm(Family::P384, Hash::Sha384, ECDSA_P384, ECDSA_SHA384),
    ]
};

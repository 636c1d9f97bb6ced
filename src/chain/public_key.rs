//! The public key of a certificate.

use x509_parser::oid_registry::{self as oid, Oid};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::parse_error::ParseError;

/// A certificate's public key.
///
/// Only RSA keys can verify callbacks; others are named in the refusal.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PublicKey {
    /// A key of another type.
    Other {
        /// The algorithm's name or object identifier.
        algorithm: Box<str>,
    },
    /// An RSA key (`rsaEncryption`, RFC 8017).
    Rsa {
        /// Length of the modulus, in bits.
        bits: usize,
        /// The public exponent, if it has at most 64 bits.
        exponent: Option<u64>,
        /// The DER `RSAPublicKey`.
        der: Box<[u8]>,
    },
}

impl PublicKey {
    pub(super) fn new(info: &SubjectPublicKeyInfo<'_>) -> Result<Self, ParseError> {
        let algorithm = &info.algorithm.algorithm;
        if *algorithm != oid::OID_PKCS1_RSAENCRYPTION {
            return Ok(Self::Other { algorithm: algorithm_name(algorithm) });
        }
        let malformed = || ParseError::of_certificate("public key", "it is not a DER RSAPublicKey");
        let parsed = info.parsed().map_err(|_| malformed())?;
        let x509_parser::public_key::PublicKey::RSA(key) = parsed else {
            return Err(malformed());
        };
        // DER puts a zero before a modulus whose first bit is set, and a malformed one can have more.
        let mut bytes = key.modulus.iter().skip_while(|byte| **byte == 0);
        let first = bytes.next().map_or(0, |byte| 8 - byte.leading_zeros());
        let bits = usize::try_from(first).unwrap_or_default() + 8 * bytes.count();
        Ok(Self::Rsa {
            bits,
            exponent: key.try_exponent().ok(),
            der: info.subject_public_key.data.as_ref().into(),
        })
    }

    /// The algorithm's common name, or its object identifier.
    pub fn algorithm(&self) -> Box<str> {
        match self {
            Self::Other { algorithm } => algorithm.clone(),
            Self::Rsa { .. } => "RSA".into(),
        }
    }
}

fn algorithm_name(algorithm: &Oid<'_>) -> Box<str> {
    let known = [
        (oid::OID_KEY_TYPE_EC_PUBLIC_KEY, "EC"),
        (oid::OID_SIG_ED25519, "Ed25519"),
        (oid::OID_KEY_TYPE_DSA, "DSA"),
        (oid::OID_PKCS1_RSASSAPSS, "RSASSA-PSS"),
    ];
    known
        .iter()
        .find(|(oid, _)| oid == algorithm)
        .map_or_else(|| algorithm.to_id_string(), |(_, name)| (*name).to_owned())
        .into()
}

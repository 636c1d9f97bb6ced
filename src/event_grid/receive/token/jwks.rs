//! The key set that Microsoft Entra publishes (RFC 7517).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::crypto::{Backend, RsaKey, SignatureAlgorithm, der};
use crate::json::without_mark;

/// The signing keys, by key id.
#[derive(Debug)]
pub(super) struct KeySet(HashMap<Box<str>, PublicKey>);

impl KeySet {
    /// Parses a key set. Keys of another type or use are skipped.
    ///
    /// `None` if it is not a key set or no key remains: a proxy's page, or a transient fault.
    pub(super) fn parse(json: &[u8], backend: &Arc<dyn Backend>) -> Option<Self> {
        let Document { keys } = serde_json::from_slice(without_mark(json)).ok()?;
        let keys: HashMap<_, _> = keys
            .into_iter()
            .filter_map(|key| serde_json::from_value::<Jwk>(key).ok()?.into_key(backend))
            .collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    pub(super) fn get(&self, key_id: &str) -> Option<&PublicKey> {
        self.0.get(key_id)
    }
}

/// A key for one algorithm, whatever a token's header says. A token that could choose the algorithm could choose one for which
/// the public key is the secret.
#[derive(Clone)]
pub(super) struct PublicKey {
    key: Arc<dyn RsaKey>,
    backend: Arc<dyn Backend>,
}

impl PublicKey {
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let sha256 = self.backend.sha256(message);
        let verified = self.key.verify(SignatureAlgorithm::RsaSha256, message, &sha256, signature);
        verified.is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kid: Box<str>,
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    /// The modulus, base64url.
    n: String,
    /// The exponent, base64url.
    e: String,
}

impl Jwk {
    fn into_key(self, backend: &Arc<dyn Backend>) -> Option<(Box<str>, PublicKey)> {
        let is_for_signatures = self.kty == "RSA"
            && self.purpose.is_none_or(|purpose| purpose == "sig")
            && self.alg.is_none_or(|alg| alg == ALGORITHM);
        if !is_for_signatures {
            return None;
        }
        let der = rsa_public_key(&decode(&self.n)?, &decode(&self.e)?)?;
        let key = backend.rsa_key(&der).ok()?;
        let backend = Arc::clone(backend);
        let key = key.into();
        Some((self.kid, PublicKey { key, backend }))
    }
}

/// The DER of an `RSAPublicKey` (RFC 8017, A.1.1): a sequence of two integers.
fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    der::encode(der::SEQUENCE, &[integer(modulus)?, integer(exponent)?].concat())
}

fn integer(big_endian: &[u8]) -> Option<Vec<u8>> {
    let zeros = big_endian.iter().take_while(|byte| **byte == 0).count();
    let magnitude = big_endian.get(zeros..)?;
    let sign: &[u8] = match magnitude.first()? {
        0x80.. => &[0],
        _ => &[],
    };
    der::encode(INTEGER, &[sign, magnitude].concat())
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// RSASSA-PKCS1-v1_5 with SHA-256: the algorithm that Entra uses.
pub(super) const ALGORITHM: &str = "RS256";
/// The DER tag of an integer.
const INTEGER: u8 = 0x02;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_minimal() {
        for (magnitude, der) in [
            (&[1, 0, 1][..], Some(&[0x02, 3, 1, 0, 1][..])),
            (&[0, 0, 1], Some(&[0x02, 1, 1])),
            (&[0x7f], Some(&[0x02, 1, 0x7f])),
            (&[0x80], Some(&[0x02, 2, 0, 0x80])),
            (&[0, 0x80], Some(&[0x02, 2, 0, 0x80])),
            (&[0], None),
            (&[], None),
        ] {
            assert_eq!(integer(magnitude).as_deref(), der, "{magnitude:?}");
        }
    }
}

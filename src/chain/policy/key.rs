//! A strong RSA key.

use super::{CertificatePolicy, PolicyError};
use crate::chain::certificate::Certificate;
use crate::chain::public_key::PublicKey;

/// Requires an RSA key of 2048 to 8192 bits with an odd exponent from 65537 to 2³³ − 1.
///
/// 2048 bits are the minimum of the CA/Browser Forum (Baseline Requirements, 6.1.5) and the size of the key behind Partner
/// Center's sample signature. FIPS 186-5, 5.1, requires an odd exponent above 65536; exponents of more than 33 bits only
/// cost time.
#[derive(Debug)]
pub(in crate::chain) struct Key;

impl CertificatePolicy for Key {
    fn check(&self, certificate: &Certificate<'_>) -> Result<(), PolicyError> {
        match certificate.public_key() {
            key @ PublicKey::Other { .. } => Err(PolicyError::NotRsa { found: key.algorithm() }),
            PublicKey::Rsa { bits, .. } if !(2048..=8192).contains(bits) => {
                Err(PolicyError::KeySize { found: *bits })
            }
            PublicKey::Rsa { exponent, .. }
                if !exponent.is_some_and(|e| e % 2 == 1 && (65537..1 << 33).contains(&e)) =>
            {
                Err(PolicyError::KeyExponent { found: *exponent })
            }
            PublicKey::Rsa { .. } => Ok(()),
        }
    }

    fn name(&self) -> String {
        "RSA key of 2048 to 8192 bits, odd exponent from 65537".to_owned()
    }
}

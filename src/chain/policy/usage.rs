//! An end-entity certificate that may sign.

use super::{CertificatePolicy, PolicyError, names_tls_purpose};
use crate::chain::certificate::Certificate;

/// Requires an end-entity certificate whose key usage, if present, allows signatures over data, and whose extended key
/// usage, if present, has TLS servers or TLS clients.
///
/// Microsoft signs callbacks with a TLS certificate. From 2026 on such certificates are for servers only (Chrome Root
/// Program Policy 1.8); earlier ones are for both.
#[derive(Debug)]
pub(in crate::chain) struct Usage;

impl CertificatePolicy for Usage {
    fn check(&self, certificate: &Certificate<'_>) -> Result<(), PolicyError> {
        if certificate.is_ca() {
            return Err(PolicyError::CertificateAuthority);
        }
        if certificate.digital_signature() == Some(false) {
            return Err(PolicyError::KeyUsage);
        }
        match certificate.purposes() {
            Some(purposes) if !purposes.iter().any(|purpose| names_tls_purpose(purpose)) => {
                Err(PolicyError::Purpose)
            }
            _ => Ok(()),
        }
    }

    fn name(&self) -> String {
        "end entity that may sign, for TLS".to_owned()
    }
}

//! The certificate is for an end entity that signs.

use super::{CertificatePolicy, PolicyError, names_tls_purpose};
use crate::chain::Certificate;

/// Asks that the certificate is no CA's, that its key usage, if it has one, allows signatures over data, and that its
/// extended key usage, if it has one, names TLS servers or TLS clients.
///
/// Microsoft signs callbacks with a TLS certificate. From 2026 on such certificates are for servers alone (Chrome Root
/// Program Policy 1.8), before they were for both.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Usage;

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

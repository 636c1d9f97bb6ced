//! The value of `--danger-certificate-location`.

use partner_center_webhooks::source::{CertificateLocation, PrefixError};

/// Allows `prefix` too: https, or plain http on a loopback address.
pub(crate) fn also_allow(
    location: CertificateLocation,
    prefix: &str,
) -> Result<CertificateLocation, PrefixError> {
    match prefix.starts_with("http://") {
        true => location.danger_also_allow_loopback_http(prefix),
        false => location.also_allow(prefix),
    }
}

//! Trust anchors: the public keys at the end of a path.

use rustls_pki_types::{CertificateDer, TrustAnchor};

use super::parse_error::ParseError;
use super::pem::certificates_from_pem;
use crate::crypto::Backend;

/// The trust anchors of a [`ChainVerifier`](super::ChainVerifier).
///
/// An anchor is a name and a key; the expiry of a root certificate is not checked (RFC 5280, section 6.1).
///
/// # Example
///
/// ```
/// use partner_center_webhooks::chain::{Anchors, ParseError};
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::testing::Issuer;
///
/// assert_eq!(Anchors::microsoft(&DefaultBackend::new()).len(), 4);
/// assert_eq!(Anchors::from_pem(Issuer::new()?.root_pem().as_bytes())?.len(), 1);
/// assert_eq!(Anchors::from_certificates(&[]).unwrap_err(), ParseError::NoAnchor);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Anchors(Vec<TrustAnchor<'static>>);

impl Anchors {
    /// The public roots that Microsoft's TLS CAs chain to.
    ///
    /// `Microsoft RSA Root Certificate Authority 2017`, `Microsoft ECC Root Certificate Authority 2017`,
    /// `DigiCert Global Root G2` and `DigiCert Global Root G3`, found by SHA-256 fingerprint in
    /// [`webpki_root_certs`]. The set is small, so that a mistake of any other CA does not matter. No public root program
    /// has `Microsoft TLS RSA Root G2` and `Microsoft TLS ECC Root G2` yet; paths reach them through DigiCert's
    /// cross-signatures.
    ///
    /// Mozilla will stop trusting the two DigiCert roots for TLS on 2029-04-15, and `webpki_root_certs` may then drop
    /// them. The result contains the roots that this build still has. Source: CCADB, 2026-08-21.
    pub fn microsoft(backend: &impl Backend) -> Self {
        let wanted =
            |der: &&CertificateDer<'static>| MICROSOFT.contains(&backend.sha256(der).as_slice());
        Self(trust(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter(wanted)).collect())
    }

    /// All roots of Mozilla's program, as of the version of [`webpki_root_certs`] in use: about 120.
    ///
    /// Dangerous: if any of these CAs makes a mistake, only the policies stop a forged signing certificate.
    pub fn danger_any_web_pki() -> Self {
        Self(trust(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter()).collect())
    }

    /// Trusts every certificate of a PEM file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if there is no certificate, or one cannot be an anchor.
    ///
    /// For private roots, such as those of a test environment.
    pub fn from_pem(pem: &[u8]) -> Result<Self, ParseError> {
        Self::from_certificates(&certificates_from_pem(pem)?)
    }

    /// Trusts every given certificate.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if there is no certificate, or one cannot be an anchor.
    pub fn from_certificates(certificates: &[CertificateDer<'_>]) -> Result<Self, ParseError> {
        if certificates.is_empty() {
            return Err(ParseError::NoAnchor);
        }
        let anchor = |(index, der): (usize, &CertificateDer<'_>)| {
            webpki::anchor_from_trusted_cert(der)
                .map(|anchor| anchor.to_owned())
                .map_err(|_| ParseError::NotAnAnchor { number: index.saturating_add(1) })
        };
        certificates.iter().enumerate().map(anchor).collect::<Result<_, _>>().map(Self)
    }

    /// The number of anchors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no anchor, so that nothing can be trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn as_slice(&self) -> &[TrustAnchor<'static>] {
        &self.0
    }
}

/// The bundled roots as anchors.
fn trust<'a>(
    roots: impl Iterator<Item = &'a CertificateDer<'static>>,
) -> impl Iterator<Item = TrustAnchor<'static>> {
    roots.filter_map(|root| Some(webpki::anchor_from_trusted_cert(root).ok()?.to_owned()))
}

/// SHA-256 fingerprints. Source: CCADB, all-certificates report of 2026-08-21.
const MICROSOFT: [&[u8]; 4] = [
    // Microsoft RSA Root Certificate Authority 2017 (2019 re-issue), to 2042-07-18
    b"\xc7\x41\xf7\x0f\x4b\x2a\x8d\x88\xbf\x2e\x71\xc1\x41\x22\xef\x53\xef\x10\xeb\xa0\xcf\xa5\xe6\x4c\xfa\x20\xf4\x18\x85\x30\x73\xe0",
    // Microsoft ECC Root Certificate Authority 2017 (2019 re-issue), to 2042-07-18
    b"\x35\x8d\xf3\x9d\x76\x4a\xf9\xe1\xb7\x66\xe9\xc9\x72\xdf\x35\x2e\xe1\x5c\xfa\xc2\x27\xaf\x6a\xd1\xd7\x0e\x8e\x4a\x6e\xdc\xba\x02",
    // DigiCert Global Root G2, to 2038-01-15
    b"\xcb\x3c\xcb\xb7\x60\x31\xe5\xe0\x13\x8f\x8d\xd3\x9a\x23\xf9\xde\x47\xff\xc3\x5e\x43\xc1\x14\x4c\xea\x27\xd4\x6a\x5a\xb1\xcb\x5f",
    // DigiCert Global Root G3, to 2038-01-15
    b"\x31\xad\x66\x48\xf8\x10\x41\x38\xc7\x38\xf3\x9e\xa4\x32\x01\x33\x39\x3e\x3a\x18\xcc\x02\x29\x6e\xf9\x7c\x2a\xc9\xef\x67\x31\xd0",
];

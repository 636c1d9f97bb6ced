//! Trust anchors: the public keys that a path may end at.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use thiserror::Error;

use crate::crypto::Backend;
use crate::excerpt::Excerpt;

/// The trust anchors of a [`ChainVerifier`](super::ChainVerifier).
#[derive(Clone, Debug)]
pub struct Anchors(Vec<TrustAnchor<'static>>);

impl Anchors {
    /// The public roots that Microsoft's TLS CAs chain to.
    ///
    /// They are `Microsoft RSA Root Certificate Authority 2017`, `Microsoft ECC Root Certificate Authority 2017`,
    /// `DigiCert Global Root G2` and `DigiCert Global Root G3`, found by SHA-256 fingerprint in
    /// [`webpki_root_certs`]. Few, so that a mistake of any other CA cannot matter. `Microsoft TLS RSA Root G2` and
    /// `Microsoft TLS ECC Root G2` are in no public root programme yet; they are reached through DigiCert's
    /// cross-signatures.
    ///
    /// Mozilla will cease to trust DigiCert's two for TLS on 2029-04-15, and `webpki_root_certs` may then drop them:
    /// the result holds those that this build still has. Source: CCADB, 2026-08-21.
    pub fn microsoft(backend: &impl Backend) -> Self {
        let wanted =
            |der: &&CertificateDer<'static>| MICROSOFT.contains(&backend.sha256(der).as_slice());
        Self(
            trust(
                webpki_root_certs::TLS_SERVER_ROOT_CERTS
                    .iter()
                    .filter(wanted),
            )
            .collect(),
        )
    }

    /// All roots of Mozilla's programme, as of the version of [`webpki_root_certs`] in use: about 120.
    ///
    /// Dangerous: a mistake of any of these CAs suffices for a forged signing certificate that only the policies stop.
    pub fn danger_any_web_pki() -> Self {
        Self(trust(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter()).collect())
    }

    /// The certificates of a PEM file, each of them trusted.
    ///
    /// # Errors
    ///
    /// [`AnchorsError`] if there is none, or one cannot be an anchor.
    pub fn from_pem(pem: &[u8]) -> Result<Self, AnchorsError> {
        Self::from_certificates(&certificates_from_pem(pem)?)
    }

    /// DER certificates, each of them trusted.
    ///
    /// # Errors
    ///
    /// [`AnchorsError`] if there is none, or one cannot be an anchor.
    pub fn from_certificates(certificates: &[CertificateDer<'_>]) -> Result<Self, AnchorsError> {
        if certificates.is_empty() {
            return Err(AnchorsError::Empty);
        }
        let anchor = |(index, der): (usize, &CertificateDer<'_>)| {
            webpki::anchor_from_trusted_cert(der)
                .map(|anchor| anchor.to_owned())
                .map_err(|_| AnchorsError::NotAnAnchor {
                    number: index.saturating_add(1),
                })
        };
        certificates
            .iter()
            .enumerate()
            .map(anchor)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none, so that nothing can be trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn as_slice(&self) -> &[TrustAnchor<'static>] {
        &self.0
    }
}

/// The certificates of a PEM file, in its order; text between the blocks is skipped.
///
/// # Errors
///
/// [`PemError`] if there is none, or a block is malformed.
pub fn certificates_from_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| PemError::Malformed(Excerpt::of(error.to_string())))?;
    match certificates.is_empty() {
        true => Err(PemError::Empty),
        false => Ok(certificates),
    }
}

/// A certificate as PEM (RFC 7468).
pub fn certificate_to_pem(certificate: &CertificateDer<'_>) -> String {
    let base64 = STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for (index, character) in base64.chars().enumerate() {
        if index > 0 && index.is_multiple_of(64) {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}

/// Why a PEM file holds no certificates.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PemError {
    /// It has no `CERTIFICATE` block.
    #[error("the PEM text holds no `CERTIFICATE` block")]
    Empty,
    /// A block is malformed.
    #[error("the PEM text is malformed: {0}")]
    Malformed(Excerpt),
}

/// Why certificates cannot be trust anchors.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum AnchorsError {
    /// There is none.
    #[error("no certificate is given: at least one trust anchor is needed")]
    Empty,
    /// One cannot be read.
    #[error("certificate {number} cannot be a trust anchor: it is no X.509 certificate")]
    NotAnAnchor {
        /// Which, from 1.
        number: usize,
    },
    /// The PEM text holds no certificates.
    #[error(transparent)]
    Pem(#[from] PemError),
}

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

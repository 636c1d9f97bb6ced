//! A trusted signing certificate.

use std::fmt;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::EndEntityCert;

use super::revocation::RevocationStatus;
use super::revocation_list::after_grace;
use super::summary::CertificateSummary;
use crate::crypto::{Backend, RsaKey};
use crate::mask::Excerpt;

/// A trusted signing certificate with its parsed key. Only verification creates one, so it is the proof of trust.
///
/// The proof expires, see [`valid_until`](Self::valid_until).
///
/// A body that verifies under it was signed by the holder of that certificate's key. Keep it in an `Arc`: it holds the parsed key.
#[must_use]
pub struct VerifiedSigner {
    pub(super) key: Box<dyn RsaKey>,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) fingerprint: Fingerprint,
    pub(super) summary: CertificateSummary,
    pub(super) dns_names: Vec<String>,
    pub(super) valid_from: UnixTime,
    pub(super) valid_until: UnixTime,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) issuers: Vec<CertificateDer<'static>>,
    pub(super) certificates_expire: Vec<(Excerpt, UnixTime)>,
    pub(super) lists_expire: Vec<(Excerpt, UnixTime)>,
    pub(super) revocation_lists_end: Option<UnixTime>,
    pub(super) misses_lists: bool,
    pub(super) path: Vec<Excerpt>,
    pub(super) revocation: Vec<(Excerpt, RevocationStatus)>,
}

impl VerifiedSigner {
    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The certificate's names, issuer and validity, for display.
    pub fn summary(&self) -> &CertificateSummary {
        &self.summary
    }

    /// Every DNS name of the certificate, unchanged.
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// When the last certificate of the path became valid.
    pub fn valid_from(&self) -> UnixTime {
        self.valid_from
    }

    /// When the proof expires: with the first certificate of the path that expires, or before.
    pub fn valid_until(&self) -> UnixTime {
        self.valid_until
    }

    /// Whether the proof holds at the time `now`.
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        self.valid_from <= now && now <= self.valid_until
    }

    /// Whether only newer revocation lists are missing for the proof to hold at the time `now`.
    #[cfg_attr(not(feature = "receiver"), expect(dead_code, reason = "used by feature `receiver`"))]
    pub(crate) fn misses_evidence_at(&self, now: UnixTime) -> bool {
        let lists_ended = self.evidence_ends().is_some_and(|end| end <= now);
        let is_in_force = self.certificates_expire.first().is_some_and(|(_, end)| now <= *end);
        lists_ended && is_in_force && self.valid_from <= now && !self.is_valid_at(now)
    }

    /// The subjects of the path, from the issuer of the signing certificate to the trust anchor.
    pub fn path(&self) -> &[Excerpt] {
        &self.path
    }

    /// The revocation status of each certificate of the path, from the signing certificate on, without the anchor.
    ///
    /// [`RevocationStatus::Unknown`] for each certificate that no list covered when the signer was verified.
    pub fn revocation(&self) -> &[(Excerpt, RevocationStatus)] {
        &self.revocation
    }

    /// When the first revocation list of the path expires (its `nextUpdate`), if there is one. This may be in the past, see
    /// [`evidence_ends`](Self::evidence_ends).
    pub fn revocation_lists_end(&self) -> Option<UnixTime> {
        self.revocation_lists_end
    }

    /// When the revocation lists stop being evidence: [a day](super::RevocationList::GRACE) after
    /// [`revocation_lists_end`](Self::revocation_lists_end).
    pub fn evidence_ends(&self) -> Option<UnixTime> {
        self.revocation_lists_end.map(after_grace)
    }

    /// Whether a certificate of the path names a revocation list, and no such list in force was available.
    pub fn misses_lists(&self) -> bool {
        self.misses_lists
    }

    /// When each certificate of the path, without the anchor, and each of their revocation lists expires.
    ///
    /// For monitoring: an entry is a description and the time.
    pub fn expiries(&self) -> Vec<(Excerpt, UnixTime)> {
        [&*self.certificates_expire, &*self.lists_expire].concat()
    }

    /// The subject and the expiry of each certificate of the path, without the anchor.
    #[cfg(feature = "receiver")]
    pub(crate) fn certificates_expire(&self) -> &[(Excerpt, UnixTime)] {
        &self.certificates_expire
    }

    /// A description and the expiry of each revocation list of the path.
    #[cfg(feature = "receiver")]
    pub(crate) fn lists_expire(&self) -> &[(Excerpt, UnixTime)] {
        &self.lists_expire
    }

    /// The issuers' certificates of the path, without the anchor.
    ///
    /// Pass them as evidence to verify the same certificate again.
    pub fn issuers(&self) -> &[CertificateDer<'static>] {
        &self.issuers
    }

    /// The signing certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Whether both certificates have the same key.
    ///
    /// A certificate can be renewed without a new key; then signatures under the old one verify under the new one.
    pub fn has_key_of(&self, other: &Self) -> bool {
        let key = |signer: &Self| {
            let certificate = EndEntityCert::try_from(&signer.certificate).ok()?;
            Some(certificate.subject_public_key_info())
        };
        match (key(self), key(other)) {
            (Some(own), Some(others)) => own == others,
            _ => false,
        }
    }

    /// The key of the signing certificate.
    pub(crate) fn key(&self) -> &dyn RsaKey {
        &*self.key
    }

    /// The backend that parsed the key.
    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.backend
    }
}

impl fmt::Debug for VerifiedSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedSigner")
            .field("fingerprint", &self.fingerprint)
            .field("summary", &self.summary)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The SHA-256 of a certificate. `Display` writes hexadecimal digits.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::chain::Fingerprint;
///
/// let digits = "c741f70f4b2a8d88bf2e71c14122ef53ef10eba0cfa5e64cfa20f418853073e0";
/// assert_eq!(Fingerprint::from_hex(digits).unwrap().to_string(), digits);
/// assert_eq!(Fingerprint::from_hex("c741"), None);
/// ```
///
/// The identity of a certificate in logs, exports and lists of revoked certificates.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Creates a fingerprint from a SHA-256.
    ///
    /// It proves nothing about the certificate.
    pub const fn from_bytes(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    pub(super) fn of(certificate: &CertificateDer<'_>, backend: &dyn Backend) -> Self {
        Self(backend.sha256(certificate))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 hexadecimal digits, in any case; `None` for other text.
    pub fn from_hex(digits: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if digits.len() != 64 || !digits.is_ascii() {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            let at = index.saturating_mul(2);
            *byte = u8::from_str_radix(digits.get(at..at.saturating_add(2))?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Writes a SHA-256 as 64 lower-case hexadecimal digits.
pub(crate) fn write_hex(f: &mut fmt::Formatter<'_>, digest: &[u8; 32]) -> fmt::Result {
    digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

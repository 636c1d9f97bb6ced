//! Stage 3: certificates become a [`VerifiedSigner`]. Pure: anchors, intermediates, policies and the time are
//! arguments.
//!
//! A signing certificate is accepted when a path of valid signatures leads from it to a trust anchor
//! ([`Anchors`], by default the roots that Microsoft's TLS CAs chain to) and when every [`CertificatePolicy`]
//! agrees. Microsoft's own sample stops at "the chain is valid and the issuer is Microsoft Corporation", which
//! *every* certificate that a Microsoft TLS CA issued meets, that of `metadata.azure.com` among them, with which
//! Azure signs JSON for any virtual machine that asks. So the certificate's own name is checked too:
//! [`SignerName`].

mod anchors;
mod certificate;
mod path;
pub mod policy;

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::Excerpt;
use crate::crypto::{Backend, KeyRejected, RsaKey, write_hex};

pub use anchors::{Anchors, AnchorsError, PemError, certificates_from_pem};
pub use certificate::{
    Attribute, Certificate, CertificateSummary, DistinguishedName, Malformed, PublicKey,
};
pub use path::PathError;
pub use rustls_pki_types::{CertificateDer, UnixTime};

pub use policy::{CertificatePolicy, PolicyError, SignerName};

/// Decides which signing certificates are trusted.
///
/// # Example
///
/// ```
/// # #[cfg(all(feature = "testing", feature = "aws-lc-rs"))] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use partner_center_webhooks::chain::{Anchors, ChainError, ChainVerifier};
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::testing::Issuer;
///
/// let issuer = Issuer::new()?;
/// let signer = issuer.signer()?;
/// let chain = ChainVerifier::new(DefaultBackend::new(), Anchors::from_pem(issuer.root_pem().as_bytes())?)
///     .with_intermediates(issuer.intermediates());
///
/// let verified = chain.verify(signer.certificate(), &[], issuer.now())?;
/// assert_eq!(verified.dns_names(), ["pcnotifications-dispatch.microsoft.com"]);
///
/// // The same certificate, for somebody who trusts other roots.
/// let chain = ChainVerifier::microsoft(DefaultBackend::new());
/// let error = chain.verify(signer.certificate(), &[], issuer.now()).unwrap_err();
/// assert!(matches!(error, ChainError::UnknownIssuer { .. }));
/// # Ok(()) }
/// # #[cfg(not(all(feature = "testing", feature = "aws-lc-rs")))] fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct ChainVerifier {
    backend: Arc<dyn Backend>,
    anchors: Anchors,
    intermediates: Vec<CertificateDer<'static>>,
    policies: Vec<Arc<dyn CertificatePolicy>>,
    signer_name: Option<SignerName>,
}

impl ChainVerifier {
    /// Trusts `anchors`, with the default policies and the default [`SignerName`].
    pub fn new(backend: impl Backend + 'static, anchors: Anchors) -> Self {
        Self {
            backend: Arc::new(backend),
            anchors,
            intermediates: Vec::new(),
            policies: policy::defaults(),
            signer_name: Some(SignerName::default()),
        }
    }

    /// Trusts [`Anchors::microsoft`].
    pub fn microsoft(backend: impl Backend + 'static) -> Self {
        let anchors = Anchors::microsoft(&backend);
        Self::new(backend, anchors)
    }

    /// Replaces the trust anchors.
    #[must_use]
    pub fn with_anchors(mut self, anchors: Anchors) -> Self {
        self.anchors = anchors;
        self
    }

    /// Knows these CA certificates too. They are untrusted links: each still needs a path to an anchor.
    #[must_use]
    pub fn with_intermediates(
        mut self,
        certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Self {
        self.intermediates.extend(certificates);
        self
    }

    /// Replaces the signer name pin.
    #[must_use]
    pub fn with_signer_name(mut self, name: SignerName) -> Self {
        self.signer_name = Some(name);
        self
    }

    /// Accepts a certificate for any name, as Microsoft's sample does.
    ///
    /// Dangerous: whatever any holder of any Microsoft TLS certificate signs will pass as Partner Center's.
    #[must_use]
    pub fn danger_accept_any_signer_name(mut self) -> Self {
        self.signer_name = None;
        self
    }

    /// Asks `policy` too.
    #[must_use]
    pub fn require(mut self, policy: impl CertificatePolicy + 'static) -> Self {
        self.policies.push(Arc::new(policy));
        self
    }

    /// Verifies that `certificate` is a signing certificate to trust at the time `now`.
    ///
    /// `served` are certificates that came with it; they are untrusted links, in any order. No I/O, and no clock
    /// is read; validity is compared without tolerance.
    ///
    /// # Errors
    ///
    /// [`ChainError`]. The certificate itself is judged first, in the order policies, validity; then the path.
    pub fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        served: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<VerifiedSigner, ChainError> {
        let parsed = Certificate::parse(certificate).map_err(ChainError::Malformed)?;
        let about = || Box::new(CertificateSummary::of(&parsed));
        let refused = |error| ChainError::Policy {
            error,
            certificate: about(),
        };
        for policy in &self.policies {
            policy.check(&parsed).map_err(refused)?;
        }
        if let Some(name) = &self.signer_name {
            name.check(&parsed).map_err(refused)?;
        }
        if now < parsed.not_before() {
            return Err(ChainError::NotYetValid {
                now: instant(now),
                certificate: about(),
            });
        }
        if now > parsed.not_after() {
            return Err(ChainError::Expired {
                now: instant(now),
                certificate: about(),
            });
        }
        let borrowed = |link| CertificateDer::from(AsRef::<[u8]>::as_ref(link));
        let known = self.intermediates.iter().map(borrowed);
        let links: Vec<_> = known
            .chain(
                served
                    .iter()
                    .map(|link| CertificateDer::from(link.as_ref())),
            )
            .collect();
        let path = path::build(certificate, &links, &self.anchors, &*self.backend, now).map_err(
            |error| match error {
                PathError::UnknownIssuer => ChainError::UnknownIssuer {
                    links: links.len(),
                    anchors: self.anchors.len(),
                    certificate: about(),
                },
                error => ChainError::Path {
                    error,
                    certificate: about(),
                },
            },
        )?;
        let PublicKey::Rsa { der, .. } = parsed.public_key() else {
            return Err(refused(PolicyError::NotRsa {
                found: parsed.public_key().algorithm(),
            }));
        };
        let key = self.backend.rsa_key(der).map_err(|error| ChainError::Key {
            error,
            certificate: about(),
        })?;
        Ok(VerifiedSigner {
            key,
            fingerprint: Fingerprint(self.backend.sha256(certificate)),
            summary: CertificateSummary::of(&parsed),
            dns_names: parsed
                .dns_names()
                .iter()
                .map(|&name| name.to_owned())
                .collect(),
            valid_from: parsed.not_before().max(path.not_before),
            valid_until: parsed.not_after().min(path.not_after),
            path: path.subjects,
            backend: Arc::clone(&self.backend),
        })
    }
}

/// A signing certificate that is trusted, and its key, ready to verify. Holding one is the proof.
///
/// The proof ends: see [`valid_until`](Self::valid_until).
#[must_use]
pub struct VerifiedSigner {
    key: Box<dyn RsaKey>,
    backend: Arc<dyn Backend>,
    fingerprint: Fingerprint,
    summary: CertificateSummary,
    dns_names: Vec<String>,
    valid_from: UnixTime,
    valid_until: UnixTime,
    path: Vec<Excerpt>,
}

impl VerifiedSigner {
    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The certificate's names, its issuer and its validity, for people to read.
    pub fn summary(&self) -> &CertificateSummary {
        &self.summary
    }

    /// Every DNS name of the certificate, as it stands there.
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// When the last certificate of the path began to be valid.
    pub fn valid_from(&self) -> UnixTime {
        self.valid_from
    }

    /// When the first certificate of the path ends: at the latest then the proof is worth nothing.
    pub fn valid_until(&self) -> UnixTime {
        self.valid_until
    }

    /// Whether the proof holds at the time `now`.
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        self.valid_from <= now && now <= self.valid_until
    }

    /// The subjects of the path, from the issuer of the signing certificate to the trust anchor.
    pub fn path(&self) -> &[Excerpt] {
        &self.path
    }

    /// The key of the signing certificate.
    pub(crate) fn key(&self) -> &dyn RsaKey {
        &*self.key
    }

    /// The backend that parsed it.
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

/// The SHA-256 of a certificate, written in hexadecimal.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
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

/// Why a signing certificate is not trusted.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// It has ended.
    #[error("the signing certificate has expired (it is {now}); it is: {certificate}")]
    Expired {
        /// The time of the check (RFC 3339, UTC).
        now: String,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// The backend does not take its key.
    #[error("{error}; the signing certificate is: {certificate}")]
    Key {
        /// What the backend says.
        error: KeyRejected,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// It is no X.509 certificate that can be read.
    #[error("the signing certificate cannot be read: {0}")]
    Malformed(Malformed),
    /// It has not begun.
    #[error("the signing certificate is not valid yet (it is {now}); it is: {certificate}")]
    NotYetValid {
        /// The time of the check (RFC 3339, UTC).
        now: String,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// There are paths, and each has a fault.
    #[error("no path to a trust anchor holds: {error}; the signing certificate is: {certificate}")]
    Path {
        /// The most telling fault.
        error: PathError,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// A policy refused it.
    #[error("the signing certificate is refused: {error}; it is: {certificate}")]
    Policy {
        /// Which, and why.
        error: PolicyError,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// Nothing leads from it to a trust anchor: an intermediate is missing, or the anchor is.
    #[error(
        "no path leads from the signing certificate to one of {anchors} trust anchors over {links} known \
         intermediates: configure its issuer's certificate as an intermediate, or another anchor; it is: \
         {certificate}"
    )]
    UnknownIssuer {
        /// How many intermediates were known.
        links: usize,
        /// How many trust anchors there are.
        anchors: usize,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
}

/// A time as people write it.
fn instant(time: UnixTime) -> String {
    certificate::rfc3339(time)
}

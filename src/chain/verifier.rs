//! The settings: what is trusted.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use super::anchors::Anchors;
use super::policy::{CertificatePolicy, Key, Organization, SignerName, Usage};
use super::revocation::Revocation;
use crate::crypto::Backend;

/// Decides which signing certificates are trusted.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
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
/// // The same certificate is refused if other roots are trusted.
/// let chain = ChainVerifier::microsoft(DefaultBackend::new());
/// let error = chain.verify(signer.certificate(), &[], issuer.now()).unwrap_err();
/// assert!(matches!(error, ChainError::UnknownIssuer { .. }));
/// # Ok(()) }
/// ```
///
/// Immutable and cheap to clone. It does no I/O and reads no clock.
///
/// | setting | default |
/// |---|---|
/// | [trust anchors](Self::with_anchors) | those given to [`new`](Self::new); four roots with [`microsoft`](Self::microsoft) |
/// | [intermediates](Self::with_intermediates) | none |
/// | [signer name](Self::with_signer_name) | `pcnotifications*.microsoft.com` |
/// | [policies](Self::require) | see the [module](super#policies) |
/// | [revocation](Self::with_revocation) | [`Revocation::BestEffort`] |
#[derive(Clone, Debug)]
pub struct ChainVerifier {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) anchors: Anchors,
    pub(super) intermediates: Vec<CertificateDer<'static>>,
    pub(super) policies: Vec<Arc<dyn CertificatePolicy>>,
    pub(super) revocation: Revocation,
    pub(super) signer_name: Option<SignerName>,
}

impl ChainVerifier {
    /// Trusts `anchors`, with the default policies and the default [`SignerName`].
    pub fn new(backend: impl Backend + 'static, anchors: Anchors) -> Self {
        Self {
            backend: Arc::new(backend),
            anchors,
            intermediates: Vec::new(),
            policies: vec![Arc::new(Usage), Arc::new(Key), Arc::new(Organization)],
            revocation: Revocation::default(),
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

    /// Adds CA certificates. They are untrusted links: each still needs a path to an anchor.
    ///
    /// Partner Center serves the signing certificate alone. With its intermediates configured, a receiver needs no fetch from
    /// certificate authorities for the path.
    #[must_use]
    pub fn with_intermediates(
        mut self,
        certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Self {
        self.intermediates.extend(certificates);
        self
    }

    /// Removes all intermediates, so that others can replace them.
    #[must_use]
    pub fn without_intermediates(mut self) -> Self {
        self.intermediates.clear();
        self
    }

    /// Replaces the signer name pin.
    ///
    /// Microsoft does not publish the names in its certificates. If it changes them, a refusal shows the new ones.
    #[must_use]
    pub fn with_signer_name(mut self, name: SignerName) -> Self {
        self.signer_name = Some(name);
        self
    }

    /// Accepts a certificate for any name, as Microsoft's sample does.
    ///
    /// Dangerous: any holder of a Microsoft TLS certificate can sign callbacks.
    #[must_use]
    pub fn danger_accept_any_signer_name(mut self) -> Self {
        self.signer_name = None;
        self
    }

    /// Sets the revocation mode. Default: [`Revocation::BestEffort`]. [`Revocation::DangerOff`] checks nothing.
    #[must_use]
    pub fn with_revocation(mut self, revocation: Revocation) -> Self {
        self.revocation = revocation;
        self
    }

    /// Adds a policy.
    ///
    /// It is checked after the policies that were added before, and before the signer name.
    #[must_use]
    pub fn require(mut self, policy: impl CertificatePolicy + 'static) -> Self {
        self.policies.push(Arc::new(policy));
        self
    }

    /// The configured intermediates.
    pub fn intermediates(&self) -> &[CertificateDer<'static>] {
        &self.intermediates
    }

    /// The trust anchors.
    pub fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    /// The revocation mode.
    pub fn revocation(&self) -> Revocation {
        self.revocation
    }
}

//! Revocation modes and results.

use std::fmt;

/// How strictly a [`ChainVerifier`](super::ChainVerifier) checks revocation.
///
/// In every mode but off, a certificate that a list names is refused, and stays refused after the list has expired.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use partner_center_webhooks::chain::{ChainError, ChainVerifier, Revocation};
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::testing::Issuer;
///
/// let issuer = Issuer::new()?;
/// let signer = issuer.signer()?;
/// let chain = ChainVerifier::new(DefaultBackend::new(), issuer.anchors()?)
///     .with_intermediates(issuer.intermediates());
/// let verify = |chain: &ChainVerifier| chain.verify(signer.certificate(), &[], issuer.now());
///
/// assert!(verify(&chain).is_ok()); // no list is known: best effort accepts that
/// let error = verify(&chain.with_revocation(Revocation::Required)).unwrap_err();
/// assert!(matches!(error, ChainError::RevocationUnknown { .. }));
/// assert!(error.is_transient()); // a list may be available in a minute
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Revocation {
    /// A revoked certificate is refused. A certificate that no list covers is accepted, and is
    /// [`RevocationStatus::Unknown`].
    #[default]
    BestEffort,
    /// A certificate that no list covers is also refused. This is transient: the list may be available again in a minute.
    Required,
    /// Nothing is checked, and no list is fetched.
    ///
    /// Dangerous: a stolen key is accepted until its certificate expires, although the authority has revoked it.
    DangerOff,
}

/// The revocation status of one certificate of a path.
///
/// A revoked certificate has no status: it is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RevocationStatus {
    /// A list covers the certificate and does not name it. The list is in force, or expired less than
    /// [a day](super::RevocationList::GRACE) ago.
    Good,
    /// Revocation is off.
    NotChecked,
    /// No such list is known.
    Unknown,
}

impl fmt::Display for RevocationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::NotChecked => "not checked",
            Self::Unknown => "unknown",
        })
    }
}

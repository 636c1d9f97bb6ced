//! Requirements on a signing certificate beyond its path: one policy per file, each of which can only refuse.
//!
//! To add one, add a file with a type that implements [`CertificatePolicy`], its line in `ChainVerifier::new`, and rows of
//! accepted and refused certificates in `tests/it/chain/verifier.rs`.

mod key;
mod organization;
mod signer_name;
mod usage;

use std::fmt;

use thiserror::Error;

use super::certificate::{CLIENT_AUTH, Certificate, SERVER_AUTH};
use crate::mask::Excerpt;

pub(super) use key::Key;
pub(super) use organization::Organization;
pub use signer_name::{SignerName, SignerNameError};
pub(super) use usage::Usage;

/// A requirement on signing certificates.
///
/// Object-safe and pure. It sees the certificate before the signatures are verified: a policy can refuse, but its acceptance
/// alone means nothing.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::Excerpt;
/// use partner_center_webhooks::chain::{
///     Certificate, CertificatePolicy, ChainError, ChainVerifier, PolicyError,
/// };
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::testing::Issuer;
///
/// /// Requires a single DNS name.
/// #[derive(Debug)]
/// struct OneName;
///
/// impl CertificatePolicy for OneName {
///     fn check(&self, certificate: &Certificate<'_>) -> Result<(), PolicyError> {
///         match certificate.dns_names().len() {
///             1 => Ok(()),
///             more => Err(PolicyError::Other(Excerpt::of(format!("it has {more} DNS names (expected 1)")))),
///         }
///     }
/// }
///
/// let issuer = Issuer::new()?;
/// let chain = ChainVerifier::new(DefaultBackend::new(), issuer.anchors()?)
///     .with_intermediates(issuer.intermediates())
///     .require(OneName);
/// assert!(chain.verify(issuer.signer()?.certificate(), &[], issuer.now()).is_ok());
///
/// let names = ["pcnotifications.microsoft.com", "other.example"];
/// let signer = issuer.signing_certificate().dns_names(names).issue()?;
/// let error = chain.verify(signer.certificate(), &[], issuer.now()).unwrap_err();
/// assert!(matches!(error, ChainError::Policy { error: PolicyError::Other(_), .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Policies run in the order in which they were added, before the search for a path, so that a refusal costs little. They run under
/// no lock; a panic is an error of that fetch.
pub trait CertificatePolicy: fmt::Debug + Send + Sync {
    /// Checks `certificate`.
    ///
    /// # Errors
    ///
    /// [`PolicyError`], with what was found and what was expected.
    fn check(&self, certificate: &Certificate<'_>) -> Result<(), PolicyError>;

    /// The requirement in a few words, such as `RSA key of 2048 to 8192 bits`.
    fn name(&self) -> String {
        format!("{self:?}")
    }
}

impl CertificatePolicy for SignerName {
    fn check(&self, certificate: &Certificate<'_>) -> Result<(), PolicyError> {
        match certificate.dns_names().iter().any(|name| self.matches(name)) {
            true => Ok(()),
            false => Err(PolicyError::SignerName { expected: self.clone() }),
        }
    }

    fn name(&self) -> String {
        format!("a DNS name `{self}`")
    }
}

/// Why a policy refused a certificate.
///
/// Each message states what was found and what was expected.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PolicyError {
    /// The certificate is a CA certificate.
    #[error("it is a CA certificate (expected an end-entity certificate)")]
    CertificateAuthority,
    /// The exponent of the RSA key is out of range or even.
    #[error("its RSA exponent is {} (expected an odd number from 65537 to 2^33 - 1)", exponent(.found))]
    KeyExponent {
        /// The exponent, if it has at most 64 bits.
        found: Option<u64>,
    },
    /// The RSA key is too short or too long.
    #[error("its RSA key has {found} bits (expected 2048 to 8192)")]
    KeySize {
        /// Length of the modulus, in bits.
        found: usize,
    },
    /// The key usage does not allow signatures over data.
    #[error("its key usage lacks digitalSignature")]
    KeyUsage,
    /// The key is not an RSA key.
    #[error("its key is of type {found} (expected RSA)")]
    NotRsa {
        /// The key's algorithm.
        found: Box<str>,
    },
    /// The organization of the issuer or the subject is not Microsoft.
    #[error("the organization of its {of} is {} (expected one, `{expected}`)", organizations(.found))]
    Organization {
        /// `issuer` or `subject`.
        of: &'static str,
        /// The organizations found.
        found: Vec<Excerpt>,
        /// The one expected organization.
        expected: &'static str,
    },
    /// A policy of the application refused the certificate.
    #[error("{0}")]
    Other(Excerpt),
    /// The extended key usage allows neither TLS servers nor TLS clients.
    #[error("its extended key usage has neither serverAuth nor clientAuth")]
    Purpose,
    /// No DNS name matches the signer name.
    #[error("none of its DNS names matches the signer name `{expected}`")]
    SignerName {
        /// The pattern.
        expected: SignerName,
    },
}

/// Whether the arcs of an object identifier are serverAuth or clientAuth.
pub(super) fn is_tls_purpose(arcs: &[usize]) -> bool {
    matches!(arcs, [1, 3, 6, 1, 5, 5, 7, 3, 1 | 2])
}

/// The same for the dotted form.
fn names_tls_purpose(purpose: &str) -> bool {
    purpose == SERVER_AUTH || purpose == CLIENT_AUTH
}

/// The exponent for the message.
fn exponent(found: &Option<u64>) -> String {
    found.map_or_else(|| "longer than 64 bits".to_owned(), |found| found.to_string())
}

/// The first three organizations for the message.
fn organizations(found: &[Excerpt]) -> String {
    let quoted: Vec<_> = found.iter().take(3).map(|each| format!("`{each}`")).collect();
    match found.len() {
        0 => "missing".to_owned(),
        1..=3 => quoted.join(" and "),
        more => format!("{} and {} more", quoted.join(" and "), more.saturating_sub(3)),
    }
}

//! What a signing certificate must be beyond well-signed: one policy a file, each of which can only refuse.
//!
//! To add one: a file here with a type that implements [`CertificatePolicy`], its line in `defaults`, and rows of accepted and
//! refused certificates in `tests/it/chain.rs`.

mod key;
mod lifetime;
mod organization;
mod signer_name;
mod usage;

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use super::Certificate;
use super::certificate::{CLIENT_AUTH, SERVER_AUTH};
use crate::excerpt::Excerpt;

pub use key::Key;
pub use lifetime::Lifetime;
pub use organization::Organization;
pub use signer_name::{SignerName, SignerNameError};
pub use usage::Usage;

/// A requirement on signing certificates.
///
/// Object-safe and pure. It sees the certificate before its signature is verified: a policy may refuse, and its
/// agreement means nothing by itself.
pub trait CertificatePolicy: fmt::Debug + Send + Sync {
    /// Refuses `certificate`, or has no objection.
    ///
    /// # Errors
    ///
    /// [`PolicyError`], with what was found and what was expected.
    fn check(&self, certificate: &Certificate<'_>) -> Result<(), PolicyError>;

    /// What it asks, in a few words for people, as in `RSA key of 2048 to 8192 bits`.
    fn name(&self) -> String {
        format!("{self:?}")
    }
}

/// The policies of every [`ChainVerifier`](super::ChainVerifier), in the order in which they are asked. The
/// [`SignerName`] follows them.
pub(super) fn defaults() -> Vec<Arc<dyn CertificatePolicy>> {
    vec![Arc::new(Usage), Arc::new(Key), Arc::new(Organization)]
}

/// Why a policy refused a certificate.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PolicyError {
    /// It is a CA's certificate.
    #[error("it is the certificate of a CA (expected an end entity's)")]
    CertificateAuthority,
    /// The exponent of its RSA key is weak or odd.
    #[error("its RSA exponent is {} (expected an odd number from 65537 to 2^33 - 1)", exponent(.found))]
    KeyExponent {
        /// The exponent, if it has at most 64 bits.
        found: Option<u64>,
    },
    /// Its RSA key is too short or too long.
    #[error("its RSA key has {found} bits (expected 2048 to 8192)")]
    KeySize {
        /// Length of the modulus, in bits.
        found: usize,
    },
    /// Its key usage does not allow signatures over data.
    #[error("its key usage lacks digitalSignature")]
    KeyUsage,
    /// Its key is not an RSA key.
    #[error("its key is of type {found} (expected RSA)")]
    NotRsa {
        /// The key's algorithm.
        found: Box<str>,
    },
    /// The organization of its issuer or its subject is not Microsoft.
    #[error("the organization of its {of} is {} (expected one, `{expected}`)", organizations(.found))]
    Organization {
        /// `issuer` or `subject`.
        of: &'static str,
        /// Its organizations.
        found: Vec<Excerpt>,
        /// What the one should be.
        expected: &'static str,
    },
    /// A policy of the application's own refused it.
    #[error("{0}")]
    Other(Excerpt),
    /// Its extended key usage allows neither TLS servers nor TLS clients.
    #[error("its extended key usage holds neither serverAuth nor clientAuth")]
    Purpose,
    /// It is not for the name that is expected.
    #[error("none of its DNS names matches the signer name `{expected}`")]
    SignerName {
        /// The pattern.
        expected: SignerName,
    },
}

/// Whether an extended key usage, as the arcs of an object identifier, is serverAuth or clientAuth.
pub(super) fn is_tls_purpose(arcs: &[usize]) -> bool {
    matches!(arcs, [1, 3, 6, 1, 5, 5, 7, 3, 1 | 2])
}

fn names_tls_purpose(purpose: &str) -> bool {
    purpose == SERVER_AUTH || purpose == CLIENT_AUTH
}

fn exponent(found: &Option<u64>) -> String {
    found.map_or_else(
        || "longer than 64 bits".to_owned(),
        |found| found.to_string(),
    )
}

fn organizations(found: &[Excerpt]) -> String {
    let quoted: Vec<_> = found
        .iter()
        .take(3)
        .map(|each| format!("`{each}`"))
        .collect();
    match found.len() {
        0 => "missing".to_owned(),
        1..=3 => quoted.join(" and "),
        more => format!(
            "{} and {} more",
            quoted.join(" and "),
            more.saturating_sub(3)
        ),
    }
}

//! The interface to cryptographic libraries, and its implementations.
//!
//! [`ChainVerifier`](crate::chain::ChainVerifier) takes a [`Backend`], and keeps the parsed key in the
//! [`VerifiedSigner`](crate::chain::VerifiedSigner). So the same library verifies certificates and bodies. There is no
//! process-wide default that could be missing at run time.
//!
//! | backend | feature | |
//! |---|---|---|
//! | [`AwsLcRs`] | `aws-lc-rs` (default) | needs a C compiler; fast |
//! | [`RustCrypto`] | `rustcrypto` | pure Rust; about fourteen times slower at RSA |
//!
//! A backend also signs, for applications that authenticate to Microsoft Entra with a certificate.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use partner_center_webhooks::chain::{Certificate, PublicKey};
//! use partner_center_webhooks::crypto::{Backend as _, CryptoError, DefaultBackend, SignatureAlgorithm};
//! use partner_center_webhooks::testing::Issuer;
//!
//! let signer = Issuer::new()?.signer()?;
//! let certificate = Certificate::parse(signer.certificate())?;
//! let PublicKey::Rsa { der, .. } = certificate.public_key() else { panic!() };
//!
//! let backend = DefaultBackend::new();
//! let key = backend.rsa_key(der)?;
//! let (body, sha256) = (b"{}", backend.sha256(b"{}"));
//! let outcome = key.verify(SignatureAlgorithm::RsaSha256, body, &sha256, &[0; 256]);
//! assert_eq!(outcome, Err(CryptoError::SignatureMismatch)); // a signature of zeros
//! # Ok(()) }
//! ```
//!
//! Both backends accept the same keys and signatures, which the tests check with Wycheproof's vectors. Implementing [`Backend`]
//! over another library takes about a hundred lines.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc_rs;
mod backend;
#[cfg_attr(
    not(feature = "verify"),
    allow(dead_code, reason = "only `verify` and `event-grid-receive` write DER")
)]
pub(crate) mod der;
#[cfg(feature = "rustcrypto")]
mod rustcrypto;

#[cfg(feature = "aws-lc-rs")]
pub use aws_lc_rs::AwsLcRs;
pub use backend::{Backend, CryptoError, RsaKey, RsaSigningKey, SignatureAlgorithm};
#[cfg(feature = "rustcrypto")]
pub use rustcrypto::RustCrypto;

/// The default backend: [`AwsLcRs`] with feature `aws-lc-rs`, otherwise `RustCrypto`.
#[cfg(feature = "aws-lc-rs")]
pub use aws_lc_rs::AwsLcRs as DefaultBackend;
/// The default backend: `AwsLcRs` with feature `aws-lc-rs`, otherwise [`RustCrypto`].
#[cfg(all(feature = "rustcrypto", not(feature = "aws-lc-rs")))]
pub use rustcrypto::RustCrypto as DefaultBackend;

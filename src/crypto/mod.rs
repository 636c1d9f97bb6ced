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

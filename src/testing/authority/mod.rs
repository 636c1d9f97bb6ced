//! A throw-away CA shaped like Microsoft's, and callbacks signed under it.
//!
//! ```text
//! root ──► intermediate ──► signing certificate ──► signature of a callback
//!  │        O=Microsoft Corporation   pcnotifications-dispatch.microsoft.com
//!  └─ its CRL    └─ its CRL, in partitions
//! ```
//!
//! Certificates are built with x509-cert and signed with aws-lc-rs, independently of the code that verifies them.

mod fault;
mod issuer;
mod key;
mod signer;
mod signing_certificate;
mod x509;

pub use issuer::Issuer;
pub use signer::{SignedRequest, Signer};
pub use signing_certificate::SigningCertificate;

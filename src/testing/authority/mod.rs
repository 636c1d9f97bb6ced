//! A throw-away CA shaped like Microsoft's, and callbacks signed under it.

mod issuer;
mod key;
mod signer;
mod signing_certificate;
mod x509;

pub use issuer::Issuer;
pub use signer::{SignedRequest, Signer};
pub use signing_certificate::SigningCertificate;

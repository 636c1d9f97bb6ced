//! A test kit: callbacks signed as Partner Center signs them, and wrong in every way that matters.
//!
//! [`Issuer`] is a throw-away certificate authority shaped like Microsoft's: a root, an intermediate with
//! `O=Microsoft Corporation`, and signing certificates for `pcnotifications-dispatch.microsoft.com`. Nobody trusts it
//! but a receiver that was told to.
//!
//! [`PartnerCenter`] is a fake of the service on loopback, with the registration API and its quirks; [`EventGrid`] one of
//! the publish endpoint of Event Grid's partner namespaces.
//!
//! ```
//! # #[cfg(feature = "aws-lc-rs")] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! use partner_center_webhooks::ErrorKind;
//! use partner_center_webhooks::crypto::DefaultBackend;
//! use partner_center_webhooks::testing::Issuer;
//!
//! let issuer = Issuer::new()?;
//! let good = issuer.signer()?;
//! let callback = good.callback(r#"{"EventName":"test-created"}"#)?;
//! let receiver = issuer.receiver(DefaultBackend::new(), &good)?.build()?;
//! assert!(receiver.receive(&callback.headers, &callback.body).await.is_ok());
//!
//! let bad = issuer.signing_certificate().expired().issue()?;
//! let callback = bad.callback(r#"{"EventName":"test-created"}"#)?;
//! let receiver = issuer.receiver(DefaultBackend::new(), &bad)?.build()?;
//! let error = receiver.receive(&callback.headers, &callback.body).await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Chain);
//! # Ok(()) }) }
//! # #[cfg(not(feature = "aws-lc-rs"))] fn main() {}
//! ```

mod certificate;
pub mod event_grid;
mod fake;
mod issuer;
mod key;
pub mod partner_center;
mod revocation_list;
mod signer;

pub use event_grid::EventGrid;

pub use certificate::{Name, SigningCertificate, StringType};
pub use issuer::Issuer;
pub use key::IssuerError;
pub use partner_center::PartnerCenter;
pub use signer::{Callback, Signer};

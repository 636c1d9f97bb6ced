//! A test kit: callbacks signed as Partner Center signs them, and wrong in every way that matters.
//!
//! [`Issuer`] is a throw-away certificate authority shaped like Microsoft's: a root, an intermediate with
//! `O=Microsoft Corporation`, and signing certificates for `pcnotifications-dispatch.microsoft.com`. Nobody trusts it
//! but a receiver that was told to.
//!
//! [`PartnerCenter`] is the service on loopback: registration API with its quirks, certificate host, and deliveries;
//! [`EventGrid`] a fake of the publish endpoint of Event Grid's partner namespaces and of its deliveries to web hooks, and
//! [`ResourceManager`] one of Azure Resource Manager, with the resources of Event Grid.
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
mod duplicates;
pub mod event_grid;
mod fake;
mod issuer;
mod key;
pub mod partner_center;
pub mod resource_manager;
mod revocation_list;
mod signer;

pub use event_grid::EventGrid;

pub use certificate::{Name, SigningCertificate, StringType};
pub use duplicates::{Nonconformance, TestClock, duplicate_guard_conformance};
pub use issuer::Issuer;
pub use key::IssuerError;
pub use partner_center::PartnerCenter;
pub use resource_manager::ResourceManager;
pub use signer::{SignedRequest, Signer};

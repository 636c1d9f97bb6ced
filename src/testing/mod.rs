//! A test kit: callbacks signed as Partner Center signs them, and forgeries of every relevant kind.
//!
//! | type | what it is |
//! |---|---|
//! | [`Issuer`] | a throw-away CA shaped like Microsoft's: a root, an intermediate with `O=Microsoft Corporation`, and signing certificates for `pcnotifications-dispatch.microsoft.com`; only receivers configured for it trust it |
//! | [`PartnerCenter`] | a fake of Partner Center: registration API with its quirks, certificate host, deliveries |
//! | [`Emulator`] | trust in a Partner Center that `partner-center emulate` runs in another process |
//! | [`EventGrid`] | a fake of Event Grid: publish endpoint of a partner namespace, deliveries to webhooks |
//! | [`ResourceManager`] | a fake of Azure Resource Manager with the resources of Event Grid |
//! | [`duplicate_guard_conformance`] | checks an implementation of [`DuplicateGuard`](crate::duplicates::DuplicateGuard) |
//! | `MemoryInbox`, `inbox_conformance` | with feature `inbox`: an inbox in memory, and a check of implementations |
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
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
//! ```

mod authority;
mod conformance;
mod error;
pub mod event_grid;
mod loopback;
#[cfg(feature = "inbox")]
mod memory_inbox;
pub mod partner_center;
pub mod resource_manager;

pub use authority::{Issuer, SignedRequest, Signer, SigningCertificate};
#[cfg(feature = "inbox")]
pub use conformance::{InboxNonconformance, InboxSetup, inbox_conformance};
pub use conformance::{Nonconformance, TestClock, duplicate_guard_conformance};
pub use error::TestKitError;
pub use event_grid::EventGrid;
#[cfg(feature = "inbox")]
pub use memory_inbox::MemoryInbox;
pub use partner_center::{Emulator, PartnerCenter};
pub use resource_manager::ResourceManager;

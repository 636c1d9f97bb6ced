//! A fake of Partner Center on loopback: tokens, the registration API with its quirks, resources, and signed callbacks.
//!
//! [`PartnerCenter`] responds over real HTTP as documented, or as reported where the documentation is silent or contradicts
//! itself ([`Quirks`]). It records every request, and injects faults ([`Fault`]).
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http::Request;
//! use partner_center_webhooks::http_client::{HttpClient, Limits, ReqwestClient};
//! use partner_center_webhooks::testing::partner_center::{Fault, PartnerCenter};
//!
//! let partner_center = PartnerCenter::start().await?;
//! partner_center.inject(Fault::Throttle { retry_after: Some("1".into()) });
//!
//! let client = ReqwestClient::new()?;
//! let get = async || {
//!     let url = format!("{}/webhooks/v1/registration", partner_center.base_url());
//!     let bearer = format!("Bearer {}", partner_center.access_token());
//!     let request = Request::get(url).header("authorization", bearer).body(Bytes::new())?;
//!     let response = client.send(request, Limits::new(Duration::from_secs(5), 1 << 20)).await?;
//!     Ok::<_, Box<dyn std::error::Error>>(response.status().as_u16())
//! };
//! assert_eq!(get().await?, 429);
//! assert_eq!(get().await?, 404); // nothing is registered yet
//! assert_eq!(partner_center.requests().len(), 2);
//! # Ok(()) }) }
//! ```
//!
//! It also delivers [events](PartnerCenter::emit) and validation events to the registered webhook URL, with ten attempts and
//! an offline queue. Its signing certificate can be [rotated](PartnerCenter::rotate) and
//! [revoked](PartnerCenter::revoke), and its certificate host [stopped](PartnerCenter::stop_certificate_host).
//! [`receiver_builder`](PartnerCenter::receiver_builder) builds a receiver that trusts it.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use std::time::Duration;
//!
//! use partner_center_webhooks::EventName;
//! use partner_center_webhooks::crypto::DefaultBackend;
//! use partner_center_webhooks::testing::partner_center::{Outcome, PartnerCenter};
//! use serde_json::json;
//!
//! let partner_center = PartnerCenter::start().await?;
//! let receiver = partner_center.receiver_builder(DefaultBackend::new())?.build()?;
//! let callback = partner_center.signer()?.callback(r#"{"EventName":"invoice-ready"}"#)?;
//! assert!(receiver.receive(&callback.headers, &callback.body).await.is_ok());
//!
//! // No server listens at this URL.
//! partner_center.configure(|quirks| quirks.first_pause = Duration::from_millis(1));
//! partner_center.set_registration(&json!({
//!     "webhookUrl": "http://127.0.0.1:1/callback",
//!     "webhookEvents": ["invoice-ready"],
//! }));
//! partner_center.emit(&EventName::InvoiceReady)?;
//! partner_center.settled().await;
//! let given_up = &partner_center.offline_queue()[0];
//! assert_eq!((given_up.outcome(), given_up.attempts().len()), (Outcome::Offline, 10));
//! # Ok(()) }) }
//! ```
//!
//! `partner-center emulate` runs it for services in any language: `GET /emulator` returns the configuration of a client, and
//! `POST /emulator/commands` runs a [`Command`]. An [`Emulator`] is that configuration for a service in Rust.
//!
//! # The page
//!
//! Open `/emulator/` in a browser: it shows every delivery with its request, the receiver's responses and a reason, and changes
//! as they happen. Its forms run the same [`Command`]s. They accept requests of the page alone, so that no other web page in
//! the browser can control the fake; programs are not asked for anything.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http::Request;
//! use partner_center_webhooks::http_client::{HttpClient, Limits, ReqwestClient};
//! use partner_center_webhooks::testing::PartnerCenter;
//!
//! let fake = PartnerCenter::start().await?;
//! let url = format!("{}/emulator/", fake.base_url());
//! let request = Request::get(url).header("accept", "text/html").body(Bytes::new())?;
//! let limits = Limits::new(Duration::from_secs(5), 1 << 20);
//! let response = ReqwestClient::new()?.send(request, limits).await?;
//! assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
//! # Ok(()) }) }
//! ```

mod actions;
mod builder;
mod callbacks;
mod certificates;
mod client;
mod command;
mod control;
mod deliveries;
mod delivery;
mod emulator;
mod events;
mod fake;
mod forgery;
mod identity;
mod page;
mod quirks;
mod registration;
mod resources;
mod routes;
pub mod samples;
mod state;
mod tokens;
mod validation;

pub use crate::testing::loopback::fault::Fault;
pub use crate::testing::loopback::request::RecordedRequest;
pub use crate::testing::loopback::response::ErrorBody;
pub use builder::PartnerCenterBuilder;
pub use command::Command;
pub use delivery::{Attempt, Delivery, Origin, Outcome};
pub use emulator::Emulator;
pub use events::sample_event;
pub use fake::PartnerCenter;
pub use forgery::Forgery;
pub use quirks::{Casing, Quirks, Validation, ValidationResult};

//! The webhook registration API: the callback URL, its events, and test events.
//!
//! [`RegistrationClient`] offers the six operations of the API, and [`ensure`](RegistrationClient::ensure), which most callers
//! need. A partner's tenant has one registration, shared by all its products. The API cannot delete it.
//!
//! Calls need a tokio runtime with time enabled.
//!
//! # Example
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use std::time::Duration;
//!
//! use partner_center_webhooks::EventName;
//! use partner_center_webhooks::http_client::ReqwestClient;
//! use partner_center_webhooks::registration::{Registration, RegistrationClient, WhenLimited};
//! use partner_center_webhooks::testing::partner_center::{PartnerCenter, Validation}; // feature `testing`
//! use partner_center_webhooks::token::{Application, ClientCredentials};
//!
//! let fake = PartnerCenter::start().await?; // on loopback, with the quirks of the real one; needs tokio around it
//! fake.configure(|quirks| quirks.validation = Validation::completed(0));
//!
//! let (cloud, http) = (fake.cloud(), ReqwestClient::new()?); // in production: Cloud::Global
//! let application = Application::new(&cloud, &fake.tenant_id(), fake.client_id(), fake.client_secret())?;
//! let client = RegistrationClient::new(&cloud, http.clone(), ClientCredentials::new(application, http))?;
//!
//! let events = [EventName::TestCreated, EventName::InvoiceReady];
//! let wanted = Registration::new("https://contoso.example/webhooks/callback", events)?;
//! let done = client.ensure(&wanted).await?;
//! assert_eq!(
//!     done.to_string(),
//!     "register `https://contoso.example/webhooks/callback` for test-created, invoice-ready"
//! );
//!
//! let id = client.send_test_event(WhenLimited::Wait).await?; // at most two a minute, enforced by the client
//! let timeout = Duration::from_secs(120);
//! let event = client.wait_for_test_event(&id, timeout, |event| println!("{}", event.status())).await?;
//! assert!(event.was_delivered());
//! # Ok(()) }) }
//! ```

mod callback_url;
mod client;
mod ensure;
mod error;
mod members;
mod plan;
mod test_event;
mod types;

pub use client::RegistrationClient;
pub use error::RegistrationError;
pub use plan::{Change, Plan};
pub use test_event::{TestEvent, TestEventStatus, TestResult, WhenLimited};
pub use types::Registration;

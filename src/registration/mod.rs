//! The webhook registration API: the callback URL, its events, and test events.
//!
//! [`RegistrationClient`] has the six operations of the API, and [`ensure`](RegistrationClient::ensure), which most callers
//! want. A partner's tenant has one registration, shared by all its products. The API cannot delete it.
//!
//! Calls need a tokio runtime with time enabled.
//!
//! # Example
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use partner_center_webhooks::cloud::Cloud;
//! use partner_center_webhooks::event::EventName;
//! use partner_center_webhooks::http_client::ReqwestClient;
//! use partner_center_webhooks::registration::{Registration, RegistrationClient, WhenLimited};
//! use partner_center_webhooks::token::{Application, ClientCredentials};
//!
//! let (cloud, http) = (Cloud::Global, ReqwestClient::new()?);
//! let application = Application::new(&cloud, "contoso.onmicrosoft.com", "0f5a…", std::env::var("SECRET")?)?;
//! let client = RegistrationClient::new(&cloud, http.clone(), ClientCredentials::new(application, http))?;
//!
//! let events = [EventName::TestCreated, EventName::SubscriptionUpdated];
//! let wanted = Registration::new("https://contoso.example/webhooks/callback", events)?;
//! println!("{}", client.ensure(&wanted).await?);
//!
//! let id = client.send_test_event(WhenLimited::Wait).await?;
//! let outcome = client
//!     .wait_for_test_event(&id, Duration::from_secs(120), |event| println!("{}", event.status()))
//!     .await?;
//! assert!(outcome.was_delivered());
//! # Ok(()) }
//! ```

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
pub use types::{CallbackUrlError, Registration};

//! Azure Event Grid's Partner Events: events as CloudEvents, and publishing them to customers' channels.
//!
//! A partner's namespace has a publish endpoint and a channel for each customer. A channel leads to a partner topic in the
//! customer's Azure subscription. [`Publisher`] sends [`CloudEvent`]s to the endpoint. Feature `receiver` converts callbacks
//! of Partner Center: `CloudEvent::from(&received)`. Feature `event-grid-receive` adds the other direction, `receive`: a
//! webhook for deliveries from Event Grid.
//!
//! | item | what it does | its error |
//! |---|---|---|
//! | [`CloudEvent`] | a CloudEvents 1.0 event: read leniently, written strictly | [`CloudEventError`] |
//! | [`Publisher`] | sends events to a partner namespace, as many per request as the limits allow | [`NotAccepted`], with a [`PublishError`] for each event |
//! | [`PublishEndpoint`], [`ChannelName`], [`AccessKey`], [`SasToken`] | the settings of a publisher | [`PublishConfigError`] |
//! | [`manage`] | creates, changes and deletes namespaces, channels and event subscriptions | [`manage::ManagementError`] |
//! | [`activation`] | reports when a customer activates a channel | [`activation::ActivationError`] |
//! | `receive` | a webhook: handshakes, authentication, events in either schema | `ReceiveError` |
//!
//! # Accepted is not delivered
//!
//! Events that the service accepted (200) are not routed yet. Events whose source does not match a channel are accepted and
//! dropped; the namespace's metric *UnmatchedEventCount* counts them. Microsoft does not document the response for a channel
//! that does not exist, or the fate of events for a channel that is not activated: publish to activated channels.
//!
//! # Limits
//!
//! | limit | value | who sets it |
//! |---|---|---|
//! | body of a request to publish | 1 MiB, 5000 events | Event Grid's quotas; see [`Publisher::with_max_bytes`] |
//! | body of a delivery | 2 MiB, 5000 events | this crate: twice what Event Grid sends |
//! | levels of objects and arrays in data | 125 | this crate: JSON parsers refuse more |
//! | name of a channel | 3 to 50 letters, digits and hyphens | Azure Resource Manager |
//! | message to the customer before activation | 256 characters | Azure Resource Manager |
//! | time for the activation | 7 days | Event Grid |
//!
//! # Example
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use partner_center_webhooks::event_grid::{
//!     AccessKey, ChannelName, CloudEvent, PublishEndpoint, Publisher,
//! };
//! use partner_center_webhooks::http_client::ReqwestClient;
//! use partner_center_webhooks::testing::EventGrid;
//! use serde_json::json;
//!
//! let fake = EventGrid::start().await?; // in production: PublishEndpoint::new("https://….eventgrid.azure.net/api/events")?
//! let endpoint = PublishEndpoint::danger_plain_http_on_loopback(fake.endpoint())?;
//! let key = AccessKey::new(fake.access_key())?;
//! let publisher = Publisher::new(endpoint, key, ReqwestClient::new()?);
//!
//! let event = CloudEvent::new("/contoso", "Contoso.Billing.InvoiceReady")?.with_json(&json!({"id": 7}))?;
//! let accepted = publisher.publish(&ChannelName::new("fabrikam")?, [event]).await?;
//! assert_eq!(accepted.events(), 1);
//! assert_eq!(fake.accepted()[0].channel(), Some("fabrikam"));
//! # Ok(()) }) }
//! ```
//!
//! # Example: from a callback to the channel of its customer
//!
//! ```
//! use axum::{extract::State, http::StatusCode};
//! use partner_center_webhooks::axum::Callback;
//! use partner_center_webhooks::event_grid::{ChannelName, CloudEvent, Publisher};
//!
//! async fn callback(State(publisher): State<Publisher>, Callback(received): Callback) -> StatusCode {
//!     // `None` if the event does not name a customer, or names different ones.
//!     let Some(customer) = received.event().customer_tenant() else { return StatusCode::OK };
//!     let Ok(channel) = ChannelName::new(&format!("customer-{customer}")) else { return StatusCode::SERVICE_UNAVAILABLE };
//!     match publisher.publish(&channel, [CloudEvent::from(&received)]).await {
//!         Ok(_) => StatusCode::OK, // not before Event Grid has accepted it
//!         Err(_) => StatusCode::SERVICE_UNAVAILABLE, // Partner Center delivers it again
//!     }
//! }
//! ```

pub mod activation;
mod cloud_event;
mod credential;
pub mod manage;
mod publish;
#[cfg(feature = "event-grid-receive")]
pub mod receive;
mod sas;

pub use cloud_event::{CloudEvent, CloudEventError};
pub use credential::Credential;
pub use publish::{
    Accepted, ChannelName, Failure, NotAccepted, PublishConfigError, PublishEndpoint, PublishError,
    Publisher,
};
pub use sas::{AccessKey, SasToken};

//! Azure Event Grid's Partner Events: events as CloudEvents, and publishing them to customers' channels.
//!
//! A partner's namespace has a publish endpoint; each customer has a channel in it, and a partner topic in a subscription
//! of its own at the other end. [`Publisher`] sends [`CloudEvent`]s to that endpoint. Feature `receiver` turns what Partner
//! Center sent into one: `CloudEvent::from(&received)`. Feature `event-grid-receive` has the other direction, `receive`: a web
//! hook for what Event Grid delivers.
//!
//! # Accepted is not delivered
//!
//! What the service accepted (200) it has not yet routed. Events whose source matches no channel are accepted and dropped;
//! they show in the metric *UnmatchedEventCount* of the namespace. What is answered for a channel that does not exist, and
//! what becomes of events for a channel that nobody has activated, Microsoft does not say: publish to activated channels.
//!
//! [`manage`] creates and changes the resources behind all that; [`activation`] tells when a customer activates a channel.
//!
//! # Example
//!
//! ```
//! # #[cfg(all(feature = "reqwest", feature = "testing"))] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use partner_center_webhooks::event_grid::{
//!     AccessKey, ChannelName, CloudEvent, PublishEndpoint, Publisher,
//! };
//! use partner_center_webhooks::http_client::ReqwestClient;
//! use partner_center_webhooks::testing::EventGrid;
//! use serde_json::json;
//!
//! let fake = EventGrid::start().await?; // in earnest: PublishEndpoint::new("https://….eventgrid.azure.net/api/events")?
//! let endpoint = PublishEndpoint::danger_plain_http_on_loopback(fake.endpoint())?;
//! let key = AccessKey::new(fake.access_key())?;
//! let publisher = Publisher::by_channel_name(endpoint, key, ReqwestClient::new()?);
//!
//! let event = CloudEvent::new("/contoso", "Contoso.Billing.InvoiceReady")?.with_json(&json!({"id": 7}))?;
//! let accepted = publisher.publish(&ChannelName::new("fabrikam")?, [event]).await?;
//! assert_eq!(accepted.events(), 1);
//! assert_eq!(fake.accepted()[0].channel(), Some("fabrikam"));
//! # Ok(()) }) }
//! # #[cfg(not(all(feature = "reqwest", feature = "testing")))] fn main() {}
//! ```

pub mod activation;
mod cloud_event;
mod credential;
pub mod manage;
mod publish;
#[cfg(feature = "event-grid-receive")]
pub mod receive;
mod sas;

pub use cloud_event::{CloudEvent, CloudEventError, ExtensionValue};
pub use credential::Credential;
pub use publish::{
    Accepted, BatchLimits, ByChannelName, BySource, ChannelName, ChannelNameError, Failure,
    NotAccepted, PublishEndpoint, PublishEndpointError, PublishError, Publisher,
};
pub use sas::{AccessKey, SasError, SasToken};

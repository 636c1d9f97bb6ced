//! A fake of Event Grid on loopback: the publish endpoint of a partner namespace, and deliveries to webhooks.
//!
//! [`EventGrid`] checks requests as documented, and more strictly where the documentation is silent: keys, signatures with
//! their expiry and resource, tokens, media type, limits, the channel, and each event. It records every request, and injects
//! faults ([`Fault`]).
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http::Request;
//! use partner_center_webhooks::http_client::{HttpClient, Limits, ReqwestClient};
//! use partner_center_webhooks::testing::EventGrid;
//!
//! let fake = EventGrid::start().await?;
//! let client = ReqwestClient::new()?;
//! let publish = async |key: &str| {
//!     let request = Request::post(format!("{}?api-version=2018-01-01", fake.endpoint()))
//!         .header("aeg-sas-key", key)
//!         .header("aeg-channel-name", "fabrikam")
//!         .header("content-type", "application/cloudevents-batch+json; charset=utf-8")
//!         .body(Bytes::from(r#"[{"specversion":"1.0","id":"1","source":"/a","type":"b"}]"#))?;
//!     let response = client.send(request, Limits::new(Duration::from_secs(5), 1 << 20)).await?;
//!     Ok::<_, Box<dyn std::error::Error>>(response.status().as_u16())
//! };
//! assert_eq!(publish("bm90IHRoZSBrZXk=").await?, 401);
//! assert_eq!(publish(&fake.access_key()).await?, 200);
//! assert_eq!(fake.accepted()[0].event()["id"], "1");
//! # Ok(()) }) }
//! ```
//!
//! It also delivers over real HTTP: [`subscribe`](EventGrid::subscribe) performs the handshake of either schema. Events that
//! are published or passed to [`deliver`](EventGrid::deliver) are attempted on the documented schedule until they are
//! delivered, dropped, or dead-lettered. The pauses depend on [`Settings::speed`], not on the clock.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use axum::Router;
//! use axum::http::{Method, StatusCode};
//! use axum::routing::any;
//! use partner_center_webhooks::testing::EventGrid;
//! use partner_center_webhooks::testing::event_grid::{EventSubscription, GivenUp, Outcome, SubscriptionState};
//! use serde_json::json;
//!
//! // A webhook that consents, and is busy from then on.
//! let hook = any(|method: Method| async move {
//!     match method {
//!         Method::OPTIONS => (StatusCode::OK, [("webhook-allowed-origin", "eventgrid.azure.net")]),
//!         _ => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "30")]),
//!     }
//! });
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let url = format!("http://{}/events?code=secret", listener.local_addr()?);
//! tokio::spawn(async move { axum::serve(listener, Router::new().route("/events", hook)).await });
//!
//! let fake = EventGrid::start().await?;
//! fake.configure(|settings| settings.speed = 0); // no pauses
//! let state = fake.subscribe(EventSubscription::new("orders", url)).await?;
//! assert!(matches!(state, SubscriptionState::Succeeded));
//!
//! fake.deliver("orders", [json!({"specversion": "1.0", "id": "1", "source": "/a", "type": "b"})])?;
//! fake.settled().await;
//! let delivery = &fake.deliveries()[0];
//! let ages = delivery.attempts().iter().map(|attempt| attempt.age().as_secs());
//! assert_eq!(ages.collect::<Vec<_>>(), [0, 30, 60, 120, 420, 1020, 2820, 6420, 17_220, 38_820, 82_020]);
//! assert_eq!(delivery.outcome(), Outcome::Dropped(GivenUp::TimeToLiveExceeded));
//! # Ok(()) }) }
//! ```
//!
//! # Source
//!
//! "Event Grid message delivery and retry"; "Endpoint validation with CloudEvents schema", "… with Event Grid event schema";
//! each item names its other sources.
//!
//! Not implemented: jitter, the hold on endpoints that keep failing, a late response that still ends the retries, and the
//! five minutes before a dead letter is written.

mod credentials;
mod deliveries;
mod delivery;
mod fake;
mod handshake;
mod publish;
mod refusal;
mod settings;
mod state;
mod subscription;
mod subscriptions;
mod wire;

pub use crate::testing::loopback::fault::Fault;
pub use crate::testing::loopback::request::RecordedRequest;
pub use crate::testing::loopback::response::ErrorBody;
pub use delivery::{Attempt, Delivery, GivenUp, Outcome};
pub use fake::EventGrid;
pub use settings::Settings;
pub use state::AcceptedEvent;
pub use subscription::{DeliverySchema, EventSubscription, SubscriptionError, SubscriptionState};

//! Receiving at a webhook: both validation handshakes, authentication, and events in either schema.
//!
//! [`WebhookReceiver`] takes a request in parts (method, query, headers, body) and returns a [`WebhookRequest`], or a
//! [`ReceiveError`] with the HTTP response. It makes no requests itself, except for the tenant's keys if tokens are checked.
//!
//! | request | result | response |
//! |---|---|---|
//! | `OPTIONS` | [`WebhookRequest::Handshake`] | [`WebhookRequest::response`] |
//! | `POST`, `SubscriptionValidation` | [`WebhookRequest::Validation`] | [`WebhookRequest::response`] |
//! | `POST`, `Notification` | [`WebhookRequest::Notification`] | 2xx once the events are stored, otherwise 503 |
//! | `POST`, `SubscriptionDeletion` or `Unsubscribe` | [`WebhookRequest::Deletion`] | [`WebhookRequest::response`] |
//!
//! With features `axum` and `actix-web` there are extractors (`axum::Delivery`, `actix_web::Delivery`) that pass only events
//! to the handler. For any other framework, [`WebhookReceiver::receive_stream`] does the same.
//!
//! An event that is neither a CloudEvent nor of Event Grid's schema is [`GridEvent::Unrecognized`]: it is delivered to the
//! handler with the reason, counted ([`Notification::unrecognized_count`]), and logged as a warning.
//!
//! Event Grid drops or dead-letters an event after 400, 401, 403 and 413, and retries it for up to a day after any other
//! error. [`ReceiveError::status`] takes that into account.
//!
//! # Logs
//!
//! With feature `tracing`, each outcome is one log event with the target `partner_center_webhooks::event_grid`. No field
//! contains a secret, a token or data of an event.
//!
//! | level | message | fields |
//! |---|---|---|
//! | info | `delivery accepted` | `outcome`, `events`, `unrecognized`, `subscription` |
//! | info | `notice from Event Grid` | `outcome`, `what` (`handshake`, `validation`, `deletion`), `of` |
//! | warn | `events not recognized` | `unrecognized`, `subscription`, `first_reason` |
//! | warn | `delivery refused` | `outcome`, `status`, `reason` |
//! | error | `delivery refused`, as each retry will be until an administrator assigns the app role | `outcome`, `status`, `reason` |
//! | warn | `token of a handshake ignored` | `reason` |
//! | warn | `keys of Microsoft Entra not renewed`: the cached keys stay valid for a week | `reason` |
//!
//! # Not verified
//!
//! Microsoft does not document whether handshakes have a token or the headers of a delivery, and it was not tested against the
//! service.
//!
//! If a handshake fails, check the gateway: rules 920300, 942430, 920230, 942130 and 931130 of application gateways block it.
//!
//! # Example
//!
//! ```no_run
//! use axum::{Router, http::StatusCode, routing::any};
//! use partner_center_webhooks::cloud::Cloud;
//! use partner_center_webhooks::crypto::DefaultBackend;
//! use partner_center_webhooks::event_grid::receive::axum::Delivery;
//! use partner_center_webhooks::event_grid::receive::{EntraTokens, ExpectedToken, GridEvent, WebhookReceiver};
//! use partner_center_webhooks::http_client::ReqwestClient;
//!
//! async fn events(Delivery(notification): Delivery) -> StatusCode {
//!     for event in notification.events() { // one or many; handshakes never reach this handler
//!         match event {
//!             GridEvent::CloudEvent(event) => println!("{}: {:?}", event.id(), event.data::<serde_json::Value>()),
//!             GridEvent::EventGrid(event) => println!("{}: {:?}", event.id(), event.data::<serde_json::Value>()),
//!             // Malformed, or of a schema of your own: its JSON is kept whole.
//!             GridEvent::Unrecognized(event) => println!("{}: {}", event.reason(), event.json()),
//!         }
//!     }
//!     StatusCode::NO_CONTENT // 503 would cause another delivery
//! }
//!
//! fn router() -> Result<Router, Box<dyn std::error::Error>> {
//!     let tenant = "6b2c2a3e-2c0f-4a4e-9d7e-0f3f7f6b8a11";
//!     let expected = ExpectedToken::new(&Cloud::Global, tenant, "api://contoso.example/events")?;
//!     let tokens = EntraTokens::new(expected, DefaultBackend::new(), ReqwestClient::new()?);
//!     let receiver = WebhookReceiver::builder().entra(tokens).build()?; // or query_secret, header_secret
//!     Ok(Router::new().route("/events", any(events)).with_state(receiver))
//! }
//! ```

#[cfg(feature = "actix-web")]
pub mod actix_web;
#[cfg(feature = "axum")]
pub mod axum;
mod builder;
mod config_error;
mod confirmation;
mod error;
mod event;
mod event_grid_event;
mod handshake;
mod headers;
mod receiver;
mod request;
mod secret;
mod stream;
mod token;
mod unrecognized;

pub use builder::WebhookReceiverBuilder;
pub use config_error::WebhookConfigError;
pub use confirmation::ConfirmationUrl;
pub use error::ReceiveError;
pub use event::GridEvent;
pub use event_grid_event::EventGridEvent;
pub use handshake::{Handshake, Validation};
pub use receiver::{Admitted, WebhookReceiver};
pub use request::{Deletion, Notification, WebhookRequest};
pub use stream::ShortCircuit;
pub use token::{EntraTokens, ExpectedToken, TokenRefusal, VerifiedToken};
pub use unrecognized::{UnrecognizedEvent, UnrecognizedReason};

//! The extractor for axum.
//!
//! # Example
//!
//! ```
//! use axum::Router;
//! use axum::http::StatusCode;
//! use axum::routing::any;
//! use partner_center_webhooks::event_grid::receive::axum::Delivery;
//! use partner_center_webhooks::event_grid::receive::{GridEvent, WebhookReceiver};
//!
//! async fn events(Delivery(notification): Delivery) -> StatusCode {
//!     for event in notification.events() {
//!         match event {
//!             GridEvent::CloudEvent(event) => println!("{} {}", event.source(), event.id()),
//!             GridEvent::EventGrid(event) => println!("{:?} {}", event.topic(), event.id()),
//!             GridEvent::Unrecognized(event) => eprintln!("{}: {}", event.reason(), event.json()),
//!         }
//!     }
//!     StatusCode::NO_CONTENT // all events are stored; respond 503 for a retry
//! }
//!
//! pub fn router(receiver: WebhookReceiver) -> Router {
//!     Router::new().route("/events", any(events)).with_state(receiver)
//! }
//! ```

use ::axum::body::Body;
use ::axum::extract::{FromRef, FromRequest, Request};
use ::axum::response::{IntoResponse, Response};
use http_body_util::BodyDataStream;

use super::receiver::WebhookReceiver;
use super::request::Notification;
use super::stream::ShortCircuit;

/// Extracts events from a request. Handshakes and notices get their response without calling the handler.
///
/// The application's state must be a [`WebhookReceiver`] or provide one ([`FromRef`]). Everything except the body is checked
/// before the body is read, and the body is read up to the receiver's limit. Route all methods here (`axum::routing::any`),
/// because one of the handshakes is an `OPTIONS` request.
///
/// Every handshake that the receiver accepts receives consent. To decide yourself, or to handle deleted subscriptions, call
/// [`WebhookReceiver::receive`] instead.
///
/// There is no time limit on the body: add a timeout to the route.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it in their arguments")]
pub struct Delivery(pub Notification);

impl<S> FromRequest<S> for Delivery
where
    WebhookReceiver: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ShortCircuit;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let receiver = WebhookReceiver::from_ref(state);
        let (parts, body) = request.into_parts();
        let body = BodyDataStream::new(body);
        let received =
            receiver.receive_stream(&parts.method, parts.uri.query(), &parts.headers, body).await?;
        received.into_notification().map(Self)
    }
}

impl IntoResponse for ShortCircuit {
    fn into_response(self) -> Response {
        self.response().map(Body::from)
    }
}

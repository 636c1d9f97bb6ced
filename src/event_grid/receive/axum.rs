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
//!     StatusCode::NO_CONTENT // all of them are kept; 503 would have them delivered again
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

/// Extracts events from a request; handshakes and notices are answered, and the handler is not called for them.
///
/// The application's state must be a [`WebhookReceiver`], or give one ([`FromRef`]). All but the body is judged before the
/// body is read, and of the body no more is read than the receiver's limit. Route all methods here
/// (`axum::routing::any`), for one of the handshakes is an `OPTIONS` request.
///
/// Consent is given to every handshake that the receiver lets pass. Who wants to decide, or to know of deleted
/// subscriptions, calls [`WebhookReceiver::receive`] instead.
///
/// How long a sender may take over its body is the server's to limit: put a timeout around the route.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "handlers take it apart in their arguments"
)]
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
        let incoming = receiver
            .receive_stream(&parts.method, parts.uri.query(), &parts.headers, body)
            .await?;
        incoming.into_notification().map(Self)
    }
}

impl IntoResponse for ShortCircuit {
    fn into_response(self) -> Response {
        self.answer().map(Body::from)
    }
}

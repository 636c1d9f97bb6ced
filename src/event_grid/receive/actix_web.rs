//! The extractor for actix-web 4.
//!
//! # Example
//!
//! ```
//! use actix_web::{HttpResponse, web};
//! use partner_center_webhooks::event_grid::receive::actix_web::Delivery;
//! use partner_center_webhooks::event_grid::receive::{GridEvent, WebhookReceiver};
//!
//! async fn events(Delivery(notification): Delivery) -> HttpResponse {
//!     for event in notification.events() {
//!         match event {
//!             GridEvent::CloudEvent(event) => println!("{} {}", event.source(), event.id()),
//!             GridEvent::EventGrid(event) => println!("{:?} {}", event.topic(), event.id()),
//!             GridEvent::Unrecognized(event) => eprintln!("{}: {}", event.reason(), event.json()),
//!         }
//!     }
//!     HttpResponse::NoContent().finish() // all events are stored; respond 503 for a retry
//! }
//!
//! fn configure(service: &mut web::ServiceConfig, receiver: WebhookReceiver) {
//!     service
//!         .app_data(web::Data::new(receiver))
//!         .route("/events", web::route().to(events));
//! }
//! ```

use ::actix_web::dev::Payload;
use ::actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};

use super::receiver::WebhookReceiver;
use super::request::Notification;
use super::stream::ShortCircuit;
use crate::actix_web::extract::{LocalBoxFuture, data};
use crate::actix_web::of_actix;

/// Extracts events from a request. Handshakes and notices get their response without calling the handler.
///
/// The receiver must be in the application's data as `web::Data<WebhookReceiver>`; without it the response is 500. Everything
/// except the body is checked before the body is read, and the body is read up to the receiver's limit. Route all methods here
/// (`web::route()`), because one of the handshakes is an `OPTIONS` request.
///
/// Every handshake that the receiver accepts receives consent. To decide yourself, or to handle deleted subscriptions, call
/// [`WebhookReceiver::receive`] instead.
///
/// There is no time limit on the body: add a timeout to the route.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it in their arguments")]
pub struct Delivery(pub Notification);

impl FromRequest for Delivery {
    type Error = ::actix_web::Error;
    type Future = LocalBoxFuture<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let receiver = data::<WebhookReceiver>(&request)?;
            let (method, query) = (request.method(), request.uri().query());
            let received = receiver.receive_stream(method, query, request.headers(), payload).await;
            Ok(Self(received.map_err(ShortCircuit::from)?.into_notification()?))
        })
    }
}

impl ResponseError for ShortCircuit {
    fn status_code(&self) -> ::actix_web::http::StatusCode {
        of_actix(self.response().status())
    }

    fn error_response(&self) -> HttpResponse {
        let (head, body) = self.response().into_parts();
        let mut response = HttpResponse::build(of_actix(head.status));
        for (name, value) in &head.headers {
            response.append_header((name.as_str(), value.as_bytes()));
        }
        response.body(body)
    }
}

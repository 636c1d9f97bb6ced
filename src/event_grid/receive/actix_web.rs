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
//!     HttpResponse::NoContent().finish() // all of them are kept; 503 would have them delivered again
//! }
//!
//! fn configure(service: &mut web::ServiceConfig, receiver: WebhookReceiver) {
//!     service
//!         .app_data(web::Data::new(receiver))
//!         .route("/events", web::route().to(events));
//! }
//! ```

use ::actix_web::dev::Payload;
use ::actix_web::error::ErrorServiceUnavailable;
use ::actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::receiver::WebhookReceiver;
use super::request::Notification;
use super::stream::ShortCircuit;
use crate::actix_web::extract::{LocalBoxFuture, data};
use crate::actix_web::of_actix;

/// Extracts events from a request; handshakes and notices are answered, and the handler is not called for them.
///
/// The receiver is found in the application's data, `web::Data<WebhookReceiver>`; without it the answer is 500. All but the
/// body is judged before the body is read, and of the body no more is read than the receiver's limit. Route all methods here
/// (`web::route()`), for one of the handshakes is an `OPTIONS` request.
///
/// Consent is given to every handshake that the receiver lets pass. Who wants to decide, or to know of deleted
/// subscriptions, calls [`WebhookReceiver::receive`] instead.
///
/// How long a sender may take over its body is not limited here: put a timeout around the route.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "handlers take it apart in their arguments"
)]
pub struct Delivery(pub Notification);

impl FromRequest for Delivery {
    type Error = ::actix_web::Error;
    type Future = LocalBoxFuture<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let receiver = data::<WebhookReceiver>(&request)?;
            let (method, headers) = to_http(&request).map_err(ErrorServiceUnavailable)?;
            let query = request.uri().query();
            let incoming = receiver
                .receive_stream(&method, query, &headers, payload)
                .await
                .map_err(ShortCircuit::from)?;
            Ok(Self(incoming.into_notification()?))
        })
    }
}

impl ResponseError for ShortCircuit {
    fn status_code(&self) -> ::actix_web::http::StatusCode {
        of_actix(self.answer().status())
    }

    fn error_response(&self) -> HttpResponse {
        let (head, body) = self.answer().into_parts();
        let mut response = HttpResponse::build(of_actix(head.status));
        for (name, value) in &head.headers {
            response.append_header((name.as_str(), value.as_bytes()));
        }
        response.body(body)
    }
}

/// actix-web has these types from an older release of the same crate, with the same rules.
fn to_http(request: &HttpRequest) -> Result<(Method, HeaderMap), http::Error> {
    let method = Method::from_bytes(request.method().as_str().as_bytes())?;
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes())?;
        headers.try_append(name, HeaderValue::from_bytes(value.as_bytes())?)?;
    }
    Ok((method, headers))
}

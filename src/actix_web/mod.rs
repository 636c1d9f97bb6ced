//! Extractors and middleware for actix-web 4.
//!
//! [`Callback`] extracts the event, and [`Verified`] a type of your own, built from the verified bytes. [`Claimed`] wraps
//! either, so that each callback is handled once. They find the receiver and the duplicate guard in the application's data:
//! `web::Data<Receiver>` and `web::Data<dyn DuplicateGuard>`. If one is missing, the response is 500.
//!
//! [`VerifyCallbacks`] is a middleware that does the same for whole scopes.
//!
//! The headers are checked before the body is read, and the body is read no further than the receiver's limit. A refused
//! request does not reach the handler: the response has [`Error::status`], [`Error::retry_after`] and no body.
//!
//! There is no deadline for the body: put a timeout around the route, as the example `actix_web` does. To slow headers actix
//! itself responds with 408, after 5 s by default: raise `HttpServer::client_request_timeout`, because the callback may be genuine.
//!
//! # Example
//!
//! ```no_run
//! use actix_web::{App, HttpResponse, HttpServer, web};
//! use partner_center_webhooks::actix_web::Callback;
//! use partner_center_webhooks::{EventName, Receiver};
//!
//! async fn callback(Callback(received): Callback) -> HttpResponse {
//!     match received.event().name() {
//!         EventName::InvoiceReady => { /* … */ }
//!         _ => {}
//!     }
//!     HttpResponse::Ok().finish()
//! }
//!
//! pub async fn serve(receiver: Receiver) -> std::io::Result<()> {
//!     HttpServer::new(move || {
//!         App::new()
//!             .app_data(web::Data::new(receiver.clone()))
//!             .route("/webhooks/callback", web::post().to(callback))
//!     })
//!     .bind("127.0.0.1:8080")?
//!     .run()
//!     .await
//! }
//! ```

pub(crate) mod extract;
mod middleware;

use ::actix_web::HttpResponse;
use ::actix_web::dev::Payload;
use ::actix_web::http::StatusCode;
use ::actix_web::http::header::{HeaderMap, RETRY_AFTER};
use bytes::Bytes;

use crate::receiver::{Error, Received, Receiver};

pub use extract::{Callback, Claimed, Rejection, Verified};
pub use middleware::{Verify, VerifyCallbacks};

async fn receive(
    receiver: &Receiver,
    headers: &HeaderMap,
    body: Payload,
) -> Result<Received<Bytes>, Error> {
    receiver.receive_stream(headers, body).await
}

/// The response to a refused request: status, `Retry-After`, and no body.
fn response(error: &Error) -> HttpResponse {
    let mut response = HttpResponse::build(of_actix(error.status()));
    if let Some(wait) = error.retry_after() {
        response.insert_header((RETRY_AFTER, wait.as_secs()));
    }
    response.finish()
}

/// Converts between the two `http` versions.
pub(crate) fn of_actix(status: http::StatusCode) -> StatusCode {
    StatusCode::from_u16(status.as_u16()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

//! The extractor for axum.
//!
//! # Example
//!
//! ```no_run
//! # #[cfg(feature = "reqwest")] mod example {
//! use axum::{Router, routing::post};
//! use partner_center_webhooks::Receiver;
//! use partner_center_webhooks::axum::Callback;
//! use partner_center_webhooks::event::EventName;
//!
//! async fn callback(Callback(received): Callback) {
//!     match received.event().name() {
//!         EventName::InvoiceReady => { /* … */ }
//!         _ => {}
//!     }
//! }
//!
//! pub fn router(receiver: Receiver) -> Router {
//!     Router::new()
//!         .route("/webhooks/callback", post(callback))
//!         .with_state(receiver)
//! }
//! # }
//! ```

use axum_core::extract::{FromRef, FromRequest, Request};
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::body::{BodyError, BodyLimit};
use crate::error::Error;
use crate::receiver::{Received, Receiver, told};

/// Extracts a genuine callback from a request.
///
/// The application's state must be a [`Receiver`], or give one ([`FromRef`]). The headers are judged before the body
/// is read, and of the body no more is read than the receiver's limit. What is refused is answered with
/// [`Rejection`], and the handler is not called.
///
/// How long a sender may take over its body is the server's to limit: put a timeout around the route, as the example
/// `receive_axum` does.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "handlers take it apart in their arguments"
)]
pub struct Callback(pub Received<Bytes>);

impl<S> FromRequest<S> for Callback
where
    Receiver: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let receiver = Receiver::from_ref(state);
        let (parts, body) = request.into_parts();
        let limit = receiver.body_limit();
        announced_length(&parts.headers)
            .map_or(Ok(()), |length| limit.check(length))
            .map_err(Rejection::of_body)?;
        let admitted = receiver.admit(&parts.headers).map_err(Rejection)?;
        let body = read(body, limit).await.map_err(Rejection::of_body)?;
        let received = receiver.receive_admitted(&admitted, body).await;
        received.map(Self).map_err(Rejection)
    }
}

/// A callback that was refused. As an answer it is the error's status, and `Retry-After` where there is one: the reason
/// is for the log, not for the sender.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[expect(
    clippy::exhaustive_structs,
    reason = "applications that answer otherwise take it apart"
)]
pub struct Rejection(pub Error);

impl Rejection {
    fn of_body(error: BodyError) -> Self {
        Self(told(error.into()))
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut response = self.0.status().into_response();
        if let Some(wait) = self.0.retry_after() {
            let seconds = HeaderValue::from(wait.as_secs());
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn read(body: axum_core::body::Body, limit: BodyLimit) -> Result<Bytes, BodyError> {
    match Limited::new(body, limit.bytes()).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLong {
            limit: limit.bytes(),
        }),
        Err(_) => Err(BodyError::Unreadable),
    }
}

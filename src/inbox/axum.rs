//! The extractor for axum: it stores the callback before the handler runs.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::post};
//! use partner_center_webhooks::inbox::InboxEndpoint;
//! use partner_center_webhooks::inbox::axum::StoredCallback;
//!
//! /// It runs after the commit, so 200 is true.
//! async fn callback(StoredCallback(accepted): StoredCallback) {
//!     println!("{:?} {}", accepted.stored, accepted.callback.digest());
//! }
//!
//! pub fn router(endpoint: InboxEndpoint) -> Router {
//!     Router::new().route("/webhooks/callback", post(callback)).with_state(endpoint)
//! }
//! ```

use ::axum::body::Body;
use ::axum::extract::{FromRef, FromRequest, Request};
use ::axum::response::{IntoResponse, Response};
use http_body_util::BodyDataStream;

use super::endpoint::{Accepted, EndpointError, InboxEndpoint};

/// Extracts a callback that is durable. The application's state must be an [`InboxEndpoint`] or contain one ([`FromRef`]).
///
/// What cannot be stored gets a response without a call of the handler: 503 with `Retry-After` if the inbox failed. There is no
/// deadline for the body: put a timeout around the route.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers take it apart in their arguments")]
pub struct StoredCallback(pub Accepted);

impl<S> FromRequest<S> for StoredCallback
where
    InboxEndpoint: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Self::Rejection> {
        let endpoint = InboxEndpoint::from_ref(state);
        let (parts, body) = request.into_parts();
        let accepted = endpoint.accept(&parts.headers, BodyDataStream::new(body)).await;
        accepted.map(Self).map_err(Rejection)
    }
}

/// A request that was not stored. As a response it has the error's status and `Retry-After`.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[expect(
    clippy::exhaustive_structs,
    reason = "applications with responses of their own take it apart"
)]
pub struct Rejection(pub EndpointError);

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.0.to_response()
    }
}

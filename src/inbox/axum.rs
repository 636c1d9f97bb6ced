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
///
/// # Example: a response of your own
///
/// ```
/// use axum::http::StatusCode;
/// use partner_center_webhooks::inbox::EndpointError;
/// use partner_center_webhooks::inbox::axum::StoredCallback;
///
/// /// The status must stay that of the error: a 4xx in place of a 503 loses the event.
/// async fn callback(stored: Result<StoredCallback, EndpointError>) -> StatusCode {
///     match stored {
///         Ok(_) => StatusCode::ACCEPTED, // any 2xx
///         Err(error) => error.status(),
///     }
/// }
/// # let _ = callback;
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers take it apart in their arguments")]
pub struct StoredCallback(pub Accepted);

impl<S> FromRequest<S> for StoredCallback
where
    InboxEndpoint: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = EndpointError;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let endpoint = InboxEndpoint::from_ref(state);
        let endpoint = endpoint.with_peer(parts.extensions.get().copied());
        endpoint.accept(&parts.headers, BodyDataStream::new(body)).await.map(Self)
    }
}

impl IntoResponse for EndpointError {
    fn into_response(self) -> Response {
        self.to_response()
    }
}

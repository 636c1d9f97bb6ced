//! Extractors for axum.
//!
//! [`Callback`] extracts the event, and [`Verified`] a type of your own, built from the verified bytes. [`Claimed`] wraps
//! either, so that each callback is handled once. `VerifyLayer` of feature `tower` works with axum, too.
//!
//! The application's state must be a [`Receiver`] or contain one ([`FromRef`]), and for [`Claimed`] an
//! `Arc<dyn DuplicateGuard>`. The headers are checked before the body is read, and the body is read no further than the
//! receiver's limit. A refused request does not reach the handler.
//!
//! There is no deadline for the body: put a timeout around the route, as the example `axum` does.
//!
//! # Example
//!
//! ```no_run
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
//! ```

use std::sync::Arc;

use ::axum::Json;
use ::axum::body::Body;
use ::axum::extract::{FromRef, FromRequest, Request};
use ::axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;
use http_body_util::BodyDataStream;
use serde::de::DeserializeOwned;

use crate::body::typed::{BodyFormatError, FromVerifiedBody, json};
use crate::duplicates::{Attempt, DuplicateGuard};
use crate::receiver::{Error, Received, Receiver};

/// Extracts a genuine callback from a request.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it in their arguments")]
pub struct Callback(pub Received<Bytes>);

impl<S> FromRequest<S> for Callback
where
    Receiver: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    fn from_request(
        request: Request,
        state: &S,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        // Split before the future is created, to keep it small: it is moved for each request.
        let (Parts { headers, .. }, body) = request.into_parts();
        let receiver = Receiver::from_ref(state);
        async move { receive(&receiver, &headers, body).await.map(Self) }
    }
}

impl AsRef<Received<Bytes>> for Callback {
    fn as_ref(&self) -> &Received<Bytes> {
        &self.0
    }
}

/// Extracts a genuine callback, and its body in a type of your own: `Verified<Json<T>>`, `Verified<Bytes>`, `Verified<String>`,
/// or any type that implements [`FromVerifiedBody`].
///
/// The value is made from the signed bytes alone. Unsigned parts are ignored: the query, the method, and for `Json` the
/// `Content-Type`. If a genuine body does not fit the type, the response is 503 and an error is logged, because a corrected type can
/// read the next delivery: [`Error::Format`].
///
/// # Example
///
/// ```
/// use axum::Json;
/// use partner_center_webhooks::axum::Verified;
///
/// #[derive(serde::Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Changed {
///     resource_uri: String,
/// }
///
/// async fn callback(Verified(Json(changed), received): Verified<Json<Changed>>) {
///     println!("{} {} {}", received.digest(), received.signer().fingerprint(), changed.resource_uri);
/// }
/// # let _: axum::routing::MethodRouter<partner_center_webhooks::Receiver> = axum::routing::post(callback);
/// # fn extracts<E: axum::extract::FromRequest<partner_center_webhooks::Receiver>>() {}
/// # extracts::<Verified<Json<Changed>>>();
/// ```
///
/// Extractors of unsigned parts do not compile: neither forms, which axum reads from the query of a `GET`,
///
/// ```compile_fail,E0277
/// # fn extracts<E: axum::extract::FromRequest<partner_center_webhooks::Receiver>>() {}
/// # use partner_center_webhooks::axum::Verified;
/// extracts::<Verified<axum::Form<Vec<(String, String)>>>>();
/// ```
///
/// nor queries,
///
/// ```compile_fail,E0277
/// # fn extracts<E: axum::extract::FromRequest<partner_center_webhooks::Receiver>>() {}
/// # use partner_center_webhooks::axum::Verified;
/// extracts::<Verified<axum::extract::Query<Vec<(String, String)>>>>();
/// ```
///
/// nor headers.
///
/// ```compile_fail,E0277
/// # fn extracts<E: axum::extract::FromRequest<partner_center_webhooks::Receiver>>() {}
/// # use partner_center_webhooks::axum::Verified;
/// extracts::<Verified<axum::http::HeaderMap>>();
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it in their arguments")]
pub struct Verified<E>(pub E, pub Received<Bytes>);

impl<S, E> FromRequest<S> for Verified<E>
where
    E: FromVerifiedBody,
    Receiver: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    fn from_request(
        request: Request,
        state: &S,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        let (Parts { headers, .. }, body) = request.into_parts();
        let receiver = Receiver::from_ref(state);
        async move {
            let received = receive(&receiver, &headers, body).await?;
            let value = received.body_as().map_err(Rejection)?;
            Ok(Self(value, received))
        }
    }
}

impl<T: DeserializeOwned> FromVerifiedBody for Json<T> {
    fn from_verified_body(body: Bytes) -> Result<Self, BodyFormatError> {
        json(&body).map(Self)
    }
}

impl<E> AsRef<Received<Bytes>> for Verified<E> {
    fn as_ref(&self) -> &Received<Bytes> {
        &self.1
    }
}

/// Extracts a genuine callback that was not handled before and is not being handled now: `Claimed<Callback>`,
/// `Claimed<Verified<Json<T>>>`.
///
/// The handler completes the [`Attempt`] when it has handled the callback. If it returns without that, fails, panics or is
/// cancelled, the attempt is abandoned, and the handler gets the next delivery. Tasks that it spawned go on: pass them the
/// attempt or a clone of it. Behind a layer with a guard, the attempt is that of the layer. See [`duplicates`](crate::duplicates).
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use axum::extract::FromRef;
/// use axum::http::StatusCode;
/// use axum::{Router, routing::post};
/// use partner_center_webhooks::Receiver;
/// use partner_center_webhooks::axum::{Callback, Claimed};
/// use partner_center_webhooks::duplicates::{DuplicateGuard, InMemory};
///
/// #[derive(Clone, FromRef)]
/// struct Service {
///     receiver: Receiver,
///     guard: Arc<dyn DuplicateGuard>,
/// }
///
/// async fn callback(Claimed(Callback(received), attempt): Claimed<Callback>) -> StatusCode {
///     // … store it; on failure return early: the attempt is abandoned …
///     let _ = attempt.complete().await; // a failure is logged; the event is stored
///     StatusCode::OK
/// }
///
/// pub fn router(receiver: Receiver) -> Router {
///     Router::new()
///         .route("/webhooks/callback", post(callback))
///         .with_state(Service { receiver, guard: Arc::new(InMemory::new()) })
/// }
/// ```
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it in their arguments")]
pub struct Claimed<E>(pub E, pub Attempt);

impl<S, E> FromRequest<S> for Claimed<E>
where
    E: FromRequest<S, Rejection: From<Rejection>> + AsRef<Received<Bytes>> + Send,
    Arc<dyn DuplicateGuard>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = E::Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        // An outer layer may have claimed it.
        let claimed = request.extensions().get::<Attempt>().cloned();
        let extracted = E::from_request(request, state).await?;
        if let Some(attempt) = claimed {
            return Ok(Self(extracted, attempt));
        }
        let guard = Arc::from_ref(state);
        match Attempt::claim(&guard, extracted.as_ref().digest()).await {
            Ok(attempt) => Ok(Self(extracted, attempt)),
            Err(error) => Err(Rejection(error.into()).into()),
        }
    }
}

async fn receive(
    receiver: &Receiver,
    headers: &HeaderMap,
    body: Body,
) -> Result<Received<Bytes>, Rejection> {
    let body = BodyDataStream::new(body);
    let received = receiver.receive_stream(headers, body).await;
    received.map_err(Rejection)
}

/// A refused callback. As a response it has the error's status and `Retry-After`. The reason is for the log, not for the sender.
///
/// # Example: count what is refused
///
/// ```
/// use axum::response::{IntoResponse as _, Response};
/// use partner_center_webhooks::axum::{Callback, Rejection};
///
/// async fn callback(callback: Result<Callback, Rejection>) -> Response {
///     match callback {
///         Ok(Callback(received)) => format!("{:?}", received.event().name()).into_response(),
///         Err(rejection) => {
///             println!("{}, page: {}", rejection.0.verdict(), rejection.0.needs_repair());
///             rejection.into_response()
///         }
///     }
/// }
/// # let _: axum::Router<partner_center_webhooks::Receiver> = axum::Router::new().route("/", axum::routing::post(callback));
/// ```
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[expect(
    clippy::exhaustive_structs,
    reason = "applications with responses of their own destructure it"
)]
pub struct Rejection(pub Error);

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.0.to_response()
    }
}

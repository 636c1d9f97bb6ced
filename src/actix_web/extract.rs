//! Extractors: arguments of handlers.

use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::web::{Data, Json};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::{receive, response};
use crate::body::typed::{BodyFormatError, FromVerifiedBody, json};
use crate::duplicates::{Attempt, DuplicateGuard};
use crate::log;
use crate::receiver::{Error, Received, Receiver};

/// Extracts a genuine callback from a request.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it in their arguments")]
pub struct Callback(pub Received<Bytes>);

impl FromRequest for Callback {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let receiver = data::<Receiver>(&request)?;
            let received = receive(&receiver, request.headers(), payload).await;
            Ok(Self(received.map_err(Rejection)?))
        })
    }
}

impl AsRef<Received<Bytes>> for Callback {
    fn as_ref(&self) -> &Received<Bytes> {
        &self.0
    }
}

/// Extracts a genuine callback, and its body in a type of your own: `Verified<web::Json<T>>`, `Verified<Bytes>`,
/// `Verified<String>`, or any type that implements [`FromVerifiedBody`].
///
/// The value is made from the signed bytes alone. Unsigned parts are ignored: the query, the method, and for `web::Json` the
/// `Content-Type`, the `Content-Encoding` and `web::JsonConfig`. If a genuine body does not fit the type, the response is 503 and an
/// error is logged, because a corrected type can read the next delivery: [`Error::Format`].
///
/// # Example
///
/// ```
/// use actix_web::{HttpResponse, web};
/// use partner_center_webhooks::actix_web::Verified;
///
/// #[derive(serde::Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Changed {
///     resource_uri: String,
/// }
///
/// async fn callback(Verified(changed, received): Verified<web::Json<Changed>>) -> HttpResponse {
///     println!("{} {} {}", received.digest(), received.signer().fingerprint(), changed.resource_uri);
///     HttpResponse::Ok().finish()
/// }
/// # let _ = web::post().to(callback);
/// # fn extracts<E: actix_web::FromRequest>() {}
/// # extracts::<Verified<web::Json<Changed>>>();
/// ```
///
/// Extractors of unsigned parts do not compile: neither queries
///
/// ```compile_fail,E0277
/// # fn extracts<E: actix_web::FromRequest>() {}
/// # use actix_web::web;
/// # use partner_center_webhooks::actix_web::Verified;
/// extracts::<Verified<web::Query<Vec<(String, String)>>>>();
/// ```
///
/// nor forms
///
/// ```compile_fail,E0277
/// # fn extracts<E: actix_web::FromRequest>() {}
/// # use actix_web::web;
/// # use partner_center_webhooks::actix_web::Verified;
/// extracts::<Verified<web::Form<Vec<(String, String)>>>>();
/// ```
///
/// nor whole requests.
///
/// ```compile_fail,E0277
/// # fn extracts<E: actix_web::FromRequest>() {}
/// # use partner_center_webhooks::actix_web::Verified;
/// extracts::<Verified<actix_web::HttpRequest>>();
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it in their arguments")]
pub struct Verified<E>(pub E, pub Received<Bytes>);

impl<E: FromVerifiedBody> FromRequest for Verified<E> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let Callback(received) = Callback::from_request(&request, &mut payload).await?;
            let value = received.body_as().map_err(Rejection)?;
            Ok(Self(value, received))
        })
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
/// `Claimed<Verified<web::Json<T>>>`.
///
/// The handler completes the [`Attempt`] when it has handled the callback. If it returns without that, fails or panics, the
/// attempt is abandoned, and the handler gets the next delivery. See [`duplicates`](crate::duplicates). actix-web does not cancel a
/// handler whose client has disconnected, so that it can complete.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use actix_web::{HttpResponse, web};
/// use partner_center_webhooks::Receiver;
/// use partner_center_webhooks::actix_web::{Callback, Claimed};
/// use partner_center_webhooks::duplicates::{DuplicateGuard, InMemory};
///
/// async fn callback(Claimed(Callback(received), attempt): Claimed<Callback>) -> HttpResponse {
///     // … store it; on failure return early: the attempt is abandoned …
///     let _ = attempt.complete().await; // a failure is logged; the event is stored
///     HttpResponse::Ok().finish()
/// }
///
/// fn configure(service: &mut web::ServiceConfig, receiver: Receiver, guard: Arc<dyn DuplicateGuard>) {
///     service
///         .app_data(web::Data::new(receiver))
///         .app_data(web::Data::from(guard))
///         .route("/webhooks/callback", web::post().to(callback));
/// }
/// ```
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it in their arguments")]
pub struct Claimed<E>(pub E, pub Attempt);

impl<E: FromRequest + AsRef<Received<Bytes>>> FromRequest for Claimed<E> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let extracted = E::from_request(&request, &mut payload).await;
            let extracted = extracted.map_err(Into::into)?;
            // An outer middleware may have claimed it.
            let claimed = request.extensions().get::<Attempt>().cloned();
            if let Some(attempt) = claimed {
                return Ok(Self(extracted, attempt));
            }
            // Applications use either form.
            let guard: Arc<dyn DuplicateGuard> =
                match request.app_data::<Data<Arc<dyn DuplicateGuard>>>() {
                    Some(guard) => Arc::clone(guard.get_ref()),
                    None => data::<dyn DuplicateGuard>(&request)?.into_inner(),
                };
            let attempt = Attempt::claim(&guard, extracted.as_ref().digest()).await;
            let attempt = attempt.map_err(|error| Rejection(error.into()))?;
            Ok(Self(extracted, attempt))
        })
    }
}

/// A refused callback. As a response it has the error's status and `Retry-After`. The reason is for the log, not for the sender.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[expect(
    clippy::exhaustive_structs,
    reason = "applications with responses of their own destructure it"
)]
pub struct Rejection(pub Error);

impl ResponseError for Rejection {
    fn status_code(&self) -> actix_web::http::StatusCode {
        self.error_response().status()
    }

    fn error_response(&self) -> HttpResponse {
        response(&self.0)
    }
}

/// The future of [`FromRequest`]: actix-web's futures stay on their thread.
pub(crate) type LocalBoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, actix_web::Error>>>>;

/// The application's data of type `T`. Without it the response is 500: a configuration error that the first request reveals.
pub(crate) fn data<T: ?Sized + 'static>(
    request: &HttpRequest,
) -> Result<Data<T>, actix_web::Error> {
    let found = request.app_data::<Data<T>>().cloned();
    found.ok_or_else(|| {
        let name = std::any::type_name::<T>();
        log::receiver::misconfigured(&format_args!("the application has no `web::Data<{name}>`"));
        InternalError::from_response("", HttpResponse::InternalServerError().finish()).into()
    })
}

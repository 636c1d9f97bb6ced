//! A middleware around handlers.

use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::HttpMessage as _;
use actix_web::HttpResponse;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::header::CONTENT_ENCODING;

use super::{of_actix, receive, response};
use crate::duplicates::{Attempt, DuplicateGuard};
use crate::receiver::{Error, Receiver};

/// A middleware that passes on only genuine callbacks, with [`Received<Bytes>`](crate::Received) in their extensions and a
/// payload of exactly the signed bytes.
///
/// # Example
///
/// ```
/// use actix_web::{HttpResponse, web};
/// use bytes::Bytes;
/// use partner_center_webhooks::actix_web::VerifyCallbacks;
/// use partner_center_webhooks::{Received, Receiver};
///
/// async fn callback(received: web::ReqData<Received<Bytes>>) -> HttpResponse {
///     println!("{}", received.event().name());
///     HttpResponse::Ok().finish()
/// }
///
/// fn configure(service: &mut web::ServiceConfig, receiver: Receiver) {
///     let callbacks = web::resource("/webhooks/callback").route(web::post().to(callback));
///     service.service(callbacks.wrap(VerifyCallbacks::new(receiver)));
/// }
/// ```
#[derive(Clone)]
#[must_use]
pub struct VerifyCallbacks {
    receiver: Receiver,
    guard: Option<Arc<dyn DuplicateGuard>>,
    refusal: Arc<dyn Fn(&Error) -> HttpResponse + Send + Sync>,
}

impl VerifyCallbacks {
    /// Passes callbacks that `receiver` accepts.
    pub fn new(receiver: Receiver) -> Self {
        Self { receiver, guard: None, refusal: Arc::new(response) }
    }

    /// Handles each callback once, as far as `guard` remembers. Default: at each delivery.
    ///
    /// A 2xx response completes the attempt, any other one releases it, and a panic abandons it. actix-web does not cancel a
    /// handler whose client has disconnected, and its response counts. The head of the response decides; a body that fails later
    /// changes nothing. Work that outlives the request keeps a clone of the [`Attempt`] from the request's extensions: then a
    /// response that is not 2xx, such as that of a timeout inside this middleware, leaves the attempt to that work. See
    /// [`duplicates`](crate::duplicates).
    ///
    /// Create the guard outside the closure of `HttpServer::new`, which runs once for each worker: otherwise each worker has a
    /// guard of its own.
    pub fn with_duplicates(mut self, guard: Arc<dyn DuplicateGuard>) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Replaces the response to callbacks that are not handled. Default: [`Error::status`], [`Error::retry_after`] and no body.
    ///
    /// The error's message is for logs, because forgers read the response, too. A 2xx status for a failure is replaced by the error's
    /// own, and so is any other status for a callback that was handled.
    pub fn with_refusal(
        mut self,
        refusal: impl Fn(&Error) -> HttpResponse + Send + Sync + 'static,
    ) -> Self {
        self.refusal = Arc::new(refusal);
        self
    }

    /// Verifies the request, adds the extensions for handlers, and claims the callback if there is a guard.
    async fn verify(&self, request: &mut ServiceRequest) -> Result<Option<Attempt>, Error> {
        let payload = request.take_payload();
        let received = receive(&self.receiver, request.headers(), payload).await?;
        let attempt = match &self.guard {
            Some(guard) => Some(Attempt::claim(guard, received.digest()).await?),
            None => None,
        };
        request.set_payload(Payload::from(received.body().clone().into_inner()));
        // It is not signed, and would make actix-web's extractors decompress the signed bytes.
        request.headers_mut().remove(CONTENT_ENCODING);
        let mut extensions = request.extensions_mut();
        extensions.insert(received);
        if let Some(attempt) = &attempt {
            extensions.insert(attempt.clone());
        }
        drop(extensions);
        Ok(attempt)
    }
}

impl fmt::Debug for VerifyCallbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyCallbacks")
            .field("receiver", &self.receiver)
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

impl<S, B> Transform<S, ServiceRequest> for VerifyCallbacks
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = actix_web::Error;
    type Transform = Verify<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Verify { inner: Rc::new(inner), layer: self.clone() }))
    }
}

/// The service of [`VerifyCallbacks`].
#[derive(Debug)]
pub struct Verify<S> {
    inner: Rc<S>,
    layer: VerifyCallbacks,
}

impl<S, B> Service<ServiceRequest> for Verify<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let (inner, layer) = (Rc::clone(&self.inner), self.layer.clone());
        Box::pin(async move {
            let attempt = match layer.verify(&mut request).await {
                Ok(attempt) => attempt,
                Err(error) => {
                    let mut response: HttpResponse<BoxBody> = (layer.refusal)(&error);
                    let own = http::StatusCode::from_u16(response.status().as_u16());
                    let own = own.unwrap_or_else(|_| error.status());
                    *response.status_mut() = of_actix(error.status_instead_of(own));
                    return Ok(request.into_response(response.map_into_right_body()));
                }
            };
            let result = inner.call(request).await;
            if let Some(attempt) = attempt {
                let status = match &result {
                    Ok(response) => {
                        // Its request holds a clone in its extensions that no work uses.
                        drop(response.request().extensions_mut().remove::<Attempt>());
                        response.status()
                    }
                    Err(error) => error.as_response_error().status_code(),
                };
                attempt.settle(status.as_u16()).await;
            }
            Ok(result?.map_into_left_body())
        })
    }
}

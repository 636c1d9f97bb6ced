//! What stands around handlers.

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
use crate::error::Error;
use crate::receiver::Receiver;

/// A middleware that lets genuine callbacks through, with [`Received<Bytes>`](crate::Received) among their extensions and a
/// payload of exactly the bytes that were signed.
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
    /// Lets through what `receiver` accepts.
    pub fn new(receiver: Receiver) -> Self {
        Self {
            receiver,
            guard: None,
            refusal: Arc::new(response),
        }
    }

    /// Handles each callback once, as far as `guard` remembers. Default: as often as it is delivered.
    ///
    /// An answer of 2xx completes the attempt, any other one releases it; a panic abandons it. A handler whose client has
    /// gone is not cancelled by actix-web, and its answer counts. The head of the answer decides: a body that breaks off later
    /// changes nothing. Work that outlives the request takes a clone of the [`Attempt`] along, which is among the request's
    /// extensions: then an answer that is not 2xx, such as that of a timeout inside this middleware, leaves the attempt to that
    /// work. See [`duplicates`](crate::duplicates).
    ///
    /// Make the guard before `HttpServer::new`: its closure runs once for each worker, and each would have a guard of its own.
    pub fn with_duplicates(mut self, guard: Arc<dyn DuplicateGuard>) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Answers what is not handled with `refusal`. Default: [`Error::status`], [`Error::retry_after`] and no body.
    ///
    /// The error's text is for logs. Whatever is told to the sender is told to forgers too. A status of 2xx for what was not
    /// handled is replaced by the error's own, and so is any other for what was.
    pub fn with_refusal(
        mut self,
        refusal: impl Fn(&Error) -> HttpResponse + Send + Sync + 'static,
    ) -> Self {
        self.refusal = Arc::new(refusal);
        self
    }

    /// Gives the request what handlers need, and its claim if there is a guard.
    async fn judge(&self, request: &mut ServiceRequest) -> Result<Option<Attempt>, Error> {
        let payload = request.take_payload();
        let received = receive(&self.receiver, request.headers(), payload).await?;
        let attempt = match &self.guard {
            Some(guard) => Some(Attempt::claim(guard, received.digest()).await?),
            None => None,
        };
        request.set_payload(Payload::from(received.body().clone().into_inner()));
        // It is not signed, and would have actix-web's extractors unpack what was.
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
        ready(Ok(Verify {
            inner: Rc::new(inner),
            layer: self.clone(),
        }))
    }
}

/// What [`VerifyCallbacks`] makes of a service.
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
            let attempt = match layer.judge(&mut request).await {
                Ok(attempt) => attempt,
                Err(error) => {
                    let mut response: HttpResponse<BoxBody> = (layer.refusal)(&error);
                    let own = http::StatusCode::from_u16(response.status().as_u16());
                    let own = own.unwrap_or_else(|_| error.status());
                    *response.status_mut() = of_actix(error.status_instead_of(own));
                    return Ok(request.into_response(response.map_into_right_body()));
                }
            };
            let answer = inner.call(request).await;
            if let Some(attempt) = attempt {
                let status = match &answer {
                    Ok(response) => {
                        // Its request has a clone among its extensions, which no work holds.
                        drop(response.request().extensions_mut().remove::<Attempt>());
                        response.status()
                    }
                    Err(error) => error.as_response_error().status_code(),
                };
                attempt.settle(status.as_u16()).await;
            }
            Ok(answer?.map_into_left_body())
        })
    }
}

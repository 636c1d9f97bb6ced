//! A layer for any tower service over `http` 1 types, under axum, hyper, or your own server.
//!
//! [`VerifyLayer`] verifies each request. The inner service gets the genuine ones, with [`Received<Bytes>`](Received) in their
//! extensions and exactly the signed bytes as the body. All others get a response without a body, see [`StatusOnly`];
//! [`with_refusal`](VerifyLayer::with_refusal) replaces it.
//!
//! With [`with_duplicates`](VerifyLayer::with_duplicates) each callback is handled once: 2xx from the service
//! completes it.
//!
//! The service takes requests with a body of `Full<Bytes>`. It is polled for readiness only after a callback was verified, so
//! that a limit such as tower's `ConcurrencyLimit` applies to genuine callbacks only. A callback is claimed only when the
//! service is ready, so that its lease does not expire in a queue; a callback that was claimed before releases its slot. The
//! method is not checked.
//!
//! There is no deadline for the body: put a timeout around the layer. It ends the request, but not tasks that a handler has
//! spawned: see [`Attempt`], which is also in the extensions.
//!
//! # Example
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! use std::convert::Infallible;
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::{BodyExt as _, Full};
//! use partner_center_webhooks::Received;
//! use partner_center_webhooks::crypto::DefaultBackend;
//! use partner_center_webhooks::duplicates::InMemory;
//! use partner_center_webhooks::testing::Issuer;
//! use partner_center_webhooks::tower::VerifyLayer;
//! use tower::{Layer as _, ServiceExt as _, service_fn};
//!
//! let issuer = Issuer::new()?; // in production: Receiver::builder().build()?
//! let signer = issuer.signer()?;
//! let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
//! let callback = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
//!
//! let service = VerifyLayer::new(receiver)
//!     .with_duplicates(Arc::new(InMemory::new()))
//!     .layer(service_fn(async |request: Request<Full<Bytes>>| {
//!         let received: &Received<Bytes> = request.extensions().get().expect("inserted by the layer");
//!         let name = received.event().name().to_string();
//!         Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(name))))
//!     }));
//! let deliver = async |body: Bytes| {
//!     let mut request = Request::new(Full::new(body));
//!     *request.headers_mut() = callback.headers.clone();
//!     let (parts, body) = service.clone().oneshot(request).await?.into_parts();
//!     Ok::<_, Infallible>((parts.status, body.collect().await?.to_bytes()))
//! };
//!
//! assert_eq!(deliver(callback.body.clone()).await?, (StatusCode::OK, Bytes::from("invoice-ready")));
//! // A repeated delivery succeeds without being handled.
//! assert_eq!(deliver(callback.body.clone()).await?, (StatusCode::OK, Bytes::new()));
//! assert_eq!(deliver(Bytes::from("{}")).await?, (StatusCode::UNAUTHORIZED, Bytes::new()));
//! # Ok(()) }) }
//! ```

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyDataStream, Full};
use tower_layer::Layer;
use tower_service::Service;

use crate::duplicates::{Attempt, DuplicateGuard};
use crate::http_client::BoxFuture;
use crate::receiver::{Error, Received, Receiver};
use crate::signature::BodyDigest;

/// Wraps services in [`Verify`]. See the [module](self) for an example.
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifyLayer<R = StatusOnly> {
    receiver: Receiver,
    guard: Option<Arc<dyn DuplicateGuard>>,
    refusal: R,
}

impl VerifyLayer {
    /// Passes callbacks that `receiver` accepts.
    pub fn new(receiver: Receiver) -> Self {
        Self { receiver, guard: None, refusal: StatusOnly }
    }
}

impl<R> VerifyLayer<R> {
    /// Handles each callback once, as far as `guard` remembers. Default: at each delivery.
    ///
    /// A 2xx response completes the attempt, any other one or an error of the service releases it, and a panic or a disconnect
    /// abandons it. The head of the response decides; a body that fails later changes nothing. Work that outlives the request keeps
    /// a clone of the [`Attempt`] from the request's extensions: then a response that is not 2xx, such as that of a timeout inside
    /// this layer, leaves the attempt to that work. See [`duplicates`](crate::duplicates).
    pub fn with_duplicates(mut self, guard: Arc<dyn DuplicateGuard>) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Replaces the response to callbacks that are not handled by `refusal`, a closure from `&`[`Error`] to a response. Default:
    /// [`StatusOnly`].
    ///
    /// The error's message is for logs, because forgers read the response, too. A 2xx status for a failure is replaced by the error's
    /// own, and so is any other status for a callback that was handled.
    ///
    /// # Example: problem details
    ///
    /// ```
    /// # use bytes::Bytes; use http::Response; use http_body_util::Full;
    /// # use partner_center_webhooks::{Error, Receiver, tower::VerifyLayer};
    /// # fn layer(receiver: Receiver) -> VerifyLayer<impl Fn(&Error) -> Response<Full<Bytes>> + Clone> {
    /// VerifyLayer::new(receiver).with_refusal(|error: &Error| {
    ///     let mut response = error.to_response::<Full<Bytes>>(); // status and Retry-After
    ///     *response.body_mut() = Full::new(format!(r#"{{"title":"{}"}}"#, error.kind()).into());
    ///     response
    /// })
    /// # }
    /// ```
    pub fn with_refusal<F, B>(self, refusal: F) -> VerifyLayer<F>
    where
        F: Fn(&Error) -> Response<B>,
    {
        VerifyLayer { receiver: self.receiver, guard: self.guard, refusal }
    }
}

impl<S, R: Clone> Layer<S> for VerifyLayer<R> {
    type Service = Verify<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Verify { inner, layer: self.clone() }
    }
}

/// Passes only genuine callbacks to a service. See the [module](self) for an example.
#[derive(Clone, Debug)]
pub struct Verify<S, R = StatusOnly> {
    inner: S,
    layer: VerifyLayer<R>,
}

impl<S, R, RequestBody, ResponseBody> Service<Request<RequestBody>> for Verify<S, R>
where
    S: Service<Request<Full<Bytes>>, Response = Response<ResponseBody>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    R: Refusal<ResponseBody> + Clone + Send + Sync + 'static,
    RequestBody: Body<Data: Send, Error: Send> + Send + 'static,
    ResponseBody: Send,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // An unverified request with half a body must not hold a slot of the inner service.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let (mut inner, layer) = (self.inner.clone(), self.layer.clone());
        Box::pin(async move {
            let (mut request, digest) = match layer.verify(request).await {
                Ok(verified) => verified,
                Err(error) => return Ok(layer.refuse(&error)),
            };
            // Before the claim, so that a lease does not expire in a queue.
            poll_fn(|context| inner.poll_ready(context)).await?;
            let attempt = match layer.claim(digest).await {
                Ok(attempt) => attempt,
                Err(error) => {
                    drop(inner); // Gives back its place.
                    return Ok(layer.refuse(&error));
                }
            };
            if let Some(attempt) = &attempt {
                request.extensions_mut().insert(attempt.clone());
            }
            let result = inner.call(request).await;
            if let Some(attempt) = attempt {
                // An outer layer turns an error of the service into a response that is not 2xx.
                let failed = StatusCode::INTERNAL_SERVER_ERROR;
                let status = result.as_ref().map_or(failed, Response::status);
                attempt.settle(status.as_u16()).await;
            }
            result
        })
    }
}

impl<R> VerifyLayer<R> {
    /// The request for the inner service.
    async fn verify<B: Body>(
        &self,
        request: Request<B>,
    ) -> Result<(Request<Full<Bytes>>, BodyDigest), Error> {
        let (mut parts, body) = request.into_parts();
        let body = BodyDataStream::new(body);
        let received = self.receiver.receive_stream(&parts.headers, body).await?;
        let digest = received.digest();
        let body = Full::new(received.body().clone().into_inner());
        parts.extensions.insert::<Received<Bytes>>(received);
        Ok((Request::from_parts(parts, body), digest))
    }

    /// The claim, if there is a guard.
    async fn claim(&self, digest: BodyDigest) -> Result<Option<Attempt>, Error> {
        match &self.guard {
            Some(guard) => Ok(Some(Attempt::claim(guard, digest).await?)),
            None => Ok(None),
        }
    }

    fn refuse<B>(&self, error: &Error) -> Response<B>
    where
        R: Refusal<B>,
    {
        let mut response = self.refusal.respond(error);
        *response.status_mut() = error.status_instead_of(response.status());
        response
    }
}

/// Makes the response to a request that is not handled. Implemented by closures from `&`[`Error`] to a response.
pub trait Refusal<B> {
    /// The response.
    fn respond(&self, error: &Error) -> Response<B>;
}

impl<B, F: Fn(&Error) -> Response<B>> Refusal<B> for F {
    fn respond(&self, error: &Error) -> Response<B> {
        self(error)
    }
}

/// Responds with [`Error::status`], [`Error::retry_after`] and no body.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct StatusOnly;

impl<B: Default> Refusal<B> for StatusOnly {
    fn respond(&self, error: &Error) -> Response<B> {
        error.to_response()
    }
}

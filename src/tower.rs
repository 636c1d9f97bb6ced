//! A layer for any tower service over `http` 1 types, under axum, hyper, or your own server.
//!
//! [`VerifyLayer`] verifies each request that comes through it. The service behind it gets those that are genuine, with
//! [`Received<Bytes>`](Received) among their extensions and a body of exactly the bytes that were signed. All others are
//! answered with a status and nothing else, see [`Error::status`]; [`with_refusal`](VerifyLayer::with_refusal) replaces that
//! answer.
//!
//! With [`with_duplicates`](VerifyLayer::with_duplicates) each callback is handled once: the service's own answer decides.
//!
//! The service takes requests with a body of `Full<Bytes>`. It is asked whether it is ready only once a callback is known to
//! be genuine: what limits it, such as tower's `ConcurrencyLimit`, is kept for those. A callback is claimed only once the service
//! is ready, so that a lease begins when the handler does and not in a queue; a callback that was claimed before gives its place
//! back. Methods are not looked at.
//!
//! How long a sender may take over its body is not limited here: put a timeout around the layer. It ends the request, and not
//! what a handler has spawned: see [`Attempt`], which handlers find among the extensions too.
//!
//! # Example
//!
//! ```
//! # #[cfg(all(feature = "testing", feature = "aws-lc-rs"))]
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
//!         let received: &Received<Bytes> = request.extensions().get().expect("the layer put it there");
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
//! // Delivered again, it is answered, and not handled.
//! assert_eq!(deliver(callback.body.clone()).await?, (StatusCode::OK, Bytes::new()));
//! assert_eq!(deliver(Bytes::from("{}")).await?, (StatusCode::UNAUTHORIZED, Bytes::new()));
//! # Ok(()) }) }
//! # #[cfg(not(all(feature = "testing", feature = "aws-lc-rs")))] fn main() {}
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
use crate::error::Error;
use crate::http_client::BoxFuture;
use crate::receiver::{Received, Receiver};
use crate::signature::BodyDigest;

/// Puts [`Verify`] around services. See the [module](self) for an example.
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifyLayer<R = StatusOnly> {
    receiver: Receiver,
    guard: Option<Arc<dyn DuplicateGuard>>,
    refusal: R,
}

impl VerifyLayer {
    /// Lets through what `receiver` accepts.
    pub fn new(receiver: Receiver) -> Self {
        Self {
            receiver,
            guard: None,
            refusal: StatusOnly,
        }
    }
}

impl<R> VerifyLayer<R> {
    /// Handles each callback once, as far as `guard` remembers. Default: as often as it is delivered.
    ///
    /// An answer of 2xx completes the attempt, any other one releases it, and so does an error of the service; a panic or a
    /// client that goes away abandons it. The head of the answer decides: a body that breaks off later changes nothing. Work
    /// that outlives the request takes a clone of the [`Attempt`] along, which is among the request's extensions: then an answer
    /// that is not 2xx, such as that of a timeout inside this layer, leaves the attempt to that work. See
    /// [`duplicates`](crate::duplicates).
    pub fn with_duplicates(mut self, guard: Arc<dyn DuplicateGuard>) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Answers what is not handled with `refusal`, a closure from `&`[`Error`] to a response. Default: [`StatusOnly`].
    ///
    /// The error's text is for logs. Whatever is told to the sender is told to forgers too. A status of 2xx for what was not
    /// handled is replaced by the error's own, and so is any other for what was.
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
        VerifyLayer {
            receiver: self.receiver,
            guard: self.guard,
            refusal,
        }
    }
}

impl<S, R: Clone> Layer<S> for VerifyLayer<R> {
    type Service = Verify<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Verify {
            inner,
            layer: self.clone(),
        }
    }
}

/// Lets a service see genuine callbacks only. See the [module](self) for an example.
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
        // A stranger with half a body must not hold a place of the service behind.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let (mut inner, layer) = (self.inner.clone(), self.layer.clone());
        Box::pin(async move {
            let (mut request, digest) = match layer.verify(request).await {
                Ok(verified) => verified,
                Err(error) => return Ok(layer.refuse(&error)),
            };
            // Before the claim: a lease must not run out in a queue.
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
            let answer = inner.call(request).await;
            if let Some(attempt) = attempt {
                // An error of the service becomes a response further out, which is not 2xx.
                let failed = StatusCode::INTERNAL_SERVER_ERROR;
                let status = answer.as_ref().map_or(failed, Response::status);
                attempt.settle(status.as_u16()).await;
            }
            answer
        })
    }
}

impl<R> VerifyLayer<R> {
    /// The request that the service gets.
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
}

impl<R> VerifyLayer<R> {
    fn refuse<B>(&self, error: &Error) -> Response<B>
    where
        R: Refusal<B>,
    {
        let mut response = self.refusal.respond(error);
        *response.status_mut() = error.status_instead_of(response.status());
        response
    }
}

/// Makes the answer to a request that is not handled. Closures from `&`[`Error`] to a response do.
pub trait Refusal<B> {
    /// The answer.
    fn respond(&self, error: &Error) -> Response<B>;
}

impl<B, F: Fn(&Error) -> Response<B>> Refusal<B> for F {
    fn respond(&self, error: &Error) -> Response<B> {
        self(error)
    }
}

/// Answers with [`Error::status`], [`Error::retry_after`] and no body.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct StatusOnly;

impl<B: Default> Refusal<B> for StatusOnly {
    fn respond(&self, error: &Error) -> Response<B> {
        error.to_response()
    }
}

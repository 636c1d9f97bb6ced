//! A tower service that stores callbacks, for hyper, axum's `route_service`, or your own server.
//!
//! # Example
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use partner_center_webhooks::crypto::DefaultBackend;
//! use partner_center_webhooks::inbox::InboxEndpoint;
//! use partner_center_webhooks::inbox::tower::StoreService;
//! use partner_center_webhooks::testing::{Issuer, MemoryInbox};
//! use tower::ServiceExt as _;
//!
//! let issuer = Issuer::new()?; // in production: Receiver::builder().build()?
//! let signer = issuer.signer()?;
//! let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
//! let endpoint = InboxEndpoint::new(receiver, Arc::new(MemoryInbox::new()));
//!
//! let service = StoreService::new(endpoint);
//! let callback = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
//! let mut request = Request::new(Full::new(callback.body));
//! *request.headers_mut() = callback.headers;
//! let response: Response<Full<Bytes>> = service.oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::OK); // after the commit
//! # Ok(()) }) }
//! ```

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyDataStream;
use tower_service::Service;

use super::endpoint::InboxEndpoint;
use crate::http_client::BoxFuture;

/// Responds with 200 after the commit, and otherwise with the error's status and `Retry-After`. The body of the response, of type
/// `B`, is empty.
#[must_use]
pub struct StoreService<B> {
    endpoint: InboxEndpoint,
    body: PhantomData<fn() -> B>,
}

impl<B> StoreService<B> {
    /// Stores what `endpoint` accepts.
    pub fn new(endpoint: InboxEndpoint) -> Self {
        Self { endpoint, body: PhantomData }
    }
}

impl<B> Clone for StoreService<B> {
    fn clone(&self) -> Self {
        Self::new(self.endpoint.clone())
    }
}

impl<B> fmt::Debug for StoreService<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreService").field(&self.endpoint).finish()
    }
}

impl<R, B> Service<Request<R>> for StoreService<B>
where
    R: Body<Data: Send, Error: Send> + Send + 'static,
    B: Default + Send + 'static,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        let endpoint = self.endpoint.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let endpoint = endpoint.with_peer(parts.extensions.get().copied());
            let accepted = endpoint.accept(&parts.headers, BodyDataStream::new(body)).await;
            Ok(accepted.map_or_else(|error| error.to_response(), |_| Response::new(B::default())))
        })
    }
}

//! The HTTP client of the crate: a trait with one method and limits, over [`http`] types.
//!
//! All requests go through [`HttpClient`]. Feature `reqwest` provides [`ReqwestClient`]; any other client implements the
//! trait in a few lines. So an application chooses proxies, resolvers, TLS and connection pools, and a test needs no
//! network:
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use partner_center_webhooks::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};
//!
//! /// Responds to each request with its path.
//! #[derive(Debug)]
//! struct Echo;
//!
//! impl HttpClient for Echo {
//!     fn send(
//!         &self,
//!         request: Request<Bytes>,
//!         limits: Limits,
//!     ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
//!         let body = Bytes::from(request.uri().path().to_owned());
//!         Box::pin(async move {
//!             match body.len() > limits.max_body {
//!                 true => Err(HttpClientError::BodyTooLong { limit: limits.max_body }),
//!                 false => Ok(Response::new(body)),
//!             }
//!         })
//!     }
//! }
//!
//! let limits = Limits::new(std::time::Duration::from_secs(5), 1024);
//! let request = Request::get("https://host.example/a.cer").body(Bytes::new()).unwrap();
//! assert_eq!(Echo.send(request, limits).await.unwrap().body(), "/a.cer");
//! # });
//! ```
//!
//! The callers decide, by one shared rule, which responses are errors, and which errors are transient.

#[cfg(feature = "token")]
#[cfg_attr(
    not(feature = "event-grid"),
    allow(dead_code, reason = "without `event-grid`, the clients use some of it")
)]
pub(crate) mod endpoint;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg_attr(
    not(feature = "token"),
    allow(dead_code, reason = "without `token`, only `verify` uses some of it")
)]
pub(crate) mod retry_after;
#[cfg(feature = "token")]
pub(crate) mod transience;
#[cfg_attr(
    not(feature = "token"),
    allow(dead_code, reason = "without `token`, only `verify` uses some of it")
)]
pub(crate) mod words;

use std::error::Error as StdError;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use thiserror::Error;

use crate::mask::Excerpt;

#[cfg(feature = "token")]
pub use self::endpoint::EndpointError;
#[cfg(feature = "reqwest")]
pub use self::reqwest::ReqwestClient;

/// A boxed future, as the crate's object-safe traits return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends a request and reads the whole response, within limits.
///
/// An implementation must not follow redirects or decompress the body. It must stop reading at [`Limits::max_body`] and fail
/// at [`Limits::deadline`]. The crate checks the length of the body again.
pub trait HttpClient: fmt::Debug + Send + Sync {
    /// Sends `request`.
    ///
    /// # Errors
    ///
    /// [`HttpClientError`]. A response of any status is not an error.
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>>;
}

impl<T: HttpClient + ?Sized> HttpClient for Arc<T> {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        (**self).send(request, limits)
    }
}

/// The limits of one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// The time from the start of the connection to the last byte of the body.
    pub deadline: Duration,
    /// The maximum length of the response body in bytes.
    pub max_body: usize,
}

impl Limits {
    /// Limits with this deadline and this maximum length.
    pub const fn new(deadline: Duration, max_body: usize) -> Self {
        Self { deadline, max_body }
    }
}

/// Why there was no response.
///
/// The variants tell whether the request may have been processed: after [`Connect`](Self::Connect) and [`Setup`](Self::Setup) it was
/// not sent.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum HttpClientError {
    /// The response body exceeds the limit.
    #[error("the response is longer than {limit} bytes")]
    BodyTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// No connection could be made. Nothing was sent.
    #[error("no connection could be made: {}", innermost(.0.as_ref()))]
    Connect(#[source] Arc<dyn StdError + Send + Sync>),
    /// The client or its request could not be set up. Nothing was sent.
    #[error("the HTTP client or its request could not be set up: {}", innermost(.0.as_ref()))]
    Setup(#[source] Arc<dyn StdError + Send + Sync>),
    /// The deadline passed.
    #[error("no complete response within {deadline:?}")]
    Timeout {
        /// The deadline.
        deadline: Duration,
    },
    /// The connection failed, and the request may have been sent.
    #[error("the connection failed: {}", innermost(.0.as_ref()))]
    Transport(#[source] Arc<dyn StdError + Send + Sync>),
}

/// Whether the host of a URI is `localhost` or a loopback address. IPv6 addresses are in brackets.
#[cfg_attr(
    not(any(feature = "reqwest", feature = "token", feature = "verify")),
    allow(dead_code, reason = "without these, no URL is checked")
)]
pub(crate) fn is_loopback(host: &str) -> bool {
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match v6 {
        Some(v6) => v6.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback()),
        None => {
            host == "localhost" || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        }
    }
}

/// The last source of an error, which names the reason ("connection refused").
fn innermost(error: &(dyn StdError + 'static)) -> Excerpt {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    Excerpt::of(last.to_string())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn loopback_hosts() {
        assert!(is_loopback("127.0.0.1") && is_loopback("[::1]"));
        assert!(!is_loopback("127.0.0.1.example") && !is_loopback("[127.0.0.1]"));
    }
}

//! The HTTP client that the crate's downloads go through: one method, with limits, over [`http`] types.
//!
//! The crate speaks HTTP through [`HttpClient`] alone. Feature `reqwest` brings [`ReqwestClient`]; any other
//! client fits behind the trait in a few lines.

#[cfg(feature = "token")]
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

use crate::excerpt::Excerpt;

#[cfg(feature = "token")]
pub use self::endpoint::{Endpoint, EndpointError};
#[cfg(feature = "reqwest")]
pub use self::reqwest::ReqwestClient;

/// A boxed future, as the crate's object-safe traits return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends one request and reads the whole answer, within limits.
///
/// An implementation must not follow redirects, must not decompress the body, must stop reading at
/// [`Limits::max_body`] and must give up at [`Limits::deadline`]. The crate checks again what it can check.
pub trait HttpClient: fmt::Debug + Send + Sync {
    /// Sends `request`.
    ///
    /// # Errors
    ///
    /// [`HttpClientError`]; an answer of any status is no error.
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

/// What one request may cost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// From the start of the connection to the last byte of the body.
    pub deadline: Duration,
    /// Length of the answer's body in bytes.
    pub max_body: usize,
}

impl Limits {
    /// Both limits.
    pub const fn new(deadline: Duration, max_body: usize) -> Self {
        Self { deadline, max_body }
    }
}

/// Why there was no answer.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum HttpClientError {
    /// The answer's body is longer than allowed.
    #[error("the answer is longer than {limit} bytes")]
    BodyTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// There was no connection: nothing was sent.
    #[error("no connection could be made: {}", innermost(.0.as_ref()))]
    Connect(#[source] Arc<dyn StdError + Send + Sync>),
    /// The client or its request could not be set up: nothing was sent.
    #[error("the HTTP client or its request could not be set up: {}", innermost(.0.as_ref()))]
    Setup(#[source] Arc<dyn StdError + Send + Sync>),
    /// The deadline passed.
    #[error("no complete answer within {deadline:?}")]
    Timeout {
        /// The deadline.
        deadline: Duration,
    },
    /// The connection broke, or it is not known how far it came.
    #[error("the connection failed: {}", innermost(.0.as_ref()))]
    Transport(#[source] Arc<dyn StdError + Send + Sync>),
}

/// Whether the host of a URI is this very machine: `localhost`, or a loopback address, that of IPv6 in brackets.
///
/// ```
/// use partner_center_webhooks::http_client::is_loopback;
///
/// assert!(is_loopback("127.0.0.1") && is_loopback("[::1]"));
/// assert!(!is_loopback("127.0.0.1.example") && !is_loopback("[127.0.0.1]"));
/// ```
pub fn is_loopback(host: &str) -> bool {
    let v6 = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match v6 {
        Some(v6) => v6
            .parse()
            .is_ok_and(|address: Ipv6Addr| address.is_loopback()),
        None => {
            host == "localhost"
                || host
                    .parse()
                    .is_ok_and(|address: Ipv4Addr| address.is_loopback())
        }
    }
}

/// The last cause of a chain, which is the one that says what happened ("connection refused").
fn innermost(error: &(dyn StdError + 'static)) -> Excerpt {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    Excerpt::of(last.to_string())
}

//! Faults that a fake injects.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::header::{LOCATION, RETRY_AFTER};
use http::{Method, Response, StatusCode};

use super::response::{ErrorBody, header};

/// A fault of one request.
///
/// # Example: a response that is cut off, although the request was processed
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::time::Duration;
///
/// use bytes::Bytes;
/// use http::{Method, Request};
/// use partner_center_webhooks::http_client::{HttpClient, Limits, ReqwestClient};
/// use partner_center_webhooks::testing::partner_center::{Fault, PartnerCenter};
///
/// let fake = PartnerCenter::start().await?;
/// fake.inject_on(Method::DELETE, "/webhooks/", Fault::DropAfter);
/// assert_eq!(fake.pending_faults(), 1);
///
/// let request = Request::delete(format!("{}/webhooks/v1/registration", fake.base_url()));
/// let limits = Limits::new(Duration::from_secs(5), 1024);
/// assert!(ReqwestClient::new()?.send(request.body(Bytes::new())?, limits).await.is_err());
/// assert_eq!((fake.pending_faults(), fake.requests().len()), (0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The request is processed; the response body is cut in half, in valid HTTP.
    CutJson,
    /// The connection is closed without a response; the request is not processed.
    Drop,
    /// The request is processed; the connection is closed without a response.
    DropAfter,
    /// 307, which preserves method and body; the request is not processed.
    Redirect {
        /// The target URL.
        location: String,
    },
    /// The request is processed at once; the response is delayed by this time.
    Slow(Duration),
    /// This response; the request is not processed. See [`ErrorBody::response`].
    Status(Response<Bytes>),
    /// 429 as from the API's gateway; the request is not processed.
    Throttle {
        /// The `Retry-After` header: seconds or an HTTP date. `None` omits it.
        retry_after: Option<String>,
    },
    /// The request is processed; the connection is closed in the middle of the response body, before its announced length.
    Truncated,
}

impl Fault {
    /// An error with this status and body; the request is not processed.
    pub fn status(status: u16, body: &ErrorBody) -> Self {
        Self::Status(body.response(status))
    }

    /// The response of a fault that does not process the request.
    pub(crate) fn response(&self) -> Option<Response<Bytes>> {
        match self {
            Self::Redirect { location } => {
                let mut response =
                    ErrorBody::Empty.response(StatusCode::TEMPORARY_REDIRECT.as_u16());
                response.headers_mut().insert(LOCATION, header(location));
                Some(response)
            }
            Self::Status(response) => Some(response.clone()),
            Self::Throttle { retry_after } => Some(throttled(retry_after.as_deref())),
            Self::CutJson | Self::Drop | Self::DropAfter | Self::Slow(_) | Self::Truncated => None,
        }
    }
}

/// 429 as from the API's gateway, with `Retry-After` if given.
pub(crate) fn throttled(retry_after: Option<&str>) -> Response<Bytes> {
    let seconds = retry_after.and_then(|text| text.parse().ok());
    let mut response = match seconds {
        Some(seconds) => ErrorBody::Throttled { seconds }.response(429),
        None => ErrorBody::web_api("Rate limit is exceeded.").response(429),
    };
    if let Some(retry_after) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, header(retry_after));
    }
    response
}

/// The pending faults, in order.
#[derive(Default)]
pub(crate) struct Faults {
    any: VecDeque<Fault>,
    chosen: Vec<Chosen>,
}

/// A fault of matching requests only.
struct Chosen {
    method: Method,
    prefix: String,
    fault: Fault,
}

impl Faults {
    /// Adds a fault of any request.
    pub(crate) fn push(&mut self, fault: Fault) {
        self.any.push_back(fault);
    }

    /// Adds a fault of requests with this method and path prefix. These take precedence over faults of any request.
    pub(crate) fn push_on(&mut self, method: Method, prefix: String, fault: Fault) {
        self.chosen.push(Chosen { method, prefix, fault });
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn len(&self) -> usize {
        self.any.len().saturating_add(self.chosen.len())
    }

    /// The fault of this request: the first one chosen for it, or else the first one for any request.
    pub(crate) fn next(&mut self, method: &Method, path: &str) -> Option<Fault> {
        let chosen = self
            .chosen
            .iter()
            .position(|chosen| chosen.method == method && path.starts_with(&chosen.prefix));
        match chosen {
            Some(at) => Some(self.chosen.remove(at).fault),
            None => self.any.pop_front(),
        }
    }
}

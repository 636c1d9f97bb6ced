//! One operation of an API.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use crate::mask::secret::SecretString;

/// One operation: what is sent, and what limits it.
#[derive(Clone)]
pub(crate) struct Call<'a> {
    /// Its name in the documentation.
    pub(crate) operation: &'static str,
    /// PUT and GET are repeatable by default.
    pub(crate) method: Method,
    /// Path and query, relative to the endpoint.
    pub(crate) path: &'a str,
    /// The same bytes in each attempt.
    pub(crate) body: Option<Bytes>,
    /// The type of the body. Default: JSON.
    pub(crate) content_type: HeaderValue,
    /// Extra headers.
    pub(crate) headers: &'a [(HeaderName, HeaderValue)],
    /// Whether it may be processed twice.
    pub(crate) is_repeatable: bool,
    /// Overrides the number of retries in the policy.
    pub(crate) max_retries: Option<usize>,
    /// Maximum length of the response in bytes.
    pub(crate) max_response: usize,
    /// Checked before each attempt; the error is the wait until the next attempt is allowed.
    pub(crate) limit: Option<&'a (dyn Fn() -> Result<(), Duration> + Send + Sync)>,
    /// Secrets in the body, redacted from errors because services quote requests.
    pub(crate) secrets: &'a [SecretString],
}

impl<'a> Call<'a> {
    /// A call with a JSON body or none. It is repeatable if its method is GET or PUT.
    ///
    /// A POST is not repeatable, because it may have been processed before its response was lost; a caller that knows better says so.
    pub(crate) fn new(operation: &'static str, method: Method, path: &'a str) -> Self {
        Self {
            operation,
            is_repeatable: method == Method::GET || method == Method::PUT,
            method,
            path,
            body: None,
            content_type: JSON,
            headers: &[],
            max_retries: None,
            max_response: MAX_RESPONSE,
            limit: None,
            secrets: &[],
        }
    }
}

/// The media type of most bodies.
///
/// Some operations of Event Grid send others.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// 8 MiB: responses of the registration API are below a KiB, but a list of resources can be long.
const MAX_RESPONSE: usize = 8 * 1024 * 1024;

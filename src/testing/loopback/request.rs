//! Recorded requests.

use std::fmt;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, Method, Uri};
use serde_json::Value;

use crate::mask::Excerpt;

/// A request as received, including those that met a [`Fault`](crate::testing::partner_center::Fault).
///
/// # Example
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::time::Duration;
///
/// use bytes::Bytes;
/// use http::Request;
/// use partner_center_webhooks::http_client::{HttpClient, Limits, ReqwestClient};
/// use partner_center_webhooks::testing::PartnerCenter;
///
/// let fake = PartnerCenter::start().await?;
/// let request = Request::put(format!("{}/v1/x?y=1", fake.base_url()))
///     .header("authorization", "Bearer secret")
///     .body(Bytes::from(r#"{"a":1}"#))?;
/// ReqwestClient::new()?.send(request, Limits::new(Duration::from_secs(5), 4096)).await?;
///
/// let recorded = &fake.requests()[0];
/// assert_eq!((recorded.method().as_str(), recorded.path()), ("PUT", "/v1/x"));
/// assert_eq!(recorded.path_and_query(), "/v1/x?y=1");
/// assert_eq!(recorded.header("authorization"), Some("Bearer secret"));
/// assert_eq!(recorded.json().expect("JSON")["a"], 1);
/// assert!(!format!("{recorded:?}").contains("secret"));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `Debug` hides the values of `Authorization`, `Cookie`, `aeg-sas-key` and `aeg-sas-token`, and the secrets of a token
/// request.
#[derive(Clone)]
pub struct RecordedRequest {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl RecordedRequest {
    pub(crate) fn new(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Self {
        Self { method, uri, headers, body }
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The path and query, as sent.
    pub fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", |both| both.as_str())
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The value of one header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body's bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as JSON; `None` if it is not JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as form fields.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// Whether the media type is `essence`, in any case and with any parameters (RFC 9110, section 8.3.1).
    pub(crate) fn is_of_type(&self, essence: &str) -> bool {
        let sent = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let sent = sent.split(';').next().unwrap_or_default();
        sent.trim().eq_ignore_ascii_case(essence)
    }

    /// The body for `Debug`: an excerpt, or the fields of a form with the values hidden that may be secret.
    fn shown_body(&self) -> String {
        if !self.is_of_type(FORM) {
            return Excerpt::of(&self.body).to_string();
        }
        let shown = self.form().into_iter().map(|(name, value)| {
            let value = match OPEN_FIELDS.contains(&name.as_str()) {
                true => value,
                false => HIDDEN.to_owned(),
            };
            format!("{name}={value}")
        });
        shown.collect::<Vec<_>>().join("&")
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut headers = self.headers.clone();
        for (name, value) in &mut headers {
            if HIDDEN_HEADERS.contains(name) {
                *value = http::HeaderValue::from_static(HIDDEN);
            }
        }
        f.debug_struct("RecordedRequest")
            .field("method", &self.method)
            .field("path_and_query", &self.path_and_query())
            .field("headers", &headers)
            .field("body", &self.shown_body())
            .finish()
    }
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
/// The fields of a token request that are not secret. Any other may be.
const OPEN_FIELDS: &[&str] = &["client_id", "grant_type", "resource", "scope"];
static HIDDEN_HEADERS: [HeaderName; 4] = [
    AUTHORIZATION,
    COOKIE,
    HeaderName::from_static("aeg-sas-key"),
    HeaderName::from_static("aeg-sas-token"),
];
const HIDDEN: &str = "(hidden)";

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn debug_hides_secrets() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer secret-1"));
        headers.insert("aeg-sas-key", HeaderValue::from_static("secret-4"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        let request = RecordedRequest::new(
            Method::POST,
            "/tenant/oauth2/token".parse().unwrap(),
            headers,
            "grant_type=refresh_token&client_secret=secret-2&refresh_token=secret-3".into(),
        );
        let shown = format!("{request:?}");
        assert!(shown.contains("grant_type=refresh_token&client_secret=(hidden)"), "{shown}");
        assert!(!shown.contains("secret-"), "{shown}");
        assert_eq!(request.header("authorization"), Some("Bearer secret-1"));
    }
}

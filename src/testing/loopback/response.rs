//! Response bodies: JSON, and every shape of Microsoft's errors.

use std::fmt::Write as _;

use aws_lc_rs::rand;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use thiserror::Error;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use uuid::{Builder, Uuid};

/// An error body, in one of the shapes that clients of Microsoft's services must read.
///
/// One client meets several of them: a call to Partner Center can be refused by Entra, by the API's gateway, by the front end
/// (HTML or nothing) or by the API itself, each in its own shape. The status comes with [`response`](Self::response).
///
/// # Source
///
/// "Error codes" and "API throttling guidance" of Partner Center; the error documents of Entra, OData and ASP.NET; a
/// recorded response of Event Grid.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::testing::partner_center::ErrorBody;
///
/// let body = ErrorBody::Throttled { seconds: 57 }.text();
/// assert_eq!(body, r#"{"message":"Rate limit is exceeded. Try again in 57 seconds.","statusCode":429}"#);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorBody {
    /// `{"error":{"code":…,"message":…,"details":[{"code":…,"message":…}]}}`, as from Event Grid.
    Azure {
        /// For example `NotFound`.
        code: String,
        /// The text.
        message: String,
        /// The code of the only detail, for example `ResourceNotFound`.
        detail: String,
    },
    /// An empty body, as from front ends.
    Empty,
    /// `{"error":"invalid_grant","error_description":"AADSTS…",…}`, as from Entra's token endpoint.
    Entra {
        /// The OAuth error, for example `invalid_client`.
        error: &'static str,
        /// The number after `AADSTS`.
        code: u32,
        /// The text after it.
        description: String,
    },
    /// An HTML page, as from front ends.
    Html,
    /// `{"error":{"code":…,"message":…}}`, as from `api.partner.microsoft.com` and Graph.
    OData {
        /// For example `InvalidAuthenticationToken`.
        code: String,
        /// The text.
        message: String,
    },
    /// `{"code":…,"description":…,"data":[],"source":…}`, Partner Center's own.
    Standard {
        /// Numeric text, for example `800002`.
        code: String,
        /// The text.
        description: String,
    },
    /// `{"error":{"code":…,"message":…}}`, as from Azure Resource Manager.
    ResourceManager {
        /// For example `ResourceNotFound`.
        code: String,
        /// The text.
        message: String,
    },
    /// `{"statusCode":429,"message":"Rate limit is exceeded. Try again in 57 seconds."}`, as from the API's gateway.
    Throttled {
        /// The wait, in seconds.
        seconds: u64,
    },
    /// `{"Message":…}`, as from ASP.NET.
    WebApi {
        /// The text.
        message: String,
    },
}

impl ErrorBody {
    /// A body in Partner Center's own shape.
    pub fn standard(code: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Standard { code: code.into(), description: description.into() }
    }

    /// A body in ASP.NET's shape.
    pub fn web_api(message: impl Into<String>) -> Self {
        Self::WebApi { message: message.into() }
    }

    /// The body as text.
    pub fn text(&self) -> String {
        match self {
            Self::Azure {
                code,
                message,
                detail,
            } => json!({"error": {
                "code": code,
                "message": message,
                "details": [{"code": detail, "message": message}],
            }})
            .to_string(),
            Self::Empty => String::new(),
            Self::Entra {
                error,
                code,
                description,
            } => entra(error, *code, description).to_string(),
            Self::Html => HTML.to_owned(),
            Self::OData { code, message } => {
                json!({"error": {"code": code, "message": message, "target": null, "innerError": null}}).to_string()
            }
            Self::ResourceManager { code, message } => {
                json!({"error": {"code": code, "message": message}}).to_string()
            }
            Self::Standard { code, description } => json!({
                "code": code,
                "description": description,
                "data": [],
                "source": "PartnerCenterWebhooks",
            })
            .to_string(),
            Self::Throttled { seconds } => json!({
                "statusCode": 429,
                "message": format!("Rate limit is exceeded. Try again in {seconds} seconds."),
            })
            .to_string(),
            Self::WebApi { message } => json!({"Message": message}).to_string(),
        }
    }

    /// A response with this `status` and body. An invalid status becomes 500.
    pub fn response(&self, status: u16) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.text()));
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content_type = match self {
            Self::Empty => return response,
            Self::Html => "text/html",
            _ => JSON,
        };
        let content_type = HeaderValue::from_static(content_type);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }
}

/// The body of Entra's token endpoint. Clients read the code, and support asks for the trace and correlation ids.
fn entra(error: &str, code: u32, description: &str) -> Value {
    let (trace, correlation) = (guid().to_string(), guid().to_string());
    let mut timestamp = date_time(OffsetDateTime::now_utc(), 0).replace('T', " ");
    timestamp.push('Z');
    json!({
        "error": error,
        "error_description": format!(
            "AADSTS{code}: {description} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
        ),
        "error_codes": [code],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
    })
}

/// Why a fake refuses a request: the status and body of its response.
pub(crate) struct Refusal {
    status: u16,
    body: ErrorBody,
}

impl Refusal {
    pub(crate) fn new(status: u16, body: ErrorBody) -> Self {
        Self { status, body }
    }

    pub(crate) fn response(&self) -> Response<Bytes> {
        self.body.response(self.status)
    }
}

/// The body of a response, which may be sent in parts.
pub(crate) type Body = UnsyncBoxBody<Bytes, Cut>;

/// Makes hyper close the connection at once.
#[derive(Debug, Error)]
#[error("the connection is cut on purpose")]
pub(crate) struct Cut;

/// A response whose body is sent at once.
pub(crate) fn whole(response: Response<Bytes>) -> Response<Body> {
    response.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync())
}

/// A 200 response with this body.
pub(crate) fn ok(body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    let content_type = HeaderValue::from_static(JSON);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// `text` as a header value, or an empty value if it cannot be one.
pub(crate) fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A new GUID.
pub(crate) fn guid() -> Uuid {
    let mut bytes = [0; 16];
    // Without randomness no key can be generated either, so equal ids do not matter.
    let _ = rand::fill(&mut bytes);
    Builder::from_random_bytes(bytes).into_uuid()
}

/// ISO 8601 without an offset, with `digits` fractional digits: how the API writes times that only their names mark as UTC.
pub(crate) fn date_time(at: OffsetDateTime, digits: usize) -> String {
    let whole = at.replace_nanosecond(0).unwrap_or(at).to_offset(UtcOffset::UTC);
    let text = whole.format(&Rfc3339).unwrap_or_default();
    let mut text = text.trim_end_matches('Z').to_owned();
    if digits > 0 {
        let nanoseconds = format!("{:09}", at.nanosecond());
        let _ = write!(text, ".{}", nanoseconds.get(..digits).unwrap_or_default());
    }
    text
}

/// What a front end shows when nothing behind it responds.
const HTML: &str =
    "<!DOCTYPE html><html><body><h1>Our services aren't available right now</h1></body></html>";
const JSON: &str = "application/json; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_no_offset() {
        let at = OffsetDateTime::from_unix_timestamp_nanos(1_512_769_188_238_699_700).unwrap();
        assert_eq!(date_time(at, 7), "2017-12-08T21:39:48.2386997");
        assert_eq!(date_time(at, 0), "2017-12-08T21:39:48");
    }
}

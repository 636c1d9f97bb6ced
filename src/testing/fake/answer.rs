//! What the fake says: JSON, and every shape that Microsoft's errors come in.

use std::fmt::Write as _;

use aws_lc_rs::rand;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::{Builder, Uuid};

/// The body of an error, in one of the shapes that a client of Microsoft's services has to read.
///
/// # Source
///
/// "Error codes" and "API throttling guidance" of Partner Center; the error documents of Entra, OData and ASP.NET; a
/// recorded answer of Event Grid.
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
        /// As in `NotFound`.
        code: String,
        /// A sentence.
        message: String,
        /// The code of the one detail, as in `ResourceNotFound`.
        detail: String,
    },
    /// Nothing, as from front ends.
    Empty,
    /// `{"error":"invalid_grant","error_description":"AADSTS…",…}`, as from Entra's token endpoint.
    Entra {
        /// The OAuth error, as in `invalid_client`.
        error: &'static str,
        /// The number after `AADSTS`.
        code: u32,
        /// The sentence after it.
        description: String,
    },
    /// A page, as from front ends.
    Html,
    /// `{"error":{"code":…,"message":…}}`, as from `api.partner.microsoft.com` and Graph.
    OData {
        /// As in `InvalidAuthenticationToken`.
        code: String,
        /// A sentence.
        message: String,
    },
    /// `{"code":…,"description":…,"data":[],"source":…}`, Partner Center's own.
    Standard {
        /// Numeric text, as in `800002`.
        code: String,
        /// A sentence.
        description: String,
    },
    /// `{"statusCode":429,"message":"Rate limit is exceeded. Try again in 57 seconds."}`, as from the API's gateway.
    Throttled {
        /// How long to wait.
        seconds: u64,
    },
    /// `{"Message":…}`, as from ASP.NET.
    WebApi {
        /// A sentence.
        message: String,
    },
}

impl ErrorBody {
    /// Partner Center's own shape.
    pub fn standard(code: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Standard {
            code: code.into(),
            description: description.into(),
        }
    }

    /// ASP.NET's shape.
    pub fn web_api(message: impl Into<String>) -> Self {
        Self::WebApi {
            message: message.into(),
        }
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
            Self::Html => "<!DOCTYPE html><html><body><h1>Our services aren't available right now</h1></body></html>".to_owned(),
            Self::OData { code, message } => {
                json!({"error": {"code": code, "message": message, "target": null, "innerError": null}}).to_string()
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

    /// An answer of this `status` with this body. What is no status becomes 500.
    pub fn answer(&self, status: u16) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::from(self.text()));
        *answer.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content_type = match self {
            Self::Empty => return answer,
            Self::Html => "text/html",
            _ => JSON,
        };
        let content_type = HeaderValue::from_static(content_type);
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
        answer
    }
}

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

/// An answer of 200 with this body.
pub(in crate::testing) fn ok(body: &Value) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body.to_string()));
    let content_type = HeaderValue::from_static(JSON);
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

/// Text, if it can be a header's value at all.
pub(in crate::testing) fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A new GUID.
pub(in crate::testing) fn guid() -> Uuid {
    let mut bytes = [0; 16];
    // Without randomness nothing here has keys either; two equal ids are then the least of all troubles.
    let _ = rand::fill(&mut bytes);
    Builder::from_random_bytes(bytes).into_uuid()
}

/// ISO 8601 without an offset, with so many digits of a second: as the API writes times that are UTC by name only.
pub(in crate::testing) fn date_time(at: OffsetDateTime, digits: usize) -> String {
    let mut text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
    if digits > 0 {
        let nanoseconds = format!("{:09}", at.nanosecond());
        let _ = write!(text, ".{}", nanoseconds.get(..digits).unwrap_or_default());
    }
    text
}

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

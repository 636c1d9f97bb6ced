//! A delivery's request as HTTP/1.1 and as a command line, to send it again or to judge it elsewhere.
//!
//! Headers are those of the signed callback, with the host and the length that every client adds.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Uri};

use crate::testing::partner_center::deliveries::sent_headers;
use crate::testing::partner_center::delivery::Delivery;

/// The request as it is sent: the format that `partner-center verify --request FILE` reads.
pub(super) fn bytes(delivery: &Delivery) -> Bytes {
    let mut bytes = head(delivery).into_bytes();
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&delivery.body);
    bytes.into()
}

/// The request line and the headers, each with its line break.
pub(super) fn head(delivery: &Delivery) -> String {
    let uri: Uri = delivery.webhook_url.parse().unwrap_or_default();
    let target = uri.path_and_query().map_or("/", |both| both.as_str());
    let mut headers = headers(delivery);
    if let Some(Ok(host)) = uri.authority().map(|host| HeaderValue::from_str(host.as_str())) {
        headers.insert(HOST, host);
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(delivery.body.len()));
    format!("POST {target} HTTP/1.1\r\n{}", lines(&headers))
}

/// A line for each header. Values that are not UTF-8 are shown with replacement characters.
pub(super) fn lines(headers: &HeaderMap) -> String {
    let line = |(name, value): (_, &HeaderValue)| {
        format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()))
    };
    headers.iter().map(line).collect()
}

/// The same request as a command of `curl`; `None` if the body cannot be written in a shell.
pub(super) fn curl(delivery: &Delivery) -> Option<String> {
    let body = std::str::from_utf8(&delivery.body).ok();
    let body = body.filter(|body| body.chars().all(|c| c == '\n' || !c.is_control()))?;
    let mut command = format!("curl -i {}", quoted(&delivery.webhook_url));
    for (name, value) in &headers(delivery) {
        let header = format!("{name}: {}", value.to_str().ok()?);
        command.push_str(&format!(" \\\n  -H {}", quoted(&header)));
    }
    command.push_str(&format!(" \\\n  --data-raw {}", quoted(body)));
    Some(command)
}

/// A word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The headers of the latest attempt; none before the first has signed the callback.
fn headers(delivery: &Delivery) -> HeaderMap {
    let callback = delivery.callback.as_ref();
    callback.map(sent_headers).unwrap_or_default()
}

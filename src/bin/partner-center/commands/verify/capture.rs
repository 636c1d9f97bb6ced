//! A request as it was captured.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue};
use partner_center_webhooks::envelope::CERTIFICATE_URL_HEADER;
use serde_json::Value;

/// Headers and, if it was captured, the body.
pub(super) struct Captured {
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
}

impl Captured {
    /// Reads a HAR file, a `curl -v` trace, or a raw request.
    pub(super) fn request(bytes: &[u8]) -> Result<Self, String> {
        if let Ok(json) = serde_json::from_slice::<Value>(bytes) {
            return har(&json);
        }
        if is_trace(bytes) {
            return trace(bytes);
        }
        raw(bytes)
    }
}

/// The headers of a request, with its request line or without.
pub(super) fn headers(bytes: &[u8]) -> Result<HeaderMap, String> {
    let lines = bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .zip(1..)
        .skip_while(|(line, _)| line.is_empty() || is_request_line(line))
        .take_while(|(line, _)| !line.is_empty());
    let mut headers = HeaderMap::new();
    for (line, number) in lines {
        let (name, value) = header(line)
            .ok_or_else(|| format!("line {number} is not of the form `Name: value`"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// A request as it is on the wire. Line breaks may have lost their carriage returns.
fn raw(bytes: &[u8]) -> Result<Captured, String> {
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or_default();
    let bytes = bytes.get(start..).unwrap_or_default();
    let headers = headers(bytes)?;
    let end = |separator: &[u8]| {
        let mut windows = bytes.windows(separator.len());
        windows.position(|window| window == separator).map(|at| at + separator.len())
    };
    let body = match [end(b"\r\n\r\n"), end(b"\n\n")].into_iter().flatten().min() {
        Some(start) => bytes.get(start..).unwrap_or_default(),
        None => return Ok(Captured { headers, body: None }),
    };
    // An editor may have added a line break.
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(body.len());
    let body = body.get(..length).unwrap_or(body);
    Ok(Captured { headers, body: Some(body.to_vec()) })
}

/// Whether lines begin with the marks of `curl -v`.
fn is_trace(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    lines.any(|line| {
        line.strip_prefix(b"> ").is_some_and(|line| is_request_line(line.trim_ascii_end()))
    })
}

/// The request in a `curl -v` trace, which shows no body.
fn trace(bytes: &[u8]) -> Result<Captured, String> {
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let sent = lines.filter_map(|line| match line {
        b">" => Some(&b""[..]),
        line => line.strip_prefix(b"> "),
    });
    let head: Vec<_> = sent.skip_while(|line| !is_request_line(line)).collect();
    Ok(Captured { headers: headers(&head.join(&b'\n'))?, body: None })
}

/// A HAR file, one of its entries, or the request of one. Of several, the first one with a certificate URL.
fn har(json: &Value) -> Result<Captured, String> {
    let entries = json.pointer("/log/entries").and_then(Value::as_array);
    let requests: Vec<_> = match entries {
        Some(entries) => entries.iter().filter_map(|entry| entry.get("request")).collect(),
        None => vec![json.get("request").unwrap_or(json)],
    };
    let captured: Result<Vec<_>, _> = requests.into_iter().map(har_request).collect();
    let mut captured = captured?;
    let signed = captured.iter().position(|each| each.headers.contains_key(CERTIFICATE_URL_HEADER));
    match captured.is_empty() {
        true => Err("the HAR file has no request".to_owned()),
        false => Ok(captured.swap_remove(signed.unwrap_or_default())),
    }
}

fn har_request(request: &Value) -> Result<Captured, String> {
    let pairs = request.get("headers").and_then(Value::as_array);
    let pairs = pairs.ok_or("it is JSON, but not a HAR file: it has no `headers`")?;
    let mut headers = HeaderMap::new();
    for pair in pairs {
        let text = |name: &str| pair.get(name).and_then(Value::as_str).unwrap_or_default();
        let (name, value) = (text("name"), text("value"));
        // The pseudo-headers of HTTP/2.
        if name.starts_with(':') {
            continue;
        }
        let line = format!("{name}:{value}");
        let (name, value) = header(line.as_bytes())
            .ok_or_else(|| format!("header `{}` is malformed", name.escape_debug()))?;
        headers.append(name, value);
    }
    let posted = request.get("postData");
    let text = posted.and_then(|posted| posted.get("text")).and_then(Value::as_str);
    let encoding = posted.and_then(|posted| posted.get("encoding")).and_then(Value::as_str);
    let body = match (text, encoding) {
        (Some(text), Some("base64")) => {
            Some(STANDARD.decode(text).map_err(|error| format!("postData: {error}"))?)
        }
        (text, _) => text.map(|text| text.as_bytes().to_vec()),
    };
    Ok(Captured { headers, body })
}

/// Whether `line` is such as `POST /webhooks/callback HTTP/1.1`.
fn is_request_line(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ');
    words.next().is_some_and(|method| !method.contains(&b':'))
        && words.next_back().is_some_and(|version| version.starts_with(b"HTTP/"))
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (line.get(..colon)?, line.get(colon..)?.get(1..)?);
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value.trim_ascii()).ok()?))
}

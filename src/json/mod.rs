//! JSON that is kept as text, JSON of responses, and dates.
//!
//! - [`raw`] keeps the JSON of events as text, so that an event is passed on digit for digit.
//! - [`response`] reads responses of services: one reader for all clients, which tells truncated JSON from malformed JSON.
//! - [`date`] reads the dates of both.
//!
//! Some of Microsoft's services put a byte order mark before JSON, which RFC 8259 (section 8.1) allows readers to ignore.

#[cfg(feature = "event")]
pub(crate) mod date;
#[cfg(feature = "event")]
pub(crate) mod raw;
#[cfg(feature = "token")]
pub(crate) mod response;

/// `text` without the byte order mark that some of Microsoft's services put before it.
#[cfg_attr(not(feature = "event"), allow(dead_code, reason = "some sets of features read no JSON"))]
pub(crate) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

//! JSON: kept as text, read from responses, and its dates.

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

//! The mark before a text in UTF-8, which has no meaning there.

/// `json` without the byte order mark that some of Microsoft's services put before it.
pub(crate) fn without_mark(json: &[u8]) -> &[u8] {
    json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json)
}

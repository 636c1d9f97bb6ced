//! JSON, one line each.

use serde::Serialize;

/// `value` as JSON without line breaks.
///
/// An event serializes to the text that was received, which may be spread over lines. In JSON a raw line break can
/// only be whitespace between tokens, so a blank does as well.
pub(crate) fn line(value: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(value)?.replace(['\n', '\r'], " "))
}

//! Dates in Microsoft's JSON.
//!
//! They are kept as text, and parsed only on request: an unreadable date is not an error.

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Reads RFC 3339, and converts to UTC; a date without an offset is UTC.
///
/// Partner Center writes up to seven digits of a second, with an offset, with `Z`, or with neither. The precision is kept. `None` for
/// any other text, and for dates that UTC cannot express.
pub(crate) fn date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339))
        .ok()?
        .checked_to_offset(UtcOffset::UTC)
}

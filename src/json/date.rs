//! Dates as Microsoft writes them.

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Reads RFC 3339, in UTC; a date without an offset is taken as UTC.
pub(crate) fn date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339))
        .ok()?
        .checked_to_offset(UtcOffset::UTC)
}

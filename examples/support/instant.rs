//! A point in time on the command line.

use std::str::FromStr;
use std::time::Duration;

use rustls_pki_types::UnixTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The value of `--at`.
pub(crate) struct Instant(pub(crate) UnixTime);

impl FromStr for Instant {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .and_then(|time| u64::try_from(time.unix_timestamp()).ok())
            .map(|seconds| Self(UnixTime::since_unix_epoch(Duration::from_secs(seconds))))
            .ok_or("not a time (expected RFC 3339 since 1970, as in 2026-08-01T12:00:00Z)")
    }
}

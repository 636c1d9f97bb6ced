//! Values of options.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use partner_center_webhooks::chain::UnixTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A duration such as `250ms`, `30s`, `5m`, `12h` or `7d`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(end).unwrap_or_default();
        let number: Option<u64> = number.parse().ok();
        let milliseconds = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
        number
            .zip(milliseconds)
            .and_then(|(number, size)| number.checked_mul(size))
            .map(|milliseconds| Self(Duration::from_millis(milliseconds)))
            .ok_or("it is not a duration (expected for example 250ms, 30s, 5m, 12h or 7d)")
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let mut units = UNITS.iter().rev();
        let fitting = units.find(|(_, size)| milliseconds > 0 && milliseconds % size == 0);
        match fitting {
            Some((unit, size)) => write!(f, "{}{unit}", milliseconds / size),
            None => f.write_str("0s"),
        }
    }
}

/// Units of durations in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// An instant in RFC 3339.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant(pub(crate) UnixTime);

impl FromStr for Instant {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .and_then(|time| u64::try_from(time.unix_timestamp()).ok())
            .map(|seconds| Self(UnixTime::since_unix_epoch(Duration::from_secs(seconds))))
            .ok_or("it is not a time (expected RFC 3339 since 1970, such as 2026-08-01T12:00:00Z)")
    }
}

/// A URL prefix. The slash at the end is added if it is missing, unless the last segment looks like a file.
#[derive(Clone, Debug)]
pub(crate) struct Prefix(pub(crate) String);

impl FromStr for Prefix {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let is_folder = match rest.rsplit_once('/') {
            Some((_, last)) => !last.is_empty() && !last.contains(['.', '?', '#']),
            None => !rest.is_empty() && !rest.contains(['?', '#']),
        };
        let slash = if is_folder { "/" } else { "" };
        Ok(Self(format!("{text}{slash}")))
    }
}

/// The path of callbacks if none is configured.
pub(crate) const CALLBACK_PATH: &str = "/webhooks/callback";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, milliseconds) in
            [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("12h", 43_200_000), ("0s", 0)]
        {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0, Duration::from_millis(milliseconds));
            assert_eq!(span.to_string(), text);
        }
        for text in ["", "30", "s", "1.5s", "-1s", "30 s", "30S", "99999999999999999999s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn prefixes_get_the_slash_that_is_missing() {
        for (text, prefix) in [
            ("http://127.0.0.1:9000/cert", "http://127.0.0.1:9000/cert/"),
            ("http://127.0.0.1:9000/cert/", "http://127.0.0.1:9000/cert/"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/"),
            ("http://127.0.0.1:9000/a.cer", "http://127.0.0.1:9000/a.cer"),
        ] {
            assert_eq!(text.parse::<Prefix>().unwrap().0, prefix);
        }
    }

    #[test]
    fn instants_are_rfc_3339() {
        assert_eq!("1970-01-01T00:00:01Z".parse::<Instant>().unwrap().0.as_secs(), 1);
        assert!("1969-12-31T23:59:59Z".parse::<Instant>().is_err());
        assert!("yesterday".parse::<Instant>().is_err());
    }
}

//! The `Retry-After` header of an answer.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// When to try again, if that was said: in seconds, or as a date.
///
/// A date counts from the answer's own `Date`, so that it does not matter how well the two clocks agree. One that is past
/// is zero. Source: RFC 9110, section 10.2.3.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let from = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let wait = until.duration_since(from.unwrap_or_else(SystemTime::now));
    Some(wait.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn seconds_and_dates() {
        for (value, date, seconds) in [
            ("57", None, Some(57)),
            (" 0 ", None, Some(0)),
            (
                "Sat, 21 Nov 2026 00:00:57 GMT",
                Some("Sat, 21 Nov 2026 00:00:00 GMT"),
                Some(57),
            ),
            (
                "Sat, 21 Nov 2026 00:00:00 GMT",
                Some("Sat, 21 Nov 2026 00:00:57 GMT"),
                Some(0),
            ),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None, Some(0)),
            ("-1", None, None),
            ("1.5", None, None),
            ("soon", None, None),
            ("", None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            if let Some(date) = date {
                headers.insert(DATE, HeaderValue::from_static(date));
            }
            assert_eq!(
                retry_after(&headers),
                seconds.map(Duration::from_secs),
                "{value:?}"
            );
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}

//! How long to wait before a retry: from the header `Retry-After`, or from the message of a refusal.

use std::time::{Duration, SystemTime};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

/// The wait in the header `Retry-After`: seconds, or a date.
///
/// A date counts from the response's own `Date`, so the two clocks need not agree. A past date is zero.
/// Source: RFC 9110, section 10.2.3.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let from = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let wait = until.duration_since(from.unwrap_or_else(SystemTime::now));
    Some(wait.unwrap_or_default())
}

/// The wait in the message of a 429 or 503, such as "Try again in 57 seconds"; at most [`LONGEST_IN_WORDS`].
///
/// Source: "API throttling guidance for partners".
pub(crate) fn wait_in_words(status: StatusCode, words: &str) -> Option<Duration> {
    if ![StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status) {
        return None;
    }
    let is_around = |it: char| !it.is_ascii_alphanumeric() && it != '-';
    let words = words.split_whitespace().map(|word| word.trim_matches(is_around));
    let words: Vec<String> = words.map(str::to_ascii_lowercase).collect();
    // The advice comes last, after the cause.
    let at = (0..words.len()).rev().find_map(|at| wait_at(&words, at));
    at.map(|wait| wait.min(LONGEST_IN_WORDS))
}

/// The wait of "again in 57 seconds", "retry after 2 minutes" and the like, if its number is the word `at`.
fn wait_at(words: &[String], at: usize) -> Option<Duration> {
    let (before, rest) = words.split_at_checked(at)?;
    let number = rest.first()?;
    let digits = number.find(|it: char| !it.is_ascii_digit()).unwrap_or(number.len());
    let (number, unit) = number.split_at_checked(digits)?;
    let unit = match unit {
        "" => rest.get(1)?,
        unit => unit,
    };
    let seconds = match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        _ => return None,
    };
    let near: Vec<&str> = before.iter().rev().take(4).map(String::as_str).collect();
    let is_of = |words: &[&str], known: &[&str]| words.iter().any(|word| known.contains(word));
    let leads = near.first().is_some_and(|it| is_of(&[it], &["after", "for", "in", "wait"]));
    let is_advice = leads && is_of(&near, &["again", "blocked", "retried", "retry", "wait"]);
    let number: u64 = number.parse().ok().filter(|_| is_advice)?;
    Some(Duration::from_secs(number.saturating_mul(seconds)))
}

/// A wait in a message is a hint, and is limited to five minutes.
const LONGEST_IN_WORDS: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn seconds_and_dates() {
        for (value, date, seconds) in [
            ("57", None, Some(57)),
            (" 0 ", None, Some(0)),
            ("Sat, 21 Nov 2026 00:00:57 GMT", Some("Sat, 21 Nov 2026 00:00:00 GMT"), Some(57)),
            ("Sat, 21 Nov 2026 00:00:00 GMT", Some("Sat, 21 Nov 2026 00:00:57 GMT"), Some(0)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None, Some(0)),
            ("99999999999999999999999", None, Some(u64::MAX)),
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
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{value:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn waits_in_words() {
        for (status, words, seconds) in [
            (429, "Rate limit exceeded. Try again in 57 seconds.", Some(57)),
            (503, "Retry after 2 minutes", Some(120)),
            (429, "please WAIT 1 second, then retry", Some(1)),
            (429, "Blocked for 90 minutes.", Some(300)),
            (429, "Retry in 99999999999999999 minutes", Some(300)),
            (429, "Please try again after '372' seconds.", Some(300)),
            (429, "Retry after 57s.", Some(57)),
            (429, "At most 100 requests in 300 seconds. Try again in 5 seconds.", Some(5)),
            (503, "The request timed out after 2 minutes.", None),
            (503, "in 5 seconds", None),
            (500, "Try again in 57 seconds.", None),
            (400, "Try again in 57 seconds.", None),
            (429, "Try again in a few seconds.", None),
            (429, "Limit of 5 seconds exceeded", None),
            (429, "in -5 seconds", None),
            (429, "in 5 secondary regions", None),
            (429, "in 57", None),
            (429, "", None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let wait = wait_in_words(status, words);
            assert_eq!(wait, seconds.map(Duration::from_secs), "{words}");
        }
    }
}

//! Keys, signatures and tokens, judged without the code that makes them.

use std::collections::{HashMap, HashSet};
use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::{Date, Month, OffsetDateTime, Time};

use super::refusal::Refusal;
use crate::json::date::date;
use crate::testing::fake::answer::guid;
use crate::testing::fake::request::RecordedRequest;

/// What a request may show.
pub(super) struct Proofs {
    pub(super) keys: [String; 2],
    pub(super) tokens: HashSet<String>,
}

impl Proofs {
    pub(super) fn new() -> Self {
        Self {
            keys: [new_key(), new_key()],
            tokens: HashSet::new(),
        }
    }

    pub(super) fn regenerate_keys(&mut self) {
        self.keys = [new_key(), new_key()];
    }

    pub(super) fn give_token(&mut self) -> String {
        let token = format!("eyJ0eXAiOiJKV1Qi.{}", guid().simple());
        self.tokens.insert(token.clone());
        token
    }

    /// Whether `request` may publish to `endpoint`.
    pub(super) fn check(
        &self,
        request: &RecordedRequest,
        endpoint: &str,
        disable_local_auth: bool,
        now: OffsetDateTime,
    ) -> Result<(), Refusal> {
        let authorization = request.header("authorization").unwrap_or_default();
        let (scheme, rest) = authorization.split_once(' ').unwrap_or_default();
        let has_scheme = |name: &str| scheme.eq_ignore_ascii_case(name).then_some(rest);
        let key = request.header("aeg-sas-key");
        let signature = request.header("aeg-sas-token");
        let signature = signature.or_else(|| has_scheme("SharedAccessSignature"));
        let token = has_scheme("Bearer");
        match (key, signature, token) {
            (Some(_), ..) | (_, Some(_), _) if disable_local_auth => {
                Err(Refusal::unauthorized("Local authentication is disabled."))
            }
            (Some(key), None, None) if self.keys.iter().any(|known| known == key) => Ok(()),
            (Some(_), None, None) => Err(Refusal::unauthorized("The key is not valid.")),
            (None, Some(signature), None) => self.check_signature(signature, endpoint, now),
            (None, None, Some(token)) if self.tokens.contains(token) => Ok(()),
            (None, None, Some(_)) => Err(Refusal::unauthorized("The token is not valid.")),
            (None, None, None) => Err(Refusal::unauthorized(
                "Request must contain one of the following authorization signature: aeg-sas-token, aeg-sas-key.",
            )),
            _ => Err(Refusal::unauthorized(
                "The request shows more than one proof.",
            )),
        }
    }

    fn check_signature(
        &self,
        token: &str,
        endpoint: &str,
        now: OffsetDateTime,
    ) -> Result<(), Refusal> {
        let unauthorized = |what: &str| Refusal::unauthorized(format!("The signature {what}."));
        let parts: HashMap<_, _> = form_urlencoded::parse(token.as_bytes()).collect();
        let part = |name| parts.get(name).ok_or_else(|| unauthorized("lacks a part"));
        let (resource, expiry, signature) = (part("r")?, part("e")?, part("s")?);
        let (unsigned, _) = token.rsplit_once("&s=").unwrap_or_default();
        let signature = STANDARD
            .decode(&**signature)
            .map_err(|_| unauthorized("is not base64"))?;
        let is_signed = self.keys.iter().any(|key| {
            let key = STANDARD.decode(key).unwrap_or_default();
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
            hmac::verify(&key, unsigned.as_bytes(), &signature).is_ok()
        });
        if !is_signed {
            return Err(unauthorized("does not match"));
        }
        let end = instant(expiry).ok_or_else(|| unauthorized("has an end that is no time"))?;
        if end <= now {
            return Err(unauthorized("has expired"));
        }
        match is_for(resource, endpoint) {
            true => Ok(()),
            false => Err(unauthorized("is for another resource")),
        }
    }
}

impl fmt::Debug for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proofs").finish_non_exhaustive()
    }
}

fn new_key() -> String {
    let [one, other] = [guid(), guid()];
    STANDARD.encode([*one.as_bytes(), *other.as_bytes()].concat())
}

/// Whether `resource` is `endpoint` or what it begins with, up to a slash. The query, which each client writes as it likes,
/// does not count.
fn is_for(resource: &str, endpoint: &str) -> bool {
    let resource = resource.split('?').next().unwrap_or_default();
    let resource = resource.trim_end_matches('/').to_ascii_lowercase();
    let rest = endpoint.strip_prefix(&*resource);
    resource.contains("://") && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A time as .NET writes it for en-US, as Python writes it, or as RFC 3339 has it.
fn instant(text: &str) -> Option<OffsetDateTime> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [day, clock, half] = words.as_slice() else {
        return date(&text.replacen(' ', "T", 1));
    };
    let numbers = |text: &str, separator| -> Option<Vec<u16>> {
        text.split(separator)
            .map(|number| number.parse().ok())
            .collect()
    };
    let (day, clock) = (numbers(day, '/')?, numbers(clock, ':')?);
    let (&[month, day, year], &[hour, minute, second]) = (day.as_slice(), clock.as_slice()) else {
        return None;
    };
    let afternoon = match *half {
        "AM" => 0,
        "PM" => 12,
        _ => return None,
    };
    let hour = (1..=12).contains(&hour).then_some(hour % 12 + afternoon)?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let small = |number: u16| u8::try_from(number).ok();
    let day = Date::from_calendar_date(year.into(), month, small(day)?).ok()?;
    let clock = Time::from_hms(small(hour)?, small(minute)?, small(second)?).ok()?;
    Some(day.with_time(clock).assume_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_all_clients() {
        for (text, unix) in [
            ("1/1/2020 12:00:00 AM", Some(1_577_836_800)),
            ("12/31/2020 11:59:59 PM", Some(1_609_459_199)),
            ("1/1/2020 12:00:00 PM", Some(1_577_880_000)),
            ("2020-01-01 00:00:00", Some(1_577_836_800)),
            ("2020-01-01 00:00:00.123456+00:00", Some(1_577_836_800)),
            ("2020-01-01T01:00:00+01:00", Some(1_577_836_800)),
            ("13/1/2020 12:00:00 AM", None),
            ("1/1/2020 13:00:00 PM", None),
            ("1/1/2020 0:00:00 AM", None),
            ("1/1/2020 1:00:00 XM", None),
            ("soon", None),
            ("", None),
        ] {
            let found = instant(text).map(OffsetDateTime::unix_timestamp);
            assert_eq!(found, unix, "{text}");
        }
    }

    #[test]
    fn a_resource_is_the_endpoint_or_begins_it() {
        let endpoint = "http://127.0.0.1:80/api/events";
        for (resource, is_fit) in [
            ("http://127.0.0.1:80/api/events", true),
            ("http://127.0.0.1:80/api/events?apiVersion=2018-01-01", true),
            (
                "http://127.0.0.1:80/api/events?api-version=2018-01-01",
                true,
            ),
            ("HTTP://127.0.0.1:80/api/", true),
            ("http://127.0.0.1:80", true),
            ("http://127.0.0.1:8", false),
            ("http://127.0.0.1:80/api/event", false),
            ("http://127.0.0.1:80/api/events/more", false),
            ("http://127.0.0.2:80/api/events", false),
            ("http:", false),
            ("", false),
        ] {
            assert_eq!(is_for(resource, endpoint), is_fit, "{resource}");
        }
    }
}

//! Checks of keys, signatures and tokens, independent of the code that creates them.
//!
//! A request has exactly one credential: `aeg-sas-key` with a key of the namespace, `aeg-sas-token` or
//! `Authorization: SharedAccessSignature …` with a signature under one, or `Authorization: Bearer …` with a token.
//!
//! # Source
//!
//! The pages of Event Grid on access keys, shared access signatures and Microsoft Entra; the clients of Microsoft.

use std::collections::{HashMap, HashSet};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::{OffsetDateTime, PrimitiveDateTime, format_description};

use super::refusal::unauthorized;
use crate::json::date::date;
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::response::{Refusal, guid};

/// The credentials that may publish.
pub(super) struct Credentials {
    pub(super) keys: [String; 2],
    pub(super) tokens: HashSet<String>,
}

impl Credentials {
    pub(super) fn new() -> Self {
        Self { keys: [new_key(), new_key()], tokens: HashSet::new() }
    }

    pub(super) fn regenerate_keys(&mut self) {
        self.keys = [new_key(), new_key()];
    }

    pub(super) fn issue_token(&mut self) -> String {
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
                Err(unauthorized("Local authentication is disabled."))
            }
            (Some(key), None, None) if self.keys.iter().any(|known| known == key) => Ok(()),
            (Some(_), None, None) => Err(unauthorized("The key is not valid.")),
            (None, Some(signature), None) => self.check_signature(signature, endpoint, now),
            (None, None, Some(token)) if self.tokens.contains(token) => Ok(()),
            (None, None, Some(_)) => Err(unauthorized("The token is not valid.")),
            (None, None, None) => Err(unauthorized(
                "Request must contain one of the following authorization signature: aeg-sas-token, aeg-sas-key.",
            )),
            _ => Err(unauthorized("The request has more than one credential.")),
        }
    }

    /// A signature is `r=<resource>&e=<expiry>&s=<HMAC>`, each part percent-encoded. The HMAC is over the text before `&s=`, as
    /// it was sent, under the decoded key.
    fn check_signature(
        &self,
        token: &str,
        endpoint: &str,
        now: OffsetDateTime,
    ) -> Result<(), Refusal> {
        let invalid = |what: &str| unauthorized(format!("The signature {what}."));
        let parts: HashMap<_, _> = form_urlencoded::parse(token.as_bytes()).collect();
        let part = |name| parts.get(name).ok_or_else(|| invalid("lacks a part"));
        let (resource, expiry, signature) = (part("r")?, part("e")?, part("s")?);
        let (unsigned, _) = token.rsplit_once("&s=").unwrap_or_default();
        let signature = STANDARD.decode(&**signature).map_err(|_| invalid("is not base64"))?;
        let is_signed = self.keys.iter().any(|key| {
            let key = STANDARD.decode(key).unwrap_or_default();
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
            hmac::verify(&key, unsigned.as_bytes(), &signature).is_ok()
        });
        if !is_signed {
            return Err(invalid("does not match"));
        }
        let expiry = instant(expiry).ok_or_else(|| invalid("has an invalid expiry time"))?;
        if expiry <= now {
            return Err(invalid("has expired"));
        }
        match is_for(resource, endpoint) {
            true => Ok(()),
            false => Err(invalid("is for another resource")),
        }
    }
}

/// A new key: 32 bytes in base64, like the service's.
fn new_key() -> String {
    let [one, other] = [guid(), guid()];
    STANDARD.encode([*one.as_bytes(), *other.as_bytes()].concat())
}

/// Whether `resource` is `endpoint` or a prefix of it that ends before a slash. The query is ignored, because clients differ
/// in it.
fn is_for(resource: &str, endpoint: &str) -> bool {
    let resource = resource.split('?').next().unwrap_or_default();
    let resource = resource.trim_end_matches('/').to_ascii_lowercase();
    let rest = endpoint.strip_prefix(&*resource);
    resource.contains("://") && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Parses a time as written by .NET for en-US, by Python, or in RFC 3339.
fn instant(text: &str) -> Option<OffsetDateTime> {
    let en_us = format_description::parse_borrowed::<2>(EN_US).ok()?;
    match PrimitiveDateTime::parse(text, &en_us) {
        Ok(time) => Some(time.assume_utc()),
        Err(_) => date(&text.replacen(' ', "T", 1)),
    }
}

/// As in `1/31/2026 12:00:00 AM`.
const EN_US: &str = "[month padding:none]/[day padding:none]/[year] [hour padding:none repr:12]:[minute]:[second] [period]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_times_of_all_clients() {
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
    fn a_resource_is_the_endpoint_or_a_prefix_of_it() {
        let endpoint = "http://127.0.0.1:80/api/events";
        for (resource, is_fit) in [
            ("http://127.0.0.1:80/api/events", true),
            ("http://127.0.0.1:80/api/events?apiVersion=2018-01-01", true),
            ("http://127.0.0.1:80/api/events?api-version=2018-01-01", true),
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

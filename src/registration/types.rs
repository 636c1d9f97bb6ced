//! The registration, and its wire format.

use std::fmt;

use http::Uri;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::members::{Members, boolean, text};
use crate::event::EventName;
use crate::http_client::endpoint::canonical_authority;
use crate::json::date::date;
use crate::mask::Excerpt;

/// A webhook registration: the callback URL of a partner's tenant, and its events.
///
/// Unknown members are kept and sent back, because an update replaces the whole registration.
///
/// # Source
///
/// `WebhookRegistration` in the REST reference; the samples of "Partner Center webhooks" for the spelling of requests.
/// Responses are read in any ASCII case.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event::EventName;
/// use partner_center_webhooks::registration::{Registration, RegistrationError};
///
/// let url = "https://contoso.example/webhooks/callback";
/// let registration = Registration::new(url, [EventName::InvoiceReady, EventName::from("brand-new")])?
///     .with_signature_token_to_ms_signature_header(true);
/// assert_eq!(
///     serde_json::to_string(&registration).unwrap(),
///     r#"{"WebhookUrl":"https://contoso.example/webhooks/callback","WebhookEvents":["invoice-ready","brand-new"],"SignatureTokenToMsSignatureHeader":true}"#
/// );
///
/// let error = Registration::new("http://contoso.example/", []).unwrap_err();
/// assert_eq!(error.to_string(), "`http://contoso.example/` is not a callback URL that can be registered (expected https; for tests, see `Registration::danger_plain_http`)");
/// # Ok::<(), RegistrationError>(())
/// ```
#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Registration {
    pub(super) webhook_url: Box<str>,
    pub(super) webhook_events: Vec<EventName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signature_token_to_ms_signature_header: Option<bool>,
    #[serde(skip)]
    pub(super) subscriber_id: Option<Box<str>>,
    #[serde(skip)]
    pub(super) last_modified: Option<Box<str>>,
    /// Unknown members.
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
    #[serde(skip)]
    pub(super) danger_plain_http: bool,
}

impl Registration {
    /// Requests the signature in `x-ms-signature` (`true`) instead of `Authorization`, which some gateways remove. Default: an
    /// update keeps the current setting.
    #[must_use]
    pub fn with_signature_token_to_ms_signature_header(mut self, wanted: bool) -> Self {
        self.signature_token_to_ms_signature_header = Some(wanted);
        self
    }

    /// The callback URL.
    pub fn webhook_url(&self) -> &str {
        &self.webhook_url
    }

    /// The events.
    pub fn webhook_events(&self) -> &[EventName] {
        &self.webhook_events
    }

    /// Whether the signature is sent in `x-ms-signature`, if known.
    pub fn signature_token_to_ms_signature_header(&self) -> Option<bool> {
        self.signature_token_to_ms_signature_header
    }

    /// The id of the partner: a UUID. Some responses omit it.
    pub fn subscriber_id(&self) -> Option<&str> {
        self.subscriber_id.as_deref()
    }

    /// The time of the last change, in UTC. Most responses omit it.
    pub fn last_modified(&self) -> Option<OffsetDateTime> {
        date(self.last_modified.as_deref()?)
    }

    /// Whether `event` is registered, in any ASCII case.
    pub fn holds(&self, event: &EventName) -> bool {
        let name = event.as_str();
        let mut names = self.webhook_events.iter().map(EventName::as_str);
        names.any(|held| held.eq_ignore_ascii_case(name))
    }

    /// Whether both have the same callback URL. ASCII case matters, except in scheme and host.
    pub(super) fn has_url_of(&self, other: &Self) -> bool {
        let (one, other) = (&*self.webhook_url, &*other.webhook_url);
        let parsed = (one.parse::<Uri>(), other.parse::<Uri>());
        // A URI forgets its fragment.
        let (Ok(first), Ok(second), false) = (parsed.0, parsed.1, other.contains('#')) else {
            return one == other;
        };
        first.scheme() == second.scheme()
            && canonical_authority(&first).eq_ignore_ascii_case(canonical_authority(&second))
            && (first.path(), first.query()) == (second.path(), second.query())
    }
}

/// Masks what may be secret: the query values of the URL, and the values of unknown members.
impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("webhook_url", &Excerpt::of_url(&*self.webhook_url))
            .field("webhook_events", &self.webhook_events)
            .field(
                "signature_token_to_ms_signature_header",
                &self.signature_token_to_ms_signature_header,
            )
            .field("subscriber_id", &self.subscriber_id)
            .field("last_modified", &self.last_modified)
            .field("others", &self.others.keys())
            .finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for Registration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Members::deserialize(deserializer)?;
        let webhook_url = match members.take("webhookUrl") {
            Some(Value::String(webhook_url)) => webhook_url,
            Some(Value::Null) => String::new(),
            _ => return Err(D::Error::custom("`webhookUrl` is missing or not a string")),
        };
        let webhook_events = match members.take("webhookEvents") {
            None | Some(Value::Null) => Vec::new(),
            Some(events) => Vec::deserialize(events)
                .map_err(|_| D::Error::custom("`webhookEvents` is not an array of strings"))?,
        };
        let flag = match members.take("signatureTokenToMsSignatureHeader") {
            None | Some(Value::Null) => None,
            Some(flag) => Some(boolean(&flag).ok_or_else(|| {
                D::Error::custom("`signatureTokenToMsSignatureHeader` is not a boolean")
            })?),
        };
        Ok(Self {
            webhook_url: webhook_url.into(),
            webhook_events,
            signature_token_to_ms_signature_header: flag,
            subscriber_id: members.take("subscriberId").and_then(text),
            last_modified: members.take("lastModifiedTimestamp").and_then(text),
            others: members.into_rest(),
            danger_plain_http: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callback_urls() {
        for (url, safe, danger) in [
            ("https://contoso.example/callback?id=1", true, true),
            ("HTTPS://contoso.example", true, true),
            ("https://contoso.example:8443/", true, true),
            ("http://contoso.example/", false, true),
            ("http://localhost:8080/", false, true),
            ("https://user:password@contoso.example/", false, false),
            ("https://contoso.example/#part", false, false),
            ("https:///callback", false, false),
            ("ftp://contoso.example/", false, false),
            ("contoso.example/callback", false, false),
            ("/callback", false, false),
            ("https://contoso example/", false, false),
            ("", false, false),
        ] {
            assert_eq!(Registration::new(url, []).is_ok(), safe, "{url}");
            assert_eq!(Registration::danger_plain_http(url, []).is_ok(), danger, "{url}");
        }
        assert_eq!(
            Registration::new("callback", []).unwrap_err().to_string(),
            "`callback` is not a callback URL (expected `https://`, a host, and no user or fragment)"
        );
    }

    #[test]
    fn case_of_scheme_and_host_does_not_count() {
        let registered = |url| Registration::danger_plain_http(url, []).unwrap();
        let wanted = registered("https://contoso.example/Callback?Id=1");
        for (url, same) in [
            ("HTTPS://Contoso.EXAMPLE/Callback?Id=1", true),
            ("https://contoso.example:443/Callback?Id=1", true),
            ("https://contoso.example/callback?Id=1", false),
            ("https://contoso.example/Callback?id=1", false),
            ("https://contoso.example/Callback", false),
            ("https://contoso.example:8443/Callback?Id=1", false),
            ("https://contoso.example.evil.example/Callback?Id=1", false),
            ("http://contoso.example/Callback?Id=1", false),
        ] {
            assert_eq!(wanted.has_url_of(&registered(url)), same, "{url}");
        }
        assert!(registered("https://a.example").has_url_of(&registered("https://a.example/")));
    }

    #[test]
    fn both_spellings_are_read_and_unknown_members_kept() {
        // The guide's sample of PUT, and the REST reference's.
        let guide = r#"{"SubscriberId":"e82cac64-dc67-4cd3-849b-78b6127dd57d","WebhookUrl":"https://a.example/","WebhookEvents":["subscription-updated","test-created"]}"#;
        let reference = r#"{"webhookUrl":"https://a.example/","webhookEvents":["subscription-updated","test-created"],"subscriberId":"e82cac64-dc67-4cd3-849b-78b6127dd57d","signatureTokenToMsSignatureHeader":true,"lastModifiedTimestamp":"2026-11-21T00:00:00","properties":{"a":1}}"#;
        for (json, flag) in [(guide, None), (reference, Some(true))] {
            let registration: Registration = serde_json::from_str(json).unwrap();
            assert_eq!(registration.webhook_url(), "https://a.example/");
            let events = [EventName::SubscriptionUpdated, EventName::TestCreated];
            assert_eq!(registration.webhook_events(), events);
            assert_eq!(registration.subscriber_id(), Some("e82cac64-dc67-4cd3-849b-78b6127dd57d"));
            assert_eq!(registration.signature_token_to_ms_signature_header(), flag);
        }
        let registration: Registration = serde_json::from_str(reference).unwrap();
        let modified = registration.last_modified().unwrap();
        assert_eq!(modified.unix_timestamp(), 1_795_219_200);
        assert_eq!(
            serde_json::to_string(&registration).unwrap(),
            r#"{"WebhookUrl":"https://a.example/","WebhookEvents":["subscription-updated","test-created"],"SignatureTokenToMsSignatureHeader":true,"properties":{"a":1}}"#
        );

        let bare: Registration =
            serde_json::from_str(r#"{"webhookUrl":"","webhookEvents":null}"#).unwrap();
        assert_eq!(bare.webhook_events(), []);
        for json in [
            "{}",
            "[]",
            "null",
            r#"{"webhookUrl":1}"#,
            r#"{"webhookUrl":"","signatureTokenToMsSignatureHeader":"perhaps"}"#,
            r#"{"webhookUrl":"","webhookEvents":1}"#,
        ] {
            assert!(serde_json::from_str::<Registration>(json).is_err(), "{json}");
        }
    }
}

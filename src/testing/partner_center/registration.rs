//! The tenant's registration. There is at most one.
//!
//! | method | without a registration | with one |
//! |---|---|---|
//! | `GET` | 404 | 200 |
//! | `POST` | 200, created | [`Quirks::conflict_status`] |
//! | `PUT` | 404 | 200, replaced; the subscriber id stays |
//! | `DELETE` and others | 405 | 405, there is no way to delete it |
//!
//! # Source
//!
//! "Partner Center webhooks"; the REST reference.

use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::quirks::{Casing, Quirks};
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::response::{ErrorBody, Refusal, date_time, guid, ok};

/// A registration.
pub(super) struct Registration {
    subscriber_id: String,
    pub(super) webhook_url: String,
    pub(super) webhook_events: Vec<String>,
    pub(super) signature_token_to_ms_signature_header: bool,
    last_modified: OffsetDateTime,
}

impl Registration {
    /// Parses a registration leniently: missing members have their defaults.
    pub(super) fn from_value(value: &Value, now: OffsetDateTime) -> Option<Self> {
        let members = value.as_object()?;
        let subscriber_id = text(members, "subscriberId").ok().flatten();
        Some(Self {
            subscriber_id: subscriber_id.unwrap_or_else(|| guid().to_string()),
            webhook_url: text(members, "webhookUrl").ok().flatten().unwrap_or_default(),
            webhook_events: names(members).unwrap_or_default(),
            signature_token_to_ms_signature_header: flag(members).unwrap_or_default(),
            last_modified: now,
        })
    }

    /// Parses a request strictly, as the service is assumed to.
    fn from_request(
        request: &RecordedRequest,
        quirks: &Quirks,
        now: OffsetDateTime,
    ) -> Result<Self, Refusal> {
        let is_json = |essence: &&str| request.is_of_type(essence);
        if !["application/json", "text/json"].iter().any(is_json) {
            let message = "The request entity's media type is not supported for this resource.";
            return Err(Refusal::new(415, ErrorBody::web_api(message)));
        }
        let invalid = |what: &str| Refusal::new(400, ErrorBody::standard("800002", what));
        let json = request.json();
        let members = json
            .as_ref()
            .and_then(Value::as_object)
            .ok_or_else(|| invalid("The body is not a JSON object."))?;
        let webhook_url = text(members, "webhookUrl").map_err(invalid)?;
        let webhook_url = webhook_url
            .filter(|url| is_absolute(url))
            .ok_or_else(|| invalid("WebhookUrl must be an absolute URL."))?;
        let webhook_events = names(members).map_err(invalid)?;
        let unknown = webhook_events.iter().find(|name| {
            let supported = &quirks.supported_events;
            !supported.iter().any(|one| one.eq_ignore_ascii_case(name))
        });
        if let Some(name) = unknown {
            return Err(invalid(&format!("The webhook event '{name}' is not supported.")));
        }
        Ok(Self {
            subscriber_id: guid().to_string(),
            webhook_url,
            webhook_events,
            signature_token_to_ms_signature_header: flag(members).map_err(invalid)?,
            last_modified: now,
        })
    }

    /// Whether this event is registered. The service ignores the case of names.
    pub(super) fn has_event(&self, name: &str) -> bool {
        let mut events = self.webhook_events.iter();
        events.any(|event| event.eq_ignore_ascii_case(name))
    }

    /// All members, as in the REST reference.
    pub(super) fn to_value(&self) -> Value {
        let mut last_modified = date_time(self.last_modified, 7);
        last_modified.push('Z');
        json!({
            "subscriberId": self.subscriber_id,
            "webhookUrl": self.webhook_url,
            "webhookEvents": self.webhook_events,
            "signatureTokenToMsSignatureHeader": self.signature_token_to_ms_signature_header,
            "lastModifiedTimestamp": last_modified,
        })
    }

    /// The members of the guide's samples.
    fn to_guide_value(&self, with_subscriber_id: bool) -> Value {
        let mut members = Map::new();
        if with_subscriber_id {
            members.insert("SubscriberId".to_owned(), json!(self.subscriber_id));
        }
        members.insert("WebhookUrl".to_owned(), json!(self.webhook_url));
        members.insert("WebhookEvents".to_owned(), json!(self.webhook_events));
        if self.signature_token_to_ms_signature_header {
            let name = "SignatureTokenToMsSignatureHeader".to_owned();
            members.insert(name, Value::Bool(true));
        }
        Value::Object(members)
    }
}

/// Responds to `/registration`.
pub(super) fn respond(
    registered: &mut Option<Registration>,
    request: &RecordedRequest,
    quirks: &Quirks,
    now: OffsetDateTime,
) -> Response<Bytes> {
    let method = request.method();
    let result = match (method, registered.as_ref()) {
        (&Method::GET, Some(registration)) => return show(registration, method, quirks),
        (&Method::GET | &Method::PUT, None) => return not_registered(),
        (&Method::POST, Some(_)) => {
            let description = "A registration exists already. Use PUT to change it.";
            let body = ErrorBody::standard("800002", description);
            Err(Refusal::new(quirks.conflict_status.as_u16(), body))
        }
        (&Method::POST, None) => Registration::from_request(request, quirks, now),
        (&Method::PUT, Some(old)) => Registration::from_request(request, quirks, now)
            .map(|new| Registration { subscriber_id: old.subscriber_id.clone(), ..new }),
        _ => return method_not_allowed(),
    };
    match result {
        Ok(registration) => show(registered.insert(registration), method, quirks),
        Err(refusal) => refusal.response(),
    }
}

/// The response with a registration, in the case of the quirks.
fn show(registration: &Registration, method: &Method, quirks: &Quirks) -> Response<Bytes> {
    ok(&match quirks.casing {
        Casing::Camel => registration.to_value(),
        Casing::Guide | Casing::Pascal => registration.to_guide_value(method != Method::GET),
    })
}

/// 404, as for any call that needs a registration.
pub(super) fn not_registered() -> Response<Bytes> {
    ErrorBody::standard("1000", "No registration was found for this partner.").response(404)
}

/// 405, as from ASP.NET.
pub(super) fn method_not_allowed() -> Response<Bytes> {
    let message = "The requested resource does not support this http method.";
    ErrorBody::web_api(message).response(405)
}

/// The member with this name in any case.
fn member<'v>(members: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    let mut found =
        members.iter().filter(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_null());
    found.next().map(|(_, value)| value)
}

/// A text member. Missing or null means none.
fn text(members: &Map<String, Value>, name: &str) -> Result<Option<String>, &'static str> {
    match member(members, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err("WebhookUrl must be a string."),
    }
}

/// The registered names. Missing or null means none.
fn names(members: &Map<String, Value>) -> Result<Vec<String>, &'static str> {
    const WRONG: &str = "WebhookEvents must be an array of strings.";
    match member(members, "webhookEvents") {
        None => Ok(Vec::new()),
        Some(Value::Array(names)) => {
            let names = names.iter().map(|name| name.as_str().map(str::to_owned));
            names.collect::<Option<_>>().ok_or(WRONG)
        }
        Some(_) => Err(WRONG),
    }
}

/// Missing means false: a PUT without it resets the flag.
fn flag(members: &Map<String, Value>) -> Result<bool, &'static str> {
    match member(members, "signatureTokenToMsSignatureHeader") {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err("SignatureTokenToMsSignatureHeader must be a boolean."),
    }
}

/// Whether it is an http or https URL with a host.
pub(super) fn is_absolute(url: &str) -> bool {
    let url: Result<http::Uri, _> = url.parse();
    url.is_ok_and(|url| url.host().is_some() && matches!(url.scheme_str(), Some("http" | "https")))
}

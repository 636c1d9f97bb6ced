//! Publishing: the checks of a request and of each event.
//!
//! In order: path and method (404), credential (401), API version (400), size (413), channel (400 or
//! [`Settings::unknown_channel`]), media type and body (400), number of events (413), each event (400). The first failure
//! refuses the whole request, so that no event of a refused batch is accepted.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::refusal::{malformed, not_found, refusal, too_large};
use super::settings::Settings;
use super::state::{AcceptedEvent, PATH, State};
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::response::Refusal;
use crate::testing::loopback::server::Service;

impl State {
    /// Accepts all events of a request, or none.
    pub(super) fn publish(
        &mut self,
        service: &Arc<Service<Self>>,
        request: &RecordedRequest,
    ) -> Result<(), Refusal> {
        if request.path() != PATH || request.method() != Method::POST {
            return Err(not_found("The resource was not found."));
        }
        let (settings, now) = (&self.settings, self.base.clock.now());
        let endpoint = format!("{}{PATH}", service.base_url());
        let disable_local_auth = settings.disable_local_auth;
        self.credentials.check(request, &endpoint, disable_local_auth, now)?;
        if request.path_and_query() != format!("{PATH}?api-version=2018-01-01") {
            return Err(malformed("The api-version is missing or not known."));
        }
        if request.body().len() > settings.max_bytes {
            return Err(too_large("The request is too large."));
        }
        let channel = settings.channel(request)?;
        let events = settings.events(request)?;
        for event in &events {
            check(event)?;
        }
        let is_matched = |event: &&Map<String, Value>| !settings.is_unmatched(event);
        let matched = events.iter().filter(is_matched).cloned();
        let matched: Vec<Value> = matched.map(Value::from).collect();
        let unmatched = events.len().saturating_sub(matched.len());
        self.unmatched = self.unmatched.saturating_add(unmatched);
        self.forward(service, channel.as_deref(), &matched, now);
        let events: Vec<Value> = events.into_iter().map(Value::from).collect();
        let accepted =
            events.into_iter().map(|event| AcceptedEvent { channel: channel.clone(), event });
        self.accepted.extend(accepted);
        Ok(())
    }
}

impl Settings {
    /// The channel that the request names, if the routing is by channel name.
    fn channel(&self, request: &RecordedRequest) -> Result<Option<String>, Refusal> {
        match (self.route_by_source, request.header("aeg-channel-name")) {
            (true, None) => Ok(None),
            (true, Some(_)) => Err(malformed("The namespace does not route by channel name.")),
            (false, None) => Err(malformed("The header aeg-channel-name is missing.")),
            (false, Some(named)) if self.has_channel(|known| known.eq_ignore_ascii_case(named)) => {
                Ok(Some(named.to_owned()))
            }
            (false, Some(named)) => {
                let (status, message) =
                    (self.unknown_channel.as_u16(), format!("The channel {named} was not found."));
                Err(refusal(status, "NotFound", "ResourceNotFound", message))
            }
        }
    }

    /// Whether a channel exists for which `is_it` holds, or any channel is accepted.
    fn has_channel(&self, is_it: impl FnMut(&String) -> bool) -> bool {
        self.channels.as_ref().is_none_or(|channels| channels.iter().any(is_it))
    }

    /// The events of a request, by its media type.
    fn events(&self, request: &RecordedRequest) -> Result<Vec<Map<String, Value>>, Refusal> {
        let is_batch = request.is_of_type("application/cloudevents-batch+json");
        let is_single = request.is_of_type("application/cloudevents+json");
        let events = match request.json() {
            Some(Value::Array(events)) if is_batch => events,
            Some(event @ Value::Object(_)) if is_single => vec![event],
            _ => {
                return Err(malformed(
                    "The content type is not that of CloudEvents, or the body does not match it.",
                ));
            }
        };
        if events.len() > self.max_events {
            return Err(too_large("The batch has too many events."));
        }
        let events = events.into_iter().map(|event| match event {
            Value::Object(event) => Ok(event),
            _ => Err(malformed("An event is not an object.")),
        });
        events.collect()
    }

    fn is_unmatched(&self, event: &Map<String, Value>) -> bool {
        let source = event.get("source").and_then(Value::as_str);
        self.route_by_source && !self.has_channel(|known| source == Some(known))
    }
}

/// Checks an event against CloudEvents 1.0, where null means absent. The names of extensions are checked too, although the
/// service is not known to do so.
fn check(event: &Map<String, Value>) -> Result<(), Refusal> {
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("specversion") != "1.0" {
        return Err(malformed("The specversion is not 1.0."));
    }
    for name in ["id", "source", "type"] {
        if text(name).is_empty() {
            return Err(malformed(format!("The attribute {name} is missing.")));
        }
    }
    for (name, value) in event {
        let may_be = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if name != "data_base64" && !name.bytes().all(may_be) {
            return Err(malformed(format!("{name} is not an attribute name.")));
        }
        if value.is_object() && name != "data" {
            return Err(malformed(format!("{name} is an object.")));
        }
        let may_be: fn(&str) -> bool = match &**name {
            "time" => is_time,
            "datacontenttype" => is_media_type,
            "data_base64" => |text| STANDARD.decode(text).is_ok(),
            _ => continue,
        };
        if !value.is_null() && !value.as_str().is_some_and(may_be) {
            return Err(malformed(format!("{name} is malformed.")));
        }
    }
    let has = |name: &str| event.get(name).is_some_and(|value| !value.is_null());
    match has("data") && has("data_base64") {
        true => Err(malformed("data and data_base64 exclude each other.")),
        false => Ok(()),
    }
}

/// RFC 3339, section 5.6. The parser takes any character for the `T`.
fn is_time(text: &str) -> bool {
    let separator = text.as_bytes().get("2026-11-21".len());
    separator.is_some_and(|byte| byte.eq_ignore_ascii_case(&b'T'))
        && OffsetDateTime::parse(text, &Rfc3339).is_ok()
}

/// RFC 9110, section 8.3.1: a type, a subtype, and perhaps parameters.
fn is_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let is_token = |part: &str| {
        let may_be = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !part.is_empty() && part.bytes().all(may_be)
    };
    let parts = essence.split_once('/');
    parts.is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

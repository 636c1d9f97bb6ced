//! One request after another, without a network.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::accepted::AcceptedEvent;
use super::deliverer::Deliverer;
use super::handshake::CONFIRMATION_PATH;
use super::proof::Proofs;
use super::refusal::Refusal;
use super::settings::{Routing, Settings};
use super::subscriptions::Subscribed;
use crate::testing::fake::answer::{ErrorBody, guid, header};
use crate::testing::fake::request::RecordedRequest;
use crate::testing::fake::{self, Clock, Traffic};

/// What changes.
pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) settings: Settings,
    pub(super) traffic: Traffic,
    pub(super) proofs: Proofs,
    pub(super) accepted: Vec<AcceptedEvent>,
    pub(super) unmatched: usize,
    pub(super) subscriptions: Vec<Subscribed>,
    pub(super) deliverer: Deliverer,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            clock: Arc::new(OffsetDateTime::now_utc),
            settings: Settings::default(),
            traffic: Traffic::default(),
            proofs: Proofs::new(),
            accepted: Vec::new(),
            unmatched: 0,
            subscriptions: Vec::new(),
            deliverer: Deliverer::new(),
        }
    }

    /// Accepts all events of a request, or none.
    fn publish(&mut self, request: &RecordedRequest, endpoint: &str) -> Result<(), Refusal> {
        if request.path() != PATH || request.method() != Method::POST {
            return Err(Refusal::not_found("The resource was not found."));
        }
        let (settings, now) = (&self.settings, (self.clock)());
        let disable_local_auth = settings.disable_local_auth;
        self.proofs
            .check(request, endpoint, disable_local_auth, now)?;
        if request.path_and_query() != format!("{PATH}?api-version=2018-01-01") {
            return Err(Refusal::malformed(
                "The api-version is missing or not known.",
            ));
        }
        if request.body().len() > settings.max_bytes {
            return Err(Refusal::too_large("The request is too large."));
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
        self.forward(channel.as_deref(), &matched, now);
        let events: Vec<Value> = events.into_iter().map(Value::from).collect();
        let accepted = events.into_iter().map(|event| AcceptedEvent {
            channel: channel.clone(),
            event,
        });
        self.accepted.extend(accepted);
        Ok(())
    }
}

impl fake::State for State {
    fn traffic(&mut self) -> &mut Traffic {
        &mut self.traffic
    }

    fn process(&mut self, base_url: &str, request: &RecordedRequest) -> Response<Bytes> {
        let answer = match request.path().starts_with(CONFIRMATION_PATH) {
            true => self.confirm(request),
            false => self
                .publish(request, &format!("{base_url}{PATH}"))
                .map(|()| ErrorBody::Empty.answer(200)),
        };
        let mut answer = answer.unwrap_or_else(|refusal| refusal.answer());
        write_ids(request, answer.headers_mut());
        answer
    }
}

impl Settings {
    /// The channel that the request names, if it must name one.
    fn channel(&self, request: &RecordedRequest) -> Result<Option<String>, Refusal> {
        let named = request.header("aeg-channel-name");
        match (&self.routing, named) {
            (Routing::Source { .. }, None) => Ok(None),
            (Routing::Source { .. }, Some(_)) => Err(Refusal::malformed(
                "The namespace does not route by channel name.",
            )),
            (Routing::ChannelName { .. }, None) => Err(Refusal::malformed(
                "The header aeg-channel-name is missing.",
            )),
            (Routing::ChannelName { channels }, Some(named)) => {
                let mut known = channels.iter().flatten();
                match channels.is_none() || known.any(|known| known.eq_ignore_ascii_case(named)) {
                    true => Ok(Some(named.to_owned())),
                    false => Err(Refusal::new(
                        self.unknown_channel.as_u16(),
                        "NotFound",
                        "ResourceNotFound",
                        format!("The channel {named} was not found."),
                    )),
                }
            }
        }
    }

    /// The events of a request, as its media type says.
    fn events(&self, request: &RecordedRequest) -> Result<Vec<Map<String, Value>>, Refusal> {
        let is_batch = request.is_of_type("application/cloudevents-batch+json");
        let is_single = request.is_of_type("application/cloudevents+json");
        let events = match request.json() {
            Some(Value::Array(events)) if is_batch => events,
            Some(event @ Value::Object(_)) if is_single => vec![event],
            _ => {
                return Err(Refusal::malformed(
                    "The content type is not that of CloudEvents, or the body is something else.",
                ));
            }
        };
        if events.len() > self.max_events {
            return Err(Refusal::too_large("The batch has too many events."));
        }
        let events = events.into_iter().map(|event| match event {
            Value::Object(event) => Ok(event),
            _ => Err(Refusal::malformed("An event is not an object.")),
        });
        events.collect()
    }

    fn is_unmatched(&self, event: &Map<String, Value>) -> bool {
        match &self.routing {
            Routing::Source {
                sources: Some(sources),
            } => !sources
                .iter()
                .any(|source| event.get("source") == Some(&Value::from(&**source))),
            _ => false,
        }
    }
}

/// Whether this is an event of CloudEvents 1.0, where a member that is null is none. The service is not known to look at the
/// names of extensions; this does.
fn check(event: &Map<String, Value>) -> Result<(), Refusal> {
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("specversion") != "1.0" {
        return Err(Refusal::malformed("The specversion is not 1.0."));
    }
    for name in ["id", "source", "type"] {
        if text(name).is_empty() {
            return Err(Refusal::malformed(format!(
                "The attribute {name} is missing."
            )));
        }
    }
    for (name, value) in event {
        let may_be = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if name != "data_base64" && !name.bytes().all(may_be) {
            return Err(Refusal::malformed(format!(
                "{name} is no name of an attribute."
            )));
        }
        if value.is_object() && name != "data" {
            return Err(Refusal::malformed(format!("{name} is an object.")));
        }
        let may_be: fn(&str) -> bool = match &**name {
            "time" => is_time,
            "datacontenttype" => is_media_type,
            "data_base64" => |text| STANDARD.decode(text).is_ok(),
            _ => continue,
        };
        if !value.is_null() && !value.as_str().is_some_and(may_be) {
            return Err(Refusal::malformed(format!("{name} is malformed.")));
        }
    }
    let has = |name: &str| event.get(name).is_some_and(|value| !value.is_null());
    match has("data") && has("data_base64") {
        true => Err(Refusal::malformed("There is data twice.")),
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

fn write_ids(request: &RecordedRequest, headers: &mut HeaderMap) {
    headers.insert("x-ms-request-id", header(&guid().to_string()));
    headers.insert("api-supported-versions", header("2018-01-01"));
    if let Some(sent) = request.header("x-ms-client-request-id") {
        headers.insert("x-ms-client-request-id", header(sent));
    }
}

pub(super) const PATH: &str = "/api/events";

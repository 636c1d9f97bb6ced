//! The four kinds of requests, and how they are recognized.

use std::fmt;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::{EVENTS_LIMIT, ReceiveError};
use super::event::GridEvent;
use super::handshake::{Handshake, HandshakeRules, Validation};
use super::headers::Headers;
use super::unrecognized::UnrecognizedEvent;
use crate::json::without_mark;
use crate::mask::Excerpt;

/// An authentic request to the webhook.
///
/// Only [`Notification`](Self::Notification) needs the application. The others have a [`response`](Self::response), and
/// [`into_notification`](Self::into_notification) separates them.
#[derive(Clone, Debug)]
#[must_use]
#[non_exhaustive]
pub enum WebhookRequest {
    /// The event subscription was deleted: it delivers no more events.
    Deletion(Deletion),
    /// Event Grid asks whether the endpoint accepts CloudEvents.
    Handshake(Handshake),
    /// Events.
    Notification(Notification),
    /// Event Grid asks whether the endpoint accepts the events of a subscription.
    Validation(Validation),
}

impl WebhookRequest {
    /// The automatic response to a handshake or notice: consent, or 202. `None` for events: the application responds once it
    /// has stored them.
    pub fn response(&self) -> Option<Response<Bytes>> {
        match self {
            Self::Deletion(deletion) => Some(deletion.response()),
            Self::Handshake(handshake) => Some(handshake.consent()),
            Self::Notification(_) => None,
            Self::Validation(validation) => Some(validation.consent()),
        }
    }

    /// Reads the body of an authentic `POST`.
    pub(super) fn read(
        kind: Kind,
        headers: DeliveryHeaders,
        body: &[u8],
        rules: &HandshakeRules,
    ) -> Result<Self, ReceiveError> {
        if kind == Kind::Deletion {
            // Microsoft's own receiver ignores its body.
            return Ok(Self::Deletion(Deletion::read(headers, body)));
        }
        let events = elements(body)?;
        let kind = match (kind, &events[..]) {
            (Kind::Unnamed, [event]) => Kind::of_event(event),
            (kind, _) => kind,
        };
        match (kind, &events[..]) {
            (Kind::Deletion, _) => Ok(Self::Deletion(Deletion::read(headers, body))),
            (Kind::Notification | Kind::Unnamed, events) => {
                let events = events.iter().map(|event| GridEvent::read(event)).collect();
                Ok(Self::Notification(Notification { events, headers }))
            }
            (Kind::Validation, [event]) => {
                let subscription = headers.subscription.as_deref();
                let validation = Validation::read(event, subscription, rules)?;
                Ok(Self::Validation(validation))
            }
            (Kind::Validation, _) => {
                Err(ReceiveError::Handshake { problem: "it does not have exactly one event" })
            }
        }
    }
}

/// Events, in the order of the body. Event Grid guarantees no order and delivers at least once: detect duplicates by source
/// and id.
///
/// A batch succeeds or fails as a whole. Respond within 30 seconds: with 200, 201, 202, 203 or 204 once every event is
/// stored, or with 500 or 503 for a retry.
#[derive(Clone, Debug)]
#[must_use]
pub struct Notification {
    events: Vec<GridEvent>,
    headers: DeliveryHeaders,
}

impl Notification {
    /// The events, including those of neither schema.
    pub fn events(&self) -> &[GridEvent] {
        &self.events
    }

    /// The number of events of neither schema.
    pub fn unrecognized_count(&self) -> usize {
        self.unrecognized().count()
    }

    /// The events of neither schema.
    pub(super) fn unrecognized(&self) -> impl Iterator<Item = &UnrecognizedEvent> {
        self.events.iter().filter_map(|event| match event {
            GridEvent::Unrecognized(event) => Some(event),
            GridEvent::CloudEvent(_) | GridEvent::EventGrid(_) => None,
        })
    }

    /// The events, by value.
    pub fn into_events(self) -> Vec<GridEvent> {
        self.events
    }

    /// The name of the event subscription (`aeg-subscription-name`). Its case varies.
    pub fn subscription(&self) -> Option<&str> {
        self.headers.subscription.as_deref()
    }

    /// The number of earlier attempts (`aeg-delivery-count`).
    pub fn delivery_count(&self) -> Option<u32> {
        self.headers.delivery_count
    }
}

/// The notice that an event subscription was deleted.
///
/// # Source
///
/// "Azure Event Grid system events", `Microsoft.EventGrid.SubscriptionDeletedEvent`.
#[derive(Clone, Debug)]
#[must_use]
pub struct Deletion {
    subscription_id: Option<Box<str>>,
    headers: DeliveryHeaders,
}

impl Deletion {
    /// The id of the event subscription in Azure Resource Manager, if the notice has one.
    pub fn subscription_id(&self) -> Option<&str> {
        self.subscription_id.as_deref()
    }

    /// The name of the event subscription (`aeg-subscription-name`). Its case varies.
    pub fn subscription(&self) -> Option<&str> {
        self.headers.subscription.as_deref()
    }

    /// The response: 202.
    pub fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::ACCEPTED;
        response
    }

    fn read(headers: DeliveryHeaders, body: &[u8]) -> Self {
        let event = elements(body).ok().and_then(|events| {
            let event = events.first()?;
            serde_json::from_str::<DeletionEvent>(event.get()).ok()
        });
        Self { subscription_id: event.map(|event| event.data.event_subscription_id), headers }
    }
}

/// The headers that describe a delivery. Not signed, and for information only: an unreadable one counts as missing.
#[derive(Clone, Debug)]
pub(super) struct DeliveryHeaders {
    pub(super) subscription: Option<Box<str>>,
    pub(super) delivery_count: Option<u32>,
}

impl DeliveryHeaders {
    pub(super) fn read(headers: &Headers<'_>) -> Self {
        let name = headers.text(SUBSCRIPTION_NAME).filter(|name| name.len() <= MAX_NAME);
        Self {
            subscription: name.map(Into::into),
            delivery_count: headers.text(DELIVERY_COUNT).and_then(|count| count.parse().ok()),
        }
    }
}

/// The header `aeg-event-type`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Deletion,
    Notification,
    /// Missing or unknown: the body decides.
    Unnamed,
    Validation,
}

impl Kind {
    pub(super) fn of_headers(headers: &Headers<'_>) -> Self {
        let named = headers.first(EVENT_TYPE);
        let is = |name: &str| named.is_some_and(|it| it.eq_ignore_ascii_case(name.as_bytes()));
        match () {
            () if is("SubscriptionValidation") => Self::Validation,
            () if is("Notification") => Self::Notification,
            () if is("SubscriptionDeletion") || is("Unsubscribe") => Self::Deletion,
            () => Self::Unnamed,
        }
    }

    fn of_event(event: &RawValue) -> Self {
        let types = serde_json::from_str::<TypeName<'_>>(event.get());
        match types.map(|it| it.event_type.or(it.cloud_event_type)) {
            Ok(Some("Microsoft.EventGrid.SubscriptionValidationEvent")) => Self::Validation,
            Ok(Some("Microsoft.EventGrid.SubscriptionDeletedEvent")) => Self::Deletion,
            _ => Self::Notification,
        }
    }
}

/// The objects in a body: one object, or an array of them. The first character decides, not the content type.
fn elements(body: &[u8]) -> Result<Vec<&RawValue>, ReceiveError> {
    let not_events = |problem: &str| ReceiveError::NotEvents { problem: Excerpt::of(problem) };
    let at = |error: serde_json::Error| match (error.line(), error.column()) {
        (line, column) if error.is_eof() => ReceiveError::Truncated { line, column },
        // Serde's own message may quote the body.
        (line, column) => not_events(&format!("it is not JSON at line {line}, column {column}")),
    };
    let body = without_mark(body);
    let Elements { first, found } = match body.trim_ascii_start().first() {
        Some(b'[') => serde_json::from_slice(body).map_err(at)?,
        _ => Elements { first: vec![serde_json::from_slice(body).map_err(at)?], found: 1 },
    };
    if found > first.len() {
        return Err(ReceiveError::TooManyEvents { found });
    }
    match first.iter().all(|it| it.get().starts_with('{')) {
        true => Ok(first),
        false => Err(not_events("it has a value of another type")),
    }
}

/// The elements of an array, up to the limit: an event of two bytes takes many times as much memory.
struct Elements<'a> {
    first: Vec<&'a RawValue>,
    found: usize,
}

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementsVisitor;

        impl<'de> Visitor<'de> for ElementsVisitor {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Elements<'de>, A::Error> {
                let (mut first, mut found) = (Vec::new(), 0_usize);
                while let Some(element) = seq.next_element()? {
                    found = found.saturating_add(1);
                    if found <= EVENTS_LIMIT {
                        first.push(element);
                    }
                }
                Ok(Elements { first, found })
            }
        }

        deserializer.deserialize_seq(ElementsVisitor)
    }
}

/// The type of an event, in either schema.
#[derive(Deserialize)]
struct TypeName<'a> {
    #[serde(rename = "eventType")]
    event_type: Option<&'a str>,
    #[serde(rename = "type")]
    cloud_event_type: Option<&'a str>,
}

#[derive(Deserialize)]
struct DeletionEvent {
    data: DeletionData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeletionData {
    event_subscription_id: Box<str>,
}

const DELIVERY_COUNT: &str = "aeg-delivery-count";
const EVENT_TYPE: &str = "aeg-event-type";
const SUBSCRIPTION_NAME: &str = "aeg-subscription-name";

/// In bytes. Names of event subscriptions have 64 characters at most.
const MAX_NAME: usize = 256;

//! What a request to the endpoint turned out to be.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::{EVENTS_LIMIT, ReceiveError};
use super::event::GridEvent;
use super::handshake::{Handshake, HandshakeRefusal, HandshakeRules, Validation};
use super::unrecognized::UnrecognizedEvent;
use crate::byte_order_mark::without_mark;
use crate::excerpt::Excerpt;

/// A request to the endpoint.
#[derive(Clone, Debug)]
#[must_use]
#[non_exhaustive]
pub enum Incoming {
    /// The event subscription was deleted: no events of it will come.
    Deletion(Deletion),
    /// Event Grid asks whether CloudEvents are wanted.
    Handshake(Handshake),
    /// Events.
    Notification(Notification),
    /// Event Grid asks whether the events of a subscription are wanted.
    Validation(Validation),
}

impl Incoming {
    /// The answer that needs nobody's decision: consent to a handshake, thanks for a notice. None for events, which whoever
    /// keeps them answers.
    pub fn answer(&self) -> Option<Response<Bytes>> {
        match self {
            Self::Deletion(deletion) => Some(deletion.answer()),
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
            // Microsoft's own receiver does not look at its body.
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
            (Kind::Validation, _) => Err(HandshakeRefusal::Malformed {
                problem: "a validation is one event",
            }
            .into()),
        }
    }
}

/// Events, in the order in which they came. Event Grid promises none, and delivers at least once: tell repeated deliveries by
/// source and id.
///
/// A batch succeeds or fails as a whole. Answer 200, 201, 202, 203 or 204 when all of it is kept, within 30 seconds; 500 or
/// 503 have it delivered again.
#[derive(Clone, Debug)]
#[must_use]
pub struct Notification {
    events: Vec<GridEvent>,
    headers: DeliveryHeaders,
}

impl Notification {
    /// The events, those that are of neither schema included.
    pub fn events(&self) -> &[GridEvent] {
        &self.events
    }

    /// How many of the events are of neither schema.
    pub fn unrecognized_count(&self) -> usize {
        self.unrecognized().count()
    }

    /// The events that are of neither schema.
    pub(super) fn unrecognized(&self) -> impl Iterator<Item = &UnrecognizedEvent> {
        self.events.iter().filter_map(|event| match event {
            GridEvent::Unrecognized(event) => Some(event),
            GridEvent::CloudEvent(_) | GridEvent::EventGrid(_) => None,
        })
    }

    /// The events.
    pub fn into_events(self) -> Vec<GridEvent> {
        self.events
    }

    /// The name of the event subscription, in whatever case, if the headers say so.
    pub fn subscription(&self) -> Option<&str> {
        self.headers.subscription.as_deref()
    }

    /// How many times Event Grid tried before, if the headers say so.
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
    /// The id of the event subscription in Azure Resource Manager, if the notice says so.
    pub fn subscription_id(&self) -> Option<&str> {
        self.subscription_id.as_deref()
    }

    /// Its name, in whatever case, if the headers say so.
    pub fn subscription(&self) -> Option<&str> {
        self.headers.subscription.as_deref()
    }

    /// The answer: 202.
    pub fn answer(&self) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = StatusCode::ACCEPTED;
        answer
    }

    fn read(headers: DeliveryHeaders, body: &[u8]) -> Self {
        let event = elements(body).ok().and_then(|events| {
            let event = events.first()?;
            serde_json::from_str::<DeletionEvent>(event.get()).ok()
        });
        Self {
            subscription_id: event.map(|event| event.data.event_subscription_id),
            headers,
        }
    }
}

/// What the headers of a delivery say about it.
#[derive(Clone, Debug)]
pub(super) struct DeliveryHeaders {
    pub(super) subscription: Option<Box<str>>,
    pub(super) delivery_count: Option<u32>,
}

impl DeliveryHeaders {
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name)?.to_str().ok();
        Self {
            subscription: text(SUBSCRIPTION_NAME)
                .filter(|name| name.len() <= MAX_NAME)
                .map(Into::into),
            delivery_count: text(DELIVERY_COUNT).and_then(|count| count.parse().ok()),
        }
    }
}

/// What the header `aeg-event-type` says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Deletion,
    Notification,
    /// Nothing, or something new: the body decides.
    Unnamed,
    Validation,
}

impl Kind {
    pub(super) fn of_headers(headers: &HeaderMap) -> Self {
        let named = headers.get(EVENT_TYPE).map(|value| value.as_bytes());
        let is = |name: &str| named.is_some_and(|it| it.eq_ignore_ascii_case(name.as_bytes()));
        match () {
            () if is("SubscriptionValidation") => Self::Validation,
            () if is("Notification") => Self::Notification,
            () if is("SubscriptionDeletion") || is("Unsubscribe") => Self::Deletion,
            () => Self::Unnamed,
        }
    }

    fn of_event(event: &RawValue) -> Self {
        match serde_json::from_str::<Named<'_>>(event.get()).map(Named::name) {
            Ok(Some("Microsoft.EventGrid.SubscriptionValidationEvent")) => Self::Validation,
            Ok(Some("Microsoft.EventGrid.SubscriptionDeletedEvent")) => Self::Deletion,
            _ => Self::Notification,
        }
    }
}

/// The objects of a body: of one, or of an array of them. The first character decides, whatever the content type says.
fn elements(body: &[u8]) -> Result<Vec<&RawValue>, ReceiveError> {
    let not_events = |problem: &str| ReceiveError::NotEvents {
        problem: Excerpt::of(problem),
    };
    let at = |error: serde_json::Error| match (error.line(), error.column()) {
        (line, column) if error.is_eof() => ReceiveError::Truncated { line, column },
        // Serde's own words may quote the body.
        (line, column) => not_events(&format!("it is not JSON at line {line}, column {column}")),
    };
    let body = without_mark(body);
    let Elements { first, found } = match body.trim_ascii_start().first() {
        Some(b'[') => serde_json::from_slice(body).map_err(at)?,
        _ => Elements {
            first: vec![serde_json::from_slice(body).map_err(at)?],
            found: 1,
        },
    };
    if found > first.len() {
        return Err(ReceiveError::TooManyEvents { found });
    }
    match first.iter().all(|it| it.get().starts_with('{')) {
        true => Ok(first),
        false => Err(not_events("it holds another kind of value")),
    }
}

/// The elements of an array: no more than may be, for an event takes many times the memory of the two bytes that it may have.
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

/// The name of an event's type, in either schema.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(rename = "eventType")]
    event_type: Option<&'a str>,
    #[serde(rename = "type")]
    cloud_event_type: Option<&'a str>,
}

impl<'a> Named<'a> {
    fn name(self) -> Option<&'a str> {
        self.event_type.or(self.cloud_event_type)
    }
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

const DELIVERY_COUNT: HeaderName = HeaderName::from_static("aeg-delivery-count");
const EVENT_TYPE: HeaderName = HeaderName::from_static("aeg-event-type");
const SUBSCRIPTION_NAME: HeaderName = HeaderName::from_static("aeg-subscription-name");

/// In bytes: names of event subscriptions have 64 characters at most.
const MAX_NAME: usize = 256;

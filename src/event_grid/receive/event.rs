//! Events as they are delivered: in the schema of the event subscription.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::UnrecognizedEvent;
use crate::event_grid::CloudEvent;
use crate::event_grid::cloud_event::typed;
use crate::excerpt::Excerpt;
use crate::json::date::date;

/// An event, in the schema in which it came. `Debug` does not show its data.
///
/// A `match` has to say what becomes of an event of neither schema. There are three schemas of delivery, and an event of a new
/// one would be [`Unrecognized`](Self::Unrecognized).
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use http::{HeaderMap, Method};
/// use partner_center_webhooks::event_grid::CloudEvent;
/// use partner_center_webhooks::event_grid::receive::{GridEvent, WebhookReceiver};
///
/// let receiver = WebhookReceiver::builder().query_secret("code", "kGZ4vN0mS2rQ8xTb")?.build()?;
/// let (query, headers) = (Some("code=kGZ4vN0mS2rQ8xTb"), HeaderMap::new());
/// // As in a dead letter: a CloudEvent without `specversion`.
/// let body = br#"[{"id":"1","eventType":"a"},{"id":"2","source":"/b","type":"b"}]"#;
/// let incoming = receiver.receive(&Method::POST, query, &headers, body).await?;
///
/// let mut seen = Vec::new();
/// for event in incoming.into_notification()?.events() {
///     seen.push(match event {
///         GridEvent::CloudEvent(event) => event.id().to_owned(),
///         GridEvent::EventGrid(event) => event.id().to_owned(),
///         GridEvent::Unrecognized(event) => {
///             assert_eq!(event.reason().to_string(), "it is not a CloudEvent: `specversion` is missing");
///             CloudEvent::from_slice(event.json().get().as_bytes())?.id().to_owned() // which does without `specversion`
///         }
///     });
/// }
/// assert_eq!(seen, ["1", "2"]);
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
#[expect(
    clippy::exhaustive_enums,
    reason = "with `_` in their match, handlers would skip what is of neither schema"
)]
pub enum GridEvent {
    /// With the schema `CloudEventSchemaV1_0`.
    CloudEvent(CloudEvent),
    /// With the schema `EventGridSchema`.
    EventGrid(EventGridEvent),
    /// A JSON object of neither schema: with the schema `CustomInputSchema`, or malformed. It is handed over rather than
    /// refused, because a refusal would lose the whole batch.
    Unrecognized(UnrecognizedEvent),
}

impl GridEvent {
    pub(super) fn read(event: &RawValue) -> Self {
        let schema = serde_json::from_str(event.get());
        let known = match schema.unwrap_or_default() {
            Schema {
                specversion: Some(_),
                ..
            } => CloudEvent::from_slice(event.get().as_bytes())
                .ok()
                .map(Self::CloudEvent),
            Schema {
                event_type: Some(_),
                ..
            } => serde_json::from_str(event.get()).ok().map(Self::EventGrid),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Unrecognized(UnrecognizedEvent::new(event)))
    }
}

impl fmt::Debug for GridEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloudEvent(event) => event.fmt(f),
            Self::EventGrid(event) => event.fmt(f),
            Self::Unrecognized(event) => event.fmt(f),
        }
    }
}

/// An event in Event Grid's own schema. The JSON in `data` is kept as text.
///
/// # Source
///
/// "Azure Event Grid event schema".
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventGridEvent {
    id: Box<str>,
    topic: Option<Box<str>>,
    subject: Option<Box<str>>,
    event_type: Box<str>,
    event_time: Option<Box<str>>,
    data: Option<Box<RawValue>>,
    data_version: Option<Box<str>>,
}

impl EventGridEvent {
    /// The id, which is unique within the topic.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The topic: the id of a resource in Azure, in whatever case.
    pub fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// What it is about.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// What happened.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// When it happened, in UTC, if that can be read.
    pub fn event_time(&self) -> Option<OffsetDateTime> {
        date(self.event_time.as_deref()?)
    }

    /// The data.
    pub fn json(&self) -> Option<&RawValue> {
        self.data.as_deref()
    }

    /// The data in a type of yours; without any, from null.
    ///
    /// # Errors
    ///
    /// As [`CloudEvent::data`].
    pub fn data<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        typed(self.json())
    }

    /// The version of the data's schema, which the publisher chose.
    pub fn data_version(&self) -> Option<&str> {
        self.data_version.as_deref()
    }
}

impl fmt::Debug for EventGridEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventGridEvent")
            .field("id", &Excerpt::of(&*self.id))
            .field("event_type", &Excerpt::of(&*self.event_type))
            .field("topic", &self.topic().map(Excerpt::of))
            .field("subject", &self.subject().map(Excerpt::of))
            .finish_non_exhaustive()
    }
}

/// What tells the schemas from each other.
#[derive(Default, Deserialize)]
struct Schema {
    specversion: Option<IgnoredAny>,
    #[serde(rename = "eventType")]
    event_type: Option<IgnoredAny>,
}

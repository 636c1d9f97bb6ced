//! Events as they are delivered: in the schema of the event subscription.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::Excerpt;
use crate::date::date;
use crate::event_grid::CloudEvent;
use crate::event_grid::cloud_event::typed;

/// An event, in whichever schema it came. `Debug` does not show its data.
///
/// What both schemas have, this has too; [`GridEvent::Other`] has none of it.
#[derive(Clone)]
#[non_exhaustive]
pub enum GridEvent {
    /// With the schema `CloudEventSchemaV1_0`.
    CloudEvent(CloudEvent),
    /// With the schema `EventGridSchema`.
    EventGrid(EventGridEvent),
    /// A JSON object of another kind: with the schema `CustomInputSchema`, or what looks like one of the others and is none.
    /// It is handed over rather than refused, for a refusal would lose the whole batch.
    Other(Box<RawValue>),
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
        known.unwrap_or_else(|| Self::Other(event.to_owned()))
    }

    /// The id, which is unique within the source.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::CloudEvent(event) => Some(event.id()),
            Self::EventGrid(event) => Some(event.id()),
            Self::Other(_) => None,
        }
    }

    /// Where it happened: in Event Grid's own schema, the topic.
    pub fn source(&self) -> Option<&str> {
        match self {
            Self::CloudEvent(event) => Some(event.source()),
            Self::EventGrid(event) => event.topic(),
            Self::Other(_) => None,
        }
    }

    /// What happened.
    pub fn event_type(&self) -> Option<&str> {
        match self {
            Self::CloudEvent(event) => Some(event.event_type()),
            Self::EventGrid(event) => Some(event.event_type()),
            Self::Other(_) => None,
        }
    }

    /// What it is about.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::CloudEvent(event) => event.subject(),
            Self::EventGrid(event) => event.subject(),
            Self::Other(_) => None,
        }
    }

    /// The data, if it is JSON.
    pub fn json(&self) -> Option<&RawValue> {
        match self {
            Self::CloudEvent(event) => event.json(),
            Self::EventGrid(event) => event.json(),
            Self::Other(_) => None,
        }
    }

    /// The data in a type of yours; without JSON in it, from null.
    ///
    /// # Errors
    ///
    /// As [`CloudEvent::data`].
    pub fn data<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        typed(self.json())
    }
}

impl fmt::Debug for GridEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloudEvent(event) => event.fmt(f),
            Self::EventGrid(event) => event.fmt(f),
            Self::Other(_) => f.debug_tuple("Other").finish_non_exhaustive(),
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

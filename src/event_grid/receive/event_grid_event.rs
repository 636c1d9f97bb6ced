//! Events in Event Grid's own schema.

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::json::date::date;
use crate::mask::Excerpt;

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
    /// The id, unique within the topic.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The topic: the id of an Azure resource. Its case varies.
    pub fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// The subject of the event within the topic.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The type of the event.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The time of the event, in UTC; `None` if it is missing or cannot be parsed.
    pub fn event_time(&self) -> Option<OffsetDateTime> {
        date(self.event_time.as_deref()?)
    }

    /// The data.
    pub fn json(&self) -> Option<&RawValue> {
        self.data.as_deref()
    }

    /// The data, deserialized; from `null` if there is none.
    ///
    /// # Errors
    ///
    /// As [`CloudEvent::data`](crate::event_grid::CloudEvent::data).
    pub fn data<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.json().map_or("null", RawValue::get))
    }

    /// The version of the data's schema, chosen by the publisher.
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

//! Serialization to JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Error as _, SerializeMap as _};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::error::{CloudEventError, DATA_DEPTH_LIMIT};
use super::event::{CloudEvent, Data};
use super::{attribute, extension};
use crate::json::raw::depth;

impl CloudEvent {
    /// Checks that the event can be serialized: it conforms to CloudEvents 1.0, and JSON parsers accept its data.
    ///
    /// Ignores Event Grid's placeholder `#` in `dataschema`, which is not written.
    ///
    /// # Errors
    ///
    /// [`CloudEventError`] of the first invalid attribute; [`CloudEventError::TooDeep`].
    pub fn check(&self) -> Result<(), CloudEventError> {
        for (name, value) in attributes(self) {
            attribute::check(name, value)?;
        }
        let mut extensions = self.extensions();
        extensions.try_for_each(|(name, value)| extension::check(name, value))?;
        match self.json() {
            Some(json) if depth(json) > DATA_DEPTH_LIMIT => Err(CloudEventError::TooDeep),
            _ => Ok(()),
        }
    }
}

/// Fails if [`check`](CloudEvent::check) does.
impl Serialize for CloudEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.check().map_err(S::Error::custom)?;
        Unchecked(self).serialize(serializer)
    }
}

/// Serializes an event without a check. [`Publisher`](crate::event_grid::Publisher) checks each event once, before it knows in which
/// request the event fits.
pub(crate) struct Unchecked<'a>(pub(crate) &'a CloudEvent);

impl Unchecked<'_> {
    /// An estimate of the length of the JSON, rarely too low.
    pub(crate) fn expected_len(&self) -> usize {
        let event = self.0;
        let attributes = attributes(event).map(|(_, value)| value.len());
        let extensions = event.extensions();
        let extensions = extensions.map(|(name, value)| name.len() + value.get().len() + 4);
        let data = match &event.data {
            None => 0,
            Some(Data::Json(json)) => json.get().len(),
            Some(Data::Binary(bytes)) => bytes.len().div_ceil(3).saturating_mul(4),
        };
        let members = attributes.chain(extensions).fold(data, usize::saturating_add);
        members.saturating_add(NAMES)
    }
}

impl Serialize for Unchecked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        for (name, value) in attributes(event) {
            map.serialize_entry(name, value)?;
        }
        for (name, value) in event.extensions() {
            map.serialize_entry(name, value)?;
        }
        match &event.data {
            None => {}
            Some(Data::Json(json)) => map.serialize_entry("data", json)?,
            Some(Data::Binary(bytes)) => {
                map.serialize_entry("data_base64", &STANDARD.encode(bytes))?;
            }
        }
        map.end()
    }
}

impl Eq for CloudEvent {}

/// Compares the serialized attributes, extensions and data.
impl PartialEq for CloudEvent {
    fn eq(&self, other: &Self) -> bool {
        fn text<'a>((name, value): (&'a str, &'a RawValue)) -> (&'a str, &'a str) {
            (name, value.get())
        }
        attributes(self).eq(attributes(other))
            && self.extensions().map(text).eq(other.extensions().map(text))
            && self.json().map(RawValue::get) == other.json().map(RawValue::get)
            && self.bytes() == other.bytes()
    }
}

/// The serialized attributes, without version and extensions. Omits the schema `#`, which is Event Grid's placeholder.
fn attributes(event: &CloudEvent) -> impl Iterator<Item = (&'static str, &str)> {
    let schema = event.data_schema().filter(|schema| *schema != "#");
    [
        ("id", Some(event.id())),
        ("source", Some(event.source())),
        ("type", Some(event.event_type())),
        ("subject", event.subject()),
        ("time", event.time_text()),
        ("datacontenttype", event.data_content_type()),
        ("dataschema", schema),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

/// The length of all attribute names, with quotes, colons, commas and braces.
const NAMES: usize = 144;

//! Parsing from JSON.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::attribute;
use super::error::CloudEventError;
use super::event::{CloudEvent, Data};
use crate::json::raw::{Members, json_type, string};
use crate::json::without_mark;
use crate::mask::Excerpt;

impl CloudEvent {
    /// Parses one event: a JSON object. A leading byte order mark is ignored.
    ///
    /// Null members count as missing. `specversion` may be missing, as in the dead-letter blobs of Event Grid. Times, schemas,
    /// media types and extensions are not checked.
    ///
    /// # Errors
    ///
    /// [`CloudEventError`] if it is not an object, a member occurs twice, `id`, `source` or `type` is missing, an attribute is
    /// not text, or the version is not 1.0.
    ///
    /// # Example
    ///
    /// ```
    /// use partner_center_webhooks::event_grid::CloudEvent;
    ///
    /// let event = CloudEvent::from_slice(br##"{
    ///     "id": "1", "source": "/a", "type": "b", "specversion": "1.0",
    ///     "time": "2026-11-21T00:00:00.1234567Z", "dataschema": "#", "traceparent": null, "data": [1.50]
    /// }"##)?;
    /// assert_eq!(event.time().unwrap().nanosecond(), 123_456_700);
    /// assert_eq!(event.data_schema(), Some("#"));
    /// assert_eq!(event.json().unwrap().get(), "[1.50]");
    /// # Ok::<(), partner_center_webhooks::event_grid::CloudEventError>(())
    /// ```
    pub fn from_slice(json: &[u8]) -> Result<Self, CloudEventError> {
        read(raw(json)?)
    }

    /// Parses a batch: a JSON array of events, or a single event. The JSON decides which, not the media type.
    ///
    /// # Errors
    ///
    /// [`CloudEventError`] of the first invalid event, as [`from_slice`](Self::from_slice).
    pub fn batch_from_slice(json: &[u8]) -> Result<Vec<Self>, CloudEventError> {
        let json = raw(json)?;
        if !json.get().starts_with('[') {
            return Ok(vec![read(json)?]);
        }
        let events: Vec<&RawValue> =
            serde_json::from_str(json.get()).map_err(|error| CloudEventError::syntax(&error))?;
        events.into_iter().map(read).collect()
    }
}

impl<'de> Deserialize<'de> for CloudEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        read(&json).map_err(de::Error::custom)
    }
}

fn raw(json: &[u8]) -> Result<&RawValue, CloudEventError> {
    serde_json::from_slice(without_mark(json)).map_err(|error| CloudEventError::syntax(&error))
}

fn read(json: &RawValue) -> Result<CloudEvent, CloudEventError> {
    if !json.get().starts_with('{') {
        return Err(CloudEventError::NotAnObject { found: json_type(json) });
    }
    let Members(members) =
        serde_json::from_str(json.get()).map_err(|error| CloudEventError::syntax(&error))?;

    let mut event = CloudEvent::unchecked("", "", "");
    let mut names = HashSet::new();
    for (name, value) in &members {
        if !names.insert(&**name) {
            return Err(CloudEventError::DuplicateMember { member: Excerpt::of(&**name) });
        }
        if value.get() == "null" {
            continue;
        }
        match &**name {
            "id" => event.id = text("id", value)?,
            "source" => event.source = text("source", value)?,
            "type" => event.event_type = text("type", value)?,
            "specversion" => check_version(value)?,
            "subject" => event.subject = Some(text("subject", value)?),
            "time" => event.time = Some(text("time", value)?),
            "datacontenttype" => event.data_content_type = Some(text("datacontenttype", value)?),
            "dataschema" => event.data_schema = Some(text("dataschema", value)?),
            "data" => set_data(&mut event, Data::Json((*value).to_owned()))?,
            "data_base64" => set_data(&mut event, Data::Binary(bytes(value)?))?,
            _ => event.extensions.push((name.clone().into(), (*value).to_owned())),
        }
    }
    let required = [("id", &event.id), ("source", &event.source), ("type", &event.event_type)];
    for (name, value) in required {
        if value.is_empty() {
            return Err(CloudEventError::Missing { name });
        }
    }
    Ok(event)
}

fn text(name: &'static str, value: &RawValue) -> Result<Box<str>, CloudEventError> {
    string(Some(value)).map(Into::into).ok_or_else(|| attribute::invalid(name, value.get()))
}

fn check_version(value: &RawValue) -> Result<(), CloudEventError> {
    match &*text("specversion", value)? {
        "1.0" => Ok(()),
        other => Err(attribute::invalid("specversion", other)),
    }
}

fn bytes(value: &RawValue) -> Result<Box<[u8]>, CloudEventError> {
    let bytes = BASE64.decode(&*text("data_base64", value)?);
    match bytes {
        Ok(bytes) => Ok(bytes.into()),
        Err(_) => Err(attribute::invalid("data_base64", value.get())),
    }
}

fn set_data(event: &mut CloudEvent, data: Data) -> Result<(), CloudEventError> {
    match event.data.replace(data) {
        None => Ok(()),
        Some(_) => Err(CloudEventError::TwoData),
    }
}

/// Padding is optional: senders differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

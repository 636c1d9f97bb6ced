//! The event: its attributes, extensions and data.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, Value, to_raw_value};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

use super::attribute;
use super::error::CloudEventError;
use super::extension;
use crate::json::date::date;
use crate::mask::Excerpt;

/// An event of CloudEvents 1.0.
///
/// Setters check their values, so a new event conforms, except that the depth of the data (at most 125 levels) is checked on
/// serialization. A parsed event may not conform: Event Grid sends `"dataschema":"#"` and null members, and other senders use
/// arbitrary extensions. [`Serialize`] and [`Publisher`](crate::event_grid::Publisher) refuse events that do not conform; see
/// [`check`](Self::check).
///
/// The JSON in `data` is kept as text: it preserves the digits of numbers, the order of members and whitespace.
///
/// # Source
///
/// CloudEvents 1.0.2, with its JSON format.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::{CloudEvent, CloudEventError};
/// use serde_json::json;
///
/// let event = CloudEvent::new("/contoso/billing", "Contoso.Billing.InvoiceReady")?
///     .with_id("G000024135")?
///     .with_subject("invoices/G000024135")?
///     .with_json(&json!({"total": 12.5}))?
///     .with_extension("region", "westeurope")?;
/// assert_eq!(
///     serde_json::to_value(&event).unwrap(),
///     json!({
///         "specversion": "1.0",
///         "id": "G000024135",
///         "source": "/contoso/billing",
///         "type": "Contoso.Billing.InvoiceReady",
///         "subject": "invoices/G000024135",
///         "datacontenttype": "application/json",
///         "region": "westeurope",
///         "data": {"total": 12.5},
///     })
/// );
///
/// let error = CloudEvent::new("", "x").unwrap_err();
/// assert_eq!(error.to_string(), "attribute `source` is `` (expected a non-empty URI reference)");
/// # Ok::<(), CloudEventError>(())
/// ```
#[derive(Clone)]
pub struct CloudEvent {
    pub(super) id: Box<str>,
    pub(super) source: Box<str>,
    pub(super) event_type: Box<str>,
    pub(super) subject: Option<Box<str>>,
    pub(super) time: Option<Box<str>>,
    pub(super) data_content_type: Option<Box<str>>,
    pub(super) data_schema: Option<Box<str>>,
    pub(super) extensions: Vec<(Box<str>, Box<RawValue>)>,
    pub(super) data: Option<Data>,
}

/// The payload of an event.
#[derive(Clone)]
pub(super) enum Data {
    Binary(Box<[u8]>),
    Json(Box<RawValue>),
}

impl CloudEvent {
    /// Creates an event with a random UUID as its id.
    ///
    /// Receivers treat events with the same source and id as duplicates. The id is assigned once, so that every attempt to
    /// publish the event has the same id.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::Attribute`] if `source` is not a URI reference, or `event_type` is empty.
    pub fn new(source: &str, event_type: &str) -> Result<Self, CloudEventError> {
        attribute::check("type", event_type)?;
        let event = Self::unchecked(&Uuid::new_v4().to_string(), "", event_type);
        event.with_source(source)
    }

    /// Creates an event without checking its attributes.
    pub(super) fn unchecked(id: &str, source: &str, event_type: &str) -> Self {
        Self {
            id: id.into(),
            source: source.into(),
            event_type: event_type.into(),
            subject: None,
            time: None,
            data_content_type: None,
            data_schema: None,
            extensions: Vec::new(),
            data: None,
        }
    }

    /// Sets the id.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::Attribute`] if it is empty or contains control characters.
    pub fn with_id(mut self, id: &str) -> Result<Self, CloudEventError> {
        self.id = attribute::check("id", id)?;
        Ok(self)
    }

    /// Sets the source. In a namespace that routes by source, it selects the partner topic.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::Attribute`] if it is not a URI reference.
    pub fn with_source(mut self, source: &str) -> Result<Self, CloudEventError> {
        self.source = attribute::check("source", source)?;
        Ok(self)
    }

    /// Sets the subject: the object within the source that the event is about.
    ///
    /// # Errors
    ///
    /// As [`with_id`](Self::with_id).
    pub fn with_subject(mut self, subject: &str) -> Result<Self, CloudEventError> {
        self.subject = Some(attribute::check("subject", subject)?);
        Ok(self)
    }

    /// Sets the time of the event, written in UTC.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::Attribute`] if the year is not within 0 to 9999.
    pub fn with_time(mut self, time: OffsetDateTime) -> Result<Self, CloudEventError> {
        let text =
            time.checked_to_offset(UtcOffset::UTC).and_then(|time| time.format(&Rfc3339).ok());
        let text = text.ok_or_else(|| attribute::invalid("time", &time.to_string()))?;
        self.time = Some(text.into());
        Ok(self)
    }

    /// Sets the schema of the data.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::Attribute`] if it is not an absolute URI.
    pub fn with_data_schema(mut self, uri: &str) -> Result<Self, CloudEventError> {
        self.data_schema = Some(attribute::check("dataschema", uri)?);
        Ok(self)
    }

    /// Sets the data to `value` as JSON.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::Syntax`] if `value` cannot be serialized as JSON, such as a map whose keys are not strings.
    pub fn with_json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, CloudEventError> {
        let json = to_raw_value(value).map_err(|error| CloudEventError::syntax(&error))?;
        Ok(self.with_raw_json(json))
    }

    /// Sets the data to JSON, which is written byte for byte.
    #[must_use]
    pub fn with_raw_json(mut self, json: Box<RawValue>) -> Self {
        self.data_content_type = Some(JSON.into());
        self.data = Some(Data::Json(json));
        self
    }

    /// Sets the data to bytes of a media type, which are written as base64.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::Attribute`] if `content_type` is not a media type.
    pub fn with_bytes(
        mut self,
        content_type: &str,
        bytes: impl Into<Box<[u8]>>,
    ) -> Result<Self, CloudEventError> {
        self.data_content_type = Some(attribute::check("datacontenttype", content_type)?);
        self.data = Some(Data::Binary(bytes.into()));
        Ok(self)
    }

    /// Sets an extension: a boolean, an integer of 32 bits, or text. Times, URIs and bytes are text too.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::ExtensionName`] if the name has characters other than lower-case letters and digits, or is that of an
    /// attribute; [`CloudEventError::Attribute`] if the value is of another type.
    pub fn with_extension(
        mut self,
        name: &str,
        value: impl Into<Value>,
    ) -> Result<Self, CloudEventError> {
        let value = to_raw_value(&value.into());
        let value = value.map_err(|error| CloudEventError::syntax(&error))?;
        extension::check(name, &value)?;
        self.extensions.retain(|(other, _)| **other != *name);
        self.extensions.push((name.into(), value));
        Ok(self)
    }

    /// The id, unique within the source.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The source: where the event happened.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The type of the event: `type`.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The subject: the object within the source that the event is about.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The time of the event, in UTC. A time without an offset counts as UTC. `None` if it is missing or cannot be parsed: see
    /// [`time_text`](Self::time_text).
    pub fn time(&self) -> Option<OffsetDateTime> {
        date(self.time_text()?)
    }

    /// The time as received, with all digits, whether or not it can be parsed.
    pub fn time_text(&self) -> Option<&str> {
        self.time.as_deref()
    }

    /// The media type of the data. JSON if there is none.
    pub fn data_content_type(&self) -> Option<&str> {
        self.data_content_type.as_deref()
    }

    /// The schema of the data, as received. Event Grid sends a meaningless `#`.
    pub fn data_schema(&self) -> Option<&str> {
        self.data_schema.as_deref()
    }

    /// The data, if it is JSON.
    pub fn json(&self) -> Option<&RawValue> {
        match &self.data {
            Some(Data::Json(json)) => Some(json),
            _ => None,
        }
    }

    /// The data, deserialized; from `null` if there is no JSON data, so that an `Option` is `None`.
    ///
    /// # Errors
    ///
    /// If it is not a `T`, or nests deeper than `serde_json` accepts. The message may quote the data.
    pub fn data<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.json().map_or("null", RawValue::get))
    }

    /// The data, if it is base64 (`data_base64`), decoded.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.data {
            Some(Data::Binary(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// The extensions, in the order received, without those that were null.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        let pairs = self.extensions.iter();
        pairs.map(|(name, value)| (&**name, &**value))
    }

    /// The extension with this name.
    pub fn extension(&self, name: &str) -> Option<&RawValue> {
        self.extensions().find_map(|(other, value)| (other == name).then_some(value))
    }
}

impl fmt::Debug for CloudEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudEvent")
            .field("id", &Excerpt::of(&*self.id))
            .field("source", &Excerpt::of_url(&*self.source))
            .field("type", &Excerpt::of(&*self.event_type))
            .field("subject", &self.subject().map(Excerpt::of))
            .finish_non_exhaustive()
    }
}

const JSON: &str = "application/json";

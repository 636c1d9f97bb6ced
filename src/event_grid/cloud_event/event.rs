//! The event: its attributes, extensions and data.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

use super::attribute;
use super::error::CloudEventError;
use super::extension::{self, ExtensionValue};
use crate::date::date;
use crate::excerpt::Excerpt;

/// An event with its context, as CloudEvents 1.0 has it.
///
/// One that is made here conforms, for each setter checks; but how deeply data nests is judged when it is written, 125 levels
/// at most. One that is read may not conform: Event Grid sends `"dataschema":"#"` and members that are null, and others write
/// extensions as they like. What is written, by [`Serialize`] or by a [`Publisher`](crate::event_grid::Publisher), conforms or
/// is refused; see [`check`](Self::check).
///
/// The JSON in `data` is kept as text: digits of numbers, order of members and whitespace stay as they are.
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
/// assert_eq!(error.to_string(), "attribute `source` is `` (expected a URI reference that is not empty)");
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
    /// An event with a new id, a UUID.
    ///
    /// Receivers take two events of the same source and id for one: the id is chosen here, once, so that repeated attempts
    /// to publish the event carry the same.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::Attribute`] if `source` is no URI reference, or `event_type` is empty.
    pub fn new(source: &str, event_type: &str) -> Result<Self, CloudEventError> {
        attribute::check("type", event_type)?;
        let event = Self::unchecked(&Uuid::new_v4().to_string(), "", event_type);
        event.with_source(source)
    }

    /// An event whose attributes [`check`](Self::check) may refuse.
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

    /// Replaces the id.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::Attribute`] if it is empty or holds control characters; so for the other texts.
    pub fn with_id(mut self, id: &str) -> Result<Self, CloudEventError> {
        self.id = attribute::check("id", id)?;
        Ok(self)
    }

    /// Replaces the source. In a namespace that routes by source, it decides which partner topic gets the event.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::Attribute`] if it is no URI reference.
    pub fn with_source(mut self, source: &str) -> Result<Self, CloudEventError> {
        self.source = attribute::check("source", source)?;
        Ok(self)
    }

    /// Says what in the source it is about.
    ///
    /// # Errors
    ///
    /// As [`with_id`](Self::with_id).
    pub fn with_subject(mut self, subject: &str) -> Result<Self, CloudEventError> {
        self.subject = Some(attribute::check("subject", subject)?);
        Ok(self)
    }

    /// Says when it happened; written in UTC.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::Attribute`] if the year is not one of 0 to 9999.
    pub fn with_time(mut self, time: OffsetDateTime) -> Result<Self, CloudEventError> {
        let text = time
            .checked_to_offset(UtcOffset::UTC)
            .and_then(|time| time.format(&Rfc3339).ok());
        let text = text.ok_or_else(|| attribute::refusal("time", &time.to_string()))?;
        self.time = Some(text.into());
        Ok(self)
    }

    /// Says by which schema the data is to be read.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::Attribute`] if it is no absolute URI.
    pub fn with_data_schema(mut self, uri: &str) -> Result<Self, CloudEventError> {
        self.data_schema = Some(attribute::check("dataschema", uri)?);
        Ok(self)
    }

    /// Replaces the data by `value` as JSON.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::Syntax`] if `value` cannot be written as JSON: a map whose keys are no strings, say.
    pub fn with_json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, CloudEventError> {
        let json = to_raw_value(value).map_err(|error| CloudEventError::syntax(&error))?;
        Ok(self.with_raw_json(json))
    }

    /// Replaces the data by JSON, which goes out byte for byte.
    #[must_use]
    pub fn with_raw_json(mut self, json: Box<RawValue>) -> Self {
        self.data_content_type = Some(JSON.into());
        self.data = Some(Data::Json(json));
        self
    }

    /// Replaces the data by bytes of some media type, which go out as base64.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::Attribute`] if `content_type` is no media type.
    pub fn with_bytes(
        mut self,
        content_type: &str,
        bytes: impl Into<Box<[u8]>>,
    ) -> Result<Self, CloudEventError> {
        self.data_content_type = Some(attribute::check("datacontenttype", content_type)?);
        self.data = Some(Data::Binary(bytes.into()));
        Ok(self)
    }

    /// Sets an extension.
    ///
    /// # Errors
    ///
    /// [`CloudEventError::ExtensionName`] or [`CloudEventError::Attribute`].
    pub fn with_extension(
        mut self,
        name: &str,
        value: impl Into<ExtensionValue>,
    ) -> Result<Self, CloudEventError> {
        let value = value.into().into_json()?;
        extension::check(name, &value)?;
        self.extensions.retain(|(other, _)| **other != *name);
        self.extensions.push((name.into(), value));
        Ok(self)
    }

    /// The id, which is unique within the source.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it happened.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What happened: `type`.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// What in the source it is about.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// When it happened, in UTC; a time without an offset is taken as UTC. `None` if there is none that can be read: see
    /// [`time_text`](Self::time_text).
    pub fn time(&self) -> Option<OffsetDateTime> {
        date(self.time_text()?)
    }

    /// The time as received, with as many digits, whether or not it can be read.
    pub fn time_text(&self) -> Option<&str> {
        self.time.as_deref()
    }

    /// The media type of the data. Without one it is JSON.
    pub fn data_content_type(&self) -> Option<&str> {
        self.data_content_type.as_deref()
    }

    /// The schema of the data, as received: `#` from Event Grid, which says nothing.
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

    /// The data in a type of yours; without JSON in it, from null: an `Option` is `None` then.
    ///
    /// # Errors
    ///
    /// If it is no such type, or nests deeper than `serde_json` reads. The words may quote the data.
    pub fn data<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        typed(self.json())
    }

    /// The data, if it came as base64.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.data {
            Some(Data::Binary(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// The extensions, in the order received; those that were null are not among them.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        let pairs = self.extensions.iter();
        pairs.map(|(name, value)| (&**name, &**value))
    }

    /// An extension by its name.
    pub fn extension(&self, name: &str) -> Option<&RawValue> {
        self.extensions()
            .find_map(|(other, value)| (other == name).then_some(value))
    }
}

/// Reads data into a type.
pub(in crate::event_grid) fn typed<T: DeserializeOwned>(
    json: Option<&RawValue>,
) -> serde_json::Result<T> {
    serde_json::from_str(json.map_or("null", RawValue::get))
}

impl fmt::Debug for CloudEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudEvent")
            .field("id", &Excerpt::of(&*self.id))
            .field("source", &Excerpt::of(&*self.source))
            .field("type", &Excerpt::of(&*self.event_type))
            .field("subject", &self.subject().map(Excerpt::of))
            .finish_non_exhaustive()
    }
}

const JSON: &str = "application/json";

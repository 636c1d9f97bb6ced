//! Stage 5: a verified body becomes an [`Event`].
//!
//! It reads the JSON of one callback: the event's name, typed ids of its resource, and every other member as
//! received. It does not check who sent the body; the earlier stages do.
//!
//! ```
//! use partner_center_webhooks::event::{Event, EventName, Resource};
//!
//! let body = br#"{"EventName":"invoice-ready","ResourceUri":"https://api.partnercenter.microsoft.com/v1/invoices/G000024135","ResourceName":"invoice","AuditUri":null,"ResourceChangeUtcDate":"2018-02-17T00:05:39.5485487+00:00"}"#;
//! let event = Event::from_slice(body)?;
//!
//! match event.name() {
//!     EventName::InvoiceReady => {
//!         let Resource::Invoice { invoice } = event.resource() else { panic!() };
//!         assert_eq!(invoice.as_str(), "G000024135");
//!     }
//!     _ => panic!(), // in production: not an error, but an event to ignore
//! }
//! assert_eq!(event.resource_change_utc_date().unwrap().nanosecond(), 548_548_700);
//! assert_eq!(serde_json::to_vec(&event).unwrap(), body);
//! # Ok::<(), partner_center_webhooks::event::EventError>(())
//! ```

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::json::date::date;
use crate::json::raw::{DEPTH_LIMIT, Members, depth, json_type, string};
use crate::json::without_mark;
use crate::mask::Excerpt;
use crate::mask::text::urls;

mod audit;
pub use audit::AuditId;
mod error;
pub use error::EventError;
mod id;
pub use id::Id;
mod name;
pub use name::{EventName, OtherEventName};
mod resource;
mod resource_uri;
pub use resource::Resource;

/// The event of one callback, with every member that came with it.
///
/// Only `EventName` is required. The other documented members may be missing, null or of an unexpected JSON type:
/// each then reads as `None`. Members come in any order; documented names match in any ASCII case. A member that
/// occurs twice is an error, because two readers of the same body could see different values.
///
/// Undocumented members are kept unread, see [`Event::extra`]. Objects and arrays may nest 127 levels deep, as in
/// `serde_json`; the length is not limited.
///
/// An event serializes to the JSON it was read from, byte for byte: order and spelling of members, digits of
/// numbers, inner whitespace. Only surrounding whitespace and a byte order mark are dropped. This requires
/// `serde_json` on both sides, without `#[serde(flatten)]` or `untagged` in between. Two events are equal if
/// these texts are.
///
/// # Source
///
/// "Partner Center webhook events". Where it contradicts itself (`AuditUri` and `AuditUrl`, case), each form is
/// accepted.
#[derive(Clone)]
pub struct Event {
    /// One JSON object, without surrounding whitespace.
    json: Box<str>,
    name: EventName,
    resource_uri: Option<Box<str>>,
    resource_name: Option<Box<str>>,
    audit_uri: Option<Box<str>>,
    /// `AuditUrl`, if there is also an `AuditUri`.
    other_audit_uri: Option<Box<str>>,
    resource_change_utc_date: Option<Box<str>>,
    extra: Vec<(Box<str>, Box<RawValue>)>,
}

impl Event {
    /// Reads the body of a callback: one JSON object in UTF-8, with or without a leading byte order mark.
    ///
    /// # Errors
    ///
    /// [`EventError`] if the body is not such an object, has a member twice, nests too deeply, or has no
    /// `EventName`. An unknown name, an unreadable date and an unreadable URI are not errors.
    ///
    /// # Example
    ///
    /// ```
    /// use partner_center_webhooks::event::{Event, EventError};
    ///
    /// let event = Event::from_slice(br#"{"EventName":"brand-new","Added":1.50}"#)?;
    /// assert_eq!(event.name().as_str(), "brand-new");
    /// assert_eq!(event.resource_uri(), None);
    ///
    /// let error = Event::from_slice(br#"{"ResourceName":"test"}"#).unwrap_err();
    /// assert_eq!(error.to_string(), "member `EventName` is missing (expected a non-empty string)");
    /// # Ok::<(), EventError>(())
    /// ```
    pub fn from_slice(body: &[u8]) -> Result<Self, EventError> {
        if UTF_16_MARKS.iter().any(|mark| body.starts_with(mark)) {
            return Err(EventError::ByteOrderMark { encoding: "UTF-16" });
        }
        let json = without_mark(body);
        if json.trim_ascii().is_empty() {
            return Err(EventError::Empty);
        }
        let text = str::from_utf8(json)
            .map_err(|source| EventError::NotUtf8 { offset: source.valid_up_to(), source })?;
        Self::read(text)
    }

    /// The name of the event.
    pub fn name(&self) -> &EventName {
        &self.name
    }

    /// URI of the changed resource, as received; [`Event::resource`] reads it.
    ///
    /// Do not request it directly: it may be `http`, name a host without an API, or lack the id.
    pub fn resource_uri(&self) -> Option<&str> {
        self.resource_uri.as_deref()
    }

    /// Kind of the changed resource, as received; Microsoft's samples differ in case (`customer`, `Customer`).
    pub fn resource_name(&self) -> Option<&str> {
        self.resource_name.as_deref()
    }

    /// URI of the audit record, as received: `AuditUri`, or `AuditUrl` if `AuditUri` is not a string.
    pub fn audit_uri(&self) -> Option<&str> {
        self.audit_uri.as_deref()
    }

    /// When the resource changed, in UTC, with the precision received (usually 100 ns, at best 1 ns).
    ///
    /// RFC 3339; a date without an offset is taken as UTC. `None` if the date is missing or cannot be read, see
    /// [`Event::resource_change_utc_date_text`].
    pub fn resource_change_utc_date(&self) -> Option<OffsetDateTime> {
        date(self.resource_change_utc_date_text()?)
    }

    /// The date as received, whether or not it can be read.
    pub fn resource_change_utc_date_text(&self) -> Option<&str> {
        self.resource_change_utc_date.as_deref()
    }

    /// The undocumented members, in the order received.
    ///
    /// # Example
    ///
    /// ```
    /// use partner_center_webhooks::event::Event;
    ///
    /// let event: Event = r#"{"EventName":"x", "TenantId":"t", "Price":1.50}"#.parse().unwrap();
    /// let extra: Vec<_> = event.extra().map(|(name, value)| (name, value.get())).collect();
    /// assert_eq!(extra, [("TenantId", "\"t\""), ("Price", "1.50")]);
    /// ```
    pub fn extra(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.extra.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The event as received, including members that read as `None`. Costs one scan of the text.
    pub fn as_json(&self) -> &RawValue {
        // The text was read as JSON, so the fallback is never used.
        serde_json::from_str(&self.json).unwrap_or(RawValue::NULL)
    }

    /// The resource of the event, as typed ids: from its `ResourceUri`, and for transfers from its audit id too.
    pub fn resource(&self) -> Resource {
        match self.resource_uri().map(Resource::from_uri) {
            None => Resource::Absent,
            Some(Resource::Customer { customer }) if self.is_about_transfer() => {
                let audit_id = self
                    .audit_id()
                    .filter(|audit| customer.as_uuid() == Some(audit.customer_tenant()));
                let transfer = audit_id.and_then(|audit| audit.resource_id().cloned());
                Resource::Transfer { customer, transfer }
            }
            Some(resource) => resource,
        }
    }

    /// Transfer events are delivered with the URI of the customer; only the names say that it is a transfer.
    fn is_about_transfer(&self) -> bool {
        matches!(
            self.name,
            EventName::CompleteTransfer
                | EventName::CreateTransfer
                | EventName::FailTransfer
                | EventName::UpdateTransfer
        ) || self.resource_name().is_some_and(|name| name.eq_ignore_ascii_case("transfer"))
    }

    /// The audit id in [`Event::audit_uri`], if it has the known form.
    pub fn audit_id(&self) -> Option<AuditId> {
        AuditId::parse(self.audit_uri()?)
    }

    /// The tenant of the event's customer: from its resource, else from its audit id.
    ///
    /// Any path under `customers/` and a UUID names a customer, even if the kind of the resource is unknown.
    ///
    /// `None` if neither names a customer, or if they name different ones. Invoices, referrals and the usage
    /// records of all customers have no customer, whatever the audit id says, because an [`AuditId`] is best effort.
    ///
    /// # Example
    ///
    /// ```
    /// use partner_center_webhooks::event::Event;
    ///
    /// let event: Event = r#"{
    ///     "EventName": "subscription-updated",
    ///     "ResourceUri": "https://api.partnercenter.microsoft.com/webhooks/v1/customers/4B2A6E33-8791-4386-BD2B-0D55BAF25039/subscriptions/a"
    /// }"#.parse()?;
    /// let customer = event.customer_tenant().unwrap();
    /// assert_eq!(customer.to_string(), "4b2a6e33-8791-4386-bd2b-0d55baf25039");
    ///
    /// let event: Event = r#"{"EventName":"invoice-ready"}"#.parse()?;
    /// assert_eq!(event.customer_tenant(), None);
    /// # Ok::<(), partner_center_webhooks::event::EventError>(())
    /// ```
    pub fn customer_tenant(&self) -> Option<Uuid> {
        let audits = [self.audit_uri(), self.other_audit_uri.as_deref()];
        let audits = audits.into_iter().flatten().filter_map(AuditId::parse);
        let mut audited = audits.map(|audit| audit.customer_tenant());
        let (audited, other) = (audited.next(), audited.next());
        if other.is_some() && other != audited {
            return None;
        }
        let resource = self.resource();
        match resource.customer() {
            Some(customer) => {
                customer.as_uuid().filter(|tenant| audited.is_none_or(|audited| audited == *tenant))
            }
            None if resource.has_no_customer() => None,
            None => audited.filter(|tenant| {
                let named = self.resource_uri().and_then(resource_uri::customer_in);
                named.is_none_or(|named| Uuid::try_parse(named).ok() == Some(*tenant))
            }),
        }
    }

    fn read(text: &str) -> Result<Self, EventError> {
        let Members(members) =
            serde_json::from_str(text).map_err(|error| not_an_object(text, error))?;

        let mut documented: [Option<&RawValue>; MEMBERS.len()] = [None; MEMBERS.len()];
        let mut extra = Vec::new();
        let mut extra_names = HashSet::new();
        for (name, value) in &members {
            if depth(value) >= DEPTH_LIMIT {
                return Err(EventError::TooDeep { member: Excerpt::of(&**name) });
            }
            let mut slots = MEMBERS.iter().zip(&mut documented);
            let is_first = match slots.find(|(member, _)| member.eq_ignore_ascii_case(name)) {
                Some((_, slot)) => slot.replace(value).is_none(),
                None => {
                    extra.push((name.clone().into(), (*value).to_owned()));
                    extra_names.insert(name)
                }
            };
            if !is_first {
                return Err(EventError::DuplicateMember { member: Excerpt::of(&**name) });
            }
        }

        let [audit_uri, audit_url, name, date, resource_name, resource_uri] = documented;
        let (audit_uri, audit_url) = (string(audit_uri), string(audit_url));
        let (audit_uri, other_audit_uri) = match audit_uri {
            Some(_) => (audit_uri, audit_url),
            None => (audit_url, None),
        };
        Ok(Self {
            name: event_name(name)?,
            resource_uri: string(resource_uri).map(Into::into),
            resource_name: string(resource_name).map(Into::into),
            audit_uri: audit_uri.map(Into::into),
            other_audit_uri: other_audit_uri.map(Into::into),
            resource_change_utc_date: string(date).map(Into::into),
            extra,
            json: text.trim_matches(JSON_WHITESPACE).into(),
        })
    }
}

impl FromStr for Event {
    type Err = EventError;

    fn from_str(body: &str) -> Result<Self, EventError> {
        Self::from_slice(body.as_bytes())
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Self::read(json.get()).map_err(de::Error::custom)
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_json().serialize(serializer)
    }
}

impl Eq for Event {}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

/// Its JSON. The user and the query values of URLs are masked.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Event").field(&urls(&self.json)).finish()
    }
}

/// The error for a text that is not a JSON object.
fn not_an_object(text: &str, error: serde_json::Error) -> EventError {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(json) if !json.get().starts_with('{') => {
            EventError::NotAnObject { found: json_type(json) }
        }
        Ok(_) => EventError::syntax(error),
        Err(error) => EventError::syntax(error),
    }
}

fn event_name(value: Option<&RawValue>) -> Result<EventName, EventError> {
    let found = match (value, string(value)) {
        (_, Some(name)) if !name.is_empty() => return Ok(EventName::from(&*name)),
        (_, Some(_)) => "an empty string",
        (Some(value), None) if value.get().starts_with('"') => {
            "a string with half a surrogate pair"
        }
        (Some(value), None) => json_type(value),
        (None, None) => "missing",
    };
    Err(EventError::EventName { found })
}

/// The documented members, with both spellings of the audit URI; alphabetical.
const MEMBERS: [&str; 6] =
    ["AuditUri", "AuditUrl", "EventName", "ResourceChangeUtcDate", "ResourceName", "ResourceUri"];

/// RFC 8259 section 2.
const JSON_WHITESPACE: [char; 4] = [' ', '\t', '\n', '\r'];

const UTF_16_MARKS: [&[u8]; 2] = [b"\xfe\xff", b"\xff\xfe"];

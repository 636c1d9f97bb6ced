//! Events of neither schema, and why they were not recognized.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use super::event_grid_event::EventGridEvent;
use crate::event_grid::cloud_event::{CloudEvent, CloudEventError};
use crate::json::raw::{Members, json_type, string};
use crate::mask::Excerpt;

/// A JSON object that is neither a CloudEvent nor an event of Event Grid's schema. `Debug` does not show it.
///
/// The receiver counts and logs such events, with the [`reason`](Self::reason). With the schema `CustomInputSchema` every
/// event is one, and [`json`](Self::json) is the event as published.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use http::{HeaderMap, Method};
/// use partner_center_webhooks::event_grid::receive::{GridEvent, WebhookReceiver};
///
/// let receiver = WebhookReceiver::builder().query_secret("code", "kGZ4vN0mS2rQ8xTb")?.build()?;
/// let (query, headers) = (Some("code=kGZ4vN0mS2rQ8xTb"), HeaderMap::new());
/// let body = br#"{"specversion":"1.0","id":7,"source":"/a","type":"b"}"#;
/// let request = receiver.receive(&Method::POST, query, &headers, body).await?;
/// let notification = request.into_notification()?;
/// assert_eq!(notification.unrecognized_count(), 1);
///
/// let [GridEvent::Unrecognized(event)] = notification.events() else { panic!("one event of neither schema") };
/// assert_eq!(event.reason().to_string(), "it is not a CloudEvent: `id` is a number (expected a string)");
/// assert_eq!(event.json().get().as_bytes(), body);
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
pub struct UnrecognizedEvent {
    json: Box<RawValue>,
}

impl UnrecognizedEvent {
    pub(super) fn new(json: &RawValue) -> Self {
        Self { json: json.to_owned() }
    }

    /// The object, byte for byte.
    pub fn json(&self) -> &RawValue {
        &self.json
    }

    /// Determines why it was not recognized. Safe to log: the reason does not quote the event's data.
    pub fn reason(&self) -> UnrecognizedReason {
        UnrecognizedReason::of(&self.json)
    }
}

impl fmt::Debug for UnrecognizedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnrecognizedEvent").field("reason", &self.reason()).finish_non_exhaustive()
    }
}

/// Why a JSON object is of neither schema. The names of its members decide which schema it is compared with.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UnrecognizedReason {
    /// It has `specversion`, `type` or `source`, in any case.
    CloudEvent {
        /// One text for each member that violates the schema, such as "`id` is a number (expected a string)".
        problems: Vec<String>,
    },
    /// It has `eventType`, in any case, and no `specversion`.
    EventGrid {
        /// One text for each member that violates the schema.
        problems: Vec<String>,
    },
    /// It has none of the members that identify a schema.
    Neither,
}

impl UnrecognizedReason {
    fn of(json: &RawValue) -> Self {
        let members = serde_json::from_str(json.get()).map_or(Vec::new(), |Members(it)| it);
        let has = |name| members.iter().any(|it| it.0.eq_ignore_ascii_case(name));
        let text = json.get();
        if has("eventType") && !has("specversion") {
            let read = serde_json::from_str::<EventGridEvent>(text);
            let other = read.err().map(|error| error.to_string());
            Self::EventGrid { problems: problems(&EVENT_GRID, &members, other) }
        } else if ["specversion", "type", "source"].into_iter().any(has) {
            let other = CloudEvent::from_slice(text.as_bytes()).err().map(without_data);
            Self::CloudEvent { problems: problems(&CLOUD_EVENT, &members, other) }
        } else {
            Self::Neither
        }
    }
}

impl fmt::Display for UnrecognizedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloudEvent { problems } => {
                write!(f, "it is not a CloudEvent: {}", problems.join("; "))
            }
            Self::EventGrid { problems } => {
                write!(f, "it is not an event of Event Grid's schema: {}", problems.join("; "))
            }
            Self::Neither => f.write_str(
                "it has none of `specversion`, `type`, `source` and `eventType` (expected a CloudEvent or an event of Event \
                 Grid's schema; with the schema `CustomInputSchema` this is normal)",
            ),
        }
    }
}

/// The string members of a schema.
struct Texts {
    required: &'static [&'static str],
    optional: &'static [&'static str],
    may_be_empty: bool,
}

type Member<'a> = (Cow<'a, str>, &'a RawValue);

/// The problems of `members`; if there are none, `other`, which is the message of the parser.
fn problems(texts: &Texts, members: &[Member<'_>], other: Option<String>) -> Vec<String> {
    let value_of = |name: &str| {
        let found = members.iter().find(|it| it.0 == name).map(|it| it.1);
        found.filter(|value| value.get() != "null")
    };
    let missing = |name: &str| {
        let is_like = |it: &&Member<'_>| it.0 != name && it.0.eq_ignore_ascii_case(name);
        let found = members.iter().find(is_like).map(|it| Excerpt::of(&*it.0));
        let found = found.map(|it| format!(" (found `{it}`; names are case-sensitive)"));
        format!("`{name}` is missing{}", found.unwrap_or_default())
    };
    let mistyped = |name: &str, value| match json_type(value) {
        "a string" => None,
        found => Some(format!("`{name}` is {found} (expected a string)")),
    };
    let required = texts.required.iter().filter_map(|name| match value_of(name) {
        None => Some(missing(name)),
        Some(value) if !texts.may_be_empty && string(Some(value)).as_deref() == Some("") => {
            Some(format!("`{name}` is empty"))
        }
        Some(value) => mistyped(name, value),
    });
    let optional = texts.optional.iter().filter_map(|name| mistyped(name, value_of(name)?));
    let mut problems: Vec<_> = required.chain(optional).collect();
    if problems.is_empty() {
        problems.push(Excerpt::of(other.unwrap_or_default()).to_string());
    }
    problems
}

/// The message of the CloudEvents parser, without the data that it may quote.
fn without_data(error: CloudEventError) -> String {
    match error {
        CloudEventError::Attribute { name, .. } if name == Excerpt::of("data_base64") => {
            "`data_base64` is not base64".to_owned()
        }
        error => error.to_string(),
    }
}

/// CloudEvents 1.0.2, "Context Attributes".
const CLOUD_EVENT: Texts = Texts {
    required: &["specversion", "id", "source", "type"],
    optional: &["subject", "time", "datacontenttype", "dataschema"],
    may_be_empty: false,
};

/// "Azure Event Grid event schema".
const EVENT_GRID: Texts = Texts {
    required: &["id", "eventType"],
    optional: &["topic", "subject", "eventTime", "dataVersion"],
    may_be_empty: true,
};

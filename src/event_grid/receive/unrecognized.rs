//! Events of neither schema, and why they were not recognized.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;
use thiserror::Error;

use super::event_grid_event::EventGridEvent;
use crate::event_grid::cloud_event::{CloudEvent, CloudEventError};
use crate::excerpt::Excerpt;
use crate::json::raw::{Members, json_type, string};

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
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum UnrecognizedReason {
    /// It has `specversion`, `type` or `source`, in any case.
    #[error("it is not a CloudEvent: {}", listed(problems))]
    CloudEvent {
        /// The members that violate the schema.
        problems: Vec<EventProblem>,
    },
    /// It has `eventType`, in any case, and no `specversion`.
    #[error("it is not an event of Event Grid's schema: {}", listed(problems))]
    EventGrid {
        /// The members that violate the schema.
        problems: Vec<EventProblem>,
    },
    /// It has none of the members that identify a schema.
    #[error(
        "it has none of `specversion`, `type`, `source` and `eventType` (expected a CloudEvent or an event of Event Grid's \
         schema; with the schema `CustomInputSchema` this is normal)"
    )]
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

/// A member that violates the schema of its event.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum EventProblem {
    /// The case of its name is wrong.
    #[error("`{member}` is missing (found `{found}`; names are case-sensitive)")]
    Case {
        /// The expected name.
        member: &'static str,
        /// The name in the event.
        found: Excerpt,
    },
    /// It is an empty string.
    #[error("`{member}` is empty")]
    Empty {
        /// Its name.
        member: &'static str,
    },
    /// All members are present, but something else is wrong.
    #[error("{reason}")]
    Malformed {
        /// The message of the parser.
        reason: Excerpt,
    },
    /// It is missing or null.
    #[error("`{member}` is missing")]
    Missing {
        /// Its name.
        member: &'static str,
    },
    /// It is not a string.
    #[error("`{member}` is {found} (expected a string)")]
    NotAString {
        /// Its name.
        member: &'static str,
        /// Its JSON type.
        found: &'static str,
    },
}

/// The string members of a schema.
struct Texts {
    required: &'static [&'static str],
    optional: &'static [&'static str],
    may_be_empty: bool,
}

type Member<'a> = (Cow<'a, str>, &'a RawValue);

/// The problems of `members`; if there are none, `other`, which is the message of the parser.
fn problems(texts: &Texts, members: &[Member<'_>], other: Option<String>) -> Vec<EventProblem> {
    let value_of = |name: &str| {
        let found = members.iter().find(|it| it.0 == name).map(|it| it.1);
        found.filter(|value| value.get() != "null")
    };
    let missing = |member: &'static str| match members
        .iter()
        .find(|it| it.0 != member && it.0.eq_ignore_ascii_case(member))
    {
        Some((found, _)) => EventProblem::Case { member, found: Excerpt::of(&**found) },
        None => EventProblem::Missing { member },
    };
    let of_value = |member: &'static str, value| match json_type(value) {
        "a string" if texts.may_be_empty || string(Some(value)).as_deref() != Some("") => None,
        "a string" => Some(EventProblem::Empty { member }),
        found => Some(EventProblem::NotAString { member, found }),
    };
    let required = texts.required.iter().filter_map(|name| {
        value_of(name).map_or_else(|| Some(missing(name)), |value| of_value(name, value))
    });
    let optional = texts.optional.iter();
    let optional = optional.filter_map(|name| match json_type(value_of(name)?) {
        "a string" => None,
        found => Some(EventProblem::NotAString { member: name, found }),
    });
    let mut problems: Vec<_> = required.chain(optional).collect();
    if problems.is_empty() {
        let reason = Excerpt::of(other.unwrap_or_default());
        problems.push(EventProblem::Malformed { reason });
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

fn listed(problems: &[EventProblem]) -> String {
    let problems: Vec<_> = problems.iter().map(EventProblem::to_string).collect();
    problems.join("; ")
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

//! Events about resources of Azure, in both envelopes.

use std::fmt;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::byte_order_mark::without_mark;
use crate::excerpt::Excerpt;

/// Something happened to a resource: a `Microsoft.Resources` event.
///
/// It says that, and not how the resource is now. `Debug` shows nothing of `claims`, which are those of somebody's token,
/// nor of anything else in the data but the resource and the operation.
///
/// # Source
///
/// "Azure subscription as an Event Grid source" and "Azure resource group as an Event Grid source".
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::activation::ResourceEvent;
///
/// let body = br#"{"specversion":"1.0","type":"Microsoft.Resources.ResourceActionSuccess","subject":"/subscriptions/s",
///     "data":{"resourceUri":"/subscriptions/s","operationName":"Microsoft.EventGrid/x/action","claims":"{\"oid\":\"o\"}"}}"#;
/// let events = ResourceEvent::read(body)?;
/// assert_eq!(events[0].resource_uri(), Some("/subscriptions/s"));
/// assert_eq!(events[0].claims().unwrap()["oid"], "o");
/// assert!(!format!("{events:?}").contains("oid"));
/// # Ok::<(), partner_center_webhooks::event_grid::activation::NotEvents>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct ResourceEvent {
    event_type: Box<str>,
    subject: Option<Box<str>>,
    data: Map<String, Value>,
}

/// A body is no event, and no array of events.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("the body holds no events (expected a JSON object or an array of them): {reason}")]
pub struct NotEvents {
    reason: Excerpt,
}

impl ResourceEvent {
    /// An event of this type about `subject`.
    pub fn new(event_type: &str, subject: Option<&str>, data: &Value) -> Self {
        Self {
            event_type: event_type.into(),
            subject: subject.map(Into::into),
            data: members(data).unwrap_or_default(),
        }
    }

    /// Reads a delivery: one event or an array, of Event Grid's schema or CloudEvents. What is no event of these is left
    /// out.
    ///
    /// # Errors
    ///
    /// [`NotEvents`].
    pub fn read(body: &[u8]) -> Result<Vec<Self>, NotEvents> {
        let not_events = |reason: String| NotEvents {
            reason: Excerpt::of(reason),
        };
        match serde_json::from_slice(without_mark(body))
            .map_err(|error| not_events(error.to_string()))?
        {
            Value::Array(events) => Ok(events.iter().filter_map(Self::of_json).collect()),
            event @ Value::Object(_) => Ok(Self::of_json(&event).into_iter().collect()),
            _ => Err(not_events("it is neither".to_owned())),
        }
    }

    pub(super) fn of_json(event: &Value) -> Option<Self> {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let event_type = text("eventType").or_else(|| text("type"))?;
        let data = event.get("data").unwrap_or(&Value::Null);
        Some(Self::new(event_type, text("subject"), data))
    }

    /// Such as `Microsoft.Resources.ResourceWriteSuccess`.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The id of the resource, in any case.
    pub fn resource_uri(&self) -> Option<&str> {
        self.text("resourceUri").or(self.subject.as_deref())
    }

    /// What was done, such as `Microsoft.EventGrid/partnerNamespaces/channels/write`.
    pub fn operation_name(&self) -> Option<&str> {
        self.text("operationName")
    }

    /// How it ended.
    pub fn status(&self) -> Option<&str> {
        self.text("status")
    }

    /// What a support case is opened with.
    pub fn correlation_id(&self) -> Option<&str> {
        self.text("correlationId")
    }

    /// The claims of the token of whoever did it. Not for logs.
    pub fn claims(&self) -> Option<Map<String, Value>> {
        members(self.data.get("claims")?)
    }

    /// On what authority it was done.
    pub fn authorization(&self) -> Option<Map<String, Value>> {
        members(self.data.get("authorization")?)
    }

    /// The request that did it, which not every event has.
    pub fn http_request(&self) -> Option<Map<String, Value>> {
        members(self.data.get("httpRequest")?)
    }

    /// Whether something was done: a write, an action or a deletion that succeeded.
    pub fn is_success(&self) -> bool {
        SUCCESSES
            .iter()
            .any(|success| success.eq_ignore_ascii_case(&self.event_type))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.data.get(name).and_then(Value::as_str)
    }
}

/// An object, or one that is written in a string, as older events have it.
fn members(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

impl fmt::Debug for ResourceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceEvent")
            .field("event_type", &Excerpt::of(&*self.event_type))
            .field("resource_uri", &self.resource_uri().map(Excerpt::of))
            .field("operation_name", &self.operation_name().map(Excerpt::of))
            .finish_non_exhaustive()
    }
}

const SUCCESSES: [&str; 3] = [
    "Microsoft.Resources.ResourceActionSuccess",
    "Microsoft.Resources.ResourceDeleteSuccess",
    "Microsoft.Resources.ResourceWriteSuccess",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_envelopes_and_older_events() {
        let event_grid = br#"[{"id":"1","topic":"/subscriptions/s","subject":"/SUBSCRIPTIONS/s/resourcegroups/g","eventType":"Microsoft.Resources.ResourceWriteSuccess","eventTime":"2026-11-21T00:00:00.1234567Z","dataVersion":"2","metadataVersion":"1","data":{"authorization":"{\"scope\":\"/s\",\"evidence\":{\"role\":\"r\"}}","claims":"{\"oid\":\"s3cret\"}","httpRequest":null,"operationName":"Microsoft.EventGrid/partnerNamespaces/channels/write","status":"Succeeded"}},{"neither":1},7]"#;
        let events = ResourceEvent::read(event_grid).unwrap();
        assert_eq!(events.len(), 1);
        let event = &events[0];
        assert!(event.is_success());
        assert_eq!(
            event.resource_uri(),
            Some("/SUBSCRIPTIONS/s/resourcegroups/g")
        );
        assert_eq!(event.authorization().unwrap()["evidence"]["role"], "r");
        assert_eq!(event.claims().unwrap()["oid"], "s3cret");
        assert_eq!(
            (event.http_request(), event.status()),
            (None, Some("Succeeded"))
        );
        assert!(!format!("{event:?}").contains("s3cret"));

        let cloud = br##"{"specversion":"1.0","type":"Microsoft.Resources.ResourceActionFailure","source":"/subscriptions/s","subject":"/a","dataschema":"#","data":{"resourceUri":"/b","claims":{"oid":"s3cret"},"httpRequest":{"method":"POST"},"correlationId":"c"}}"##;
        let event = ResourceEvent::read(cloud).unwrap().remove(0);
        assert!(!event.is_success());
        assert_eq!(event.resource_uri(), Some("/b"));
        assert_eq!(event.http_request().unwrap()["method"], "POST");
        assert_eq!(event.correlation_id(), Some("c"));

        assert_eq!(ResourceEvent::read(b"[]"), Ok(Vec::new()));
        for body in ["", "7", "null", "[", "\"text\""] {
            assert!(ResourceEvent::read(body.as_bytes()).is_err(), "{body}");
        }
    }
}

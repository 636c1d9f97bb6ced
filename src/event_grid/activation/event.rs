//! Events about Azure resources, in both schemas.

use std::fmt;

use serde_json::{Map, Value};

use super::error::ActivationError;
use crate::json::without_mark;
use crate::mask::Excerpt;

/// A `Microsoft.Resources` event: an operation on an Azure resource.
///
/// It does not have the state of the resource. `Debug` shows only the type, the resource and the operation, because `claims`
/// are those of the caller's token.
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
/// # Ok::<(), partner_center_webhooks::event_grid::activation::ActivationError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct ResourceEvent {
    event_type: Box<str>,
    subject: Option<Box<str>>,
    data: Map<String, Value>,
}

impl ResourceEvent {
    /// Creates an event.
    pub fn new(event_type: &str, subject: Option<&str>, data: &Value) -> Self {
        Self {
            event_type: event_type.into(),
            subject: subject.map(Into::into),
            data: members(data).unwrap_or_default(),
        }
    }

    /// Parses a delivery: one event or an array, in Event Grid's schema or CloudEvents. Values of neither schema are skipped.
    ///
    /// # Errors
    ///
    /// [`ActivationError::NotEvents`] if it is not JSON, or neither an object nor an array.
    pub fn read(body: &[u8]) -> Result<Vec<Self>, ActivationError> {
        let not_events =
            |reason: String| ActivationError::NotEvents { reason: Excerpt::of(reason) };
        match serde_json::from_slice(without_mark(body))
            .map_err(|error| not_events(error.to_string()))?
        {
            Value::Array(events) => Ok(events.iter().filter_map(Self::of_json).collect()),
            event @ Value::Object(_) => Ok(Self::of_json(&event).into_iter().collect()),
            _ => Err(not_events("it is another JSON value".to_owned())),
        }
    }

    pub(super) fn of_json(event: &Value) -> Option<Self> {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let event_type = text("eventType").or_else(|| text("type"))?;
        let data = event.get("data").unwrap_or(&Value::Null);
        Some(Self::new(event_type, text("subject"), data))
    }

    /// The type, such as `Microsoft.Resources.ResourceWriteSuccess`.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The id of the resource. Its case varies.
    pub fn resource_uri(&self) -> Option<&str> {
        self.text("resourceUri").or(self.subject.as_deref())
    }

    /// The operation, such as `Microsoft.EventGrid/partnerNamespaces/channels/write`.
    pub fn operation_name(&self) -> Option<&str> {
        self.text("operationName")
    }

    /// The status of the operation.
    pub fn status(&self) -> Option<&str> {
        self.text("status")
    }

    /// The correlation id, for support requests.
    pub fn correlation_id(&self) -> Option<&str> {
        self.text("correlationId")
    }

    /// The claims of the caller's token. Do not log them.
    pub fn claims(&self) -> Option<Map<String, Value>> {
        members(self.data.get("claims")?)
    }

    /// The authorization of the caller.
    pub fn authorization(&self) -> Option<Map<String, Value>> {
        members(self.data.get("authorization")?)
    }

    /// The HTTP request of the operation. Not every event has one.
    pub fn http_request(&self) -> Option<Map<String, Value>> {
        members(self.data.get("httpRequest")?)
    }

    /// Whether a write, action or deletion succeeded.
    pub fn is_success(&self) -> bool {
        SUCCESSES.iter().any(|success| success.eq_ignore_ascii_case(&self.event_type))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.data.get(name).and_then(Value::as_str)
    }
}

/// An object, or a string with the JSON of one, as in older events.
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
    fn both_schemas_and_older_events() {
        let event_grid = br#"[{"id":"1","topic":"/subscriptions/s","subject":"/SUBSCRIPTIONS/s/resourcegroups/g","eventType":"Microsoft.Resources.ResourceWriteSuccess","eventTime":"2026-11-21T00:00:00.1234567Z","dataVersion":"2","metadataVersion":"1","data":{"authorization":"{\"scope\":\"/s\",\"evidence\":{\"role\":\"r\"}}","claims":"{\"oid\":\"s3cret\"}","httpRequest":null,"operationName":"Microsoft.EventGrid/partnerNamespaces/channels/write","status":"Succeeded"}},{"neither":1},7]"#;
        let events = ResourceEvent::read(event_grid).unwrap();
        assert_eq!(events.len(), 1);
        let event = &events[0];
        assert!(event.is_success());
        assert_eq!(event.resource_uri(), Some("/SUBSCRIPTIONS/s/resourcegroups/g"));
        assert_eq!(event.authorization().unwrap()["evidence"]["role"], "r");
        assert_eq!(event.claims().unwrap()["oid"], "s3cret");
        assert_eq!((event.http_request(), event.status()), (None, Some("Succeeded")));
        assert!(!format!("{event:?}").contains("s3cret"));

        let cloud = br##"{"specversion":"1.0","type":"Microsoft.Resources.ResourceActionFailure","source":"/subscriptions/s","subject":"/a","dataschema":"#","data":{"resourceUri":"/b","claims":{"oid":"s3cret"},"httpRequest":{"method":"POST"},"correlationId":"c"}}"##;
        let event = ResourceEvent::read(cloud).unwrap().remove(0);
        assert!(!event.is_success());
        assert_eq!(event.resource_uri(), Some("/b"));
        assert_eq!(event.http_request().unwrap()["method"], "POST");
        assert_eq!(event.correlation_id(), Some("c"));

        assert_eq!(ResourceEvent::read(b"[]").unwrap(), Vec::new());
        for body in ["", "7", "null", "[", "\"text\""] {
            assert!(ResourceEvent::read(body.as_bytes()).is_err(), "{body}");
        }
    }
}

//! Events as delivered: in the schema of the event subscription.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::event_grid_event::EventGridEvent;
use super::unrecognized::UnrecognizedEvent;
use crate::event_grid::cloud_event::CloudEvent;

/// An event in its delivery schema. `Debug` does not show its data.
///
/// Exhaustive, so that every `match` handles events of neither schema. Event Grid has three delivery schemas; an event of a
/// new one would be [`Unrecognized`](Self::Unrecognized).
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use http::{HeaderMap, Method};
/// use partner_center_webhooks::event_grid::CloudEvent;
/// use partner_center_webhooks::event_grid::receive::{GridEvent, WebhookReceiver};
///
/// let receiver = WebhookReceiver::builder().query_secret("code", "kGZ4vN0mS2rQ8xTb")?.build()?;
/// let (query, headers) = (Some("code=kGZ4vN0mS2rQ8xTb"), HeaderMap::new());
/// // The second is a CloudEvent without `specversion`, as in a dead letter.
/// let body = br#"[{"id":"1","eventType":"a"},{"id":"2","source":"/b","type":"b"}]"#;
/// let request = receiver.receive(&Method::POST, query, &headers, body).await?;
///
/// let mut seen = Vec::new();
/// for event in request.into_notification()?.events() {
///     seen.push(match event {
///         GridEvent::CloudEvent(event) => event.id().to_owned(),
///         GridEvent::EventGrid(event) => event.id().to_owned(),
///         GridEvent::Unrecognized(event) => {
///             assert_eq!(event.reason().to_string(), "it is not a CloudEvent: `specversion` is missing");
///             CloudEvent::from_slice(event.json().get().as_bytes())?.id().to_owned() // lenient about `specversion`
///         }
///     });
/// }
/// assert_eq!(seen, ["1", "2"]);
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "with `_` in their match, handlers would skip events of neither schema"
)]
pub enum GridEvent {
    /// From a subscription with the schema `CloudEventSchemaV1_0`.
    CloudEvent(CloudEvent),
    /// From a subscription with the schema `EventGridSchema`.
    EventGrid(EventGridEvent),
    /// A JSON object of neither schema: malformed, or from a subscription with the schema `CustomInputSchema`. It is delivered
    /// to the handler, because a refusal would lose the whole batch.
    Unrecognized(UnrecognizedEvent),
}

impl GridEvent {
    pub(super) fn read(event: &RawValue) -> Self {
        let schema = serde_json::from_str(event.get());
        let known = match schema.unwrap_or_default() {
            Schema { specversion: Some(_), .. } => {
                CloudEvent::from_slice(event.get().as_bytes()).ok().map(Self::CloudEvent)
            }
            Schema { event_type: Some(_), .. } => {
                serde_json::from_str(event.get()).ok().map(Self::EventGrid)
            }
            _ => None,
        };
        known.unwrap_or_else(|| Self::Unrecognized(UnrecognizedEvent::new(event)))
    }
}

/// The members that distinguish the schemas.
#[derive(Default, Deserialize)]
struct Schema {
    specversion: Option<IgnoredAny>,
    #[serde(rename = "eventType")]
    event_type: Option<IgnoredAny>,
}

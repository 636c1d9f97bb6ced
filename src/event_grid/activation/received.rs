//! Events about resources from a webhook.

use super::event::ResourceEvent;
use crate::event_grid::receive::GridEvent;

impl ResourceEvent {
    /// Converts an event of a [`WebhookReceiver`](crate::event_grid::receive::WebhookReceiver); `None` if it does not have a
    /// type in either schema. Like [`read`](Self::read), it accepts every type.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use http::{HeaderMap, Method};
    /// use partner_center_webhooks::event_grid::activation::{Hints, ResourceEvent};
    /// use partner_center_webhooks::event_grid::receive::WebhookReceiver;
    ///
    /// let receiver = WebhookReceiver::builder().query_secret("code", "kGZ4vN0mS2rQ8xTb")?.build()?;
    /// let body = br#"{"specversion":"1.0","id":"1","source":"/subscriptions/s","subject":"/subscriptions/s/a",
    ///     "type":"Microsoft.Resources.ResourceWriteSuccess","data":{"operationName":"Microsoft.EventGrid/x/write"}}"#;
    /// let query = Some("code=kGZ4vN0mS2rQ8xTb");
    /// let request = receiver.receive(&Method::POST, query, &HeaderMap::new(), body).await?;
    ///
    /// let hints = Hints::default(); // in production: `watcher.hints()`
    /// for event in request.into_notification()?.events() {
    ///     let event = ResourceEvent::of(event).ok_or("not an event about a resource")?;
    ///     assert_eq!(event.resource_uri(), Some("/subscriptions/s/a"));
    ///     assert_eq!(event.operation_name(), Some("Microsoft.EventGrid/x/write"));
    ///     assert_eq!(hints.record(&event), 0); // not about a watched channel
    /// }
    /// # Ok(()) }) }
    /// ```
    pub fn of(event: &GridEvent) -> Option<Self> {
        match event {
            GridEvent::CloudEvent(event) => {
                let data = event.data().unwrap_or_default();
                Some(Self::new(event.event_type(), event.subject(), &data))
            }
            GridEvent::EventGrid(event) => {
                let data = event.data().unwrap_or_default();
                Some(Self::new(event.event_type(), event.subject(), &data))
            }
            GridEvent::Unrecognized(event) => {
                Self::of_json(&serde_json::from_str(event.json().get()).ok()?)
            }
        }
    }
}

//! Events about resources that came to a web hook.

use super::event::ResourceEvent;
use crate::event_grid::receive::GridEvent;

impl ResourceEvent {
    /// Reads an event that a [`WebhookReceiver`](crate::event_grid::receive::WebhookReceiver) took; `None` if it has no
    /// type in either schema. Which types there are is not judged here, as it is not by [`read`](Self::read).
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
    /// let incoming = receiver.receive(&Method::POST, query, &HeaderMap::new(), body).await?;
    ///
    /// let hints = Hints::default(); // in earnest, those of an `ActivationWatcher`
    /// for event in incoming.into_notification()?.events() {
    ///     let event = ResourceEvent::of(event).ok_or("no event about a resource")?;
    ///     assert_eq!(event.resource_uri(), Some("/subscriptions/s/a"));
    ///     assert_eq!(event.operation_name(), Some("Microsoft.EventGrid/x/write"));
    ///     assert_eq!(hints.tell(&event), 0); // of no channel that is watched
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

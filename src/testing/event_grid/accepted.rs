//! What was accepted.

use serde_json::Value;

/// An event that was accepted.
#[derive(Clone, Debug)]
pub struct AcceptedEvent {
    pub(super) channel: Option<String>,
    pub(super) event: Value,
}

impl AcceptedEvent {
    /// The channel that its request named.
    pub fn channel(&self) -> Option<&str> {
        self.channel.as_deref()
    }

    /// The event.
    pub fn event(&self) -> &Value {
        &self.event
    }
}

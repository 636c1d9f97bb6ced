//! What there is.

use std::collections::BTreeMap;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Resources by their ids, in any case; and which of them mirror each other.
#[derive(Debug, Default)]
pub(super) struct Resources {
    all: BTreeMap<String, Stored>,
    /// Channels by what they made.
    channels: BTreeMap<String, String>,
}

/// A resource, and what of it is not shown.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) value: Value,
    pub(super) keys: [String; 2],
    pub(super) full_url: Option<Value>,
    /// The headers that come along with events, with their secrets.
    pub(super) attributes: Vec<Value>,
}

impl Stored {
    pub(super) fn of(value: Value) -> Self {
        Self {
            value,
            keys: [new_key(), new_key()],
            full_url: None,
            attributes: Vec::new(),
        }
    }

    pub(super) fn properties(&mut self) -> Option<&mut Map<String, Value>> {
        self.value.get_mut("properties")?.as_object_mut()
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        if let Some(properties) = self.properties() {
            properties.insert(name.to_owned(), value.into());
        }
    }

    pub(super) fn text(&self, pointer: &str) -> &str {
        let text = self.value.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default()
    }
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored")
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

impl Resources {
    pub(super) fn get(&self, id: &str) -> Option<&Stored> {
        self.all.get(&id.to_ascii_lowercase())
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Stored> {
        self.all.get_mut(&id.to_ascii_lowercase())
    }

    pub(super) fn put(&mut self, id: &str, stored: Stored) {
        self.all.insert(id.to_ascii_lowercase(), stored);
    }

    /// Notes that `mirror` shows what `channel` is.
    pub(super) fn mirror(&mut self, mirror: &str, channel: &str) {
        let (mirror, channel) = (mirror.to_ascii_lowercase(), channel.to_ascii_lowercase());
        self.channels.insert(mirror, channel);
    }

    /// The channel that made a topic or a destination.
    pub(super) fn channel_of(&mut self, mirror: &str) -> Option<&mut Stored> {
        let channel = self.channels.get(&mirror.to_ascii_lowercase())?;
        self.all.get_mut(channel)
    }

    /// Takes a resource away, its parts, and what mirrors it.
    pub(super) fn remove(&mut self, id: &str) {
        let id = id.to_ascii_lowercase();
        let parts = format!("{id}/");
        let is_going = |other: &str| other == id || other.starts_with(&parts);
        self.all.retain(|other, _| !is_going(other));
        let (gone, kept) = std::mem::take(&mut self.channels)
            .into_iter()
            .partition(|(mirror, channel)| is_going(mirror) || is_going(channel));
        self.channels = kept;
        let gone: BTreeMap<String, String> = gone;
        for (mirror, channel) in gone {
            self.all.remove(&mirror);
            self.all.remove(&channel);
        }
    }

    /// The resources of this kind under this scope, in the order of their ids.
    pub(super) fn under(&self, scope: &str, kind: &str) -> Vec<&Value> {
        let scope = format!("{}/", scope.to_ascii_lowercase());
        let is_of_kind = |id: &str| {
            let own = id.rsplit_once("/providers/microsoft.eventgrid/");
            let own = own.map_or("", |(_, own)| own);
            own.split('/').step_by(2).collect::<Vec<_>>().join("/") == kind
        };
        let found = self
            .all
            .iter()
            .filter(|(id, _)| id.starts_with(&scope) && is_of_kind(id));
        found.map(|(_, stored)| &stored.value).collect()
    }
}

/// As long as those of the service: 32 bytes in base64.
pub(super) fn new_key() -> String {
    let mut bytes = [0; 32];
    // See `guid`.
    let _ = rand::fill(&mut bytes);
    STANDARD.encode(bytes)
}

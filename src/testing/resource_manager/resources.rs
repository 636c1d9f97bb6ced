//! The stored resources and operations.

use std::collections::{BTreeMap, HashMap};

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Resources by id, in any case, and which of them mirror each other.
#[derive(Default)]
pub(super) struct Resources {
    all: BTreeMap<String, Stored>,
    /// Channels by the ids of their mirrors.
    channels: BTreeMap<String, String>,
}

/// A resource, including what responses omit.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) value: Value,
    pub(super) keys: [String; 2],
    pub(super) full_url: Option<Value>,
    /// The delivery attributes, including secrets.
    pub(super) attributes: Vec<Value>,
}

impl Stored {
    /// A resource with new keys.
    pub(super) fn of(value: Value) -> Self {
        Self { value, keys: [new_key(), new_key()], full_url: None, attributes: Vec::new() }
    }

    /// Its `properties`.
    pub(super) fn properties(&mut self) -> Option<&mut Map<String, Value>> {
        self.value.get_mut("properties")?.as_object_mut()
    }

    /// Sets one of its properties.
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        if let Some(properties) = self.properties() {
            properties.insert(name.to_owned(), value.into());
        }
    }

    /// The text at a JSON pointer, or an empty one.
    pub(super) fn text(&self, pointer: &str) -> &str {
        let text = self.value.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default()
    }
}

impl Resources {
    pub(super) fn get(&self, id: &str) -> Option<&Stored> {
        self.all.get(&id.to_ascii_lowercase())
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Stored> {
        self.all.get_mut(&id.to_ascii_lowercase())
    }

    /// Stores a resource, replacing an earlier one with this id.
    pub(super) fn put(&mut self, id: &str, stored: Stored) {
        self.all.insert(id.to_ascii_lowercase(), stored);
    }

    /// Records that `mirror` mirrors `channel`.
    pub(super) fn mirror(&mut self, mirror: &str, channel: &str) {
        let (mirror, channel) = (mirror.to_ascii_lowercase(), channel.to_ascii_lowercase());
        self.channels.insert(mirror, channel);
    }

    /// The channel that created a topic or a destination.
    pub(super) fn channel_of(&mut self, mirror: &str) -> Option<&mut Stored> {
        let channel = self.channels.get(&mirror.to_ascii_lowercase())?;
        self.all.get_mut(channel)
    }

    /// Removes a resource, its children and its mirrors.
    pub(super) fn remove(&mut self, id: &str) {
        let id = id.to_ascii_lowercase();
        let children = format!("{id}/");
        let is_removed = |other: &str| other == id || other.starts_with(&children);
        self.all.retain(|other, _| !is_removed(other));
        let (removed, kept) = std::mem::take(&mut self.channels)
            .into_iter()
            .partition(|(mirror, channel)| is_removed(mirror) || is_removed(channel));
        self.channels = kept;
        let removed: BTreeMap<String, String> = removed;
        for (mirror, channel) in removed {
            self.all.remove(&mirror);
            self.all.remove(&channel);
        }
    }

    /// The resources of this type under this scope, ordered by id.
    pub(super) fn under(&self, scope: &str, kind: &str) -> Vec<&Value> {
        let scope = format!("{}/", scope.to_ascii_lowercase());
        let is_of_kind = |id: &str| {
            let own = id.rsplit_once("/providers/microsoft.eventgrid/");
            let own = own.map_or("", |(_, own)| own);
            own.split('/').step_by(2).collect::<Vec<_>>().join("/") == kind
        };
        let found = self.all.iter().filter(|(id, _)| id.starts_with(&scope) && is_of_kind(id));
        found.map(|(_, stored)| &stored.value).collect()
    }
}

/// A new key: 32 bytes in base64, as long as the service's.
pub(super) fn new_key() -> String {
    let mut bytes = [0; 32];
    // See `guid`.
    let _ = rand::fill(&mut bytes);
    STANDARD.encode(bytes)
}

/// Operations by id, in upper case.
pub(super) type Operations = HashMap<String, Operation>;

/// A long-running operation.
pub(super) struct Operation {
    /// The id of the resource.
    pub(super) id: String,
    pub(super) is_deletion: bool,
    /// How many more polls it is in progress for.
    pub(super) left: usize,
    pub(super) failure: Option<Value>,
}

//! Hints: which of the watched channels may have changed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::event::ResourceEvent;
use crate::event_grid::manage::{Channel, ResourceId};

/// Notifies an [`ActivationWatcher`](super::ActivationWatcher) of channels that may have changed. Cheap to clone.
///
/// Memory is bounded by the number of channels, however many events arrive.
#[derive(Clone, Default)]
pub struct Hints(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The watched channels, in lower case, with the time of the first hint since the last read.
    channels: Mutex<BTreeMap<Box<str>, Option<Instant>>>,
    arrived: Notify,
}

impl Hints {
    /// Records an event, and returns the number of watched channels that it is about.
    ///
    /// Counts successful writes, actions and deletions of a channel, a child of it, or its namespace. Ignores those of the
    /// resource group and the subscription, which are rarely about a channel. The event is only a hint: the channel is read.
    pub fn record(&self, event: &ResourceEvent) -> usize {
        let uri = event.resource_uri().filter(|_| event.is_success());
        let Some(uri) = uri.map(|uri| uri.trim_end_matches('/').to_ascii_lowercase()) else {
            return 0;
        };
        let mut count: usize = 0;
        for (channel, hint) in self.channels().iter_mut() {
            if is_at_or_under(&uri, channel) || namespace_of(channel) == Some(uri.as_str()) {
                hint.get_or_insert_with(Instant::now);
                count = count.saturating_add(1);
            }
        }
        if count > 0 {
            self.0.arrived.notify_one();
        }
        count
    }

    pub(super) fn watch(&self, channel: &ResourceId<Channel>) {
        self.channels().insert(key(channel), None);
    }

    pub(super) fn forget(&self, channel: &ResourceId<Channel>) {
        self.channels().remove(&key(channel));
    }

    /// Takes the time of the first hint since the last call.
    pub(super) fn take(&self, channel: &ResourceId<Channel>) -> Option<Instant> {
        self.channels().get_mut(&key(channel))?.take()
    }

    /// Waits for the next hint.
    pub(super) async fn arrival(&self) {
        self.0.arrived.notified().await;
    }

    fn channels(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Option<Instant>>> {
        let channels = self.0.channels.lock();
        channels.unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(channel: &ResourceId<Channel>) -> Box<str> {
    channel.as_str().to_ascii_lowercase().into()
}

/// The namespace of a channel, whose id is in lower case.
fn namespace_of(channel: &str) -> Option<&str> {
    channel.rsplit_once("/channels/").map(|(id, _)| id)
}

fn is_at_or_under(id: &str, other: &str) -> bool {
    let rest = id.strip_prefix(other);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl fmt::Debug for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hints").field("channels", &self.channels().len()).finish_non_exhaustive()
    }
}

//! Hints: which of the watched channels something happened to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::event::ResourceEvent;
use crate::event_grid::manage::{Channel, ResourceId};

/// Tells an [`ActivationWatcher`](super::ActivationWatcher) where to look. Cheap to clone.
///
/// Memory is bounded by the number of channels, however many events come.
#[derive(Clone, Default)]
pub struct Hints(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The watched channels, in lower case, and when the first hint came since the last look.
    channels: Mutex<BTreeMap<Box<str>, Option<Instant>>>,
    arrived: Notify,
}

impl Hints {
    /// Notes that something happened, and says to how many watched channels.
    ///
    /// Counted are writes, actions and deletions that succeeded, of a channel, a part of it, or the namespace that it is in;
    /// not of the resource group or the subscription, where much happens that is no news of a channel. The event is believed
    /// no further than that: the channel is read.
    pub fn tell(&self, event: &ResourceEvent) -> usize {
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

    /// When the first hint came since the last look; this is the next one.
    pub(super) fn take(&self, channel: &ResourceId<Channel>) -> Option<Instant> {
        self.channels().get_mut(&key(channel))?.take()
    }

    /// Waits for a hint that came after the last one that was waited for.
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

/// Of an id in lower case.
fn namespace_of(channel: &str) -> Option<&str> {
    channel.rsplit_once("/channels/").map(|(id, _)| id)
}

fn is_at_or_under(id: &str, other: &str) -> bool {
    let rest = id.strip_prefix(other);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl fmt::Debug for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hints")
            .field("channels", &self.channels().len())
            .finish_non_exhaustive()
    }
}

//! When a customer activates a channel.
//!
//! A channel is of use once its customer has activated the topic that it made, within seven days. The service does not tell
//! the partner: [`ActivationWatcher`] reads the channel again and again, ever more slowly. Whoever lets Event Grid deliver
//! the `Microsoft.Resources` events of the partner's own subscription can feed them to it as [`Hints`], and learns of the
//! activation within seconds; that such an event comes with each activation is not documented, and events can be lost, so
//! it goes on reading slowly.
//!
//! # Example
//!
//! ```
//! # #[cfg(all(feature = "reqwest", feature = "testing"))] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use partner_center_webhooks::event_grid::activation::{ActivationWatcher, ChannelState};
//! use partner_center_webhooks::event_grid::manage::{
//!     Channel, ManagementClient, PartnerNamespace, Polling, ArmResource, ResourceGroup, RoutingMode, SubscriptionId,
//! };
//! # use partner_center_webhooks::http_client::ReqwestClient;
//! # use partner_center_webhooks::testing::ResourceManager;
//! # use partner_center_webhooks::token::{AccessToken, StaticToken};
//! # let fake = ResourceManager::start().await?;
//! # let tokens = StaticToken::new(AccessToken::new(fake.access_token())?);
//! # let client = ManagementClient::new(&fake.cloud(), ReqwestClient::new()?, tokens)?
//! #     .with_polling(Polling::default().with_interval(std::time::Duration::ZERO));
//! # let group = ResourceGroup::new(SubscriptionId::new("00000000-0000-0000-0000-000000000001")?, "events")?;
//! # let registration = group.partner_registration("contoso")?;
//! # let namespace = PartnerNamespace::new(&registration, RoutingMode::ChannelNameHeader);
//! # let namespace_id = group.partner_namespace("contoso")?;
//! # client.create_or_update(&namespace_id, &ArmResource::new(namespace).at("westeurope")).await?;
//! let id = namespace_id.channel("fabrikam")?;
//! let channel = Channel::to_topic(&group, "contoso", "contoso/fabrikam");
//! client.create_or_update(&id, &ArmResource::new(channel)).await?;
//!
//! let mut watcher = ActivationWatcher::new(client.clone(), [id]);
//! # let pace = partner_center_webhooks::event_grid::activation::Pace::default();
//! # watcher = watcher.with_pace(pace.with_delay_after_hint(std::time::Duration::ZERO));
//! let first = watcher.next().await.unwrap()?;
//! assert!(matches!(first.state, ChannelState::NeverActivated { .. }));
//!
//! client.activate(&group.partner_topic("contoso")?).await?; // the customer does
//! # let event = partner_center_webhooks::event_grid::activation::ResourceEvent::new(
//! #     "Microsoft.Resources.ResourceWriteSuccess", Some(namespace_id.as_str()), &serde_json::Value::Null);
//! # assert_eq!(watcher.hints().tell(&event), 1);
//! assert_eq!(watcher.next().await.unwrap()?.state, ChannelState::Activated);
//! assert!(watcher.next().await.is_none()); // nothing is left to wait for
//! # Ok(()) }) }
//! # #[cfg(not(all(feature = "reqwest", feature = "testing")))] fn main() {}
//! ```

mod event;
mod hints;
mod pace;
#[cfg(feature = "event-grid-receive")]
mod received;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::unfold;
use thiserror::Error;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};

use super::manage::{
    ArmResource, Channel, ManagementClient, ManagementError, ProvisioningState, ReadinessState,
    ResourceId,
};
use crate::api::after;

pub use event::{NotEvents, ResourceEvent};
pub use hints::Hints;
pub use pace::Pace;

/// Reads channels until each is activated, expired or deleted, and tells of what has changed.
///
/// Each channel is read at once, then after 30 s, and after twice as long each time up to ten minutes; and soon after a
/// hint, from which on it goes as from the beginning. See [`Pace`].
pub struct ActivationWatcher {
    client: ManagementClient,
    watched: Vec<Watched>,
    hints: Hints,
    pace: Pace,
    clock: Arc<dyn Fn() -> OffsetDateTime + Send + Sync>,
}

struct Watched {
    id: ResourceId<Channel>,
    /// When it is read.
    due: Instant,
    /// How long until the time after that.
    delay: Duration,
    known: Option<ChannelState>,
    /// Whether it was looked for in vain.
    is_missed: bool,
    expires: Option<OffsetDateTime>,
}

/// How a channel is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ChannelState {
    /// Its customer wants the events: publish. The last one.
    Activated,
    /// It does not exist, or what mirrors it does not. The last one.
    ///
    /// A channel that was never seen may have been made just now, and not be known everywhere yet: it is missed twice
    /// before it is told to be deleted.
    Deleted,
    /// Its customer did not decide in time. The last one.
    Expired,
    /// Its customer has not decided yet.
    NeverActivated {
        /// Until when there is time.
        expires: Option<OffsetDateTime>,
    },
    /// The service says something that was not known when this version was made, or nothing.
    Other(Option<ReadinessState>),
}

impl ChannelState {
    /// Whether it stays so.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Activated | Self::Deleted | Self::Expired)
    }
}

/// A channel that was read for the first time, or is not as it was.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChannelChange {
    /// Which.
    pub id: ResourceId<Channel>,
    /// How it is now.
    pub state: ChannelState,
    /// As it was read, if it exists.
    pub channel: Option<ArmResource<Channel>>,
}

/// A channel could not be read. It will be tried again.
#[derive(Clone, Debug, Error)]
#[error("channel {id} cannot be watched: {error}")]
#[non_exhaustive]
pub struct WatchError {
    /// Which.
    pub id: ResourceId<Channel>,
    /// Why.
    pub error: ManagementError,
}

impl ActivationWatcher {
    /// Watches `channels` through `client`.
    pub fn new(
        client: ManagementClient,
        channels: impl IntoIterator<Item = ResourceId<Channel>>,
    ) -> Self {
        let mut watcher = Self {
            client,
            watched: Vec::new(),
            hints: Hints::default(),
            pace: Pace::default(),
            clock: Arc::new(OffsetDateTime::now_utc),
        };
        for id in channels {
            watcher.watch(id);
        }
        watcher
    }

    /// Replaces how often channels are read.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        for watched in &mut self.watched {
            watched.delay = pace.first;
        }
        self
    }

    /// Reads the time from `clock`, to tell what has expired. Default: the system's.
    #[must_use]
    pub fn with_clock(
        mut self,
        clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
    ) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Watches one more, unless it is watched already.
    pub fn watch(&mut self, id: ResourceId<Channel>) {
        if self.watched.iter().any(|watched| watched.id == id) {
            return;
        }
        self.hints.watch(&id);
        self.watched.push(Watched {
            id,
            due: Instant::now(),
            delay: self.pace.first,
            known: None,
            is_missed: false,
            expires: None,
        });
    }

    /// Where to tell of events.
    pub fn hints(&self) -> Hints {
        self.hints.clone()
    }

    /// The next change, or trouble; nothing once all channels are in their last state.
    ///
    /// Can be dropped while it waits: nothing is lost.
    ///
    /// # Errors
    ///
    /// [`WatchError`], after the repetitions of the client's own. The channel is tried again later: whether to wait for that
    /// is the caller's choice.
    pub async fn next(&mut self) -> Option<Result<ChannelChange, WatchError>> {
        loop {
            for watched in &mut self.watched {
                if let Some(hint) = self.hints.take(&watched.id) {
                    let soon = hint.checked_add(self.pace.after_hint).unwrap_or(hint);
                    watched.due = watched.due.min(soon);
                    // The channel may not show yet what the event was about.
                    watched.delay = self.pace.first;
                }
            }
            let watched = self.watched.iter_mut().min_by_key(|watched| watched.due)?;
            // However many hints come, what is due is read.
            let is_due = watched.due <= Instant::now();
            if !is_due && timeout_at(watched.due, self.hints.arrival()).await.is_ok() {
                continue;
            }
            let read = self.client.get(&watched.id).await;
            let delay = watched.delay.min(self.pace.longest);
            watched.due = after(delay);
            watched.delay = delay.saturating_mul(2);
            let channel = match read {
                Ok(channel) => channel,
                Err(error) => {
                    let id = watched.id.clone();
                    return Some(Err(WatchError { id, error }));
                }
            };
            let is_first_miss =
                channel.is_none() && !std::mem::replace(&mut watched.is_missed, true);
            if is_first_miss && watched.known.is_none() {
                continue;
            }
            let state = watched.state(channel.as_ref(), (self.clock)());
            if watched.known.as_ref() == Some(&state) {
                continue;
            }
            watched.known = Some(state.clone());
            let id = watched.id.clone();
            if state.is_last() {
                self.hints.forget(&id);
                self.watched.retain(|watched| watched.id != id);
            }
            return Some(Ok(ChannelChange { id, state, channel }));
        }
    }

    /// All that [`next`](Self::next) would give, as a stream.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn example(watcher: partner_center_webhooks::event_grid::activation::ActivationWatcher) {
    /// use std::pin::pin;
    ///
    /// use futures_util::StreamExt as _;
    ///
    /// let mut changes = pin!(watcher.into_stream());
    /// while let Some(change) = changes.next().await {
    ///     match change {
    ///         Ok(change) => println!("{}: {:?}", change.id, change.state),
    ///         Err(error) => eprintln!("{error}"), // it is tried again later
    ///     }
    /// }
    /// # }
    /// ```
    pub fn into_stream(self) -> impl Stream<Item = Result<ChannelChange, WatchError>> + Send {
        unfold(self, async |mut watcher| {
            let change = watcher.next().await?;
            Some((change, watcher))
        })
    }
}

impl Watched {
    fn state(
        &mut self,
        channel: Option<&ArmResource<Channel>>,
        now: OffsetDateTime,
    ) -> ChannelState {
        let Some(ArmResource { properties, .. }) = channel else {
            // What expires is deleted by the service.
            return match self.expires.is_some_and(|expires| expires <= now) {
                true => ChannelState::Expired,
                false => ChannelState::Deleted,
            };
        };
        let has_lost_its_mirror = matches!(
            properties.provisioning_state,
            Some(
                ProvisioningState::IdleDueToMirroredPartnerDestinationDeletion
                    | ProvisioningState::IdleDueToMirroredPartnerTopicDeletion
            )
        );
        if has_lost_its_mirror {
            return ChannelState::Deleted;
        }
        self.expires = properties.expiration_time_if_not_activated_utc;
        match &properties.readiness_state {
            Some(ReadinessState::Activated) => ChannelState::Activated,
            Some(ReadinessState::NeverActivated) => match self.expires {
                Some(expires) if expires <= now => ChannelState::Expired,
                expires => ChannelState::NeverActivated { expires },
            },
            other => ChannelState::Other(other.clone()),
        }
    }
}

impl fmt::Debug for ActivationWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.watched.iter().map(|watched| &watched.id);
        f.debug_struct("ActivationWatcher")
            .field("channels", &ids.collect::<Vec<_>>())
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

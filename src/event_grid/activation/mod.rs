//! Waiting for customers to activate their channels.
//!
//! A channel works once the customer has activated its partner topic, which must happen within seven days. The service does not
//! notify the partner: [`ActivationWatcher`] polls the channel with increasing delays. If Event Grid delivers the
//! `Microsoft.Resources` events of the partner's own subscription to you, pass them to it as [`Hints`], to see the activation
//! within seconds. It is not documented that activations cause such events, and events can be lost, so polling continues.
//!
//! # Example
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use partner_center_webhooks::event_grid::activation::{ActivationWatcher, ChannelState};
//! use partner_center_webhooks::event_grid::manage::{
//!     ArmResource, Channel, ManagementClient, PartnerNamespace, ResourceGroup, RoutingMode, SubscriptionId,
//! };
//! # use partner_center_webhooks::http_client::ReqwestClient;
//! # use partner_center_webhooks::testing::ResourceManager;
//! # use partner_center_webhooks::token::{AccessToken};
//! # let fake = ResourceManager::start().await?;
//! # let tokens = AccessToken::new(fake.access_token())?;
//! # let client = ManagementClient::new(&fake.cloud(), ReqwestClient::new()?, tokens)?
//! #     .with_poll_interval(std::time::Duration::ZERO);
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
//! # watcher = watcher.with_delay_after_hint(std::time::Duration::ZERO);
//! let first = watcher.next().await.unwrap()?;
//! assert!(matches!(first.state, ChannelState::NeverActivated { .. }));
//!
//! client.activate(&group.partner_topic("contoso")?).await?; // done by the customer
//! # let event = partner_center_webhooks::event_grid::activation::ResourceEvent::new(
//! #     "Microsoft.Resources.ResourceWriteSuccess", Some(namespace_id.as_str()), &serde_json::Value::Null);
//! # assert_eq!(watcher.hints().record(&event), 1);
//! assert_eq!(watcher.next().await.unwrap()?.state, ChannelState::Activated);
//! assert!(watcher.next().await.is_none()); // every channel is in a final state
//! # Ok(()) }) }
//! ```

mod error;
mod event;
mod hints;
#[cfg(feature = "event-grid-receive")]
mod received;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::unfold;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};

use super::manage::{
    ArmResource, Channel, ManagementClient, ProvisioningState, ReadinessState, ResourceId,
};
use crate::api::after;

pub use error::ActivationError;
pub use event::ResourceEvent;
pub use hints::Hints;

/// Polls channels until each is activated, expired or deleted, and reports changes.
///
/// Each channel is read immediately, then after 30 s, with delays that double up to ten minutes. After a hint it is read soon,
/// and the delays start over.
pub struct ActivationWatcher {
    client: ManagementClient,
    watched: Vec<Watched>,
    hints: Hints,
    first_delay: Duration,
    longest_delay: Duration,
    delay_after_hint: Duration,
    clock: Arc<dyn Fn() -> OffsetDateTime + Send + Sync>,
}

/// A channel that is not in a final state.
struct Watched {
    id: ResourceId<Channel>,
    /// The time of the next read.
    due: Instant,
    /// The delay after the next read.
    delay: Duration,
    reported: Option<ChannelState>,
    /// Whether a read did not find it.
    was_missing: bool,
    expires: Option<OffsetDateTime>,
}

/// The state of a channel.
///
/// ```text
/// NeverActivated ─┬─ the customer activates ──► Activated
///                 ├─ seven days pass ─────────► Expired
///                 └─ either side is deleted ──► Deleted
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ChannelState {
    /// The customer has activated it: publish. Final.
    Activated,
    /// It does not exist, or its partner topic or destination was deleted. Final.
    ///
    /// A new channel may not be visible everywhere yet, so a channel that was never found is reported after the second read.
    Deleted,
    /// The customer did not activate it in time. Final.
    Expired,
    /// The customer has not activated it yet.
    NeverActivated {
        /// The deadline for the activation.
        expires: Option<OffsetDateTime>,
    },
    /// A state that this version does not know, or none.
    Other(Option<ReadinessState>),
}

impl ChannelState {
    /// Whether the state cannot change any more.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Activated | Self::Deleted | Self::Expired)
    }
}

/// A channel was read for the first time, or its state changed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChannelChange {
    /// The id of the channel.
    pub id: ResourceId<Channel>,
    /// Its state now.
    pub state: ChannelState,
    /// The channel, if it exists.
    pub channel: Option<ArmResource<Channel>>,
}

impl ActivationWatcher {
    /// Creates a watcher of `channels` that uses `client`.
    pub fn new(
        client: ManagementClient,
        channels: impl IntoIterator<Item = ResourceId<Channel>>,
    ) -> Self {
        let mut watcher = Self {
            client,
            watched: Vec::new(),
            hints: Hints::default(),
            first_delay: Duration::from_secs(30),
            longest_delay: Duration::from_secs(600),
            delay_after_hint: Duration::from_secs(2),
            clock: Arc::new(OffsetDateTime::now_utc),
        };
        for id in channels {
            watcher.watch(id);
        }
        watcher
    }

    /// Sets the delay after the first read; it doubles after each read. At least a second. Default: 30 s.
    #[must_use]
    pub fn with_first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay.max(MIN_DELAY);
        for watched in &mut self.watched {
            watched.delay = self.first_delay;
        }
        self
    }

    /// Sets the maximum delay. At least a second. Default: ten minutes.
    #[must_use]
    pub fn with_longest_delay(mut self, delay: Duration) -> Self {
        self.longest_delay = delay.max(MIN_DELAY);
        self
    }

    /// Sets the delay after a hint. Hints within it cause one read. Default: two seconds.
    #[must_use]
    pub fn with_delay_after_hint(mut self, delay: Duration) -> Self {
        self.delay_after_hint = delay;
        self
    }

    /// Reads the time from `clock`, to detect expiry. Default: the system's.
    #[must_use]
    pub fn with_clock(
        mut self,
        clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
    ) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Adds a channel, unless it is watched already.
    pub fn watch(&mut self, id: ResourceId<Channel>) {
        if self.watched.iter().any(|watched| watched.id == id) {
            return;
        }
        self.hints.watch(&id);
        self.watched.push(Watched {
            id,
            due: Instant::now(),
            delay: self.first_delay,
            reported: None,
            was_missing: false,
            expires: None,
        });
    }

    /// The hints of this watcher.
    pub fn hints(&self) -> Hints {
        self.hints.clone()
    }

    /// Waits for the next change or error; `None` once every channel is in a final state.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// [`ActivationError::Read`], after the client's own retries. A further call retries the channel later.
    pub async fn next(&mut self) -> Option<Result<ChannelChange, ActivationError>> {
        loop {
            for watched in &mut self.watched {
                if let Some(hint) = self.hints.take(&watched.id) {
                    let soon = hint.checked_add(self.delay_after_hint).unwrap_or(hint);
                    watched.due = watched.due.min(soon);
                    // The channel may not show the change yet.
                    watched.delay = self.first_delay;
                }
            }
            let watched = self.watched.iter_mut().min_by_key(|watched| watched.due)?;
            // A flood of hints must not delay a read that is due.
            let is_due = watched.due <= Instant::now();
            if !is_due && timeout_at(watched.due, self.hints.arrival()).await.is_ok() {
                continue;
            }
            let read = self.client.get(&watched.id).await;
            let delay = watched.delay.min(self.longest_delay);
            watched.due = after(delay);
            watched.delay = delay.saturating_mul(2);
            let channel = match read {
                Ok(channel) => channel,
                Err(error) => {
                    let (id, error) = (watched.id.clone(), Box::new(error));
                    return Some(Err(ActivationError::Read { id, error }));
                }
            };
            let is_first_miss =
                channel.is_none() && !std::mem::replace(&mut watched.was_missing, true);
            if is_first_miss && watched.reported.is_none() {
                continue;
            }
            let state = watched.state(channel.as_ref(), (self.clock)());
            if watched.reported.as_ref() == Some(&state) {
                continue;
            }
            watched.reported = Some(state.clone());
            let id = watched.id.clone();
            if state.is_final() {
                self.hints.forget(&id);
                self.watched.retain(|watched| watched.id != id);
            }
            return Some(Ok(ChannelChange { id, state, channel }));
        }
    }

    /// The results of [`next`](Self::next), as a stream.
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
    ///         Err(error) => eprintln!("{error}"), // the watcher retries later
    ///     }
    /// }
    /// # }
    /// ```
    pub fn into_stream(self) -> impl Stream<Item = Result<ChannelChange, ActivationError>> + Send {
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
            // The service deletes a channel that expires.
            return match self.expires.is_some_and(|expires| expires <= now) {
                true => ChannelState::Expired,
                false => ChannelState::Deleted,
            };
        };
        let is_orphaned = matches!(
            properties.provisioning_state,
            Some(
                ProvisioningState::IdleDueToMirroredPartnerDestinationDeletion
                    | ProvisioningState::IdleDueToMirroredPartnerTopicDeletion
            )
        );
        if is_orphaned {
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
            .finish_non_exhaustive()
    }
}

const MIN_DELAY: Duration = Duration::from_secs(1);

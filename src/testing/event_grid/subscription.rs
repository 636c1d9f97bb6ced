//! Event subscriptions: who gets which events, how, and until when.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, Uri};
use serde_json::Value;
use thiserror::Error;

use super::SubscriptionState;
use crate::excerpt::Excerpt;

/// An event subscription with a web hook, for [`EventGrid::subscribe`](super::EventGrid::subscribe).
///
/// `Debug` shows no secrets.
///
/// # Source
///
/// "Event Subscriptions - Create Or Update"; "Event Grid message delivery and retry"; "Custom delivery properties".
#[derive(Clone)]
#[non_exhaustive]
pub struct EventSubscription {
    /// Its name: 3 to 64 letters, digits and hyphens. Deliveries name it in capitals, as was seen.
    pub name: String,
    /// The web hook's URL, plain http; with its query, which may hold a secret.
    pub endpoint: String,
    /// Default: that of CloudEvents.
    pub schema: DeliverySchema,
    /// The channel whose events it gets. Default: those of any channel, and those without one.
    pub channel: Option<String>,
    /// The source whose events it gets, of those that are published: how topics differ where the namespace routes by source.
    /// Default: any.
    pub source: Option<String>,
    /// The id of the topic in Azure Resource Manager, which validations and notices name.
    pub topic: String,
    /// Headers of each delivery, as for a shared secret: ten at most, with 4096 bytes each. Default: none.
    pub headers: HeaderMap,
    /// Makes the token from Microsoft Entra that each delivery brings. Default: none.
    pub token: Option<TokenSource>,
    /// Whether handshakes bring headers and token too, which is not documented. Default: they do not.
    pub handshakes_bring_proof: bool,
    /// The rate that the handshake of CloudEvents asks for, in requests a minute. Default: it asks for none.
    pub requested_rate: Option<NonZeroU32>,
    /// 1 to 30. Default: 30.
    pub max_delivery_attempts: u32,
    /// 1 to 1440 whole minutes. Default: 1440.
    pub event_time_to_live: Duration,
    /// 1 to 5000. Default: 1, which is no batching.
    pub max_events_per_batch: usize,
    /// 1 to 1024. An event that is larger is delivered alone. Default: 64.
    pub preferred_batch_kilobytes: usize,
    /// Whether what is given up becomes a [dead letter](super::EventGrid::dead_letters). Default: it is dropped.
    pub dead_letters: bool,
    /// What the notice of its deletion is called. Default: as documented.
    pub deletion_notice: DeletionNotice,
}

/// Gives a token each time it is asked.
pub type TokenSource = Arc<dyn Fn() -> String + Send + Sync>;

impl EventSubscription {
    /// One with all defaults.
    pub fn new(name: impl Into<String>, endpoint: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            endpoint: endpoint.into(),
            schema: DeliverySchema::CloudEvents,
            channel: None,
            source: None,
            topic: TOPIC.to_owned(),
            headers: HeaderMap::new(),
            token: None,
            handshakes_bring_proof: false,
            requested_rate: None,
            max_delivery_attempts: 30,
            event_time_to_live: MINUTE.saturating_mul(1440),
            max_events_per_batch: 1,
            preferred_batch_kilobytes: 64,
            dead_letters: false,
            deletion_notice: DeletionNotice::SubscriptionDeletion,
        }
    }

    /// Its id in Azure Resource Manager.
    pub fn id(&self) -> String {
        let Self { topic, name, .. } = self;
        format!("{topic}/providers/Microsoft.EventGrid/eventSubscriptions/{name}")
    }

    /// Where to send, if it can be sent there at all and every setting is within its limits.
    pub(super) fn check(&self) -> Result<Uri, SubscriptionError> {
        let name_may_have = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !(3..=64).contains(&self.name.len()) || !self.name.bytes().all(name_may_have) {
            return Err(SubscriptionError::Name {
                found: Excerpt::of(&self.name),
            });
        }
        let minutes = self.event_time_to_live.as_secs() / 60;
        if self.event_time_to_live != MINUTE.saturating_mul(u32::try_from(minutes).unwrap_or(0)) {
            return Err(SubscriptionError::TimeToLive {
                found: self.event_time_to_live,
            });
        }
        for (setting, found, most) in [
            (
                "max_delivery_attempts",
                u64::from(self.max_delivery_attempts),
                30,
            ),
            ("minutes of event_time_to_live", minutes, 1440),
            (
                "max_events_per_batch",
                number(self.max_events_per_batch),
                5000,
            ),
            (
                "preferred_batch_kilobytes",
                number(self.preferred_batch_kilobytes),
                1024,
            ),
            ("number of headers", number(self.headers.len()).max(1), 10),
        ] {
            if !(1..=most).contains(&found) {
                return Err(SubscriptionError::Setting {
                    setting,
                    found,
                    most,
                });
            }
        }
        for (name, value) in &self.headers {
            let is_tokens_place = *name == AUTHORIZATION && self.token.is_some();
            if is_tokens_place || name.as_str().starts_with("aeg-") || value.len() > 4096 {
                return Err(SubscriptionError::Header { name: name.clone() });
            }
        }
        let uri = self.endpoint.parse::<Uri>().ok();
        let uri = uri.filter(|uri| uri.scheme() == Some(&Scheme::HTTP) && uri.host().is_some());
        uri.ok_or_else(|| SubscriptionError::Endpoint {
            found: Excerpt::of(self.endpoint.split('?').next().unwrap_or_default()),
        })
    }

    /// Whether it gets `event`, published to `channel`. Event Grid turns its own schema into CloudEvents, and never the other
    /// way.
    pub(super) fn wants(&self, channel: Option<&str>, event: &Value) -> bool {
        let is_its = |wanted: &str| channel.is_some_and(|it| it.eq_ignore_ascii_case(wanted));
        let source = event.get("source").and_then(Value::as_str);
        self.schema == DeliverySchema::CloudEvents
            && self.channel.as_deref().is_none_or(is_its)
            && (self.source.as_deref()).is_none_or(|wanted| source == Some(wanted))
    }
}

impl fmt::Debug for EventSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSubscription")
            .field("name", &self.name)
            .field("schema", &self.schema)
            .field("channel", &self.channel)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// The form of deliveries. What `CustomInputSchema` delivers is not verified, and is not here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DeliverySchema {
    /// `CloudEventSchemaV1_0`.
    CloudEvents,
    /// `EventGridSchema`, for [events handed in](super::EventGrid::deliver): published are CloudEvents, which Event Grid does
    /// not turn into this.
    EventGrid,
}

/// The header `aeg-event-type` of the notice that a subscription was deleted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DeletionNotice {
    /// `SubscriptionDeletion`, as documented, with an event that names the subscription.
    SubscriptionDeletion,
    /// `Unsubscribe`, as Microsoft's own receiver takes it, without a body.
    Unsubscribe,
}

/// Why something cannot be done with an event subscription.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// The deliverer speaks plain http, to a service on the same desk.
    #[error("the endpoint `{found}` is no URL of plain http")]
    Endpoint {
        /// The URL, without its query.
        found: Excerpt,
    },
    /// Event Grid would not send it.
    #[error(
        "the header `{name}` cannot be sent (expected no name with `aeg-`, no `authorization` beside a token, and 4096 bytes at most)"
    )]
    Header {
        /// Its name.
        name: HeaderName,
    },
    /// It could not be part of a URL.
    #[error(
        "`{found}` is no name of an event subscription (expected 3 to 64 letters, digits and hyphens)"
    )]
    Name {
        /// The name.
        found: Excerpt,
    },
    /// There is none of this name.
    #[error("there is no event subscription `{name}`")]
    NoSubscription {
        /// The name.
        name: Excerpt,
    },
    /// Its endpoint did not pass the handshake, so it gets no events.
    #[error("the event subscription `{name}` is {state}, and gets no events")]
    NotValidated {
        /// The name.
        name: Excerpt,
        /// How it stands.
        state: SubscriptionState,
    },
    /// A number is out of its limits.
    #[error("{setting}: {found} (expected 1 to {most})")]
    Setting {
        /// What.
        setting: &'static str,
        /// The number.
        found: u64,
        /// The largest.
        most: u64,
    },
    /// It is told in minutes.
    #[error("event_time_to_live: {found:?} (expected whole minutes)")]
    TimeToLive {
        /// The time.
        found: Duration,
    },
}

fn number(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

const TOPIC: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/theirs/providers/Microsoft.EventGrid/partnerTopics/contoso";

const MINUTE: Duration = Duration::from_secs(60);

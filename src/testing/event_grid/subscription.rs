//! Event subscriptions: which events go to which webhook, and how.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, Uri};
use serde_json::Value;
use thiserror::Error;

use crate::http_client::HttpClientError;
use crate::mask::Excerpt;

/// An event subscription with a webhook, for [`EventGrid::subscribe`](super::EventGrid::subscribe).
///
/// `Debug` hides secrets.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use partner_center_webhooks::testing::event_grid::{DeliverySchema, EventSubscription};
///
/// let mut subscription = EventSubscription::new("orders", "http://127.0.0.1:8080/events?code=secret");
/// subscription.schema = DeliverySchema::EventGrid;
/// subscription.max_delivery_attempts = 3;
/// subscription.event_time_to_live = Duration::from_secs(30 * 60);
/// assert!(subscription.id().ends_with("/providers/Microsoft.EventGrid/eventSubscriptions/orders"));
/// assert!(!format!("{subscription:?}").contains("secret"));
/// ```
///
/// # Source
///
/// "Event Subscriptions - Create Or Update"; "Event Grid message delivery and retry"; "Custom delivery properties".
#[derive(Clone)]
#[non_exhaustive]
pub struct EventSubscription {
    /// The name: 3 to 64 letters, digits and hyphens. Deliveries contain it in upper case, as observed.
    pub name: String,
    /// The webhook's URL: plain http. The query may contain a secret.
    pub endpoint: String,
    /// The delivery schema. Default: CloudEvents.
    pub schema: DeliverySchema,
    /// Delivers events of this channel only. Default: all events, including those without a channel.
    pub channel: Option<String>,
    /// Delivers published events of this source only, which distinguishes topics if the namespace routes by source. Default:
    /// any source.
    pub source: Option<String>,
    /// The topic's id in Azure Resource Manager, contained in validations and notices.
    pub topic: String,
    /// Additional headers of each delivery, for example a shared secret: ten at most, of 4096 bytes each. Default: none.
    pub headers: HeaderMap,
    /// Returns the Microsoft Entra token of each delivery. Default: none.
    pub token: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    /// Whether handshakes contain the headers and the token too, which is not documented. Default: false.
    pub credentials_in_handshakes: bool,
    /// The rate that the CloudEvents handshake asks for, in requests per minute. Default: none.
    pub requested_rate: Option<NonZeroU32>,
    /// The maximum number of attempts: 1 to 30. Default: 30.
    pub max_delivery_attempts: u32,
    /// The time to live of events: 1 to 1440 whole minutes. Default: 1440.
    pub event_time_to_live: Duration,
    /// The maximum number of events in a request: 1 to 5000. Default: 1, which disables batching.
    pub max_events_per_batch: usize,
    /// The preferred size of a batch, in KiB: 1 to 1024. A larger event is delivered alone. Default: 64.
    pub preferred_batch_kilobytes: usize,
    /// Whether events that are given up become [dead letters](super::EventGrid::dead_letters). Default: false, they are dropped.
    pub dead_letters: bool,
    /// Whether the notice that the subscription was deleted is `Unsubscribe` without a body, as Microsoft's own receiver
    /// expects. Default: false, it is `SubscriptionDeletion` with an event that contains the subscription's id, as documented.
    pub unsubscribe_notice: bool,
}

impl EventSubscription {
    /// Creates an event subscription with all defaults.
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
            credentials_in_handshakes: false,
            requested_rate: None,
            max_delivery_attempts: 30,
            event_time_to_live: MINUTE.saturating_mul(1440),
            max_events_per_batch: 1,
            preferred_batch_kilobytes: 64,
            dead_letters: false,
            unsubscribe_notice: false,
        }
    }

    /// The id in Azure Resource Manager.
    pub fn id(&self) -> String {
        let Self { topic, name, .. } = self;
        format!("{topic}/providers/Microsoft.EventGrid/eventSubscriptions/{name}")
    }

    /// Checks every setting against its limits.
    pub(super) fn check(&self) -> Result<(), SubscriptionError> {
        let name_may_have = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !(3..=64).contains(&self.name.len()) || !self.name.bytes().all(name_may_have) {
            return Err(SubscriptionError::Name { found: Excerpt::of(&self.name) });
        }
        let minutes = self.event_time_to_live.as_secs() / 60;
        if self.event_time_to_live != MINUTE.saturating_mul(u32::try_from(minutes).unwrap_or(0)) {
            return Err(SubscriptionError::TimeToLive { found: self.event_time_to_live });
        }
        for (setting, found, most) in [
            ("max_delivery_attempts", u64::from(self.max_delivery_attempts), 30),
            ("minutes of event_time_to_live", minutes, 1440),
            ("max_events_per_batch", number(self.max_events_per_batch), 5000),
            ("preferred_batch_kilobytes", number(self.preferred_batch_kilobytes), 1024),
            ("number of headers", number(self.headers.len()).max(1), 10),
        ] {
            if !(1..=most).contains(&found) {
                return Err(SubscriptionError::Setting { setting, found, most });
            }
        }
        for (name, value) in &self.headers {
            let is_for_token = *name == AUTHORIZATION && self.token.is_some();
            if is_for_token || name.as_str().starts_with("aeg-") || value.len() > 4096 {
                return Err(SubscriptionError::Header { name: name.clone() });
            }
        }
        let uri = self.uri();
        if uri.scheme() != Some(&Scheme::HTTP) || uri.host().is_none() {
            let found = Excerpt::of(self.endpoint.split('?').next().unwrap_or_default());
            return Err(SubscriptionError::Endpoint { found });
        }
        Ok(())
    }

    /// The endpoint. Of no use before [`check`](Self::check) has accepted it.
    pub(super) fn uri(&self) -> Uri {
        self.endpoint.parse().unwrap_or_default()
    }

    /// Whether `event`, published to `channel`, is delivered. Event Grid converts its own schema to CloudEvents, but not back.
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

/// The schema of deliveries. `CustomInputSchema` is not supported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DeliverySchema {
    /// `CloudEventSchemaV1_0`.
    CloudEvents,
    /// `EventGridSchema`, for [`deliver`](super::EventGrid::deliver) only: published events are CloudEvents, which Event Grid
    /// does not convert to this schema.
    EventGrid,
}

/// The state of an event subscription after its handshake: the `provisioningState` of Azure Resource Manager, which is also
/// the `Display` form.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SubscriptionState {
    /// The endpoint responded 200 without consent. A call to the confirmation URL within ten minutes consents.
    AwaitingManualAction,
    /// The endpoint refused, or the confirmation URL was not called in time.
    Failed(SubscriptionError),
    /// The endpoint consented.
    Succeeded,
}

impl fmt::Display for SubscriptionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AwaitingManualAction => f.write_str("AwaitingManualAction"),
            Self::Failed(failure) => write!(f, "Failed: {failure}"),
            Self::Succeeded => f.write_str("Succeeded"),
        }
    }
}

/// Why an event subscription is invalid, missing, or without consent to deliveries.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// The endpoint is not plain http; the fake delivers to the same machine only.
    #[error("the endpoint `{found}` is not an http URL")]
    Endpoint {
        /// The URL, without its query.
        found: Excerpt,
    },
    /// Event Grid does not send this header.
    #[error(
        "the header `{name}` cannot be sent (names must not begin with `aeg-`, `authorization` conflicts with a token, \
         and values have at most 4096 bytes)"
    )]
    Header {
        /// The name of the header.
        name: HeaderName,
    },
    /// The name is invalid.
    #[error(
        "`{found}` is not a valid event subscription name (expected 3 to 64 letters, digits and hyphens)"
    )]
    Name {
        /// The name.
        found: Excerpt,
    },
    /// The request asked for a rate, and the response does not grant one.
    #[error("`WebHook-Allowed-Rate` is `{found}` (expected a number above 0, or `*`)")]
    NoRate {
        /// The rate in the response.
        found: Excerpt,
    },
    /// There was no response in time.
    #[error("the handshake got no response: {0}")]
    NoResponse(#[source] HttpClientError),
    /// No event subscription has this name.
    #[error("there is no event subscription `{name}`")]
    NoSubscription {
        /// The name.
        name: Excerpt,
    },
    /// Ten minutes passed without confirmation.
    #[error("the confirmation URL was not called within 10 minutes")]
    NotConfirmed,
    /// The handshake has not succeeded, so no events are delivered.
    #[error("the event subscription `{name}` is {state}, so no events are delivered to it")]
    NotValidated {
        /// The name.
        name: Excerpt,
        /// The state.
        state: Box<SubscriptionState>,
    },
    /// A number is out of range.
    #[error("{setting}: {found} (expected 1 to {most})")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// The number.
        found: u64,
        /// The maximum.
        most: u64,
    },
    /// The time to live is not in whole minutes.
    #[error("event_time_to_live: {found:?} (expected whole minutes)")]
    TimeToLive {
        /// The time.
        found: Duration,
    },
    /// The response contains another validation code.
    #[error("`validationResponse` is `{found}` (expected the `validationCode` that was sent)")]
    WrongCode {
        /// The code in the response.
        found: Excerpt,
    },
    /// The response allows another origin.
    #[error("`WebHook-Allowed-Origin` is `{found}` (expected `{expected}` or `*`)")]
    WrongOrigin {
        /// The origin in the response.
        found: Excerpt,
        /// The origin of the request.
        expected: Excerpt,
    },
    /// Only 200 is a success.
    #[error("the handshake response has status {found} (expected 200)")]
    WrongStatus {
        /// The status.
        found: u16,
    },
}

fn number(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

const TOPIC: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/theirs/providers/Microsoft.EventGrid/partnerTopics/contoso";

const MINUTE: Duration = Duration::from_secs(60);

//! The record of a delivery.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::settings::Settings;
use super::subscription::{DeliverySchema, EventSubscription};
use crate::http_client::HttpClientError;
use crate::testing::loopback::response::date_time;

/// Events delivered in one request, and all attempts so far.
///
/// A value as of the time when it was read: read it again with [`EventGrid::deliveries`](super::EventGrid::deliveries).
#[derive(Clone, Debug)]
pub struct Delivery {
    pub(super) number: usize,
    pub(super) subscription: Arc<EventSubscription>,
    pub(super) events: Arc<[Value]>,
    pub(super) body: Bytes,
    pub(super) published: OffsetDateTime,
    pub(super) attempts: Vec<Attempt>,
    /// The age of the events at the next attempt.
    pub(super) next_age: Duration,
    pub(super) outcome: Outcome,
    /// As they were when the delivery began.
    pub(super) settings: Settings,
}

impl Delivery {
    /// The number, counted from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The name of the event subscription.
    pub fn subscription(&self) -> &str {
        &self.subscription.name
    }

    /// The events: one, unless the subscription batches.
    pub fn events(&self) -> &[Value] {
        &self.events
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The attempts, in order. The `aeg-delivery-count` header of each is its index.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The current outcome.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The dead letters: each event with the members that Event Grid adds. Empty unless the delivery was dead-lettered.
    pub(super) fn dead_letters(&self) -> Vec<Value> {
        let (Outcome::DeadLettered(why), Some(last)) = (self.outcome, self.attempts.last()) else {
            return Vec::new();
        };
        let reason = match why {
            // As reported for `BadRequest`.
            GivenUp::Refused => format!("UndeliverableDueToHttp{}", last.outcome()),
            why => why.as_str().to_owned(),
        };
        let attempted: time::Duration = last.age.try_into().unwrap_or_default();
        let added = [
            ("deadLetterReason", json!(reason)),
            ("deliveryAttempts", json!(self.attempts.len())),
            ("lastDeliveryOutcome", json!(last.outcome())),
            ("publishTime", json!(event_time(self.published))),
            (
                "lastDeliveryAttemptTime",
                json!(event_time(self.published.saturating_add(attempted))),
            ),
        ];
        let mut letters = self.events.to_vec();
        for letter in letters.iter_mut().filter_map(Value::as_object_mut) {
            for (name, value) in &added {
                let name = match self.subscription.schema {
                    DeliverySchema::CloudEvents => name.to_ascii_lowercase(),
                    DeliverySchema::EventGrid => (*name).to_owned(),
                };
                letter.insert(name, value.clone());
            }
        }
        letters
    }
}

/// The outcome of a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// Given up; the events are dead letters.
    DeadLettered(GivenUp),
    /// The response was 200, 201, 202, 203 or 204.
    Delivered,
    /// Given up; the events are lost.
    Dropped(GivenUp),
    /// More attempts follow.
    Pending,
}

/// Why a delivery was given up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum GivenUp {
    /// The event subscription allows no more attempts.
    MaxDeliveryAttemptsExceeded,
    /// The response was 400, 401, 403 or 413, which is not retried.
    Refused,
    /// The event subscription was deleted.
    SubscriptionDeleted,
    /// The next attempt would come after the time to live.
    TimeToLiveExceeded,
}

impl GivenUp {
    /// The name. `MaxDeliveryAttemptsExceeded` is documented; the others are named after it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxDeliveryAttemptsExceeded => "MaxDeliveryAttemptsExceeded",
            Self::Refused => "Refused",
            Self::SubscriptionDeleted => "SubscriptionDeleted",
            Self::TimeToLiveExceeded => "TimeToLiveExceeded",
        }
    }
}

/// One attempt to deliver.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub(super) age: Duration,
    pub(super) response: Result<StatusCode, HttpClientError>,
}

impl Attempt {
    /// The age of the events: the sum of the documented pauses before it, regardless of the speed.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// The status of the response, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.response.as_ref().ok().copied()
    }

    /// Why there was no response.
    pub fn error(&self) -> Option<&HttpClientError> {
        self.response.as_ref().err()
    }

    /// The result in the terms of dead letters: `Delivered`, `BadRequest`, `Unauthorized`, `Busy`, `TimedOut`, `SocketError`
    /// and so on.
    pub fn outcome(&self) -> &'static str {
        outcome(&self.response)
    }
}

/// A time as Event Grid writes it: UTC, with seven fractional digits.
pub(super) fn event_time(at: OffsetDateTime) -> String {
    format!("{}Z", date_time(at, 7))
}

/// The name of a result in Event Grid's terms. `Delivered` and the reasons for probation are documented, `BadRequest` was
/// reported, and the others are named after them.
fn outcome(response: &Result<StatusCode, HttpClientError>) -> &'static str {
    match response.as_ref().map(StatusCode::as_u16) {
        Ok(200..=204) => "Delivered",
        Ok(400) => "BadRequest",
        Ok(401) => "Unauthorized",
        Ok(403) => "Forbidden",
        Ok(404) => "NotFound",
        Ok(408) | Err(HttpClientError::Timeout { .. }) => "TimedOut",
        Ok(413) => "PayloadTooLarge",
        Ok(429 | 503) => "Busy",
        Err(HttpClientError::Connect(_) | HttpClientError::Transport(_)) => "SocketError",
        _ => "GenericError",
    }
}

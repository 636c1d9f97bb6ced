//! What became of events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::retry::outcome;
use super::subscription::{DeliverySchema, EventSubscription};
use super::wire::written;
use crate::http_client::HttpClientError;

/// Events that are delivered with one request, and all attempts so far. They succeed or fail together.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub(super) number: usize,
    pub(super) subscription: Arc<EventSubscription>,
    pub(super) events: Arc<[Value]>,
    pub(super) body: Bytes,
    pub(super) published: OffsetDateTime,
    pub(super) attempts: Vec<Attempt>,
    /// How old the events are at the next attempt.
    pub(super) next_age: Duration,
    pub(super) outcome: Outcome,
}

impl Delivery {
    /// Its number, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The name of the event subscription.
    pub fn subscription(&self) -> &str {
        &self.subscription.name
    }

    /// The events: one, unless the subscription has batches.
    pub fn events(&self) -> &[Value] {
        &self.events
    }

    /// The body's bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The attempts, in order. The header `aeg-delivery-count` of each is its index.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// How it stands.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Each event with what is added to dead letters, if it became one.
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
            ("publishTime", json!(written(self.published))),
            (
                "lastDeliveryAttemptTime",
                json!(written(self.published.saturating_add(attempted))),
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

/// How a delivery stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was given up, and its events are dead letters.
    DeadLettered(GivenUp),
    /// Answered 200, 201, 202, 203 or 204.
    Delivered,
    /// It was given up, and its events are lost.
    Dropped(GivenUp),
    /// Attempts go on.
    Pending,
}

/// Why a delivery was given up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum GivenUp {
    /// There were as many attempts as the event subscription allows.
    MaxDeliveryAttemptsExceeded,
    /// The last attempt was answered 400, 401, 403 or 413, after which there is no other.
    Refused,
    /// The event subscription was deleted.
    SubscriptionDeleted,
    /// At the time of the next attempt the events would have lived too long.
    TimeToLiveExceeded,
}

impl GivenUp {
    /// In one word. `MaxDeliveryAttemptsExceeded` is documented; the others are named after it.
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
    pub(super) answer: Result<StatusCode, HttpClientError>,
}

impl Attempt {
    /// How old the events were: the sum of the documented pauses before it, however fast they went by.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// The answer's status, if there was an answer.
    pub fn status(&self) -> Option<StatusCode> {
        self.answer.as_ref().ok().copied()
    }

    /// Why there was no answer.
    pub fn error(&self) -> Option<&HttpClientError> {
        self.answer.as_ref().err()
    }

    /// How it ended, in a word as of dead letters: `Delivered`, `BadRequest`, `Unauthorized`, `Busy`, `TimedOut`,
    /// `SocketError` and so on.
    pub fn outcome(&self) -> &'static str {
        outcome(&self.answer)
    }
}

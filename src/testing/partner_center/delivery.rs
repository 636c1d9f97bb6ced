//! What became of a callback.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::forgery::Forgery;
use crate::excerpt::Excerpt;
use crate::testing::fake::answer::date_time;

/// A callback, and all attempts to deliver it so far.
///
/// `Display` is one line about the latest attempt.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub(super) number: usize,
    pub(super) origin: Origin,
    pub(super) event_name: Option<String>,
    pub(super) webhook_url: String,
    pub(super) body: Bytes,
    pub(super) attempts: Vec<Attempt>,
    pub(super) outcome: Outcome,
}

impl Delivery {
    /// Its number, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Why it is sent.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The name of the event in the body, if there is one.
    pub fn event_name(&self) -> Option<&str> {
        self.event_name.as_deref()
    }

    /// Where it is sent: what was registered when it began.
    pub fn webhook_url(&self) -> &str {
        &self.webhook_url
    }

    /// The body's bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The attempts, in order.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// How it stands.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    pub(super) fn to_value(&self) -> Value {
        let attempts = self.attempts.iter().map(|attempt| {
            json!({
                "status": attempt.status().map(|status| status.as_u16()),
                "error": attempt.error(),
                "milliseconds": u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
                "dateTimeUtc": date_time(attempt.at, 7),
            })
        });
        json!({
            "number": self.number,
            "origin": self.origin.to_string(),
            "eventName": self.event_name,
            "webhookUrl": self.webhook_url,
            "body": String::from_utf8_lossy(&self.body),
            "outcome": self.outcome.as_str(),
            "attempts": attempts.collect::<Value>(),
        })
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Excerpt::of(self.event_name().unwrap_or("(no event)"));
        write!(f, "delivery {} {name}", self.number)?;
        if self.origin != Origin::Event {
            write!(f, " ({})", self.origin)?;
        }
        if let Some(attempt) = self.attempts.last() {
            write!(f, " attempt {}: {attempt}", self.attempts.len())?;
        }
        write!(f, ", {}", self.outcome.as_str())
    }
}

/// Why a callback is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Origin {
    /// Something happened.
    Event,
    /// Somebody else than Partner Center sends it.
    Forgery(Forgery),
    /// The delivery of this number is sent again.
    Replay(usize),
    /// It was asked for through the registration API.
    ValidationEvent,
}

impl Origin {
    /// Whether Partner Center tries again. Whoever forges or replays has one attempt.
    pub(super) fn is_partner_center(self) -> bool {
        matches!(self, Self::Event | Self::ValidationEvent)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event => f.write_str("event"),
            Self::Forgery(forgery) => write!(f, "forgery {forgery}"),
            Self::Replay(number) => write!(f, "replay of {number}"),
            Self::ValidationEvent => f.write_str("validation event"),
        }
    }
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// A forgery was answered 2xx: whoever answered believes anybody.
    AcceptedForgery,
    /// Answered 2xx, and no forgery. Which answers count as success is not documented.
    Delivered,
    /// All attempts failed: it is in the offline queue, and no more are made.
    Offline,
    /// Attempts go on.
    Pending,
    /// A forgery or a replay was not answered 2xx.
    Refused,
}

impl Outcome {
    /// In a few words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AcceptedForgery => "accepted a forgery",
            Self::Delivered => "delivered",
            Self::Offline => "offline",
            Self::Pending => "pending",
            Self::Refused => "refused",
        }
    }
}

/// One attempt to deliver a callback.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub(super) at: OffsetDateTime,
    pub(super) took: Duration,
    pub(super) answer: Result<StatusCode, String>,
}

impl Attempt {
    /// When it ended, by the fake's clock.
    pub fn at(&self) -> OffsetDateTime {
        self.at
    }

    /// How long it took.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// The answer's status, if there was an answer.
    pub fn status(&self) -> Option<StatusCode> {
        self.answer.as_ref().ok().copied()
    }

    /// Why there was no answer.
    pub fn error(&self) -> Option<&str> {
        self.answer.as_ref().err().map(String::as_str)
    }

    pub(super) fn is_success(&self) -> bool {
        self.status().is_some_and(|status| status.is_success())
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.answer {
            Ok(status) => write!(f, "{}", status.as_u16())?,
            Err(error) => write!(f, "no answer: {error}")?,
        }
        write!(f, " in {} ms", self.took.as_millis())
    }
}

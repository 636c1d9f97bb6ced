//! The record of a delivery.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::forgery::Forgery;
use crate::mask::Excerpt;
use crate::testing::authority::SignedRequest;
use crate::testing::loopback::response::date_time;

/// A callback, and all attempts to deliver it so far.
///
/// A value as of the time when it was read. `Display` is one line about the latest attempt, for example
/// `delivery 1 invoice-ready attempt 2: 503 in 4 ms, pending`.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub(super) number: usize,
    pub(super) origin: Origin,
    pub(super) event_name: Option<String>,
    pub(super) webhook_url: String,
    pub(super) body: Bytes,
    pub(super) attempts: Vec<Attempt>,
    pub(super) outcome: Outcome,
    /// The signed callback; `None` until the first attempt signs it.
    pub(super) callback: Option<SignedRequest>,
}

impl Delivery {
    /// The number, counted from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Why the callback is sent.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The event name in the body, if there is one.
    pub fn event_name(&self) -> Option<&str> {
        self.event_name.as_deref()
    }

    /// The webhook URL registered when the delivery began.
    pub fn webhook_url(&self) -> &str {
        &self.webhook_url
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The attempts, in order.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The current outcome.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Ends a pending delivery. Returns whether it was pending.
    pub(super) fn give_up(&mut self) -> bool {
        let is_pending = self.outcome == Outcome::Pending;
        if is_pending {
            self.outcome = Outcome::Offline;
        }
        is_pending
    }

    /// The delivery as `GET /emulator/deliveries` shows it.
    pub fn to_value(&self) -> Value {
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
    /// An event was emitted.
    Event,
    /// The callback is forged.
    Forgery(Forgery),
    /// The delivery with this number is sent again.
    Replay(usize),
    /// A validation event was requested through the registration API.
    ValidationEvent,
}

impl Origin {
    /// Whether Partner Center is the sender, and retries. Forgeries and replays have one attempt.
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

/// The outcome of a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// A forgery got a 2xx response: the receiver does not verify.
    AcceptedForgery,
    /// The response was 2xx. It is not documented which statuses count as success.
    Delivered,
    /// All attempts failed: the delivery is in the offline queue and is not retried.
    Offline,
    /// More attempts follow.
    Pending,
    /// A forgery or a replay got no 2xx response.
    Refused,
}

impl Outcome {
    /// A short description.
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
    pub(super) response: Result<ReceiverResponse, String>,
}

impl Attempt {
    /// The time at which it ended, by the fake's clock.
    pub fn at(&self) -> OffsetDateTime {
        self.at
    }

    /// Its duration.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// The status of the response, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.response.as_ref().ok().map(|response| response.status)
    }

    /// Why there was no response.
    pub fn error(&self) -> Option<&str> {
        self.response.as_ref().err().map(String::as_str)
    }

    /// Whether the status is 2xx.
    pub(super) fn is_success(&self) -> bool {
        self.status().is_some_and(|status| status.is_success())
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.response {
            Ok(response) => write!(f, "{}", response.status.as_u16())?,
            Err(error) => write!(f, "no response: {error}")?,
        }
        write!(f, " in {} ms", self.took.as_millis())
    }
}

/// What the receiver responded, for the page. Partner Center itself reads the status only.
#[derive(Clone, Debug)]
pub(super) struct ReceiverResponse {
    /// It decides on the outcome.
    pub(super) status: StatusCode,
    /// A receiver may say there why it refused.
    pub(super) headers: HeaderMap,
    /// Its first 8 KiB, so that a receiver that responds with pages fills no memory: thousands of deliveries are kept.
    pub(super) body: Bytes,
    /// The length of the whole body.
    pub(super) length: usize,
}

impl From<Response<Bytes>> for ReceiverResponse {
    fn from(response: Response<Bytes>) -> Self {
        let (head, body) = response.into_parts();
        // Copied, because a part of it would keep all of it in memory.
        let start = body.get(..KEPT_BODY).map_or_else(|| body.clone(), Bytes::copy_from_slice);
        Self { status: head.status, headers: head.headers, body: start, length: body.len() }
    }
}

/// The length of [`ReceiverResponse::body`], in bytes: enough for any error message.
const KEPT_BODY: usize = 8 * 1024;

//! Test events, which the API calls validation events.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::members::{Members, text};
use crate::event::Id;
use crate::json::date::date;
use crate::mask::Excerpt;

/// The state of a test event.
///
/// # Source
///
/// `ValidationEvent` in the REST reference; "Partner Center webhooks", "Get webhook validation results".
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TestEvent {
    correlation_id: Option<Id>,
    partner_id: Option<Box<str>>,
    status: TestEventStatus,
    callback_url: Option<Box<str>>,
    results: Vec<TestResult>,
}

impl TestEvent {
    /// Its correlation id, which is also the last segment of the event's `ResourceUri`.
    pub fn correlation_id(&self) -> Option<&Id> {
        self.correlation_id.as_ref()
    }

    /// The partner: a UUID.
    pub fn partner_id(&self) -> Option<&str> {
        self.partner_id.as_deref()
    }

    /// The status of its delivery.
    pub fn status(&self) -> &TestEventStatus {
        &self.status
    }

    /// The URL that it was sent to.
    pub fn callback_url(&self) -> Option<&str> {
        self.callback_url.as_deref()
    }

    /// The delivery attempts, oldest first.
    pub fn results(&self) -> &[TestResult] {
        &self.results
    }

    /// Whether the response to the last attempt was 2xx.
    pub fn was_delivered(&self) -> bool {
        self.results.last().is_some_and(TestResult::is_success)
    }

    /// Whether there will be no more attempts. `completed` does not mean that one succeeded.
    pub fn is_finished(&self) -> bool {
        let is_over = [TestEventStatus::Completed, TestEventStatus::Failed].contains(&self.status);
        is_over || self.was_delivered()
    }
}

impl<'de> Deserialize<'de> for TestEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Members::deserialize(deserializer)?;
        let Some(status) = members.take("status").and_then(text) else {
            return Err(D::Error::custom("`status` is missing"));
        };
        let results = match members.take("results") {
            None | Some(Value::Null) => Vec::new(),
            Some(results) => Vec::deserialize(results)
                .map_err(|_| D::Error::custom("`results` is not an array of objects"))?,
        };
        let correlation_id = members.take("correlationId").and_then(text);
        Ok(Self {
            correlation_id: correlation_id.and_then(|id| Id::new(&id)),
            partner_id: members.take("partnerId").and_then(text),
            status: TestEventStatus::from(&*status),
            callback_url: members.take("callbackUrl").and_then(text),
            results,
        })
    }
}

/// The status of a test event. Microsoft does not list the values; they are matched in any ASCII case.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TestEventStatus {
    /// There will be no more attempts. See [`TestEvent::was_delivered`].
    Completed,
    /// It could not be delivered.
    Failed,
    /// It was requested.
    Submitted,
    /// A value that this version of the crate does not know, as received.
    Other(Box<str>),
}

impl TestEventStatus {
    /// The value in lower case, or as received if it is not known.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Other(value) => value,
            Self::Submitted => "submitted",
        }
    }
}

impl From<&str> for TestEventStatus {
    fn from(value: &str) -> Self {
        let known = [Self::Completed, Self::Failed, Self::Submitted];
        known
            .into_iter()
            .find(|status| status.as_str().eq_ignore_ascii_case(value))
            .unwrap_or_else(|| Self::Other(value.into()))
    }
}

impl fmt::Display for TestEventStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Excerpt::of(self.as_str()).fmt(f)
    }
}

/// One attempt to deliver a test event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TestResult {
    response_code: Option<Box<str>>,
    response_message: Option<Box<str>>,
    system_error: bool,
    date_time_utc: Option<Box<str>>,
}

impl TestResult {
    /// The status of the response: a number such as `200`, or .NET's name for it, such as `OK`.
    pub fn response_code(&self) -> Option<&str> {
        self.response_code.as_deref()
    }

    /// A message, which may be empty.
    pub fn response_message(&self) -> Option<&str> {
        self.response_message.as_deref()
    }

    /// Whether the attempt failed before the endpoint could respond.
    pub fn is_system_error(&self) -> bool {
        self.system_error
    }

    /// The time of the attempt, in UTC.
    pub fn date_time_utc(&self) -> Option<OffsetDateTime> {
        date(self.date_time_utc.as_deref()?)
    }

    /// Whether the response was 2xx. Microsoft does not document which responses count; 2xx is the safe reading.
    pub fn is_success(&self) -> bool {
        let Some(code) = self.response_code.as_deref() else {
            return false;
        };
        let is_named = SUCCESS_NAMES.iter().any(|name| name.eq_ignore_ascii_case(code));
        is_named || code.parse().is_ok_and(|code: u16| (200..300).contains(&code))
    }
}

impl<'de> Deserialize<'de> for TestResult {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Members::deserialize(deserializer)?;
        let system_error = members.take("systemError");
        Ok(Self {
            response_code: members.take("responseCode").and_then(text),
            response_message: members.take("responseMessage").and_then(text),
            system_error: system_error == Some(Value::Bool(true)),
            date_time_utc: members.take("dateTimeUtc").and_then(text),
        })
    }
}

/// What to do when the limit on test events is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WhenLimited {
    /// Fail with [`RegistrationError::TestEventLimit`](super::RegistrationError::TestEventLimit).
    Refuse,
    /// Wait, up to the deadline of the call.
    Wait,
}

/// Allows two test events a minute.
#[derive(Debug, Default)]
pub(super) struct Limiter(Mutex<VecDeque<Instant>>);

impl Limiter {
    /// Takes a slot; the error is the wait until one is free.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|at| now.saturating_duration_since(*at) < WINDOW);
        match taken.front() {
            Some(first) if taken.len() >= LIMIT => {
                Err(WINDOW.saturating_sub(now.saturating_duration_since(*first)))
            }
            _ => {
                taken.push_back(now);
                Ok(())
            }
        }
    }
}

/// Source: "Partner Center webhooks": 2 POST requests a minute.
const LIMIT: usize = 2;

/// A minute, plus a second because requests take different times to arrive.
const WINDOW: Duration = Duration::from_secs(61);

/// .NET's names of 2xx (`HttpStatusCode`).
const SUCCESS_NAMES: [&str; 10] = [
    "OK",
    "Created",
    "Accepted",
    "NonAuthoritativeInformation",
    "NoContent",
    "ResetContent",
    "PartialContent",
    "MultiStatus",
    "AlreadyReported",
    "IMUsed",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> TestEvent {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_documented_result() {
        // "Partner Center webhooks", response example of the validation results.
        let event = read(
            r#"{"correlationId":"04af2aea-d413-42db-824e-f328001484d1","partnerId":"00234d9d-8c2d-4ff5-8c18-39f8afc6f7f3","status":"completed","callbackUrl":"https://a.example/","results":[{"responseCode":"OK","responseMessage":"","systemError":false,"dateTimeUtc":"2017-12-08T21:39:48.2386997"}]}"#,
        );
        let id = event.correlation_id().unwrap().as_str();
        assert_eq!(id, "04af2aea-d413-42db-824e-f328001484d1");
        assert_eq!(event.partner_id(), Some("00234d9d-8c2d-4ff5-8c18-39f8afc6f7f3"));
        assert_eq!(event.status(), &TestEventStatus::Completed);
        assert_eq!(event.callback_url(), Some("https://a.example/"));
        assert!(event.was_delivered() && event.is_finished());
        let result = &event.results()[0];
        assert_eq!(result.response_message(), Some(""));
        assert!(!result.is_system_error());
        let date = result.date_time_utc().unwrap();
        assert_eq!(date.to_string(), "2017-12-08 21:39:48.2386997 +00:00:00");
    }

    #[test]
    fn finished_does_not_mean_delivered() {
        for (json, finished, delivered) in [
            (r#"{"Status":"Submitted","Results":null}"#, false, false),
            (r#"{"status":"SUBMITTED"}"#, false, false),
            (r#"{"status":"Completed","results":[]}"#, true, false),
            (
                r#"{"status":"failed","results":[{"responseCode":"InternalServerError"}]}"#,
                true,
                false,
            ),
            (r#"{"status":"completed","results":[{"responseCode":500}]}"#, true, false),
            (
                r#"{"status":"completed","results":[{"responseCode":"OK"},{"systemError":true}]}"#,
                true,
                false,
            ),
            (
                r#"{"status":"completed","results":[{"systemError":true},{"responseCode":"202"}]}"#,
                true,
                true,
            ),
            (r#"{"status":"Delivering","results":[{"responseCode":200}]}"#, true, true),
            (r#"{"status":"Delivering","results":[{"responseCode":"Ok, sort of"}]}"#, false, false),
        ] {
            let event = read(json);
            assert_eq!(
                (event.is_finished(), event.was_delivered()),
                (finished, delivered),
                "{json}"
            );
        }
        assert_eq!(read(r#"{"status":"a\nb"}"#).status().to_string(), r"a\nb");
        for json in ["{}", "[]", r#"{"status":null}"#, r#"{"status":"x","results":1}"#] {
            assert!(serde_json::from_str::<TestEvent>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn two_a_minute() {
        let limiter = Limiter::default();
        let start = Instant::now();
        let at = |seconds| {
            limiter.take(start + Duration::from_secs(seconds)).map_err(|wait| wait.as_secs())
        };
        assert_eq!(at(0), Ok(()));
        assert_eq!(at(10), Ok(()));
        assert_eq!(at(20), Err(41));
        assert_eq!(at(60), Err(1));
        assert_eq!(at(61), Ok(()));
        assert_eq!(at(61), Err(10));
        assert_eq!(at(71), Ok(()));
    }
}

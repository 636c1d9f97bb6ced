//! Validation events: asked for, limited, and watched.

use std::collections::HashMap;

use bytes::Bytes;
use http::Response;
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use super::quirks::{Casing, CorrelationIdShape, Delay, NoResults, Quirks, Validation};
use super::registration::{Registration, not_registered};
use crate::testing::fake::answer::{ErrorBody, date_time, ok};
use crate::testing::fake::fault::throttled;

/// The validation events of the tenant.
#[derive(Debug, Default)]
pub(super) struct Validations {
    events: HashMap<String, ValidationEvent>,
    /// When the current minute of the limit began, and how many were asked for in it.
    window: Option<(OffsetDateTime, u32)>,
}

#[derive(Debug)]
struct ValidationEvent {
    callback_url: String,
    created: OffsetDateTime,
    polls: u32,
}

impl Validations {
    /// Answers `POST /registration/validationEvents`, whose event shall be known as `correlation_id`.
    pub(super) fn create(
        &mut self,
        registration: Option<&Registration>,
        correlation_id: &str,
        quirks: &Quirks,
        now: OffsetDateTime,
    ) -> Response<Bytes> {
        if let Some(seconds) = self.overdrawn(quirks.validation_events_per_minute, now) {
            return throttled(Some(&seconds.to_string()));
        }
        let Some(registration) = registration else {
            return not_registered();
        };
        if !registration.has_event(TEST_CREATED) {
            let description = "The registration does not contain the event 'test-created'.";
            return ErrorBody::standard("800002", description).answer(400);
        }
        let event = ValidationEvent {
            callback_url: registration.webhook_url.clone(),
            created: now,
            polls: 0,
        };
        self.events.insert(correlation_id.to_owned(), event);
        ok(&match quirks.correlation_id {
            CorrelationIdShape::Object => json!({"correlationId": correlation_id}),
            CorrelationIdShape::Text => correlation_id.into(),
        })
    }

    /// Counts a request; if it is one too many, for how many seconds there will be no other.
    fn overdrawn(&mut self, limit: u32, now: OffsetDateTime) -> Option<u64> {
        let (began, count) = match self.window {
            Some((began, count)) if now < began.saturating_add(MINUTE) => (began, count),
            _ => (now, 0),
        };
        // Requests that are refused count too.
        self.window = Some((began, count.saturating_add(1)));
        let left = began.saturating_add(MINUTE) - now;
        // Rounded up, so that who waits so long is not refused again.
        let seconds = u64::try_from(left.whole_seconds()).unwrap_or_default();
        (count >= limit).then(|| seconds.saturating_add(1))
    }

    /// Answers `GET /registration/validationEvents/{correlationId}`.
    pub(super) fn show(
        &mut self,
        correlation_id: &str,
        partner_id: &str,
        quirks: &Quirks,
        now: OffsetDateTime,
    ) -> Response<Bytes> {
        let kept = self.events.get_mut(correlation_id);
        let Some(event) = kept.filter(|event| now < event.created.saturating_add(RETENTION)) else {
            return ErrorBody::standard("1000", "The validation event was not found.").answer(404);
        };
        event.polls = event.polls.saturating_add(1);
        let (status, results) = event.outcome(quirks, now);
        let status = json!({
            "correlationId": correlation_id,
            "partnerId": partner_id,
            "status": status,
            "callbackUrl": event.callback_url,
            "results": results,
        });
        ok(&match quirks.casing {
            Casing::Camel | Casing::Guide => status,
            Casing::Pascal => pascal(status),
        })
    }
}

impl ValidationEvent {
    fn outcome(&self, quirks: &Quirks, now: OffsetDateTime) -> (String, Value) {
        let pending = || match quirks.no_results {
            NoResults::Empty => ("Submitted".to_owned(), json!([])),
            NoResults::Null => ("Submitted".to_owned(), Value::Null),
        };
        let Validation::Scripted {
            delay,
            status,
            results,
        } = &quirks.validation
        else {
            return pending();
        };
        let is_over = match delay {
            Delay::Polls(polls) => self.polls > *polls,
            Delay::Time(time) => now - self.created >= *time,
        };
        if !is_over {
            return pending();
        }
        let results = results.iter().map(|result| {
            json!({
                "responseCode": result.response_code,
                "responseMessage": result.response_message,
                "systemError": result.system_error,
                "dateTimeUtc": date_time(now, 7),
            })
        });
        (status.clone(), results.collect())
    }
}

/// The same value with the first letters of all members in upper case.
fn pascal(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| {
                let mut letters = name.chars();
                let first = letters.next().map(|letter| letter.to_ascii_uppercase());
                let name: String = first.into_iter().chain(letters).collect();
                (name, pascal(value))
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(values) => values.into_iter().map(pascal).collect(),
        other => other,
    }
}

/// The event that a registration needs for any of this.
pub(super) const TEST_CREATED: &str = "test-created";
const MINUTE: Duration = Duration::MINUTE;
/// After this, validation events are gone. Source: "Partner Center webhooks".
const RETENTION: Duration = Duration::days(7);

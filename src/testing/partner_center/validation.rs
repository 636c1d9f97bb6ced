//! Validation events: creation, rate limit, and polling.
//!
//! A request for one returns a correlation id at once. Polling with that id shows `Submitted` until the first attempt, then the
//! result of each attempt, and `completed` or `failed` at the end. How the service behaves in between is a matter of
//! [`Quirks`].
//!
//! # Source
//!
//! "Partner Center webhooks".

use std::collections::HashMap;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use super::delivery::{Delivery, Outcome};
use super::quirks::{Casing, Quirks, Validation, ValidationResult};
use super::registration::{Registration, not_registered};
use crate::testing::loopback::deliveries::Deliveries;
use crate::testing::loopback::fault::throttled;
use crate::testing::loopback::response::{ErrorBody, date_time, ok};

/// The validation events of the tenant.
#[derive(Default)]
pub(super) struct Validations {
    events: HashMap<String, ValidationEvent>,
    /// The start of the current rate-limit window, and the requests in it.
    window: Option<(OffsetDateTime, u32)>,
}

struct ValidationEvent {
    callback_url: String,
    created: OffsetDateTime,
    polls: u32,
    /// The number of its delivery, if it is delivered.
    delivery: Option<usize>,
}

impl Validations {
    /// Responds to `POST /registration/validationEvents`, with `correlation_id` for the new event.
    pub(super) fn create(
        &mut self,
        registration: Option<&Registration>,
        correlation_id: &str,
        quirks: &Quirks,
        now: OffsetDateTime,
    ) -> Response<Bytes> {
        if let Some(seconds) = self.retry_after(quirks.validation_events_per_minute, now) {
            return throttled(Some(&seconds.to_string()));
        }
        let Some(registration) = registration else {
            return not_registered();
        };
        if !registration.has_event(TEST_CREATED) {
            let description = "The registration does not contain the event 'test-created'.";
            return ErrorBody::standard("800002", description).response(400);
        }
        let event = ValidationEvent {
            callback_url: registration.webhook_url.clone(),
            created: now,
            polls: 0,
            delivery: None,
        };
        self.events.insert(correlation_id.to_owned(), event);
        ok(&match quirks.text_correlation_id {
            false => json!({"correlationId": correlation_id}),
            true => correlation_id.into(),
        })
    }

    /// Counts a request. If it exceeds the limit, returns the seconds until the window ends.
    fn retry_after(&mut self, limit: u32, now: OffsetDateTime) -> Option<u64> {
        let (began, count) = match self.window {
            Some((began, count)) if now < began.saturating_add(MINUTE) => (began, count),
            _ => (now, 0),
        };
        // Refused requests count too.
        self.window = Some((began, count.saturating_add(1)));
        let left = began.saturating_add(MINUTE) - now;
        // Rounded up, so that a retry after this time is not refused.
        let seconds = u64::try_from(left.whole_seconds()).unwrap_or_default();
        (count >= limit).then(|| seconds.saturating_add(1))
    }

    /// Adds an event that was not requested through the API and does not count against the limit.
    pub(super) fn add(
        &mut self,
        correlation_id: &str,
        callback_url: String,
        delivery: usize,
        now: OffsetDateTime,
    ) {
        let event =
            ValidationEvent { callback_url, created: now, polls: 0, delivery: Some(delivery) };
        self.events.insert(correlation_id.to_owned(), event);
    }

    /// Links an event to its delivery.
    pub(super) fn delivered_as(&mut self, correlation_id: &str, delivery: usize) {
        if let Some(event) = self.events.get_mut(correlation_id) {
            event.delivery = Some(delivery);
        }
    }

    /// Responds to `GET /registration/validationEvents/{correlationId}`.
    pub(super) fn show(
        &mut self,
        correlation_id: &str,
        partner_id: &str,
        quirks: &Quirks,
        deliveries: &Deliveries<Delivery>,
        now: OffsetDateTime,
    ) -> Response<Bytes> {
        let kept = self.events.get_mut(correlation_id);
        let Some(event) = kept.filter(|event| now < event.created.saturating_add(RETENTION)) else {
            return ErrorBody::standard("1000", "The validation event was not found.")
                .response(404);
        };
        event.polls = event.polls.saturating_add(1);
        let (status, results) = event.outcome(quirks, deliveries, now);
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
    /// The status and results.
    fn outcome(
        &self,
        quirks: &Quirks,
        deliveries: &Deliveries<Delivery>,
        now: OffsetDateTime,
    ) -> (String, Value) {
        let pending = ("Submitted".to_owned(), none(quirks));
        match &quirks.validation {
            Validation::Delivered => {
                let delivery = self.delivery.and_then(|number| deliveries.get(number));
                delivery.map_or(pending, |delivery| results_of(delivery, quirks))
            }
            Validation::Pending => pending,
            Validation::Scripted { delay, polls, status, results } => {
                if self.polls <= *polls || now - self.created < *delay {
                    return pending;
                }
                let results = results.iter().map(|result| result.to_value(now));
                (status.clone(), results.collect())
            }
        }
    }
}

/// The results before the first attempt.
fn none(quirks: &Quirks) -> Value {
    match quirks.empty_results {
        true => json!([]),
        false => Value::Null,
    }
}

/// The status and results of a delivery. "Completed" and "failed" are known statuses. The status of a delivery in the
/// offline queue is not documented; here it is "failed".
fn results_of(delivery: &Delivery, quirks: &Quirks) -> (String, Value) {
    let status = match delivery.outcome() {
        Outcome::AcceptedForgery | Outcome::Delivered => "completed",
        Outcome::Offline | Outcome::Refused => "failed",
        Outcome::Pending => "Submitted",
    };
    let attempts = delivery.attempts();
    if attempts.is_empty() {
        return (status.to_owned(), none(quirks));
    }
    let results = attempts.iter().map(|attempt| {
        let result = match attempt.status() {
            None => ValidationResult::new("", attempt.error().unwrap_or_default(), true),
            Some(status) => {
                let code = match quirks.numeric_response_code {
                    true => status.as_str().to_owned(),
                    false => name(status),
                };
                let message = status.canonical_reason().filter(|_| !status.is_success());
                ValidationResult::new(code, message.unwrap_or_default(), false)
            }
        };
        result.to_value(attempt.at())
    });
    (status.to_owned(), results.collect())
}

/// The name of a status in .NET, which is nearly always the reason phrase without spaces.
fn name(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => reason.split([' ', '-']).collect(),
        None => status.as_str().to_owned(),
    }
}

impl ValidationResult {
    fn to_value(&self, at: OffsetDateTime) -> Value {
        json!({
            "responseCode": self.response_code,
            "responseMessage": self.response_message,
            "systemError": self.system_error,
            "dateTimeUtc": date_time(at, 7),
        })
    }
}

/// Changes all member names to Pascal case.
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

/// The event that must be registered for validation events.
pub(super) const TEST_CREATED: &str = "test-created";
const MINUTE: Duration = Duration::MINUTE;
/// How long validation events can be polled. Source: "Partner Center webhooks".
const RETENTION: Duration = Duration::days(7);

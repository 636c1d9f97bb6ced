//! Where the service contradicts its documentation, or the documentation itself.

use std::time::Duration;

use http::StatusCode;

use crate::event::EventName;

/// The behaviour of the fake where the service is undocumented, documented inconsistently, or slow.
///
/// Change it with [`PartnerCenter::configure`](super::PartnerCenter::configure).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Quirks {
    /// Whether invoices, fraud events, usage records and referrals need a user's token, and refuse an application's with 403
    /// and code 900329. Default: true.
    pub app_only_refused: bool,
    /// Whether `x-ms-signature` contains the signature without the prefix `Signature `. Default: false, as documented.
    pub bare_ms_signature: bool,
    /// The time limit for the response to an attempt, which is not documented. Default: 30 seconds.
    pub callback_timeout: Duration,
    /// The case of member names in responses. Default: [`Casing::Camel`].
    pub casing: Casing,
    /// The status of a second `POST /registration`, which is not documented. Default: 409.
    pub conflict_status: StatusCode,
    /// The form of correlation ids in responses. Default: [`CorrelationIdShape::Object`].
    pub correlation_id: CorrelationIdShape,
    /// The number of attempts before a delivery goes to the offline queue. Default: 10, as documented.
    pub delivery_attempts: u32,
    /// The pause after the first failed attempt; it doubles after each further one. The real pauses are not documented.
    /// Default: one second, so that ten attempts take eight and a half minutes.
    pub first_pause: Duration,
    /// The form of `results` of a validation event before the first attempt. Default: [`NoResults::Null`].
    pub no_results: NoResults,
    /// The form of `responseCode` in results of a validation event. Default: [`ResponseCode::Name`].
    pub response_code: ResponseCode,
    /// Whether each attempt is signed anew, so that attempts after a rotation use the new certificate. Default: false, a
    /// callback is signed once.
    pub signs_each_attempt: bool,
    /// The events that `GET /registration/events` lists and a registration may contain. Default: every documented name.
    pub supported_events: Vec<String>,
    /// The lifetime of access tokens. Default: 3599 seconds, as with Entra.
    pub token_lifetime: Duration,
    /// The outcome of validation events. Default: [`Validation::Delivered`].
    pub validation: Validation,
    /// The maximum number of validation events per minute. Default: 2, as documented.
    pub validation_events_per_minute: u32,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            app_only_refused: true,
            bare_ms_signature: false,
            callback_timeout: Duration::from_secs(30),
            casing: Casing::Camel,
            conflict_status: StatusCode::CONFLICT,
            correlation_id: CorrelationIdShape::Object,
            delivery_attempts: 10,
            first_pause: Duration::from_secs(1),
            no_results: NoResults::Null,
            response_code: ResponseCode::Name,
            signs_each_attempt: false,
            supported_events: EventName::ALL.iter().map(|name| name.as_str().to_owned()).collect(),
            token_lifetime: Duration::from_secs(3599),
            validation: Validation::Delivered,
            validation_events_per_minute: 2,
        }
    }
}

/// The case of member names in responses. In requests any case is accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Casing {
    /// `webhookUrl`, with all members, as in the REST reference.
    Camel,
    /// As in the samples of "Partner Center webhooks": registrations in [`Pascal`](Self::Pascal), validation events in
    /// [`Camel`](Self::Camel).
    Guide,
    /// `WebhookUrl`, with the members of the guide's samples: no subscriber id in the response to GET, and
    /// `SignatureTokenToMsSignatureHeader` only if it is true.
    Pascal,
}

/// The form of correlation ids in responses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CorrelationIdShape {
    /// `{"correlationId":"…"}`, as in "Partner Center webhooks".
    Object,
    /// `"…"`, as in the REST reference.
    Text,
}

/// The form of `results` before the first attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NoResults {
    /// `[]`.
    Empty,
    /// `null`.
    Null,
}

/// The form of `responseCode`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ResponseCode {
    /// `OK`, as documented.
    Name,
    /// `200`, as observed in the live service.
    Number,
}

/// The outcome of validation events.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Validation {
    /// They are delivered like any event, with the results of the attempts.
    Delivered,
    /// They stay `Submitted`.
    Pending,
    /// They are not delivered, and get this status and these results after a delay.
    Scripted {
        /// How long they stay `Submitted`.
        delay: Delay,
        /// For example `completed`.
        status: String,
        /// One result for each attempt.
        results: Vec<ValidationResult>,
    },
}

impl Validation {
    /// `completed` after `delay`, with one attempt whose response was `OK`.
    pub fn completed(delay: Delay) -> Self {
        Self::Scripted {
            delay,
            status: "completed".to_owned(),
            results: vec![ValidationResult::new("OK", "", false)],
        }
    }

    /// `failed` after `delay`, with ten attempts whose response was 500.
    pub fn failed(delay: Delay) -> Self {
        let attempt = ValidationResult::new("InternalServerError", "Internal Server Error", false);
        Self::Scripted { delay, status: "failed".to_owned(), results: vec![attempt; 10] }
    }
}

/// The delay before a validation event has results.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Delay {
    /// This number of polls without results.
    Polls(u32),
    /// This time, by the fake's clock.
    Time(Duration),
}

/// The result of one attempt to deliver a validation event.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ValidationResult {
    /// `OK` in the documentation, `200` in the live service.
    pub response_code: String,
    /// The message; may be empty.
    pub response_message: String,
    /// Whether the attempt had no response.
    pub system_error: bool,
}

impl ValidationResult {
    /// Creates a result.
    pub fn new(
        response_code: impl Into<String>,
        response_message: impl Into<String>,
        system_error: bool,
    ) -> Self {
        Self {
            response_code: response_code.into(),
            response_message: response_message.into(),
            system_error,
        }
    }
}

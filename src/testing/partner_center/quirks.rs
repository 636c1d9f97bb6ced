//! In what the real service differs from its documentation, and its documentation from itself.

use std::time::Duration;

use http::StatusCode;

use crate::event::EventName;

/// How the fake behaves where the real one is undocumented, documented twice, or slow.
///
/// Change it with [`PartnerCenter::configure`](super::PartnerCenter::configure).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Quirks {
    /// Whether calls that need a user's token refuse an application's with 403 and code 900329: invoices, fraud events,
    /// usage records and referrals. Default: they do.
    pub app_only_refused: bool,
    /// Whether `x-ms-signature` holds the signature without the word `Signature` before it. Default: with it, as documented.
    pub bare_ms_signature: bool,
    /// For how long an attempt to deliver waits for an answer, which is not documented. Default: 30 seconds.
    pub callback_timeout: Duration,
    /// How members of answers are written. Default: [`Casing::Camel`].
    pub casing: Casing,
    /// The status of a second `POST /registration`, for which no number is published. Default: 409.
    pub conflict_status: StatusCode,
    /// How a correlation id is answered. Default: [`CorrelationIdShape::Object`].
    pub correlation_id: CorrelationIdShape,
    /// How many attempts to deliver are made before an event goes to the offline queue. Default: 10, as documented.
    pub delivery_attempts: u32,
    /// The pause after the first failed attempt, which doubles after each; real pauses are not documented. The knob for slow
    /// and fast time. Default: one second, so that ten attempts take eight and a half minutes.
    pub first_pause: Duration,
    /// How `results` of a validation event look before there are any. Default: [`NoResults::Null`].
    pub no_results: NoResults,
    /// How `responseCode` of a validation event's result is written. Default: [`ResponseCode::Name`].
    pub response_code: ResponseCode,
    /// Whether each attempt is signed anew, so that one after a rotation is signed with the new certificate. Default: an event
    /// is signed once.
    pub signs_each_attempt: bool,
    /// What `GET /registration/events` lists and a registration may hold. Default: every documented name.
    pub supported_events: Vec<String>,
    /// How long an access token lives. Default: 3599 seconds, as Entra's.
    pub token_lifetime: Duration,
    /// What becomes of validation events. Default: [`Validation::Delivered`].
    pub validation: Validation,
    /// How many validation events may be asked for in a minute. Default: 2, as documented.
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
            supported_events: EventName::ALL
                .iter()
                .map(|name| name.as_str().to_owned())
                .collect(),
            token_lifetime: Duration::from_secs(3599),
            validation: Validation::Delivered,
            validation_events_per_minute: 2,
        }
    }
}

/// How members of answers are written. Those of requests are read in any case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Casing {
    /// `webhookUrl`, with all members, as in the REST reference.
    Camel,
    /// As in the samples of "Partner Center webhooks": registrations in [`Pascal`](Self::Pascal), validation events in
    /// [`Camel`](Self::Camel).
    Guide,
    /// `WebhookUrl`, with the members of the guide's samples: no subscriber id in the answer to GET, and no
    /// `SignatureTokenToMsSignatureHeader` unless it is true.
    Pascal,
}

/// How a correlation id is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CorrelationIdShape {
    /// `{"correlationId":"…"}`, as in "Partner Center webhooks".
    Object,
    /// `"…"`, as in the REST reference.
    Text,
}

/// How `results` look before there are any.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NoResults {
    /// `[]`.
    Empty,
    /// `null`.
    Null,
}

/// How `responseCode` is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ResponseCode {
    /// `OK`, as documented.
    Name,
    /// `200`, as seen in a live service.
    Number,
}

/// What becomes of validation events.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Validation {
    /// They are delivered like any event, and their results are those of the attempts.
    Delivered,
    /// Nothing: they stay `Submitted`.
    Pending,
    /// After some time they have this status and these results, whatever the callback URL would have answered.
    Scripted {
        /// For how long they stay `Submitted`.
        delay: Delay,
        /// As in `completed`.
        status: String,
        /// One for each attempt.
        results: Vec<ValidationResult>,
    },
}

impl Validation {
    /// `completed` after `delay`, with one attempt that was answered `OK`.
    pub fn completed(delay: Delay) -> Self {
        Self::Scripted {
            delay,
            status: "completed".to_owned(),
            results: vec![ValidationResult::new("OK", "", false)],
        }
    }

    /// `failed` after `delay`, with ten attempts that were answered 500.
    pub fn failed(delay: Delay) -> Self {
        let attempt = ValidationResult::new("InternalServerError", "Internal Server Error", false);
        Self::Scripted {
            delay,
            status: "failed".to_owned(),
            results: vec![attempt; 10],
        }
    }
}

/// When a validation event has results.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Delay {
    /// After so many answers without.
    Polls(u32),
    /// After so long, by the fake's clock.
    Time(Duration),
}

/// One attempt to deliver a validation event.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ValidationResult {
    /// `OK` in the documentation, `200` in a live service.
    pub response_code: String,
    /// May be empty.
    pub response_message: String,
    /// Whether there was no response.
    pub system_error: bool,
}

impl ValidationResult {
    /// An attempt.
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

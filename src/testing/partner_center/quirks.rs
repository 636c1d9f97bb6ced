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
    /// How members of answers are written. Default: [`Casing::Camel`].
    pub casing: Casing,
    /// The status of a second `POST /registration`, for which no number is published. Default: 409.
    pub conflict_status: StatusCode,
    /// How a correlation id is answered. Default: [`CorrelationIdShape::Object`].
    pub correlation_id: CorrelationIdShape,
    /// What `GET /registration/events` lists and a registration may hold. Default: every documented name.
    pub supported_events: Vec<String>,
    /// How long an access token lives. Default: 3599 seconds, as Entra's.
    pub token_lifetime: Duration,
    /// What becomes of validation events. Default: [`Validation::Pending`].
    pub validation: Validation,
    /// How many validation events may be asked for in a minute. Default: 2, as documented.
    pub validation_events_per_minute: u32,
    /// How `results` of a validation event look before there are any. Default: [`NoResults::Null`].
    pub no_results: NoResults,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            app_only_refused: true,
            casing: Casing::Camel,
            conflict_status: StatusCode::CONFLICT,
            correlation_id: CorrelationIdShape::Object,
            supported_events: EventName::ALL
                .iter()
                .map(|name| name.as_str().to_owned())
                .collect(),
            token_lifetime: Duration::from_secs(3599),
            validation: Validation::Pending,
            validation_events_per_minute: 2,
            no_results: NoResults::Null,
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

/// What becomes of validation events.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Validation {
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

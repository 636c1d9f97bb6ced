//! Where the service contradicts its documentation, or the documentation itself.

use std::time::Duration;

use http::StatusCode;

use crate::event::EventName;

/// The behaviour of the fake where the service is undocumented, documented inconsistently, or slow.
///
/// Change it with [`PartnerCenter::configure`](super::PartnerCenter::configure).
///
/// # Example: a validation event that fails on the third poll
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use partner_center_webhooks::testing::PartnerCenter;
/// use partner_center_webhooks::testing::partner_center::{Casing, Validation};
///
/// let fake = PartnerCenter::start().await?;
/// fake.configure(|quirks| {
///     assert_eq!(quirks.delivery_attempts, 10); // as documented
///     quirks.casing = Casing::Pascal;
///     quirks.validation = Validation::failed(2);
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// The number of attempts before a delivery goes to the offline queue. Default: 10, as documented.
    pub delivery_attempts: u32,
    /// Whether `results` of a validation event is `[]` before the first attempt. Default: false, it is `null`.
    pub empty_results: bool,
    /// The pause after the first failed attempt; it doubles after each further one. The real pauses are not documented.
    /// Default: one second, so that ten attempts take eight and a half minutes.
    pub first_pause: Duration,
    /// Whether `responseCode` in results of a validation event is `200`, as observed in the live service. Default: false, it is
    /// `OK`, as documented.
    pub numeric_response_code: bool,
    /// Whether each attempt is signed anew, so that attempts after a rotation use the new certificate. Default: false, a
    /// callback is signed once.
    pub signs_each_attempt: bool,
    /// The events that `GET /registration/events` lists and a registration may contain. Default: [`EventName::ALL`](crate::EventName::ALL).
    pub supported_events: Vec<String>,
    /// Whether a correlation id is returned as bare text, `"…"`, as in the REST reference. Default: false, it is returned as
    /// `{"correlationId":"…"}`, as in "Partner Center webhooks".
    pub text_correlation_id: bool,
    /// The lifetime of access tokens. Default: 3599 seconds, as with Entra.
    pub token_lifetime: Duration,
    /// The outcome of validation events. Default: [`Validation::Delivered`].
    pub validation: Validation,
    /// The maximum number of validation events per minute. Default: 2, as documented.
    pub validation_events_per_minute: u32,
}

impl Quirks {
    /// The pause after this many failed attempts.
    pub(super) fn pause_after(&self, attempts: u32) -> Duration {
        let doublings = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first_pause.saturating_mul(doublings)
    }
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            app_only_refused: true,
            bare_ms_signature: false,
            callback_timeout: Duration::from_secs(30),
            casing: Casing::Camel,
            conflict_status: StatusCode::CONFLICT,
            delivery_attempts: 10,
            empty_results: false,
            first_pause: Duration::from_secs(1),
            numeric_response_code: false,
            signs_each_attempt: false,
            supported_events: EventName::ALL.iter().map(|name| name.as_str().to_owned()).collect(),
            text_correlation_id: false,
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

/// The outcome of validation events.
///
/// # Example: one failed attempt, shown half a minute after the event was requested
///
/// ```
/// use std::time::Duration;
///
/// use partner_center_webhooks::testing::partner_center::{Validation, ValidationResult};
///
/// let validation = Validation::Scripted {
///     delay: Duration::from_secs(30),
///     polls: 0,
///     status: "failed".to_owned(),
///     results: vec![ValidationResult::new("Unauthorized", "Unauthorized", false)],
/// };
/// assert!(matches!(validation, Validation::Scripted { polls: 0, .. }));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Validation {
    /// They are delivered like any event, with the results of the attempts.
    Delivered,
    /// They stay `Submitted`.
    Pending,
    /// They are not delivered, and get this status and these results after a delay and a number of polls.
    Scripted {
        /// How long they stay `Submitted`, by the fake's clock.
        delay: Duration,
        /// How many polls they stay `Submitted` for. Both conditions must hold for the results to appear.
        polls: u32,
        /// For example `completed`.
        status: String,
        /// One result for each attempt.
        results: Vec<ValidationResult>,
    },
}

impl Validation {
    /// `completed` after this number of polls, with one attempt whose response was `OK`.
    pub fn completed(polls: u32) -> Self {
        Self::scripted(polls, "completed", vec![ValidationResult::new("OK", "", false)])
    }

    /// `failed` after this number of polls, with ten attempts whose response was 500.
    pub fn failed(polls: u32) -> Self {
        let attempt = ValidationResult::new("InternalServerError", "Internal Server Error", false);
        Self::scripted(polls, "failed", vec![attempt; 10])
    }

    fn scripted(polls: u32, status: &str, results: Vec<ValidationResult>) -> Self {
        Self::Scripted { delay: Duration::ZERO, polls, status: status.to_owned(), results }
    }
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

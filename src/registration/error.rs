//! Errors of the registration client.

use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

use super::plan::Plan;
use super::test_event::{TestEvent, TestResult};
use crate::api::ApiError;
use crate::event::Id;
use crate::mask::Excerpt;

/// Why an operation on the registration failed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// The service refused the call, or could not be reached.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The registration cannot be written as JSON.
    #[error("the registration cannot be written as JSON: {reason}")]
    Body {
        /// The error of the JSON writer.
        reason: Box<str>,
    },
    /// The text is not a callback URL.
    #[error(
        "`{found}` is not a callback URL (expected `https://`, a host, and no user or fragment)"
    )]
    MalformedUrl {
        /// The URL.
        found: Excerpt,
    },
    /// The callback URL is plain http, where eavesdroppers can read the events.
    #[error(
        "`{found}` is not a callback URL that can be registered (expected https; for tests, see `Registration::danger_plain_http`)"
    )]
    NotHttps {
        /// The URL.
        found: Excerpt,
    },
    /// The service accepted a registration, and returned a different one.
    #[error("the service applied only a part of the registration; still to do: {difference}")]
    PartiallyApplied {
        /// The changes still to do.
        difference: Box<Plan>,
    },
    /// This client requested two test events within the last minute.
    #[error(
        "two test events were requested within the last minute, which is the limit; try again in {} s",
        retry_after.as_secs().saturating_add(1)
    )]
    TestEventLimit {
        /// The wait until the next one is allowed.
        retry_after: Duration,
    },
    /// The test event did not finish in time.
    #[error(
        "test event {correlation_id} did not finish within {timeout:?}: {}",
        last.as_ref().map_or_else(|| "the service does not know it".to_owned(), |last| state(last))
    )]
    TestEventNotFinished {
        /// The id of the test event.
        correlation_id: Id,
        /// How long the client waited.
        timeout: Duration,
        /// Its last known state.
        last: Option<Box<TestEvent>>,
    },
}

/// The status of a test event, and the message of its last attempt.
fn state(event: &TestEvent) -> String {
    let results = event.results();
    let message = results.last().and_then(TestResult::response_message);
    let message = message.filter(|message| !message.is_empty());
    let message = message
        .map_or_else(String::new, |it| format!("; the last one says: {}", Excerpt::of_url(it)));
    format!("its status is `{}` (attempts: {}{message})", event.status(), results.len())
}

impl RegistrationError {
    /// The call that failed, if one did.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// Whether a registration exists already, so that it cannot be created.
    ///
    /// Microsoft does not document the refusal: 409 counts, and so does 400 with the word "already" in its description.
    pub fn is_conflict(&self) -> bool {
        let Some(error) = self.api() else {
            return false;
        };
        let says_so = |words: &Excerpt| words.to_string().to_ascii_lowercase().contains("already");
        match error.status() {
            Some(StatusCode::CONFLICT) => true,
            Some(StatusCode::BAD_REQUEST) => error.description().is_some_and(says_so),
            _ => false,
        }
    }

    /// Whether a retry may succeed without any change.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Api(error) => error.is_transient(),
            Self::TestEventLimit { .. } | Self::TestEventNotFinished { .. } => true,
            Self::Body { .. }
            | Self::MalformedUrl { .. }
            | Self::NotHttps { .. }
            | Self::PartiallyApplied { .. } => false,
        }
    }

    /// Whether the service may have applied the call, at least in part.
    pub(super) fn may_have_succeeded(&self) -> bool {
        matches!(self, Self::PartiallyApplied { .. })
            || self.api().is_some_and(ApiError::may_have_succeeded)
    }
}

//! Why the registration is not as wanted.

use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

use super::{CallbackUrlError, Plan, TestEvent};
use crate::api::ApiError;
use crate::event::Id;
use crate::excerpt::Excerpt;

/// Why an operation on the registration failed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// The service refused, or could not be reached.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// What was to be sent could not be written as JSON.
    #[error("the registration cannot be written as JSON: {reason}")]
    Body {
        /// Why.
        reason: Box<str>,
    },
    /// The callback URL may not be registered.
    #[error(transparent)]
    CallbackUrl(#[from] CallbackUrlError),
    /// The service accepted a registration, and answered with another one.
    #[error("the service did not take over all of the registration; still to do: {difference}")]
    PartiallyApplied {
        /// What is still to do.
        difference: Box<Plan>,
    },
    /// Two test events were asked for within the last minute, by this client's own count.
    #[error(
        "two test events were sent within the last minute, which is the limit: try again in {} s",
        retry_after.as_secs().saturating_add(1)
    )]
    TestEventLimit {
        /// When to try again.
        retry_after: Duration,
    },
    /// The test event was not finished in time.
    #[error(
        "test event {correlation_id} was not finished within {timeout:?}: {}",
        last.as_ref().map_or_else(|| "the service does not know it".to_owned(), |last| format!(
            "its status is `{}` after {} attempts",
            last.status(),
            last.results().len()
        ))
    )]
    TestEventNotFinished {
        /// The test event.
        correlation_id: Id,
        /// How long was waited.
        timeout: Duration,
        /// What was last known of it.
        last: Option<Box<TestEvent>>,
    },
}

impl RegistrationError {
    /// The call that failed, if one did.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// Whether something is registered already, so that it cannot be created.
    ///
    /// Microsoft says that this is refused, not how: 409 counts, and 400 with the word "already" in its description.
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

    /// Whether trying again later may help, without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Api(error) => error.is_transient(),
            Self::TestEventLimit { .. } | Self::TestEventNotFinished { .. } => true,
            Self::Body { .. } | Self::CallbackUrl(_) | Self::PartiallyApplied { .. } => false,
        }
    }

    /// Whether what was asked for may have been done, in whole or in part.
    pub(super) fn may_have_been_done(&self) -> bool {
        matches!(self, Self::PartiallyApplied { .. })
            || self.api().is_some_and(ApiError::may_have_been_done)
    }
}

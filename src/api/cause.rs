//! Why a call failed.

use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

use super::refusal::RefusalDetail;
use crate::http_client::HttpClientError;
use crate::http_client::transience::is_transient;
use crate::mask::Excerpt;
use crate::token::TokenError;

/// Why a call failed.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::api::{ApiError, ApiErrorCause};
///
/// /// Whether an administrator must change the credentials or their roles.
/// fn is_about_credentials(error: &ApiError) -> bool {
///     match error.cause() {
///         ApiErrorCause::Token(error) => !error.is_transient(),
///         ApiErrorCause::Refused { status, .. } => *status == 401 || *status == 403,
///         _ => false,
///     }
/// }
/// # let _ = is_about_credentials;
/// ```
///
/// The texts of the service are escaped, cut, and without the secrets of the request.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ApiErrorCause {
    /// There was no response. Unless it is [`HttpClientError::Connect`], the request may have been processed.
    #[error("{0}")]
    Connection(HttpClientError),
    /// The deadline of all attempts passed. The last request may have been processed.
    #[error("no complete response within {deadline:?} over all attempts{}", previous(last))]
    Deadline {
        /// The deadline.
        deadline: Duration,
        /// Why the previous attempt failed, if there was one.
        last: Option<Box<Self>>,
    },
    /// The request was not sent, because it would exceed a limit of the service that the client observes.
    #[error("not sent, because the service's limit is reached")]
    Limit {
        /// The wait until the next request is allowed.
        retry_after: Duration,
    },
    /// The service refused the request.
    #[error("returned {}{}{}{}", phrase(*status), named(", code ", code), named(": ", description), listed(details))]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The service's code, such as `900150`.
        code: Option<Excerpt>,
        /// The service's message.
        description: Option<Excerpt>,
        /// The service's details: the first [`RefusalDetail::MAX`]. Only some services send them.
        details: Vec<RefusalDetail>,
        /// The wait that the service asked for, in a header or, with 429 and 503, in its message.
        retry_after: Option<Duration>,
        /// Whether the service itself responded, rather than a gateway or front end: the response has one of its codes in JSON,
        /// or no body and its ids.
        is_from_service: bool,
        /// Whether the service says that the resource does not exist.
        is_not_found: bool,
    },
    /// There was no token.
    #[error("{0}")]
    Token(TokenError),
    /// The response has a status of success and cannot be read.
    #[error("returned {} with an unreadable body: {problem}", phrase(*status))]
    Unreadable {
        /// The HTTP status.
        status: StatusCode,
        /// What is wrong with the body.
        problem: Excerpt,
        /// Whether the body is empty or truncated.
        is_partial: bool,
    },
}

impl ApiErrorCause {
    /// Whether a retry may help. `is_repeatable` says whether the call may be processed twice.
    ///
    /// A call that must not be processed twice is repeated only if the first one was certainly not processed.
    pub(super) fn is_retryable(&self, is_repeatable: bool) -> bool {
        let was_not_processed = match self {
            Self::Connection(error) => matches!(error, HttpClientError::Connect(_)),
            Self::Limit { .. } => true,
            Self::Refused { status, .. } => *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Token(error) => error.is_transient(),
            Self::Deadline { .. } | Self::Unreadable { .. } => false,
        };
        let is_transient = match self {
            Self::Connection(error) => {
                matches!(error, HttpClientError::Timeout { .. } | HttpClientError::Transport(_))
            }
            Self::Deadline { .. } => true,
            Self::Refused { status, code, is_from_service, .. } => {
                let code = code.as_ref().map(Excerpt::to_string).unwrap_or_default();
                let is_foreign_404 = *status == StatusCode::NOT_FOUND && !is_from_service;
                is_foreign_404 || is_transient(*status, &code)
            }
            Self::Limit { .. } | Self::Token(_) => false,
            Self::Unreadable { is_partial, .. } => *is_partial,
        };
        was_not_processed || is_repeatable && is_transient
    }

    /// Whether the service may have processed the request.
    ///
    /// In doubt it is true: a lost response says nothing about the request.
    pub(super) fn may_have_succeeded(&self) -> bool {
        match self {
            Self::Connection(HttpClientError::Connect(_) | HttpClientError::Setup(_))
            | Self::Limit { .. }
            | Self::Token(_) => false,
            Self::Connection(_) | Self::Deadline { .. } | Self::Unreadable { .. } => true,
            Self::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::REQUEST_TIMEOUT
            }
        }
    }
}

/// A status with its reason phrase.
fn phrase(status: StatusCode) -> String {
    let reason = status.canonical_reason();
    reason.map_or_else(|| status.as_u16().to_string(), |it| format!("{} {it}", status.as_u16()))
}

/// An optional part, with the text before it.
fn named(before: &str, part: &Option<Excerpt>) -> String {
    part.as_ref().map_or_else(String::new, |part| format!("{before}{part}"))
}

/// Details, each in brackets.
fn listed(details: &[RefusalDetail]) -> String {
    let detail = |RefusalDetail { code, message, .. }: &RefusalDetail| {
        let separator = if code.is_some() { ": " } else { "" };
        format!(" [{}{}]", named("", code), named(separator, message))
    };
    details.iter().map(detail).collect()
}

/// The failure of the previous attempt.
fn previous(last: &Option<Box<ApiErrorCause>>) -> String {
    last.as_ref().map_or_else(String::new, |last| format!("; the previous attempt: {last}"))
}

//! What a support case is opened with.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use thiserror::Error;
use uuid::Uuid;

use super::Ids;
use crate::Excerpt;
use crate::http_client::HttpClientError;
use crate::token::TokenError;

/// A call to one of Microsoft's APIs that failed.
///
/// Its text is complete; [`source`](std::error::Error::source) does not repeat it.
#[derive(Clone, Debug)]
pub struct ApiError(Box<Details>);

#[derive(Clone, Debug)]
struct Details {
    operation: &'static str,
    cause: ApiErrorCause,
    ids: Ids,
}

/// Why a call failed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ApiErrorCause {
    /// There was no answer. Unless it is [`HttpClientError::Connect`], the request may have been processed.
    #[error("{0}")]
    Connection(HttpClientError),
    /// The service refused.
    #[error("answered {}{}{}{}", Status(*status), Named(" code ", code), Named(": ", description), advice(*status, code))]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The service's code, such as `900150`.
        code: Option<Excerpt>,
        /// What the service says about it.
        description: Option<Excerpt>,
        /// When to try again, if that was said.
        retry_after: Option<Duration>,
    },
    /// There was no token.
    #[error("{0}")]
    Token(TokenError),
    /// The service answered that it succeeded, with something else than was to be expected.
    #[error("answered {} with what cannot be read: {problem}", Status(*status))]
    Unreadable {
        /// The HTTP status.
        status: StatusCode,
        /// What was wrong with it.
        problem: Excerpt,
    },
}

impl ApiError {
    pub(super) fn new(operation: &'static str, ids: &Ids, cause: ApiErrorCause) -> Self {
        Self(Box::new(Details {
            operation,
            cause,
            ids: ids.clone(),
        }))
    }

    /// What was asked for, in the words of the documentation.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// Why it failed.
    pub fn cause(&self) -> &ApiErrorCause {
        &self.0.cause
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<StatusCode> {
        match self.cause() {
            ApiErrorCause::Refused { status, .. } | ApiErrorCause::Unreadable { status, .. } => {
                Some(*status)
            }
            ApiErrorCause::Connection(_) | ApiErrorCause::Token(_) => None,
        }
    }

    /// The service's code, if it gave one.
    pub fn code(&self) -> Option<&Excerpt> {
        match self.cause() {
            ApiErrorCause::Refused { code, .. } => code.as_ref(),
            _ => None,
        }
    }

    /// What the service says about it, if anything.
    pub fn description(&self) -> Option<&Excerpt> {
        match self.cause() {
            ApiErrorCause::Refused { description, .. } => description.as_ref(),
            _ => None,
        }
    }

    /// The `MS-RequestId` that was sent, with each attempt.
    pub fn request_id(&self) -> Uuid {
        self.0.ids.request
    }

    /// The `MS-RequestId` of the answer, which is not always the one that was sent.
    pub fn request_id_received(&self) -> Option<&Excerpt> {
        self.0.ids.request_received.as_ref()
    }

    /// The `MS-CorrelationId` that was sent with the last attempt.
    pub fn correlation_id(&self) -> Uuid {
        self.0.ids.sent
    }

    /// The `MS-CorrelationId` of the answer, which is not always the one that was sent.
    pub fn correlation_id_received(&self) -> Option<&Excerpt> {
        self.0.ids.received.as_ref()
    }

    /// When to try again, if that was said.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.cause() {
            ApiErrorCause::Refused { retry_after, .. } => *retry_after,
            ApiErrorCause::Token(error) => error.retry_after(),
            ApiErrorCause::Connection(_) | ApiErrorCause::Unreadable { .. } => None,
        }
    }

    /// How often it was tried.
    pub fn attempts(&self) -> u32 {
        self.0.ids.attempts
    }

    /// Whether trying again later may help, without anybody changing anything.
    pub fn may_pass(&self) -> bool {
        self.may_repeat(true)
    }

    /// Whether it is unknown if the service did what was asked for.
    pub fn may_have_been_done(&self) -> bool {
        match self.cause() {
            ApiErrorCause::Connection(HttpClientError::Connect(_) | HttpClientError::Setup(_))
            | ApiErrorCause::Token(_) => false,
            ApiErrorCause::Connection(_) | ApiErrorCause::Unreadable { .. } => true,
            ApiErrorCause::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::REQUEST_TIMEOUT
            }
        }
    }

    /// Whether to repeat a call that is, or is not, idempotent.
    pub(super) fn may_repeat(&self, is_idempotent: bool) -> bool {
        let was_not_processed = match self.cause() {
            ApiErrorCause::Connection(error) => matches!(error, HttpClientError::Connect(_)),
            ApiErrorCause::Refused { status, .. } => *status == StatusCode::TOO_MANY_REQUESTS,
            ApiErrorCause::Token(error) => error.may_pass(),
            ApiErrorCause::Unreadable { .. } => false,
        };
        let may_pass = match self.cause() {
            ApiErrorCause::Connection(error) => matches!(
                error,
                HttpClientError::Timeout { .. } | HttpClientError::Transport(_)
            ),
            ApiErrorCause::Refused { status, .. } => {
                *status == StatusCode::REQUEST_TIMEOUT
                    || status.is_server_error() && !NEVER_PASSING.contains(status)
            }
            ApiErrorCause::Token(_) => false,
            ApiErrorCause::Unreadable { .. } => true,
        };
        was_not_processed || is_idempotent && may_pass
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = &self.0.ids;
        write!(
            f,
            "{}: {} (request id {}, correlation id {} sent and {} received, {} attempt{})",
            self.operation(),
            self.cause(),
            ids.request,
            ids.sent,
            self.correlation_id_received()
                .map_or_else(|| "none".to_owned(), Excerpt::to_string),
            ids.attempts,
            if ids.attempts == 1 { "" } else { "s" },
        )?;
        match self.retry_after() {
            Some(wait) => write!(f, "; try again in {} s", wait.as_secs()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ApiError {}

/// What an operator can do about a refusal, where its own words do not say it.
///
/// Source: "Partner Center REST error codes"; the codes are not particular to one API.
fn advice(status: StatusCode, code: &Option<Excerpt>) -> &'static str {
    let code = code.as_ref().map(Excerpt::to_string).unwrap_or_default();
    match (status.as_u16(), code.as_str()) {
        (300..=399, _) => " (redirects are not followed, for the token would go along)",
        (401, "900420") => " (the token is for another audience than this API)",
        (401, _) => {
            " (the token was refused: is it of a tenant that is enrolled in Partner Center?)"
        }
        (403, "900329") => " (this call needs a user's token, not an application's own)",
        (403, "2032" | "900150" | "900308") => {
            " (the user or the application lacks a role in Partner Center, such as Admin agent)"
        }
        (403, "900309") => " (a conditional access policy of the tenant forbids it)",
        _ => "",
    }
}

/// A status and its reason.
struct Status(StatusCode);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_u16())?;
        match self.0.canonical_reason() {
            Some(reason) => write!(f, " {reason}"),
            None => Ok(()),
        }
    }
}

/// A part that may be missing.
struct Named<'a>(&'static str, &'a Option<Excerpt>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(part) => write!(f, "{}{part}", self.0),
            None => Ok(()),
        }
    }
}

/// What a server will not do tomorrow either.
const NEVER_PASSING: [StatusCode; 2] = [
    StatusCode::NOT_IMPLEMENTED,
    StatusCode::HTTP_VERSION_NOT_SUPPORTED,
];

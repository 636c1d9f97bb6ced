//! What a support case is opened with.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use thiserror::Error;
use uuid::Uuid;

use super::progress::Ids;
use super::{Cause, Dialect, RefusalDetail};
use crate::excerpt::Excerpt;
use crate::http_client::HttpClientError;
use crate::http_client::transience::is_transient;
use crate::token::TokenError;

/// A call to one of Microsoft's APIs that failed.
///
/// Its text is complete; [`source`](std::error::Error::source) does not repeat it, and `Debug` is no other.
#[derive(Clone)]
pub struct ApiError(Box<Details>);

#[derive(Clone)]
struct Details {
    operation: &'static str,
    dialect: &'static Dialect,
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
    /// Time was up, for all attempts together. The last request may have been processed.
    #[error("no complete response within {deadline:?} in all{}", Last(last))]
    Deadline {
        /// The time.
        deadline: Duration,
        /// Why the attempt before the last one failed, if there was one.
        last: Option<Box<Self>>,
    },
    /// The request was not sent: it would exceed a limit that the service sets and the client keeps.
    #[error("not sent, for the service's limit is reached")]
    Limit {
        /// When the next one may be sent.
        retry_after: Duration,
    },
    /// The service refused.
    #[error("answered {}{}{}{}", Status(*status), Named(" code ", code), Named(": ", description), Listed(details))]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The service's code, such as `900150`.
        code: Option<Excerpt>,
        /// What the service says about it.
        description: Option<Excerpt>,
        /// What it says in particular: the first [`RefusalDetail::MAX`] of a list that only some services give.
        details: Vec<RefusalDetail>,
        /// When to try again, if that was said: in a header or, with 429 and 503, in words.
        retry_after: Option<Duration>,
        /// Whether the service itself said so, and not a gateway or a front end in its place: it gave one of its codes in
        /// JSON, or an empty body with its own ids.
        is_from_service: bool,
        /// Whether it says that what was asked for does not exist.
        is_absence: bool,
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
        /// Whether it is empty, or the beginning of an answer of which the rest was lost.
        is_partial: bool,
    },
}

impl ApiError {
    pub(super) fn new(
        operation: &'static str,
        dialect: &'static Dialect,
        ids: &Ids,
        cause: ApiErrorCause,
    ) -> Self {
        Self(Box::new(Details {
            operation,
            dialect,
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
            ApiErrorCause::Connection(_)
            | ApiErrorCause::Deadline { .. }
            | ApiErrorCause::Limit { .. }
            | ApiErrorCause::Token(_) => None,
        }
    }

    /// Whether the service itself says that what was asked for does not exist. A 404 of a gateway or a front end does not.
    pub fn is_absence(&self) -> bool {
        matches!(
            self.cause(),
            ApiErrorCause::Refused {
                is_absence: true,
                ..
            }
        )
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

    /// What the service says in particular, if anything.
    pub fn details(&self) -> &[RefusalDetail] {
        match self.cause() {
            ApiErrorCause::Refused { details, .. } => details,
            _ => &[],
        }
    }

    /// The request id that was sent, with each attempt: `MS-RequestId` to Partner Center, `x-ms-client-request-id` to
    /// Azure.
    pub fn request_id(&self) -> Uuid {
        self.0.ids.request
    }

    /// The request id of the answer (`MS-RequestId`, `x-ms-request-id`), which is not always the one that was sent.
    pub fn request_id_received(&self) -> Option<&Excerpt> {
        self.0.ids.request_received.as_ref()
    }

    /// The `MS-CorrelationId` that was sent with the last attempt, to services that have it.
    pub fn correlation_id(&self) -> Option<Uuid> {
        self.0.ids.sent
    }

    /// The `MS-CorrelationId` of the answer, which is not always the one that was sent.
    pub fn correlation_id_received(&self) -> Option<&Excerpt> {
        self.0.ids.received.as_ref()
    }

    /// When to try again, if that was said.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.cause() {
            ApiErrorCause::Limit { retry_after } => Some(*retry_after),
            ApiErrorCause::Refused { retry_after, .. } => *retry_after,
            ApiErrorCause::Token(error) => error.retry_after(),
            ApiErrorCause::Connection(_)
            | ApiErrorCause::Deadline { .. }
            | ApiErrorCause::Unreadable { .. } => None,
        }
    }

    /// How often it was tried.
    pub fn attempts(&self) -> u32 {
        self.0.ids.attempts
    }

    /// Whether trying again later may help, without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        self.may_repeat(true)
    }

    /// Whether it is unknown if the service did what was asked for, at whichever attempt.
    pub fn may_have_been_done(&self) -> bool {
        if self.0.ids.may_have_been_done {
            return true;
        }
        match self.cause() {
            ApiErrorCause::Connection(HttpClientError::Connect(_) | HttpClientError::Setup(_))
            | ApiErrorCause::Limit { .. }
            | ApiErrorCause::Token(_) => false,
            ApiErrorCause::Connection(_)
            | ApiErrorCause::Deadline { .. }
            | ApiErrorCause::Unreadable { .. } => true,
            ApiErrorCause::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::REQUEST_TIMEOUT
            }
        }
    }

    /// What an operator can do about it, where its own words do not say so. The cause that the service names comes before
    /// what its status tells.
    fn advice(&self) -> &'static str {
        match self.cause() {
            ApiErrorCause::Refused {
                status,
                is_from_service: false,
                ..
            } if *status == StatusCode::NOT_FOUND => NOT_FROM_SERVICE,
            ApiErrorCause::Refused { status, .. } => match self.named_cause() {
                Some(cause) => cause.advice,
                // A cause is named, and the service's words tell more than its status.
                None if self.code().is_some() && !self.0.dialect.causes.is_empty() => "",
                None => (self.0.dialect.general_advice)(*status),
            },
            _ => "",
        }
    }

    fn named_cause(&self) -> Option<&'static Cause> {
        let code = self.code()?.to_string();
        self.0.dialect.cause(&code)
    }

    /// Whether the token was refused for a reason that another one from the same credentials need not share.
    pub(super) fn another_token_may_help(&self) -> bool {
        let is_shared = self
            .named_cause()
            .is_some_and(|cause| !cause.another_token_helps);
        self.status() == Some(StatusCode::UNAUTHORIZED) && !is_shared
    }

    /// Whether to repeat a call that may, or may not, be done twice.
    pub(super) fn may_repeat(&self, is_repeatable: bool) -> bool {
        let was_not_processed = match self.cause() {
            ApiErrorCause::Connection(error) => matches!(error, HttpClientError::Connect(_)),
            ApiErrorCause::Limit { .. } => true,
            ApiErrorCause::Refused { status, .. } => *status == StatusCode::TOO_MANY_REQUESTS,
            ApiErrorCause::Token(error) => error.is_transient(),
            ApiErrorCause::Deadline { .. } | ApiErrorCause::Unreadable { .. } => false,
        };
        let is_transient = match self.cause() {
            ApiErrorCause::Connection(error) => matches!(
                error,
                HttpClientError::Timeout { .. } | HttpClientError::Transport(_)
            ),
            ApiErrorCause::Deadline { .. } => true,
            ApiErrorCause::Refused {
                status,
                code,
                is_from_service,
                ..
            } => {
                let code = code.as_ref().map(Excerpt::to_string).unwrap_or_default();
                let is_doubtful = *status == StatusCode::NOT_FOUND && !is_from_service;
                is_doubtful || is_transient(*status, &code)
            }
            ApiErrorCause::Limit { .. } | ApiErrorCause::Token(_) => false,
            ApiErrorCause::Unreadable { is_partial, .. } => *is_partial,
        };
        was_not_processed || is_repeatable && is_transient
    }
}

impl ApiErrorCause {
    pub(super) fn deadline(deadline: Duration, last: Option<ApiError>) -> Self {
        Self::Deadline {
            deadline,
            last: last.map(|last| Box::new(last.0.cause)),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = &self.0.ids;
        let received =
            |id: Option<&Excerpt>| id.map_or_else(|| "none".to_owned(), Excerpt::to_string);
        write!(
            f,
            "{}: {}{} (request id {}",
            self.operation(),
            self.cause(),
            Advice(self.advice()),
            ids.request
        )?;
        match ids.sent {
            Some(sent) => {
                let received = received(self.correlation_id_received());
                write!(f, ", correlation id {sent} sent and {received} received")?;
            }
            None => {
                let received = received(self.request_id_received());
                write!(f, " sent and {received} received")?;
            }
        }
        let plural = if ids.attempts == 1 { "" } else { "s" };
        write!(f, ", {} attempt{plural})", ids.attempts)?;
        match self.retry_after() {
            Some(wait) => write!(f, "; try again in {} s", wait.as_secs()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ApiError {}

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

/// Details, each in brackets.
struct Listed<'a>(&'a [RefusalDetail]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|RefusalDetail { code, message, .. }| {
                let separator = if code.is_some() { ": " } else { "" };
                write!(f, " [{}{}]", Named("", code), Named(separator, message))
            })
    }
}

/// The failure of an attempt before.
struct Last<'a>(&'a Option<Box<ApiErrorCause>>);

impl fmt::Display for Last<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(last) => write!(f, "; the attempt before: {last}"),
            None => Ok(()),
        }
    }
}

/// Advice in brackets, if there is any.
struct Advice(&'static str);

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            advice => write!(f, " ({advice})"),
        }
    }
}

const NOT_FROM_SERVICE: &str = "this is not the service's own 404, which is JSON with a code: a proxy here, a gateway or the \
    service's front end answered in its place; try again, and check proxy and cloud if it stays";

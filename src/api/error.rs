//! The error of a failed call, with all that a support case needs.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use uuid::Uuid;

use super::cause::ApiErrorCause;
use super::ids::CallIds;
use super::refusal::RefusalDetail;
use super::service::{KnownCause, Service};
use crate::mask::Excerpt;

/// A failed call to one of Microsoft's APIs.
///
/// `Display` is complete: [`source`](std::error::Error::source) does not repeat it, and `Debug` shows the same text. It
/// includes the operation, the status, the service's code and message, advice for an operator, and the ids for a support case.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
/// use partner_center_webhooks::http_client::ReqwestClient;
/// use partner_center_webhooks::registration::RegistrationClient;
/// use partner_center_webhooks::testing::PartnerCenter;
/// use partner_center_webhooks::testing::partner_center::{ErrorBody, Fault};
/// use partner_center_webhooks::token::{AccessToken};
///
/// let partner_center = PartnerCenter::start().await?;
/// let token = AccessToken::new("token")?;
/// let client = RegistrationClient::new(&partner_center.cloud(), ReqwestClient::new()?, token)?;
///
/// let body = ErrorBody::Standard { code: "900150".into(), description: "The role lacks rights.".into() };
/// partner_center.inject(Fault::status(403, &body));
/// let error = client.get().await.unwrap_err();
/// assert_eq!(error.status().unwrap(), 403);
/// assert_eq!(error.code().unwrap().to_string(), "900150");
/// assert!(!error.is_transient());
/// assert!(error.to_string().contains("lacks a role in Partner Center, such as Admin agent: assign it there"));
/// # Ok(()) }) }
/// ```
///
/// Log it unchanged. For decisions, use [`is_transient`](Self::is_transient), [`is_not_found`](Self::is_not_found),
/// [`may_have_succeeded`](Self::may_have_succeeded), and the [`cause`](Self::cause).
#[derive(Clone)]
pub struct ApiError(Box<Details>);

/// In a box, because a `Result` with it should be small.
#[derive(Clone)]
struct Details {
    operation: &'static str,
    /// Knows the causes and the advice.
    service: &'static Service,
    cause: ApiErrorCause,
    ids: CallIds,
}

impl ApiError {
    pub(super) fn new(
        operation: &'static str,
        service: &'static Service,
        ids: &CallIds,
        cause: ApiErrorCause,
    ) -> Self {
        Self(Box::new(Details { operation, service, cause, ids: ids.clone() }))
    }

    /// The operation, as the documentation names it.
    ///
    /// Such as `get registration`.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// Why it failed.
    pub fn cause(&self) -> &ApiErrorCause {
        &self.0.cause
    }

    /// Why it failed, by value.
    pub(super) fn into_cause(self) -> ApiErrorCause {
        self.0.cause
    }

    /// The HTTP status, if there was a response.
    pub fn status(&self) -> Option<StatusCode> {
        match self.cause() {
            ApiErrorCause::Refused { status, .. } | ApiErrorCause::Unreadable { status, .. } => {
                Some(*status)
            }
            _ => None,
        }
    }

    /// Whether the service itself says that the resource does not exist. A 404 from a gateway or front end does not count.
    pub fn is_not_found(&self) -> bool {
        matches!(self.cause(), ApiErrorCause::Refused { is_not_found: true, .. })
    }

    /// The service's code, if any.
    ///
    /// Such as `900150` of Partner Center or `AuthorizationFailed` of Azure; case and form are the service's.
    pub fn code(&self) -> Option<&Excerpt> {
        match self.cause() {
            ApiErrorCause::Refused { code, .. } => code.as_ref(),
            _ => None,
        }
    }

    /// The service's message, if any.
    ///
    /// Escaped, without secrets, and at most 1024 bytes long.
    pub fn description(&self) -> Option<&Excerpt> {
        match self.cause() {
            ApiErrorCause::Refused { description, .. } => description.as_ref(),
            _ => None,
        }
    }

    /// The service's details, if any.
    pub fn details(&self) -> &[RefusalDetail] {
        match self.cause() {
            ApiErrorCause::Refused { details, .. } => details,
            _ => &[],
        }
    }

    /// The request id that each attempt sent: `MS-RequestId` to Partner Center, `x-ms-client-request-id` to Azure.
    pub fn request_id(&self) -> Uuid {
        self.0.ids.request
    }

    /// The request id in the response (`MS-RequestId`, `x-ms-request-id`). It can differ from the one that was sent.
    pub fn request_id_received(&self) -> Option<&Excerpt> {
        self.0.ids.request_received.as_ref()
    }

    /// The `MS-CorrelationId` that the last attempt sent, if the service has it.
    pub fn correlation_id(&self) -> Option<Uuid> {
        self.0.ids.correlation
    }

    /// The `MS-CorrelationId` in the response. It can differ from the one that was sent.
    pub fn correlation_id_received(&self) -> Option<&Excerpt> {
        self.0.ids.correlation_received.as_ref()
    }

    /// The wait that the service asked for, if any.
    ///
    /// Already respected between the attempts of the call, unless it exceeds the deadline.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.cause() {
            ApiErrorCause::Limit { retry_after } => Some(*retry_after),
            ApiErrorCause::Refused { retry_after, .. } => *retry_after,
            ApiErrorCause::Token(error) => error.retry_after(),
            _ => None,
        }
    }

    /// The number of attempts.
    ///
    /// One attempt has one response, or none. Tokens that were requested do not count.
    pub fn attempts(&self) -> u32 {
        self.0.ids.attempts
    }

    /// Whether a later retry may succeed without any change.
    ///
    /// It is true after the retries of the call are used up, so retry after a longer wait: [`retry_after`](Self::retry_after), or
    /// minutes.
    pub fn is_transient(&self) -> bool {
        self.is_retryable(true)
    }

    /// Whether the service may have processed the call, at any attempt.
    ///
    /// It is false only if each attempt certainly failed before that: there was no connection or no token, or the service refused
    /// the request. If it is true, read the resource before you repeat a call that is not idempotent.
    pub fn may_have_succeeded(&self) -> bool {
        self.0.ids.may_have_succeeded || self.cause().may_have_succeeded()
    }

    /// What an operator can do, where the service's message does not say it. A known cause comes before the status.
    fn advice(&self) -> &'static str {
        match self.cause() {
            ApiErrorCause::Refused { status, is_from_service: false, .. }
                if *status == StatusCode::NOT_FOUND =>
            {
                FOREIGN_404
            }
            ApiErrorCause::Refused { status, .. } => match self.known_cause() {
                Some(cause) => cause.advice,
                // An unknown code: the service's message says more than its status.
                None if self.code().is_some() && !self.0.service.causes.is_empty() => "",
                None => (self.0.service.general_advice)(*status),
            },
            _ => "",
        }
    }

    /// The cause that the service names by its code.
    fn known_cause(&self) -> Option<&'static KnownCause> {
        let code = self.code()?.to_string();
        self.0.service.cause(&code)
    }

    /// Whether the token was refused for a reason that another token from the same credentials may not share.
    pub(super) fn another_token_may_help(&self) -> bool {
        let is_shared = self.known_cause().is_some_and(|cause| !cause.another_token_helps);
        self.status() == Some(StatusCode::UNAUTHORIZED) && !is_shared
    }

    /// Whether a retry may help. `is_repeatable` says whether the call may be processed twice.
    pub(super) fn is_retryable(&self, is_repeatable: bool) -> bool {
        self.cause().is_retryable(is_repeatable)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = &self.0.ids;
        let received =
            |id: Option<&Excerpt>| id.map_or_else(|| "none".to_owned(), Excerpt::to_string);
        write!(f, "{}: {}", self.operation(), self.cause())?;
        match self.advice() {
            "" => {}
            advice => write!(f, " ({advice})")?,
        }
        write!(f, " (request id {}", ids.request)?;
        match ids.correlation {
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

const FOREIGN_404: &str = "this is not the service's own 404, which is JSON with a code: a proxy, a gateway or the service's \
    front end responded instead; try again, and if it persists, check the proxy and the cloud";

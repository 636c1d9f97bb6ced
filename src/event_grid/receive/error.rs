//! Why a request is refused, and the one place that decides the HTTP response.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use thiserror::Error;

use super::token::{COOL_DOWN, TokenRefusal};
use crate::body::BodyError;
use crate::mask::Excerpt;

/// Why a request was refused, or could not be checked.
///
/// Send [`response`](Self::response), or [`status`](Self::status) with [`retry_after`](Self::retry_after). The message is
/// for logs.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use partner_center_webhooks::event_grid::receive::WebhookReceiver;
///
/// let receiver = WebhookReceiver::builder().query_secret("code", "kGZ4vN0mS2rQ8xTb")?.build()?;
/// let headers = [("content-type", "application/json")];
/// let receive = async |query: Option<&'static str>, body: &'static [u8]| {
///     receiver.receive("POST", query, headers, body).await.unwrap_err()
/// };
///
/// let refused = receive(None, b"{}").await;
/// assert_eq!(refused.to_string(), "query parameter `code` is missing (expected the shared secret)");
/// assert_eq!((refused.status().as_u16(), refused.retry_after()), (401, None)); // final
///
/// let cut_short = receive(Some("code=kGZ4vN0mS2rQ8xTb"), br#"[{"id":"#).await;
/// assert_eq!(cut_short.response().headers()["retry-after"], "10"); // delivered again
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The body is too long, empty or could not be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A confirmation URL is not Event Grid's. No request is refused for it: see
    /// [`Handshake::callback`](super::Handshake::callback).
    #[error(
        "`{found}` is not a URL of Event Grid (expected https, a host under `{domain}`, and port 443 or 553)"
    )]
    ConfirmationUrl {
        /// The text, without its query.
        found: Excerpt,
        /// The expected domain.
        domain: Excerpt,
    },
    /// A handshake is not as Event Grid sends it.
    #[error("the handshake is malformed: {problem}")]
    Handshake {
        /// What is wrong.
        problem: &'static str,
    },
    /// The content type is not JSON.
    #[error(
        "the content type is `{found}` (expected `application/json` or one that ends in `+json`)"
    )]
    MediaType {
        /// The header `content-type`.
        found: Excerpt,
    },
    /// The request is neither a delivery nor a handshake.
    #[error("the method is `{found}` (expected `POST` or `OPTIONS`)")]
    Method {
        /// The method.
        found: Excerpt,
    },
    /// The body does not contain events.
    #[error("the body is not a JSON object or an array of JSON objects: {problem}")]
    NotEvents {
        /// What is wrong. It does not quote the body.
        problem: Excerpt,
    },
    /// The origin of a handshake is not allowed, or missing.
    #[error("the handshake's origin is `{found}` (expected {expected})")]
    Origin {
        /// The header `WebHook-Request-Origin`; empty if it is missing.
        found: Excerpt,
        /// The allowed origins.
        expected: Excerpt,
    },
    /// The shared secret is present more than once. No variant shows a value, because it may resemble the secret.
    #[error("{place} is present more than once")]
    SecretDuplicate {
        /// The header or query parameter.
        place: Box<str>,
    },
    /// The value is not the shared secret.
    #[error("{place} does not match the shared secret")]
    SecretMismatch {
        /// The header or query parameter.
        place: Box<str>,
    },
    /// The shared secret is missing.
    #[error("{place} is missing (expected the shared secret)")]
    SecretMissing {
        /// The header or query parameter.
        place: Box<str>,
    },
    /// The token is wrong, or could not be checked.
    #[error(transparent)]
    Token(#[from] TokenRefusal),
    /// The body has more events than Event Grid delivers at once.
    #[error("the body has {found} events (expected at most {EVENTS_LIMIT})")]
    TooManyEvents {
        /// The number of events.
        found: usize,
    },
    /// The body ends in the middle of its JSON.
    #[error(
        "the body ends in the middle of its JSON, at line {line}, column {column}: it was truncated in transit; Event Grid \
         will deliver it again; if that persists, check the proxies and middleware in between"
    )]
    Truncated {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// A validation is for a topic or an event subscription that is not among the configured ones.
    #[error(
        "the validation is for {what} `{found}` (expected {expected}); if it is yours, add it with `expect_{what}`, and create \
         the event subscription again: Event Grid does not retry a validation"
    )]
    Unexpected {
        /// `topic` or `subscription`.
        what: &'static str,
        /// Its name.
        found: Excerpt,
        /// The configured names.
        expected: Excerpt,
    },
}

impl ReceiveError {
    /// The status of the response.
    ///
    /// Event Grid does not retry after 400, 401, 403 and 413: the event is dead-lettered or lost. So these are for requests
    /// that neither a retry nor a repair on the receiver's side can turn into a success. All others are retried for up to a
    /// day.
    ///
    /// | request | status |
    /// |---|---|
    /// | the body is too long | 413 |
    /// | the body is empty, ends in the middle of its JSON, or is not JSON and shorter than its `content-length`: the next delivery may be complete | 503 |
    /// | the body has more than 5000 events, which Event Grid may allow one day | 503 |
    /// | the body is not JSON, or a value other than an object or an array of objects; a malformed handshake | 400 |
    /// | the content type is not JSON | 415 |
    /// | another method; an origin that is not Event Grid's | 405 |
    /// | the validation of an unexpected topic or subscription | 403 |
    /// | a shared secret is missing or wrong | 401 |
    /// | the token is missing, forged, or for another audience | 401 |
    /// | the token is genuine, but was issued to another application | 403 |
    /// | the token is Event Grid's but lacks the app role, which an administrator can assign meanwhile | 503, or 403 with [`missing_role_is_final`](super::WebhookReceiverBuilder::missing_role_is_final) |
    /// | the token is genuine but expired or not yet valid, or its key could not be fetched | 503 |
    ///
    /// # Source
    ///
    /// "Event Grid message delivery and retry".
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Body(BodyError::TooLong { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(_) | Self::TooManyEvents { .. } | Self::Truncated { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::ConfirmationUrl { .. } | Self::Handshake { .. } | Self::NotEvents { .. } => {
                StatusCode::BAD_REQUEST
            }
            Self::MediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Method { .. } | Self::Origin { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unexpected { .. } => StatusCode::FORBIDDEN,
            Self::SecretDuplicate { .. }
            | Self::SecretMismatch { .. }
            | Self::SecretMissing { .. } => StatusCode::UNAUTHORIZED,
            Self::Token(refusal) if refusal.is_transient() || refusal.needs_repair() => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Token(refusal) if refusal.is_forbidden() => StatusCode::FORBIDDEN,
            Self::Token(_) => StatusCode::UNAUTHORIZED,
        }
    }

    /// Whether every retry will be refused until a configuration is repaired.
    pub(super) fn needs_repair(&self) -> bool {
        matches!(self, Self::Token(refusal) if refusal.needs_repair())
    }

    /// The wait for the header `Retry-After`, which is in whole seconds: round up. Event Grid waits half a minute at least.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Token(TokenRefusal::Keys { retry_after, .. }) => Some(*retry_after),
            Self::Token(TokenRefusal::NotYet { not_before, now }) => {
                Some((*not_before - *now).try_into().unwrap_or(COOL_DOWN))
            }
            _ if self.status() == StatusCode::SERVICE_UNAVAILABLE => Some(COOL_DOWN),
            _ => None,
        }
    }

    /// The response: the status, `Retry-After` if there is one, and `Allow` if the method was wrong. It does not reveal the
    /// reason.
    pub fn response(&self) -> Response<Bytes> {
        let status = self.status();
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after() {
            // Rounded up: a retry that is a second early fails again.
            let seconds = wait.as_secs().saturating_add((wait.subsec_nanos() > 0).into());
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, POST);
        }
        response
    }
}

/// The most events that an event subscription can ask for in one delivery (`maxEventsPerBatch`).
pub(super) const EVENTS_LIMIT: usize = 5000;

/// The value of the header `Allow`: deliveries have no other method.
pub(super) const POST: HeaderValue = HeaderValue::from_static("POST");

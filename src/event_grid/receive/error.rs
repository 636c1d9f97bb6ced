//! What can go wrong with a delivery, and the one place that decides the HTTP answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderValue, Method, Response, StatusCode};
use thiserror::Error;

use super::handshake::{HandshakeRefusal, POST};
use super::secret::SecretRefusal;
use super::token::{COOL_DOWN, TokenRefusal};
use crate::body::BodyError;
use crate::excerpt::Excerpt;

/// Why a request was refused, or could not be judged.
///
/// Answer with [`status`](Self::status) and, if there is one, [`retry_after`](Self::retry_after); the text is for logs.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The body has no acceptable length, or did not come.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A handshake is not for us.
    #[error(transparent)]
    Handshake(#[from] HandshakeRefusal),
    /// The body is not JSON.
    #[error(
        "the content type is `{found}` (expected `application/json` or one that ends in `+json`)"
    )]
    MediaType {
        /// The header `content-type`.
        found: Excerpt,
    },
    /// It is neither a delivery nor a handshake.
    #[error("the method is `{found}` (expected `POST` or `OPTIONS`)")]
    Method {
        /// The method.
        found: Excerpt,
    },
    /// The body holds no events.
    #[error("the body is not a JSON object or an array of JSON objects: {problem}")]
    NotEvents {
        /// What is wrong, without words of the body.
        problem: Excerpt,
    },
    /// The shared secret is wrong.
    #[error(transparent)]
    Secret(#[from] SecretRefusal),
    /// The token is wrong, or could not be judged.
    #[error(transparent)]
    Token(#[from] TokenRefusal),
    /// The body holds more events than Event Grid delivers at once.
    #[error("the body holds {found} events (expected {EVENTS_LIMIT} at most)")]
    TooManyEvents {
        /// How many.
        found: usize,
    },
    /// The body is the beginning of a JSON text.
    #[error(
        "the body ends in the middle of its JSON, at line {line}, column {column}: it was cut short on its way; Event Grid \
         delivers it again; if that repeats, check the proxies and middleware that it passes"
    )]
    Truncated {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
}

impl ReceiveError {
    pub(super) fn method(found: &Method) -> Self {
        Self::Method {
            found: Excerpt::of(found.as_str()),
        }
    }

    /// The status to answer with.
    ///
    /// After 400, 401, 403 and 413 Event Grid does not try again: the event goes to the dead letters, or is lost. So these are
    /// for what neither a retry nor a repair on the receiver's side can turn into a success; all else is tried again for up to
    /// a day.
    ///
    /// | what | status |
    /// |---|---|
    /// | the body is too long | 413 |
    /// | the body is empty, ends in the middle of its JSON, or is not JSON and shorter than announced: the next delivery can be whole | 503 |
    /// | the body holds more than 5000 events, which Event Grid may deliver one day | 503 |
    /// | the body is not JSON, or another value than an object or an array of objects; a malformed handshake | 400 |
    /// | the content type is not JSON | 415 |
    /// | another method; an origin that is not Event Grid's | 405 |
    /// | a topic or subscription that is not expected, at its validation | 403 |
    /// | a shared secret is missing or wrong | 401 |
    /// | the token is missing, forged, or for somebody else | 401 |
    /// | the token is genuine, and of another application | 403 |
    /// | the token is genuine, of Event Grid, and lacks the app role, which an administrator can assign meanwhile | 503, or 403 with [`missing_role_is_final`](super::WebhookReceiverBuilder::missing_role_is_final) |
    /// | the token is genuine and outside of its time, or its key could not be fetched | 503 |
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
            Self::NotEvents { .. } => StatusCode::BAD_REQUEST,
            Self::MediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Method { .. } | Self::Handshake(HandshakeRefusal::Origin { .. }) => {
                StatusCode::METHOD_NOT_ALLOWED
            }
            Self::Handshake(HandshakeRefusal::Malformed { .. }) => StatusCode::BAD_REQUEST,
            Self::Handshake(HandshakeRefusal::Unexpected { .. }) => StatusCode::FORBIDDEN,
            Self::Secret(_) => StatusCode::UNAUTHORIZED,
            Self::Token(refusal) if refusal.is_transient() || refusal.needs_repair() => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Token(refusal) if refusal.is_forbidden() => StatusCode::FORBIDDEN,
            Self::Token(_) => StatusCode::UNAUTHORIZED,
        }
    }

    /// Whether every retry will be refused until somebody repairs a configuration.
    pub(super) fn needs_repair(&self) -> bool {
        matches!(self, Self::Token(refusal) if refusal.needs_repair())
    }

    /// What to put into the `Retry-After` header of the answer, if anything, rounded up to seconds. Event Grid waits half a
    /// minute at least.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Token(TokenRefusal::Keys(error)) => Some(error.retry_after()),
            Self::Token(TokenRefusal::NotYet { begin, now }) => {
                Some((*begin - *now).try_into().unwrap_or(COOL_DOWN))
            }
            _ if self.status() == StatusCode::SERVICE_UNAVAILABLE => Some(COOL_DOWN),
            _ => None,
        }
    }

    /// The answer: the status, `Retry-After` if there is one, and `Allow` where the method was wrong. The reason is not told.
    pub fn answer(&self) -> Response<Bytes> {
        let status = self.status();
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        if let Some(wait) = self.retry_after() {
            // Rounded up: a second too early is in vain.
            let seconds = wait
                .as_secs()
                .saturating_add((wait.subsec_nanos() > 0).into());
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, POST);
        }
        answer
    }
}

/// The most events that an event subscription can ask for in one delivery (`maxEventsPerBatch`).
pub(super) const EVENTS_LIMIT: usize = 5000;

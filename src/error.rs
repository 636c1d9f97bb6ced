//! What can go wrong with a callback, and the one place that decides the HTTP answer.

use std::fmt;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use thiserror::Error;

use crate::body::BodyError;
use crate::chain::ChainError;
use crate::duplicates::DuplicateError;
use crate::envelope::EnvelopeError;
use crate::event::EventError;
use crate::signature::SignatureError;
use crate::signers::{SignerError, Signers};
use crate::source::LocationError;

/// Why a callback was refused, by stage; each variant holds the stage's own error and prints as it does.
///
/// The text is complete: what caused an error is part of its text, and [`source`](std::error::Error::source) does not
/// repeat it.
///
/// Answer the request with [`status`](Self::status) and, if there is one, [`retry_after`](Self::retry_after). The text
/// is for logs: tell the sender nothing but the status.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The body has no acceptable length.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The signing certificate is not trusted.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The callback is genuine, and not to be handled now: by adapters that were given a duplicate guard.
    #[error(transparent)]
    Duplicate(#[from] DuplicateError),
    /// The signature headers are not in order.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The body is genuine, and no event.
    #[error("the callback is genuine but its body is no event: {0}")]
    Event(EventError),
    /// The certificate URL may not be fetched.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The signature does not match.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The signing certificate could not be had. Never [`SignerError::Chain`], which is [`Error::Chain`].
    #[error(transparent)]
    Source(SignerError),
}

impl Error {
    /// The stage that refused.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Body(_) => ErrorKind::Body,
            Self::Chain(_) => ErrorKind::Chain,
            Self::Duplicate(_) => ErrorKind::Duplicate,
            Self::Envelope(_) => ErrorKind::Envelope,
            Self::Event(_) => ErrorKind::Event,
            Self::Location(_) => ErrorKind::Location,
            Self::Signature(_) => ErrorKind::Signature,
            Self::Source(_) => ErrorKind::Source,
        }
    }

    /// The status to answer with.
    ///
    /// Partner Center delivers an event ten times and then gives it up, so passing trouble is 503 and never looks
    /// final.
    ///
    /// | kind | status |
    /// |---|---|
    /// | body | 413 if it is too long, else 400 |
    /// | duplicate | 200 if the callback was handled before, else 503 |
    /// | envelope | 401 if the signature is missing or of another scheme, else 400 |
    /// | event | 400 |
    /// | chain | 503 if an issuer or a required revocation list could not be had, else 401 |
    /// | location, signature | 401 |
    /// | source | 503 |
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Body(BodyError::TooLong { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Envelope(
                EnvelopeError::MissingSignature | EnvelopeError::UnsupportedScheme { .. },
            ) => StatusCode::UNAUTHORIZED,
            Self::Chain(error) if error.may_pass() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Duplicate(DuplicateError::Done { .. }) => StatusCode::OK,
            Self::Body(_) | Self::Envelope(_) | Self::Event(_) => StatusCode::BAD_REQUEST,
            Self::Chain(_) | Self::Location(_) | Self::Signature(_) => StatusCode::UNAUTHORIZED,
            Self::Duplicate(_) | Self::Source(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The status to answer with where an application made its own answer with `own`: that, unless it calls a success what is
    /// none, or the contrary. A 2xx would end the deliveries of a callback that nobody has handled.
    #[cfg_attr(
        not(any(feature = "actix-web", feature = "tower")),
        expect(dead_code, reason = "for the adapters that let applications answer")
    )]
    pub(crate) fn status_instead_of(&self, own: StatusCode) -> StatusCode {
        match own.is_success() == self.status().is_success() {
            true => own,
            false => self.status(),
        }
    }

    /// What to put into the `Retry-After` header of the answer, if anything.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Source(SignerError::Quota { retry_after, .. }) => Some(*retry_after),
            Self::Source(_) => Some(Duration::from_secs(Signers::NEGATIVE_SECONDS)),
            Self::Chain(error) if error.may_pass() => {
                Some(Duration::from_secs(Signers::NEGATIVE_SECONDS))
            }
            Self::Duplicate(DuplicateError::Done { .. }) => None,
            Self::Duplicate(_) => Some(Duration::from_secs(DuplicateError::RETRY_SECONDS)),
            _ => None,
        }
    }

    /// The answer: [`status`](Self::status), [`retry_after`](Self::retry_after), and an empty body.
    pub fn to_response<B: Default>(&self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status();
        if let Some(wait) = self.retry_after() {
            let seconds = HeaderValue::from(wait.as_secs());
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }
}

impl From<EventError> for Error {
    fn from(error: EventError) -> Self {
        Self::Event(error)
    }
}

impl From<SignerError> for Error {
    fn from(error: SignerError) -> Self {
        match error {
            SignerError::Chain(error) => Self::Chain(error),
            error => Self::Source(error),
        }
    }
}

/// The stages, for counting and for logs.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// See [`Error::Body`].
    Body,
    /// See [`Error::Chain`].
    Chain,
    /// See [`Error::Duplicate`].
    Duplicate,
    /// See [`Error::Envelope`].
    Envelope,
    /// See [`Error::Event`].
    Event,
    /// See [`Error::Location`].
    Location,
    /// See [`Error::Signature`].
    Signature,
    /// See [`Error::Source`].
    Source,
}

impl ErrorKind {
    /// Its name in lower case, as in `signature`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Chain => "chain",
            Self::Duplicate => "duplicate",
            Self::Envelope => "envelope",
            Self::Event => "event",
            Self::Location => "location",
            Self::Signature => "signature",
            Self::Source => "source",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

//! Errors of callbacks, and the one place that decides the HTTP response.

use std::fmt;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use thiserror::Error;

use crate::body::BodyError;
use crate::body::typed::BodyFormatError;
use crate::chain::ChainError;
use crate::duplicates::DuplicateError;
use crate::envelope::EnvelopeError;
use crate::event::EventError;
use crate::signature::SignatureError;
use crate::signers::{FetchError, SignerError, Unavailable, fetching};
use crate::source::LocationError;

/// The reason why a callback was refused, by stage. Each variant holds the stage's own error.
///
/// The message is complete: it includes the causes, so [`source`](std::error::Error::source) does not repeat them.
///
/// Respond with [`status`](Self::status) and, if present, [`retry_after`](Self::retry_after). The message is for logs: send nothing
/// but the status.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The length of the body is not acceptable, or the body did not arrive whole.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The signing certificate is not trusted.
    #[error("{error}{}", fetching(.problems))]
    #[non_exhaustive]
    Chain {
        /// The verdict of the chain verifier.
        error: ChainError,
        /// The failures to fetch issuers' certificates and revocation lists.
        problems: Vec<String>,
        /// When a retry may succeed.
        retry_after: Duration,
    },
    /// The callback is genuine, but not to be handled now. Returned by adapters with a duplicate guard.
    #[error(transparent)]
    Duplicate(#[from] DuplicateError),
    /// The signature headers are missing or malformed.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The body is genuine, but not an event.
    #[error("the callback is genuine but its body is not an event: {0}")]
    Event(EventError),
    /// The body is genuine, but does not fit the handler's type. Returned by extractors of adapters.
    #[error("the callback is genuine but its body does not fit the handler's type: {0}")]
    Format(#[from] BodyFormatError),
    /// The certificate URL is not allowed.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The signature does not match.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The signing certificate could not be fetched, so there is no verdict on it.
    #[error(transparent)]
    Source(Unavailable<FetchError>),
    /// The signature does not match under the kept certificate, and it is unknown whether that was replaced.
    #[error(
        "it is unknown whether the signature is good, because {}; under the kept certificate: {mismatch}",
        no_other_signer(unavailable)
    )]
    #[non_exhaustive]
    Stale {
        /// The mismatch.
        mismatch: SignatureError,
        /// The reason why there is no newer certificate: it could not be fetched, or is not trusted.
        unavailable: Unavailable,
    },
}

impl Error {
    /// The stage that refused.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Body(_) => ErrorKind::Body,
            Self::Chain { .. } => ErrorKind::Chain,
            Self::Duplicate(_) => ErrorKind::Duplicate,
            Self::Envelope(_) => ErrorKind::Envelope,
            Self::Event(_) => ErrorKind::Event,
            Self::Format(_) => ErrorKind::Format,
            Self::Location(_) => ErrorKind::Location,
            Self::Signature(_) => ErrorKind::Signature,
            Self::Source(_) => ErrorKind::Source,
            Self::Stale { .. } => ErrorKind::Stale,
        }
    }

    /// The status of the response: 4xx if the callback is [forged](Verdict::Forged), 503 if [undecided](Verdict::Undecided), and 200
    /// if it was [handled](Verdict::Handled).
    ///
    /// Partner Center delivers an event ten times and then drops it. Whether a 4xx is final is not documented. So 4xx is reserved
    /// for callbacks that neither a retry nor a repair on this side can turn into a success.
    ///
    /// | error | verdict | status | `Retry-After` |
    /// |---|---|---|---|
    /// | body too long | forged | 413 | |
    /// | body empty, and no signature | forged | 400 | |
    /// | body cut short, unreadable, or empty although its headers hold a signature | undecided | 503 | 10 s |
    /// | envelope: the signature is missing or of another scheme | forged | 401 | |
    /// | envelope: all else | forged | 400 | |
    /// | location | forged | 401 | |
    /// | source: the certificate could not be fetched, its fetch is late, it was revoked at an older fetch, or the quota is used up | undecided | 503 | 1 to 300 s: the longest of the time until the next attempt, the age of the outage, and the host's own `Retry-After` |
    /// | chain: the signing certificate is revoked, according to a fetch at most 5 s ago | forged | 401 | |
    /// | chain: all else, because the certificate came from Microsoft's own store | undecided | 503 | as for source, or the time until the certificate is valid |
    /// | signature, under a certificate fetched after the callback arrived or at most 5 s before | forged | 401 | |
    /// | stale or source: a kept signer of the URL cannot be verified at this time, and the signature matches no other | undecided | 503 | 300 s |
    /// | stale: the signature does not match, and the certificate could not be fetched again, or its successor is not trusted | undecided | 503 | as for source |
    /// | event, format: genuine, but not readable by this program | undecided | 503 | 300 s, because it needs a repair |
    /// | duplicate: handled before | handled | 200 | |
    /// | duplicate: in progress | undecided | 503 | the lease's remaining time |
    /// | duplicate: unknown | undecided | 503 | 30 s |
    pub fn status(&self) -> StatusCode {
        self.decide().1
    }

    /// The verdict on the callback. See the table at [`status`](Self::status).
    pub fn verdict(&self) -> Verdict {
        self.decide().0
    }

    /// The single source of verdicts and statuses.
    fn decide(&self) -> (Verdict, StatusCode) {
        const UNDECIDED: (Verdict, StatusCode) =
            (Verdict::Undecided, StatusCode::SERVICE_UNAVAILABLE);
        const MALFORMED: (Verdict, StatusCode) = (Verdict::Forged, StatusCode::BAD_REQUEST);
        const UNPROVEN: (Verdict, StatusCode) = (Verdict::Forged, StatusCode::UNAUTHORIZED);
        match self {
            Self::Body(BodyError::TooLong { .. }) => {
                (Verdict::Forged, StatusCode::PAYLOAD_TOO_LARGE)
            }
            Self::Body(BodyError::Empty) => MALFORMED,
            Self::Body(_) => UNDECIDED,
            Self::Envelope(
                EnvelopeError::MissingSignature { .. } | EnvelopeError::UnsupportedScheme { .. },
            ) => UNPROVEN,
            Self::Envelope(_) => MALFORMED,
            Self::Location(_) => UNPROVEN,
            Self::Chain { error: ChainError::Revoked { .. }, .. } => UNPROVEN,
            Self::Chain { .. } | Self::Source(_) | Self::Stale { .. } => UNDECIDED,
            Self::Signature(_) => UNPROVEN,
            Self::Event(_) | Self::Format(_) => UNDECIDED,
            Self::Duplicate(DuplicateError::Done { .. }) => (Verdict::Handled, StatusCode::OK),
            Self::Duplicate(_) => UNDECIDED,
        }
    }

    /// Whether an operator should look now. Page the operator: such errors are logged at level error.
    ///
    /// They concern genuine bodies that this program cannot read, and certificates from Microsoft's own store that are refused or
    /// revoked, including the successor of a kept one. Most stay until an operator acts. Some heal: the certificate authorities can be reached
    /// again, or the certificate becomes valid. A stranger can cause them only by naming another certificate that exists in that
    /// store: the message has its names. All other [undecided](Verdict::Undecided) callbacks need only be counted: outages
    /// end by themselves, and strangers can cause them. A high rate without accepted callbacks may mean that events are being lost.
    ///
    /// # Example
    ///
    /// ```
    /// use partner_center_webhooks::Error;
    /// use partner_center_webhooks::event::Event;
    ///
    /// let unreadable = Error::from(Event::from_slice(b"[]").unwrap_err());
    /// assert!(unreadable.needs_repair());
    /// ```
    pub fn needs_repair(&self) -> bool {
        match self {
            Self::Chain { .. } | Self::Event(_) | Self::Format(_) => true,
            // The URL serves a certificate that is refused, while callbacks under the kept one go on.
            Self::Stale { unavailable, .. } => {
                matches!(*unavailable.error, SignerError::Chain { .. })
            }
            _ => false,
        }
    }

    /// Whether the request has neither a signature nor a certificate URL: it is a stranger's request, not a callback. Such requests are
    /// logged at level info, because every public endpoint gets them.
    ///
    /// # Example
    ///
    /// ```
    /// use partner_center_webhooks::Error;
    /// use partner_center_webhooks::envelope::EnvelopeError;
    ///
    /// let scanner = EnvelopeError::MissingSignature { certificate_url_present: false };
    /// assert!(Error::from(scanner).is_unsigned());
    /// // A gateway may have removed the signature.
    /// let gateway = EnvelopeError::MissingSignature { certificate_url_present: true };
    /// assert!(!Error::from(gateway).is_unsigned());
    /// ```
    pub fn is_unsigned(&self) -> bool {
        let Self::Envelope(error) = self else {
            return matches!(self, Self::Body(BodyError::Empty));
        };
        matches!(
            error,
            EnvelopeError::MissingSignature { certificate_url_present: false }
                | EnvelopeError::UnsupportedScheme { certificate_url_present: false, .. }
        )
    }

    /// The error for a mismatch under kept signers if the certificate could not be fetched again.
    pub(crate) fn of_mismatch(mismatch: SignatureError, unavailable: Unavailable) -> Self {
        match unavailable.is_revoked_now() {
            true => unavailable.into(),
            false => Self::Stale { mismatch, unavailable },
        }
    }

    /// The status of an application's own response with status `own`: `own`, unless it would turn a failure into a success or the
    /// reverse. A 2xx would end the deliveries of a callback that was not handled.
    #[cfg_attr(
        not(any(feature = "actix-web", feature = "tower")),
        expect(dead_code, reason = "for the adapters with responses of the application")
    )]
    pub(crate) fn status_instead_of(&self, own: StatusCode) -> StatusCode {
        match own.is_success() == self.status().is_success() {
            true => own,
            false => self.status(),
        }
    }

    /// The `Retry-After` if a repair is needed: 300 s, so that ten tries last for 45 minutes.
    pub const REPAIR_RETRY: Duration = Duration::from_secs(300);

    /// The `Retry-After` of the response in whole seconds. See the table at [`status`](Self::status).
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Chain { error: ChainError::Revoked { .. }, .. } => None,
            Self::Chain { retry_after, .. } => Some(*retry_after),
            Self::Source(unavailable) => Some(unavailable.retry_after),
            Self::Stale { unavailable, .. } => Some(unavailable.retry_after),
            Self::Body(_) if self.verdict() == Verdict::Undecided => {
                Some(Duration::from_secs(BodyError::RETRY_SECONDS))
            }
            Self::Event(_) | Self::Format(_) => Some(Self::REPAIR_RETRY),
            Self::Duplicate(error) => error.retry_after(),
            _ => None,
        }
    }

    /// The response: [`status`](Self::status), [`retry_after`](Self::retry_after), and an empty body.
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

impl From<ChainError> for Error {
    /// A refusal without a fetch.
    fn from(error: ChainError) -> Self {
        Self::Chain { error, problems: Vec::new(), retry_after: Unavailable::LONGEST_RETRY }
    }
}

impl From<Unavailable> for Error {
    fn from(unavailable: Unavailable) -> Self {
        let is_final = unavailable.is_revoked_now();
        let Unavailable { error, failed_ago, retry_after } = unavailable;
        let source =
            |error| Self::Source(Unavailable { error: Box::new(error), failed_ago, retry_after });
        match *error {
            // A certificate that was revoked some seconds ago may have been replaced since, so that is not final.
            SignerError::Chain { error: error @ ChainError::Revoked { .. }, problems }
                if !is_final =>
            {
                source(FetchError::Revoked { error, problems })
            }
            SignerError::Chain { error, problems } => Self::Chain { error, problems, retry_after },
            SignerError::Fetch(error) => source(error),
        }
    }
}

/// Why no signer but the kept ones is known. Only a host that was not reached is worth a check.
fn no_other_signer(unavailable: &Unavailable) -> String {
    match &*unavailable.error {
        SignerError::Fetch(FetchError::Unverified { .. }) => unavailable.to_string(),
        SignerError::Chain { .. } => {
            format!("the certificate could not be renewed: {unavailable}")
        }
        SignerError::Fetch(_) => format!(
            "the certificate could not be renewed: {unavailable} (if that persists, check that its host can be reached)"
        ),
    }
}

/// The verdict on a callback that is not handled now. It decides the status, see [`Error::status`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is not genuine or cannot be verified, and no retry changes that. Count these; they are the everyday noise of a public
    /// endpoint.
    Forged,
    /// It was handled before.
    Handled,
    /// It is or may be genuine and is not handled yet: a retry or a repair on this side can turn it into a success. If that does not
    /// happen, the event is lost after ten tries: alert on a sustained rate without accepted callbacks, and page for
    /// [`Error::needs_repair`].
    Undecided,
}

impl Verdict {
    /// The name in lower case, such as `forged`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forged => "forged",
            Self::Handled => "handled",
            Self::Undecided => "undecided",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The stage of an error, for metrics and logs.
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
    /// See [`Error::Format`].
    Format,
    /// See [`Error::Location`].
    Location,
    /// See [`Error::Signature`].
    Signature,
    /// See [`Error::Source`].
    Source,
    /// See [`Error::Stale`].
    Stale,
}

impl ErrorKind {
    /// The name in lower case, such as `signature`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Chain => "chain",
            Self::Duplicate => "duplicate",
            Self::Envelope => "envelope",
            Self::Event => "event",
            Self::Format => "format",
            Self::Location => "location",
            Self::Signature => "signature",
            Self::Source => "source",
            Self::Stale => "stale",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

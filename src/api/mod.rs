//! One call to a Microsoft API: with a token, ids for a support case, retries, and a deadline.
//!
//! The clients of this crate stand on it; from outside, [`ApiError`] and [`RetryPolicy`] are of interest.

mod error;
mod refusal;
mod retry;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::Excerpt;
use crate::endpoint::Endpoint;
use crate::http_client::{HttpClient, HttpClientError, Limits};
use crate::retry_after::retry_after;
use crate::token::{AccessToken, TokenProvider, TokenRequest};

pub use error::{ApiError, ApiErrorCause};
use refusal::Refusal;
pub use retry::RetryPolicy;

/// An API: where it is, who may call it, and how.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) endpoint: Endpoint,
    pub(crate) scope: Box<str>,
    pub(crate) client: Arc<dyn HttpClient>,
    pub(crate) tokens: Arc<dyn TokenProvider>,
    pub(crate) retries: RetryPolicy,
    /// Headers that every call carries.
    pub(crate) headers: HeaderMap,
    /// What its ids are called.
    pub(crate) id_headers: IdHeaders,
}

/// The headers by which an operation is found again in a service's records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdHeaders {
    /// Sent: the same with each attempt.
    pub(crate) request: &'static str,
    /// Received.
    pub(crate) request_received: &'static str,
    /// Sent and received: new with each attempt.
    pub(crate) correlation: &'static str,
}

impl IdHeaders {
    /// Source: "Partner Center REST headers": a repeated request keeps its request id.
    pub(crate) const PARTNER_CENTER: Self = Self {
        request: "ms-requestid",
        request_received: "ms-requestid",
        correlation: "ms-correlationid",
    };
}

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    /// What the documentation calls it.
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// Whether doing it twice is doing it once.
    pub(crate) is_idempotent: bool,
    /// Path and query under the endpoint.
    pub(crate) path: &'a str,
    pub(crate) body: Option<Bytes>,
    /// Headers of this operation.
    pub(crate) headers: &'a [(HeaderName, HeaderValue)],
    /// Bytes of the answer at most.
    pub(crate) max_answer: usize,
    /// How long to wait at least after a 429 that does not say how long.
    pub(crate) throttle: Option<Duration>,
}

/// What answered a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body, read as JSON; some of Microsoft's services put a byte order mark before it.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        let body = self.body.strip_prefix(BYTE_ORDER_MARK);
        let json = serde_json::from_slice(body.unwrap_or(&self.body));
        json.map_err(|error| error.to_string())
    }
}

impl Api {
    /// Until when a call that begins now may take.
    pub(crate) fn deadline(&self) -> Instant {
        after(self.retries.deadline)
    }

    /// Makes `call` until it succeeds, repeating is of no use, or time is up.
    ///
    /// `read` judges an answer of success; what it does not understand counts as a failure that may pass where the call
    /// can be repeated.
    pub(crate) async fn send<T>(
        &self,
        call: &Call<'_>,
        until: Instant,
        read: impl Fn(&Answer) -> Result<T, String>,
    ) -> Result<T, ApiError> {
        let mut ids = Ids::new();
        let mut last = None;
        let work = self.attempts(call, until, &read, &mut ids, &mut last);
        match timeout_at(until, work).await {
            Ok(outcome) => outcome,
            // Why it had to be repeated says more than that time is up.
            Err(_) => Err(last.unwrap_or_else(|| {
                let error = HttpClientError::Timeout {
                    deadline: self.retries.deadline,
                };
                ApiError::new(call.operation, &ids, ApiErrorCause::Connection(error))
            })),
        }
    }

    async fn attempts<T>(
        &self,
        call: &Call<'_>,
        until: Instant,
        read: &impl Fn(&Answer) -> Result<T, String>,
        ids: &mut Ids,
        last: &mut Option<ApiError>,
    ) -> Result<T, ApiError> {
        let mut delays = self.retries.delays();
        let mut refused: Option<AccessToken> = None;
        loop {
            let (token, outcome) = self.attempt(call, until, read, ids, refused.as_ref()).await;
            let error = match outcome {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            // A token may end early. Another one is worth one attempt, for nothing was done under the first; if there is
            // no other, the refusal is the better answer.
            if error.status() == Some(StatusCode::UNAUTHORIZED) && refused.is_none() {
                refused = token;
                *last = Some(error);
                continue;
            }
            let error = match (&error.cause(), last.take()) {
                (ApiErrorCause::Token(_), Some(refusal)) if refused.is_some() => refusal,
                _ => error,
            };
            let delay = match error.may_repeat(call.is_idempotent) {
                true => delays.next(),
                false => None,
            };
            let Some(delay) = delay else {
                return Err(error);
            };
            let is_throttled = error.status() == Some(StatusCode::TOO_MANY_REQUESTS);
            let told = error
                .retry_after()
                .or_else(|| call.throttle.filter(|_| is_throttled));
            let wait = told.map_or(delay, |told| {
                told.saturating_add(delay.min(RetryPolicy::SPREAD))
            });
            if after(wait) >= until {
                return Err(error);
            }
            *last = Some(error);
            tokio::time::sleep(wait).await;
        }
    }

    /// Makes `call` once.
    async fn attempt<T>(
        &self,
        call: &Call<'_>,
        until: Instant,
        read: &impl Fn(&Answer) -> Result<T, String>,
        ids: &mut Ids,
        refused: Option<&AccessToken>,
    ) -> (Option<AccessToken>, Result<T, ApiError>) {
        ids.next();
        let failed = |ids: &Ids, cause| ApiError::new(call.operation, ids, cause);

        let mut wanted = TokenRequest::new(&self.scope);
        wanted.refused = refused;
        let token = match self.tokens.token(wanted).await {
            Ok(token) => token,
            Err(error) => return (None, Err(failed(ids, ApiErrorCause::Token(error)))),
        };
        let request = match self.request(call, ids, &token) {
            Ok(request) => request,
            Err(error) => {
                let error = HttpClientError::Setup(Arc::new(error));
                return (None, Err(failed(ids, ApiErrorCause::Connection(error))));
            }
        };
        let left = until.saturating_duration_since(Instant::now());
        let limits = Limits::new(left.min(self.retries.attempt), call.max_answer);
        let answer = match self.client.send(request, limits).await {
            Ok(answer) => answer,
            Err(error) => return (None, Err(failed(ids, ApiErrorCause::Connection(error)))),
        };
        let secret = token.expose_secret();
        ids.receive(answer.headers(), &self.id_headers, secret);
        let outcome = judge(answer, secret, read).map_err(|cause| failed(ids, cause));
        (Some(token), outcome)
    }

    fn request(
        &self,
        call: &Call<'_>,
        ids: &Ids,
        token: &AccessToken,
    ) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(self.endpoint.uri(call.path)?)
            .header(ACCEPT, JSON)
            .header(self.id_headers.request, ids.request.to_string())
            .header(self.id_headers.correlation, ids.sent.to_string())
            .header(AUTHORIZATION, token.authorization());
        match &call.body {
            Some(_) => request = request.header(CONTENT_TYPE, JSON),
            // Some front ends answer 411 to a POST that does not say that it is empty.
            None if call.method == Method::POST => request = request.header(CONTENT_LENGTH, 0),
            None => {}
        }
        let mut request = request.body(call.body.clone().unwrap_or_default())?;
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().extend(call.headers.iter().cloned());
        Ok(request)
    }
}

/// What `answer` comes to; `secret` is left out of whatever is told about it.
fn judge<T>(
    answer: Response<Bytes>,
    secret: &str,
    read: &impl Fn(&Answer) -> Result<T, String>,
) -> Result<T, ApiErrorCause> {
    let (parts, body) = answer.into_parts();
    let answer = Answer {
        headers: parts.headers,
        body,
    };
    if parts.status.is_success() {
        return read(&answer).map_err(|problem| ApiErrorCause::Unreadable {
            status: parts.status,
            problem: told(problem.as_bytes(), secret),
        });
    }
    let Refusal { code, description } = Refusal::read(&answer.body, secret);
    Err(ApiErrorCause::Refused {
        status: parts.status,
        code,
        description,
        retry_after: retry_after(&answer.headers),
    })
}

/// The instant that lies `wait` ahead; one that is too far to be told lies a year ahead.
pub(crate) fn after(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait.min(YEAR)).unwrap_or(now)
}

/// What a service said, without the token that it was sent.
fn told(text: &[u8], secret: &str) -> Excerpt {
    Excerpt::long(String::from_utf8_lossy(text).replace(secret, "[token]"))
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("endpoint", &self.endpoint.as_str())
            .field("scope", &self.scope)
            .field("tokens", &self.tokens)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

/// By what an operation is found again in the service's records.
#[derive(Clone, Debug)]
struct Ids {
    request: Uuid,
    sent: Uuid,
    received: Option<Excerpt>,
    request_received: Option<Excerpt>,
    attempts: u32,
}

impl Ids {
    fn new() -> Self {
        Self {
            request: Uuid::new_v4(),
            sent: Uuid::nil(),
            received: None,
            request_received: None,
            attempts: 0,
        }
    }

    /// For the next attempt.
    fn next(&mut self) {
        self.sent = Uuid::new_v4();
        self.received = None;
        self.request_received = None;
        self.attempts = self.attempts.saturating_add(1);
    }

    /// Of an answer.
    fn receive(&mut self, headers: &HeaderMap, names: &IdHeaders, secret: &str) {
        let id = |name| headers.get(name).map(|id| told(id.as_bytes(), secret));
        self.received = id(names.correlation);
        self.request_received = id(names.request_received);
    }
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Answers of the registration API are below a KiB, a list of resources may be long: 8 MiB.
pub(crate) const MAX_ANSWER: usize = 8 * 1024 * 1024;

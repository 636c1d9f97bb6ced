//! One call to a Microsoft API: with a token, ids for a support case, retries, and a deadline.
//!
//! The clients of this crate stand on it; from outside, [`ApiError`] and [`RetryPolicy`] are of interest.

mod dialect;
mod error;
#[cfg(feature = "registration")]
pub(crate) mod partner_center;
mod proof;
mod refusal;
mod retry;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::Excerpt;
use crate::endpoint::Endpoint;
use crate::http_client::{HttpClient, HttpClientError, Limits};
use crate::retry_after::retry_after;
use crate::token::AccessToken;

pub(crate) use dialect::Dialect;
pub use error::{ApiError, ApiErrorCause};
pub(crate) use proof::{Bearer, Proof, Shown};
use refusal::Refusal;
pub use refusal::RefusalDetail;
pub use retry::RetryPolicy;

/// An API: where it is, who may call it, and how.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) endpoint: Endpoint,
    pub(crate) proof: Arc<dyn Proof>,
    pub(crate) client: Arc<dyn HttpClient>,
    pub(crate) dialect: &'static Dialect,
    pub(crate) retries: RetryPolicy,
    /// Headers that every call carries.
    pub(crate) headers: HeaderMap,
}

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    /// What the documentation calls it.
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// Path and query under the endpoint.
    pub(crate) path: &'a str,
    pub(crate) body: Option<Bytes>,
    /// What the body is.
    pub(crate) content_type: HeaderValue,
    /// Headers of this operation.
    pub(crate) headers: &'a [(HeaderName, HeaderValue)],
    /// Whether doing it twice does no harm.
    pub(crate) is_repeatable: bool,
    /// Bytes of the answer at most.
    pub(crate) max_answer: usize,
    /// How long to wait at least after a 429 that does not say how long.
    pub(crate) throttle: Option<Duration>,
}

/// What answered a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl<'a> Call<'a> {
    /// A call with JSON or nothing in it, which is repeatable if its method is.
    pub(crate) fn new(operation: &'static str, method: Method, path: &'a str) -> Self {
        Self {
            operation,
            is_repeatable: method == Method::GET || method == Method::PUT,
            method,
            path,
            body: None,
            content_type: JSON,
            headers: &[],
            max_answer: MAX_ANSWER,
            throttle: None,
        }
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
        let mut ids = Ids::new(self.dialect);
        let mut last = None;
        let work = self.attempts(call, until, &read, &mut ids, &mut last);
        match timeout_at(until, work).await {
            Ok(outcome) => outcome,
            // Why it had to be repeated says more than that time is up.
            Err(_) => Err(last.unwrap_or_else(|| {
                let error = HttpClientError::Timeout {
                    deadline: self.retries.deadline,
                };
                self.failed(call, &ids, ApiErrorCause::Connection(error))
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
            if error.status() == Some(StatusCode::UNAUTHORIZED)
                && refused.is_none()
                && token.is_some()
            {
                refused = token;
                *last = Some(error);
                continue;
            }
            let error = match (&error.cause(), last.take()) {
                (ApiErrorCause::Token(_), Some(refusal)) if refused.is_some() => refusal,
                _ => error,
            };
            let delay = match error.may_repeat(call.is_repeatable) {
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
        let failed = |ids: &Ids, cause| self.failed(call, ids, cause);

        let shown = match self.proof.show(refused).await {
            Ok(shown) => shown,
            Err(error) => return (None, Err(failed(ids, ApiErrorCause::Token(error)))),
        };
        let request = match self.request(call, ids, &shown) {
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
        let outcome = self.judge(answer, ids, &shown, read);
        (shown.token, outcome.map_err(|cause| failed(ids, cause)))
    }

    fn request(
        &self,
        call: &Call<'_>,
        ids: &Ids,
        shown: &Shown,
    ) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(self.endpoint.uri(call.path)?)
            .header(ACCEPT, JSON)
            .header(&self.dialect.request_id, ids.request.to_string())
            .header(&shown.name, &shown.value);
        if let (Some(name), Some(id)) = (&self.dialect.correlation_id, ids.sent) {
            request = request.header(name, id.to_string());
        }
        match &call.body {
            Some(_) => request = request.header(CONTENT_TYPE, &call.content_type),
            // Some front ends answer 411 to a POST that does not say that it is empty.
            None if call.method == Method::POST => request = request.header(CONTENT_LENGTH, 0),
            None => {}
        }
        let mut request = request.body(call.body.clone().unwrap_or_default())?;
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().extend(call.headers.iter().cloned());
        Ok(request)
    }

    /// What `answer` comes to.
    fn judge<T>(
        &self,
        answer: Response<Bytes>,
        ids: &mut Ids,
        shown: &Shown,
        read: &impl Fn(&Answer) -> Result<T, String>,
    ) -> Result<T, ApiErrorCause> {
        let (parts, body) = answer.into_parts();
        let id = |name: &HeaderName| {
            let id = parts.headers.get(name)?;
            Some(Excerpt::long(shown.hide_in(id.as_bytes())))
        };
        ids.received = self.dialect.correlation_id.as_ref().and_then(id);
        ids.request_received = id(&self.dialect.request_id_received);
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        };
        if answer.status.is_success() {
            return read(&answer).map_err(|problem| ApiErrorCause::Unreadable {
                status: answer.status,
                problem: Excerpt::long(shown.hide_in(problem.as_bytes())),
            });
        }
        let refusal = Refusal::read(&shown.hide_in(&answer.body));
        Err(ApiErrorCause::Refused {
            status: answer.status,
            code: refusal.code,
            description: refusal.description,
            details: refusal.details,
            retry_after: retry_after(&answer.headers),
        })
    }

    fn failed(&self, call: &Call<'_>, ids: &Ids, cause: ApiErrorCause) -> ApiError {
        ApiError::new(call.operation, self.dialect, ids, cause)
    }
}

/// The instant that lies `wait` ahead; one that is too far to be told lies a year ahead.
pub(crate) fn after(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait.min(YEAR)).unwrap_or(now)
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("endpoint", &self.endpoint.as_str())
            .field("proof", &self.proof)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

/// By what an operation is found again in the service's records. A repeated request keeps its request id.
#[derive(Clone, Debug)]
struct Ids {
    request: Uuid,
    /// Whether there is a correlation id for each attempt.
    has_correlation: bool,
    sent: Option<Uuid>,
    received: Option<Excerpt>,
    request_received: Option<Excerpt>,
    attempts: u32,
}

impl Ids {
    fn new(dialect: &Dialect) -> Self {
        Self {
            request: Uuid::new_v4(),
            has_correlation: dialect.correlation_id.is_some(),
            sent: None,
            received: None,
            request_received: None,
            attempts: 0,
        }
    }

    /// For the next attempt.
    fn next(&mut self) {
        self.sent = self.has_correlation.then(Uuid::new_v4);
        self.received = None;
        self.request_received = None;
        self.attempts = self.attempts.saturating_add(1);
    }
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Answers of the registration API are below a KiB, a list of resources may be long: 8 MiB.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

//! One call to a Microsoft API: with a token, ids for a support case, retries, and a deadline.
//!
//! The clients of this crate stand on it; from outside, [`ApiError`] and [`RetryPolicy`] are of interest.

mod authorizer;
mod dialect;
mod error;
pub(crate) mod model;
#[cfg(feature = "registration")]
pub(crate) mod partner_center;
mod progress;
mod query_secrets;
mod refusal;
mod retry;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::excerpt::Excerpt;
use crate::http_client::Endpoint;
use crate::http_client::retry_after::{retry_after, wait_in_words};
use crate::http_client::words::{Words, is_markup};
use crate::http_client::{HttpClient, HttpClientError, Limits};
use crate::json::response::{self, Unreadable};
use crate::token::{AccessToken, TokenError};

pub(crate) use authorizer::{AuthHeader, Authorizer, Bearer};
#[cfg(feature = "event-grid")]
pub(crate) use dialect::REDIRECT;
pub(crate) use dialect::{Cause, Dialect};
pub use error::{ApiError, ApiErrorCause};
use progress::{Ids, Progress, WaitsFor};
pub(crate) use query_secrets::query_secrets;
pub(crate) use refusal::Refusal;
pub use refusal::RefusalDetail;
pub use retry::RetryPolicy;

/// An API: where it is, who may call it, and how.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) endpoint: Endpoint,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) client: Arc<dyn HttpClient>,
    pub(crate) dialect: &'static Dialect,
    pub(crate) retries: RetryPolicy,
    /// Headers that every call carries.
    pub(crate) headers: HeaderMap,
}

/// One operation.
#[derive(Clone)]
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
    /// Asked before each attempt: how long to wait before another one is allowed.
    pub(crate) limit: Option<&'a (dyn Fn() -> Result<(), Duration> + Send + Sync)>,
    /// What of the body nobody may see, for a service may quote it.
    pub(crate) secrets: &'a [SecretString],
}

/// What answered a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    #[cfg(feature = "event-grid")]
    secrets: Arc<[SecretString]>,
}

impl Answer {
    /// A part of it, without the secrets that the service was sent.
    #[cfg(feature = "event-grid")]
    pub(crate) fn hide(&self, text: &str) -> String {
        authorizer::hide(&self.secrets, text)
    }

    /// The body, read as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        response::read(&self.body)
    }

    /// Whether nothing is in it but white space.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.trim_ascii().is_empty()
    }

    /// Whether it has an id that the service itself gives to its responses.
    fn has_id_of(&self, dialect: &Dialect) -> bool {
        let ids = [
            Some(&dialect.request_id_received),
            dialect.correlation_id.as_ref(),
        ];
        let mut ids = ids.into_iter().flatten();
        ids.any(|name| self.headers.contains_key(name))
    }
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
            limit: None,
            secrets: &[],
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
        read: impl Fn(&Answer) -> Result<T, Unreadable>,
    ) -> Result<T, ApiError> {
        let mut progress = Progress::new(self.dialect);
        let work = self.attempts(call, until, &read, &mut progress);
        if let Ok(outcome) = timeout_at(until, work).await {
            return outcome;
        }
        let deadline = self.retries.deadline;
        let cause = match (progress.waits_for, progress.last) {
            // Nothing is under way, and why it has to be repeated says more than that time is up.
            (WaitsFor::Credential, Some(last)) => return Err(last),
            (WaitsFor::Credential, None) => ApiErrorCause::Token(TokenError::Timeout { deadline }),
            (WaitsFor::Answer, last) => ApiErrorCause::deadline(deadline, last),
        };
        Err(self.failed(call, &progress.ids, cause))
    }

    async fn attempts<T>(
        &self,
        call: &Call<'_>,
        until: Instant,
        read: &impl Fn(&Answer) -> Result<T, Unreadable>,
        progress: &mut Progress,
    ) -> Result<T, ApiError> {
        let mut delays = self.retries.delays();
        let mut refused: Option<AccessToken> = None;
        loop {
            let attempt = self.attempt(call, until, read, progress, refused.as_ref());
            let (token, outcome) = attempt.await;
            progress.waits_for = WaitsFor::Credential;
            let error = match outcome {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            // A token may end early. Another one is worth one attempt, for nothing was done under the first; if there is
            // no other, the refusal is the better answer.
            if refused.is_none() && token.is_some() && error.another_token_may_help() {
                refused = token;
                progress.last = Some(error);
                continue;
            }
            let error = match (error.cause(), progress.last.take()) {
                (ApiErrorCause::Token(TokenError::NoAlternative), Some(refusal)) => refusal,
                // It was given the rest of the time, and no more.
                (ApiErrorCause::Connection(HttpClientError::Timeout { deadline }), last)
                    if *deadline < self.retries.attempt && Instant::now() >= until =>
                {
                    let cause = ApiErrorCause::deadline(self.retries.deadline, last);
                    self.failed(call, &progress.ids, cause)
                }
                _ => error,
            };
            let delay = match error.may_repeat(call.is_repeatable) {
                true => delays.next(),
                false => None,
            };
            let Some(delay) = delay else {
                return Err(error);
            };
            let wait = error.retry_after().map_or(delay, |told| {
                told.saturating_add(delay.min(RetryPolicy::SPREAD))
            });
            if after(wait) >= until {
                return Err(error);
            }
            progress.ids.may_have_been_done |= error.may_have_been_done();
            progress.last = Some(error);
            tokio::time::sleep(wait).await;
        }
    }

    /// Makes `call` once.
    async fn attempt<T>(
        &self,
        call: &Call<'_>,
        until: Instant,
        read: &impl Fn(&Answer) -> Result<T, Unreadable>,
        progress: &mut Progress,
        refused: Option<&AccessToken>,
    ) -> (Option<AccessToken>, Result<T, ApiError>) {
        let ids = &mut progress.ids;
        ids.next();
        let failed = |ids: &Ids, cause| (None, Err(self.failed(call, ids, cause)));

        let mut shown = match self.authorizer.authorize(refused).await {
            Ok(shown) => shown,
            Err(error) => return failed(ids, ApiErrorCause::Token(error)),
        };
        if !call.secrets.is_empty() {
            let secrets = shown.secrets.iter().chain(call.secrets);
            shown.secrets = secrets.cloned().collect();
        }
        let request = match self.request(call, ids, &shown) {
            Ok(request) => request,
            Err(error) => {
                let error = HttpClientError::Setup(Arc::new(error));
                return failed(ids, ApiErrorCause::Connection(error));
            }
        };
        if let Some(Err(retry_after)) = call.limit.map(|limit| limit()) {
            return failed(ids, ApiErrorCause::Limit { retry_after });
        }
        let left = until.saturating_duration_since(Instant::now());
        let limits = Limits::new(left.min(self.retries.attempt), call.max_answer);
        progress.waits_for = WaitsFor::Answer;
        let answer = match self.client.send(request, limits).await {
            // The client should have stopped there.
            Ok(answer) if answer.body().len() > limits.max_body => {
                let limit = limits.max_body;
                let error = HttpClientError::BodyTooLong { limit };
                return failed(ids, ApiErrorCause::Connection(error));
            }
            Ok(answer) => answer,
            Err(error) => return failed(ids, ApiErrorCause::Connection(error)),
        };
        let outcome = self.judge(answer, ids, &shown, read);
        let outcome = outcome.map_err(|cause| self.failed(call, ids, cause));
        (shown.token, outcome)
    }

    fn request(
        &self,
        call: &Call<'_>,
        ids: &Ids,
        shown: &AuthHeader,
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
        shown: &AuthHeader,
        read: &impl Fn(&Answer) -> Result<T, Unreadable>,
    ) -> Result<T, ApiErrorCause> {
        let (parts, body) = answer.into_parts();
        let id = |name: &HeaderName| {
            let id = String::from_utf8_lossy(parts.headers.get(name)?.as_bytes());
            Some(Excerpt::of(shown.hide(&id)))
        };
        ids.received = self.dialect.correlation_id.as_ref().and_then(id);
        ids.request_received = id(&self.dialect.request_id_received);
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body,
            #[cfg(feature = "event-grid")]
            secrets: Arc::clone(&shown.secrets),
        };
        if answer.status.is_success() {
            return read(&answer).map_err(|error| unreadable(&answer, &error, shown));
        }
        let refusal = Refusal::read(&answer.headers, &answer.body, &|text| shown.hide(text));
        Err(self.refused(&answer, refusal))
    }

    fn refused(&self, answer: &Answer, refusal: Refusal) -> ApiErrorCause {
        let (status, has_id) = (answer.status, answer.has_id_of(self.dialect));
        let is_own_code = refusal.json_code.as_deref();
        let is_own_code =
            is_own_code.map(|code| (self.dialect.is_own_code)(code, refusal.is_nested));
        let is_from_service = match is_own_code {
            Some(is_own) => is_own || has_id,
            None => answer.is_empty() && has_id && self.dialect.empty_is_absence,
        };
        let code = refusal.json_code.unwrap_or_default();
        let is_absence =
            status == StatusCode::NOT_FOUND && is_from_service && (self.dialect.is_absence)(&code);
        let messages = refusal
            .details
            .iter()
            .filter_map(|detail| detail.message.as_ref());
        let mut words = refusal.description.iter().chain(messages);
        let in_words = words.find_map(|words| wait_in_words(status, &words.to_string()));
        ApiErrorCause::Refused {
            status,
            code: refusal.code,
            description: refusal.description,
            details: refusal.details,
            retry_after: retry_after(&answer.headers).or(in_words),
            is_from_service,
            is_absence,
        }
    }

    fn failed(&self, call: &Call<'_>, ids: &Ids, cause: ApiErrorCause) -> ApiError {
        ApiError::new(call.operation, self.dialect, ids, cause)
    }
}

/// The error for a response of success that cannot be read. What a page says that came in its place says more than JSON's
/// grammar.
fn unreadable(answer: &Answer, error: &Unreadable, shown: &AuthHeader) -> ApiErrorCause {
    let words = Words::read(&answer.body).text;
    let words = words.filter(|_| is_markup(&answer.body));
    let problem = match words {
        Some(words) => format!("{}: a page that says: {words}", error.problem),
        None => error.problem.clone(),
    };
    ApiErrorCause::Unreadable {
        status: answer.status,
        problem: Excerpt::long(shown.hide(&problem)),
        is_partial: error.is_partial,
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
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Answers of the registration API are below a KiB, a list of resources may be long: 8 MiB.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

//! Sending a call: authorization, attempts, deadline, and what the response means.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Method, Request, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::authorizer::{AuthHeader, Authorizer, Bearer};
use super::call::{Call, JSON};
use super::cause::ApiErrorCause;
use super::error::ApiError;
use super::ids::CallIds;
use super::refusal::Refusal;
use super::response::ApiResponse;
use super::retry::RetryPolicy;
use super::service::Service;
use crate::http_client::endpoint::Endpoint;
use crate::http_client::retry_after::{retry_after, wait_in_words};
use crate::http_client::words::{Words, is_markup};
use crate::http_client::{HttpClient, HttpClientError, Limits};
use crate::json::response::Unreadable;
use crate::mask::Excerpt;
use crate::token::{AccessToken, TokenError, TokenProvider};

/// An API: its endpoint, its service, its credentials, and how calls are retried.
#[derive(Clone)]
pub(crate) struct Api {
    /// The base of all paths, checked to be fit for tokens.
    pub(crate) endpoint: Endpoint,
    /// The credentials of each attempt.
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) client: Arc<dyn HttpClient>,
    /// The names of headers, and the meaning of refusals.
    pub(crate) service: &'static Service,
    /// Deadlines and delays.
    pub(crate) retries: RetryPolicy,
    /// Headers of every call.
    pub(crate) headers: HeaderMap,
}

/// The state of a call, kept when the deadline cuts it off.
///
/// A deadline drops the future of the attempts, and what it knew with it, unless that is kept here.
struct Progress {
    ids: CallIds,
    /// Decides what a passed deadline means.
    waits_for: WaitsFor,
    /// Why the previous attempt failed.
    last: Option<ApiError>,
}

/// What the deadline would cut off now.
enum WaitsFor {
    /// The token: no request is under way.
    Credential,
    /// The response: the request may have been processed.
    Response,
}

impl Api {
    /// The API of `service` at `endpoint`, with tokens from `tokens` for `scope`, the default retries and no extra headers.
    pub(crate) fn new(
        endpoint: Endpoint,
        service: &'static Service,
        client: Arc<dyn HttpClient>,
        tokens: impl TokenProvider + 'static,
        scope: String,
    ) -> Self {
        Self {
            endpoint,
            authorizer: Arc::new(Bearer { tokens: Box::new(tokens), scope: scope.into() }),
            client,
            service,
            retries: RetryPolicy::default(),
            headers: HeaderMap::new(),
        }
    }

    /// The deadline of a call that starts now.
    ///
    /// Callers that make several calls in a row share one deadline.
    pub(crate) fn deadline(&self) -> Instant {
        after(self.retries.deadline)
    }

    /// Sends `call`, with retries, until it succeeds, a retry is useless, or `until` has passed.
    ///
    /// `read` parses a successful response. A response that it cannot read is a failure, transient where the call can be
    /// repeated.
    pub(crate) async fn send<T>(
        &self,
        call: &Call<'_>,
        until: Instant,
        read: impl Fn(&ApiResponse) -> Result<T, Unreadable>,
    ) -> Result<T, ApiError> {
        let mut progress = Progress {
            ids: CallIds::new(self.service),
            waits_for: WaitsFor::Credential,
            last: None,
        };
        let work = self.attempts(call, until, &read, &mut progress);
        if let Ok(outcome) = timeout_at(until, work).await {
            return outcome;
        }
        let deadline = self.retries.deadline;
        let cause = match (progress.waits_for, progress.last) {
            // No request is under way, and the reason for the retry says more than the deadline.
            (WaitsFor::Credential, Some(last)) => return Err(last),
            (WaitsFor::Credential, None) => ApiErrorCause::Token(TokenError::Timeout { deadline }),
            (WaitsFor::Response, last) => deadline_passed(deadline, last),
        };
        Err(self.error(call, &progress.ids, cause))
    }

    /// Sends `call` until it succeeds or a retry is useless. The caller enforces the deadline.
    async fn attempts<T>(
        &self,
        call: &Call<'_>,
        until: Instant,
        read: &impl Fn(&ApiResponse) -> Result<T, Unreadable>,
        progress: &mut Progress,
    ) -> Result<T, ApiError> {
        let max_retries = call.max_retries.unwrap_or(usize::MAX);
        let mut delays = self.retries.delays().take(max_retries);
        let mut rejected: Option<AccessToken> = None;
        loop {
            let attempt = self.attempt(call, until, read, progress, rejected.as_ref());
            let (token, outcome) = attempt.await;
            progress.waits_for = WaitsFor::Credential;
            let error = match outcome {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            // A token can be revoked before it expires. Another one is worth one attempt, because the first did nothing; if
            // there is none, the refusal is the better error.
            if rejected.is_none() && token.is_some() && error.another_token_may_help() {
                rejected = token;
                progress.last = Some(error);
                continue;
            }
            let error = match (error.cause(), progress.last.take()) {
                (ApiErrorCause::Token(TokenError::NoAlternative), Some(refusal)) => refusal,
                // The attempt was cut off by the deadline of the call.
                (ApiErrorCause::Connection(HttpClientError::Timeout { deadline }), last)
                    if *deadline < self.retries.attempt && Instant::now() >= until =>
                {
                    let cause = deadline_passed(self.retries.deadline, last);
                    self.error(call, &progress.ids, cause)
                }
                _ => error,
            };
            let delay = match error.is_retryable(call.is_repeatable) {
                true => delays.next(),
                false => None,
            };
            let Some(delay) = delay else {
                return Err(error);
            };
            let wait = error
                .retry_after()
                .map_or(delay, |wait| wait.saturating_add(delay.min(RetryPolicy::SPREAD)));
            if after(wait) >= until {
                return Err(error);
            }
            progress.ids.may_have_succeeded |= error.may_have_succeeded();
            progress.last = Some(error);
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends `call` once, and returns the token that it used beside the outcome.
    ///
    /// The deadline of the HTTP client is the shorter one of the attempt's and what is left of the call's.
    async fn attempt<T>(
        &self,
        call: &Call<'_>,
        until: Instant,
        read: &impl Fn(&ApiResponse) -> Result<T, Unreadable>,
        progress: &mut Progress,
        rejected: Option<&AccessToken>,
    ) -> (Option<AccessToken>, Result<T, ApiError>) {
        let ids = &mut progress.ids;
        ids.next();
        let failed = |ids: &CallIds, cause| (None, Err(self.error(call, ids, cause)));

        let mut auth = match self.authorizer.authorize(rejected).await {
            Ok(auth) => auth,
            Err(error) => return failed(ids, ApiErrorCause::Token(error)),
        };
        if !call.secrets.is_empty() {
            let secrets = auth.secrets.iter().chain(call.secrets);
            auth.secrets = secrets.cloned().collect();
        }
        let request = match self.request(call, ids, &auth) {
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
        let limits = Limits::new(left.min(self.retries.attempt), call.max_response);
        progress.waits_for = WaitsFor::Response;
        let response = match self.client.send(request, limits).await {
            // A correct client stops there.
            Ok(response) if response.body().len() > limits.max_body => {
                let limit = limits.max_body;
                let error = HttpClientError::BodyTooLong { limit };
                return failed(ids, ApiErrorCause::Connection(error));
            }
            Ok(response) => ApiResponse::new(response, &auth),
            Err(error) => return failed(ids, ApiErrorCause::Connection(error)),
        };
        let outcome = self.classify(&response, ids, read);
        let outcome = outcome.map_err(|cause| self.error(call, ids, cause));
        (auth.token, outcome)
    }

    /// The request of one attempt.
    fn request(
        &self,
        call: &Call<'_>,
        ids: &CallIds,
        auth: &AuthHeader,
    ) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(self.endpoint.uri(call.path)?)
            .header(ACCEPT, JSON)
            .header(&self.service.request_id, ids.request.to_string())
            .header(&auth.name, &auth.value);
        if let (Some(name), Some(id)) = (&self.service.correlation_id, ids.correlation) {
            request = request.header(name, id.to_string());
        }
        match &call.body {
            Some(_) => request = request.header(CONTENT_TYPE, &call.content_type),
            // Some front ends return 411 for a POST without a length.
            None if call.method == Method::POST => request = request.header(CONTENT_LENGTH, 0),
            None => {}
        }
        let mut request = request.body(call.body.clone().unwrap_or_default())?;
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().extend(call.headers.iter().cloned());
        Ok(request)
    }

    /// Reads a successful response, or says why the call failed.
    fn classify<T>(
        &self,
        response: &ApiResponse,
        ids: &mut CallIds,
        read: &impl Fn(&ApiResponse) -> Result<T, Unreadable>,
    ) -> Result<T, ApiErrorCause> {
        let id = |name: &HeaderName| {
            let id = String::from_utf8_lossy(response.headers.get(name)?.as_bytes());
            Some(Excerpt::of(response.redact(&id)))
        };
        ids.correlation_received = self.service.correlation_id.as_ref().and_then(id);
        ids.request_received = id(&self.service.request_id_received);
        match response.status.is_success() {
            true => read(response).map_err(|error| unreadable(response, &error)),
            false => Err(self.refused(response)),
        }
    }

    /// The cause for a response with a status other than success. Only a 404 from the service itself means "not found".
    fn refused(&self, response: &ApiResponse) -> ApiErrorCause {
        let refusal =
            Refusal::read(&response.headers, &response.body, &|text| response.redact(text));
        let (status, has_id) = (response.status, response.has_id_of(self.service));
        let json_code = refusal.json_code.as_deref();
        let is_own_code = json_code.map(|code| (self.service.is_own_code)(code, refusal.is_nested));
        let is_from_service = match is_own_code {
            Some(is_own) => is_own || has_id,
            None => response.is_empty() && has_id && self.service.empty_is_not_found,
        };
        let is_not_found = status == StatusCode::NOT_FOUND
            && is_from_service
            && (self.service.is_not_found)(json_code.unwrap_or_default());
        let messages = refusal.details.iter().filter_map(|detail| detail.message.as_ref());
        let mut texts = refusal.description.iter().chain(messages);
        let in_words = texts.find_map(|text| wait_in_words(status, &text.to_string()));
        ApiErrorCause::Refused {
            status,
            code: refusal.code,
            description: refusal.description,
            details: refusal.details,
            retry_after: retry_after(&response.headers).or(in_words),
            is_from_service,
            is_not_found,
        }
    }

    fn error(&self, call: &Call<'_>, ids: &CallIds, cause: ApiErrorCause) -> ApiError {
        ApiError::new(call.operation, self.service, ids, cause)
    }
}

/// The cause for a successful response that cannot be read. The text of a page in its place says more than the JSON reader.
fn unreadable(response: &ApiResponse, error: &Unreadable) -> ApiErrorCause {
    let text = Words::read(&response.body).text;
    let text = text.filter(|_| is_markup(&response.body));
    let problem = match text {
        Some(text) => format!("{}: a page that says: {text}", error.problem),
        None => error.problem.clone(),
    };
    ApiErrorCause::Unreadable {
        status: response.status,
        problem: Excerpt::long(response.redact(&problem)),
        is_partial: error.is_partial,
    }
}

/// The cause for a passed deadline, with the failure of the previous attempt.
fn deadline_passed(deadline: Duration, last: Option<ApiError>) -> ApiErrorCause {
    ApiErrorCause::Deadline { deadline, last: last.map(|last| Box::new(last.into_cause())) }
}

/// The instant after `wait`, at most a year from now.
///
/// So a wait of any length, as a service may ask for, cannot overflow.
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

/// The longest wait: an instant further ahead may not exist.
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

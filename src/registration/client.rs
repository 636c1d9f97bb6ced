//! The client of the registration API.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::RegistrationError;
use super::plan::Plan;
use super::test_event::{Limiter, TestEvent, WhenLimited};
use super::types::Registration;
use crate::api::partner_center::PARTNER_CENTER;
use crate::api::{Api, ApiError, ApiErrorCause, ApiResponse, Call, RetryPolicy, after};
use crate::cloud::Cloud;
use crate::event::{EventName, Id};
use crate::http_client::HttpClient;
use crate::http_client::endpoint::{Endpoint, EndpointError};
use crate::json::response::Unreadable;
use crate::mask::query_secrets;
use crate::token::TokenProvider;

/// Calls the registration API. Cheap to clone; clones share their limit on test events.
///
/// # Source
///
/// "Partner Center webhooks"; the REST reference's operation group "Webhook", version 1.
#[derive(Clone, Debug)]
pub struct RegistrationClient {
    pub(super) api: Api,
    limiter: Arc<Limiter>,
    /// Held from reading the registration to writing it.
    pub(super) turn: Arc<Mutex<()>>,
    poll_interval: Duration,
}

impl RegistrationClient {
    /// The default interval of [`wait_for_test_event`](Self::wait_for_test_event): two seconds.
    pub const POLL_INTERVAL: Duration = Duration::from_secs(2);

    /// Calls the API of `cloud` through `client`, with tokens from `tokens`.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if tokens must not be sent to its base URL; only a [`Cloud::Custom`] can have one.
    pub fn new(
        cloud: &Cloud,
        client: impl HttpClient + 'static,
        tokens: impl TokenProvider + 'static,
    ) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::of_cloud(cloud, cloud.api_base())?;
        let scope = format!("{}/.default", cloud.token_audience());
        Ok(Self {
            api: Api::new(endpoint, &PARTNER_CENTER, Arc::new(client), tokens, scope),
            limiter: Arc::default(),
            turn: Arc::default(),
            poll_interval: Self::POLL_INTERVAL,
        })
    }

    /// Replaces the retry policy of calls.
    #[must_use]
    pub fn with_retries(mut self, retries: RetryPolicy) -> Self {
        self.api.retries = retries;
        self
    }

    /// Sends the name of the application with each call (`MS-PartnerCenter-Application`). Default: none.
    #[must_use]
    pub fn with_application_name(mut self, name: HeaderValue) -> Self {
        self.api.headers.insert(APPLICATION, name);
        self
    }

    /// Sets the interval of [`wait_for_test_event`](Self::wait_for_test_event).
    #[must_use]
    pub fn with_poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Returns the events that the tenant can register for.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn supported_events(&self) -> Result<Vec<EventName>, ApiError> {
        let call = Call::new("get all events", Method::GET, EVENTS);
        let until = self.api.deadline();
        self.api.send(&call, until, ApiResponse::json).await
    }

    /// Returns the registration, or `None` if the service itself says that there is none: 404 with one of its codes in JSON,
    /// or with its ids and no body. Any other 404, such as a front end's page, is a transient error.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn get(&self) -> Result<Option<Registration>, ApiError> {
        self.get_until(self.api.deadline()).await
    }

    pub(super) async fn get_until(&self, until: Instant) -> Result<Option<Registration>, ApiError> {
        let call = Call::new("get registration", Method::GET, REGISTRATION);
        found(self.api.send(&call, until, ApiResponse::json).await)
    }

    /// Creates the registration.
    ///
    /// # Errors
    ///
    /// [`RegistrationError`]. If there is a registration, [`is_conflict`](RegistrationError::is_conflict) is true.
    pub async fn create(
        &self,
        registration: &Registration,
    ) -> Result<Registration, RegistrationError> {
        let operation = ("create registration", Method::POST);
        self.put(operation, registration, self.api.deadline()).await
    }

    /// Replaces the whole registration: events that `registration` omits are removed. Start from the result of
    /// [`get`](Self::get), or use [`ensure`](Self::ensure).
    ///
    /// # Errors
    ///
    /// [`RegistrationError`].
    pub async fn update(
        &self,
        registration: &Registration,
    ) -> Result<Registration, RegistrationError> {
        let operation = ("update registration", Method::PUT);
        self.put(operation, registration, self.api.deadline()).await
    }

    pub(super) async fn put(
        &self,
        (operation, method): (&'static str, Method),
        registration: &Registration,
        until: Instant,
    ) -> Result<Registration, RegistrationError> {
        registration.check_url()?;
        let body = serde_json::to_vec(registration)
            .map_err(|error| RegistrationError::Body { reason: error.to_string().into() })?;
        let mut call = Call::new(operation, method, REGISTRATION);
        call.body = Some(body.into());
        let secrets = query_secrets(registration.webhook_url());
        call.secrets = &secrets;
        let read = |response: &ApiResponse| match response.is_empty() {
            true => Ok(None),
            false => response.json().map(Some),
        };
        match self.api.send(&call, until, read).await? {
            Some(registration) => Ok(registration),
            // The response has no body.
            None => self.get_until(until).await?.ok_or_else(|| {
                let difference = Box::new(Plan::new(registration, None));
                RegistrationError::PartiallyApplied { difference }
            }),
        }
    }

    /// Requests a test event, and returns its correlation id. The registration must include [`EventName::TestCreated`].
    ///
    /// Microsoft allows two requests a minute, and counts rejected ones too. This client counts them: a third one waits or
    /// fails, as `when_limited` says. [`WhenLimited::Refuse`] also disables retries, except for one after a rejected token.
    ///
    /// # Errors
    ///
    /// [`RegistrationError`].
    pub async fn send_test_event(
        &self,
        when_limited: WhenLimited,
    ) -> Result<Id, RegistrationError> {
        let limit = || self.limiter.take(Instant::now());
        let mut call = Call::new("create validation event", Method::POST, TEST_EVENTS);
        call.limit = Some(&limit);
        call.max_retries = (when_limited == WhenLimited::Refuse).then_some(0);
        let sent = self.api.send(&call, self.api.deadline(), correlation_id);
        sent.await.map_err(|error| match error.cause() {
            ApiErrorCause::Limit { retry_after } => {
                RegistrationError::TestEventLimit { retry_after: *retry_after }
            }
            _ => error.into(),
        })
    }

    /// Returns the state of a test event, or `None` if the service itself says that it does not know it: not yet, or no longer
    /// after seven days.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn test_event_status(&self, id: &Id) -> Result<Option<TestEvent>, ApiError> {
        self.test_event_until(id, self.api.deadline()).await
    }

    async fn test_event_until(
        &self,
        id: &Id,
        until: Instant,
    ) -> Result<Option<TestEvent>, ApiError> {
        let path = format!("{TEST_EVENTS}/{id}");
        let call = Call::new("get validation event", Method::GET, &path);
        found(self.api.send(&call, until, ApiResponse::json).await)
    }

    /// Polls a test event until it is finished, and passes each state to `progress`.
    ///
    /// Finished does not mean delivered: see [`TestEvent::was_delivered`].
    ///
    /// # Errors
    ///
    /// [`RegistrationError::TestEventNotFinished`] after `timeout`; others if the state cannot be read.
    pub async fn wait_for_test_event(
        &self,
        id: &Id,
        timeout: Duration,
        mut progress: impl FnMut(&TestEvent),
    ) -> Result<TestEvent, RegistrationError> {
        let end = after(timeout);
        let mut last = None;
        loop {
            let is_last_poll = Instant::now() >= end;
            // The last poll has the full deadline of a call.
            let until = match is_last_poll {
                true => self.api.deadline(),
                false => end.min(self.api.deadline()),
            };
            match self.test_event_until(id, until).await {
                Ok(Some(event)) => {
                    progress(&event);
                    if event.is_finished() {
                        return Ok(event);
                    }
                    last = Some(event);
                }
                Ok(None) => {}
                // A deadline that passes during a call says nothing about the call.
                Err(error) if error.is_transient() && !is_last_poll && Instant::now() >= end => {}
                Err(error) => return Err(error.into()),
            }
            if is_last_poll {
                return Err(RegistrationError::TestEventNotFinished {
                    correlation_id: id.clone(),
                    timeout,
                    last: last.map(Box::new),
                });
            }
            tokio::time::sleep_until(end.min(after(self.poll_interval))).await;
        }
    }
}

/// `None` for the service's own 404, but not for one from a gateway.
fn found<T>(outcome: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The guide shows an object, the REST reference a string.
fn correlation_id(response: &ApiResponse) -> Result<Id, Unreadable> {
    let id = match response.json()? {
        Value::Object(members) => members
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("correlationId"))
            .map(|(_, id)| id)
            .unwrap_or_default(),
        value => value,
    };
    let id = id.as_str().and_then(Id::new);
    id.ok_or_else(|| "the response has no correlation id".into())
}

/// Source of the three paths: the REST reference, operation group "Webhook".
const REGISTRATION: &str = "/webhooks/v1/registration";
const EVENTS: &str = "/webhooks/v1/registration/events";
const TEST_EVENTS: &str = "/webhooks/v1/registration/validationEvents";

/// Source: "Partner Center REST headers".
const APPLICATION: HeaderName = HeaderName::from_static("ms-partnercenter-application");

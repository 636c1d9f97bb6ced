//! The webhook registration API: which URL is called, for which events, and whether calls arrive.
//!
//! [`RegistrationClient`] has the six operations of the API, and [`ensure`](RegistrationClient::ensure), which is what
//! most callers want. There is one registration for a partner's tenant, shared by all its products; the API cannot
//! delete it.
//!
//! # Example
//!
//! ```no_run
//! # #[cfg(feature = "reqwest")] async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use partner_center_webhooks::cloud::Cloud;
//! use partner_center_webhooks::event::EventName;
//! use partner_center_webhooks::http_client::ReqwestClient;
//! use partner_center_webhooks::registration::{Registration, RegistrationClient, WhenLimited};
//! use partner_center_webhooks::token::{Application, ClientCredentials};
//!
//! let (cloud, http) = (Cloud::Global, ReqwestClient::new()?);
//! let application = Application::new(&cloud, "contoso.onmicrosoft.com", "0f5a…", std::env::var("SECRET")?)?;
//! let client = RegistrationClient::new(&cloud, http.clone(), ClientCredentials::new(application, http))?;
//!
//! let events = [EventName::TestCreated, EventName::SubscriptionUpdated];
//! let wanted = Registration::new("https://contoso.example/webhooks/callback", events)?;
//! println!("{}", client.ensure(&wanted).await?);
//!
//! let id = client.send_test_event(WhenLimited::Wait).await?;
//! let outcome = client
//!     .wait_for_test_event(&id, Duration::from_secs(120), |event| println!("{}", event.status()))
//!     .await?;
//! assert!(outcome.was_delivered());
//! # Ok(()) }
//! ```

mod ensure;
mod error;
mod members;
mod plan;
mod test_event;
mod types;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

use crate::api::partner_center::PARTNER_CENTER;
use crate::api::{Answer, Api, ApiError, Bearer, Call, RetryPolicy, after};
use crate::cloud::Cloud;
use crate::endpoint::{Endpoint, EndpointError};
use crate::event::{EventName, Id};
use crate::http_client::HttpClient;
use crate::token::TokenProvider;

pub use error::RegistrationError;
pub use plan::{Change, Plan};
pub use test_event::{TestEvent, TestEventStatus, TestResult, WhenLimited};
pub use types::{CallbackUrlError, Registration};

/// Calls the registration API. Cheap to clone; clones share their limit on test events.
///
/// # Source
///
/// "Partner Center webhooks"; the REST reference's operation group "Webhook", version 1.
#[derive(Clone, Debug)]
pub struct RegistrationClient {
    api: Api,
    limiter: Arc<test_event::Limiter>,
    poll_interval: Duration,
}

impl RegistrationClient {
    /// How often [`wait_for_test_event`](Self::wait_for_test_event) looks by default: every two seconds.
    pub const POLL_INTERVAL: Duration = Duration::from_secs(2);

    /// Calls the API of `cloud` through `client`, with tokens from `tokens`.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if the API's base is not fit for tokens, which only that of a [`Cloud::Custom`] can be.
    pub fn new(
        cloud: &Cloud,
        client: impl HttpClient + 'static,
        tokens: impl TokenProvider + 'static,
    ) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::new(cloud.api_base(), cloud.danger_plain_http_on_loopback())?;
        Ok(Self {
            api: Api {
                endpoint,
                proof: Arc::new(Bearer {
                    tokens: Box::new(tokens),
                    scope: format!("{}/.default", cloud.token_audience()).into(),
                }),
                client: Arc::new(client),
                dialect: &PARTNER_CENTER,
                retries: RetryPolicy::default(),
                headers: HeaderMap::new(),
            },
            limiter: Arc::default(),
            poll_interval: Self::POLL_INTERVAL,
        })
    }

    /// Replaces how calls are repeated, and how long they may take.
    #[must_use]
    pub fn with_retries(mut self, retries: RetryPolicy) -> Self {
        self.api.retries = retries;
        self
    }

    /// Names the application in each call (`MS-PartnerCenter-Application`). Default: it is not named.
    #[must_use]
    pub fn with_application_name(mut self, name: HeaderValue) -> Self {
        self.api.headers.insert(APPLICATION, name);
        self
    }

    /// Replaces how often [`wait_for_test_event`](Self::wait_for_test_event) looks.
    #[must_use]
    pub fn with_poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// The events that the tenant can register for.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn supported_events(&self) -> Result<Vec<EventName>, ApiError> {
        let call = Call::new("get all events", Method::GET, EVENTS);
        self.api
            .send(&call, self.api.deadline(), Answer::json)
            .await
    }

    /// What is registered; nothing only if the service says so (404).
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn get(&self) -> Result<Option<Registration>, ApiError> {
        self.get_until(self.api.deadline()).await
    }

    async fn get_until(&self, until: Instant) -> Result<Option<Registration>, ApiError> {
        let call = Call::new("get registration", Method::GET, REGISTRATION);
        found(self.api.send(&call, until, Answer::json).await)
    }

    /// Registers where nothing is registered.
    ///
    /// # Errors
    ///
    /// [`RegistrationError`]; if something is registered, one with [`is_conflict`](RegistrationError::is_conflict).
    pub async fn create(
        &self,
        registration: &Registration,
    ) -> Result<Registration, RegistrationError> {
        let operation = ("create registration", Method::POST);
        self.put(operation, registration, self.api.deadline()).await
    }

    /// Replaces the whole registration: what `registration` does not say is gone. Begin with what [`get`](Self::get) gave,
    /// or use [`ensure`](Self::ensure).
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

    async fn put(
        &self,
        (operation, method): (&'static str, Method),
        registration: &Registration,
        until: Instant,
    ) -> Result<Registration, RegistrationError> {
        registration.check_url()?;
        let body = serde_json::to_vec(registration).map_err(|error| RegistrationError::Body {
            reason: error.to_string().into(),
        })?;
        let mut call = Call::new(operation, method, REGISTRATION);
        call.body = Some(body.into());
        Ok(self.api.send(&call, until, Answer::json).await?)
    }

    /// Asks for a test event, and gives its correlation id. The registration must hold
    /// [`EventName::TestCreated`].
    ///
    /// Microsoft allows two a minute, which are counted here: a third one waits or is refused, as `when_limited` says.
    ///
    /// # Errors
    ///
    /// [`RegistrationError`].
    pub async fn send_test_event(
        &self,
        when_limited: WhenLimited,
    ) -> Result<Id, RegistrationError> {
        let until = self.api.deadline();
        while let Err(retry_after) = self.limiter.take(Instant::now()) {
            if when_limited == WhenLimited::Refuse || after(retry_after) >= until {
                return Err(RegistrationError::TestEventLimit { retry_after });
            }
            tokio::time::sleep(retry_after).await;
        }
        let mut call = Call::new("create validation event", Method::POST, TEST_EVENTS);
        call.throttle = Some(TEST_EVENT_THROTTLE);
        Ok(self.api.send(&call, until, correlation_id).await?)
    }

    /// What became of a test event; nothing if the service does not know it (yet, or after seven days any longer).
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
        found(self.api.send(&call, until, Answer::json).await)
    }

    /// Waits until a test event is finished. Each time its state was read, `progress` is told.
    ///
    /// Finished does not mean delivered: see [`TestEvent::was_delivered`].
    ///
    /// # Errors
    ///
    /// [`RegistrationError::TestEventNotFinished`] if that takes longer than `timeout`; others if the state cannot be read.
    pub async fn wait_for_test_event(
        &self,
        id: &Id,
        timeout: Duration,
        mut progress: impl FnMut(&TestEvent),
    ) -> Result<TestEvent, RegistrationError> {
        let end = after(timeout);
        let mut last = None;
        loop {
            let until = end.min(self.api.deadline());
            match self.test_event_until(id, until).await {
                Ok(Some(event)) => {
                    progress(&event);
                    if event.is_finished() {
                        return Ok(event);
                    }
                    last = Some(event);
                }
                Ok(None) => {}
                // That the time of waiting is up in the middle of a call says nothing about the call.
                Err(error) if error.may_pass() && after(self.poll_interval) >= end => {}
                Err(error) => return Err(error.into()),
            }
            if after(self.poll_interval) >= end {
                return Err(RegistrationError::TestEventNotFinished {
                    correlation_id: id.clone(),
                    timeout,
                    last: last.map(Box::new),
                });
            }
            tokio::time::sleep(self.poll_interval).await;
        }
    }
}

/// 404 is an answer here.
fn found<T>(outcome: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The guide shows an object, the REST reference a string.
fn correlation_id(answer: &Answer) -> Result<Id, String> {
    let id = match answer.json()? {
        Value::Object(members) => members
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("correlationId"))
            .map(|(_, id)| id)
            .unwrap_or_default(),
        value => value,
    };
    let id = id.as_str().and_then(Id::new);
    id.ok_or_else(|| "there is no correlation id in it".to_owned())
}

/// Source: the REST reference, operation group "Webhook"; so are the other two.
const REGISTRATION: &str = "/webhooks/v1/registration";
const EVENTS: &str = "/webhooks/v1/registration/events";
const TEST_EVENTS: &str = "/webhooks/v1/registration/validationEvents";

/// Source: "Partner Center REST headers".
const APPLICATION: HeaderName = HeaderName::from_static("ms-partnercenter-application");

/// Rejected requests count towards the limit of two a minute too.
const TEST_EVENT_THROTTLE: Duration = Duration::from_secs(30);

//! The webhook registration API: which URL is called, for which events, and whether calls arrive.
//!
//! [`RegistrationClient`] has the six operations of the API, and [`ensure`](RegistrationClient::ensure), which is what
//! most callers want. There is one registration for a partner's tenant, shared by all its products; the API cannot
//! delete it.
//!
//! Calls wait between attempts and until deadlines, for which a tokio runtime with time has to be around them.
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

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::api::partner_center::PARTNER_CENTER;
use crate::api::{
    Answer, Api, ApiError, ApiErrorCause, Bearer, Call, RetryPolicy, after, query_secrets,
};
use crate::cloud::Cloud;
use crate::event::{EventName, Id};
use crate::http_client::HttpClient;
use crate::http_client::{Endpoint, EndpointError};
use crate::json::response::Unreadable;
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
    /// Of those who read the registration in order to write it.
    turn: Arc<Mutex<()>>,
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
                authorizer: Arc::new(Bearer {
                    tokens: Box::new(tokens),
                    scope: format!("{}/.default", cloud.token_audience()).into(),
                }),
                client: Arc::new(client),
                dialect: &PARTNER_CENTER,
                retries: RetryPolicy::default(),
                headers: HeaderMap::new(),
            },
            limiter: Arc::default(),
            turn: Arc::default(),
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

    /// What is registered; nothing only if the service itself says so: with 404 and one of its codes in JSON, or with 404, no
    /// body and its own ids. Any other 404, such as a page of a front end, is an error that may pass.
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
        let secrets = query_secrets(registration.webhook_url());
        call.secrets = &secrets;
        let read = |answer: &Answer| match answer.is_empty() {
            true => Ok(None),
            false => answer.json().map(Some),
        };
        match self.api.send(&call, until, read).await? {
            Some(registration) => Ok(registration),
            // It was done, and not said what.
            None => self.get_until(until).await?.ok_or_else(|| {
                let difference = Box::new(Plan::new(registration, None));
                RegistrationError::PartiallyApplied { difference }
            }),
        }
    }

    /// Asks for a test event, and gives its correlation id. The registration must hold
    /// [`EventName::TestCreated`].
    ///
    /// Microsoft allows two requests a minute, and counts those that it rejects. They are counted here: a third one waits or is
    /// refused, as `when_limited` says. With [`WhenLimited::Refuse`] nothing is repeated, but once after a
    /// token that was refused.
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
        let mut api = self.api.clone();
        if when_limited == WhenLimited::Refuse {
            api.retries = api.retries.with_max_repeats(0);
        }
        let sent = api.send(&call, api.deadline(), correlation_id).await;
        sent.map_err(|error| match error.cause() {
            ApiErrorCause::Limit { retry_after } => RegistrationError::TestEventLimit {
                retry_after: *retry_after,
            },
            _ => error.into(),
        })
    }

    /// What became of a test event; nothing if the service itself says that it does not know it (yet, or after seven days any
    /// longer).
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
            let is_last_look = Instant::now() >= end;
            // The last look may take as long as any call.
            let until = match is_last_look {
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
                // That the time of waiting is up in the middle of a call says nothing about the call.
                Err(error) if error.is_transient() && !is_last_look && Instant::now() >= end => {}
                Err(error) => return Err(error.into()),
            }
            if is_last_look {
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

/// That the service does not know it is an answer here. A 404 of somebody else is not.
fn found<T>(outcome: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_absence() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The guide shows an object, the REST reference a string.
fn correlation_id(answer: &Answer) -> Result<Id, Unreadable> {
    let id = match answer.json()? {
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

/// Source: the REST reference, operation group "Webhook"; so are the other two.
const REGISTRATION: &str = "/webhooks/v1/registration";
const EVENTS: &str = "/webhooks/v1/registration/events";
const TEST_EVENTS: &str = "/webhooks/v1/registration/validationEvents";

/// Source: "Partner Center REST headers".
const APPLICATION: HeaderName = HeaderName::from_static("ms-partnercenter-application");

//! [`EventGrid`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::deliveries;
use super::delivery::{Attempt, Delivery};
use super::handshake::{self, Handshake};
use super::settings::Settings;
use super::state::{AcceptedEvent, PATH, State, Subscribed};
use super::subscription::{EventSubscription, SubscriptionError, SubscriptionState};
use super::wire;
use crate::http_client::{HttpClient as _, Limits};
use crate::mask::Excerpt;
use crate::testing::loopback::client::PlainClient;
use crate::testing::loopback::deliveries::RESPONSE_LIMIT;
use crate::testing::loopback::server::{Server, shared_methods};

/// A partner namespace on a port of 127.0.0.1, with new keys. It stops when it is dropped.
#[derive(Debug)]
pub struct EventGrid {
    pub(super) server: Server<State>,
    endpoint: String,
}

impl EventGrid {
    /// Starts a fake on a free port. Must be called within a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// If the port cannot be bound.
    pub async fn start() -> io::Result<Self> {
        let server = Server::start(State::new()).await?;
        let endpoint = format!("{}{PATH}", server.base_url());
        Ok(Self { server, endpoint })
    }

    /// The publish endpoint: plain http, with the path.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The namespace's first key.
    pub fn access_key(&self) -> String {
        let [key, _] = self.server.state().credentials.keys.clone();
        key
    }

    /// The namespace's second key.
    pub fn second_access_key(&self) -> String {
        let [_, key] = self.server.state().credentials.keys.clone();
        key
    }

    /// Replaces both keys. Signatures under the old ones become invalid.
    ///
    /// # Example
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use partner_center_webhooks::testing::EventGrid;
    ///
    /// let fake = EventGrid::start().await?;
    /// let keys = [fake.access_key(), fake.second_access_key()];
    /// fake.regenerate_keys();
    /// assert!(!keys.contains(&fake.access_key()) && !keys.contains(&fake.second_access_key()));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn regenerate_keys(&self) {
        self.server.state().credentials.regenerate_keys();
    }

    /// Issues an access token that may publish.
    pub fn access_token(&self) -> String {
        self.server.state().credentials.issue_token()
    }

    /// Revokes all access tokens: requests with them are refused with 401.
    pub fn revoke_tokens(&self) {
        self.server.state().credentials.tokens.clear();
    }

    /// The accepted events, in order.
    pub fn accepted(&self) -> Vec<AcceptedEvent> {
        self.server.state().accepted.clone()
    }

    /// The number of accepted events whose source no channel has: the metric *UnmatchedEventCount*.
    pub fn unmatched(&self) -> usize {
        self.server.state().unmatched
    }

    /// Subscribes a webhook, replacing a subscription of the same name: performs the handshake of its schema, and returns the
    /// resulting state. Once that is `Succeeded`, events published to its channel are delivered.
    ///
    /// The handshake is not retried. Its confirmation URL is valid from the end of this call, for ten minutes by the fake's
    /// clock; see [`subscription_state`](Self::subscription_state).
    ///
    /// # Errors
    ///
    /// [`SubscriptionError`] if the endpoint cannot be called at all. A refusal is a state, not an error.
    ///
    /// # Source
    ///
    /// CloudEvents, "HTTP 1.1 Web Hooks for Event Delivery", section 4; "Endpoint validation with CloudEvents schema", "… with
    /// Event Grid event schema". It is not documented that a wrong code or origin fails at once.
    ///
    /// # Example: an endpoint that is down
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use partner_center_webhooks::testing::EventGrid;
    /// use partner_center_webhooks::testing::event_grid::EventSubscription;
    ///
    /// let fake = EventGrid::start().await?;
    /// let state = fake.subscribe(EventSubscription::new("orders", "http://127.0.0.1:1/")).await?;
    /// assert!(state.to_string().starts_with("Failed: the handshake got no response: "), "{state}");
    /// let error = fake.deliver("orders", []).unwrap_err();
    /// assert!(error.to_string().ends_with(", so no events are delivered to it"), "{error}");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn subscribe(
        &self,
        subscription: EventSubscription,
    ) -> Result<SubscriptionState, SubscriptionError> {
        subscription.check()?;
        let (settings, now) = {
            let state = self.server.state();
            (state.settings.clone(), state.base.clock.now())
        };
        let mut handshake = Handshake::new(&subscription, self.base_url(), &settings, now);
        let limits = Limits::new(settings.response_timeout, RESPONSE_LIMIT);
        let request = std::mem::take(&mut handshake.request);
        let response = PlainClient.send(request, limits).await;
        let outcome = handshake::state_after(&handshake, response);
        let mut state = self.server.state();
        let subscribed = Subscribed {
            subscription: Arc::new(subscription),
            asked: state.base.clock.now(),
            confirmation: handshake.confirmation,
            state: outcome.clone(),
        };
        state.remove_subscription(&subscribed.subscription.name);
        state.subscriptions.push(subscribed);
        Ok(outcome)
    }

    /// The state of an event subscription, if it exists.
    pub fn subscription_state(&self, name: &str) -> Option<SubscriptionState> {
        let state = self.server.state();
        let now = state.base.clock.now();
        state.subscription(name).map(|it| it.state_at(now))
    }

    /// Deletes an event subscription: gives up its deliveries in progress, and sends its endpoint one notice. Returns the
    /// result of the notice, or `None` if the endpoint had not consented.
    ///
    /// # Errors
    ///
    /// [`SubscriptionError::NoSubscription`].
    ///
    /// # Source
    ///
    /// "Azure Event Grid system events", `Microsoft.EventGrid.SubscriptionDeletedEvent`. It is not documented
    /// whether the notice is retried.
    pub async fn unsubscribe(&self, name: &str) -> Result<Option<Attempt>, SubscriptionError> {
        let (removed, now, timeout) = {
            let mut state = self.server.state();
            let removed = state.remove_subscription(name);
            (removed, state.base.clock.now(), state.settings.response_timeout)
        };
        let Some(removed) = removed else {
            let name = Excerpt::of(name);
            return Err(SubscriptionError::NoSubscription { name });
        };
        if !removed.is_validated(now) {
            return Ok(None);
        }
        let request = wire::deletion(&removed.subscription, now);
        let limits = Limits::new(timeout, RESPONSE_LIMIT);
        let response = PlainClient.send(request, limits).await;
        Ok(Some(Attempt {
            age: Duration::ZERO,
            response: response.map(|response| response.status()),
        }))
    }

    /// Delivers `events`, unchecked, to the event subscription `name`. Returns the numbers of the deliveries.
    ///
    /// # Errors
    ///
    /// [`SubscriptionError`] if it does not exist, or its endpoint has not consented.
    pub fn deliver(
        &self,
        name: &str,
        events: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<usize>, SubscriptionError> {
        let events = events.into_iter().collect();
        let mut state = self.server.state();
        let now = state.base.clock.now();
        let Some(found) = state.subscription(name) else {
            let name = Excerpt::of(name);
            return Err(SubscriptionError::NoSubscription { name });
        };
        if !found.is_validated(now) {
            return Err(SubscriptionError::NotValidated {
                name: Excerpt::of(name),
                state: Box::new(found.state_at(now)),
            });
        }
        let subscription = Arc::clone(&found.subscription);
        let State { deliveries, settings, .. } = &mut *state;
        let service = self.server.service();
        Ok(deliveries::begin(deliveries, service, &subscription, events, now, settings))
    }

    /// All deliveries so far, in the order in which they began.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.server.state().deliveries.to_vec()
    }

    /// The dead letters, as Event Grid writes them to blobs: each event with the reason, the number of attempts, the last
    /// outcome and the times, by the fake's clock and the documented pauses.
    ///
    /// # Example: an endpoint that refuses events
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use axum::Router;
    /// use axum::http::{Method, StatusCode};
    /// use axum::routing::any;
    /// use partner_center_webhooks::testing::EventGrid;
    /// use partner_center_webhooks::testing::event_grid::EventSubscription;
    /// use serde_json::json;
    ///
    /// let hook = any(|method: Method| async move {
    ///     match method {
    ///         Method::OPTIONS => (StatusCode::OK, [("webhook-allowed-origin", "*")]),
    ///         _ => (StatusCode::BAD_REQUEST, [("x-reason", "malformed")]),
    ///     }
    /// });
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let url = format!("http://{}/events", listener.local_addr()?);
    /// tokio::spawn(async move { axum::serve(listener, Router::new().route("/events", hook)).await });
    ///
    /// let fake = EventGrid::start().await?;
    /// let mut subscription = EventSubscription::new("orders", url);
    /// subscription.dead_letters = true;
    /// fake.subscribe(subscription).await?;
    /// fake.deliver("orders", [json!({"specversion": "1.0", "id": "1", "source": "/a", "type": "b"})])?;
    /// fake.settled().await;
    ///
    /// let letters = fake.dead_letters();
    /// assert_eq!((letters.len(), &letters[0]["id"]), (1, &json!("1")));
    /// assert_eq!(letters[0]["deadletterreason"], "UndeliverableDueToHttpBadRequest");
    /// assert_eq!(letters[0]["deliveryattempts"], 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dead_letters(&self) -> Vec<Value> {
        let deliveries = self.deliveries();
        deliveries.iter().flat_map(Delivery::dead_letters).collect()
    }

    /// Waits until no delivery is in progress.
    pub async fn settled(&self) {
        self.server.service().settled().await;
    }
}

shared_methods!(EventGrid, settings: Settings);

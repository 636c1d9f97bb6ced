//! [`EventGrid`]: event subscriptions and deliveries.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response};
use serde_json::Value;
use time::OffsetDateTime;

use super::deliveries;
use super::delivery::{Attempt, Delivery};
use super::fake::EventGrid;
use super::handshake::{self, Handshake};
use super::refusal::{malformed, not_found, refusal};
use super::state::{State, Subscribed};
use super::subscription::{
    DeliverySchema, EventSubscription, SubscriptionError, SubscriptionState,
};
use super::wire;
use crate::excerpt::Excerpt;
use crate::http_client::{HttpClient as _, Limits};
use crate::testing::loopback::client::PlainClient;
use crate::testing::loopback::deliveries::RESPONSE_LIMIT;
use crate::testing::loopback::refusal::Refusal;
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::response::ok;
use crate::testing::loopback::service::Service;

impl EventGrid {
    /// Subscribes a web hook, replacing a subscription of the same name: performs the handshake of its schema, and returns the
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
    pub async fn subscribe(
        &self,
        subscription: EventSubscription,
    ) -> Result<SubscriptionState, SubscriptionError> {
        let uri = subscription.check()?;
        let (settings, now) = {
            let state = self.server.state();
            (state.settings.clone(), state.clock.now())
        };
        let base_url = self.server.base_url();
        let mut handshake = Handshake::new(&subscription, uri.clone(), base_url, &settings, now);
        let limits = Limits::new(settings.response_timeout, RESPONSE_LIMIT);
        let request = std::mem::take(&mut handshake.request);
        let response = PlainClient.send(request, limits).await;
        let outcome = handshake::state_after(&handshake, response);
        let mut state = self.server.state();
        let subscribed = Subscribed {
            subscription: Arc::new(subscription),
            uri,
            asked: state.clock.now(),
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
        let now = state.clock.now();
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
            (removed, state.clock.now(), state.settings.response_timeout)
        };
        let Some(removed) = removed else {
            let name = Excerpt::of(name);
            return Err(SubscriptionError::NoSubscription { name });
        };
        if !removed.is_validated(now) {
            return Ok(None);
        }
        let request = wire::deletion(&removed.subscription, removed.uri, now);
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
        let now = state.clock.now();
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
        let (subscription, uri) = (Arc::clone(&found.subscription), found.uri.clone());
        let State { deliveries, settings, .. } = &mut *state;
        let (service, target) = (self.server.service(), (&subscription, &uri));
        Ok(deliveries::begin(deliveries, service, target, events, now, settings))
    }

    /// All deliveries so far, in the order in which they began.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.server.state().deliveries.to_vec()
    }

    /// The dead letters, as Event Grid writes them to blobs: each event with the reason, the number of attempts, the last
    /// outcome and the times, by the fake's clock and the documented pauses.
    pub fn dead_letters(&self) -> Vec<Value> {
        let deliveries = self.deliveries();
        deliveries.iter().flat_map(Delivery::dead_letters).collect()
    }

    /// Waits until no delivery is in progress.
    pub async fn settled(&self) {
        self.server.service().settled().await;
    }
}

impl State {
    fn subscription(&self, name: &str) -> Option<&Subscribed> {
        let mut subscriptions = self.subscriptions.iter();
        subscriptions.find(|it| it.subscription.name.eq_ignore_ascii_case(name))
    }

    fn remove_subscription(&mut self, name: &str) -> Option<Subscribed> {
        let mut subscriptions = self.subscriptions.iter();
        let at = subscriptions.position(|it| it.subscription.name.eq_ignore_ascii_case(name))?;
        let removed = self.subscriptions.remove(at);
        deliveries::give_up(&mut self.deliveries, &removed.subscription);
        Some(removed)
    }

    /// Begins to deliver `events`, published to `channel`, to the subscriptions that want them.
    pub(super) fn forward(
        &mut self,
        service: &Arc<Service<Self>>,
        channel: Option<&str>,
        events: &[Value],
        now: OffsetDateTime,
    ) {
        for it in self.subscriptions.iter().filter(|it| it.is_validated(now)) {
            let wanted = events.iter().filter(|event| it.subscription.wants(channel, event));
            let (events, target) = (wanted.cloned().collect(), (&it.subscription, &it.uri));
            let (deliveries, settings) = (&mut self.deliveries, &self.settings);
            deliveries::begin(deliveries, service, target, events, now, settings);
        }
    }

    /// Handles a call to a confirmation URL.
    pub(super) fn confirm(
        &mut self,
        request: &RecordedRequest,
    ) -> Result<Response<Bytes>, Refusal> {
        let now = self.clock.now();
        let mut subscriptions = self.subscriptions.iter_mut();
        let found = subscriptions.find(|it| it.confirmation == request.path_and_query());
        let Some(found) = found else {
            return Err(not_found("There is no such validation."));
        };
        let is_cloud_events = found.subscription.schema == DeliverySchema::CloudEvents;
        match *request.method() {
            Method::GET => {}
            Method::POST if is_cloud_events => {}
            _ => {
                return Err(refusal(405, "MethodNotAllowed", "MethodNotAllowed", ""));
            }
        }
        match found.state_at(now) {
            SubscriptionState::AwaitingManualAction => {
                found.state = SubscriptionState::Succeeded;
                Ok(ok(&Value::from("Webhook successfully validated as a subscription endpoint")))
            }
            _ => Err(malformed("The validation has ended.")),
        }
    }
}

//! [`EventGrid`] as a deliverer: web hooks, and what is delivered to them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, Uri};
use serde_json::Value;
use time::OffsetDateTime;

use super::EventGrid;
use super::deliverer::ANSWER_LIMIT;
use super::delivery::{Attempt, Delivery};
use super::handshake::{self, CONFIRMATION_TIME, Handshake, HandshakeFailure, SubscriptionState};
use super::refusal::Refusal;
use super::service::State;
use super::subscription::{DeliverySchema, EventSubscription, SubscriptionError};
use super::wire;
use crate::excerpt::Excerpt;
use crate::http_client::{HttpClient as _, Limits};
use crate::testing::fake::answer::ok;
use crate::testing::fake::client::PlainClient;
use crate::testing::fake::request::RecordedRequest;

impl EventGrid {
    /// Subscribes a web hook, in place of a subscription of the same name: plays the handshake of its schema, and tells how it
    /// went. Once it has succeeded, what is published to its channel is delivered.
    ///
    /// The handshake is not tried again. Its URL of confirmation is good from the end of this call on, for ten minutes by the
    /// fake's clock; [`state`](Self::subscription_state) tells what became of it.
    ///
    /// # Errors
    ///
    /// [`SubscriptionError`] if it cannot be asked at all. A refusal is a state and no error.
    ///
    /// # Source
    ///
    /// CloudEvents, "HTTP 1.1 Web Hooks for Event Delivery", section 4; "Endpoint validation with CloudEvents schema", "… with
    /// Event Grid event schema". That a wrong code or origin fails at once is not documented.
    pub async fn subscribe(
        &self,
        subscription: EventSubscription,
    ) -> Result<SubscriptionState, SubscriptionError> {
        let uri = subscription.check()?;
        let (settings, now) = {
            let state = self.service.state();
            (state.settings.clone(), (state.clock)())
        };
        let base_url = self.service.base_url();
        let mut handshake = Handshake::new(&subscription, uri.clone(), base_url, &settings, now);
        let limits = Limits::new(settings.response_timeout, ANSWER_LIMIT);
        let request = std::mem::take(&mut handshake.request);
        let answer = PlainClient.send(request, limits).await;
        let outcome = handshake::judge(&handshake, answer);
        let mut state = self.service.state();
        let subscribed = Subscribed {
            subscription: Arc::new(subscription),
            uri,
            asked: (state.clock)(),
            confirmation: handshake.confirmation,
            state: outcome.clone(),
        };
        state.remove_subscription(&subscribed.subscription.name);
        state.subscriptions.push(subscribed);
        Ok(outcome)
    }

    /// How the event subscription of this name stands, if there is one.
    pub fn subscription_state(&self, name: &str) -> Option<SubscriptionState> {
        let state = self.service.state();
        let now = (state.clock)();
        state.subscription(name).map(|it| it.state_at(now))
    }

    /// Deletes an event subscription: gives up what is under way to it, and sends its endpoint a notice, once. Gives what
    /// became of that; none, if the endpoint had not consented to be called.
    ///
    /// # Errors
    ///
    /// [`SubscriptionError::NoSubscription`].
    ///
    /// # Source
    ///
    /// "Azure Event Grid system events", `Microsoft.EventGrid.SubscriptionDeletedEvent`. Whether the notice is repeated is
    /// not documented.
    pub async fn unsubscribe(&self, name: &str) -> Result<Option<Attempt>, SubscriptionError> {
        let (removed, now, timeout) = {
            let mut state = self.service.state();
            let removed = state.remove_subscription(name);
            (removed, (state.clock)(), state.settings.response_timeout)
        };
        let Some(removed) = removed else {
            let name = Excerpt::of(name);
            return Err(SubscriptionError::NoSubscription { name });
        };
        if !removed.is_validated(now) {
            return Ok(None);
        }
        let request = wire::deletion(&removed.subscription, removed.uri, now);
        let limits = Limits::new(timeout, ANSWER_LIMIT);
        let answer = PlainClient.send(request, limits).await;
        Ok(Some(Attempt {
            age: Duration::ZERO,
            answer: answer.map(|answer| answer.status()),
        }))
    }

    /// Delivers `events` to the event subscription of this name as they are, whatever they are. Gives the numbers of the
    /// deliveries.
    ///
    /// # Errors
    ///
    /// [`SubscriptionError`] if there is none, or its endpoint has not consented.
    pub fn deliver(
        &self,
        name: &str,
        events: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<usize>, SubscriptionError> {
        let events = events.into_iter().collect();
        let mut state = self.service.state();
        let now = (state.clock)();
        let Some(found) = state.subscription(name) else {
            let name = Excerpt::of(name);
            return Err(SubscriptionError::NoSubscription { name });
        };
        if !found.is_validated(now) {
            return Err(SubscriptionError::NotValidated {
                name: Excerpt::of(name),
                state: found.state_at(now),
            });
        }
        let (subscription, uri) = (Arc::clone(&found.subscription), found.uri.clone());
        let State {
            deliverer,
            settings,
            ..
        } = &mut *state;
        Ok(deliverer.begin(&subscription, &uri, events, now, settings))
    }

    /// All deliveries so far, in the order in which they began.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.service.state().deliverer.deliveries()
    }

    /// The events that were given up, as the blobs have them: each with why, after how many attempts, how the last one ended,
    /// and when, by the fake's clock and the documented pauses.
    pub fn dead_letters(&self) -> Vec<Value> {
        let deliveries = self.deliveries();
        deliveries.iter().flat_map(Delivery::dead_letters).collect()
    }

    /// Waits until no delivery is under way any more.
    pub async fn settled(&self) {
        let mut pending = self.service.state().deliverer.pending();
        // An error would mean that the counter is gone, and all deliveries with it.
        let _ = pending.wait_for(|count| *count == 0).await;
    }
}

/// An event subscription that was asked for.
pub(super) struct Subscribed {
    subscription: Arc<EventSubscription>,
    uri: Uri,
    asked: OffsetDateTime,
    /// Path and query of the URL of confirmation.
    confirmation: String,
    state: SubscriptionState,
}

impl Subscribed {
    fn state_at(&self, now: OffsetDateTime) -> SubscriptionState {
        match self.state {
            SubscriptionState::AwaitingManualAction if now - self.asked > CONFIRMATION_TIME => {
                SubscriptionState::Failed(HandshakeFailure::Expired)
            }
            _ => self.state.clone(),
        }
    }

    fn is_validated(&self, now: OffsetDateTime) -> bool {
        matches!(self.state_at(now), SubscriptionState::Succeeded)
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
        self.deliverer.give_up(&removed.subscription);
        Some(removed)
    }

    /// Begins to deliver what was published to `channel`.
    pub(super) fn forward(&mut self, channel: Option<&str>, events: &[Value], now: OffsetDateTime) {
        for it in &self.subscriptions {
            if it.is_validated(now) {
                let (subscription, uri) = (&it.subscription, &it.uri);
                let wanted = events
                    .iter()
                    .filter(|event| subscription.wants(channel, event));
                let (events, settings) = (wanted.cloned().collect(), &self.settings);
                self.deliverer
                    .begin(subscription, uri, events, now, settings);
            }
        }
    }

    /// Answers whoever calls a URL of confirmation.
    pub(super) fn confirm(
        &mut self,
        request: &RecordedRequest,
    ) -> Result<Response<Bytes>, Refusal> {
        let now = (self.clock)();
        let mut subscriptions = self.subscriptions.iter_mut();
        let found = subscriptions.find(|it| it.confirmation == request.path_and_query());
        let Some(found) = found else {
            return Err(Refusal::not_found("There is no such validation."));
        };
        let is_cloud_events = found.subscription.schema == DeliverySchema::CloudEvents;
        match *request.method() {
            Method::GET => {}
            Method::POST if is_cloud_events => {}
            _ => {
                return Err(Refusal::new(
                    405,
                    "MethodNotAllowed",
                    "MethodNotAllowed",
                    "",
                ));
            }
        }
        match found.state_at(now) {
            SubscriptionState::AwaitingManualAction => {
                found.state = SubscriptionState::Succeeded;
                Ok(ok(&Value::from(
                    "Webhook successfully validated as a subscription endpoint",
                )))
            }
            _ => Err(Refusal::malformed("The validation is over.")),
        }
    }
}

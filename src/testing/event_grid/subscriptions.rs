//! The event subscriptions of the fake: which of them get an event, and how their handshakes are confirmed.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response};
use serde_json::Value;
use time::OffsetDateTime;

use super::deliveries;
use super::refusal::{malformed, not_found, refusal};
use super::state::{State, Subscribed};
use super::subscription::{DeliverySchema, SubscriptionState};
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::response::{Refusal, ok};
use crate::testing::loopback::server::Service;

impl State {
    /// The event subscription with this name, in any case.
    pub(super) fn subscription(&self, name: &str) -> Option<&Subscribed> {
        let mut subscriptions = self.subscriptions.iter();
        subscriptions.find(|it| it.subscription.name.eq_ignore_ascii_case(name))
    }

    /// Removes an event subscription, and gives up its deliveries in progress.
    pub(super) fn remove_subscription(&mut self, name: &str) -> Option<Subscribed> {
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
            let events = wanted.cloned().collect();
            let (deliveries, settings) = (&mut self.deliveries, &self.settings);
            deliveries::begin(deliveries, service, &it.subscription, events, now, settings);
        }
    }

    /// Handles a call to a confirmation URL.
    pub(super) fn confirm(
        &mut self,
        request: &RecordedRequest,
    ) -> Result<Response<Bytes>, Refusal> {
        let now = self.base.clock.now();
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

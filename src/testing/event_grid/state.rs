//! The state of the fake, and how it processes requests: those under `/eventsubscriptions/` confirm a handshake, all others
//! publish.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response};
use serde_json::Value;
use time::OffsetDateTime;

use super::credentials::Credentials;
use super::delivery::Delivery;
use super::handshake::{CONFIRMATION_PATH, CONFIRMATION_TIME};
use super::settings::Settings;
use super::subscription::{EventSubscription, SubscriptionError, SubscriptionState};
use crate::testing::loopback::deliveries::{CONCURRENT_ATTEMPTS, Deliveries};
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::response::{ErrorBody, guid, header};
use crate::testing::loopback::server::{self, Base, Service};

/// The state of an [`EventGrid`](super::EventGrid).
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) base: Base,
    pub(super) credentials: Credentials,
    pub(super) accepted: Vec<AcceptedEvent>,
    pub(super) unmatched: usize,
    pub(super) subscriptions: Vec<Subscribed>,
    pub(super) deliveries: Deliveries<Delivery>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            settings: Settings::default(),
            base: Base::default(),
            credentials: Credentials::new(),
            accepted: Vec::new(),
            unmatched: 0,
            subscriptions: Vec::new(),
            deliveries: Deliveries::new(CONCURRENT_ATTEMPTS),
        }
    }
}

impl server::State for State {
    fn base(&mut self) -> &mut Base {
        &mut self.base
    }

    fn process(
        &mut self,
        service: &Arc<Service<Self>>,
        request: &RecordedRequest,
    ) -> Response<Bytes> {
        let response = match request.path().starts_with(CONFIRMATION_PATH) {
            true => self.confirm(request),
            false => self.publish(service, request).map(|()| ErrorBody::Empty.response(200)),
        };
        let mut response = response.unwrap_or_else(|refusal| refusal.response());
        write_ids(request, response.headers_mut());
        response
    }

    fn stop(&mut self) {
        self.deliveries.abort();
    }
}

/// Every response has an id of its own, and repeats the client's.
fn write_ids(request: &RecordedRequest, headers: &mut HeaderMap) {
    headers.insert("x-ms-request-id", header(&guid().to_string()));
    headers.insert("api-supported-versions", header("2018-01-01"));
    if let Some(sent) = request.header("x-ms-client-request-id") {
        headers.insert("x-ms-client-request-id", header(sent));
    }
}

/// An event subscription, and the state of its handshake.
pub(super) struct Subscribed {
    pub(super) subscription: Arc<EventSubscription>,
    pub(super) asked: OffsetDateTime,
    /// The path and query of the confirmation URL.
    pub(super) confirmation: String,
    pub(super) state: SubscriptionState,
}

impl Subscribed {
    /// The state now: a handshake without confirmation fails when its time is over.
    pub(super) fn state_at(&self, now: OffsetDateTime) -> SubscriptionState {
        match self.state {
            SubscriptionState::AwaitingManualAction if now - self.asked > CONFIRMATION_TIME => {
                SubscriptionState::Failed(SubscriptionError::NotConfirmed)
            }
            _ => self.state.clone(),
        }
    }

    /// Whether the endpoint has consented, so that events may be delivered to it.
    pub(super) fn is_validated(&self, now: OffsetDateTime) -> bool {
        matches!(self.state_at(now), SubscriptionState::Succeeded)
    }
}

/// An accepted event.
#[derive(Clone, Debug)]
pub struct AcceptedEvent {
    pub(super) channel: Option<String>,
    pub(super) event: Value,
}

impl AcceptedEvent {
    /// The channel that the request named.
    pub fn channel(&self) -> Option<&str> {
        self.channel.as_deref()
    }

    /// The event.
    pub fn event(&self) -> &Value {
        &self.event
    }
}

/// The path of the publish endpoint.
pub(super) const PATH: &str = "/api/events";

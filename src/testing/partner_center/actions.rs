//! Actions at Partner Center and its certificate host, and forged callbacks.
//!
//! They are methods of the shared [`Service`], because both [`PartnerCenter`](super::PartnerCenter) and the control endpoints
//! run them.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use super::delivery::{Delivery, Origin, Outcome};
use super::events::Scene;
use super::forgery::Forgery;
use super::quirks::Validation;
use super::registration::Registration;
use super::state::State;
use crate::event::{Event, EventName};
use crate::mask::Excerpt;
use crate::testing::authority::SignedRequest;
use crate::testing::error::TestKitError;
use crate::testing::loopback::response::guid;
use crate::testing::loopback::server::Service;

impl Service<State> {
    /// Emits an event with this name.
    pub(super) fn emit(self: &Arc<Self>, name: &EventName) -> Result<usize, TestKitError> {
        let mut state = self.state();
        if *name == EventName::TestCreated {
            return state.emit_test(self);
        }
        let body = state.prepare_sample(self.base_url(), name);
        state.emit(self, body.into())
    }

    /// Emits an event with this body.
    pub(super) fn emit_body(self: &Arc<Self>, body: Bytes) -> Result<usize, TestKitError> {
        self.state().emit(self, body)
    }

    /// Requests a validation event, as through the API. Returns its correlation id.
    pub(super) fn request_validation_event(self: &Arc<Self>) -> Result<String, TestKitError> {
        let id = guid().to_string();
        let response = self.state().validate(self, &id);
        match response.status().as_u16() {
            200 => Ok(id),
            status => {
                let body = response.into_body();
                let json: Value = serde_json::from_slice(&body).unwrap_or_default();
                let message = json.get("message").and_then(Value::as_str);
                let body = message.map_or_else(|| Excerpt::of(&body), Excerpt::of);
                Err(TestKitError::Refused { status, body })
            }
        }
    }

    /// Replaces the signing certificate. Its key is generated without the lock.
    pub(super) fn rotate(&self) -> Result<(), TestKitError> {
        let next = self.state().certificates(self.base_url())?.next();
        let signer = next.issue()?;
        let mut state = self.state();
        state.certificates(self.base_url())?.rotate(next.number, signer);
        state.page.changed();
        Ok(())
    }

    /// Sends a forged callback.
    pub(super) fn forge(self: &Arc<Self>, forgery: Forgery) -> Result<usize, TestKitError> {
        let mut state = self.state();
        let url = state.webhook_url()?;
        let scene = state.scene(self.base_url());
        let body = scene.sample(&EventName::SubscriptionUpdated).body;
        let certificates = state.certificates(self.base_url())?;
        let callback = forgery.callback(certificates, self.base_url(), body)?;
        let callback = state.place_signature(callback)?;
        Ok(state.send(self, Origin::Forgery(forgery), url, callback))
    }

    /// Sends an earlier callback again, once.
    pub(super) fn replay(self: &Arc<Self>, number: usize) -> Result<usize, TestKitError> {
        let mut state = self.state();
        let url = state.webhook_url()?;
        let delivery = state.deliveries.get(number);
        let callback = delivery.and_then(|delivery| delivery.callback.clone());
        let callback = callback.ok_or(TestKitError::NoDelivery { number })?;
        Ok(state.send(self, Origin::Replay(number), url, callback))
    }
}

impl State {
    /// Registers `url` for these events, or for all supported ones if there are none. Returns their number.
    pub(super) fn register(&mut self, url: &str, events: &[String]) -> usize {
        let events = match events.is_empty() {
            true => &self.quirks.supported_events,
            false => events,
        };
        let registration = json!({"webhookUrl": url, "webhookEvents": events});
        let number = events.len();
        self.registration = Registration::from_value(&registration, self.base.clock.now());
        number
    }

    /// Chooses the header of signatures: `x-ms-signature` or `authorization`.
    pub(super) fn set_signature_header(&mut self, is_ms: bool) -> Result<(), TestKitError> {
        let registration = self.registration.as_mut();
        registration.ok_or(TestKitError::NoRegistration)?.signature_token_to_ms_signature_header =
            is_ms;
        Ok(())
    }

    /// The context of a sample event: this fake, its tenant, and now.
    fn scene<'a>(&'a self, base_url: &'a str) -> Scene<'a> {
        Scene {
            base_url,
            partner_id: &self.tokens.credentials.tenant_id,
            now: self.base.clock.now(),
        }
    }

    /// Stores the resources that a sample of this event points to. Returns its body.
    pub(super) fn prepare_sample(&mut self, base_url: &str, name: &EventName) -> String {
        let sample = self.scene(base_url).sample(name);
        for (path, resource) in sample.resources {
            self.resources.put(path, resource);
        }
        sample.body
    }

    /// The registered webhook URL.
    fn webhook_url(&self) -> Result<String, TestKitError> {
        let registration = self.registration.as_ref();
        let url = registration.map(|registration| registration.webhook_url.clone());
        url.ok_or(TestKitError::NoRegistration)
    }

    /// Delivers an event if it is registered. A body without an event name is always delivered.
    fn emit(&mut self, service: &Arc<Service<Self>>, body: Bytes) -> Result<usize, TestKitError> {
        let url = self.webhook_url()?;
        if let (Some(name), Some(registration)) = (event_name(&body), &self.registration)
            && !registration.has_event(&name)
        {
            return Err(TestKitError::NotRegistered {
                name: Excerpt::of(name),
                registered: registration.webhook_events.clone(),
            });
        }
        let callback = self.sign(service.base_url(), body)?;
        Ok(self.send(service, Origin::Event, url, callback))
    }

    /// Delivers a validation event, whose result can be polled like any other.
    fn emit_test(&mut self, service: &Arc<Service<Self>>) -> Result<usize, TestKitError> {
        let id = guid().to_string();
        let body = self.scene(service.base_url()).validation_event(&id);
        let number = self.emit(service, body.into())?;
        let (url, now) = (self.webhook_url()?, self.base.clock.now());
        self.validations.add(&id, url, number, now);
        Ok(number)
    }

    /// Responds to `POST /registration/validationEvents`, and delivers the event.
    pub(super) fn validate(
        &mut self,
        service: &Arc<Service<Self>>,
        correlation_id: &str,
    ) -> Response<Bytes> {
        let (quirks, now) = (&self.quirks, self.base.clock.now());
        let registration = self.registration.as_ref();
        let response = self.validations.create(registration, correlation_id, quirks, now);
        let is_delivered = matches!(quirks.validation, Validation::Delivered);
        let (true, true, Ok(url)) = (response.status() == 200, is_delivered, self.webhook_url())
        else {
            return response;
        };
        let scene = self.scene(service.base_url());
        let body = scene.validation_event(correlation_id).into();
        // Signed when it is sent, so that the request does not wait for key generation.
        let number = self.deliver(service, Origin::ValidationEvent, url, body, None);
        self.validations.delivered_as(correlation_id, number);
        response
    }

    /// Begins a delivery whose callback is signed already.
    fn send(
        &mut self,
        service: &Arc<Service<Self>>,
        origin: Origin,
        webhook_url: String,
        callback: SignedRequest,
    ) -> usize {
        let body = callback.body.clone();
        self.deliver(service, origin, webhook_url, body, Some(callback))
    }

    /// Begins a delivery. Without a `callback`, the first attempt signs the body.
    fn deliver(
        &mut self,
        service: &Arc<Service<Self>>,
        origin: Origin,
        webhook_url: String,
        body: Bytes,
        callback: Option<SignedRequest>,
    ) -> usize {
        self.page.changed();
        self.deliveries.begin(service, |number| Delivery {
            number,
            origin,
            event_name: event_name(&body),
            webhook_url,
            body,
            attempts: Vec::new(),
            outcome: Outcome::Pending,
            callback,
        })
    }
}

/// The event name in a body; `None` if it is not an event.
fn event_name(body: &[u8]) -> Option<String> {
    let event = Event::from_slice(body).ok()?;
    Some(event.name().as_str().to_owned())
}

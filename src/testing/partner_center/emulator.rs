//! What happens at Partner Center, at its certificate host, and between it and a partner's service.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use thiserror::Error;

use super::delivery::{Delivery, Origin, Outcome};
use super::events::Scene;
use super::forgery::Forgery;
use super::quirks::Validation;
use super::service::{Service, State};
use crate::chain::CertificatesError;
use crate::event::{Event, EventName};
use crate::excerpt::Excerpt;
use crate::source::PrefixError;
use crate::testing::fake::answer::guid;
use crate::testing::{IssuerError, SignedRequest};

/// Why an emulated Partner Center did not do as told.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PartnerCenterError {
    /// The root cannot be an anchor.
    #[error(transparent)]
    Anchors(#[from] CertificatesError),
    /// A certificate or a signature could not be made.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// The base URL cannot be a prefix of certificates' URLs.
    #[error(transparent)]
    Location(#[from] PrefixError),
    /// There is no delivery of this number.
    #[error("there is no delivery {number}")]
    NoDelivery {
        /// The number.
        number: usize,
    },
    /// Nothing is registered, so there is nowhere to send to.
    #[error("no webhook URL is registered")]
    NoRegistration,
    /// The partner did not register for the event.
    #[error("the event `{name}` is not registered (registered: {})", .registered.join(", "))]
    NotRegistered {
        /// The event's name.
        name: Excerpt,
        /// The registered names.
        registered: Vec<String>,
    },
    /// The API would have refused it.
    #[error("refused with status {status}: {body}")]
    Refused {
        /// The status.
        status: u16,
        /// The beginning of the answer's body.
        body: Excerpt,
    },
}

impl Service {
    /// An event of this name happens.
    pub(super) fn emit(self: &Arc<Self>, name: &EventName) -> Result<usize, PartnerCenterError> {
        let mut state = self.state();
        if *name == EventName::TestCreated {
            return state.emit_test(self);
        }
        let sample = state.scene(self.base_url()).sample(name);
        for (path, resource) in sample.resources {
            state.resources.put(path, resource);
        }
        state.emit(self, sample.body.into())
    }

    /// Something happens of which this is the event's body.
    pub(super) fn emit_body(self: &Arc<Self>, body: Bytes) -> Result<usize, PartnerCenterError> {
        self.state().emit(self, body)
    }

    /// A test is asked for, as through the API. Gives its correlation id.
    pub(super) fn test(self: &Arc<Self>) -> Result<String, PartnerCenterError> {
        let id = guid().to_string();
        let answer = self.state().validate(self, &id);
        match answer.status().as_u16() {
            200 => Ok(id),
            status => Err(PartnerCenterError::Refused {
                status,
                body: Excerpt::of(answer.body()),
            }),
        }
    }

    /// Puts another signing certificate in place. Its key is made while everything else goes on.
    pub(super) fn rotate(&self) -> Result<(), IssuerError> {
        let next = self.state().certificates(self.base_url())?.next();
        let signer = next.make()?;
        let mut state = self.state();
        state
            .certificates(self.base_url())?
            .rotate(next.number, signer);
        Ok(())
    }

    /// Somebody sends a callback of his own.
    pub(super) fn forge(self: &Arc<Self>, forgery: Forgery) -> Result<usize, PartnerCenterError> {
        let mut state = self.state();
        let url = state.webhook_url()?;
        let scene = state.scene(self.base_url());
        let body = scene.sample(&EventName::SubscriptionUpdated).body;
        let certificates = state.certificates(self.base_url())?;
        let callback = forgery.callback(certificates, self.base_url(), body)?;
        let callback = state.placed(callback)?;
        Ok(state.send(self, Origin::Forgery(forgery), url, callback))
    }

    /// Somebody sends again, once, what was sent before.
    pub(super) fn replay(self: &Arc<Self>, number: usize) -> Result<usize, PartnerCenterError> {
        let mut state = self.state();
        let url = state.webhook_url()?;
        let callback = state.dispatch.callback(number).cloned();
        let callback = callback.ok_or(PartnerCenterError::NoDelivery { number })?;
        Ok(state.send(self, Origin::Replay(number), url, callback))
    }
}

impl State {
    fn scene<'a>(&'a self, base_url: &'a str) -> Scene<'a> {
        Scene {
            base_url,
            partner_id: &self.tokens.credentials.tenant_id,
            now: self.now(),
        }
    }

    fn webhook_url(&self) -> Result<String, PartnerCenterError> {
        let registration = self.registration.as_ref();
        let url = registration.map(|registration| registration.webhook_url.clone());
        url.ok_or(PartnerCenterError::NoRegistration)
    }

    /// Delivers an event, if the partner registered for it. A body without a name is delivered whatever is registered.
    fn emit(&mut self, service: &Arc<Service>, body: Bytes) -> Result<usize, PartnerCenterError> {
        let url = self.webhook_url()?;
        if let (Some(name), Some(registration)) = (event_name(&body), &self.registration)
            && !registration.has_event(&name)
        {
            return Err(PartnerCenterError::NotRegistered {
                name: Excerpt::of(name),
                registered: registration.webhook_events.clone(),
            });
        }
        let callback = self.sign(service.base_url(), body)?;
        Ok(self.send(service, Origin::Event, url, callback))
    }

    /// Delivers a validation event that can be asked for afterwards, as all can.
    fn emit_test(&mut self, service: &Arc<Service>) -> Result<usize, PartnerCenterError> {
        let id = guid().to_string();
        let body = self.scene(service.base_url()).validation_event(&id);
        let number = self.emit(service, body.into())?;
        let (url, now) = (self.webhook_url()?, self.now());
        self.validations.learn(&id, url, number, now);
        Ok(number)
    }

    /// Answers `POST /registration/validationEvents`, and delivers the event.
    pub(super) fn validate(
        &mut self,
        service: &Arc<Service>,
        correlation_id: &str,
    ) -> Response<Bytes> {
        let (quirks, now) = (&self.quirks, self.now());
        let registration = self.registration.as_ref();
        let answer = self
            .validations
            .create(registration, correlation_id, quirks, now);
        let is_delivered = matches!(quirks.validation, Validation::Delivered);
        let (true, true, Ok(url)) = (answer.status() == 200, is_delivered, self.webhook_url())
        else {
            return answer;
        };
        let scene = self.scene(service.base_url());
        let body = scene.validation_event(correlation_id).into();
        // Signed when it is sent: who asks for it does not wait for the making of keys.
        let number = self.deliver(service, Origin::ValidationEvent, url, body, None);
        self.validations.delivered_as(correlation_id, number);
        answer
    }

    fn send(
        &mut self,
        service: &Arc<Service>,
        origin: Origin,
        webhook_url: String,
        callback: SignedRequest,
    ) -> usize {
        let body = callback.body.clone();
        self.deliver(service, origin, webhook_url, body, Some(callback))
    }

    fn deliver(
        &mut self,
        service: &Arc<Service>,
        origin: Origin,
        webhook_url: String,
        body: Bytes,
        callback: Option<SignedRequest>,
    ) -> usize {
        let delivery = Delivery {
            number: 0,
            origin,
            event_name: event_name(&body),
            webhook_url,
            body,
            attempts: Vec::new(),
            outcome: Outcome::Pending,
        };
        self.dispatch.begin(service, delivery, callback)
    }
}

fn event_name(body: &[u8]) -> Option<String> {
    let event = Event::from_slice(body).ok()?;
    Some(event.name().as_str().to_owned())
}

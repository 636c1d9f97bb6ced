//! A fake of Event Grid on loopback: the publish endpoint of a partner namespace, and deliveries to web hooks.
//!
//! [`EventGrid`] judges requests as the service is documented to, and stricter where its documentation is silent: keys,
//! signatures with their end and their resource, tokens, media type, limits, the channel, and each event. It writes down
//! each request, and breaks answers and connections on demand ([`Fault`]).
//!
//! ```
//! # #[cfg(feature = "reqwest")] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http::Request;
//! use partner_center_webhooks::http_client::{HttpClient, Limits, ReqwestClient};
//! use partner_center_webhooks::testing::EventGrid;
//!
//! let fake = EventGrid::start().await?;
//! let client = ReqwestClient::new()?;
//! let publish = async |key: &str| {
//!     let request = Request::post(format!("{}?api-version=2018-01-01", fake.endpoint()))
//!         .header("aeg-sas-key", key)
//!         .header("aeg-channel-name", "fabrikam")
//!         .header("content-type", "application/cloudevents-batch+json; charset=utf-8")
//!         .body(Bytes::from(r#"[{"specversion":"1.0","id":"1","source":"/a","type":"b"}]"#))?;
//!     let answer = client.send(request, Limits::new(Duration::from_secs(5), 1 << 20)).await?;
//!     Ok::<_, Box<dyn std::error::Error>>(answer.status().as_u16())
//! };
//! assert_eq!(publish("bm90IHRoZSBrZXk=").await?, 401);
//! assert_eq!(publish(&fake.access_key()).await?, 200);
//! assert_eq!(fake.accepted()[0].event()["id"], "1");
//! # Ok(()) }) }
//! # #[cfg(not(feature = "reqwest"))] fn main() {}
//! ```
//!
//! It delivers too, over real HTTP: [`subscribe`](EventGrid::subscribe) plays the handshake of either schema, and what is
//! published, or [handed in](EventGrid::deliver), is tried by the documented schedule until it is delivered, dropped, or a
//! dead letter. Waiting is a matter of [`Settings::speed`], and no clock decides.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use axum::Router;
//! use axum::http::{Method, StatusCode};
//! use axum::routing::any;
//! use partner_center_webhooks::testing::EventGrid;
//! use partner_center_webhooks::testing::event_grid::{EventSubscription, GivenUp, Outcome, SubscriptionState};
//! use serde_json::json;
//!
//! // A web hook that consents, and then is busy.
//! let hook = any(|method: Method| async move {
//!     match method {
//!         Method::OPTIONS => (StatusCode::OK, [("webhook-allowed-origin", "eventgrid.azure.net")]),
//!         _ => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "30")]),
//!     }
//! });
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let url = format!("http://{}/events?code=secret", listener.local_addr()?);
//! tokio::spawn(async move { axum::serve(listener, Router::new().route("/events", hook)).await });
//!
//! let fake = EventGrid::start().await?;
//! fake.configure(|settings| settings.speed = 0); // a day is over at once
//! let state = fake.subscribe(EventSubscription::new("orders", url)).await?;
//! assert!(matches!(state, SubscriptionState::Succeeded));
//!
//! fake.deliver("orders", [json!({"specversion": "1.0", "id": "1", "source": "/a", "type": "b"})])?;
//! fake.settled().await;
//! let delivery = &fake.deliveries()[0];
//! let ages = delivery.attempts().iter().map(|attempt| attempt.age().as_secs());
//! assert_eq!(ages.collect::<Vec<_>>(), [0, 30, 60, 120, 420, 1020, 2820, 6420, 17_220, 38_820, 82_020]);
//! assert_eq!(delivery.outcome(), Outcome::Dropped(GivenUp::TimeToLiveExceeded));
//! # Ok(()) }) }
//! ```
//!
//! # Source
//!
//! "Event Grid message delivery and retry"; "Endpoint validation with CloudEvents schema", "… with Event Grid event schema";
//! what else is said at each item.
//!
//! Left out are jitter, and what the documentation leaves to chance: the hold on endpoints that keep failing, the answer that
//! comes too late and still ends the retries, and the five minutes before a dead letter is written.

mod accepted;
mod deliverer;
mod delivery;
mod handshake;
mod proof;
mod refusal;
mod retry;
mod service;
mod settings;
mod subscription;
mod subscriptions;
mod wire;

use std::io;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::testing::fake::Service;
use crate::testing::fake::server::Server;

pub use crate::testing::fake::answer::ErrorBody;
pub use crate::testing::fake::fault::Fault;
pub use crate::testing::fake::request::RecordedRequest;
pub use accepted::AcceptedEvent;
pub use delivery::{Attempt, Delivery, GivenUp, Outcome};
pub use handshake::{HandshakeFailure, SubscriptionState};
pub use settings::{Routing, Settings};
pub use subscription::{
    DeletionNotice, DeliverySchema, EventSubscription, SubscriptionError, TokenSource,
};

use service::{PATH, State};

/// A partner namespace on a port of 127.0.0.1 that stops when it is dropped. Its keys are new for each fake.
#[derive(Debug)]
pub struct EventGrid {
    service: Arc<Service<State>>,
    endpoint: String,
    _server: Server,
}

impl EventGrid {
    /// Starts one on a free port. Needs a tokio runtime with I/O and time around it.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from listening.
    pub async fn start() -> io::Result<Self> {
        let (_server, service) = Server::start(State::new()).await?;
        Ok(Self {
            endpoint: format!("{}{PATH}", service.base_url()),
            service,
            _server,
        })
    }

    /// Where it is, without a slash at the end. The paths of URLs of confirmation are answered here.
    pub fn base_url(&self) -> &str {
        self.service.base_url()
    }

    /// Where to publish: plain http, with the path.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The first of the namespace's two keys.
    pub fn access_key(&self) -> String {
        let [key, _] = self.service.state().proofs.keys.clone();
        key
    }

    /// The second one.
    pub fn second_access_key(&self) -> String {
        let [_, key] = self.service.state().proofs.keys.clone();
        key
    }

    /// Replaces both keys: what was signed with them is good no longer.
    pub fn regenerate_keys(&self) {
        self.service.state().proofs.regenerate_keys();
    }

    /// A new access token that may publish.
    pub fn access_token(&self) -> String {
        self.service.state().proofs.give_token()
    }

    /// From now on, every access token that was given is answered 401.
    pub fn revoke_tokens(&self) {
        self.service.state().proofs.tokens.clear();
    }

    /// Changes how it behaves, from the next request on.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.service.state().settings);
    }

    /// Reads the time from `clock`, for the ends of signatures. Default: the system's.
    pub fn set_clock(&self, clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static) {
        self.service.state().clock = Arc::new(clock);
    }

    /// The events that were accepted, in order.
    pub fn accepted(&self) -> Vec<AcceptedEvent> {
        self.service.state().accepted.clone()
    }

    /// How many events were accepted that no channel has the source of: the metric *UnmatchedEventCount*.
    pub fn unmatched(&self) -> usize {
        self.service.state().unmatched
    }

    /// Lets `fault` happen to the next request. Faults happen in the order in which they were injected, one a request.
    pub fn inject(&self, fault: Fault) {
        self.service.state().traffic.faults.push(fault);
    }

    /// How many faults have not happened.
    pub fn pending_faults(&self) -> usize {
        self.service.state().traffic.faults.len()
    }

    /// All requests so far, those that a fault met included.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.service.state().traffic.requests.clone()
    }
}

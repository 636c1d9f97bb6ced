//! A fake of Event Grid on loopback: the publish endpoint of a partner namespace.
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

mod accepted;
mod proof;
mod refusal;
mod service;
mod settings;

use std::io;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::testing::fake::Service;
use crate::testing::fake::server::Server;

pub use crate::testing::fake::answer::ErrorBody;
pub use crate::testing::fake::fault::Fault;
pub use crate::testing::fake::request::RecordedRequest;
pub use accepted::AcceptedEvent;
pub use settings::{Routing, Settings};

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

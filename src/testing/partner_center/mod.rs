//! A Partner Center on loopback: tokens, the registration API with its quirks, resources, faults, and signed callbacks.
//!
//! [`PartnerCenter`] answers over real HTTP as the service is documented to, or reported to where the documentation is
//! silent or disagrees with itself ([`Quirks`]). It writes down each request, and breaks answers and connections on demand
//! ([`Fault`]).
//!
//! ```
//! # #[cfg(feature = "reqwest")] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http::Request;
//! use partner_center_webhooks::http_client::{HttpClient, Limits, ReqwestClient};
//! use partner_center_webhooks::testing::partner_center::{Fault, PartnerCenter};
//!
//! let partner_center = PartnerCenter::start().await?;
//! partner_center.inject(Fault::Throttle { retry_after: Some("1".into()) });
//!
//! let client = ReqwestClient::new()?;
//! let ask = async || {
//!     let url = format!("{}/webhooks/v1/registration", partner_center.base_url());
//!     let bearer = format!("Bearer {}", partner_center.access_token());
//!     let request = Request::get(url).header("authorization", bearer).body(Bytes::new())?;
//!     let answer = client.send(request, Limits::new(Duration::from_secs(5), 1 << 20)).await?;
//!     Ok::<_, Box<dyn std::error::Error>>(answer.status().as_u16())
//! };
//! assert_eq!(ask().await?, 429);
//! assert_eq!(ask().await?, 404); // nothing is registered yet
//! assert_eq!(partner_center.requests().len(), 2);
//! # Ok(()) }) }
//! # #[cfg(not(feature = "reqwest"))] fn main() {}
//! ```
//!
//! It is an emulator too: it delivers [events](PartnerCenter::emit) and validation events to the registered webhook URL, with
//! ten attempts and an offline queue, and its certificate host [rotates](PartnerCenter::rotate),
//! [revokes](PartnerCenter::revoke) and [goes down](PartnerCenter::go_down). A receiver trusts it in one line.
//!
//! ```
//! # #[cfg(feature = "aws-lc-rs")] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use std::time::Duration;
//!
//! use partner_center_webhooks::EventName;
//! use partner_center_webhooks::crypto::DefaultBackend;
//! use partner_center_webhooks::testing::partner_center::{Outcome, PartnerCenter};
//! use serde_json::json;
//!
//! let partner_center = PartnerCenter::start().await?;
//! let receiver = partner_center.receiver_builder(DefaultBackend::new())?.build()?;
//! let callback = partner_center.signer()?.callback(r#"{"EventName":"invoice-ready"}"#)?;
//! assert!(receiver.receive(&callback.headers, &callback.body).await.is_ok());
//!
//! // Nobody listens where this one goes.
//! partner_center.configure(|quirks| quirks.first_pause = Duration::from_millis(1));
//! partner_center.set_registration(&json!({
//!     "webhookUrl": "http://127.0.0.1:1/callback",
//!     "webhookEvents": ["invoice-ready"],
//! }));
//! partner_center.emit(&EventName::InvoiceReady)?;
//! partner_center.settled().await;
//! let given_up = &partner_center.offline_queue()[0];
//! assert_eq!((given_up.outcome(), given_up.attempts().len()), (Outcome::Offline, 10));
//! # Ok(()) }) }
//! # #[cfg(not(feature = "aws-lc-rs"))] fn main() {}
//! ```
//!
//! The example `partner_center` is this as a program, for services in any language: `GET /emulator` tells them what they have to
//! know, and `POST /emulator/commands` takes a [`Command`].

mod builder;
mod calls;
mod certificates;
mod client;
mod command;
mod control;
mod delivery;
mod dispatch;
mod emulator;
mod events;
mod forgery;
mod quirks;
mod registration;
mod resources;
pub mod samples;
mod service;
mod tokens;
mod validation;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::task::JoinHandle;

use crate::cloud::{Cloud, CloudProfile};

pub use crate::testing::fake::answer::ErrorBody;
pub use crate::testing::fake::fault::Fault;
pub use crate::testing::fake::request::RecordedRequest;
pub use builder::PartnerCenterBuilder;
pub use command::{Command, CommandError};
pub use delivery::{Attempt, Delivery, Origin, Outcome};
pub use emulator::PartnerCenterError;
pub use forgery::{Forgery, UnknownForgery};
pub use quirks::{
    Casing, CorrelationIdShape, Delay, NoResults, Quirks, ResponseCode, Validation,
    ValidationResult,
};

use certificates::CERT;
use registration::Registration;
use resources::{GRAPH, REFERRALS};
use service::Service;

/// A Partner Center on a port of 127.0.0.1 that stops when it is dropped.
///
/// It has one tenant with one application, whose ids and secrets are new each time. Keys for signing are made when the first
/// callback or certificate is asked for, which takes some tenths of a second.
#[derive(Debug)]
pub struct PartnerCenter {
    service: Arc<Service>,
    server: JoinHandle<()>,
}

impl PartnerCenter {
    /// Starts one on a free port. Needs a tokio runtime with I/O and time around it.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from listening.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Sets one up.
    pub fn builder() -> PartnerCenterBuilder {
        PartnerCenterBuilder::new()
    }

    /// Where it is, without a slash at the end.
    pub fn base_url(&self) -> &str {
        self.service.base_url()
    }

    /// The cloud to give to a client, which has all its endpoints here: Graph under `/graph`, referrals under `/referrals`,
    /// certificates under `/cert/`.
    pub fn cloud(&self) -> Cloud {
        let base_url = self.base_url();
        let mut profile = CloudProfile::new(base_url, base_url);
        profile.certificate_locations = vec![format!("{base_url}{CERT}")];
        profile.graph_base = format!("{base_url}{GRAPH}");
        profile.referrals_base = format!("{base_url}{REFERRALS}");
        profile.danger_plain_http_on_loopback = true;
        Cloud::Custom(profile)
    }

    /// The partner's tenant.
    pub fn tenant_id(&self) -> String {
        self.service.state().tokens.credentials.tenant_id.clone()
    }

    /// The application.
    pub fn client_id(&self) -> String {
        self.service.state().tokens.credentials.client_id.clone()
    }

    /// The application's secret.
    pub fn client_secret(&self) -> String {
        let state = self.service.state();
        state.tokens.credentials.client_secret.clone()
    }

    /// A refresh token that a user consented to.
    pub fn refresh_token(&self) -> String {
        let state = self.service.state();
        state.tokens.credentials.refresh_token.clone()
    }

    /// A new token of the application for the Partner Center API, without a request for it.
    pub fn access_token(&self) -> String {
        let mut state = self.service.state();
        let (lifetime, now) = (state.quirks.token_lifetime, state.now());
        state.tokens.give(self.base_url(), lifetime, now)
    }

    /// How often the token endpoint was asked, for whatever.
    pub fn token_requests(&self) -> usize {
        self.service.state().tokens.requests
    }

    /// From now on, every access token that was issued is answered 401.
    pub fn revoke_tokens(&self) {
        self.service.state().tokens.revoke();
    }

    /// Changes how it behaves, from the next request or attempt on. Everything waits for `change` to return.
    pub fn configure(&self, change: impl FnOnce(&mut Quirks)) {
        change(&mut self.service.state().quirks);
    }

    /// Reads the time from `clock`: for tokens' ends, the limit of validation events, and times in answers. Default: the
    /// system's.
    pub fn set_clock(&self, clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static) {
        self.service.state().clock = Arc::new(clock);
    }

    /// Lets the clock jump ahead, for whoever goes by it: [receivers](Self::receiver_builder) too, one of which asks for a
    /// rotated certificate at most once in five seconds.
    pub fn advance(&self, time: Duration) {
        let mut state = self.service.state();
        let clock = Arc::clone(&state.clock);
        state.clock = Arc::new(move || clock().saturating_add(time.try_into().unwrap_or_default()));
    }

    /// Serves `resource` at `GET path_and_query`, as in `/v1/customers/1`, to whoever has a token for it.
    ///
    /// Resources of Graph stand under `/graph/` and those of referrals under `/referrals/`, each with an audience of its own:
    /// the base URL and that. See [`samples`].
    pub fn put_resource(&self, path_and_query: impl Into<String>, resource: Value) {
        let mut state = self.service.state();
        state.resources.put(path_and_query.into(), resource);
    }

    /// Lets `fault` happen to the next request for which no other fault was chosen. Faults happen in the order in which they
    /// were injected, one a request.
    pub fn inject(&self, fault: Fault) {
        self.service.state().faults.push(fault);
    }

    /// Lets `fault` happen to the next request of this method whose path begins so.
    pub fn inject_on(&self, method: Method, path_prefix: impl Into<String>, fault: Fault) {
        let mut state = self.service.state();
        state.faults.push_on(method, path_prefix.into(), fault);
    }

    /// Takes back all faults that have not happened.
    pub fn clear_faults(&self) {
        self.service.state().faults.clear();
    }

    /// How many faults have not happened.
    pub fn pending_faults(&self) -> usize {
        self.service.state().faults.len()
    }

    /// All requests so far, those for tokens and those that a fault met included.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.service.state().requests.clone()
    }

    /// What is registered, with the members of the REST reference.
    pub fn registration(&self) -> Option<Value> {
        let state = self.service.state();
        state.registration.as_ref().map(Registration::to_value)
    }

    /// Replaces what is registered, unchecked; with anything but an object, nothing is registered. Members may be missing and
    /// are read in any case.
    pub fn set_registration(&self, registration: &Value) {
        let mut state = self.service.state();
        state.registration = Registration::from_value(registration, state.now());
    }
}

impl Drop for PartnerCenter {
    fn drop(&mut self) {
        self.server.abort();
        self.service.state().dispatch.abort();
    }
}

//! A fake Partner Center on loopback: tokens, the registration API with its quirks, resources, and faults.
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

mod quirks;
mod registration;
mod resources;
pub mod samples;
mod service;
mod tokens;
mod validation;

use std::io;
use std::sync::Arc;

use http::Method;
use serde_json::Value;
use time::OffsetDateTime;

use crate::cloud::{Cloud, CloudProfile};
use crate::testing::fake::Service;
use crate::testing::fake::server::Server;

pub use crate::testing::fake::answer::ErrorBody;
pub use crate::testing::fake::fault::Fault;
pub use crate::testing::fake::request::RecordedRequest;
pub use quirks::{
    Casing, CorrelationIdShape, Delay, NoResults, Quirks, Validation, ValidationResult,
};

use registration::Registration;
use resources::{GRAPH, REFERRALS};
use service::State;

/// A Partner Center on a port of 127.0.0.1 that stops when it is dropped.
///
/// It has one tenant with one application, whose ids and secrets are new for each fake.
#[derive(Debug)]
pub struct PartnerCenter {
    service: Arc<Service<State>>,
    _server: Server,
}

impl PartnerCenter {
    /// Starts one on a free port. Needs a tokio runtime with I/O and time around it.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from listening.
    pub async fn start() -> io::Result<Self> {
        let (_server, service) = Server::start(State::new()).await?;
        Ok(Self { service, _server })
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
        profile.certificate_locations = vec![format!("{base_url}/cert/")];
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
        let (lifetime, now) = (state.quirks.token_lifetime, (state.clock)());
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

    /// Changes how it behaves, from the next request on.
    pub fn configure(&self, change: impl FnOnce(&mut Quirks)) {
        change(&mut self.service.state().quirks);
    }

    /// Reads the time from `clock`: for tokens' ends, the limit of validation events, and times in answers. Default: the
    /// system's.
    pub fn set_clock(&self, clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static) {
        self.service.state().clock = Arc::new(clock);
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
        self.service.state().traffic.faults.push(fault);
    }

    /// Lets `fault` happen to the next request of this method whose path begins so.
    pub fn inject_on(&self, method: Method, path_prefix: impl Into<String>, fault: Fault) {
        let mut state = self.service.state();
        state
            .traffic
            .faults
            .push_on(method, path_prefix.into(), fault);
    }

    /// Takes back all faults that have not happened.
    pub fn clear_faults(&self) {
        self.service.state().traffic.faults.clear();
    }

    /// How many faults have not happened.
    pub fn pending_faults(&self) -> usize {
        self.service.state().traffic.faults.len()
    }

    /// All requests so far, those for tokens and those that a fault met included.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.service.state().traffic.requests.clone()
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
        state.registration = Registration::from_value(registration, (state.clock)());
    }
}

//! A fake of Azure Resource Manager on loopback: the resources of Event Grid's Partner Events.
//!
//! [`ResourceManager`] answers as the service was recorded to, long-running operations included, and as its documentation
//! has it where there is no record. It plays both sides: what a partner's channel does to a customer's topic, and back. It
//! writes down each request, and breaks answers and connections on demand ([`Fault`]).
//!
//! Nobody has to be authorized to create a channel here, and event subscriptions call nobody.
//!
//! ```
//! # #[cfg(all(feature = "event-grid", feature = "reqwest"))] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use partner_center_webhooks::event_grid::manage::{
//!     ManagementClient, PartnerRegistration, ArmResource, ResourceGroup, SubscriptionId,
//! };
//! use partner_center_webhooks::http_client::ReqwestClient;
//! use partner_center_webhooks::testing::ResourceManager;
//! use partner_center_webhooks::token::{AccessToken, StaticToken};
//!
//! let fake = ResourceManager::start().await?;
//! let tokens = StaticToken::new(AccessToken::new(fake.access_token())?);
//! let client = ManagementClient::new(&fake.cloud(), ReqwestClient::new()?, tokens)?;
//!
//! let group = ResourceGroup::new(SubscriptionId::new("00000000-0000-0000-0000-000000000001")?, "events")?;
//! let id = group.partner_registration("contoso")?;
//! assert_eq!(client.get(&id).await?, None);
//! let registration = ArmResource::new(PartnerRegistration::default()).at("global");
//! let made = client.create_or_update(&id, &registration).await?;
//! assert!(made.properties.partner_registration_immutable_id.is_some());
//! assert_eq!(fake.requests().len(), 2);
//! # Ok(()) }) }
//! # #[cfg(not(all(feature = "event-grid", feature = "reqwest")))] fn main() {}
//! ```

mod actions;
mod lists;
mod operations;
mod resources;
mod route;
mod service;
mod writes;

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

use resources::Stored;
use service::State;

/// An Azure Resource Manager on a port of 127.0.0.1 that stops when it is dropped.
#[derive(Debug)]
pub struct ResourceManager {
    service: Arc<Service<State>>,
    _server: Server,
}

/// How the fake behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// How often an operation says that it is in progress. Default: once.
    pub polls: usize,
    /// What the next operation fails with, once it was accepted: `{"code", "message", …}`.
    pub failure: Option<Value>,
    /// Whether deletions say where their operation is in `Location` alone. By default, `Azure-AsyncOperation` does too.
    pub location_only: bool,
    /// Whether writes say nowhere where their operation is. By default, `Azure-AsyncOperation` does.
    pub no_operation: bool,
    /// `Retry-After` of what is in progress. Default, as recorded: none.
    pub retry_after: Option<String>,
    /// How many resources a page holds if the request does not say it. Default: 20.
    pub page_size: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            polls: 1,
            failure: None,
            location_only: false,
            no_operation: false,
            retry_after: None,
            page_size: 20,
        }
    }
}

impl ResourceManager {
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

    /// The cloud to give to a client.
    pub fn cloud(&self) -> Cloud {
        let mut profile = CloudProfile::new(self.base_url(), self.base_url());
        profile.management_base = self.base_url().to_owned();
        profile.danger_plain_http_on_loopback = true;
        Cloud::Custom(profile)
    }

    /// The one token that it takes.
    pub fn access_token(&self) -> String {
        self.service.state().token.clone()
    }

    /// Changes how it behaves, from the next request on.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.service.state().settings);
    }

    /// Reads the time from `clock`. Default: the system's.
    pub fn set_clock(&self, clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static) {
        self.service.state().clock = Arc::new(clock);
    }

    /// A resource as it stands, by its id in any case.
    pub fn resource(&self, id: &str) -> Option<Value> {
        let state = self.service.state();
        state.resources.get(id).map(|stored| stored.value.clone())
    }

    /// Puts a resource there, unchecked: an old one, or one that only the service makes.
    pub fn put_resource(&self, id: &str, resource: Value) {
        let mut state = self.service.state();
        state.resources.put(id, Stored::of(resource));
    }

    /// Takes a resource away, and the one that mirrors it.
    pub fn remove_resource(&self, id: &str) {
        self.service.state().resources.remove(id);
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

    /// All requests so far, those that a fault met included.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.service.state().traffic.requests.clone()
    }
}

//! [`ResourceManager`].

use std::io;

use http::Method;
use serde_json::Value;
use time::OffsetDateTime;

use super::resources::Stored;
use super::settings::Settings;
use super::state::State;
use crate::cloud::{Cloud, CloudProfile};
use crate::testing::loopback::clock::Clock;
use crate::testing::loopback::fault::Fault;
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::server::Server;

/// An Azure Resource Manager on a port of 127.0.0.1. It stops when it is dropped.
#[derive(Debug)]
pub struct ResourceManager {
    server: Server<State>,
}

impl ResourceManager {
    /// Starts a fake on a free port. Must be called within a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// If the port cannot be bound.
    pub async fn start() -> io::Result<Self> {
        let server = Server::start(State::new()).await?;
        Ok(Self { server })
    }

    /// The base URL, without a trailing slash.
    pub fn base_url(&self) -> &str {
        self.server.base_url()
    }

    /// The cloud to configure a client with.
    pub fn cloud(&self) -> Cloud {
        let mut profile = CloudProfile::new(self.base_url(), self.base_url());
        profile.management_base = self.base_url().to_owned();
        profile.danger_plain_http_on_loopback = true;
        Cloud::Custom(profile)
    }

    /// The only access token that is accepted.
    pub fn access_token(&self) -> String {
        self.server.state().token.clone()
    }

    /// Changes the settings, from the next request on.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.server.state().settings);
    }

    /// Sets the clock. Default: the system's.
    pub fn set_clock(&self, clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static) {
        self.server.state().clock = Clock::new(clock);
    }

    /// The current state of a resource, by its id in any case.
    pub fn resource(&self, id: &str) -> Option<Value> {
        let state = self.server.state();
        state.resources.get(id).map(|stored| stored.value.clone())
    }

    /// Stores a resource unchecked, for example one that only the service creates.
    pub fn put_resource(&self, id: &str, resource: Value) {
        let mut state = self.server.state();
        state.resources.put(id, Stored::of(resource));
    }

    /// Removes a resource and its mirror.
    pub fn remove_resource(&self, id: &str) {
        self.server.state().resources.remove(id);
    }

    /// Injects `fault` into the next request that no fault of [`inject_on`](Self::inject_on) matches. Several faults apply in
    /// order, one per request.
    pub fn inject(&self, fault: Fault) {
        self.server.state().traffic.faults.push(fault);
    }

    /// Injects `fault` into the next request with this method and path prefix.
    pub fn inject_on(&self, method: Method, path_prefix: impl Into<String>, fault: Fault) {
        let mut state = self.server.state();
        state.traffic.faults.push_on(method, path_prefix.into(), fault);
    }

    /// All requests so far, including those that met a fault.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.server.state().traffic.requests.clone()
    }
}

//! [`EventGrid`]: the publish endpoint.

use std::io;

use time::OffsetDateTime;

use super::settings::Settings;
use super::state::{AcceptedEvent, PATH, State};
use crate::testing::loopback::clock::Clock;
use crate::testing::loopback::fault::Fault;
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::server::Server;

/// A partner namespace on a port of 127.0.0.1, with new keys. It stops when it is dropped.
#[derive(Debug)]
pub struct EventGrid {
    pub(super) server: Server<State>,
    endpoint: String,
}

impl EventGrid {
    /// Starts a fake on a free port. Must be called within a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// If the port cannot be bound.
    pub async fn start() -> io::Result<Self> {
        let server = Server::start(State::new()).await?;
        let endpoint = format!("{}{PATH}", server.base_url());
        Ok(Self { server, endpoint })
    }

    /// The base URL, without a trailing slash. Confirmation URLs lie under it by default.
    pub fn base_url(&self) -> &str {
        self.server.base_url()
    }

    /// The publish endpoint: plain http, with the path.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The namespace's first key.
    pub fn access_key(&self) -> String {
        let [key, _] = self.server.state().credentials.keys.clone();
        key
    }

    /// The namespace's second key.
    pub fn second_access_key(&self) -> String {
        let [_, key] = self.server.state().credentials.keys.clone();
        key
    }

    /// Replaces both keys. Signatures under the old ones become invalid.
    pub fn regenerate_keys(&self) {
        self.server.state().credentials.regenerate_keys();
    }

    /// Issues an access token that may publish.
    pub fn access_token(&self) -> String {
        self.server.state().credentials.issue_token()
    }

    /// Revokes all access tokens: requests with them are refused with 401.
    pub fn revoke_tokens(&self) {
        self.server.state().credentials.tokens.clear();
    }

    /// Changes the settings, from the next request on.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.server.state().settings);
    }

    /// Sets the clock, which decides whether signatures have expired. Default: the system's.
    pub fn set_clock(&self, clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static) {
        self.server.state().clock = Clock::new(clock);
    }

    /// The accepted events, in order.
    pub fn accepted(&self) -> Vec<AcceptedEvent> {
        self.server.state().accepted.clone()
    }

    /// The number of accepted events whose source no channel has: the metric *UnmatchedEventCount*.
    pub fn unmatched(&self) -> usize {
        self.server.state().unmatched
    }

    /// Injects `fault` into the next request. Several faults apply in order, one per request.
    pub fn inject(&self, fault: Fault) {
        self.server.state().traffic.faults.push(fault);
    }

    /// The number of pending faults.
    pub fn pending_faults(&self) -> usize {
        self.server.state().traffic.faults.len()
    }

    /// All requests so far, including those that met a fault.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.server.state().traffic.requests.clone()
    }
}

//! What the fakes have in common: a server on loopback that writes down requests, and breaks things on demand.

pub(super) mod answer;
pub(super) mod client;
pub(super) mod fault;
pub(super) mod request;
pub(super) mod server;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::Response;
use time::OffsetDateTime;

use fault::{Fault, Faults};
use request::RecordedRequest;
use server::Site;

/// What all connections of a fake share.
pub(super) struct Service<S> {
    base_url: String,
    state: Mutex<S>,
}

/// What changes in a fake.
pub(super) trait State: Send + 'static {
    /// What came in, and what is to go wrong.
    fn traffic(&mut self) -> &mut Traffic;

    /// Processes a request to the fake at `base_url`.
    fn process(&mut self, base_url: &str, request: &RecordedRequest) -> Response<Bytes>;
}

impl<S: State> Service<S> {
    /// A service at `base_url`, which has no slash at the end.
    pub(super) fn new(base_url: String, state: S) -> Self {
        Self {
            base_url,
            state: Mutex::new(state),
        }
    }

    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What changes, for as long as the guard lives.
    pub(super) fn state(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: State> Site for Service<S> {
    fn receive(&self, request: RecordedRequest) -> Option<Fault> {
        self.state().traffic().receive(request)
    }

    fn process(self: &Arc<Self>, request: &RecordedRequest) -> Response<Bytes> {
        self.state().process(&self.base_url, request)
    }
}

impl<S> fmt::Debug for Service<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// Tells a fake the time.
pub(super) type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// What came in so far, and what is still to go wrong.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) faults: Faults,
    pub(super) requests: Vec<RecordedRequest>,
}

impl Traffic {
    fn receive(&mut self, request: RecordedRequest) -> Option<Fault> {
        let fault = self.faults.next(request.method(), request.path());
        self.requests.push(request);
        fault
    }
}

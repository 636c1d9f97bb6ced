//! The shared state of a fake: one lock, and one record of its traffic.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::Response;

use super::fault::{Fault, Faults};
use super::request::RecordedRequest;

/// A fake's base URL, and its state behind a lock. All connections share it.
pub(crate) struct Service<S> {
    base_url: String,
    state: Mutex<S>,
}

/// The mutable part of a fake.
pub(crate) trait State: Sized + Send + 'static {
    /// The requests so far, and the pending faults.
    fn traffic(&mut self) -> &mut Traffic;

    /// Handles a request to the test kit itself, which is neither recorded nor subject to faults. Runs without the lock.
    fn control(service: &Arc<Service<Self>>, request: &RecordedRequest) -> Option<Response<Bytes>> {
        let _ = (service, request);
        None
    }

    /// A fault that applies to `request` for as long as the state says so. Takes precedence over injected ones.
    fn standing_fault(&self, request: &RecordedRequest) -> Option<Fault> {
        let _ = request;
        None
    }

    /// Processes a request to the fake.
    fn process(
        &mut self,
        service: &Arc<Service<Self>>,
        request: &RecordedRequest,
    ) -> Response<Bytes>;

    /// Aborts background work; called when the fake is dropped.
    fn stop(&mut self) {}
}

impl<S> Service<S> {
    /// Creates a service at `base_url`, which has no trailing slash.
    pub(crate) fn new(base_url: String, state: S) -> Self {
        Self { base_url, state: Mutex::new(state) }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Locks the state.
    pub(crate) fn state(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: State> Service<S> {
    /// Records a request. Returns the fault that applies to it.
    pub(super) fn receive(&self, request: RecordedRequest) -> Option<Fault> {
        let mut state = self.state();
        let standing = state.standing_fault(&request);
        let traffic = state.traffic();
        let fault = standing.or_else(|| traffic.faults.next(request.method(), request.path()));
        traffic.requests.push(request);
        fault
    }
}

impl<S> fmt::Debug for Service<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// The requests received so far, and the faults still to inject.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) faults: Faults,
    pub(crate) requests: Vec<RecordedRequest>,
}

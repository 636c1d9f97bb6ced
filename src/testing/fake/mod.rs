//! What the fakes have in common: a server on loopback that writes down requests, and breaks things on demand.

pub(super) mod answer;
pub(super) mod fault;
pub(super) mod request;
pub(super) mod server;

use fault::{Fault, Faults};
use request::RecordedRequest;

/// What came in so far, and what is still to go wrong.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) faults: Faults,
    pub(super) requests: Vec<RecordedRequest>,
}

impl Traffic {
    /// Writes down a request, and tells what shall happen to it.
    pub(super) fn receive(&mut self, request: RecordedRequest) -> Option<Fault> {
        let fault = self.faults.next(request.method(), request.path());
        self.requests.push(request);
        fault
    }
}

//! The ids by which support finds a call in the service's records.

use uuid::Uuid;

use super::service::Service;
use crate::mask::Excerpt;

/// The ids of a call. All attempts share one request id.
///
/// Partner Center's support asks for the request id and the correlation id; Azure's for the request id of the response.
#[derive(Clone, Debug)]
pub(super) struct CallIds {
    /// Our request id.
    pub(super) request: Uuid,
    /// Whether each attempt has a correlation id.
    has_correlation: bool,
    /// Our correlation id of the current attempt.
    pub(super) correlation: Option<Uuid>,
    /// The correlation id in the last response.
    pub(super) correlation_received: Option<Excerpt>,
    /// The service's request id in the last response.
    pub(super) request_received: Option<Excerpt>,
    /// The attempts so far, including the current one.
    pub(super) attempts: u32,
    /// Whether an earlier attempt may have been processed.
    pub(super) may_have_succeeded: bool,
}

impl CallIds {
    /// Ids before the first attempt.
    pub(super) fn new(service: &Service) -> Self {
        Self {
            request: Uuid::new_v4(),
            has_correlation: service.correlation_id.is_some(),
            correlation: None,
            correlation_received: None,
            request_received: None,
            attempts: 0,
            may_have_succeeded: false,
        }
    }

    /// Starts the next attempt.
    pub(super) fn next(&mut self) {
        self.correlation = self.has_correlation.then(Uuid::new_v4);
        self.correlation_received = None;
        self.request_received = None;
        self.attempts = self.attempts.saturating_add(1);
    }
}

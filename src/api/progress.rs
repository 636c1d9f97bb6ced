//! How far a call is, and by what it is found again.

use uuid::Uuid;

use super::{ApiError, Dialect};
use crate::excerpt::Excerpt;

/// How far a call is.
pub(super) struct Progress {
    pub(super) ids: Ids,
    pub(super) waits_for: WaitsFor,
    /// Why the attempt before failed.
    pub(super) last: Option<ApiError>,
}

impl Progress {
    /// Nothing has been sent yet.
    pub(super) fn new(dialect: &Dialect) -> Self {
        Self {
            ids: Ids::new(dialect),
            waits_for: WaitsFor::Credential,
            last: None,
        }
    }
}

/// What would be cut off if time were up now.
pub(super) enum WaitsFor {
    /// A request is under way.
    Answer,
    /// None is.
    Credential,
}

/// By what an operation is found again in the service's records. A repeated request keeps its request id.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    pub(super) request: Uuid,
    /// Whether there is a correlation id for each attempt.
    has_correlation: bool,
    pub(super) sent: Option<Uuid>,
    pub(super) received: Option<Excerpt>,
    pub(super) request_received: Option<Excerpt>,
    pub(super) attempts: u32,
    /// Whether an attempt before the last one may have been processed.
    pub(super) may_have_been_done: bool,
}

impl Ids {
    fn new(dialect: &Dialect) -> Self {
        Self {
            request: Uuid::new_v4(),
            has_correlation: dialect.correlation_id.is_some(),
            sent: None,
            received: None,
            request_received: None,
            attempts: 0,
            may_have_been_done: false,
        }
    }

    /// For the next attempt.
    pub(super) fn next(&mut self) {
        self.sent = self.has_correlation.then(Uuid::new_v4);
        self.received = None;
        self.request_received = None;
        self.attempts = self.attempts.saturating_add(1);
    }
}

//! The settings that both engines have.

use std::sync::Arc;
use std::time::Duration;

use super::guard::GuardTimes;
use crate::duplicates::InMemory;

/// The documentation is that of the options of each engine.
#[derive(Clone, Debug)]
pub(in super::super) struct Settings {
    pub(in super::super) endpoint: Arc<str>,
    pub(in super::super) is_ordered: bool,
    pub(in super::super) limit_bytes: u64,
    pub(in super::super) deadline: Duration,
    pub(in super::super) refused: u32,
    pub(in super::super) guard: GuardTimes,
}

impl Settings {
    pub(in super::super) fn new(limit_bytes: u64) -> Self {
        Self {
            endpoint: Arc::from(""),
            is_ordered: false,
            limit_bytes,
            deadline: Duration::from_secs(5),
            refused: 100,
            guard: GuardTimes { lease: InMemory::LEASE, time_to_live: InMemory::TIME_TO_LIVE },
        }
    }
}

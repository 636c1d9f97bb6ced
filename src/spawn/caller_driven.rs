//! Without a runtime: callers drive the work.

use std::time::Duration;

use super::{Spawn, Task};

/// Runs nothing in the background: the callers that wait drive the fetch. See the [module](super) for its limits.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CallerDriven;

impl CallerDriven {
    /// A spawner that gives every task back.
    pub const fn new() -> Self {
        Self
    }
}

impl Spawn for CallerDriven {
    fn spawn(&self, task: Task, _: Duration) -> Result<(), Task> {
        Err(task)
    }
}

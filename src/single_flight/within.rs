//! A part of a piece of work, under a deadline of its own.

use std::sync::Arc;
use std::time::Duration;

use super::board::Interrupted;
use super::flight::{Flight, Task, Waiter, caught};
use crate::spawn::Spawn;

/// Runs `work` in a task of its own, for `limit` at most.
pub(crate) async fn within<T: Clone + Send + 'static>(
    spawn: &Arc<dyn Spawn>,
    limit: Duration,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Interrupted> {
    let flight = Arc::new(Flight::new());
    let waiter = Waiter::patient(&flight);
    let stopped = Stopped(Arc::clone(&flight));
    let task: Task = Box::pin(async move {
        let outcome = caught(work).await.ok_or(Interrupted::Panicked);
        stopped.0.land(outcome);
    });
    if let Err(task) = spawn.spawn(task, limit) {
        flight.drive_by_callers(task);
    }
    waiter.await.unwrap_or(Err(Interrupted::Stopped))
}

/// Tells whoever waits that the task was dropped.
struct Stopped<T>(Arc<Flight<Result<T, Interrupted>>>);

impl<T> Drop for Stopped<T> {
    fn drop(&mut self) {
        self.0.land(Err(Interrupted::Stopped));
    }
}

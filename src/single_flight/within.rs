//! Part of a piece of work, under a deadline of its own.

use std::sync::{Arc, Weak};
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
    let finisher = Finisher(Arc::downgrade(&flight));
    let task: Task = Box::pin(async move {
        finisher.finish(caught(work).await.ok_or(Interrupted::Panicked));
    });
    if let Err(task) = spawn.spawn(task, limit) {
        flight.drive_by_callers(task);
    }
    waiter.await.unwrap_or(Err(Interrupted::Stopped))
}

/// Finishes the flight, also by being dropped. Weak, because a caller-driven flight holds the task, which holds this.
struct Finisher<T>(Weak<Flight<Result<T, Interrupted>>>);

impl<T> Finisher<T> {
    fn finish(&self, outcome: Result<T, Interrupted>) {
        if let Some(flight) = self.0.upgrade() {
            flight.finish(outcome);
        }
    }
}

impl<T> Drop for Finisher<T> {
    fn drop(&mut self) {
        self.finish(Err(Interrupted::Stopped));
    }
}

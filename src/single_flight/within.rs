//! A part of a piece of work, under a deadline of its own.

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
    let landing = Landing(Arc::downgrade(&flight));
    let task: Task = Box::pin(async move {
        landing.land(caught(work).await.ok_or(Interrupted::Panicked));
    });
    if let Err(task) = spawn.spawn(task, limit) {
        flight.drive_by_callers(task);
    }
    waiter.await.unwrap_or(Err(Interrupted::Stopped))
}

/// Ends the flight, also by being dropped. Weak, because the flight holds the task where its waiter drives it.
struct Landing<T>(Weak<Flight<Result<T, Interrupted>>>);

impl<T> Landing<T> {
    fn land(&self, outcome: Result<T, Interrupted>) {
        if let Some(flight) = self.0.upgrade() {
            flight.land(outcome);
        }
    }
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        self.land(Err(Interrupted::Stopped));
    }
}

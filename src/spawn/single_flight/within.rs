//! Part of a piece of work, under a deadline of its own.
//!
//! A fetch of a signing certificate, for example, consists of a download, of issuers and of lists. Each has its own deadline, so that
//! one slow host does not use up the time of the others.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::board::Interrupted;
use super::flight::{Flight, Task, Waiter, caught};
use crate::spawn::Spawn;

/// Runs `work` in a task of its own, for `limit` at most.
///
/// The outer work may be cancelled or have a longer deadline: this part ends at its own. If no runtime takes it, the caller drives it,
/// and only the deadline of the outer work ends it.
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

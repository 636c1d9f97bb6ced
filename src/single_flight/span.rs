//! A span of time that the spawner measures. The receiver's clock can be set back, and then the same seconds come twice.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::flight::{Flight, Task, Waiter};
use crate::spawn::Spawn;

/// A span that began when this was made. Its timer ends with its last clone.
#[derive(Clone)]
pub(crate) struct Span(Option<Arc<Running>>);

struct Running {
    is_over: Arc<AtomicBool>,
    /// Lands when nobody asks any more, so that the timer does not outlive its use, not even on a runtime without timers.
    unused: Arc<Flight<()>>,
}

impl Span {
    /// Begins a span of this length. Where `spawn` runs nothing, nobody measures it, and it is never over.
    pub(crate) fn begin(spawn: &Arc<dyn Spawn>, length: Duration) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let unused = Arc::new(Flight::new());
        let end = End(Arc::clone(&is_over));
        let waiter = Waiter::patient(&unused);
        let task: Task = Box::pin(async move {
            let _end = end;
            let _ = waiter.await;
        });
        match spawn.spawn(task, length) {
            Ok(()) => Self(Some(Arc::new(Running { is_over, unused }))),
            Err(_) => Self(None),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        let running = self.0.as_ref();
        running.is_some_and(|running| running.is_over.load(Ordering::Acquire))
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Span")
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.unused.land(());
    }
}

/// Is dropped when the spawner's time for the task is up.
struct End(Arc<AtomicBool>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

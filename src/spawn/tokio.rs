//! Background tasks on tokio.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::{sleep, timeout};

use super::{Spawn, Task};

/// Runs tasks on a tokio runtime: the one in which it was made or, outside of any, on a thread of its own.
///
/// The thread is started when the first task needs it, and ends with the spawner. A runtime that has been shut down is
/// replaced by the current one, or by that thread.
///
/// Two things are asked of a runtime:
///
/// - Its timers are enabled, as [`enable_all`](Builder::enable_all) does. Without them, tasks have no deadline.
/// - It keeps running. Tasks wait while a handler blocks its only thread, and on a runtime that is alive but that nobody
///   runs. Make a receiver in the runtime of the server, not in one that is used for the start alone.
#[derive(Debug, Default)]
pub struct TokioSpawn {
    runtime: Option<Handle>,
    has_timers: Arc<OnceLock<bool>>,
    own: Mutex<Option<OwnRuntime>>,
}

impl TokioSpawn {
    /// Uses the current runtime, if there is one.
    pub fn new() -> Self {
        Self {
            runtime: Handle::try_current().ok(),
            ..Self::default()
        }
    }

    /// Uses `runtime`.
    pub fn on(runtime: Handle) -> Self {
        Self {
            runtime: Some(runtime),
            ..Self::default()
        }
    }

    fn own(&self) -> Option<Handle> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if own.is_none() {
            *own = OwnRuntime::start();
        }
        let runtime = own.as_ref()?.0.as_ref()?;
        Some(runtime.handle().clone())
    }
}

impl Spawn for TokioSpawn {
    fn spawn(&self, task: Task, limit: Duration) -> Result<(), Task> {
        let Some(runtime) = &self.runtime else {
            return match self.own() {
                Some(own) => hand_over(&own, task, limit, Arc::default()),
                None => Err(task),
            };
        };
        let has_timers = Arc::clone(&self.has_timers);
        let Err(task) = hand_over(runtime, task, limit, has_timers) else {
            return Ok(());
        };
        match Handle::try_current().ok().or_else(|| self.own()) {
            Some(other) => hand_over(&other, task, limit, Arc::default()),
            None => Err(task),
        }
    }

    fn instant(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

/// A runtime of one thread. It is shut down in the background: a spawner may be dropped within another runtime, where
/// waiting is not allowed.
#[derive(Debug)]
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    /// `None` if the system has no thread or no file descriptor left: the next task tries again.
    fn start() -> Option<Self> {
        let mut builder = Builder::new_multi_thread();
        builder
            .worker_threads(1)
            .thread_name("partner-center-fetch")
            .enable_all();
        // tokio reports that there is no thread by a panic.
        let built = catch_unwind(AssertUnwindSafe(|| builder.build()));
        Some(Self(Some(built.ok()?.ok()?)))
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Spawns `task`, or gives it back if `runtime` has been shut down: then tokio drops it at once, without running it.
fn hand_over(
    runtime: &Handle,
    task: Task,
    limit: Duration,
    has_timers: Arc<OnceLock<bool>>,
) -> Result<(), Task> {
    let dropped = Arc::new(Mutex::new(None));
    let mut handover = Handover {
        task: Some(task),
        dropped: Arc::clone(&dropped),
    };
    runtime.spawn(async move {
        if let Some(task) = handover.task.take() {
            match has_timers.get_or_init(timers_are_enabled) {
                // Whoever waits for it is told by the task itself.
                true => drop(timeout(limit, task).await),
                false => task.await,
            }
        }
    });
    let returned = dropped
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    match returned {
        Some(task) => Err(task),
        None => Ok(()),
    }
}

/// Whether the current runtime has timers. tokio says that by a panic only, which names the remedy.
fn timers_are_enabled() -> bool {
    catch_unwind(|| drop(sleep(Duration::ZERO))).is_ok()
}

/// Puts a task that was dropped before it ran where the spawner finds it.
struct Handover {
    task: Option<Task>,
    dropped: Arc<Mutex<Option<Task>>>,
}

impl Drop for Handover {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            *self.dropped.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tokio::sync::oneshot;

    use super::*;

    fn reporting() -> (Task, oneshot::Receiver<Option<String>>) {
        let (report, reported) = oneshot::channel();
        let task: Task = Box::pin(async move {
            let name = thread::current().name().map(str::to_owned);
            report.send(name).unwrap();
        });
        (task, reported)
    }

    #[tokio::test]
    async fn it_runs_on_the_runtime_in_which_it_was_made() {
        let (task, reported) = reporting();
        assert!(
            TokioSpawn::new()
                .spawn(task, Duration::from_secs(1))
                .is_ok()
        );
        assert_eq!(reported.await.unwrap().as_deref(), thread::current().name());
    }

    #[test]
    fn outside_of_a_runtime_it_has_a_thread_of_its_own() {
        let spawn = TokioSpawn::new();
        let (task, reported) = reporting();
        assert!(spawn.spawn(task, Duration::from_secs(1)).is_ok());
        let name = reported.blocking_recv().unwrap();
        assert_eq!(name.as_deref(), Some("partner-center-fetch"));
    }

    #[test]
    fn a_runtime_that_was_shut_down_is_replaced() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let spawn = TokioSpawn::on(runtime.handle().clone());
        drop(runtime);
        let (task, reported) = reporting();
        assert!(spawn.spawn(task, Duration::from_secs(1)).is_ok());
        let name = reported.blocking_recv().unwrap();
        assert_eq!(name.as_deref(), Some("partner-center-fetch"));
    }

    #[test]
    fn a_runtime_without_timers_runs_tasks_without_a_limit() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let spawn = TokioSpawn::on(runtime.handle().clone());
        for _ in 0..2 {
            let (task, reported) = reporting();
            assert!(spawn.spawn(task, Duration::from_secs(1)).is_ok());
            assert!(runtime.block_on(reported).is_ok());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_is_dropped_after_its_limit() {
        let (end, ended) = oneshot::channel::<()>();
        let task: Task = Box::pin(async move {
            let _end = end;
            std::future::pending::<()>().await;
        });
        let started = tokio::time::Instant::now();
        assert!(
            TokioSpawn::new()
                .spawn(task, Duration::from_secs(5))
                .is_ok()
        );
        assert!(ended.await.is_err());
        assert_eq!(started.elapsed().as_secs(), 5);
    }
}

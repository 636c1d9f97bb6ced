//! Background tasks on tokio.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::{sleep, timeout};

use super::{Spawn, Task};

/// Runs tasks on the tokio runtime in which it was created or, if there was none, on a thread of its own.
///
/// The thread starts with the first task that needs it, and ends with the spawner. A runtime that has been shut down is
/// replaced by the current one, or by that thread.
///
/// Requirements of a runtime:
///
/// - Its timers are enabled, as by [`enable_all`](Builder::enable_all). Without them, tasks have no deadline.
/// - It keeps running. Tasks stall while a handler blocks its only thread, and while no thread drives the runtime. Create a
///   receiver in the runtime of the server, not in one that is used only for startup.
#[derive(Debug, Default)]
pub struct TokioSpawn {
    runtime: Option<Handle>,
    has_timers: Arc<OnceLock<bool>>,
    own: Mutex<Option<OwnRuntime>>,
}

impl TokioSpawn {
    /// Uses the current runtime, or a thread of its own. For another runtime, enter that first:
    ///
    /// ```
    /// use partner_center_webhooks::spawn::TokioSpawn;
    ///
    /// let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    /// let entered = runtime.enter();
    /// let spawn = TokioSpawn::new(); // on `runtime`, also after this guard is dropped
    /// # drop(entered); drop(spawn);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new() -> Self {
        Self { runtime: Handle::try_current().ok(), ..Self::default() }
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

/// A runtime of one thread. It is shut down in the background, because a spawner may be dropped inside another runtime, where
/// blocking is not allowed.
#[derive(Debug)]
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    /// `None` if the system is out of threads or file descriptors. The next task tries again.
    fn start() -> Option<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("partner-center-fetch").enable_all();
        // tokio panics if there is no thread.
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

/// Spawns `task`, or returns it if `runtime` has been shut down: then tokio drops it at once, without running it.
fn hand_over(
    runtime: &Handle,
    task: Task,
    limit: Duration,
    has_timers: Arc<OnceLock<bool>>,
) -> Result<(), Task> {
    let dropped = Arc::new(Mutex::new(None));
    let mut handover = Handover { task: Some(task), dropped: Arc::clone(&dropped) };
    runtime.spawn(async move {
        if let Some(task) = handover.task.take() {
            match has_timers.get_or_init(timers_are_enabled) {
                // The task itself notifies its waiters when it is dropped.
                true => drop(timeout(limit, task).await),
                false => task.await,
            }
        }
    });
    let returned = dropped.lock().unwrap_or_else(PoisonError::into_inner).take();
    match returned {
        Some(task) => Err(task),
        None => Ok(()),
    }
}

/// Whether the current runtime has timers. Without them tokio panics, and its message names the remedy.
fn timers_are_enabled() -> bool {
    catch_unwind(|| drop(sleep(Duration::ZERO))).is_ok()
}

/// Hands a task that was dropped before it ran back to the spawner.
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

    fn on(runtime: &Runtime) -> TokioSpawn {
        let _entered = runtime.enter();
        TokioSpawn::new()
    }

    fn reporting() -> (Task, oneshot::Receiver<Option<String>>) {
        let (report, reported) = oneshot::channel();
        let task: Task = Box::pin(async move {
            let name = thread::current().name().map(str::to_owned);
            report.send(name).unwrap();
        });
        (task, reported)
    }

    #[tokio::test]
    async fn runs_on_the_runtime_in_which_it_was_created() {
        let (task, reported) = reporting();
        assert!(TokioSpawn::new().spawn(task, Duration::from_secs(1)).is_ok());
        assert_eq!(reported.await.unwrap().as_deref(), thread::current().name());
    }

    #[test]
    fn starts_a_thread_outside_a_runtime() {
        let spawn = TokioSpawn::new();
        let (task, reported) = reporting();
        assert!(spawn.spawn(task, Duration::from_secs(1)).is_ok());
        let name = reported.blocking_recv().unwrap();
        assert_eq!(name.as_deref(), Some("partner-center-fetch"));
    }

    #[test]
    fn replaces_a_runtime_that_was_shut_down() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let spawn = on(&runtime);
        drop(runtime);
        let (task, reported) = reporting();
        assert!(spawn.spawn(task, Duration::from_secs(1)).is_ok());
        let name = reported.blocking_recv().unwrap();
        assert_eq!(name.as_deref(), Some("partner-center-fetch"));
    }

    #[test]
    fn runs_tasks_without_a_limit_on_a_runtime_without_timers() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let spawn = on(&runtime);
        for _ in 0..2 {
            let (task, reported) = reporting();
            assert!(spawn.spawn(task, Duration::from_secs(1)).is_ok());
            assert!(runtime.block_on(reported).is_ok());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn drops_a_task_after_its_limit() {
        let (end, ended) = oneshot::channel::<()>();
        let task: Task = Box::pin(async move {
            let _end = end;
            std::future::pending::<()>().await;
        });
        let started = tokio::time::Instant::now();
        assert!(TokioSpawn::new().spawn(task, Duration::from_secs(5)).is_ok());
        assert!(ended.await.is_err());
        assert_eq!(started.elapsed().as_secs(), 5);
    }
}

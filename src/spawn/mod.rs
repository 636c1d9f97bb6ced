//! Background tasks: fetches run in tasks of their own, so that nobody's request carries them.
//!
//! A request that hangs up, times out or panics must not stop a fetch that others wait for. [`Spawn`] is the one thing that
//! this crate asks of an async runtime. With feature `reqwest` the default is `TokioSpawn`; for another runtime, implement
//! [`Spawn`] in a few lines.
//!
//! Without a runtime, [`CallerDriven`] lets the callers that wait drive the fetch between them. It works everywhere and
//! promises less:
//!
//! | promise | with a runtime | [`CallerDriven`] |
//! |---|---|---|
//! | a fetch that everybody has left goes on | yes | no: the next caller resumes it, or it counts as failed once its time is over |
//! | a fetch has a deadline whatever the HTTP client does | yes | only by the caller's clock: when the next caller comes |
//! | a callback with a good signer never waits for the network | yes | one callback for each refresh, and one for each check of the revocation lists, drives it and waits for it |
//! | a callback without a signer waits five seconds at most | yes | no: put a timeout around it |
//!
//! Certificates and revocation lists of signers, the keys of Microsoft Entra and access tokens are all fetched like this: what
//! the table says of a callback holds for a delivery from Event Grid, and for a caller who needs a token.

#[cfg(feature = "reqwest")]
mod tokio;

use std::fmt;
use std::time::{Duration, Instant};

use crate::http_client::BoxFuture;

#[cfg(feature = "reqwest")]
pub use tokio::TokioSpawn;

/// The spawner that is used unless another one is given: `TokioSpawn` with feature `reqwest`, else [`CallerDriven`].
#[cfg(feature = "reqwest")]
pub type DefaultSpawn = TokioSpawn;
/// The spawner that is used unless another one is given: `TokioSpawn` with feature `reqwest`, else [`CallerDriven`].
#[cfg(not(feature = "reqwest"))]
pub type DefaultSpawn = CallerDriven;

/// Work without a result. Dropping it before it is complete is safe: whoever waits for it is told.
pub type Task = BoxFuture<'static, ()>;

/// Runs tasks in the background.
///
/// # Example: another runtime
///
/// ```
/// use std::time::Duration;
///
/// use partner_center_webhooks::spawn::{Spawn, Task};
///
/// #[derive(Debug)]
/// struct OnTokio(tokio::runtime::Handle);
///
/// impl Spawn for OnTokio {
///     fn spawn(&self, task: Task, limit: Duration) -> Result<(), Task> {
///         self.0.spawn(async move { tokio::time::timeout(limit, task).await });
///         Ok(())
///     }
/// }
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// let (done, was_done) = tokio::sync::oneshot::channel();
/// let task: Task = Box::pin(async move { done.send("done").unwrap() });
/// assert!(OnTokio(runtime.handle().clone()).spawn(task, Duration::from_secs(1)).is_ok());
/// assert_eq!(runtime.block_on(was_done), Ok("done"));
/// ```
pub trait Spawn: fmt::Debug + Send + Sync {
    /// Runs `task` until it is complete, and drops it after `limit` if it is not. Returns at once.
    ///
    /// # Errors
    ///
    /// Gives the task back if it cannot run in the background. The callers that wait for it drive it then.
    fn spawn(&self, task: Task, limit: Duration) -> Result<(), Task>;

    /// This moment, by a clock that is never set: it tells how old a fetch is after the receiver's clock was set back.
    ///
    /// By default that of the system. A runtime whose time can be paused for tests gives its own.
    fn instant(&self) -> Instant {
        Instant::now()
    }
}

/// Runs nothing in the background: the callers that wait drive the fetch. See the [module](self) for what that cannot promise.
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

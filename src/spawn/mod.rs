//! Background tasks: fetches run in tasks of their own, so that no request owns them.
//!
//! A request that disconnects, times out or panics must not stop a fetch that other requests wait for. [`Spawn`] is all that
//! this crate requires of an async runtime. With feature `reqwest` the default is `TokioSpawn`; for another runtime, implement
//! [`Spawn`] in a few lines.
//!
//! Without a runtime, the waiting callers of [`CallerDriven`] drive the fetch together. It works everywhere and guarantees less:
//!
//! | guarantee | with a runtime | [`CallerDriven`] |
//! |---|---|---|
//! | a fetch goes on after all its callers have left | yes | no: the next caller resumes it, or it fails at its deadline |
//! | a fetch has a deadline whatever the HTTP client does | yes | only by the caller's clock, when the next caller arrives |
//! | a callback that a kept signer signed never waits for the network | yes | one callback for each refresh, and one for each check of the revocation lists, drives it and waits for it |
//! | a callback without a signer waits five seconds at most | yes | no: put a timeout around it |
//!
//! Certificates and revocation lists of signers, the keys of Microsoft Entra and access tokens are all fetched like this. The
//! table also applies to deliveries from Event Grid and to calls that need a token.

mod caller_driven;
#[cfg(any(feature = "receiver", feature = "token"))]
pub(crate) mod single_flight;
#[cfg(feature = "reqwest")]
mod tokio;

use std::fmt;
use std::time::{Duration, Instant};

use crate::http_client::BoxFuture;

pub use caller_driven::CallerDriven;
/// The default spawner: `TokioSpawn` with feature `reqwest`, otherwise [`CallerDriven`].
#[cfg(not(feature = "reqwest"))]
pub use caller_driven::CallerDriven as DefaultSpawn;
#[cfg(feature = "reqwest")]
pub use tokio::TokioSpawn;
/// The default spawner: `TokioSpawn` with feature `reqwest`, otherwise [`CallerDriven`].
#[cfg(feature = "reqwest")]
pub use tokio::TokioSpawn as DefaultSpawn;

/// Work without a result. It may be dropped before it is complete: its waiters are notified.
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
    /// Runs `task` to completion, or drops it after `limit`. Returns at once.
    ///
    /// # Errors
    ///
    /// Returns the task if it cannot run in the background. Then the callers that wait for it drive it.
    fn spawn(&self, task: Task, limit: Duration) -> Result<(), Task>;

    /// The current instant of a monotonic clock. It measures the age of a fetch even if the receiver's clock is set back.
    ///
    /// Default: the system's. A runtime whose time can be paused in tests returns its own.
    fn instant(&self) -> Instant {
        Instant::now()
    }
}

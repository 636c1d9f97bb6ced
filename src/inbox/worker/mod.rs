//! Claims callbacks and has them handled.

mod attempt;
mod backoff;
mod handler;

use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, FutureExt as _, select};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::contract::Inbox;
use super::report;
use attempt::Shared;

pub use backoff::Backoff;
pub use handler::{Handler, Outcome};

/// Claims callbacks from an [`Inbox`], and has them handled.
///
/// | setting | default |
/// |---|---|
/// | [concurrency](Self::with_concurrency) | 4 handlers |
/// | [lease](Self::with_lease) | 60 s, renewed at each third of it |
/// | [time limit](Self::with_time_limit) of a handler | 10 min |
/// | [backoff](Self::with_backoff) | 5 s to 6 h with jitter |
/// | [attempts](Self::with_max_attempts) | 12, then the callback is parked |
/// | [poll](Self::with_poll) | 500 ms |
/// | [grace](Self::with_grace) at shutdown | 25 s |
///
/// A handler that panics fails that attempt alone. One that hangs is stopped at the time limit. A worker that crashes costs its
/// callbacks one lease.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::Arc;
///
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::inbox::{Claimed, Inbox, InboxWorker, Outcome, VerifiedCallback};
/// use partner_center_webhooks::testing::{Issuer, MemoryInbox};
///
/// let issuer = Issuer::new()?;
/// let signer = issuer.signer()?;
/// let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
/// let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
/// let callback = VerifiedCallback::receive(&receiver, &request.headers, request.body).await?;
///
/// let inbox: Arc<dyn Inbox> = Arc::new(MemoryInbox::new());
/// inbox.store(&callback).await?;
///
/// let (handled, mut events) = tokio::sync::mpsc::unbounded_channel();
/// let handler = move |claimed: Claimed| {
///     let handled = handled.clone();
///     async move {
///         let event = claimed.event()?;
///         handled.send(event.name().to_string()).ok();
///         Ok::<_, partner_center_webhooks::event::EventError>(Outcome::Done)
///     }
/// };
/// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// let worker = InboxWorker::new(Arc::clone(&inbox));
/// let worker = tokio::spawn(worker.run(handler, async { stopped.await.unwrap_or(()) }));
/// assert_eq!(events.recv().await.as_deref(), Some("invoice-ready"));
///
/// stop.send(()).ok(); // as at SIGTERM
/// worker.await?; // attempts that run are waited for
/// assert_eq!(inbox.stats().await?.done, 1);
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct InboxWorker {
    inbox: Arc<dyn Inbox>,
    concurrency: NonZeroU32,
    lease: Duration,
    time_limit: Duration,
    max_attempts: NonZeroU32,
    backoff: Backoff,
    poll: Duration,
    grace: Duration,
}

impl InboxWorker {
    /// A worker with the default settings. Several workers, in any processes, can share an inbox.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::{num::NonZeroU32, sync::Arc, time::Duration};
    /// use partner_center_webhooks::inbox::{Backoff, InboxWorker};
    /// use partner_center_webhooks::testing::MemoryInbox;
    ///
    /// // Handlers take up to five minutes, and what fails for a day is parked.
    /// let worker = InboxWorker::new(Arc::new(MemoryInbox::new()))
    ///     .with_concurrency(NonZeroU32::new(8).unwrap())
    ///     .with_time_limit(Duration::from_secs(300))
    ///     .with_backoff(Backoff::new([60, 600, 3600].map(Duration::from_secs)))
    ///     .with_max_attempts(NonZeroU32::new(26).unwrap());
    /// # let _ = worker;
    /// ```
    pub fn new(inbox: Arc<dyn Inbox>) -> Self {
        Self {
            inbox,
            concurrency: NonZeroU32::MIN.saturating_add(3),
            lease: Duration::from_secs(60),
            time_limit: Duration::from_secs(600),
            max_attempts: NonZeroU32::MIN.saturating_add(11),
            backoff: Backoff::default(),
            poll: Duration::from_millis(500),
            grace: Duration::from_secs(25),
        }
    }

    /// Sets how many handlers run at a time. Default: 4.
    ///
    /// Each holds a lease, and with PostgreSQL perhaps a connection: set
    /// `PostgresOptions::with_connections` to at least four more, or handlers wait for one another.
    pub fn with_concurrency(mut self, handlers: NonZeroU32) -> Self {
        self.concurrency = handlers;
        self
    }

    /// Sets the lease of a claim: how long it takes until another worker takes over after a crash. Default: 60 s.
    ///
    /// It is renewed at each third of it, so handlers may take longer. Two renewals may fail before it expires: make it three times
    /// as long as an outage of the database that handlers are to survive.
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets how long a handler may run. Default: 10 min. Then it is stopped at its next `await`, and its attempt has failed. A handler that blocks its
    /// thread goes on.
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Sets how many attempts a callback has until it is parked. Default: 12, which with the default backoff are about 32 hours.
    ///
    /// Only failures count: a claim that was given back at a shutdown, or whose process crashed, does not.
    pub fn with_max_attempts(mut self, attempts: NonZeroU32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets the schedule of retries. A handler that returns [`Outcome::Retry`] with `after` overrides it.
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets how often the inbox is asked for callbacks that other processes stored, or whose backoff ended. Default: 500 ms.
    ///
    /// What this process stores is found at once, and so is what any node stores in PostgreSQL.
    pub fn with_poll(mut self, pause: Duration) -> Self {
        self.poll = pause;
        self
    }

    /// Sets how long handlers may go on after `stop`. Default: 25 s, within the 30 s that Kubernetes grants by default. Then they are
    /// stopped, and their callbacks are given back, due at once for another worker.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Handles callbacks until `stop` is ready, and then waits for the handlers that run. Requires a tokio runtime with timers.
    ///
    /// | the handler | its callback |
    /// |---|---|
    /// | returns [`Outcome::Done`] | is completed |
    /// | returns [`Outcome::Retry`] or an error, or panics | is retried after a backoff, and parked after the last attempt |
    /// | returns [`Outcome::Park`] | is parked, until an operator retries it |
    /// | returns [`Outcome::Discard`] | is discarded |
    /// | exceeds its time limit | is retried: the future is dropped at its next `await` |
    /// | loses its claim, because renewals failed for a lease | is handled by another worker; the future is dropped |
    /// | runs at the end of the grace | is given back, which counts as no failure |
    ///
    /// An outcome that cannot be recorded is tried again once a second, for as long as a lease lasts. After that the callback is
    /// handled a second time, unless the handler completed the claim in its own transaction.
    ///
    /// If this future is dropped, the handlers are stopped, and their leases expire. Failures of the inbox are logged, and tried
    /// again after the poll.
    pub async fn run(self, handler: impl Handler, stop: impl Future<Output = ()>) {
        let (give_up, gives_up) = watch::channel(false);
        let shared = Arc::new(Shared {
            inbox: Arc::clone(&self.inbox),
            handler,
            lease: self.lease,
            time_limit: self.time_limit,
            max_attempts: self.max_attempts.get().into(),
            backoff: self.backoff.clone(),
            gives_up,
        });
        let mut attempts = JoinSet::new();
        let mut stop = pin!(stop.fuse());
        loop {
            let running = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
            let free = NonZeroU32::new(self.concurrency.get().saturating_sub(running));
            if let Some(free) = free {
                let claim = pin!(self.inbox.claim(free, self.lease));
                // A claim that is under way is not dropped: it might lease to nobody.
                match claim.await {
                    Ok(claims) => {
                        for claimed in claims {
                            attempts.spawn(Arc::clone(&shared).attempt(claimed));
                        }
                    }
                    Err(error) => report::failed("claim", &error),
                }
            }
            let has_places =
                self.concurrency.get() > u32::try_from(attempts.len()).unwrap_or(u32::MAX);
            match select(&mut stop, pin!(self.next(&mut attempts, has_places))).await {
                Either::Left(_) => break,
                Either::Right(_) => {}
            }
        }
        let drained = async { while attempts.join_next().await.is_some() {} };
        if timeout(self.grace, drained).await.is_err() {
            give_up.send_replace(true);
            // Giving back is within the inbox's deadline, or within a lease.
            while attempts.join_next().await.is_some() {}
        }
    }

    /// Waits until an attempt ends or, if there are free places, until a callback may be due.
    async fn next(&self, attempts: &mut JoinSet<()>, has_places: bool) {
        let ended = async {
            match attempts.join_next().await {
                Some(_) => {}
                None => std::future::pending().await,
            }
        };
        let due = async {
            match has_places {
                true => drop(select(self.inbox.changed(), pin!(sleep(self.poll))).await),
                false => std::future::pending().await,
            }
        };
        select(pin!(ended), pin!(due)).await;
    }
}

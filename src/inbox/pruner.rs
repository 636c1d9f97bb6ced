//! Deletes what was settled long ago, again and again.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, FutureExt as _, select};
use tokio::time::{Instant, sleep};

use super::contract::{Inbox, PRUNE_BATCH, RETAIN, Retention};
use super::report;

/// Deletes what was settled long ago from an [`Inbox`], again and again. One is enough for an inbox; more do no harm.
///
/// | setting | default |
/// |---|---|
/// | [retention](Self::with_retention) of what was done, discarded or ignored | 30 days |
/// | [retention of parked callbacks](Self::with_parked_retention) | no limit |
/// | [interval](Self::with_interval) | an hour |
///
/// It deletes [`PRUNE_BATCH`] callbacks at a time, and pauses for four times as long as that took, so that stores have the database to
/// themselves for four fifths of the time. A failure is logged, and tried again after the interval.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use partner_center_webhooks::inbox::Pruner;
/// use partner_center_webhooks::testing::MemoryInbox;
///
/// const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// let pruner = Pruner::new(Arc::new(MemoryInbox::new()))
///     .with_retention(90 * DAY)
///     .with_parked_retention(365 * DAY);
/// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// let pruning = tokio::spawn(pruner.run(async { stopped.await.unwrap_or(()) }));
///
/// stop.send(()).ok(); // as at SIGTERM
/// pruning.await?; // at once
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Pruner {
    inbox: Arc<dyn Inbox>,
    retention: Duration,
    parked: Option<Duration>,
    interval: Duration,
}

impl Pruner {
    /// The shortest retention: seven days. Digests are the memory of what was handled, and what was pruned is new when it is delivered
    /// again. Partner Center delivers for some hours, and an operator may repeat that.
    pub const SHORTEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    /// A pruner with the default settings.
    pub fn new(inbox: Arc<dyn Inbox>) -> Self {
        Self { inbox, retention: RETAIN, parked: None, interval: Duration::from_secs(3600) }
    }

    /// Sets how long callbacks are kept that were done, discarded or ignored. At least [`SHORTEST`](Self::SHORTEST).
    pub fn with_retention(mut self, age: Duration) -> Self {
        self.retention = age.max(Self::SHORTEST);
        self
    }

    /// Deletes parked callbacks, too, when they are this old: nobody handled them. At least [`SHORTEST`](Self::SHORTEST).
    pub fn with_parked_retention(mut self, age: Duration) -> Self {
        self.parked = Some(age.max(Self::SHORTEST));
        self
    }

    /// Sets how often it looks for old callbacks.
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Prunes until `stop` is ready. Requires a tokio runtime with timers.
    ///
    /// It ends at once: a batch that is under way is committed or not, and the next run goes on from there.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop.fuse());
        loop {
            let round = async {
                self.round().await;
                sleep(self.interval).await;
            };
            if let Either::Left(_) = select(&mut stop, pin!(round)).await {
                return;
            }
        }
    }

    async fn round(&self) {
        let mut pruned = self.prune(self.retention, Retention::KeepParked).await;
        if let Some(age) = self.parked {
            // Whatever is that old, so never younger than the others may get.
            let age = age.max(self.retention);
            pruned = pruned.saturating_add(self.prune(age, Retention::WithParked).await);
        }
        if pruned > 0 {
            report::pruned(pruned);
        }
    }

    async fn prune(&self, age: Duration, retention: Retention) -> u64 {
        let mut total = 0_u64;
        loop {
            let begun = Instant::now();
            match self.inbox.prune(age, retention, PRUNE_BATCH).await {
                Ok(count) => {
                    total = total.saturating_add(count);
                    if count < u64::from(PRUNE_BATCH.get()) {
                        return total;
                    }
                }
                Err(error) => {
                    report::failed("prune", &error);
                    return total;
                }
            }
            sleep(begun.elapsed().saturating_mul(PAUSE)).await;
        }
    }
}

/// How many times as long as a batch the pause after it lasts.
const PAUSE: u32 = 4;

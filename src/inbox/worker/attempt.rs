//! One attempt: the handler in a task of its own, its lease renewed meanwhile, and its outcome recorded.

use std::any::Any;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::backoff::Backoff;
use super::handler::{Handler, Outcome};
use crate::duplicates::Settled;
use crate::inbox::claim::{ClaimToken, Claimed};
use crate::inbox::contract::Inbox;
use crate::inbox::error::InboxError;
use crate::inbox::report;
use crate::mask::Excerpt;

/// What all attempts of a worker share.
pub(super) struct Shared<H> {
    pub(super) inbox: Arc<dyn Inbox>,
    pub(super) handler: H,
    pub(super) lease: Duration,
    pub(super) time_limit: Duration,
    pub(super) max_attempts: u64,
    pub(super) backoff: Backoff,
    /// Becomes true when attempts are to be given up.
    pub(super) gives_up: watch::Receiver<bool>,
}

/// Why the handler is not waited for any longer.
enum End {
    Finished(Outcome),
    GivenUp,
    Lost,
}

impl<H: Handler> Shared<H> {
    pub(super) async fn attempt(self: Arc<Self>, claimed: Claimed) {
        let (token, failures) = (claimed.token, claimed.entry.failures);
        let (started, stored_at) = (Instant::now(), claimed.entry.stored_at);
        let running = Arc::clone(&self);
        // In a task of its own, so that a handler that panics or blocks its thread does not stop the renewal.
        let task = tokio::spawn(async move { running.handler.handle(claimed).await });
        let end = self.wait(token, Abort(task)).await;
        report::handled(started.elapsed(), stored_at);
        match end {
            End::Finished(outcome) => self.record(token, failures, outcome).await,
            End::GivenUp => self.settle(token, "released", &Ending::Release).await,
            End::Lost => report::attempt_stale("extend", &token.digest()),
        }
    }

    /// Renews the lease until the handler ends, or until it must not go on. Then its task is aborted.
    async fn wait(&self, token: ClaimToken, mut task: Abort) -> End {
        let ends = Instant::now() + self.time_limit;
        let mut gives_up = self.gives_up.clone();
        let renewal = self.lease.checked_div(3).unwrap_or_default();
        loop {
            let left = ends.saturating_duration_since(Instant::now());
            let given_up = async {
                // An error means that the worker itself is gone.
                let _: Result<_, watch::error::RecvError> =
                    gives_up.wait_for(|it| *it).await.map(drop);
            };
            let pause = Box::pin(sleep(renewal.min(left)));
            let interrupted = select(Box::pin(given_up), pause);
            match select(&mut task.0, interrupted).await {
                Either::Left((Ok(outcome), _)) => return End::Finished(outcome),
                Either::Left((Err(error), _)) => {
                    let reason = match error.try_into_panic() {
                        Ok(panic) => panicked(&*panic),
                        Err(error) => error.to_string(),
                    };
                    return End::Finished(Outcome::retry(reason));
                }
                Either::Right((Either::Left(_), _)) => return End::GivenUp,
                Either::Right((Either::Right(_), _)) => {}
            }
            if Instant::now() >= ends {
                let limit = self.time_limit;
                let reason = format!("the handler did not end within {limit:?}, and was stopped");
                return End::Finished(Outcome::retry(reason));
            }
            match self.inbox.extend(token, self.lease).await {
                Ok(Settled::Current) => {}
                // The handler may have completed the claim in its own transaction, and is about to return.
                Ok(Settled::Stale) => {
                    let moment = Box::pin(sleep(SETTLED_GRACE));
                    return match select(&mut task.0, moment).await {
                        Either::Left((Ok(outcome), _)) => End::Finished(outcome),
                        _ => End::Lost,
                    };
                }
                Err(error) => report::failed("extend", &error),
            }
        }
    }

    async fn record(&self, token: ClaimToken, failures: u64, outcome: Outcome) {
        let failures = failures.saturating_add(1);
        match outcome {
            Outcome::Settled => report::attempt("completed", &token.digest(), None),
            Outcome::Done => self.settle(token, "completed", &Ending::Complete).await,
            Outcome::Discard => self.settle(token, "discarded", &Ending::Discard).await,
            Outcome::Park { error } => self.settle(token, "parked", &Ending::Park(error)).await,
            Outcome::Retry { error, .. } if failures >= self.max_attempts => {
                self.settle(token, "parked", &Ending::Park(error)).await;
            }
            Outcome::Retry { error, after } => {
                let backoff = after.unwrap_or_else(|| self.backoff.jittered(failures));
                self.settle(token, "failed", &Ending::Fail(error, backoff)).await;
            }
        }
    }

    /// Records an outcome, and tries again for as long as a lease lasts. After that, the lease expires.
    async fn settle(&self, token: ClaimToken, outcome: &'static str, ending: &Ending) {
        let started = Instant::now();
        loop {
            match ending.apply(&*self.inbox, token).await {
                Ok(Settled::Current) => {
                    let error = ending.error().map(Excerpt::of);
                    let error = error.as_ref().map(|error| -> &dyn Display { error });
                    return report::attempt(outcome, &token.digest(), error);
                }
                Ok(Settled::Stale) => return report::attempt_stale(outcome, &token.digest()),
                Err(error) => report::failed(outcome, &error),
            }
            if started.elapsed() >= self.lease {
                return;
            }
            sleep(Backoff::new([SETTLE_AGAIN]).jittered(1)).await;
        }
    }
}

enum Ending {
    Complete,
    Discard,
    Fail(String, Duration),
    Park(String),
    Release,
}

impl Ending {
    async fn apply(&self, inbox: &dyn Inbox, token: ClaimToken) -> Result<Settled, InboxError> {
        match self {
            Self::Complete => inbox.complete(token).await,
            Self::Discard => inbox.discard_claimed(token).await,
            Self::Fail(error, backoff) => inbox.fail(token, error, *backoff).await,
            Self::Park(error) => inbox.park(token, error).await,
            Self::Release => inbox.release(token).await,
        }
    }

    fn error(&self) -> Option<&str> {
        match self {
            Self::Fail(error, _) | Self::Park(error) => Some(error),
            _ => None,
        }
    }
}

/// Aborts its task when it is dropped.
struct Abort(JoinHandle<Outcome>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the handler panicked: {}", text.unwrap_or("without a message"))
}

/// How long an outcome that could not be recorded waits.
const SETTLE_AGAIN: Duration = Duration::from_secs(1);
/// How long a handler whose claim is settled may take to return.
const SETTLED_GRACE: Duration = Duration::from_secs(1);

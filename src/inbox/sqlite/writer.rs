//! One task that writes for everybody: what is queued goes into one transaction, and so costs one sync of the disk.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::database::{Database, Turn};
use super::session::SqliteSession;
use crate::http_client::BoxFuture;
use crate::inbox::error::InboxError;
use crate::inbox::sql::engine::Run;

/// Queues work for the writer.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    database: Arc<Database>,
    jobs: mpsc::Sender<Box<dyn Job>>,
    deadline: Duration,
}

impl Writer {
    /// Starts the writer on the current runtime. It ends with the last clone.
    pub(super) fn start(database: Arc<Database>, deadline: Duration) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        tokio::spawn(run(Arc::clone(&database), queue));
        Self { database, jobs, deadline }
    }

    /// Runs `run` and commits it. Its result is returned only after the commit.
    pub(super) async fn write<C: Send + Sync + 'static, T: Send + 'static>(
        &self,
        context: C,
        run: Run<C, T>,
        abandoned: Abandoned,
    ) -> Result<T, InboxError> {
        let (reply, outcome) = oneshot::channel();
        let now = self.database.now();
        let job = Task { context, run, now, abandoned, outcome: None, reply };
        let stopped = || InboxError::unavailable("the runtime of the inbox was shut down");
        let result = timeout(self.deadline, async {
            self.jobs.send(Box::new(job)).await.map_err(|_| stopped())?;
            outcome.await.map_err(|_| stopped())?
        });
        result.await.unwrap_or(Err(InboxError::Deadline { after: self.deadline }))
    }
}

/// What becomes of work whose caller has left.
#[derive(Clone, Copy)]
pub(super) enum Abandoned {
    /// A claim would lease callbacks to nobody.
    Skip,
    /// A callback is stored all the same.
    Write,
}

trait Job: Send {
    fn is_needed(&self) -> bool;
    fn run<'s>(
        &'s mut self,
        session: &'s mut SqliteSession<'_>,
    ) -> BoxFuture<'s, Result<(), InboxError>>;
    fn finish(self: Box<Self>, result: Result<(), InboxError>);
}

struct Task<C, T> {
    context: C,
    run: Run<C, T>,
    /// When the call began: a lease does not last longer because the call waited.
    now: i64,
    abandoned: Abandoned,
    outcome: Option<T>,
    reply: oneshot::Sender<Result<T, InboxError>>,
}

impl<C: Send + Sync, T: Send> Job for Task<C, T> {
    fn is_needed(&self) -> bool {
        match self.abandoned {
            Abandoned::Skip => !self.reply.is_closed(),
            Abandoned::Write => true,
        }
    }

    fn run<'s>(
        &'s mut self,
        session: &'s mut SqliteSession<'_>,
    ) -> BoxFuture<'s, Result<(), InboxError>> {
        Box::pin(async move {
            session.now = self.now;
            self.outcome = Some((self.run)(session, &self.context).await?);
            Ok(())
        })
    }

    fn finish(self: Box<Self>, result: Result<(), InboxError>) {
        let missing = || InboxError::unavailable("the writer did not run the statement");
        let Self { outcome, reply, .. } = *self;
        let result = result.and_then(|()| outcome.ok_or_else(missing));
        // The caller may have left.
        drop(reply.send(result));
    }
}

async fn run(database: Arc<Database>, mut queue: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(first) = queue.recv().await {
        let turn = database.turn().await;
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = queue.try_recv()
        {
            batch.push(next);
        }
        batch.retain(|job| job.is_needed());
        let result = write(&database, turn, &mut batch).await;
        if matches!(result, Err(InboxError::Damaged { .. })) && batch.len() > 1 {
            // A damaged row must not fail the stores of others.
            for job in batch {
                let mut alone = vec![job];
                let turn = database.turn().await;
                let result = write(&database, turn, &mut alone).await;
                alone.into_iter().for_each(|job| job.finish(result.clone()));
            }
            continue;
        }
        batch.into_iter().for_each(|job| job.finish(result.clone()));
    }
}

/// One transaction. A panic in it is an error, and the writer goes on.
async fn write(
    database: &Database,
    turn: Turn,
    batch: &mut [Box<dyn Job>],
) -> Result<(), InboxError> {
    if batch.is_empty() {
        return Ok(());
    }
    let transaction = async {
        let mut writing = database.begin(turn).await?;
        for job in batch {
            job.run(&mut writing.session()).await?;
        }
        writing.commit().await
    };
    let result = AssertUnwindSafe(transaction).catch_unwind().await;
    result.unwrap_or_else(|_| Err(InboxError::unavailable("the writer panicked")))
}

/// How many calls share one transaction.
const BATCH: usize = 256;
/// How many calls wait. More wait for a place in the queue, until their deadline.
const QUEUE: usize = 1024;

//! The worker on a paused clock: retries, parking, panics, hangs, shutdown.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use partner_center_webhooks::duplicates::Settled;
use partner_center_webhooks::http_client::BoxFuture;
use partner_center_webhooks::inbox::{
    Backoff, Claimed, Filter, Inbox, InboxWorker, Outcome, Page, State,
};
use partner_center_webhooks::testing::MemoryInbox;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::server;
use crate::support::{ALL, Folder, LEASE, callback, callbacks, count, sqlite};

const SECOND: Duration = Duration::from_secs(1);

/// By tokio's clock, which tests pause.
fn memory() -> Arc<MemoryInbox> {
    let start = Instant::now();
    Arc::new(MemoryInbox::new().with_clock(move || SECOND * 1_795_219_200 + start.elapsed()))
}

struct Running {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(worker: InboxWorker, handler: impl partner_center_webhooks::inbox::Handler) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(worker.run(handler, async { stopped.await.unwrap_or(()) }));
        Self { stop: Some(stop), task }
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).ok();
        self.task.await.unwrap();
    }
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

/// A handler that reports each attempt, and does as `decide` says.
fn reporting<F: Future<Output = Outcome> + Send + 'static>(
    decide: impl Fn(usize) -> F + Send + Sync + 'static,
) -> (
    impl Fn(Claimed) -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    mpsc::UnboundedReceiver<(Claimed, Instant)>,
) {
    let (report, reports) = mpsc::unbounded_channel();
    let number = AtomicUsize::new(0);
    let handler = move |claimed: Claimed| {
        report.send((claimed, Instant::now())).ok();
        let outcome = decide(number.fetch_add(1, Ordering::SeqCst));
        Box::pin(outcome) as BoxFuture<'static, Outcome>
    };
    (handler, reports)
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_is_repeated_by_the_schedule_and_then_parked() {
    let inbox = memory();
    inbox.store(&callback(1).await).await.unwrap();
    let (handler, mut attempts) = reporting(async |number| match number {
        0 => Outcome::retry("first"),
        1 => Outcome::Retry { error: "second".into(), after: Some(SECOND * 7) },
        _ => Outcome::retry("third\n"),
    });
    let worker = InboxWorker::new(inbox.clone())
        .with_max_attempts(NonZeroU32::new(3).unwrap())
        .with_poll(SECOND)
        .with_backoff(Backoff::new([SECOND * 100]));
    let started = Instant::now();
    let running = Running::start(worker, handler);
    let mut times = Vec::new();
    for _ in 0..3 {
        times.push(attempts.recv().await.unwrap().1 - started);
    }
    assert!(times[0] <= SECOND, "{times:?}");
    // 100 s ± 20 %, and a poll.
    assert!((SECOND * 80..=SECOND * 122).contains(&(times[1] - times[0])), "{times:?}");
    assert!((SECOND * 7..=SECOND * 9).contains(&(times[2] - times[1])), "{times:?}");
    running.stop().await;
    let entries = inbox.list(&Filter::new(), Page::default()).await.unwrap();
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.state, entry.failures, entry.attempts), (State::Parked, 3, 3));
    assert_eq!(entry.last_error.as_deref(), Some("third\\n"));
}

#[tokio::test(start_paused = true)]
async fn outcomes_are_recorded() {
    let inbox = memory();
    for callback in callbacks(4).await {
        inbox.store(&callback).await.unwrap();
    }
    let settles = inbox.clone();
    let handler = move |claimed: Claimed| {
        let inbox = settles.clone();
        async move {
            match claimed.token.seq() {
                1 => Outcome::Done,
                2 => Outcome::Discard,
                3 => Outcome::park("never"),
                _ => {
                    assert_eq!(inbox.complete(claimed.token).await, Ok(Settled::Current));
                    Outcome::Settled
                }
            }
        }
    };
    let running = Running::start(InboxWorker::new(inbox.clone()), handler);
    while inbox.stats().await.unwrap().pending > 0 {
        sleep(SECOND).await;
    }
    running.stop().await;
    let states = inbox.list(&Filter::new(), Page::default()).await.unwrap();
    let states: Vec<_> = states.iter().map(|entry| entry.state).collect();
    assert_eq!(states, [State::Done, State::Discarded, State::Parked, State::Done]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_one_attempt() {
    let inbox = memory();
    for callback in callbacks(3).await {
        inbox.store(&callback).await.unwrap();
    }
    let (handler, mut attempts) = reporting(async |number| match number {
        0 => panic!("on purpose"),
        _ => Outcome::Done,
    });
    let worker = InboxWorker::new(inbox.clone()).with_concurrency(one());
    let running = Running::start(worker, handler);
    for _ in 0..4 {
        attempts.recv().await.unwrap();
    }
    running.stop().await;
    assert_eq!(count(&*inbox, State::Done).await, 3);
    let first = &inbox.list(&Filter::new(), Page::default()).await.unwrap()[0];
    assert_eq!(first.last_error.as_deref(), Some("the handler panicked: on purpose"));
    assert_eq!((first.failures, first.attempts), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_long_handler_keeps_its_lease_and_a_hanging_one_is_stopped() {
    let inbox = memory();
    inbox.store(&callback(1).await).await.unwrap();
    let (handler, mut attempts) = reporting(|number| async move {
        match number {
            0 => std::future::pending().await,
            _ => {
                sleep(LEASE * 5).await;
                Outcome::Done
            }
        }
    });
    let worker = InboxWorker::new(inbox.clone())
        .with_lease(LEASE)
        .with_time_limit(LEASE * 6)
        .with_backoff(Backoff::new([SECOND]));
    let running = Running::start(worker, handler);
    let (_, first) = attempts.recv().await.unwrap();
    // Another node finds nothing as long as the handler runs.
    let other = async {
        for _ in 0..5 {
            sleep(LEASE).await;
            assert!(inbox.claim(ALL, LEASE).await.unwrap().is_empty());
        }
    };
    other.await;
    let (claimed, second) = attempts.recv().await.unwrap();
    let between = second - first;
    assert!((LEASE * 6..LEASE * 6 + SECOND * 3).contains(&between), "{between:?}");
    let limit = "the handler did not end within 360s, and was stopped";
    assert_eq!(claimed.entry.last_error.as_deref(), Some(limit));
    running.stop().await;
    assert_eq!(count(&*inbox, State::Pending).await, 1, "the grace of 25 s is shorter");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_claim_stops_the_handler() {
    let inbox = memory();
    inbox.store(&callback(1).await).await.unwrap();
    let ended = Arc::new(AtomicUsize::new(0));
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (started, mut starts) = mpsc::unbounded_channel();
    let count_of = ended.clone();
    let handler = move |claimed: Claimed| {
        started.send(claimed.token).ok();
        let counted = Counted(count_of.clone());
        async move {
            let _counted = counted;
            std::future::pending::<Outcome>().await
        }
    };
    let worker = InboxWorker::new(inbox.clone()).with_lease(LEASE).with_poll(LEASE * 100);
    let running = Running::start(worker, handler);
    let token = starts.recv().await.unwrap();
    // As if it had expired and another node had taken over.
    inbox.release(token).await.unwrap();
    let mine = inbox.claim(ALL, LEASE * 1000).await.unwrap();
    // The worker may have been woken first; then it holds the claim again.
    if let [mine] = mine.as_slice() {
        while ended.load(Ordering::SeqCst) == 0 {
            sleep(SECOND).await;
        }
        assert_eq!(inbox.complete(mine.token).await, Ok(Settled::Current));
    }
    running.stop().await;
    assert!(ended.load(Ordering::SeqCst) >= 1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_and_then_gives_back() {
    let inbox = memory();
    for callback in callbacks(3).await {
        inbox.store(&callback).await.unwrap();
    }
    let (handler, mut attempts) = reporting(|number| async move {
        match number {
            0 => {
                sleep(SECOND * 20).await;
                Outcome::Done
            }
            _ => std::future::pending().await,
        }
    });
    let worker = InboxWorker::new(inbox.clone()).with_concurrency(NonZeroU32::new(2).unwrap());
    let running = Running::start(worker, handler);
    attempts.recv().await.unwrap();
    attempts.recv().await.unwrap();
    let stopped = Instant::now();
    running.stop().await;
    assert_eq!(stopped.elapsed().as_secs(), 25);
    let entries = inbox.list(&Filter::new(), Page::default()).await.unwrap();
    let seen: Vec<_> =
        entries.iter().map(|it| (it.state, it.attempts, it.failures, it.is_leased)).collect();
    let done = (State::Done, 1, 0, false);
    // The second was given back; the third was never claimed.
    let given_back = (State::Pending, 1, 0, false);
    let untouched = (State::Pending, 0, 0, false);
    assert_eq!(seen, [done, given_back, untouched]);
}

#[tokio::test(start_paused = true)]
async fn no_more_run_at_a_time_than_allowed() {
    let inbox = memory();
    for callback in callbacks(9).await {
        inbox.store(&callback).await.unwrap();
    }
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (running_now, most_so_far) = (now.clone(), most.clone());
    let handler = move |_: Claimed| {
        let (now, most) = (running_now.clone(), most_so_far.clone());
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(SECOND).await;
            now.fetch_sub(1, Ordering::SeqCst);
        }
    };
    let worker = InboxWorker::new(inbox.clone()).with_concurrency(NonZeroU32::new(3).unwrap());
    let started = Instant::now();
    let running = Running::start(worker, handler);
    while count(&*inbox, State::Done).await < 9 {
        sleep(SECOND / 10).await;
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert!(started.elapsed() < SECOND * 4, "places are filled as they become free");
    running.stop().await;
}

/// One process stores, another handles.
async fn wakes(storing: Arc<dyn Inbox>, handling: Arc<dyn Inbox>, within: Duration) {
    let (handler, mut attempts) = reporting(async |_| Outcome::Done);
    let running = Running::start(InboxWorker::new(handling), handler);
    for number in 0..5 {
        storing.store(&callback(number).await).await.unwrap();
        let stored = Instant::now();
        let (_, started) = attempts.recv().await.unwrap();
        let after = started.saturating_duration_since(stored);
        assert!(after < within, "{after:?}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_stores_another_handles_within_a_second() {
    let folder = Folder::new();
    wakes(Arc::new(sqlite(&folder).await), Arc::new(sqlite(&folder).await), SECOND).await;
    if let Some(url) = server::database().await {
        use partner_center_webhooks::inbox::postgres::{PostgresInbox, PostgresOptions};
        let open = async || {
            let options = PostgresOptions::new(&url).unwrap();
            Arc::new(PostgresInbox::connect(options).await.unwrap())
        };
        wakes(open().await, open().await, SECOND).await;
    }
}

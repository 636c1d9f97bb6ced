//! What was stored while the application was down is handled once it is up: each callback once, in the order of its resource.
//!
//! 400 callbacks; with `PARTNER_CENTER_BACKLOG` as many as it says.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use partner_center_webhooks::inbox::postgres::{PostgresInbox, PostgresOptions};
use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
use partner_center_webhooks::inbox::{Backoff, Claimed, Inbox, InboxWorker, Outcome, Stored};
use tokio::sync::Notify;

use crate::server;
use crate::support::{Folder, body, callback_of};

const CALLERS: usize = 16;

/// The application behind the worker. It fails as long as it is down, and now and then when it is up.
#[derive(Default)]
struct Application {
    is_up: AtomicBool,
    refused: AtomicUsize,
    handled: Mutex<Vec<(Option<String>, u64)>>,
    expected: usize,
    all: Notify,
}

impl Application {
    fn handle(&self, claimed: &Claimed) -> Outcome {
        let again = |error: &str| {
            self.refused.fetch_add(1, Ordering::SeqCst);
            Outcome::Retry { error: error.into(), after: Some(Duration::from_millis(20)) }
        };
        if !self.is_up.load(Ordering::SeqCst) {
            return again("connection refused");
        }
        // By the callback and not by the clock, so that none fails again and again until it is parked.
        if claimed.token.seq().is_multiple_of(7) && claimed.token.fence() == 1 {
            return again("now and then");
        }
        let mut handled = self.handled.lock().unwrap();
        handled.push((claimed.entry.resource.clone(), claimed.token.seq()));
        if handled.len() == self.expected {
            self.all.notify_one();
        }
        Outcome::Done
    }
}

async fn store_all(inbox: &Arc<dyn Inbox>, count: usize, resources: usize) {
    let callers = (0..CALLERS).map(|caller| {
        let inbox = Arc::clone(inbox);
        tokio::spawn(async move {
            for number in (caller..count).step_by(CALLERS) {
                let callback = callback_of(body(number, resources)).await;
                assert_eq!(inbox.store(&callback).await, Ok(Stored::New));
            }
        })
    });
    for stored in join_all(callers).await {
        stored.unwrap();
    }
}

async fn is_handled(name: &str, inbox: Arc<dyn Inbox>, resources: usize) {
    let whole = std::env::var("PARTNER_CENTER_BACKLOG").ok();
    let count = whole.map_or(400, |count| count.parse().unwrap());
    let application = Arc::new(Application { expected: count, ..Application::default() });
    let handler = {
        let application = Arc::clone(&application);
        move |claimed: Claimed| {
            let outcome = application.handle(&claimed);
            async move { outcome }
        }
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = InboxWorker::new(Arc::clone(&inbox))
        .with_concurrency(NonZeroU32::new(8).unwrap())
        .with_max_attempts(NonZeroU32::new(1_000_000).unwrap())
        .with_backoff(Backoff::new([Duration::from_millis(20)]))
        .with_poll(Duration::from_millis(20));
    let worker = tokio::spawn(worker.run(handler, async { stopped.await.unwrap_or(()) }));

    let started = Instant::now();
    store_all(&inbox, count, resources).await;
    let stored = started.elapsed();
    assert!(application.handled.lock().unwrap().is_empty());
    let refused = application.refused.load(Ordering::SeqCst);
    assert!(refused > 0, "the worker runs meanwhile");

    application.is_up.store(true, Ordering::SeqCst);
    let started = Instant::now();
    application.all.notified().await;
    let handled = started.elapsed();
    stop.send(()).unwrap();
    worker.await.unwrap();
    println!(
        "{name}: {count} of {resources} resources stored in {stored:.1?} beside {refused} failed attempts, handled in {handled:.1?} \
         ({:.0}/s)",
        count as f64 / handled.as_secs_f64()
    );

    let stats = inbox.stats().await.unwrap();
    assert_eq!((stats.done, stats.pending + stats.waiting + stats.parked), (count as u64, 0));
    let mut last = HashMap::new();
    for (resource, seq) in application.handled.lock().unwrap().iter() {
        let before = last.insert(resource.clone().expect("ordered callbacks have one"), *seq);
        assert!(before < Some(*seq), "{resource:?}: {before:?} before {seq}");
    }
    assert_eq!(last.len(), resources);
}

async fn sqlite_handles(resources: usize) {
    let folder = Folder::new();
    let options = SqliteOptions::new(folder.file()).ordered_by_resource();
    let inbox = SqliteInbox::connect(options).await.unwrap();
    is_handled("SQLite", Arc::new(inbox), resources).await;
}

async fn postgres_handles(resources: usize) {
    let Some(url) = server::database().await else { return };
    let options = PostgresOptions::new(&url).unwrap().ordered_by_resource();
    let inbox = PostgresInbox::connect(options).await.unwrap();
    is_handled("PostgreSQL", Arc::new(inbox), resources).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_many_resources_is_handled() {
    sqlite_handles(100).await;
    postgres_handles(100).await;
}

/// The worst case for the order: all wait for one another.
#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_one_resource_is_handled() {
    sqlite_handles(1).await;
    postgres_handles(1).await;
}

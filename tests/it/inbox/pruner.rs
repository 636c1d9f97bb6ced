//! What was settled long ago is deleted, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use partner_center_webhooks::inbox::{Inbox, Pruner, State};
use partner_center_webhooks::testing::MemoryInbox;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::support::{ALL, LEASE, callbacks};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// 250 done, one parked, one discarded, one ignored and one pending, by tokio's clock, which tests pause.
async fn filled() -> (Arc<MemoryInbox>, Arc<AtomicUsize>) {
    let (start, reads) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let counted = reads.clone();
    let inbox = MemoryInbox::new().with_clock(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        DAY * 20_000 + start.elapsed()
    });
    let all = callbacks(254).await;
    inbox.store(&all[253].clone().ignored()).await.unwrap();
    for callback in &all[..252] {
        inbox.store(callback).await.unwrap();
    }
    for (number, claimed) in inbox.claim(ALL, LEASE).await.unwrap().into_iter().enumerate() {
        match number {
            0 => inbox.park(claimed.token, "error").await.unwrap(),
            1 => inbox.discard_claimed(claimed.token).await.unwrap(),
            _ => inbox.complete(claimed.token).await.unwrap(),
        };
    }
    inbox.store(&all[252]).await.unwrap();
    (Arc::new(inbox), reads)
}

async fn counts(inbox: &MemoryInbox) -> [u64; 5] {
    let stats = inbox.stats().await.unwrap();
    [stats.done, stats.discarded, stats.ignored, stats.parked, stats.pending]
}

async fn prunes_for(pruner: Pruner, time: Duration) {
    let (stop, stopped) = oneshot::channel::<()>();
    let pruning = tokio::spawn(pruner.run(async { stopped.await.unwrap_or(()) }));
    sleep(time).await;
    let stopping = Instant::now();
    stop.send(()).unwrap();
    pruning.await.unwrap();
    assert_eq!(stopping.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_default_keeps_thirty_days_and_whatever_is_parked() {
    let (inbox, _) = filled().await;
    let pruner = Pruner::new(inbox.clone());
    prunes_for(pruner.clone(), DAY * 30 - DAY / 24).await;
    assert_eq!(counts(&inbox).await, [250, 1, 1, 1, 1]);
    prunes_for(pruner.clone(), DAY / 12).await;
    assert_eq!(counts(&inbox).await, [0, 0, 0, 1, 1]);
    prunes_for(pruner, DAY * 1000).await;
    assert_eq!(counts(&inbox).await, [0, 0, 0, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn parked_callbacks_are_deleted_only_if_that_is_asked_for() {
    let (inbox, _) = filled().await;
    let pruner = Pruner::new(inbox.clone()).with_parked_retention(DAY * 90);
    prunes_for(pruner.clone(), DAY * 89).await;
    assert_eq!(counts(&inbox).await, [0, 0, 0, 1, 1]);
    prunes_for(pruner, DAY * 2).await;
    assert_eq!(counts(&inbox).await, [0, 0, 0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_within_seven_days() {
    let (inbox, _) = filled().await;
    let pruner = Pruner::new(inbox.clone())
        .with_retention(Duration::ZERO)
        .with_parked_retention(Duration::ZERO)
        .with_interval(Duration::from_secs(60));
    prunes_for(pruner.clone(), DAY * 7 - Duration::from_secs(60)).await;
    assert_eq!(counts(&inbox).await, [250, 1, 1, 1, 1]);
    prunes_for(pruner, Duration::from_secs(180)).await;
    assert_eq!(counts(&inbox).await, [0, 0, 0, 0, 1]);
}

/// Three batches, and then one look an hour.
#[tokio::test(start_paused = true)]
async fn it_looks_once_an_interval() {
    let (inbox, reads) = filled().await;
    sleep(DAY * 31).await;
    let before = reads.load(Ordering::SeqCst);
    prunes_for(Pruner::new(inbox.clone()), DAY / 24 * 10 + Duration::from_secs(60)).await;
    assert_eq!(reads.load(Ordering::SeqCst) - before, 3 + 10);
    assert_eq!(crate::support::count(&*inbox, State::Done).await, 0);
}

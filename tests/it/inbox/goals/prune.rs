//! Pruning a million rows beside stores.

use std::sync::Arc;
use std::time::{Duration, Instant};

use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
use partner_center_webhooks::inbox::{Inbox, PRUNE_BATCH, Retention};

use super::fill::{self, Rows};
use super::{Times, at_least, at_most, is_whole, one_by_one, ratio};
use crate::support::{Folder, callbacks};

const SECOND: Duration = Duration::from_secs(1);

async fn prune(inbox: &dyn Inbox) -> Duration {
    let before = Instant::now();
    let pruned = inbox.prune(SECOND, Retention::KeepParked, PRUNE_BATCH).await;
    assert_eq!(pruned, Ok(100));
    before.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn prunes_of_sqlite() {
    let (rows, batches, stores) = if is_whole() { (1_000_000, 200, 1000) } else { (6000, 20, 60) };
    let folder = Folder::new();
    let options = SqliteOptions::new(folder.file()).with_limit_bytes(1 << 36);
    let inbox = SqliteInbox::connect(options).await.unwrap();
    fill::sqlite(&folder.file(), Rows::Done, rows).await;
    let mut times = Vec::new();
    for _ in 0..batches {
        times.push(prune(&inbox).await);
    }
    let times = Times::new(times);
    println!("SQLite, {rows} rows: a batch of {PRUNE_BATCH} {times}");
    at_most("longest transaction in ms", times.max().as_secs_f64() * 1000.0, 50.0, 5000.0);
    at_least("rows a second without a pause", times.rate() * 100.0, 10_000.0, 300.0);

    let all = callbacks(stores * 2).await;
    let (alone, beside) = all.split_at(stores);
    let alone = one_by_one(&inbox, alone).await;
    let inbox = Arc::new(inbox);
    let pruned = inbox.clone();
    let pruning = tokio::spawn(async move {
        loop {
            let took = prune(&*pruned).await;
            // As the loop of the inbox does.
            tokio::time::sleep(took * 4).await;
        }
    });
    let beside = one_by_one(&*inbox, beside).await;
    assert!(!pruning.is_finished(), "there was enough to prune");
    pruning.abort();
    println!("SQLite: a store {alone}, beside pruning {beside}");
    at_most("p99 of a store beside pruning", ratio(beside.p99(), alone.p99()), 3.0, 200.0);
}

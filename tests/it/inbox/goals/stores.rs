//! Stores: one caller, and many.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use partner_center_webhooks::inbox::Inbox;

use super::{Times, at_least, at_most, by_many, is_whole, one_by_one, ratio, raw_syncs};
use crate::server;
use crate::support::{Folder, callbacks, sqlite};

const CALLERS: usize = 64;

/// What a disk and an inbox can do in one run.
struct Measured {
    sync: Times,
    one: Times,
    many: Times,
    many_rate: f64,
}

async fn measure(name: &str, inbox: Arc<dyn Inbox>) -> Measured {
    let (single, many) = if is_whole() { (2000, 12_800) } else { (100, 640) };
    let all = callbacks(single + many).await;
    let (alone, rest) = all.split_at(single);
    let folder = Folder::new();
    // What the file and the pools need at first is not measured.
    let (warm, alone) = alone.split_at(single / 10);
    one_by_one(&*inbox, warm).await;
    let sync = raw_syncs(&folder, alone.len());
    let one = one_by_one(&*inbox, alone).await;
    let (many, many_rate) = by_many(inbox, rest, CALLERS).await;
    println!(
        "{name}: a sync {sync} {:.0}/s; a store by one caller {one} {:.0}/s; by {CALLERS} callers {many} {many_rate:.0}/s",
        sync.rate(),
        one.rate()
    );
    Measured { sync, one, many, many_rate }
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_of_sqlite() {
    let folder = Folder::new();
    let Measured { sync, one, many, many_rate } =
        measure("SQLite", Arc::new(sqlite(&folder).await)).await;
    at_most("one caller, p50 in syncs", ratio(one.p50(), sync.p50()), 2.5, 50.0);
    at_most("one caller, p99 in p99 of syncs", ratio(one.p99(), sync.p99()), 4.0, 100.0);
    at_least("many callers against one", many_rate / one.rate(), 3.0, 1.0);
    at_least("many callers against syncs", many_rate / sync.rate(), 2.5, 0.2);
    at_most("many callers, max in ms", many.max().as_secs_f64() * 1000.0, 250.0, 5000.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_of_postgres() {
    let Some(inbox) = server::inbox().await else { return };
    let Measured { one, many, many_rate, .. } = measure("PostgreSQL", Arc::new(inbox)).await;
    at_least("many callers against one", many_rate / one.rate(), 8.0, 1.0);
    at_most("many callers, p99 in p99 of one", ratio(many.p99(), one.p99()), 4.0, 100.0);
}

/// The child under `strace`. It is a test only so that this binary can be started as one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is started by the test that counts syncs"]
async fn child() {
    let Ok(file) = std::env::var("PARTNER_CENTER_CHILD") else { return };
    use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
    let all = callbacks(64 * 20).await;
    let inbox = SqliteInbox::connect(SqliteOptions::new(file)).await.unwrap();
    by_many(Arc::new(inbox), &all, CALLERS).await;
}

#[test]
fn many_stores_share_a_sync() {
    let folder = Folder::new();
    let trace = folder.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o"]).arg(&trace);
    strace.arg(std::env::current_exe().unwrap());
    strace.args(["goals::stores::child", "--exact", "--ignored"]);
    strace.env("PARTNER_CENTER_CHILD", folder.file());
    let Ok(ended) = strace.output() else {
        println!("SKIPPED: there is no strace to count syncs with");
        return;
    };
    assert!(ended.status.success(), "{ended:?}");
    let trace = std::fs::read_to_string(trace).unwrap();
    // One line for each call, or two if another thread came between.
    let syncs = trace.lines().filter(|line| line.contains("sync(")).count();
    assert!(syncs > 0, "{trace}");
    println!("SQLite: {syncs} syncs for {} stores by {CALLERS} callers", 64 * 20);
    at_least("stores for a sync", (64 * 20) as f64 / syncs as f64, 16.0, 4.0);
}

/// A handler that holds its transaction for 50 ms, again and again.
#[tokio::test(flavor = "multi_thread")]
async fn stores_beside_slow_handlers() {
    let folder = Folder::new();
    let inbox = sqlite(&folder).await;
    let hold = Duration::from_millis(50);
    let all = callbacks(if is_whole() { 200 } else { 40 }).await;
    let sync = raw_syncs(&folder, 200);
    let own = inbox.clone();
    let holding = tokio::spawn(async move {
        loop {
            let transaction = own.begin().await.unwrap();
            tokio::time::sleep(hold).await;
            transaction.commit().await.unwrap();
        }
    });
    let times = one_by_one(&inbox, &all).await;
    holding.abort();
    println!("SQLite: a sync {sync}; a store beside transactions of {hold:?} {times}");
    let above = times.p99().saturating_sub(hold);
    at_most("p99 above the transaction, in p99 of syncs", ratio(above, sync.p99()), 10.0, 1000.0);
}

//! Two nodes on one PostgreSQL, and a server for tests.

use std::io::{BufRead as _, BufReader};
use std::num::NonZeroU32;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use partner_center_webhooks::inbox::postgres::{PostgresInbox, PostgresOptions};
use partner_center_webhooks::inbox::{Claimed, Inbox, InboxError, InboxWorker, Outcome};
use sqlx::{Connection as _, PgConnection};

use super::fill::{self, Rows};
use super::{Times, at_least, at_most, is_whole};
use crate::server::{self, Server};
use crate::support::{callback, callbacks};

async fn node(url: &str) -> PostgresInbox {
    PostgresInbox::connect(PostgresOptions::new(url).unwrap()).await.unwrap()
}

async fn handles(
    inbox: PostgresInbox,
    claimed: Claimed,
    node: usize,
) -> Result<Outcome, InboxError> {
    let mut transaction = inbox.begin().await?;
    transaction.complete(claimed.token).await?;
    let insert = sqlx::query("insert into effect values ($1, $2)");
    let insert = insert.bind(claimed.token.seq() as i64).bind(node as i64);
    insert.execute(transaction.connection()).await.map_err(InboxError::unavailable)?;
    transaction.commit().await?;
    Ok(Outcome::Settled)
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_the_work() {
    let Some(url) = server::database().await else { return };
    let count = if is_whole() { 20_000 } else { 600 };
    let nodes = [node(&url).await, node(&url).await];
    let mut own = PgConnection::connect(&url).await.unwrap();
    let create = "create table effect (seq bigint, node bigint)";
    sqlx::raw_sql(create).execute(&mut own).await.unwrap();
    fill::postgres(&url, Rows::Pending, count).await;
    let done = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let started = Instant::now();
    let workers = nodes.iter().zip(&done).enumerate().map(|(number, (inbox, done))| {
        let (inbox, done) = (inbox.clone(), Arc::clone(done));
        let own = inbox.clone();
        let handler = move |claimed: Claimed| {
            let (inbox, done) = (own.clone(), Arc::clone(&done));
            async move {
                let outcome = handles(inbox, claimed, number).await;
                done.fetch_add(1, Ordering::SeqCst);
                outcome
            }
        };
        let worker = InboxWorker::new(Arc::new(inbox.clone()));
        let all_done = async move {
            let (inbox, mut pause) = (inbox, tokio::time::interval(Duration::from_millis(100)));
            while inbox.stats().await.unwrap().pending > 0 {
                pause.tick().await;
            }
        };
        worker.with_concurrency(NonZeroU32::new(4).unwrap()).run(handler, all_done)
    });
    join_all(workers).await;
    let rate = count as f64 / started.elapsed().as_secs_f64();
    let effects = "select count(*), count(distinct seq) from effect";
    let effects = sqlx::query_as::<_, (i64, i64)>(effects).fetch_one(&mut own).await.unwrap();
    assert_eq!(effects, (count as i64, count as i64));
    let least = done.iter().map(|done| done.load(Ordering::SeqCst)).min().unwrap();
    println!("PostgreSQL: {count} handled by two nodes, {rate:.0}/s");
    at_least("share of the lesser node", least as f64 / count as f64, 0.4, 0.05);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_wakes_the_other_node() {
    let Some(url) = server::database().await else { return };
    let (storing, waiting) = (node(&url).await, node(&url).await);
    let mut times = Vec::new();
    // The first notification may come before the listener is there.
    let mut tries = 0;
    while tokio::time::timeout(Duration::from_millis(50), waiting.changed()).await.is_err() {
        storing.store(&callback(1_000_000 + tries).await).await.unwrap();
        tries += 1;
        assert!(tries < 200, "nobody listens");
    }
    for callback in callbacks(if is_whole() { 500 } else { 40 }).await {
        let woken = tokio::spawn({
            let waiting = waiting.clone();
            async move {
                waiting.changed().await;
                Instant::now()
            }
        });
        storing.store(&callback).await.unwrap();
        let stored = Instant::now();
        times.push(woken.await.unwrap().saturating_duration_since(stored));
    }
    let times = Times::new(times);
    println!("PostgreSQL: another node is woken after the store returned by {times}");
    at_most("p99 in ms", times.p99().as_secs_f64() * 1000.0, 5.0, 2000.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_its_listener_polls() {
    let Some(url) = server::database().await else { return };
    let (storing, handling) = (node(&url).await, node(&url).await);
    let (handled, mut events) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |claimed: Claimed| {
        handled.send(claimed.token.seq()).ok();
        async { Outcome::Done }
    };
    let worker = InboxWorker::new(Arc::new(handling)).with_poll(Duration::from_secs(1));
    let worker = tokio::spawn(worker.run(handler, std::future::pending()));
    let mut own = PgConnection::connect(&url).await.unwrap();
    let mut longest = Duration::ZERO;
    for number in 0..if is_whole() { 10 } else { 2 } {
        let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and query ilike \
                   'listen%'";
        sqlx::raw_sql(end).execute(&mut own).await.unwrap();
        storing.store(&callback(number).await).await.unwrap();
        let stored = Instant::now();
        events.recv().await.unwrap();
        longest = longest.max(stored.elapsed());
    }
    worker.abort();
    at_most("PostgreSQL: longest wait without a listener in s", longest.as_secs_f64(), 1.1, 10.0);
}

/// The child. It is a test only so that this binary can be started as one.
#[test]
#[ignore = "it is started by the test of servers"]
fn child() {
    let Some(server) = Server::start() else { return };
    println!("folder {}", server.folder().display());
    loop {
        std::thread::park();
    }
}

#[test]
fn a_server_starts_fast_and_ends_with_its_test() {
    let started = Instant::now();
    let Some(server) = Server::start().or_else(server::skipped) else { return };
    let took = started.elapsed();
    drop(server);
    at_most("PostgreSQL: start from nothing in s", took.as_secs_f64(), 3.0, 60.0);

    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["goals::nodes::child", "--exact", "--ignored", "--nocapture", "--quiet"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let folder = lines.find_map(|line| Some(line.unwrap().split_once("folder ")?.1.to_owned()));
    let folder = std::path::PathBuf::from(folder.unwrap());
    assert!(folder.join("data").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = Instant::now();
    while folder.exists() {
        assert!(killed.elapsed() < Duration::from_secs(60), "the server outlives its test");
        std::thread::yield_now();
    }
    at_most("PostgreSQL: gone after a kill in s", killed.elapsed().as_secs_f64(), 1.0, 60.0);
}

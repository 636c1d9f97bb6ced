//! Figures beside their raw measure, in the same run. `PARTNER_CENTER_SPEED` makes them whole, and strict.

use std::io::Write as _;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use partner_center_webhooks::inbox::{Inbox, Stored, VerifiedCallback};

use crate::server;
use crate::support::{Folder, LEASE, callbacks, sqlite};

struct Times(Vec<Duration>);

impl Times {
    fn new(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    fn at(&self, hundredths: usize) -> Duration {
        self.0[(self.0.len() * hundredths / 100).min(self.0.len() - 1)]
    }
}

/// Appends 4 KiB and syncs.
fn raw_syncs(folder: &Folder, count: usize) -> (Times, f64) {
    let mut file = std::fs::File::create(folder.path().join("raw")).unwrap();
    let (mut times, started) = (Vec::new(), Instant::now());
    for _ in 0..count {
        let before = Instant::now();
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        times.push(before.elapsed());
    }
    (Times::new(times), count as f64 / started.elapsed().as_secs_f64())
}

async fn one_by_one(inbox: &dyn Inbox, callbacks: &[VerifiedCallback]) -> (Times, f64) {
    let (mut times, started) = (Vec::new(), Instant::now());
    for callback in callbacks {
        let before = Instant::now();
        assert_eq!(inbox.store(callback).await, Ok(Stored::New));
        times.push(before.elapsed());
    }
    (Times::new(times), callbacks.len() as f64 / started.elapsed().as_secs_f64())
}

async fn by_many(
    inbox: Arc<dyn Inbox>,
    callbacks: &[VerifiedCallback],
    callers: usize,
) -> (Times, f64) {
    let started = Instant::now();
    let tasks = callbacks.chunks(callbacks.len().div_ceil(callers)).map(|part| {
        let (inbox, part) = (inbox.clone(), part.to_vec());
        tokio::spawn(async move {
            let mut times = Vec::new();
            for callback in part {
                let before = Instant::now();
                assert_eq!(inbox.store(&callback).await, Ok(Stored::New));
                times.push(before.elapsed());
            }
            times
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let times: Vec<_> =
        join_all(tasks).await.into_iter().flat_map(|times| times.unwrap()).collect();
    (Times::new(times), callbacks.len() as f64 / started.elapsed().as_secs_f64())
}

async fn measures(name: &str, inbox: Arc<dyn Inbox>, folder: &Folder) {
    let is_whole = std::env::var_os("PARTNER_CENTER_SPEED").is_some();
    let (single, many) = if is_whole { (500, 6400) } else { (50, 640) };
    let all = callbacks(single + many).await;
    let (alone, rest) = all.split_at(single);
    let (sync, sync_rate) = raw_syncs(folder, single);
    let (one, one_rate) = one_by_one(&*inbox, alone).await;
    let (group, group_rate) = by_many(inbox.clone(), rest, 64).await;
    println!(
        "{name}: sync {:?}/{:?} {sync_rate:.0}/s; one caller {:?}/{:?} {one_rate:.0}/s; 64 callers {:?}/{:?} max {:?} \
         {group_rate:.0}/s = {:.1} × one caller, {:.1} × the syncs",
        sync.at(50),
        sync.at(99),
        one.at(50),
        one.at(99),
        group.at(50),
        group.at(99),
        group.at(100),
        group_rate / one_rate,
        group_rate / sync_rate,
    );
    let started = Instant::now();
    let mut claimed = 0;
    while let Some(last) =
        inbox.claim(NonZeroU32::new(64).unwrap(), LEASE).await.unwrap().iter().last()
    {
        claimed = last.token.seq();
    }
    println!("{name}: {claimed} claimed by 64 in {:?}", started.elapsed());
    // Grouping is what makes many callers fast. Loose, because tests share the machine.
    assert!(group_rate > one_rate, "{group_rate} against {one_rate}");
    // The goal is for optimized code on a machine of its own.
    if is_whole && !cfg!(debug_assertions) {
        assert!(group_rate >= 3.0 * one_rate, "{name}: {group_rate} against {one_rate}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_are_grouped() {
    let folder = Folder::new();
    measures("SQLite", Arc::new(sqlite(&folder).await), &folder).await;
    if let Some(inbox) = server::inbox().await {
        measures("PostgreSQL", Arc::new(inbox), &folder).await;
    }
}

//! Figures beside their raw measure, in the same run.
//!
//! They are reduced, and only what no load of the machine explains is asserted. `PARTNER_CENTER_GOALS` makes them whole: a million rows;
//! with it, optimized code has to reach the goals. Run it on a machine that does nothing else:
//!
//! ```text
//! PARTNER_CENTER_GOALS=1 cargo test --release --all-features --test inbox goals -- --nocapture --test-threads 1
//! ```

mod claims;
mod fill;
mod nodes;
mod prune;
mod stores;

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use partner_center_webhooks::inbox::{Inbox, Stored, VerifiedCallback};

use crate::support::Folder;

/// Durations, sorted.
struct Times(Vec<Duration>);

impl Times {
    fn new(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    fn at(&self, hundredths: usize) -> Duration {
        self.0[(self.0.len() * hundredths / 100).min(self.0.len() - 1)]
    }

    fn p50(&self) -> Duration {
        self.at(50)
    }

    fn p99(&self) -> Duration {
        self.at(99)
    }

    fn max(&self) -> Duration {
        self.at(100)
    }

    /// Calls a second, if they came one after the other.
    fn rate(&self) -> f64 {
        self.0.len() as f64 / self.0.iter().sum::<Duration>().as_secs_f64()
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2?}/{:.2?}/{:.2?}", self.p50(), self.p99(), self.max())
    }
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn is_whole() -> bool {
    std::env::var_os("PARTNER_CENTER_GOALS").is_some()
}

/// Prints a figure and its goal. `limit` is the goal; `loose` has to hold on any machine under any load.
fn at_most(what: &str, figure: f64, limit: f64, loose: f64) {
    let verdict = if figure <= limit { "reached" } else { "MISSED" };
    println!("    {what}: {figure:.2} (goal: at most {limit}) {verdict}");
    let bound = if is_whole() && !cfg!(debug_assertions) { limit } else { loose };
    assert!(figure <= bound, "{what}: {figure}");
}

fn at_least(what: &str, figure: f64, limit: f64, loose: f64) {
    let verdict = if figure >= limit { "reached" } else { "MISSED" };
    println!("    {what}: {figure:.2} (goal: at least {limit}) {verdict}");
    let bound = if is_whole() && !cfg!(debug_assertions) { limit } else { loose };
    assert!(figure >= bound, "{what}: {figure}");
}

/// Appends 4 KiB and syncs, again and again: what this disk can do.
fn raw_syncs(folder: &Folder, count: usize) -> Times {
    let mut file = std::fs::File::create(folder.path().join("raw")).unwrap();
    let mut times = Vec::new();
    for _ in 0..count {
        let before = Instant::now();
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        times.push(before.elapsed());
    }
    Times::new(times)
}

async fn one_by_one(inbox: &dyn Inbox, callbacks: &[VerifiedCallback]) -> Times {
    let mut times = Vec::new();
    for callback in callbacks {
        let before = Instant::now();
        assert_eq!(inbox.store(callback).await, Ok(Stored::New));
        times.push(before.elapsed());
    }
    Times::new(times)
}

/// Returns the times, and stores a second.
async fn by_many(
    inbox: Arc<dyn Inbox>,
    callbacks: &[VerifiedCallback],
    callers: usize,
) -> (Times, f64) {
    let started = Instant::now();
    let tasks = callbacks.chunks(callbacks.len().div_ceil(callers)).map(|part| {
        let (inbox, part) = (inbox.clone(), part.to_vec());
        tokio::spawn(async move { one_by_one(&*inbox, &part).await.0 })
    });
    let tasks: Vec<_> = tasks.collect();
    let times: Vec<_> =
        join_all(tasks).await.into_iter().flat_map(|times| times.unwrap()).collect();
    (Times::new(times), callbacks.len() as f64 / started.elapsed().as_secs_f64())
}

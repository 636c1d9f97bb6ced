//! Claims from few rows and from a million, and from one resource whose callbacks wait for one another.

use std::num::NonZeroU32;
use std::time::Instant;

use partner_center_webhooks::duplicates::Settled;
use partner_center_webhooks::inbox::Inbox;
use partner_center_webhooks::inbox::postgres::{PostgresInbox, PostgresOptions};
use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};

use super::fill::{self, Rows};
use super::{Times, at_most, is_whole, ratio};
use crate::server;
use crate::support::{Folder, LEASE};

const ONE: NonZeroU32 = NonZeroU32::MIN;

/// Rows of the small and of the large inbox.
fn sizes() -> [usize; 2] {
    if is_whole() { [1000, 1_000_000] } else { [300, 3000] }
}

/// Rows of the resource that is hot.
fn hot() -> usize {
    if is_whole() { 100_000 } else { 3000 }
}

struct Measured {
    claims: Times,
    completions: Times,
}

impl Measured {
    /// Claims and completes one by one.
    async fn of(name: &str, inbox: &dyn Inbox, count: usize) -> Self {
        let (mut claims, mut completions) = (Vec::new(), Vec::new());
        // Connections and caches.
        let warm = count / 10;
        for number in 0..count {
            let before = Instant::now();
            let claimed = inbox.claim(ONE, LEASE).await.unwrap();
            claims.push(before.elapsed());
            let before = Instant::now();
            assert_eq!(inbox.complete(claimed[0].token).await, Ok(Settled::Current), "{number}");
            completions.push(before.elapsed());
        }
        let measured = Self {
            claims: Times::new(claims.split_off(warm)),
            completions: Times::new(completions.split_off(warm)),
        };
        println!("{name}: a claim {}, a completion {}", measured.claims, measured.completions);
        measured
    }
}

fn count() -> usize {
    if is_whole() { 900 } else { 150 }
}

async fn of_sqlite(rows: Rows, size: usize) -> Measured {
    let folder = Folder::new();
    let options = SqliteOptions::new(folder.file()).with_limit_bytes(1 << 36);
    let options = match rows {
        Rows::OneResource => options.ordered_by_resource(),
        _ => options,
    };
    let inbox = SqliteInbox::connect(options).await.unwrap();
    fill::sqlite(&folder.file(), rows, size).await;
    Measured::of(&format!("SQLite, {size} rows, {rows:?}"), &inbox, count()).await
}

async fn of_postgres(rows: Rows, size: usize) -> Option<Measured> {
    let url = server::database().await?;
    let options = PostgresOptions::new(&url).unwrap();
    let options = match rows {
        Rows::OneResource => options.ordered_by_resource(),
        _ => options,
    };
    let inbox = PostgresInbox::connect(options).await.unwrap();
    fill::postgres(&url, rows, size).await;
    Some(Measured::of(&format!("PostgreSQL, {size} rows, {rows:?}"), &inbox, count()).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_of_sqlite() {
    let [small, large] = sizes();
    let small = of_sqlite(Rows::Pending, small).await;
    let large = of_sqlite(Rows::Pending, large).await;
    at_most(
        "p99 of a claim against few rows",
        ratio(large.claims.p99(), small.claims.p99()),
        2.0,
        50.0,
    );
    let hot = of_sqlite(Rows::OneResource, hot()).await;
    at_most("p50 of a claim, one resource", ratio(hot.claims.p50(), small.claims.p50()), 2.0, 8.0);
    let completions = ratio(hot.completions.p50(), small.completions.p50());
    at_most("p50 of a completion, one resource", completions, 2.0, 8.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_of_postgres() {
    let [small, large] = sizes();
    let Some(few) = of_postgres(Rows::Pending, small).await else { return };
    let many = of_postgres(Rows::Pending, large).await.unwrap();
    at_most(
        "p50 of a claim against few rows",
        ratio(many.claims.p50(), few.claims.p50()),
        2.0,
        8.0,
    );
    at_most(
        "p99 of a claim against few rows",
        ratio(many.claims.p99(), few.claims.p99()),
        4.0,
        50.0,
    );
    // Beside an ordered inbox with few rows, because the order itself costs a transaction.
    let few = of_postgres(Rows::OneResource, small).await.unwrap();
    let many = of_postgres(Rows::OneResource, hot()).await.unwrap();
    at_most("p50 of a claim, one resource", ratio(many.claims.p50(), few.claims.p50()), 2.0, 8.0);
    let completions = ratio(many.completions.p50(), few.completions.p50());
    at_most("p50 of a completion, one resource", completions, 2.0, 8.0);
}

/// A backlog that grows faster than statistics are taken: the planner believes that nothing is pending.
#[tokio::test(flavor = "multi_thread")]
async fn claims_of_postgres_with_old_statistics() {
    let Some(few) = of_postgres(Rows::Pending, sizes()[0]).await else { return };
    let url = server::database().await.unwrap();
    let inbox = PostgresInbox::connect(PostgresOptions::new(&url).unwrap()).await.unwrap();
    let size = if is_whole() { 100_000 } else { 20_000 };
    fill::postgres_unknown(&url, Rows::Pending, size).await;
    let many = Measured::of(&format!("PostgreSQL, {size} rows, unknown"), &inbox, count()).await;
    at_most("p50 of a claim", ratio(many.claims.p50(), few.claims.p50()), 2.0, 6.0);
    at_most("p50 of a completion", ratio(many.completions.p50(), few.completions.p50()), 2.0, 6.0);
}

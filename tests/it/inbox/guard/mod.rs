//! Each engine keeps the contract of duplicate guards: over two connections, and over two processes.

mod remote;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use partner_center_webhooks::duplicates::DuplicateGuard;
use partner_center_webhooks::inbox::postgres::{PostgresInbox, PostgresOptions};
use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
use partner_center_webhooks::testing::{TestClock, duplicate_guard_conformance};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::server;
use crate::support::Folder;
use remote::Remote;

const LEASE: Duration = Duration::from_secs(10);
const TIME_TO_LIVE: Duration = Duration::from_secs(100);

/// The name of a file or a URL, and an endpoint: an endpoint of its own is an empty guard in the same tables.
struct Place {
    place: String,
    endpoint: String,
}

async fn open(
    place: &Place,
    clock: impl Fn() -> Duration + Send + Sync + 'static,
) -> Arc<dyn DuplicateGuard> {
    let Place { place, endpoint } = place;
    if place.starts_with("postgres:") {
        let options = PostgresOptions::new(place)
            .unwrap()
            .with_endpoint(endpoint)
            .with_connections(5)
            .with_guard_lease(LEASE)
            .with_guard_time_to_live(TIME_TO_LIVE)
            .with_clock(clock);
        return Arc::new(PostgresInbox::connect(options).await.unwrap());
    }
    let options = SqliteOptions::new(place)
        .with_endpoint(endpoint)
        .with_guard_lease(LEASE)
        .with_guard_time_to_live(TIME_TO_LIVE)
        .with_clock(clock);
    Arc::new(SqliteInbox::connect(options).await.unwrap())
}

async fn conforms(place: &str, across_processes: bool) {
    let number = AtomicUsize::new(0);
    let nodes = |clock: &TestClock| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let place = Place { place: place.to_owned(), endpoint: number.to_string() };
        let here = || {
            let clock = clock.clone();
            block_in_place(|| Handle::current().block_on(open(&place, move || clock.now())))
        };
        match across_processes {
            true => [here(), Arc::new(Remote::start(&place, clock))],
            false => [here(), here()],
        }
    };
    assert_eq!(duplicate_guard_conformance(nodes, LEASE, TIME_TO_LIVE).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_is_a_guard() {
    let folder = Folder::new();
    conforms(folder.file().to_str().unwrap(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_is_a_guard_across_processes() {
    let folder = Folder::new();
    conforms(folder.file().to_str().unwrap(), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_a_guard() {
    let Some(url) = server::database().await else { return };
    conforms(&url, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_a_guard_across_processes() {
    let Some(url) = server::database().await else { return };
    conforms(&url, true).await;
}

//! Each engine keeps the contract of duplicate guards.

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

const LEASE: Duration = Duration::from_secs(10);
const TIME_TO_LIVE: Duration = Duration::from_secs(100);

fn wait<T>(future: impl Future<Output = T>) -> T {
    block_in_place(|| Handle::current().block_on(future))
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_is_a_guard() {
    let (folder, number) = (Folder::new(), AtomicUsize::new(0));
    let open = |clock: &TestClock| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let node = || -> Arc<dyn DuplicateGuard> {
            let clock = clock.clone();
            let options = SqliteOptions::new(folder.path().join(format!("{number}.db")))
                .with_guard_lease(LEASE)
                .with_guard_time_to_live(TIME_TO_LIVE)
                .with_clock(move || clock.now());
            Arc::new(wait(SqliteInbox::connect(options)).unwrap())
        };
        [node(), node()]
    };
    assert_eq!(duplicate_guard_conformance(open, LEASE, TIME_TO_LIVE).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_a_guard() {
    let Some(url) = server::database().await else { return };
    let number = AtomicUsize::new(0);
    let open = |clock: &TestClock| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let node = || -> Arc<dyn DuplicateGuard> {
            let clock = clock.clone();
            let options = PostgresOptions::new(&url)
                .unwrap()
                .with_endpoint(number.to_string())
                .with_connections(5)
                .with_guard_lease(LEASE)
                .with_guard_time_to_live(TIME_TO_LIVE)
                .with_clock(move || clock.now());
            Arc::new(wait(PostgresInbox::connect(options)).unwrap())
        };
        [node(), node()]
    };
    assert_eq!(duplicate_guard_conformance(open, LEASE, TIME_TO_LIVE).await, Ok(()));
}

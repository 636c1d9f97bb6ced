//! Databases that are full, read-only, locked, gone or not durable: an error that names the remedy, nothing lost, and recovery.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream;
use partner_center_webhooks::duplicates::Settled;
use partner_center_webhooks::inbox::postgres::{PostgresInbox, PostgresOptions};
use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
use partner_center_webhooks::inbox::{
    EndpointError, Filter, Inbox, InboxEndpoint, InboxError, PRUNE_BATCH, Retention, State, Stored,
};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::server::{self, Server};
use crate::support::{
    ALL, Folder, LEASE, body, callback, callback_of, callbacks, claim_one, count, receiver,
    request, sqlite,
};

/// Delivers a request, as an adapter does. An error of the inbox is a 503 with `Retry-After`.
async fn deliver<I: Inbox + Clone + 'static>(
    inbox: &I,
    body: impl Into<bytes::Bytes>,
) -> Result<Stored, InboxError> {
    let endpoint = InboxEndpoint::new(receiver(), Arc::new(inbox.clone()));
    let request = request(body);
    let body = stream::iter([Ok::<_, Infallible>(request.body)]);
    match endpoint.accept(&request.headers, body).await {
        Ok(accepted) => Ok(accepted.stored),
        Err(refused) => {
            let response = refused.to_response::<()>();
            assert_eq!(response.status(), 503, "{refused}");
            assert_eq!(response.headers()["retry-after"], "30", "{refused}");
            match refused {
                EndpointError::Inbox { error, .. } => Err(error),
                other => panic!("{other}"),
            }
        }
    }
}

fn event(number: usize) -> String {
    body(number, usize::MAX)
}

const SHORT: Duration = Duration::from_millis(400);

fn large(number: usize) -> String {
    format!("{number} {}", "x".repeat(20_000))
}

#[tokio::test]
async fn a_full_file_refuses_and_recovers_when_it_is_pruned() {
    let folder = Folder::new();
    let options = SqliteOptions::new(folder.file()).with_limit_bytes(400_000);
    let inbox = SqliteInbox::connect(options).await.unwrap();
    let mut stored = 0;
    let error = loop {
        match deliver(&inbox, large(stored)).await {
            Ok(Stored::New) => stored += 1,
            other => break other.unwrap_err(),
        }
        assert!(stored < 100);
    };
    assert!(matches!(error, InboxError::Full { .. }), "{error}");
    let remedy = "prune it, raise its limit, or make room on the disk";
    assert!(error.to_string().contains(remedy), "{error}");
    // What was acknowledged is there, and what was refused is not; it still can be claimed, settled and pruned.
    assert_eq!(count(&inbox, State::Pending).await, stored);
    let stats = inbox.stats().await.unwrap();
    assert!(stats.size_bytes <= 400_000 && stats.limit_bytes == Some(400_000), "{stats:?}");
    for claimed in inbox.claim(ALL, LEASE).await.unwrap() {
        inbox.complete(claimed.token).await.unwrap();
    }
    assert!(deliver(&inbox, large(1000)).await.is_err());
    let pruned = inbox.prune(Duration::ZERO, Retention::KeepParked, PRUNE_BATCH).await.unwrap();
    assert_eq!(pruned, stored as u64);
    // Without a restart.
    for number in 0..stored {
        let again = deliver(&inbox, large(2000 + number)).await;
        assert_eq!(again, Ok(Stored::New), "{number}");
    }
}

/// A file system of a few megabytes; `None` where mounting is not allowed.
struct Disk(Folder);

impl Disk {
    fn mount(megabytes: u32) -> Option<Self> {
        let disk = Self(Folder::new());
        if disk.run(&format!("size={megabytes}m")) {
            return Some(disk);
        }
        println!("SKIPPED: a file system cannot be mounted (run as root)");
        None
    }

    fn run(&self, options: &str) -> bool {
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(self.0.path());
        mount.stderr(std::process::Stdio::null());
        mount.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        std::process::Command::new("umount").arg("-l").arg(self.0.path()).status().ok();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers_when_there_is_room() {
    let Some(disk) = Disk::mount(4) else { return };
    let inbox = sqlite(&disk.0).await;
    let mut stored = 0;
    let error = loop {
        match deliver(&inbox, large(stored)).await {
            Ok(Stored::New) => stored += 1,
            other => break other.unwrap_err(),
        }
        assert!(stored < 1000);
    };
    assert!(matches!(error, InboxError::Full { .. }), "{error}");
    for number in 0..50 {
        let refused = deliver(&inbox, large(5000 + number)).await;
        assert!(refused.is_err(), "{refused:?}");
    }
    assert_eq!(count(&inbox, State::Pending).await, stored);
    assert!(disk.run("remount,size=16m"));
    for number in 0..50 {
        let again = deliver(&inbox, large(5000 + number)).await;
        assert_eq!(again, Ok(Stored::New), "{number}");
    }
    assert_eq!(count(&inbox, State::Pending).await, stored + 50);
    inbox.close().await;
}

#[tokio::test]
async fn a_read_only_file_is_refused() {
    let folder = Folder::new();
    drop(sqlite(&folder).await);
    let mut permissions = std::fs::metadata(folder.file()).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(folder.file(), permissions).unwrap();
    let error = SqliteInbox::connect(SqliteOptions::new(folder.file())).await.unwrap_err();
    assert!(matches!(error, InboxError::ReadOnly { .. }), "{error}");
    assert!(error.to_string().contains("check the permissions"), "{error}");
}

/// While it runs: the file system becomes read-only, as after an error of the disk.
#[tokio::test]
async fn a_file_system_that_becomes_read_only_refuses_and_recovers() {
    let Some(disk) = Disk::mount(8) else { return };
    let inbox = sqlite(&disk.0).await;
    assert_eq!(deliver(&inbox, event(1)).await, Ok(Stored::New));
    // Open files would keep it writable.
    inbox.close().await;
    assert!(disk.run("remount,ro"));
    for _ in 0..3 {
        let error = deliver(&inbox, event(2)).await.unwrap_err();
        assert!(matches!(error, InboxError::ReadOnly { .. }), "{error}");
        assert!(error.to_string().contains("the mount options of its file"), "{error}");
        assert!(inbox.claim(NonZeroU32::MIN, LEASE).await.is_err());
    }
    assert!(disk.run("remount,rw"));
    assert_eq!(deliver(&inbox, event(2)).await, Ok(Stored::New));
    assert_eq!(deliver(&inbox, event(1)).await, Ok(Stored::Duplicate));
    assert_eq!(count(&inbox, State::Pending).await, 2);
    inbox.close().await;
}

/// SQLite takes the time from the process. A wrong clock costs repeated attempts, and the fence keeps effects single.
#[tokio::test]
async fn a_clock_that_is_wrong_by_an_hour_doubles_nothing() {
    const HOUR: u64 = 3600;
    let noon = 20_000 * 24 * HOUR + 12 * HOUR;
    for wrong in [noon - HOUR, noon + HOUR] {
        let folder = Folder::new();
        let at = async |seconds: u64| {
            let clock = Arc::new(AtomicU64::new(seconds));
            let own = Arc::clone(&clock);
            let options = SqliteOptions::new(folder.file())
                .with_clock(move || Duration::from_secs(own.load(Ordering::SeqCst)));
            (SqliteInbox::connect(options).await.unwrap(), clock)
        };
        let ((right, clock), (other, _)) = (at(noon).await, at(wrong).await);
        for number in 0..4 {
            assert_eq!(deliver(&right, event(number)).await, Ok(Stored::New));
        }
        for number in 4..8 {
            assert_eq!(deliver(&other, event(number)).await, Ok(Stored::New));
            assert_eq!(deliver(&right, event(number)).await, Ok(Stored::Duplicate));
        }
        let first = right.claim(ALL, LEASE).await.unwrap();
        let second = other.claim(ALL, LEASE).await.unwrap();
        let mut effects = std::collections::HashMap::new();
        for (inbox, claims) in [(&other, second), (&right, first)] {
            for claimed in claims {
                let settled = inbox.complete(claimed.token).await.unwrap();
                *effects.entry(claimed.token.seq()).or_insert(0) +=
                    u32::from(settled == Settled::Current);
            }
        }
        // The clock is set right, and what the other one stored in the future is due.
        clock.fetch_add(2 * HOUR, Ordering::SeqCst);
        while right.stats().await.unwrap().pending > 0 {
            let claimed = claim_one(&right).await;
            assert_eq!(right.complete(claimed.token).await, Ok(Settled::Current));
            *effects.entry(claimed.token.seq()).or_insert(0) += 1;
        }
        assert_eq!(effects.len(), 8);
        assert!(effects.values().all(|effects| *effects == 1), "{effects:?}");
    }
}

/// Bodies name customers.
#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let inbox = sqlite(&folder).await;
    deliver(&inbox, event(1)).await.unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
    }
    inbox.close().await;
    // One that exists keeps its mode.
    std::fs::set_permissions(folder.file(), std::fs::Permissions::from_mode(0o640)).unwrap();
    sqlite(&folder).await;
    assert_eq!(mode(&folder.file()), 0o640);
}

#[tokio::test]
async fn what_is_not_a_file_on_a_disk_is_refused() {
    let folder = Folder::new();
    let refused = async |path: std::path::PathBuf| {
        SqliteInbox::connect(SqliteOptions::new(path)).await.unwrap_err().to_string()
    };
    let missing = refused(folder.path().join("missing").join("inbox.db")).await;
    assert!(missing.contains("does not exist; create it"), "{missing}");
    let directory = refused(folder.path().to_owned()).await;
    assert!(directory.contains("not a regular file"), "{directory}");
    std::fs::write(folder.file(), [b'x'; 4096]).unwrap();
    let error = SqliteInbox::connect(SqliteOptions::new(folder.file())).await.unwrap_err();
    assert!(matches!(error, InboxError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = Folder::new();
    drop(sqlite(&folder).await);
    let url = format!("sqlite:{}", folder.file().display());
    let mut own = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("update partner_center_schema set version = 99").execute(&mut own).await.unwrap();
    let error = SqliteInbox::connect(SqliteOptions::new(folder.file())).await.unwrap_err();
    assert_eq!(error, InboxError::NewerSchema { found: 99, known: 1 });
}

#[tokio::test]
async fn a_file_that_another_process_locks_refuses_in_time_and_recovers() {
    let folder = Folder::new();
    let options = SqliteOptions::new(folder.file()).with_deadline(SHORT);
    let inbox = SqliteInbox::connect(options).await.unwrap();
    let url = format!("sqlite:{}", folder.file().display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    let transaction = other.begin_with("begin immediate").await.unwrap();
    for number in 0..3 {
        let started = Instant::now();
        let error = deliver(&inbox, event(number)).await.unwrap_err();
        assert!(matches!(error, InboxError::Busy { .. } | InboxError::Deadline { .. }), "{error}");
        assert!(started.elapsed() < SHORT * 3, "{:?}", started.elapsed());
    }
    transaction.rollback().await.unwrap();
    for number in 0..3 {
        // It may have been stored after its deadline: unknown is not refused.
        deliver(&inbox, event(number)).await.unwrap();
    }
    assert_eq!(count(&inbox, State::Pending).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_that_hold_transactions_do_not_starve_stores() {
    let folder = Folder::new();
    let inbox = sqlite(&folder).await;
    let holder = inbox.clone();
    let holding = tokio::spawn(async move {
        for _ in 0..20 {
            let transaction = holder.begin().await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            transaction.commit().await.unwrap();
        }
    });
    let mut number = 0;
    let mut longest = Duration::ZERO;
    while !holding.is_finished() {
        let callback = callback(number).await;
        let started = Instant::now();
        assert_eq!(inbox.store(&callback).await, Ok(Stored::New));
        longest = longest.max(started.elapsed());
        number += 1;
    }
    println!("{number} stores beside 20 transactions of 50 ms: the longest took {longest:?}");
    assert!(number >= 15, "{number} stores");
    holding.await.unwrap();
}

#[tokio::test]
async fn a_failed_statement_of_a_handler_leaves_the_inbox_usable() {
    let folder = Folder::new();
    let inbox = sqlite(&folder).await;
    for number in 0..20 {
        let mut transaction = inbox.begin().await.unwrap();
        let failed = sqlx::query("insert into missing values (1)");
        assert!(failed.execute(transaction.connection()).await.is_err());
        drop(transaction);
        assert_eq!(deliver(&inbox, event(number)).await, Ok(Stored::New));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_that_open_at_once_creates_the_tables() {
    let folder = Folder::new();
    let file = folder.file();
    let opened = (0..8).map(|_| SqliteInbox::connect(SqliteOptions::new(&file)));
    for inbox in futures_util::future::join_all(opened).await {
        assert_eq!(inbox.unwrap().stats().await.unwrap().pending, 0);
    }
    let Some(url) = server::database().await else { return };
    let opened = (0..8).map(|_| PostgresInbox::connect(PostgresOptions::new(&url).unwrap()));
    for inbox in futures_util::future::join_all(opened).await {
        assert_eq!(inbox.unwrap().stats().await.unwrap().pending, 0);
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_by_name() {
    let folder = Folder::new();
    let inbox = sqlite(&folder).await;
    let largest = 256 * 1024;
    let callback = callback_of(vec![b'x'; largest]).await;
    assert_eq!(inbox.store(&callback).await, Ok(Stored::New));
    let records = inbox.export(&Filter::new(), Default::default()).await.unwrap();
    assert_eq!(records[0].body.len(), largest);
}

#[tokio::test]
async fn evidence_is_verified_again_from_the_file_alone() {
    use partner_center_webhooks::chain::ChainVerifier;
    use partner_center_webhooks::crypto::DefaultBackend;
    let folder = Folder::new();
    let inbox = sqlite(&folder).await;
    for callback in callbacks(3).await {
        inbox.store(&callback).await.unwrap();
    }
    inbox.close().await;
    let inbox = sqlite(&folder).await;
    let anchors = crate::support::issuer().anchors().unwrap();
    let chain = ChainVerifier::new(DefaultBackend::new(), anchors);
    let others = partner_center_webhooks::testing::Issuer::new().unwrap().anchors().unwrap();
    let other_chain = ChainVerifier::new(DefaultBackend::new(), others);
    let records = inbox.export(&Filter::new(), Default::default()).await.unwrap();
    assert_eq!(records.len(), 3);
    for record in &records {
        let verified = record.evidence.verify(&record.body, &chain).unwrap();
        assert_eq!(verified.digest(), record.entry.digest);
        let mut altered = record.body.to_vec();
        altered[0] ^= 1;
        assert!(record.evidence.verify(&altered, &chain).is_err());
        assert!(record.evidence.verify(&record.body, &other_chain).is_err());
    }
}

// ---- PostgreSQL --------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn sessions_that_would_lose_commits_are_refused() {
    let Some(url) = server::database().await else { return };
    for (setting, remedy) in [
        ("synchronous_commit = off", "set it to `on` for this role and database"),
        ("default_transaction_read_only = on", "connect to the primary server"),
    ] {
        let name = url.split(['/', '?']).nth(3).unwrap();
        let mut admin = PgConnection::connect(&url).await.unwrap();
        let alter = async |admin: &mut PgConnection, text: String| {
            sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(admin).await.unwrap();
        };
        alter(&mut admin, format!("alter database {name} set {setting}")).await;
        let refused = PostgresInbox::connect(PostgresOptions::new(&url).unwrap()).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(remedy), "{refused}");
        alter(&mut admin, "set default_transaction_read_only = off".to_owned()).await;
        alter(&mut admin, format!("alter database {name} reset all")).await;
    }
    assert!(PostgresInbox::connect(PostgresOptions::new(&url).unwrap()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_pool_refuses_in_time_and_recovers() {
    let Some(url) = server::database().await else { return };
    let options = PostgresOptions::new(&url).unwrap().with_connections(5).with_deadline(SHORT);
    let inbox = PostgresInbox::connect(options).await.unwrap();
    let mut held = Vec::new();
    while let Ok(transaction) = inbox.begin().await {
        held.push(transaction);
        assert!(held.len() <= 5);
    }
    let started = Instant::now();
    let error = deliver(&inbox, event(1)).await.unwrap_err();
    assert!(
        matches!(error, InboxError::Unavailable { .. } | InboxError::Deadline { .. }),
        "{error}"
    );
    let error = inbox.claim(NonZeroU32::MIN, LEASE).await.unwrap_err();
    assert!(
        matches!(error, InboxError::Unavailable { .. } | InboxError::Deadline { .. }),
        "{error}"
    );
    assert!(started.elapsed() < SHORT * 6, "{:?}", started.elapsed());
    drop(held);
    deliver(&inbox, event(1)).await.unwrap();
    assert_eq!(count(&inbox, State::Pending).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_refuses_and_recovers() {
    let Some(server) = Server::start().or_else(server::skipped) else { return };
    let url = server.database().await;
    let options = PostgresOptions::new(&url).unwrap().with_deadline(Duration::from_secs(2));
    let inbox = PostgresInbox::connect(options).await.unwrap();
    assert_eq!(deliver(&inbox, event(1)).await, Ok(Stored::New));
    server.command("stop");
    for _ in 0..3 {
        let error = deliver(&inbox, event(2)).await.unwrap_err();
        assert!(error.to_string().contains("check"), "the remedy: {error}");
        assert!(inbox.claim(NonZeroU32::MIN, LEASE).await.is_err());
    }
    server.command("start");
    // The clients notice within their deadlines, without a restart of their own.
    let mut tries = 0;
    while let Err(error) = deliver(&inbox, event(2)).await {
        tries += 1;
        assert!(tries < 20, "{error}");
    }
    assert_eq!(deliver(&inbox, event(1)).await, Ok(Stored::Duplicate));
    assert_eq!(count(&inbox, State::Pending).await, 2);
}

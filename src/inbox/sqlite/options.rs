//! Opening a file as an inbox, and what is refused.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tokio::time::{Instant, sleep};

use super::database::Database;
use super::mounts::network_file_system;
use super::schema;
use super::session::SqliteSession;
use crate::duplicates::InMemory;
use crate::inbox::error::{InboxError, bounded};
use crate::inbox::sql::Session as _;
use crate::inbox::sql::guard::GuardTimes;
use crate::mask::Excerpt;

/// The settings of a [`SqliteInbox`](super::SqliteInbox).
///
/// | setting | default |
/// |---|---|
/// | [endpoint](Self::with_endpoint) | the empty name |
/// | [order by resource](Self::ordered_by_resource) | no |
/// | [limit of size](Self::with_limit_bytes) | 1 GiB |
/// | [deadline of each call](Self::with_deadline) | 5 s |
/// | [refused requests kept](Self::with_refused) | 100 |
/// | [lease of a duplicate guard](Self::with_guard_lease) | two minutes |
/// | [clock](Self::with_clock) | the system's |
#[derive(Clone)]
#[must_use]
pub struct SqliteOptions {
    pub(super) file: PathBuf,
    pub(super) endpoint: Arc<str>,
    pub(super) is_ordered: bool,
    pub(super) limit_bytes: u64,
    pub(super) deadline: Duration,
    pub(super) refused: u32,
    pub(super) guard: GuardTimes,
    clock: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl SqliteOptions {
    /// An inbox in `file`, which is created if it does not exist. Its folder must exist.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let since_1970 = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            file: file.into(),
            endpoint: Arc::from(""),
            is_ordered: false,
            limit_bytes: 1024 * 1024 * 1024,
            deadline: Duration::from_secs(5),
            refused: 100,
            guard: GuardTimes { lease: InMemory::LEASE, time_to_live: InMemory::TIME_TO_LIVE },
            clock: Arc::new(move || since_1970().unwrap_or_default()),
        }
    }

    /// Names the endpoint whose callbacks are stored. Inboxes of several endpoints share a file.
    pub fn with_endpoint(mut self, name: impl Into<String>) -> Self {
        self.endpoint = name.into().into();
        self
    }

    /// Gives callbacks of one resource (by their `ResourceUri`) to one worker at a time, in order of arrival. All processes that
    /// store callbacks of an endpoint must agree on it.
    pub fn ordered_by_resource(mut self) -> Self {
        self.is_ordered = true;
        self
    }

    /// Refuses callbacks with [`InboxError::Full`] when the file has this size, which leaves room on the disk for pruning.
    pub fn with_limit_bytes(mut self, bytes: u64) -> Self {
        self.limit_bytes = bytes;
        self
    }

    /// Limits each call. Partner Center waits for the response meanwhile.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how many refused requests are kept.
    pub fn with_refused(mut self, count: u32) -> Self {
        self.refused = count;
        self
    }

    /// Sets the lease of claims that this inbox makes as a [`DuplicateGuard`](crate::duplicates::DuplicateGuard).
    pub fn with_guard_lease(mut self, lease: Duration) -> Self {
        self.guard.lease = lease;
        self
    }

    /// Sets how long completed callbacks are remembered as a [`DuplicateGuard`](crate::duplicates::DuplicateGuard). Default: seven
    /// days.
    pub fn with_guard_time_to_live(mut self, time_to_live: Duration) -> Self {
        self.guard.time_to_live = time_to_live;
        self
    }

    /// Reads the time since 1970 from `clock`. Processes that share a file must agree on it to within a lease. A clock that is set
    /// back lengthens leases; one that is set forward may end a lease early, which the fencing tokens make harmless.
    pub fn with_clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Opens the file, refuses what would not be durable, and migrates.
    pub(super) async fn open(&self) -> Result<Database, InboxError> {
        self.check_file()?;
        let database = Database::new(self.connect_options(), Arc::clone(&self.clock));
        let started = Instant::now();
        loop {
            match self.prepare(&database).await {
                // Another process may be switching the file to its write-ahead log, for which SQLite does not wait.
                Err(InboxError::Busy { .. }) if started.elapsed() < self.deadline => {
                    sleep(Duration::from_millis(20)).await;
                }
                result => return result.map(|()| database),
            }
        }
    }

    fn connect_options(&self) -> SqliteConnectOptions {
        // Half of the deadline, so that its caller gets SQLite's own error.
        let busy = self.deadline.checked_div(2).unwrap_or_default();
        SqliteConnectOptions::new()
            .filename(&self.file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(busy)
            // On macOS, a sync reaches the disk only with it.
            .pragma("fullfsync", "1")
            .pragma("max_page_count", self.max_pages().to_string())
    }

    fn max_pages(&self) -> u64 {
        self.limit_bytes.div_ceil(PAGE).clamp(64, u64::from(u32::MAX) - 1)
    }

    /// Migrates in one transaction, so that of concurrent processes one creates the tables.
    async fn prepare(&self, database: &Database) -> Result<(), InboxError> {
        let turn = database.turn().await;
        let mut writing = database.begin(turn).await?;
        let mut session = writing.session();
        check_library(&mut session).await?;
        schema::migrate(&mut session).await?;
        writing.commit().await
    }

    fn check_file(&self) -> Result<(), InboxError> {
        let refused =
            |reason: fmt::Arguments<'_>| Err(InboxError::NotDurable { reason: bounded(reason) });
        let file = Excerpt::of(self.file.to_string_lossy().as_bytes());
        let folder = match self.file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let Ok(folder) = fs::canonicalize(folder) else {
            return refused(format_args!("the folder of {file} does not exist; create it"));
        };
        // Absent outside of Linux.
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        if let Some(kind) = network_file_system(&mounts, &folder) {
            return refused(format_args!(
                "{file} is on a network file system ({kind}), on which SQLite's write-ahead log does not work; put it on a local \
                 disk, or use PostgreSQL"
            ));
        }
        match fs::metadata(&self.file) {
            Ok(metadata) if !metadata.is_file() => {
                refused(format_args!("{file} is not a regular file; name a file on a local disk"))
            }
            Ok(metadata) if metadata.permissions().readonly() => {
                let reason = bounded(format_args!("{file} is read-only"));
                Err(InboxError::ReadOnly { reason })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for SqliteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteOptions")
            .field("file", &self.file)
            .field("endpoint", &self.endpoint)
            .field("is_ordered", &self.is_ordered)
            .field("limit_bytes", &self.limit_bytes)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Refuses a library that can corrupt the file, and settings that lose commits in a power cut.
async fn check_library(session: &mut SqliteSession<'_>) -> Result<(), InboxError> {
    let refused = |reason: fmt::Arguments<'_>| InboxError::NotDurable { reason: bounded(reason) };
    let mut first = async |statement| {
        let rows = session.run(statement, Vec::new()).await?;
        rows.into_iter().next().ok_or_else(|| InboxError::damaged("a setting has no value"))
    };
    let version = first("select sqlite_version()").await?.text()?;
    let journal = first("pragma journal_mode").await?.text()?;
    let synchronous = first("pragma synchronous").await?.int()?;
    if !is_sound(&version) {
        return Err(refused(format_args!(
            "SQLite {version} can corrupt a write-ahead log when two connections write (fixed in 3.51.3); update libsqlite3-sys, \
             or build with its feature `bundled`"
        )));
    }
    if journal != "wal" || synchronous != SYNCHRONOUS_FULL {
        return Err(refused(format_args!(
            "the file has journal mode {journal} and synchronous {synchronous} (expected wal and {SYNCHRONOUS_FULL}); put it on \
             a local disk where SQLite can share memory"
        )));
    }
    Ok(())
}

/// Whether a version is 3.51.3 or later.
fn is_sound(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
    let mut next = || numbers.next().unwrap_or_default();
    (next(), next(), next()) >= (3, 51, 3)
}

/// SQLite's default size of a page, in bytes.
const PAGE: u64 = 4096;
const SYNCHRONOUS_FULL: i64 = 2;

#[cfg(test)]
mod tests {
    use super::is_sound;

    #[test]
    fn versions_with_the_fault_are_refused() {
        for sound in ["3.51.3", "3.51.10", "3.52.0", "4.0.0"] {
            assert!(is_sound(sound), "{sound}");
        }
        for faulty in ["3.51.2", "3.46.0", "3.7.0", "2.99.99", "", "garbage"] {
            assert!(!is_sound(faulty), "{faulty}");
        }
    }
}

//! Opening a file as an inbox, and what is refused.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tokio::time::{Instant, sleep};

use super::database::Database;
use super::mounts::network_file_system;
use super::schema;
use super::session::SqliteSession;
use crate::inbox::error::{InboxError, bounded};
use crate::inbox::sql::Session as _;
use crate::inbox::sql::settings::Settings;
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
    pub(super) settings: Settings,
    clock: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl SqliteOptions {
    /// An inbox in `file`, which is created if it does not exist. Its folder must exist. SQLite keeps two files beside it, with `-wal`
    /// and `-shm` at the end of their names: copy all three together, or use SQLite's `.backup`.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use std::time::Duration;
    ///
    /// use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
    /// use partner_center_webhooks::inbox::{Inbox as _, InboxError};
    ///
    /// # let folder = std::env::temp_dir().join(format!("partner-center-options-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// let options = SqliteOptions::new(folder.join("inbox.db"))
    ///     .with_limit_bytes(64 * 1024 * 1024)
    ///     .with_deadline(Duration::from_secs(2))
    ///     .ordered_by_resource();
    /// let inbox = SqliteInbox::connect(options).await?;
    /// assert_eq!(inbox.stats().await?.limit_bytes, Some(67_108_864));
    ///
    /// let missing = SqliteOptions::new(folder.join("missing").join("inbox.db"));
    /// let error = SqliteInbox::connect(missing).await.unwrap_err();
    /// assert!(matches!(error, InboxError::NotDurable { .. }), "{error}"); // create the folder first
    /// # inbox.close().await;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(()) }) }
    /// ```
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let since_1970 = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            file: file.into(),
            settings: Settings::new(1024 * 1024 * 1024),
            clock: Arc::new(move || since_1970().unwrap_or_default()),
        }
    }

    /// Names the endpoint whose callbacks are stored. Inboxes of several endpoints share a file.
    pub fn with_endpoint(mut self, name: impl Into<String>) -> Self {
        self.settings.endpoint = name.into().into();
        self
    }

    /// Gives callbacks of one resource (by their `ResourceUri`) to one worker at a time, in order of arrival. All processes that
    /// store callbacks of an endpoint must agree on it.
    pub fn ordered_by_resource(mut self) -> Self {
        self.settings.is_ordered = true;
        self
    }

    /// Refuses callbacks with [`InboxError::Full`] when the file has this size, which leaves room on the disk for pruning. Default:
    /// 1 GiB; at least 256 KiB, in steps of 4 KiB.
    ///
    /// A callback of 1 KiB needs about 2 KiB with its evidence and indexes, so 1 GiB holds half a million. The log beside the file is not
    /// counted; it is about 4 MiB, and more while a backup reads the file. On a disk that is full itself, even pruning fails.
    pub fn with_limit_bytes(mut self, bytes: u64) -> Self {
        self.settings.limit_bytes = bytes;
        self
    }

    /// Limits each call; default: 5 s. Partner Center waits for the response meanwhile.
    ///
    /// A call that exceeds it fails with [`InboxError::Deadline`], and may take effect nevertheless. Keep it below the timeout of the
    /// route, so that the response is this crate's 503 with `Retry-After`.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// Sets how many refused requests are kept; default: 100, 0 keeps none. Each has at most 64 KiB of body.
    pub fn with_refused(mut self, count: u32) -> Self {
        self.settings.refused = count;
        self
    }

    /// Sets the lease of claims that this inbox makes as a [`DuplicateGuard`](crate::duplicates::DuplicateGuard). Default: two minutes.
    /// It does not concern workers, which bring their [own](crate::inbox::InboxWorker::with_lease).
    pub fn with_guard_lease(mut self, lease: Duration) -> Self {
        self.settings.guard.lease = lease;
        self
    }

    /// Sets how long completed callbacks are remembered as a [`DuplicateGuard`](crate::duplicates::DuplicateGuard). Default: seven
    /// days.
    pub fn with_guard_time_to_live(mut self, time_to_live: Duration) -> Self {
        self.settings.guard.time_to_live = time_to_live;
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
        create_private(&self.file)?;
        let database = Database::new(self.connect_options(), Arc::clone(&self.clock));
        let started = Instant::now();
        loop {
            match self.prepare(&database).await {
                // Another process may be switching the file to its write-ahead log, for which SQLite does not wait.
                Err(InboxError::Busy { .. }) if started.elapsed() < self.settings.deadline => {
                    sleep(Duration::from_millis(20)).await;
                }
                result => return result.map(|()| database),
            }
        }
    }

    fn connect_options(&self) -> SqliteConnectOptions {
        // Half of the deadline, so that its caller gets SQLite's own error.
        let busy = self.settings.deadline.checked_div(2).unwrap_or_default();
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
        self.settings.limit_bytes.div_ceil(PAGE).clamp(64, u64::from(u32::MAX) - 1)
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
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Creates the file if it does not exist, for its owner alone: bodies name customers. SQLite gives the files beside it the same
/// permissions.
fn create_private(file: &Path) -> Result<(), InboxError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    restrict(&mut options);
    match options.open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == ErrorKind::StorageFull => {
            Err(InboxError::Full { reason: bounded(error) })
        }
        Err(error) => {
            let file = Excerpt::of(file.to_string_lossy().as_bytes());
            let reason = bounded(format_args!("{file} cannot be created: {error}"));
            Err(InboxError::ReadOnly { reason })
        }
    }
}

#[cfg(unix)]
fn restrict(options: &mut fs::OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn restrict(_: &mut fs::OpenOptions) {}

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

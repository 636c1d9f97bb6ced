//! The inbox in a file of SQLite: for one machine, without a server.
//!
//! All writes of a process go through one task, which commits what is queued together: one sync of the disk for many stores. The
//! file is in WAL mode with `synchronous=FULL`, so a power cut loses nothing that was acknowledged, if the disk honours syncs.
//! Several processes may open the file. One that holds SQLite's lock for long delays the others. The file is created with the
//! permissions of the process's umask; it holds the bodies of callbacks, which name customers.
//!
//! # Example: effects that take place exactly once
//!
//! The handler's own tables are in the same file. Its transaction records that the callback was handled, so that both or neither
//! become durable.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use std::num::NonZeroU32;
//! use std::time::Duration;
//!
//! use partner_center_webhooks::crypto::DefaultBackend;
//! use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
//! use partner_center_webhooks::inbox::{Inbox as _, Stored, VerifiedCallback};
//! use partner_center_webhooks::testing::Issuer;
//!
//! # let folder = std::env::temp_dir().join(format!("partner-center-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! let inbox = SqliteInbox::connect(SqliteOptions::new(folder.join("inbox.db"))).await?;
//!
//! let issuer = Issuer::new()?; // in production: a Receiver
//! let signer = issuer.signer()?;
//! let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
//! let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
//! let callback = VerifiedCallback::receive(&receiver, &request.headers, request.body).await?;
//! assert_eq!(inbox.store(&callback).await?, Stored::New); // durable: respond with 2xx
//! assert_eq!(inbox.store(&callback).await?, Stored::Duplicate);
//!
//! let mut transaction = inbox.begin().await?;
//! sqlx::query("create table invoice (digest blob)").execute(transaction.connection()).await?;
//! transaction.commit().await?;
//!
//! for claimed in inbox.claim(NonZeroU32::MIN, Duration::from_secs(60)).await? {
//!     let mut transaction = inbox.begin().await?;
//!     transaction.complete(claimed.token).await?; // first: a stale attempt ends here
//!     sqlx::query("insert into invoice values ($1)")
//!         .bind(claimed.digest().as_bytes().as_slice())
//!         .execute(transaction.connection())
//!         .await?;
//!     transaction.commit().await?;
//! }
//! assert_eq!(inbox.stats().await?.done, 1);
//! # inbox.close().await;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(()) }) }
//! ```

mod database;
mod engine;
mod guard;
mod inbox;
mod mounts;
mod options;
mod schema;
mod session;
mod store;
mod transaction;
mod writer;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::sqlite::SqliteConnection;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::claim::ClaimToken;
use super::error::InboxError;
use super::sql::settle;
use database::Database;
use session::SqliteSession;
use writer::Writer;

pub use options::SqliteOptions;
pub use transaction::SqliteTransaction;

/// An inbox in a file of SQLite. Cheap to clone; clones share their connections.
///
/// See the [module](self) for an example. It is an [`Inbox`](super::Inbox), a [`RefusedRing`](super::RefusedRing) and a
/// [`DuplicateGuard`](crate::duplicates::DuplicateGuard).
#[derive(Clone)]
pub struct SqliteInbox {
    shared: Arc<Shared>,
}

struct Shared {
    options: SqliteOptions,
    database: Arc<Database>,
    writer: Writer,
    changed: Notify,
    /// The certificates that are stored already.
    chains: Mutex<HashSet<[u8; 32]>>,
}

impl SqliteInbox {
    /// Opens the file, creates or migrates its tables, and starts the writer on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// - [`InboxError::NotDurable`]: the file is on a network file system, or the library is older than 3.51.3 and can corrupt it.
    /// - [`InboxError::ReadOnly`]: the file cannot be written to.
    /// - [`InboxError::NewerSchema`]: a newer version of this crate wrote the file.
    /// - [`InboxError::Busy`], [`Damaged`](InboxError::Damaged), [`Full`](InboxError::Full),
    ///   [`Unavailable`](InboxError::Unavailable): SQLite's own errors.
    pub async fn connect(options: SqliteOptions) -> Result<Self, InboxError> {
        let deadline = options.deadline;
        let opened = timeout(deadline.saturating_mul(2), options.open()).await;
        let database = Arc::new(opened.unwrap_or(Err(InboxError::Deadline { after: deadline }))?);
        let writer = Writer::start(Arc::clone(&database), deadline);
        let (changed, chains) = (Notify::new(), Mutex::default());
        let shared = Shared { options, database, writer, changed, chains };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Begins a handler's own transaction on this file. See [`SqliteTransaction`].
    ///
    /// # Errors
    ///
    /// [`InboxError::Deadline`] if other writers took too long, or SQLite's error.
    pub async fn begin(&self) -> Result<SqliteTransaction, InboxError> {
        let after = self.shared.options.deadline;
        let begin = async {
            let turn = self.shared.database.turn().await;
            self.shared.database.begin(turn).await
        };
        let writing = timeout(after, begin).await.unwrap_or(Err(InboxError::Deadline { after }))?;
        Ok(SqliteTransaction { writing, endpoint: Arc::clone(&self.shared.options.endpoint) })
    }

    /// Records in a transaction of the application's own connection to this file that the callback was handled. Prefer
    /// [`begin`](Self::begin), which does not compete for SQLite's lock. Use `BEGIN IMMEDIATE`.
    ///
    /// # Errors
    ///
    /// [`InboxError::Stale`] if another claim took over: roll back.
    pub async fn complete_in(
        &self,
        connection: &mut SqliteConnection,
        token: ClaimToken,
    ) -> Result<(), InboxError> {
        let mut session = SqliteSession { connection, now: self.shared.database.now() };
        settle::complete(&mut session, &self.shared.options.endpoint, token).await
    }

    /// Waits for open transactions, and closes the connections. Calls that follow open new ones.
    pub async fn close(&self) {
        self.shared.database.close().await;
    }
}

impl Shared {
    fn knows(&self, chain: &[u8; 32]) -> bool {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner).contains(chain)
    }

    fn learn(&self, chain: [u8; 32]) {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner).insert(chain);
    }
}

impl fmt::Debug for SqliteInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteInbox").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

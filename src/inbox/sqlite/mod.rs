//! The inbox in a file of SQLite: for one machine, without a server.
//!
//! Exactly-once needs one file: a transaction over attached files is not atomic across them after a power cut.
//!
//! # Tables
//!
//! Other programs may read them; all names start with `partner_center_`. Times are milliseconds since 1970.
//!
//! | column of `partner_center_inbox` | |
//! |---|---|
//! | `endpoint`, `digest` | the name of the endpoint and SHA-256 of the body; unique together |
//! | `seq` | the order of arrival; a number is never used again |
//! | `state` | the [code](super::State::code) of the state |
//! | `due` | when it can be claimed: a claim moves it to the end of its lease, a failure to the end of its backoff |
//! | `fence` | the number of the latest claim |
//! | `attempts`, `failures`, `error` | as in [`Entry`](super::Entry) |
//! | `leased` | 1 while the latest claim is neither settled nor given back |
//! | `resource`, `event`, `customer` | from the body; null if it is not an event, `resource` also if the inbox is unordered |
//! | `stored`, `settled` | when |
//! | `chain`, `signature`, `algorithm`, `certificate_url`, `verified` | the evidence; `chain` is a key of `partner_center_chain`, and `verified` is in seconds |
//! | `body` | the bytes that were signed |
//!
//! # How it writes
//!
//! All writes of a process go through one task, which commits what is queued together: one sync of the disk for many stores. The
//! file is in WAL mode with `synchronous=FULL`, so a power cut loses nothing that was acknowledged, if the disk honours syncs.
//! Several processes may open the file. One that holds SQLite's lock for long delays the others. The file is created
//! with mode 0600, because it holds the bodies of callbacks, which name customers; one that exists keeps its mode.
//!
//! A transaction of a handler waits in the same queue, in order of arrival: SQLite's own waiting is not fair, and a handler that takes
//! the lock again and again would starve the stores. A connection on which anything failed is closed and replaced.
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
mod inbox;
mod mounts;
mod options;
mod schema;
mod session;
mod store;
mod transaction;
mod writer;

use std::fmt;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;
use tokio::time::timeout;

use super::claim::ClaimToken;
use super::error::InboxError;
use super::sql::engine::{Engine as _, Shared};
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
    inner: Arc<Inner>,
}

struct Inner {
    options: SqliteOptions,
    database: Arc<Database>,
    writer: Writer,
    shared: Shared,
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
        let deadline = options.settings.deadline;
        let opened = timeout(deadline.saturating_mul(2), options.open()).await;
        let database = Arc::new(opened.unwrap_or(Err(InboxError::Deadline { after: deadline }))?);
        let writer = Writer::start(Arc::clone(&database), deadline);
        let inner = Inner { options, database, writer, shared: Shared::new() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Begins a handler's own transaction on this file. See [`SqliteTransaction`], and the example of the [module](self).
    ///
    /// It waits in one queue with the stores, for the deadline at most. While it is open, stores wait: 50 ms in a handler are 50 ms more
    /// until the response to Partner Center.
    ///
    /// # Errors
    ///
    /// [`InboxError::Deadline`] if other writers took too long, or SQLite's error.
    pub async fn begin(&self) -> Result<SqliteTransaction, InboxError> {
        let after = self.settings().deadline;
        let begin = async {
            let turn = self.inner.database.turn().await;
            self.inner.database.begin(turn).await
        };
        let writing = timeout(after, begin).await.unwrap_or(Err(InboxError::Deadline { after }))?;
        Ok(SqliteTransaction { writing, endpoint: Arc::clone(&self.settings().endpoint) })
    }

    /// Records in a transaction of the application's own connection to this file that the callback was handled. Prefer
    /// [`begin`](Self::begin), which does not compete for SQLite's lock. Use `BEGIN IMMEDIATE`: a transaction that reads first and writes
    /// later fails at once if another one wrote in between.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use std::{num::NonZeroU32, time::Duration};
    /// # use partner_center_webhooks::{crypto::DefaultBackend, inbox::*, testing::Issuer};
    /// # use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
    /// # let folder = std::env::temp_dir().join(format!("partner-center-in-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let file = folder.join("inbox.db");
    /// # let issuer = Issuer::new()?;
    /// # let signer = issuer.signer()?;
    /// # let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    /// # let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
    /// # let callback = VerifiedCallback::receive(&receiver, &request.headers, request.body).await?;
    /// # let inbox = SqliteInbox::connect(SqliteOptions::new(&file)).await?;
    /// # inbox.store(&callback).await?;
    /// # let claimed = inbox.claim(NonZeroU32::MIN, Duration::from_secs(60)).await?.remove(0);
    /// use sqlx::{Connection as _, SqliteConnection};
    ///
    /// let mut own = SqliteConnection::connect(&format!("sqlite:{}", file.display())).await?;
    /// let mut transaction = own.begin_with("begin immediate").await?;
    /// inbox.complete_in(&mut transaction, claimed.token).await?;
    /// // … the effects …
    /// transaction.commit().await?;
    ///
    /// let mut transaction = own.begin_with("begin immediate").await?;
    /// let again = inbox.complete_in(&mut transaction, claimed.token).await;
    /// assert_eq!(again, Err(InboxError::Stale));
    /// transaction.rollback().await?;
    /// # inbox.close().await;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InboxError::Stale`] if another claim took over: roll back.
    pub async fn complete_in(
        &self,
        connection: &mut SqliteConnection,
        token: ClaimToken,
    ) -> Result<(), InboxError> {
        let mut session = SqliteSession { connection, now: self.inner.database.now() };
        settle::complete(&mut session, &self.settings().endpoint, token).await
    }

    /// Waits for open transactions, and closes the connections. Calls that follow open new ones.
    pub async fn close(&self) {
        self.inner.database.close().await;
    }
}

impl fmt::Debug for SqliteInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteInbox").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

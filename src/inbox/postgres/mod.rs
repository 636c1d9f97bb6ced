//! The inbox in PostgreSQL: for many nodes.
//!
//! Each node stores what is queued in one statement, with one notification, and claims with `FOR UPDATE SKIP LOCKED`. Leases and
//! backoffs are by the server's clock, so the clocks of the nodes do not matter. The tables are in the first schema of the
//! `search_path`; their names start with `partner_center_`.
//!
//! A handler whose tables are in the same database completes its claim in its own transaction: see [`PostgresInbox::begin`]. A
//! handler that uses another driver runs this statement in its transaction, and rolls back unless one row was updated:
//!
//! ```sql
//! update partner_center_inbox
//!    set state = 1, leased = 0, due = null, settled = (extract(epoch from now()) * 1000)::bigint
//!  where digest = $1 and seq = $2 and fence = $3 and state = 0 and leased = 1
//! ```
//!
//! The parameters are those of the [`ClaimToken`]. In an inbox that is ordered by resource, the successor becomes due when a worker
//! finds nothing else to do, which it looks for once a second at most.
//!
//! The tables are those of SQLite (see module `sqlite`), with `bytea` for bytes and `bigint` for numbers.
//!
//! # What the server needs
//!
//! - `synchronous_commit` other than `off`, and `fsync = on`: both are checked at [connecting](PostgresInbox::connect). With
//!   `local`, a failover to a standby may lose what was acknowledged; with `on` and `synchronous_standby_names` it does not.
//! - The right to create tables in the first schema of the `search_path` at the first start, and to read and write them later.
//! - A pooler in front of it must keep sessions for `LISTEN`, or workers find what other nodes store only when they poll.
//! - Connections for each node as in [`PostgresOptions::with_connections`].
//!
//! An immediate restart of the server loses nothing that was acknowledged. Stores fail with 503 until it is back, and pools connect
//! again by themselves.
//!
//! A session that keeps an old snapshot (idle in a transaction, or a long dump) slows the claims, because dead rows cannot be
//! removed meanwhile.

mod engine;
mod inbox;
mod listener;
mod options;
mod schema;
mod session;
mod storer;
mod transaction;

use std::fmt;
use std::sync::Arc;

use sqlx::postgres::{PgConnection, PgPool};
use tokio::time::timeout;

use super::claim::ClaimToken;
use super::error::InboxError;
use super::sql::engine::{Engine as _, Shared};
use super::sql::settle;
use listener::Listening;
use session::{PostgresSession, failed};
use storer::Storers;

pub use options::PostgresOptions;
pub use transaction::PostgresTransaction;

/// An inbox in PostgreSQL. Cheap to clone; clones share their connections.
///
/// It is an [`Inbox`](super::Inbox), a [`RefusedRing`](super::RefusedRing) and a
/// [`DuplicateGuard`](crate::duplicates::DuplicateGuard).
///
/// # Example
///
/// ```no_run
/// # async fn example(claimed: partner_center_webhooks::inbox::Claimed) -> Result<(), Box<dyn std::error::Error>> {
/// use partner_center_webhooks::inbox::postgres::{PostgresInbox, PostgresOptions};
///
/// let options = PostgresOptions::new("postgres://contoso@db.contoso.example/callbacks")?;
/// let inbox = PostgresInbox::connect(options).await?;
///
/// // A handler whose effects take place exactly once:
/// let mut transaction = inbox.begin().await?;
/// transaction.complete(claimed.token).await?; // first: a stale attempt ends here
/// sqlx::query("insert into invoice values ($1)")
///     .bind(claimed.digest().as_bytes().as_slice())
///     .execute(transaction.connection())
///     .await?;
/// transaction.commit().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PostgresInbox {
    inner: Arc<Inner>,
}

struct Inner {
    options: PostgresOptions,
    pool: PgPool,
    storers: Storers,
    shared: Shared,
    _listening: Listening,
}

impl PostgresInbox {
    /// Connects, creates or migrates the tables, and starts the storers and the listener on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// - [`InboxError::NotDurable`]: `synchronous_commit` or `fsync` is off.
    /// - [`InboxError::ReadOnly`]: the server is a standby, or the role may not write.
    /// - [`InboxError::NewerSchema`]: a newer version of this crate wrote the tables.
    /// - [`InboxError::Unavailable`]: the server's own error.
    pub async fn connect(options: PostgresOptions) -> Result<Self, InboxError> {
        let after = options.settings.deadline.saturating_mul(2);
        let opened = timeout(after, options.open()).await;
        let pool = opened.unwrap_or(Err(InboxError::Deadline { after }))?;
        let shared = Shared::new();
        let inner = Inner {
            storers: Storers::start(&pool, &options),
            _listening: Listening::start(pool.clone(), Arc::clone(shared.changed())),
            shared,
            options,
            pool,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Begins a handler's own transaction in this database. See [`PostgresTransaction`], and the example at the [type](Self).
    ///
    /// It takes a connection of the inbox's pool until it ends. A handler that waits for a second one while it holds the first can
    /// exhaust the pool.
    ///
    /// # Errors
    ///
    /// [`InboxError::Unavailable`] if no connection is free within the deadline.
    pub async fn begin(&self) -> Result<PostgresTransaction, InboxError> {
        let transaction = self.inner.pool.begin().await.map_err(|error| failed(&error))?;
        let settings = self.settings();
        Ok(PostgresTransaction {
            transaction,
            endpoint: Arc::clone(&settings.endpoint),
            is_ordered: settings.is_ordered,
            now: self.inner.options.now(),
        })
    }

    /// Records in a transaction of the application's own connection to this database that the callback was handled.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # use partner_center_webhooks::inbox::{Claimed, postgres::PostgresInbox};
    /// # async fn example(
    /// #     inbox: PostgresInbox, own: sqlx::PgPool, claimed: Claimed,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut transaction = own.begin().await?;
    /// inbox.complete_in(&mut transaction, claimed.token).await?; // first: a stale attempt ends here
    /// sqlx::query("update customer set invoices = invoices + 1").execute(&mut *transaction).await?;
    /// transaction.commit().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InboxError::Stale`] if another claim took over: roll back.
    pub async fn complete_in(
        &self,
        connection: &mut PgConnection,
        token: ClaimToken,
    ) -> Result<(), InboxError> {
        let mut session = self.inner.session(connection);
        settle::complete(&mut session, &self.settings().endpoint, token).await
    }

    /// Closes the connections. Calls that follow fail.
    pub async fn close(&self) {
        self.inner.pool.close().await;
    }
}

impl Inner {
    fn session<'c>(&self, connection: &'c mut PgConnection) -> PostgresSession<'c> {
        let is_ordered = self.options.settings.is_ordered;
        PostgresSession { connection, now: self.options.now(), is_ordered }
    }
}

impl fmt::Debug for PostgresInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresInbox")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

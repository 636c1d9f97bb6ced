//! The settings of an inbox in PostgreSQL.

use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use super::schema;
use super::session::{PostgresSession, failed};
use crate::inbox::error::InboxError;
use crate::inbox::sql::settings::Settings;

/// The settings of a [`PostgresInbox`](super::PostgresInbox).
///
/// | setting | default |
/// |---|---|
/// | [endpoint](Self::with_endpoint) | the empty name |
/// | [order by resource](Self::ordered_by_resource) | no |
/// | [limit of size](Self::with_limit_bytes) | 10 GiB |
/// | [deadline of each call](Self::with_deadline) | 5 s |
/// | [connections](Self::with_connections) | 8 |
/// | [refused requests kept](Self::with_refused) | 100 |
/// | [lease of a duplicate guard](Self::with_guard_lease) | two minutes |
#[derive(Clone)]
#[must_use]
pub struct PostgresOptions {
    connect: PgConnectOptions,
    pub(super) settings: Settings,
    connections: u32,
    pub(super) clock: Option<Arc<dyn Fn() -> Duration + Send + Sync>>,
}

impl PostgresOptions {
    /// An inbox in the database of `url`, such as `postgres://user:password@host/database` or
    /// `postgres://user@localhost/database?host=/var/run/postgresql`.
    ///
    /// Without a `sslmode` in the URL, the connection is encrypted if the application turns on a TLS feature of `sqlx`.
    ///
    /// # Errors
    ///
    /// [`InboxError::Unavailable`] if the URL is malformed. Its password is not shown.
    ///
    /// # Example
    ///
    /// ```
    /// use partner_center_webhooks::inbox::postgres::PostgresOptions;
    ///
    /// let options = PostgresOptions::new("postgres://contoso:s3cret@db.contoso.example/callbacks")?;
    /// assert!(!format!("{options:?}").contains("s3cret"));
    /// assert!(PostgresOptions::new("mysql://db.contoso.example").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(url: &str) -> Result<Self, InboxError> {
        let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        if !is_postgres {
            return Err(InboxError::unavailable("the URL does not start with `postgres://`"));
        }
        let connect = PgConnectOptions::from_str(url).map_err(|error| failed(&error))?;
        Ok(Self {
            connect: connect.application_name("partner-center-webhooks"),
            settings: Settings::new(10 * 1024 * 1024 * 1024),
            connections: 8,
            clock: None,
        })
    }

    /// Names the endpoint whose callbacks are stored. Inboxes of several endpoints share the tables.
    pub fn with_endpoint(mut self, name: impl Into<String>) -> Self {
        self.settings.endpoint = name.into().into();
        self
    }

    /// Gives callbacks of one resource (by their `ResourceUri`) to one worker at a time, in order of their commits. All nodes of an
    /// endpoint must agree on it.
    pub fn ordered_by_resource(mut self) -> Self {
        self.settings.is_ordered = true;
        self
    }

    /// Refuses callbacks with [`InboxError::Full`] when the tables have this size, indexes and dead rows included. Default: 10 GiB. It is
    /// checked every ten seconds, so a burst may exceed it. After pruning, the server reuses the room, but the size shrinks only with
    /// `VACUUM FULL`: raise the limit meanwhile.
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

    /// Sets how many connections are used at most, default 8: one listens, two store, and the others claim, settle and serve the transactions of
    /// handlers. At least 5.
    pub fn with_connections(mut self, count: u32) -> Self {
        self.connections = count.max(5);
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

    /// Reads the time since 1970 from `clock` instead of the server's: for tests.
    pub fn with_clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    pub(super) fn now(&self) -> Option<i64> {
        let now = self.clock.as_ref()?().as_millis();
        Some(i64::try_from(now).unwrap_or(i64::MAX))
    }

    /// Connects, refuses what would not be durable, and migrates.
    pub(super) async fn open(&self) -> Result<PgPool, InboxError> {
        let millis = self.settings.deadline.as_millis();
        // The statements wait for locks, and must see what was committed meanwhile.
        // A plan that was made for an empty table would stay when the table has grown, until statistics are taken.
        let limits = format!(
            "set default_transaction_isolation = 'read committed'; set statement_timeout = {millis}; set plan_cache_mode = force_custom_plan; set idle_in_transaction_session_timeout = {}",
            IDLE_IN_TRANSACTION.as_millis()
        );
        let limits = Arc::<str>::from(limits);
        let pool = PgPoolOptions::new()
            .max_connections(self.connections)
            .acquire_timeout(self.settings.deadline)
            .after_connect(move |connection, _| {
                let limits = sqlx::AssertSqlSafe(Arc::clone(&limits));
                Box::pin(async move { sqlx::raw_sql(limits).execute(connection).await.map(drop) })
            })
            .connect_with(self.connect.clone())
            .await
            .map_err(|error| failed(&error))?;
        let mut transaction = pool.begin().await.map_err(|error| failed(&error))?;
        let connection = &mut *transaction;
        let mut session = PostgresSession { connection, now: None, is_ordered: false };
        schema::check_durability(&mut session).await?;
        schema::migrate(&mut session).await?;
        transaction.commit().await.map_err(|error| failed(&error))?;
        Ok(pool)
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("host", &self.connect.get_host())
            .field("database", &self.connect.get_database())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// A session that keeps an old snapshot slows the claims of all nodes, without bound.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(60);

//! Tasks that store for everybody: what is queued goes into one statement, with one notification.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Connection as _, Row as _};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::options::PostgresOptions;
use super::session::failed;
use crate::inbox::contract::Stored;
use crate::inbox::error::{InboxError, bounded};
use crate::inbox::sql::store::NewRow;

/// A callback that waits for its store, with its certificates if they are not known to be stored.
pub(super) struct Job {
    pub(super) row: NewRow,
    pub(super) pem: Option<String>,
    pub(super) reply: oneshot::Sender<Result<Stored, InboxError>>,
}

/// Queues callbacks for the storers.
#[derive(Clone, Debug)]
pub(super) struct Storers {
    jobs: mpsc::Sender<Job>,
    deadline: Duration,
}

impl Storers {
    /// Starts two storers on the current runtime: while one waits for the disk, the other collects. They end with the last clone.
    pub(super) fn start(pool: &PgPool, options: &PostgresOptions) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..STORERS {
            let storer = Storer {
                pool: pool.clone(),
                options: options.clone(),
                queue: Arc::clone(&queue),
                checked: None,
            };
            tokio::spawn(storer.run());
        }
        Self { jobs, deadline: options.settings.deadline }
    }

    /// Stores a callback, and returns after the commit.
    pub(super) async fn store(
        &self,
        row: NewRow,
        pem: Option<String>,
    ) -> Result<Stored, InboxError> {
        let (reply, stored) = oneshot::channel();
        let stopped = || InboxError::unavailable("the runtime of the inbox was shut down");
        let result = timeout(self.deadline, async {
            self.jobs.send(Job { row, pem, reply }).await.map_err(|_| stopped())?;
            stored.await.map_err(|_| stopped())?
        });
        result.await.unwrap_or(Err(InboxError::Deadline { after: self.deadline }))
    }
}

struct Storer {
    pool: PgPool,
    options: PostgresOptions,
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
    /// When the size was checked.
    checked: Option<Instant>,
}

impl Storer {
    async fn run(mut self) {
        while let Some(batch) = self.next().await {
            let stored = timeout(self.options.settings.deadline, self.store(&batch)).await;
            let after = self.options.settings.deadline;
            let stored = stored.unwrap_or(Err(InboxError::Deadline { after }));
            let mut new = stored.clone().unwrap_or_default();
            for job in batch {
                let result = match &stored {
                    // Of two deliveries in one batch, one is new.
                    Ok(_) if new.remove(&job.row.digest) => Ok(Stored::New),
                    Ok(_) => Ok(Stored::Duplicate),
                    Err(error) => Err(error.clone()),
                };
                // The caller may have left.
                drop(job.reply.send(result));
            }
        }
    }

    async fn next(&self) -> Option<Vec<Job>> {
        let mut queue = self.queue.lock().await;
        let mut batch = vec![queue.recv().await?];
        while batch.len() < BATCH
            && let Ok(job) = queue.try_recv()
        {
            batch.push(job);
        }
        Some(batch)
    }

    /// Stores a batch. Returns the digests that are new.
    async fn store(&mut self, batch: &[Job]) -> Result<HashSet<Vec<u8>>, InboxError> {
        let mut connection = self.pool.acquire().await.map_err(|error| failed(&error))?;
        self.check_size(&mut connection).await?;
        let stored = self.insert(&mut connection, batch).await;
        stored.map_err(|error| failed(&error))
    }

    async fn insert(
        &self,
        connection: &mut PgConnection,
        batch: &[Job],
    ) -> Result<HashSet<Vec<u8>>, sqlx::Error> {
        for job in batch {
            if let Some(pem) = &job.pem {
                let chain = job.row.chain.as_slice();
                sqlx::query(STORE_CHAIN).bind(chain).bind(pem).execute(&mut *connection).await?;
            }
        }
        if !self.options.settings.is_ordered {
            return self.insert_rows(connection, STORE, batch).await;
        }
        let resources: Vec<_> = batch.iter().filter_map(|job| job.row.resource.clone()).collect();
        let endpoint = &*self.options.settings.endpoint;
        let mut transaction = connection.begin().await?;
        let lock = sqlx::query(LOCK_RESOURCES).bind(endpoint).bind(&resources);
        lock.execute(&mut *transaction).await?;
        let new = self.insert_rows(&mut transaction, STORE_IN_ORDER, batch).await?;
        // The predecessor within the batch may have been a duplicate that is done.
        let promote = sqlx::query(PROMOTE).bind(self.options.now()).bind(endpoint).bind(&resources);
        promote.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(new)
    }

    async fn insert_rows(
        &self,
        connection: &mut PgConnection,
        statement: &'static str,
        batch: &[Job],
    ) -> Result<HashSet<Vec<u8>>, sqlx::Error> {
        let rows = || batch.iter().map(|job| &job.row);
        let all = |of: fn(&NewRow) -> Vec<u8>| rows().map(of).collect::<Vec<_>>();
        let texts = |of: fn(&NewRow) -> Option<String>| rows().map(of).collect::<Vec<_>>();
        let verified: Vec<_> = rows().map(|row| row.verified).collect();
        let ignored: Vec<_> = rows().map(|row| row.is_ignored).collect();
        let row = sqlx::query(statement)
            .bind(self.options.now())
            .bind(&*self.options.settings.endpoint)
            .bind(all(|row| row.digest.clone()))
            .bind(texts(|row| row.resource.clone()))
            .bind(texts(|row| row.event.clone()))
            .bind(texts(|row| row.customer.clone()))
            .bind(all(|row| row.chain.to_vec()))
            .bind(all(|row| row.signature.clone()))
            .bind(texts(|row| Some(row.algorithm.to_owned())))
            .bind(texts(|row| Some(row.certificate_url.clone())))
            .bind(verified)
            .bind(all(|row| row.body.clone()))
            .bind(ignored)
            .fetch_one(connection)
            .await?;
        Ok(row.try_get::<Vec<Vec<u8>>, _>(0)?.into_iter().collect())
    }

    /// Refuses to store when the tables have reached their limit.
    async fn check_size(&mut self, connection: &mut PgConnection) -> Result<(), InboxError> {
        if self.checked.is_some_and(|checked| checked.elapsed() < CHECK_SIZE) {
            return Ok(());
        }
        let size = sqlx::query_scalar::<_, i64>(SIZE).fetch_one(connection).await;
        let size = size.map_err(|error| failed(&error))?;
        let limit = self.options.settings.limit_bytes;
        if u64::try_from(size).unwrap_or_default() >= limit {
            let reason =
                bounded(format_args!("its tables have {size} bytes, and the limit is {limit}"));
            return Err(InboxError::Full { reason });
        }
        self.checked = Some(Instant::now());
        Ok(())
    }
}

const BATCH: usize = 256;
const CHECK_SIZE: Duration = Duration::from_secs(10);
const QUEUE: usize = 1024;
const STORERS: usize = 2;

pub(super) const SIZE: &str = "select pg_total_relation_size('partner_center_inbox')";

const STORE_CHAIN: &str =
    "insert into partner_center_chain (id, pem) values ($1, $2) on conflict (id) do nothing";

macro_rules! now {
    () => {
        "coalesce($1, (extract(epoch from now()) * 1000)::bigint)"
    };
}

/// The rows of a batch, in the order of its arrays.
macro_rules! rows {
    () => {
        "unnest($3::bytea[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bytea[], $9::text[], $10::text[], $11::bigint[], \
         $12::bytea[], $13::bool[]) with ordinality as r (digest, resource, event, customer, chain, signature, algorithm, \
         certificate_url, verified, body, ignored, n)"
    };
}

macro_rules! store {
    ($state:literal, $order:literal) => {
        concat!(
            "with new as (insert into partner_center_inbox (endpoint, digest, state, due, settled, resource, event, customer, stored, \
             chain, signature, algorithm, certificate_url, verified, body) select $2, r.digest, case when r.ignored then 5 else ",
            $state,
            " end, case when not r.ignored then ",
            now!(),
            " end, case when r.ignored then ",
            now!(),
            " end, r.resource, r.event, r.customer, ",
            now!(),
            ", r.chain, r.signature, r.algorithm, r.certificate_url, r.verified, r.body from ",
            rows!(),
            " order by ",
            $order,
            " on conflict (endpoint, digest) do nothing returning digest) select coalesce(array_agg(digest), '{}'), \
             case when count(*) > 0 then pg_notify('partner_center_inbox', '')::text end from new"
        )
    };
}

/// In the order of digests: two nodes that store the same ones in other orders would lock each other out.
const STORE: &str = store!("0", "r.digest");
/// Callbacks of one resource in the order of arrival. Their resources are locked, so that no other node stores them meanwhile.
const STORE_IN_ORDER: &str = store!(
    "case when r.resource is not null and (exists (select 1 from partner_center_inbox o where o.endpoint = $2 and o.resource = \
     r.resource and o.settled is null) or exists (select 1 from unnest($4::text[], $13::bool[]) with ordinality as e \
     (resource, ignored, n) where e.resource = r.resource and not e.ignored and e.n < r.n)) then 3 else 0 end",
    "case when r.resource is null then 0 else r.n end, r.digest"
);
const LOCK_RESOURCES: &str = "select pg_advisory_xact_lock(key) from (select distinct hashtextextended($1 || ':' || r, 0) as key \
     from unnest($2::text[]) as r order by key) as keys";
/// As `promote` of the shared statements, for the resources of a batch.
const PROMOTE: &str = concat!(
    "update partner_center_inbox set state = 0, due = ",
    now!(),
    " where state = 3 and seq in (select (select o.seq from partner_center_inbox o where o.endpoint = $2 and o.resource = r.resource \
     and o.settled is null order by o.state, o.seq limit 1) from (select distinct unnest($3::text[]) as resource) as r)"
);

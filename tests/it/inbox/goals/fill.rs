//! Many rows at once, past the inbox: a store for each would take all day.

use std::path::Path;

use sqlx::{Connection as _, PgConnection, SqliteConnection};

/// Rows of an unordered inbox of the endpoint "".
#[derive(Clone, Copy, Debug)]
pub(super) enum Rows {
    /// Due now.
    Pending,
    /// Done ten seconds ago.
    Done,
    /// Waiting for a predecessor of one resource, but the first, which is due now.
    OneResource,
}

impl Rows {
    fn columns(self) -> (&'static str, &'static str, &'static str, &'static str) {
        // state, due, settled, resource
        match self {
            Self::Pending => ("0", "1000", "null", "null"),
            Self::Done => ("1", "null", "{now} - 10000", "null"),
            Self::OneResource => (
                "case when n = 1 then 0 else 3 end",
                "1000",
                "null",
                "'https://api.partnercenter.microsoft.com/v1/hot'",
            ),
        }
    }

    fn insert(self, digest: &str, bytes: &str, now: &str, numbers: &str) -> String {
        let (state, due, settled, resource) = self.columns();
        let settled = settled.replace("{now}", now);
        format!(
            "insert into partner_center_inbox (endpoint, digest, state, due, settled, resource, stored, chain, signature, algorithm, \
             certificate_url, verified, body) select '', {digest}, {state}, {due}, {settled}, {resource}, 1000, {bytes}, {bytes}, \
             'rsa-sha256', 'https://h.example/', 1, {bytes} from {numbers}"
        )
    }
}

/// 430 bytes of body are what Partner Center sends; a signature has 256.
pub(super) async fn sqlite(file: &Path, rows: Rows, count: usize) {
    let mut connection =
        SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    sqlx::raw_sql("pragma synchronous = off").execute(&mut connection).await.unwrap();
    for start in (0..count).step_by(50_000) {
        let end = (start + 50_000).min(count);
        let numbers = format!(
            "(with recursive c (n) as (values ({}) union all select n + 1 from c where n < {end}) select n from c)",
            start + 1
        );
        let insert =
            rows.insert("randomblob(32)", "randomblob(300)", "unixepoch() * 1000", &numbers);
        sqlx::raw_sql(sqlx::AssertSqlSafe(insert)).execute(&mut connection).await.unwrap();
    }
    sqlx::raw_sql("pragma wal_checkpoint(truncate)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    // Pages that are not on the disk yet would be written while the inbox is measured.
    std::fs::File::open(file).unwrap().sync_all().unwrap();
}

pub(super) async fn postgres(url: &str, rows: Rows, count: usize) {
    postgres_unknown(url, rows, count).await;
    let mut connection = PgConnection::connect(url).await.unwrap();
    for statement in ["analyze partner_center_inbox", "checkpoint"] {
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// The statistics stay those of the empty table.
pub(super) async fn postgres_unknown(url: &str, rows: Rows, count: usize) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let before = "alter table partner_center_inbox set (autovacuum_enabled = off); analyze partner_center_inbox";
    sqlx::raw_sql(before).execute(&mut connection).await.unwrap();
    let insert = rows.insert(
        "sha256(n::text::bytea)",
        "decode(repeat(md5(n::text), 18), 'hex')",
        "(extract(epoch from now()) * 1000)::bigint",
        &format!("generate_series(1, {count}) as g (n)"),
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(insert)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

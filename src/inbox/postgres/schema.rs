//! The tables, and how they come to be.

use super::session::PostgresSession;
use crate::inbox::error::{InboxError, bounded};
use crate::inbox::sql::{Session as _, Value};

/// Creates or migrates the tables, inside the caller's transaction. Nodes that start at once wait for one another here.
pub(super) async fn migrate(session: &mut PostgresSession<'_>) -> Result<(), InboxError> {
    session.run(LOCK, Vec::new()).await?;
    session.run(CREATE_VERSION, Vec::new()).await?;
    let mut rows = session.run("select version from partner_center_schema", Vec::new()).await?;
    match rows.first_mut() {
        Some(row) => match row.int()? {
            VERSION => Ok(()),
            found => Err(InboxError::NewerSchema { found, known: VERSION }),
        },
        None => {
            for statement in CREATE {
                session.run(statement, Vec::new()).await?;
            }
            let values = vec![Value::from(VERSION)];
            session.run("insert into partner_center_schema values ($1)", values).await.map(drop)
        }
    }
}

/// Refuses servers and sessions that lose what they acknowledged.
pub(super) async fn check_durability(session: &mut PostgresSession<'_>) -> Result<(), InboxError> {
    let mut settings = session.run(SETTINGS, Vec::new()).await?;
    let row = settings.first_mut().ok_or_else(|| InboxError::damaged("no settings"))?;
    let (commit, fsync, recovery, read_only) = (row.text()?, row.text()?, row.text()?, row.text()?);
    let refused = |reason: &str| InboxError::NotDurable { reason: bounded(reason) };
    if recovery == "true" {
        return Err(InboxError::ReadOnly { reason: bounded("the server is a standby") });
    }
    if read_only == "on" {
        let reason = "transactions are read-only by default (`default_transaction_read_only`)";
        return Err(InboxError::ReadOnly { reason: bounded(reason) });
    }
    if commit == "off" {
        return Err(refused(
            "the session has `synchronous_commit = off`, with which a crash of the server loses acknowledged callbacks; set it \
             to `on` for this role and database",
        ));
    }
    if fsync == "off" {
        return Err(refused(
            "the server runs with `fsync = off`, with which a power cut destroys the database; set it to `on`",
        ));
    }
    Ok(())
}

const SETTINGS: &str = "select current_setting('synchronous_commit'), current_setting('fsync'), pg_is_in_recovery()::text, \
     current_setting('transaction_read_only')";
/// A number of this crate's own.
const LOCK: &str = "select pg_advisory_xact_lock(7018331920465031713)";
const VERSION: i64 = 1;
const CREATE_VERSION: &str =
    "create table if not exists partner_center_schema (version bigint not null)";
/// Times are milliseconds since 1970 by the server's clock, as on SQLite. Rows are updated often and in place: room is left for
/// that on each page, and the table is vacuumed early.
const CREATE: &[&str] = &[
    "create table partner_center_chain (id bytea primary key, pem text not null)",
    "create table partner_center_inbox (
        seq bigint generated always as identity primary key,
        endpoint text not null,
        digest bytea not null check (length(digest) = 32),
        state smallint not null,
        due bigint,
        fence bigint not null default 0,
        attempts bigint not null default 0,
        failures bigint not null default 0,
        leased bigint not null default 0,
        resource text,
        event text,
        customer text,
        stored bigint not null,
        settled bigint,
        error text,
        chain bytea not null,
        signature bytea not null,
        algorithm text not null,
        certificate_url text not null,
        verified bigint not null,
        body bytea not null,
        unique (endpoint, digest)
    ) with (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)",
    "create index partner_center_inbox_due on partner_center_inbox (endpoint, due, seq, stored) where state = 0",
    "create index partner_center_inbox_order on partner_center_inbox (endpoint, resource, state, seq, stored)
        where resource is not null and settled is null",
    "create index partner_center_inbox_settled on partner_center_inbox (endpoint, state, settled)
        where settled is not null",
    "create table partner_center_refused (
        id bigint generated always as identity primary key,
        endpoint text not null,
        refused bigint not null,
        kind text not null,
        status bigint not null,
        reason text not null,
        remote text,
        headers text not null,
        body_length bigint not null,
        body bytea not null
    )",
    "create table partner_center_guard (
        endpoint text not null,
        digest bytea not null,
        token bigint not null,
        until bigint not null,
        done bigint not null,
        touched bigint not null,
        primary key (endpoint, digest)
    )",
    "create index partner_center_guard_touched on partner_center_guard (touched)",
];

//! The tables, and how they come to be.

use super::session::SqliteSession;
use crate::inbox::error::InboxError;
use crate::inbox::sql::{Session as _, Value};

/// Creates or migrates the tables, inside the caller's transaction.
pub(super) async fn migrate(session: &mut SqliteSession<'_>) -> Result<(), InboxError> {
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

const VERSION: i64 = 1;
const CREATE_VERSION: &str =
    "create table if not exists partner_center_schema (version integer not null) strict";
/// The body is the last column, so that the others are read without its overflow pages. Settled rows have no `due`, pending ones
/// no `settled`: the indexes are partial.
const CREATE: &[&str] = &[
    "create table partner_center_chain (id blob primary key, pem text not null) strict, without rowid",
    "create table partner_center_inbox (
        seq integer primary key autoincrement,
        endpoint text not null,
        digest blob not null check (length(digest) = 32),
        state integer not null,
        due integer,
        fence integer not null default 0,
        attempts integer not null default 0,
        failures integer not null default 0,
        leased integer not null default 0,
        resource text,
        event text,
        customer text,
        stored integer not null,
        settled integer,
        error text,
        chain blob not null,
        signature blob not null,
        algorithm text not null,
        certificate_url text not null,
        verified integer not null,
        body blob not null,
        unique (endpoint, digest)
    ) strict",
    "create index partner_center_inbox_due on partner_center_inbox (endpoint, due, seq, stored) where state = 0",
    "create index partner_center_inbox_order on partner_center_inbox (endpoint, resource, state, seq, stored)
        where resource is not null and settled is null",
    "create index partner_center_inbox_settled on partner_center_inbox (endpoint, state, settled)
        where settled is not null",
    "create table partner_center_refused (
        id integer primary key autoincrement,
        endpoint text not null,
        refused integer not null,
        kind text not null,
        status integer not null,
        reason text not null,
        remote text,
        headers text not null,
        body_length integer not null,
        body blob not null
    ) strict",
    "create table partner_center_guard (
        endpoint text not null,
        digest blob not null,
        token integer not null,
        until integer not null,
        done integer not null,
        touched integer not null,
        primary key (endpoint, digest)
    ) strict, without rowid",
    "create index partner_center_guard_touched on partner_center_guard (touched)",
];

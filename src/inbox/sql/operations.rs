//! What operators do.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Session, Value, rows, settle};
use crate::inbox::contract::Retention;
use crate::inbox::error::InboxError;
use crate::inbox::filter::{Filter, Page};
use crate::inbox::record::{Entry, Record, State, Stats, millis_of, time_at};

pub(in super::super) async fn list(
    session: &mut dyn Session,
    endpoint: &str,
    filter: &Filter,
    page: Page,
) -> Result<Vec<Entry>, InboxError> {
    let statement = choose(&session.statements().list, filter, page);
    let values = paged(session.now(), endpoint, filter, page);
    let rows = session.run(statement, values).await?;
    rows.into_iter().map(|mut row| rows::entry(&mut row)).collect()
}

pub(in super::super) async fn export(
    session: &mut dyn Session,
    endpoint: &str,
    filter: &Filter,
    page: Page,
) -> Result<Vec<Record>, InboxError> {
    let statement = choose(&session.statements().export, filter, page);
    let values = paged(session.now(), endpoint, filter, page);
    let rows = session.run(statement, values).await?;
    rows.into_iter().map(rows::record).collect()
}

/// A change of many callbacks.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Change {
    Discard,
    Retry,
}

/// Changes at most [`BATCH`] callbacks after number `after`. Returns how many, and the last number.
pub(in super::super) async fn change(
    session: &mut dyn Session,
    endpoint: &str,
    change: Change,
    filter: &Filter,
    after: u64,
) -> Result<(u64, Option<u64>), InboxError> {
    let statement = match change {
        Change::Discard => session.statements().discard,
        Change::Retry => session.statements().retry,
    };
    let page = Page::first(BATCH).after(after);
    let values = paged(session.now(), endpoint, filter, page);
    let (mut count, mut last) = (0_u64, None);
    for mut row in session.run(statement, values).await? {
        count = count.saturating_add(1);
        last = last.max(Some(row.count()?));
    }
    if count > 0 {
        settle::sweep(session, endpoint).await?;
    }
    let is_full = count >= u64::from(BATCH.get());
    Ok((count, last.filter(|_| is_full)))
}

pub(in super::super) async fn prune(
    session: &mut dyn Session,
    endpoint: &str,
    age: Duration,
    retention: Retention,
    limit: NonZeroU32,
) -> Result<u64, InboxError> {
    let states: &[State] = match retention {
        Retention::KeepParked => &[State::Done, State::Discarded, State::Ignored],
        Retention::WithParked => &[State::Done, State::Discarded, State::Ignored, State::Parked],
    };
    let limit = u64::from(limit.get());
    let mut count = 0_u64;
    for state in states {
        let left = limit.saturating_sub(count);
        if left == 0 {
            break;
        }
        let values = vec![
            session.now(),
            endpoint.into(),
            i64::from(state.code()).into(),
            Value::millis(age),
            left.into(),
        ];
        let statement = session.statements().prune;
        let deleted = session.run(statement, values).await?.len();
        count = count.saturating_add(u64::try_from(deleted).unwrap_or(u64::MAX));
    }
    Ok(count)
}

/// The counts, without the size.
pub(in super::super) async fn stats(
    session: &mut dyn Session,
    endpoint: &str,
) -> Result<Stats, InboxError> {
    let statements = session.statements();
    let mut stats = Stats::default();
    let values = || vec![endpoint.into()];
    let mut oldest = Vec::new();
    for (statement, count) in [
        (statements.count_pending, &mut stats.pending),
        (statements.count_waiting, &mut stats.waiting),
    ] {
        let mut all = vec![session.now()];
        all.extend(values());
        if let Some(row) = session.run(statement, all).await?.first_mut() {
            *count = row.count()?;
            oldest.extend(row.maybe_int()?);
        }
    }
    stats.oldest_pending = oldest.into_iter().min().map(time_at);
    let all = vec![session.now(), endpoint.into()];
    if let Some(row) = session.run(statements.count_in_progress, all).await?.first_mut() {
        stats.in_progress = row.count()?;
    }
    let all = vec![session.now(), endpoint.into()];
    for mut row in session.run(statements.count_settled, all).await? {
        let (code, count) = (row.int()?, row.count()?);
        match i16::try_from(code).ok().and_then(State::from_code) {
            Some(State::Done) => stats.done = count,
            Some(State::Parked) => stats.parked = count,
            Some(State::Discarded) => stats.discarded = count,
            Some(State::Ignored) => stats.ignored = count,
            _ => return Err(InboxError::damaged(format_args!("settled rows in state {code}"))),
        }
    }
    Ok(stats)
}

fn choose(statements: &[&'static str; 3], filter: &Filter, page: Page) -> &'static str {
    let [oldest, newest, digests] = statements;
    match (filter.digests.is_some(), page.newest_first) {
        (true, _) => digests,
        (false, true) => newest,
        (false, false) => oldest,
    }
}

/// `$1` to `$11` of statements with a filter.
fn paged(now: Value, endpoint: &str, filter: &Filter, page: Page) -> Vec<Value> {
    let (from, to) = match &filter.digests {
        Some((from, to)) => (*from.as_bytes(), *to.as_bytes()),
        None => ([0; 32], [u8::MAX; 32]),
    };
    vec![
        now,
        endpoint.into(),
        Value::Int(filter.state.map(|state| state.code().into())),
        Value::Text(filter.event.clone()),
        Value::Text(filter.customer.map(|customer| customer.to_string())),
        Value::Int(filter.stored_since.map(millis_of)),
        Value::Int(filter.stored_before.map(millis_of)),
        from.as_slice().into(),
        to.as_slice().into(),
        page.after.map_or(Value::Int(None), Value::from),
        page.limit.get().into(),
    ]
}

/// How many callbacks one transaction changes.
const BATCH: NonZeroU32 = NonZeroU32::MIN.saturating_add(499);

//! Claims, and what ends them. The same statements serve an engine's own transactions and those of a handler.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Row, Session, Value, rows};
use crate::duplicates::Settled;
use crate::inbox::claim::{ClaimToken, Claimed};
use crate::inbox::error::InboxError;
use crate::inbox::record::State;
use crate::mask::Excerpt;

/// How a claim ends.
#[derive(Clone, Debug)]
pub(in super::super) enum Settlement {
    Complete,
    Discard,
    Extend(Duration),
    Fail { error: String, backoff: Duration },
    Park { error: String },
    Release,
}

impl Settlement {
    /// The text of an error as it is stored: escaped and cut.
    pub(in super::super) fn error(text: &str) -> String {
        Excerpt::long(text).to_string()
    }

    /// Whether another callback of the resource may become pending.
    pub(in super::super) fn ends(&self) -> bool {
        matches!(self, Self::Complete | Self::Discard | Self::Park { .. })
    }
}

pub(in super::super) async fn claim(
    session: &mut dyn Session,
    endpoint: &str,
    limit: NonZeroU32,
    lease: Duration,
) -> Result<Vec<Claimed>, InboxError> {
    let values = vec![session.now(), endpoint.into(), limit.get().into(), Value::millis(lease)];
    let statement = session.statements().claim;
    rows::claims(session.run(statement, values).await?, lease)
}

/// Applies a settlement under its fence. If it ends the callback, the next one of its resource becomes pending.
pub(in super::super) async fn settle(
    session: &mut dyn Session,
    endpoint: &str,
    token: ClaimToken,
    settlement: &Settlement,
) -> Result<Settled, InboxError> {
    let statements = session.statements();
    let mut values = vec![
        session.now(),
        endpoint.into(),
        token.digest().as_bytes().as_slice().into(),
        token.seq().into(),
        token.fence().into(),
    ];
    let (statement, rest) = match settlement {
        Settlement::Complete => {
            (statements.settle, [code(State::Done), Value::Text(None), 0_i64.into()])
        }
        Settlement::Discard => {
            (statements.settle, [code(State::Discarded), Value::Text(None), 0_i64.into()])
        }
        Settlement::Park { error } => {
            (statements.settle, [code(State::Parked), error.as_str().into(), 1_i64.into()])
        }
        Settlement::Fail { error, backoff } => {
            (statements.give_back, [Value::millis(*backoff), error.as_str().into(), 1_i64.into()])
        }
        Settlement::Release => {
            (statements.give_back, [0_i64.into(), Value::Text(None), 0_i64.into()])
        }
        Settlement::Extend(lease) => {
            values.push(Value::millis(*lease));
            let rows = session.run(statements.extend, values).await?;
            return Ok(settled(&rows));
        }
    };
    values.extend(rest);
    if let Some(lock) = session.lock()
        && settlement.ends()
    {
        session.run(lock, vec![endpoint.into(), token.seq().into()]).await?;
    }
    let mut rows = session.run(statement, values).await?;
    let outcome = settled(&rows);
    if let Some(row) = rows.first_mut()
        && settlement.ends()
        && let Some(resource) = row.maybe_text()?
    {
        promote(session, endpoint, &resource).await?;
    }
    Ok(outcome)
}

/// Completes a claim in the transaction of a handler.
pub(in super::super) async fn complete(
    session: &mut dyn Session,
    endpoint: &str,
    token: ClaimToken,
) -> Result<(), InboxError> {
    match settle(session, endpoint, token, &Settlement::Complete).await? {
        Settled::Current => Ok(()),
        Settled::Stale => Err(InboxError::Stale),
    }
}

/// Makes the first waiting callback of a resource pending, if none is.
pub(in super::super) async fn promote(
    session: &mut dyn Session,
    endpoint: &str,
    resource: &str,
) -> Result<(), InboxError> {
    let values = vec![session.now(), endpoint.into(), resource.into()];
    let statement = session.statements().promote;
    session.run(statement, values).await.map(drop)
}

/// [`promote`] for all resources. Returns how many became pending.
pub(in super::super) async fn sweep(
    session: &mut dyn Session,
    endpoint: &str,
) -> Result<usize, InboxError> {
    let values = vec![session.now(), endpoint.into()];
    let statement = session.statements().sweep;
    Ok(session.run(statement, values).await?.len())
}

fn settled(rows: &[Row]) -> Settled {
    match rows.is_empty() {
        true => Settled::Stale,
        false => Settled::Current,
    }
}

fn code(state: State) -> Value {
    i64::from(state.code()).into()
}

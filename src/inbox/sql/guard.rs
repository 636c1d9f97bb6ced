//! Claims of handlers that respond themselves: the tables of a [`DuplicateGuard`](crate::duplicates::DuplicateGuard).

use std::time::Duration;

use super::{Session, Value};
use crate::duplicates::{Claim, Lease, Settled};
use crate::inbox::error::InboxError;
use crate::signature::BodyDigest;

/// The settings of a guard.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct GuardTimes {
    pub(in super::super) lease: Duration,
    pub(in super::super) time_to_live: Duration,
}

pub(in super::super) async fn claim(
    session: &mut dyn Session,
    endpoint: &str,
    digest: BodyDigest,
    times: GuardTimes,
) -> Result<Claim, InboxError> {
    let statements = session.statements();
    let mut values = key(session, endpoint, digest);
    values.push(Value::millis(times.lease));
    if let Some(row) = session.run(statements.guard_claim, values).await?.first_mut() {
        let token = row.count()?;
        let values =
            vec![session.now(), endpoint.into(), Value::millis(times.time_to_live), PRUNED.into()];
        session.run(statements.guard_prune, values).await?;
        return Ok(Claim::First(Lease::new(digest, token.into())));
    }
    let values = key(session, endpoint, digest);
    let mut rows = session.run(statements.guard_look, values).await?;
    let Some(row) = rows.first_mut() else {
        // It was pruned between the two statements.
        return Ok(Claim::InProgress { lease_left: Some(Duration::from_secs(1)) });
    };
    let (done, left) = (row.int()?, row.int()?);
    if done == 1 {
        return Ok(Claim::Done);
    }
    // A clock that was set back must not lengthen the lease that is reported.
    let left = Duration::from_millis(u64::try_from(left).unwrap_or_default()).min(times.lease);
    Ok(Claim::InProgress { lease_left: Some(left) })
}

pub(in super::super) async fn complete(
    session: &mut dyn Session,
    endpoint: &str,
    lease: &Lease,
    times: GuardTimes,
) -> Result<Settled, InboxError> {
    let statement = session.statements().guard_complete;
    let mut values = fenced(session, endpoint, lease)?;
    values.push(Value::millis(times.time_to_live));
    settled(session.run(statement, values).await?.len())
}

pub(in super::super) async fn release(
    session: &mut dyn Session,
    endpoint: &str,
    lease: &Lease,
) -> Result<Settled, InboxError> {
    let statement = session.statements().guard_release;
    let values = fenced(session, endpoint, lease)?;
    settled(session.run(statement, values).await?.len())
}

fn settled(rows: usize) -> Result<Settled, InboxError> {
    Ok(match rows {
        0 => Settled::Stale,
        _ => Settled::Current,
    })
}

fn key(session: &dyn Session, endpoint: &str, digest: BodyDigest) -> Vec<Value> {
    vec![session.now(), endpoint.into(), digest.as_bytes().as_slice().into()]
}

fn fenced(session: &dyn Session, endpoint: &str, lease: &Lease) -> Result<Vec<Value>, InboxError> {
    let mut values = key(session, endpoint, lease.digest());
    let token = u64::try_from(lease.token())
        .map_err(|_| InboxError::damaged("the token of the lease is not of this guard"))?;
    values.push(token.into());
    Ok(values)
}

/// How many expired rows each first claim deletes. More than one, so that the table shrinks.
const PRUNED: u32 = 2;

//! The ring of refused requests.

use std::num::NonZeroU32;

use bytes::Bytes;

use super::{Row, Session, Value};
use crate::inbox::error::InboxError;
use crate::inbox::record::time_at;
use crate::inbox::refused::RefusedRequest;

pub(in super::super) async fn keep(
    session: &mut dyn Session,
    endpoint: &str,
    request: &RefusedRequest,
    capacity: u32,
) -> Result<(), InboxError> {
    let headers = serde_json::to_string(&request.headers)
        .map_err(|error| InboxError::damaged(format_args!("headers: {error}")))?;
    let values = vec![
        session.now(),
        endpoint.into(),
        request.kind.as_str().into(),
        u32::from(request.status).into(),
        request.reason.as_str().into(),
        Value::Text(request.remote.clone()),
        headers.as_str().into(),
        request.body.as_ref().into(),
        request.body_length.into(),
    ];
    let statements = session.statements();
    session.run(statements.keep_refused, values).await?;
    let values = vec![session.now(), endpoint.into(), capacity.into()];
    session.run(statements.trim_refused, values).await.map(drop)
}

pub(in super::super) async fn list(
    session: &mut dyn Session,
    endpoint: &str,
    limit: NonZeroU32,
) -> Result<Vec<RefusedRequest>, InboxError> {
    let values = vec![session.now(), endpoint.into(), limit.get().into()];
    let statement = session.statements().list_refused;
    session.run(statement, values).await?.into_iter().map(request).collect()
}

pub(in super::super) async fn clear(
    session: &mut dyn Session,
    endpoint: &str,
) -> Result<u64, InboxError> {
    let values = vec![session.now(), endpoint.into()];
    let statement = session.statements().clear_refused;
    let deleted = session.run(statement, values).await?.len();
    Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
}

fn request(mut row: Row) -> Result<RefusedRequest, InboxError> {
    let (id, refused, kind, status) = (row.count()?, row.int()?, row.text()?, row.int()?);
    let (reason, remote, headers) = (row.text()?, row.maybe_text()?, row.text()?);
    let headers = serde_json::from_str(&headers)
        .map_err(|error| InboxError::damaged(format_args!("headers: {error}")))?;
    Ok(RefusedRequest {
        id,
        refused_at: time_at(refused),
        kind,
        status: u16::try_from(status).unwrap_or_default(),
        reason,
        remote,
        headers,
        body: Bytes::from(row.blob()?),
        body_length: row.count()?,
    })
}

//! Rows become the types of the inbox.

use std::time::Duration;

use bytes::Bytes;
use rustls_pki_types::UnixTime;
use uuid::Uuid;

use super::Row;
use crate::inbox::claim::{ClaimToken, Claimed};
use crate::inbox::error::InboxError;
use crate::inbox::evidence::SignatureEvidence;
use crate::inbox::record::{Entry, Record, State, time_at};
use crate::signature::BodyDigest;

/// The columns of `entry!()`.
pub(super) fn entry(row: &mut Row) -> Result<Entry, InboxError> {
    let digest = BodyDigest::from_bytes(row.blob_of_32()?);
    let seq = row.count()?;
    let code = row.int()?;
    let state = i16::try_from(code).ok().and_then(State::from_code);
    let state = state
        .ok_or_else(|| InboxError::damaged(format_args!("row {seq} is in unknown state {code}")))?;
    let mut entry = Entry::new(digest, seq, time_at(row.int()?));
    entry.state = state;
    entry.event = row.maybe_text()?;
    entry.customer = row.maybe_text()?.and_then(|text| Uuid::parse_str(&text).ok());
    entry.resource = row.maybe_text()?;
    let due = row.maybe_int()?.map(time_at);
    entry.due_at = due.filter(|_| state == State::Pending);
    entry.is_leased = row.int()? == 1;
    entry.settled_at = row.maybe_int()?.map(time_at);
    entry.attempts = row.count()?;
    entry.failures = row.count()?;
    entry.last_error = row.maybe_text()?;
    Ok(entry)
}

/// Those of a claim, in order of arrival.
pub(super) fn claims(rows: Vec<Row>, lease: Duration) -> Result<Vec<Claimed>, InboxError> {
    let claims = rows.into_iter().map(|mut row| {
        let entry = entry(&mut row)?;
        let token = ClaimToken::new(entry.digest, entry.seq, row.count()?);
        Ok(Claimed::new(token, entry, Bytes::from(row.blob()?), lease))
    });
    let mut claims = claims.collect::<Result<Vec<_>, InboxError>>()?;
    claims.sort_by_key(|claimed| claimed.token.seq());
    Ok(claims)
}

/// Those of an export.
pub(super) fn record(mut row: Row) -> Result<Record, InboxError> {
    let entry = entry(&mut row)?;
    let body = Bytes::from(row.blob()?);
    let signature = row.blob()?;
    let name = row.text()?;
    let algorithm = SignatureEvidence::algorithm_named(&name)
        .ok_or_else(|| InboxError::damaged(format_args!("unknown signature algorithm {name}")))?;
    let url = row.text()?;
    let verified = UnixTime::since_unix_epoch(Duration::from_secs(row.count()?));
    let certificates = SignatureEvidence::read_certificates(&row.text()?)
        .map_err(|error| InboxError::damaged(format_args!("stored certificates: {error}")))?;
    let evidence = SignatureEvidence::new(signature, algorithm, url, certificates, verified);
    Ok(Record::new(entry, body, evidence))
}

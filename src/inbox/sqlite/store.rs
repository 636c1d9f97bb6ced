//! A new callback becomes a row.

use crate::inbox::contract::Stored;
use crate::inbox::error::InboxError;
use crate::inbox::sql::store::NewRow;
use crate::inbox::sql::{Session, Value};

/// Stores `row`, and its certificates if they are not known to be stored.
pub(super) async fn store(
    session: &mut dyn Session,
    endpoint: &str,
    row: &NewRow,
    pem: Option<&str>,
) -> Result<Stored, InboxError> {
    if let Some(pem) = pem {
        let values = vec![row.chain.as_slice().into(), pem.into()];
        session.run(STORE_CHAIN, values).await?;
    }
    let values = vec![
        session.now(),
        endpoint.into(),
        row.digest.as_slice().into(),
        Value::Text(row.resource.clone()),
        Value::Text(row.event.clone()),
        Value::Text(row.customer.clone()),
        row.chain.as_slice().into(),
        row.signature.as_slice().into(),
        row.algorithm.into(),
        row.certificate_url.as_str().into(),
        row.verified.into(),
        row.body.as_slice().into(),
        i64::from(row.is_ignored).into(),
    ];
    Ok(match session.run(STORE, values).await?.is_empty() {
        true => Stored::Duplicate,
        false => Stored::New,
    })
}

const STORE_CHAIN: &str =
    "insert into partner_center_chain (id, pem) values ($1, $2) on conflict (id) do nothing";
const STORE: &str = "insert into partner_center_inbox (endpoint, digest, state, due, settled, resource, event, customer, stored, \
     chain, signature, algorithm, certificate_url, verified, body) values ($2, $3, case when $13 = 1 then 5 when $4 is not null and \
     exists (select 1 from partner_center_inbox where endpoint = $2 and resource = $4 and settled is null) then 3 else 0 end, \
     case when $13 = 0 then $1 end, case when $13 = 1 then $1 end, $4, $5, $6, $1, $7, $8, $9, $10, $11, $12) \
     on conflict (endpoint, digest) do nothing returning seq";

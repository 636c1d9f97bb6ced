//! A callback as a row.

use crate::inbox::callback::VerifiedCallback;
use crate::inbox::contract::MAX_BODY;
use crate::inbox::error::InboxError;

/// The columns of a new callback.
#[derive(Clone, Debug)]
pub(in super::super) struct NewRow {
    pub(in super::super) digest: Vec<u8>,
    pub(in super::super) resource: Option<String>,
    pub(in super::super) event: Option<String>,
    pub(in super::super) customer: Option<String>,
    pub(in super::super) chain: [u8; 32],
    pub(in super::super) signature: Vec<u8>,
    pub(in super::super) algorithm: &'static str,
    pub(in super::super) certificate_url: String,
    /// Seconds since 1970.
    pub(in super::super) verified: i64,
    pub(in super::super) body: Vec<u8>,
    pub(in super::super) is_ignored: bool,
}

impl NewRow {
    pub(in super::super) fn of(
        callback: &VerifiedCallback,
        is_ordered: bool,
    ) -> Result<Self, InboxError> {
        let body = callback.body().as_bytes();
        if body.len() > MAX_BODY {
            return Err(InboxError::BodyTooLong { bytes: body.len(), limit: MAX_BODY });
        }
        let event = callback.event();
        let evidence = callback.evidence();
        let resource = event.filter(|_| is_ordered).and_then(|event| event.resource_uri());
        Ok(Self {
            digest: callback.digest().as_bytes().to_vec(),
            resource: resource.map(text),
            event: event.map(|event| text(event.name().as_str())),
            customer: event.and_then(|event| event.customer_tenant()).map(|id| id.to_string()),
            chain: *callback.chain_id(),
            signature: evidence.signature.clone(),
            algorithm: evidence.algorithm.as_str(),
            certificate_url: text(&evidence.certificate_url),
            verified: i64::try_from(evidence.verified_at.as_secs()).unwrap_or(i64::MAX),
            body: body.to_vec(),
            is_ignored: callback.is_ignored(),
        })
    }
}

/// Text for a column. PostgreSQL's has no NUL, and JSON may.
fn text(text: &str) -> String {
    let cut = text.char_indices().map(|(at, _)| at).find(|at| *at >= MAX_TEXT);
    let kept = cut.and_then(|at| text.get(..at)).unwrap_or(text);
    kept.replace('\0', "\u{fffd}")
}

/// Bytes. A longer resource URI shares its order with others that start alike.
const MAX_TEXT: usize = 2000;

//! One accepted event as one line of JSON.

use std::collections::BTreeMap;

use bytes::Bytes;
use partner_center_webhooks::{Event, Received};
use serde::Serialize;
use time::format_description::well_known::Rfc3339;

use super::resource::kind_and_ids;
use crate::output::one_line;

/// What a reader of the lines needs, and the event itself.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    event_name: &'a str,
    resource_uri: Option<&'a str>,
    resource: ResourceLine,
    /// RFC 3339, in UTC; null if there is none that can be read.
    resource_change_utc_date: Option<String>,
    /// SHA-256 of the body, in hexadecimal: a delivery whose digest was seen before is a repeated one.
    digest: String,
    /// SHA-256 of the signing certificate, in hexadecimal.
    signer: String,
    /// As received, except for line breaks.
    event: &'a Event,
}

#[derive(Serialize)]
struct ResourceLine {
    kind: &'static str,
    #[serde(flatten)]
    ids: BTreeMap<&'static str, String>,
}

impl<'a> Line<'a> {
    pub(super) fn of(received: &'a Received<Bytes>) -> Self {
        let event = received.event();
        let resource = event.resource();
        let (kind, ids) = kind_and_ids(&resource);
        let ids = ids.into_iter().map(|(name, id)| (name, id.to_owned()));
        Self {
            event_name: event.name().as_str(),
            resource_uri: event.resource_uri(),
            resource: ResourceLine { kind, ids: ids.collect() },
            resource_change_utc_date: event
                .resource_change_utc_date()
                .and_then(|date| date.format(&Rfc3339).ok()),
            digest: received.digest().to_string(),
            signer: received.signer().fingerprint().to_string(),
            event,
        }
    }

    pub(super) fn to_json(&self) -> Result<String, serde_json::Error> {
        one_line(self)
    }
}

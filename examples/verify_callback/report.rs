//! The report: one JSON object.

use http::StatusCode;
use partner_center_webhooks::chain::VerifiedSigner;
use partner_center_webhooks::signature::VerifiedBody;
use partner_center_webhooks::{Error, Event};
use serde::Serialize;

/// The report.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    verdict: &'static str,
    kind: Option<&'static str>,
    status: u16,
    reason: Option<String>,
    event: Option<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_error: Option<String>,
    digest: Option<String>,
    signer: Option<SignerReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<&'static str>,
}

impl Report {
    pub(crate) fn genuine(body: &VerifiedBody<&[u8]>) -> Self {
        let (event, no_event) = match Event::from_slice(body.as_bytes()) {
            Ok(event) => (Some(event), None),
            Err(error) => (None, Some(Error::from(error))),
        };
        let status = no_event.as_ref().map_or(StatusCode::OK, Error::status);
        Self {
            verdict: "genuine",
            status: status.as_u16(),
            event,
            event_error: no_event.map(|error| error.to_string()),
            digest: Some(body.digest().to_string()),
            signer: Some(SignerReport::of(body.signer())),
            ..Self::default()
        }
    }

    pub(crate) fn refused(error: &Error) -> Self {
        Self {
            verdict: "refused",
            kind: Some(error.kind().as_str()),
            status: error.status().as_u16(),
            reason: Some(error.to_string()),
            ..Self::default()
        }
    }
}

#[derive(Serialize)]
struct SignerReport {
    fingerprint: String,
    subject: String,
    issuer: String,
    dns_names: Vec<String>,
    not_before: String,
    not_after: String,
    path: Vec<String>,
}

impl SignerReport {
    fn of(signer: &VerifiedSigner) -> Self {
        let summary = signer.summary();
        Self {
            fingerprint: signer.fingerprint().to_string(),
            subject: summary.subject.to_string(),
            issuer: summary.issuer.to_string(),
            dns_names: signer.dns_names().to_vec(),
            not_before: summary.not_before.clone(),
            not_after: summary.not_after.clone(),
            path: signer.path().iter().map(ToString::to_string).collect(),
        }
    }
}

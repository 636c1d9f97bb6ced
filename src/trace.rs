//! Log events, for feature `tracing`.

use std::fmt::Display;

use crate::error::Error;
use crate::signature::VerifiedBody;

/// A callback was verified; `event` is its name where it was read.
pub(crate) fn accepted<B: AsRef<[u8]>>(body: &VerifiedBody<B>, event: Option<&dyn Display>) {
    tracing::info!(
        target: TARGET,
        outcome = "accepted",
        event = event.map(tracing::field::display),
        digest = %body.digest(),
        signer = %body.signer().fingerprint(),
        "callback accepted"
    );
}

/// A callback was refused.
pub(crate) fn refused(error: &Error) {
    tracing::warn!(
        target: TARGET,
        outcome = "refused",
        kind = error.kind().as_str(),
        status = error.status().as_u16(),
        reason = %error,
        "callback refused"
    );
}

const TARGET: &str = "partner_center_webhooks";

//! Log events, for feature `tracing`.

use std::fmt::Display;

/// A callback was verified; `event` is its name where it was read.
pub(crate) fn accepted(digest: &dyn Display, signer: &dyn Display, event: Option<&dyn Display>) {
    tracing::info!(
        target: TARGET,
        outcome = "accepted",
        event = event.map(tracing::field::display),
        %digest,
        %signer,
        "callback accepted"
    );
}

/// A callback was refused; `digest` is that of its body where the body is genuine.
pub(crate) fn refused(
    kind: &'static str,
    status: u16,
    verdict: &'static str,
    digest: Option<&dyn Display>,
    reason: &dyn Display,
) {
    let digest = digest.map(tracing::field::display);
    tracing::warn!(target: TARGET, outcome = "refused", kind, status, verdict, digest, %reason, "callback refused");
}

/// A callback was refused, and will be until somebody repairs something on this side.
pub(crate) fn refused_until_repair(
    kind: &'static str,
    status: u16,
    verdict: &'static str,
    digest: Option<&dyn Display>,
    reason: &dyn Display,
) {
    let digest = digest.map(tracing::field::display);
    tracing::error!(target: TARGET, outcome = "refused", kind, status, verdict, digest, %reason, "callback refused");
}

/// What became of the attempt to handle a callback.
pub(crate) fn attempt(outcome: &'static str, digest: &dyn Display) {
    tracing::info!(target: TARGET, outcome, %digest, "attempt {outcome}");
}

/// An attempt was settled (`step`) after another had taken over: the callback may have been handled twice.
pub(crate) fn attempt_stale(step: &'static str, digest: &dyn Display) {
    tracing::warn!(target: TARGET, outcome = "stale", step, %digest, "attempt settled too late");
}

/// The duplicate guard failed at `step`.
pub(crate) fn guard_failed(step: &'static str, digest: &dyn Display, reason: &dyn Display) {
    tracing::warn!(target: TARGET, outcome = "unknown", step, %digest, %reason, "duplicate guard failed");
}

/// An issuer's certificate or a revocation list could not be fetched.
pub(crate) fn authority_failed(reason: &dyn Display) {
    tracing::warn!(target: TARGET, %reason, "certificate authority not reached");
}

/// A signing certificate that is kept could not be renewed.
pub(crate) fn not_renewed(reason: &dyn Display) {
    tracing::warn!(target: TARGET, %reason, "signing certificate not renewed");
}

/// Nothing recent says whether the signer `fingerprint` is revoked.
pub(crate) fn revocation_unknown(fingerprint: &dyn Display) {
    tracing::warn!(target: TARGET, signer = %fingerprint, "revocation unknown: no revocation list could be fetched");
}

/// Something that callbacks depend on ends within days.
pub(crate) fn ends_soon(what: &dyn Display, days_left: u64) {
    tracing::warn!(target: TARGET, %what, days_left, "ends soon and has not been renewed");
}

/// An adapter lacks what the application should have given to it.
#[cfg(feature = "actix-web")]
pub(crate) fn misconfigured(reason: &dyn Display) {
    tracing::error!(target: TARGET, %reason, "not set up to receive callbacks");
}

const TARGET: &str = "partner_center_webhooks";

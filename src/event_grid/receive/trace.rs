//! Log events, for feature `tracing`.

use std::fmt::Display;

/// A request was refused, or could not be judged.
pub(super) fn refused(status: u16, reason: &dyn Display) {
    tracing::warn!(target: TARGET, outcome = "refused", status, %reason, "delivery refused");
}

/// A request was refused, and will be until somebody repairs a configuration.
pub(super) fn refused_until_repair(status: u16, reason: &dyn Display) {
    tracing::error!(target: TARGET, outcome = "refused", status, %reason, "delivery refused");
}

/// Events are handed over, of which `unrecognized` are of neither schema.
pub(super) fn accepted(events: usize, unrecognized: usize, subscription: &dyn Display) {
    tracing::info!(target: TARGET, outcome = "accepted", events, unrecognized, %subscription, "delivery accepted");
}

/// Some of the events that are handed over are of neither schema; the first for this reason.
pub(super) fn unrecognized(events: usize, reason: &dyn Display, subscription: &dyn Display) {
    tracing::warn!(target: TARGET, unrecognized = events, %subscription, first_reason = %reason, "events not recognized");
}

/// A handshake is judged as if it had no token: its token would have a delivery refused for now.
pub(super) fn token_not_needed(reason: &dyn Display) {
    tracing::warn!(target: TARGET, %reason, "token of a handshake ignored");
}

/// A handshake came, or the notice that a subscription was deleted.
pub(super) fn notice(what: &'static str, of: &dyn Display) {
    tracing::info!(target: TARGET, outcome = "accepted", what, %of, "notice from Event Grid");
}

/// Keys that are kept could not be fetched anew.
pub(super) fn keys_not_renewed(reason: &dyn Display) {
    tracing::warn!(target: TARGET, %reason, "keys of Microsoft Entra not renewed");
}

const TARGET: &str = "partner_center_webhooks::event_grid";

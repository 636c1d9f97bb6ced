//! Log events, for feature `tracing`.

use std::fmt::Display;

/// A request was refused, or could not be judged.
pub(super) fn refused(status: u16, reason: &dyn Display) {
    tracing::warn!(target: TARGET, outcome = "refused", status, %reason, "delivery refused");
}

/// Events are handed over.
pub(super) fn accepted(events: usize, subscription: &dyn Display) {
    tracing::info!(target: TARGET, outcome = "accepted", events, %subscription, "delivery accepted");
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

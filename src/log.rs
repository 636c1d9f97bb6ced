//! Log events. With feature `tracing` off, each of these functions is empty.
//!
//! A subscriber may rely on targets, levels and fields: the tables on the front pages of the crate and of `event_grid::receive`
//! list them.
#![cfg_attr(
    not(feature = "tracing"),
    expect(unused_variables, reason = "the macro expands to nothing")
)]

#[cfg(feature = "tracing")]
macro_rules! log {
    ($level:ident, $target:literal, $($fields:tt)+) => {
        tracing::$level!(target: $target, $($fields)+)
    };
}

#[cfg(not(feature = "tracing"))]
macro_rules! log {
    ($($ignored:tt)+) => {};
}

/// Callbacks from Partner Center, and the fetches that their verification depends on.
#[cfg(feature = "receiver")]
pub(crate) mod receiver {
    use std::fmt::Display;

    /// A callback was verified. `event` is its name, if it was read.
    pub(crate) fn accepted(
        digest: &dyn Display,
        signer: &dyn Display,
        event: Option<&dyn Display>,
    ) {
        log!(
            info,
            "partner_center_webhooks",
            outcome = "accepted",
            event = event.map(tracing::field::display),
            %digest,
            %signer,
            "callback accepted"
        );
    }

    /// One function for each level, because tracing fixes the level of an event when it is compiled.
    macro_rules! refusals {
        ($($(#[doc = $doc:literal])+ $name:ident: $level:ident,)+) => {$(
            $(#[doc = $doc])+
            pub(crate) fn $name(
                kind: &'static str,
                status: u16,
                verdict: &'static str,
                digest: Option<&dyn Display>,
                reason: &dyn Display,
            ) {
                log!(
                    $level,
                    "partner_center_webhooks",
                    outcome = "refused",
                    kind,
                    status,
                    verdict,
                    digest = digest.map(tracing::field::display),
                    %reason,
                    "callback refused"
                );
            }
        )+};
    }

    refusals! {
        /// A callback was refused. `digest` is that of its body, if the body is genuine.
        refused: warn,
        /// A request without a signature was refused: everyday noise.
        refused_unsigned: info,
        /// A callback was refused, as retries probably will be until an operator repairs this side.
        refused_until_repair: error,
    }

    /// The outcome of an attempt to handle a callback.
    pub(crate) fn attempt(outcome: &'static str, digest: &dyn Display) {
        log!(info, "partner_center_webhooks", outcome, %digest, "attempt {outcome}");
    }

    /// An attempt was settled (`step`) after another one had taken over: the callback may have been handled twice.
    pub(crate) fn attempt_stale(step: &'static str, digest: &dyn Display) {
        log!(warn, "partner_center_webhooks", outcome = "stale", step, %digest, "attempt settled too late");
    }

    /// The duplicate guard failed at `step`.
    pub(crate) fn guard_failed(step: &'static str, digest: &dyn Display, reason: &dyn Display) {
        log!(warn, "partner_center_webhooks", outcome = "unknown", step, %digest, %reason, "duplicate guard failed");
    }

    /// An issuer's certificate or a revocation list could not be fetched.
    pub(crate) fn authority_failed(reason: &dyn Display) {
        log!(warn, "partner_center_webhooks", %reason, "certificate authority not reached");
    }

    /// A kept signing certificate could not be renewed.
    pub(crate) fn not_renewed(reason: &dyn Display) {
        log!(warn, "partner_center_webhooks", %reason, "signing certificate not renewed");
    }

    /// No recent revocation list says whether the signer `fingerprint` is revoked.
    pub(crate) fn revocation_unknown(fingerprint: &dyn Display) {
        log!(
            warn,
            "partner_center_webhooks",
            signer = %fingerprint,
            "revocation unknown: no revocation list could be fetched"
        );
    }

    /// A certificate that callbacks depend on expires within days, or a list within one.
    pub(crate) fn expires_soon(what: &dyn Display, days_left: u64) {
        log!(warn, "partner_center_webhooks", %what, days_left, "expires soon and has not been renewed");
    }

    /// An adapter lacks data that the application must provide.
    #[cfg(feature = "actix-web")]
    pub(crate) fn misconfigured(reason: &dyn Display) {
        log!(error, "partner_center_webhooks", %reason, "not set up to receive callbacks");
    }
}

/// Deliveries from Event Grid, and the keys that verify their tokens.
#[cfg(feature = "event-grid-receive")]
pub(crate) mod event_grid {
    use std::fmt::Display;

    /// A request was refused, or could not be verified.
    pub(crate) fn refused(status: u16, reason: &dyn Display) {
        log!(warn, "partner_center_webhooks::event_grid", outcome = "refused", status, %reason, "delivery refused");
    }

    /// A request was refused, as each retry will be until an operator repairs a configuration.
    pub(crate) fn refused_until_repair(status: u16, reason: &dyn Display) {
        log!(error, "partner_center_webhooks::event_grid", outcome = "refused", status, %reason, "delivery refused");
    }

    /// Events are handed to the application; `unrecognized` of them match neither schema.
    pub(crate) fn accepted(events: usize, unrecognized: usize, subscription: &dyn Display) {
        log!(
            info,
            "partner_center_webhooks::event_grid",
            outcome = "accepted",
            events,
            unrecognized,
            %subscription,
            "delivery accepted"
        );
    }

    /// Some events that are handed to the application match neither schema. `reason` is that of the first.
    pub(crate) fn unrecognized(events: usize, reason: &dyn Display, subscription: &dyn Display) {
        log!(
            warn,
            "partner_center_webhooks::event_grid",
            unrecognized = events,
            %subscription,
            first_reason = %reason,
            "events not recognized"
        );
    }

    /// A handshake was treated as if it had no token. A delivery with this token would be refused for now.
    pub(crate) fn token_not_needed(reason: &dyn Display) {
        log!(warn, "partner_center_webhooks::event_grid", %reason, "token of a handshake ignored");
    }

    /// A handshake arrived, or the notice that a subscription was deleted.
    pub(crate) fn notice(what: &'static str, of: &dyn Display) {
        log!(info, "partner_center_webhooks::event_grid", outcome = "accepted", what, %of, "notice from Event Grid");
    }

    /// Kept keys could not be fetched again.
    pub(crate) fn keys_not_renewed(reason: &dyn Display) {
        log!(warn, "partner_center_webhooks::event_grid", %reason, "keys of Microsoft Entra not renewed");
    }
}

/// Callbacks in an inbox, and the attempts to handle them.
#[cfg(feature = "inbox")]
pub(crate) mod inbox {
    use std::fmt::Display;

    /// A callback is durable.
    pub(crate) fn stored(is_new: bool, digest: &dyn Display) {
        let outcome = match is_new {
            true => "stored",
            false => "duplicate",
        };
        log!(info, "partner_center_webhooks::inbox", outcome, %digest, "callback stored");
    }

    /// A call of the inbox failed.
    pub(crate) fn failed(step: &'static str, reason: &dyn Display) {
        log!(error, "partner_center_webhooks::inbox", outcome = "unavailable", step, %reason, "inbox failed");
    }

    /// An attempt ended. `reason` is the handler's error.
    pub(crate) fn attempt(
        outcome: &'static str,
        digest: &dyn Display,
        reason: Option<&dyn Display>,
    ) {
        match reason {
            None => {
                log!(info, "partner_center_webhooks::inbox", outcome, %digest, "attempt ended");
            }
            Some(reason) => {
                log!(warn, "partner_center_webhooks::inbox", outcome, %digest, %reason, "attempt failed");
            }
        }
    }

    /// Callbacks that were settled long ago were deleted.
    pub(crate) fn pruned(count: u64) {
        log!(info, "partner_center_webhooks::inbox", outcome = "pruned", count, "callbacks pruned");
    }

    /// An attempt ended after another one took over: the callback may have been handled twice.
    pub(crate) fn attempt_stale(step: &'static str, digest: &dyn Display) {
        log!(warn, "partner_center_webhooks::inbox", outcome = "stale", step, %digest, "claim of the attempt was lost");
    }
}

//! Why a token was refused.

use std::time::Duration;

use thiserror::Error;
use time::OffsetDateTime;

use crate::mask::Excerpt;

/// Why a token was refused, or could not be verified.
///
/// | variants | what helps | response |
/// |---|---|---|
/// | `Expired`, `Keys`, `NotYet` | a retry: [`is_transient`](Self::is_transient) | 503 |
/// | `Role` | an administrator: [`needs_repair`](Self::needs_repair) | 503, or 403 if it is final |
/// | `Application` | nothing: another application's token, [`is_forbidden`](Self::is_forbidden) | 403 |
/// | all others | nothing: not a token of Event Grid for this webhook | 401 |
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum TokenRefusal {
    /// The token is not signed with RS256.
    #[error("the token's algorithm is `{found}` (expected `RS256`)")]
    Algorithm {
        /// The header parameter `alg`.
        found: Excerpt,
    },
    /// The token is genuine, but its application may not deliver.
    #[error("the token was issued to application `{found}` (expected {expected})")]
    Application {
        /// The claim `appid` or `azp`.
        found: Excerpt,
        /// The applications that may deliver.
        expected: Excerpt,
    },
    /// The issuer, tenant or audience is missing or wrong.
    #[error("the token's `{claim}` is `{found}` (expected {expected})")]
    Claim {
        /// The claim.
        claim: &'static str,
        /// Its value; empty if it is missing.
        found: Excerpt,
        /// The expected value.
        expected: Excerpt,
    },
    /// The token is genuine but expired: it was delayed, or the clocks differ.
    #[error("the token expired at {expires_at} (the receiver's clock says {now})")]
    Expired {
        /// The claim `exp`.
        expires_at: OffsetDateTime,
        /// The receiver's clock.
        now: OffsetDateTime,
    },
    /// The tenant's keys could not be fetched, or the last fetch is too recent for another. Transient.
    #[error("{reason}")]
    Keys {
        /// What failed, with the URL of the keys: no response, a panic of the HTTP client, a status other than 200, a response
        /// without a signing key; or the unknown key.
        reason: Box<str>,
        /// The wait until the next attempt may start; until then the error stays the same. At most a minute.
        retry_after: Duration,
    },
    /// Microsoft Entra would not issue such a token.
    #[error("the token is malformed: {problem}")]
    Malformed {
        /// What is wrong.
        problem: &'static str,
    },
    /// The request has no token.
    #[error("the token is missing (expected one header `authorization: Bearer …`)")]
    Missing,
    /// The token is genuine but not yet valid: the clocks differ.
    #[error("the token is not valid before {not_before} (the receiver's clock says {now})")]
    NotYet {
        /// The claim `nbf`.
        not_before: OffsetDateTime,
        /// The receiver's clock.
        now: OffsetDateTime,
    },
    /// The token is genuine but lacks the app role: an administrator has not assigned it yet, or has revoked it.
    #[error(
        "the token is Event Grid's but lacks the app role `{expected}` ({}): {}. To fix this: in Microsoft Entra, open \
         Enterprise applications, select the webhook's application (`{audience}`), and assign its app role `{expected}` to Event \
         Grid's service principal (application `{application}`); in PowerShell, use `New-MgServicePrincipalAppRoleAssignment`",
        roles(found),
        consequence(*is_final)
    )]
    Role {
        /// The claim `roles`; empty if there are none.
        found: Excerpt,
        /// The role.
        expected: Excerpt,
        /// The webhook's application, which defines the role: the claim `aud`.
        audience: Box<str>,
        /// The application that needs the role: the claim `appid` or `azp`.
        application: Box<str>,
        /// Whether the receiver refuses the token permanently, by
        /// [`missing_role_is_final`](crate::event_grid::receive::WebhookReceiverBuilder::missing_role_is_final).
        is_final: bool,
    },
    /// The signature is wrong.
    #[error("the token's signature does not match key `{key}`")]
    Signature {
        /// The id of the key (`kid`).
        key: Excerpt,
    },
    /// The token's key is not in the key set, which was just fetched.
    #[error("the token's key `{key}` is not in the key set at `{url}`")]
    UnknownKey {
        /// The id of the key (`kid`).
        key: Excerpt,
        /// The URL of the keys.
        url: Excerpt,
    },
}

impl TokenRefusal {
    /// Whether a retry may succeed without a repair.
    ///
    /// True for a genuine token that is expired or not yet valid: a retry has a newer token, and a wrong clock must not lose
    /// events.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Keys { .. } | Self::Expired { .. } | Self::NotYet { .. })
    }

    /// Whether retries succeed only after a repair: an administrator assigns the role.
    pub fn needs_repair(&self) -> bool {
        matches!(self, Self::Role { is_final: false, .. })
    }

    /// Whether the token is genuine, but its application may not deliver.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Application { .. } | Self::Role { is_final: true, .. })
    }

    /// Makes a missing role final.
    pub(in crate::event_grid::receive) fn with_final_role(mut self) -> Self {
        if let Self::Role { is_final, .. } = &mut self {
            *is_final = true;
        }
        self
    }

    /// Replaces the wait for the keys.
    pub(super) fn with_retry_after(mut self, wait: Duration) -> Self {
        if let Self::Keys { retry_after, .. } = &mut self {
            *retry_after = wait;
        }
        self
    }
}

fn roles(found: &Excerpt) -> String {
    match found.original_len() {
        0 => "it has no roles".to_owned(),
        _ => format!("its roles are `{found}`"),
    }
}

/// What happens to the delivery.
fn consequence(is_final: bool) -> &'static str {
    match is_final {
        true => "the delivery is refused permanently, because `missing_role_is_final` is set",
        false => "Event Grid keeps the event and retries for a day at most",
    }
}

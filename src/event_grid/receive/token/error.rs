//! Why a token was refused.

use std::time::Duration;

use thiserror::Error;
use time::OffsetDateTime;

use crate::excerpt::Excerpt;
use crate::http_client::HttpClientError;

/// Why a token was refused, or could not be verified.
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
    /// The tenant's keys could not be fetched.
    #[error(transparent)]
    Keys(#[from] KeysError),
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
    /// The token is genuine but lacks the app role.
    #[error(transparent)]
    Role(Box<MissingRole>),
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
        matches!(self, Self::Keys(_) | Self::Expired { .. } | Self::NotYet { .. })
    }

    /// Whether retries succeed only after a repair: an administrator assigns the role.
    pub fn needs_repair(&self) -> bool {
        matches!(self, Self::Role(role) if !role.is_final)
    }

    /// Whether the token is genuine, but its application may not deliver.
    pub fn is_forbidden(&self) -> bool {
        match self {
            Self::Application { .. } => true,
            Self::Role(role) => role.is_final,
            _ => false,
        }
    }

    /// Makes a missing role final.
    pub(in crate::event_grid::receive) fn with_final_role(mut self) -> Self {
        if let Self::Role(role) = &mut self {
            role.is_final = true;
        }
        self
    }
}

/// The app role that a genuine token of Event Grid lacks: an administrator has not assigned it yet, or has revoked it.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error(
    "the token is Event Grid's but lacks the app role `{expected}` ({}): {}. To repair it: in Microsoft Entra, open Enterprise \
     applications, select the webhook's application (`{audience}`), and assign its app role `{expected}` to Event \
     Grid's service principal (application `{application}`); in PowerShell, use `New-MgServicePrincipalAppRoleAssignment`",
    roles(found),
    consequence(*is_final)
)]
#[non_exhaustive]
pub struct MissingRole {
    /// The claim `roles`; empty if there are none.
    pub found: Excerpt,
    /// The role.
    pub expected: Excerpt,
    /// The webhook's application, which defines the role: the claim `aud`.
    pub audience: Excerpt,
    /// The application that needs the role: the claim `appid` or `azp`.
    pub application: Excerpt,
    /// Whether the receiver refuses the token permanently, by
    /// [`missing_role_is_final`](crate::event_grid::receive::WebhookReceiverBuilder::missing_role_is_final).
    pub is_final: bool,
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

/// Why the tenant's keys are not available. All of these errors are transient.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum KeysError {
    /// There was no response.
    #[error("the keys at `{url}` could not be fetched: {error}")]
    Connection {
        /// The URL of the keys.
        url: Excerpt,
        /// The error of the HTTP client.
        error: HttpClientError,
        /// When the next attempt may start.
        retry_after: Duration,
    },
    /// The fetch panicked.
    #[error(
        "the fetch of the keys at `{url}` panicked (expected an HTTP client and a cryptographic backend that return their \
         errors)"
    )]
    Panicked {
        /// The URL of the keys.
        url: Excerpt,
        /// When the next attempt may start.
        retry_after: Duration,
    },
    /// The status was not 200.
    #[error(
        "`{url}` answered {status}{} (expected 200 with keys; redirects are not followed)",
        says(words)
    )]
    Status {
        /// The URL of the keys.
        url: Excerpt,
        /// The HTTP status.
        status: u16,
        /// The error text in the response.
        words: Option<Box<str>>,
        /// When the next attempt may start.
        retry_after: Duration,
    },
    /// The token's key is unknown, and the last fetch is too recent for another.
    #[error(
        "the token's key `{key}` is not known, and the last fetch of the keys was less than a minute ago"
    )]
    TooSoon {
        /// The id of the key (`kid`).
        key: Excerpt,
        /// When the next attempt may start.
        retry_after: Duration,
    },
    /// The response has no RSA key for signatures.
    #[error(
        "the response of `{url}` has no signing key (expected a JSON object whose `keys` include an RSA key for signatures){}",
        says(words)
    )]
    Unreadable {
        /// The URL of the keys.
        url: Excerpt,
        /// The text of the page, if the response is one.
        words: Option<Box<str>>,
        /// When the next attempt may start.
        retry_after: Duration,
    },
}

fn says(words: &Option<Box<str>>) -> String {
    words.as_ref().map_or_else(String::new, |words| format!(": {words}"))
}

impl KeysError {
    /// The wait until the next attempt may start; until then the error stays the same. At most a minute.
    pub fn retry_after(&self) -> Duration {
        let (Self::Connection { retry_after, .. }
        | Self::Panicked { retry_after, .. }
        | Self::Status { retry_after, .. }
        | Self::TooSoon { retry_after, .. }
        | Self::Unreadable { retry_after, .. }) = self;
        *retry_after
    }

    /// Replaces the wait.
    pub(super) fn with_retry_after(mut self, wait: Duration) -> Self {
        let (Self::Connection { retry_after, .. }
        | Self::Panicked { retry_after, .. }
        | Self::Status { retry_after, .. }
        | Self::TooSoon { retry_after, .. }
        | Self::Unreadable { retry_after, .. }) = &mut self;
        *retry_after = wait;
        self
    }
}

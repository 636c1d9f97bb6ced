//! Why a token was refused.

use std::time::Duration;

use thiserror::Error;
use time::OffsetDateTime;

use crate::endpoint::EndpointError;
use crate::excerpt::Excerpt;
use crate::http_client::HttpClientError;

/// Why a token was refused, or could not be judged.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum TokenRefusal {
    /// It is signed otherwise, or not at all.
    #[error("the token's algorithm is `{found}` (expected `RS256`)")]
    Algorithm {
        /// What it says.
        found: Excerpt,
    },
    /// It is genuine, and not of an application that may deliver.
    #[error("the token is of application `{found}` (expected {expected})")]
    Application {
        /// The claim `appid` or `azp`.
        found: Excerpt,
        /// Those that may.
        expected: Excerpt,
    },
    /// It is genuine, and its issuer, its tenant or its audience is another, or missing.
    #[error("the token's `{claim}` is `{found}` (expected {expected})")]
    Claim {
        /// The claim.
        claim: &'static str,
        /// What it says; empty if it is missing.
        found: Excerpt,
        /// What it should say.
        expected: Excerpt,
    },
    /// It is genuine, and its time is over: unless it was held back, the clocks differ.
    #[error("the token ended at {end}, by a clock that says {now}")]
    Expired {
        /// The claim `exp`.
        end: OffsetDateTime,
        /// The receiver's clock.
        now: OffsetDateTime,
    },
    /// The keys that it is to be judged by could not be had.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It is no token that Microsoft Entra would give.
    #[error("the token is malformed: {problem}")]
    Malformed {
        /// What is wrong.
        problem: &'static str,
    },
    /// There is none.
    #[error("there is no token (expected one header `authorization: Bearer …`)")]
    Missing,
    /// It is genuine, and its time has not come: the clocks differ.
    #[error("the token begins at {begin}, by a clock that says {now}")]
    NotYet {
        /// The claim `nbf`.
        begin: OffsetDateTime,
        /// The receiver's clock.
        now: OffsetDateTime,
    },
    /// It is genuine and lacks the app role.
    #[error(transparent)]
    Role(Box<MissingRole>),
    /// The key that it names did not sign it.
    #[error("the token's signature does not match key `{key}`")]
    Signature {
        /// The key.
        key: Excerpt,
    },
    /// The key that it names is not among those that were just fetched.
    #[error("the token names key `{key}`, which is not among those of `{url}`")]
    UnknownKey {
        /// The key.
        key: Excerpt,
        /// Where the keys are.
        url: Excerpt,
    },
}

impl TokenRefusal {
    /// Whether a later delivery may succeed, without anybody changing anything.
    ///
    /// A genuine token outside of its time counts: the next attempt brings another one, and until the clocks agree no event
    /// shall be lost.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Keys(_) | Self::Expired { .. } | Self::NotYet { .. }
        )
    }

    /// Whether later deliveries succeed only after a repair: an administrator assigns the role.
    pub fn needs_repair(&self) -> bool {
        matches!(self, Self::Role(role) if !role.is_final)
    }

    /// Whether the token is genuine, and its application may not deliver.
    pub fn is_forbidden(&self) -> bool {
        match self {
            Self::Application { .. } => true,
            Self::Role(role) => role.is_final,
            _ => false,
        }
    }

    /// The same; a missing role is final.
    pub(in crate::event_grid::receive) fn with_final_role(mut self) -> Self {
        if let Self::Role(role) = &mut self {
            role.is_final = true;
        }
        self
    }
}

/// The app role that a genuine token of Event Grid lacks: an administrator has not assigned it yet, or has withdrawn it.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error(
    "the token is Event Grid's but lacks the app role `{expected}` ({}): {}. To repair it: in Microsoft Entra, open Enterprise \
     applications, select the application of the web hook (`{audience}`), and assign its app role `{expected}` to Event \
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
    /// The application of the web hook, which the role belongs to: the claim `aud`.
    pub audience: Excerpt,
    /// The application that the role is to be assigned to: the claim `appid` or `azp`.
    pub application: Excerpt,
    /// Whether the receiver was told that this is final, by
    /// [`missing_role_is_final`](crate::event_grid::receive::WebhookReceiverBuilder::missing_role_is_final).
    pub is_final: bool,
}

fn roles(found: &Excerpt) -> String {
    match found.original_len() {
        0 => "it has no roles".to_owned(),
        _ => format!("its roles are `{found}`"),
    }
}

/// What becomes of the delivery.
fn consequence(is_final: bool) -> &'static str {
    match is_final {
        true => "the delivery is refused for good, because `missing_role_is_final` is set",
        false => "Event Grid keeps the event and retries for a day at most",
    }
}

/// Why there are no keys to judge a token by. All of it may pass.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum KeysError {
    /// There was no answer.
    #[error("the keys of `{url}` could not be fetched: {error}")]
    Connection {
        /// Where the keys are.
        url: Excerpt,
        /// Why.
        error: HttpClientError,
        /// When the next attempt may start.
        retry_after: Duration,
    },
    /// The fetch panicked.
    #[error(
        "the fetch of the keys of `{url}` panicked (expected an HTTP client and a cryptographic backend that return their \
         errors)"
    )]
    Panicked {
        /// Where the keys are.
        url: Excerpt,
        /// When the next attempt may start.
        retry_after: Duration,
    },
    /// There was another answer.
    #[error(
        "`{url}` answered {status}{} (expected 200 with keys; redirects are not followed)",
        says(words)
    )]
    Status {
        /// Where the keys are.
        url: Excerpt,
        /// The HTTP status.
        status: u16,
        /// What the response says in words.
        words: Option<Box<str>>,
        /// When the next attempt may start.
        retry_after: Duration,
    },
    /// The key is not known, and it is too soon to ask for new ones again.
    #[error(
        "the token names key `{key}`, which is not known, and keys were sought less than a minute ago"
    )]
    TooSoon {
        /// The key.
        key: Excerpt,
        /// When they may be.
        retry_after: Duration,
    },
    /// What was fetched holds no RSA key for signatures.
    #[error(
        "`{url}` answered without a key (expected a JSON object with `keys`, of which one is RSA and for signatures){}",
        says(words)
    )]
    Unreadable {
        /// Where the keys are.
        url: Excerpt,
        /// What a page says that came in their place.
        words: Option<Box<str>>,
        /// When the next attempt may start.
        retry_after: Duration,
    },
}

fn says(words: &Option<Box<str>>) -> String {
    words
        .as_ref()
        .map_or_else(String::new, |words| format!(": {words}"))
}

impl KeysError {
    /// When the next attempt may start: until then, the answer is the same. At most a minute.
    pub fn retry_after(&self) -> Duration {
        let (Self::Connection { retry_after, .. }
        | Self::Panicked { retry_after, .. }
        | Self::Status { retry_after, .. }
        | Self::TooSoon { retry_after, .. }
        | Self::Unreadable { retry_after, .. }) = self;
        *retry_after
    }

    /// The same, with another time to wait.
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

/// Why nothing can be expected of tokens.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum EntraTokensError {
    /// No application may deliver.
    #[error(
        "an application is empty, or there is none (expected the ids of those that may deliver)"
    )]
    Application,
    /// There is no audience.
    #[error("the audience is empty (expected the id of an application, or its application id URI)")]
    Audience,
    /// The cloud's authority may not be asked.
    #[error(transparent)]
    Authority(#[from] EndpointError),
    /// Nobody has published the id of Event Grid's application there.
    #[error(
        "the application of Event Grid in Azure China is not known (expected another cloud; `Cloud::Custom` with \
         `of_applications` serves)"
    )]
    China,
    /// The tenant is not one.
    #[error("`{found}` is no id of a tenant (expected a UUID)")]
    Tenant {
        /// The tenant.
        found: Excerpt,
    },
}

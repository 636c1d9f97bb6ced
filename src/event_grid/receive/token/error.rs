//! Why a token was refused.

use std::time::Duration;

use thiserror::Error;
use time::OffsetDateTime;

use crate::Excerpt;
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
    /// It is genuine, and lacks the role.
    #[error("the token's roles are `{found}` (expected `{expected}` among them)")]
    Role {
        /// The claim `roles`.
        found: Excerpt,
        /// The role.
        expected: Excerpt,
    },
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
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Keys(_) | Self::Expired { .. } | Self::NotYet { .. }
        )
    }

    /// Whether the token is what it says, and its application may not deliver.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Application { .. } | Self::Role { .. })
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
    #[error("`{url}` answered {status} (expected 200 with keys; redirects are not followed)")]
    Status {
        /// Where the keys are.
        url: Excerpt,
        /// The HTTP status.
        status: u16,
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
        "`{url}` answered with what holds no key (expected a JSON object with `keys`, of which one is RSA and for \
         signatures)"
    )]
    Unreadable {
        /// Where the keys are.
        url: Excerpt,
        /// When the next attempt may start.
        retry_after: Duration,
    },
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

//! Why there is no signer for a URL, and when there may be one.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use thiserror::Error;

use super::times;
use crate::chain::{ChainError, RevocationListError};
use crate::excerpt::Excerpt;
use crate::single_flight::Failure;
use crate::source::SourceError;

/// What went wrong when the signer of a URL was needed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SignerError {
    /// What was fetched is not trusted.
    #[error("{error}{}", fetching(.problems))]
    Chain {
        /// Why not.
        error: ChainError,
        /// What went wrong when issuers' certificates and revocation lists were fetched, in order.
        problems: Vec<String>,
    },
    /// The fetch was stopped: its deadline passed, it panicked, or its runtime was shut down.
    #[error(
        "fetching `{url}` {}: the certificate source does not keep to its deadline of {limit:?}, or its runtime is blocked",
        match .panicked { true => "panicked", false => "was stopped" }
    )]
    Interrupted {
        /// The URL.
        url: Excerpt,
        /// The deadline.
        limit: Duration,
        /// Whether the source panicked.
        panicked: bool,
    },
    /// The fetch takes longer than a callback waits. It goes on in the background.
    #[error(
        "`{url}` is still being fetched after {patience:?}, which is as long as a callback waits; the fetch goes on"
    )]
    Late {
        /// The URL.
        url: Excerpt,
        /// How long callbacks wait.
        patience: Duration,
    },
    /// Too many URLs that never verified were asked for. A later attempt may succeed.
    #[error(
        "`{url}` was not fetched: it has never verified, and the quota of {per_minute} downloads a minute for such URLs \
         is used up; if the URL is yours, configure it with `warm_up_url`"
    )]
    Quota {
        /// The URL.
        url: Excerpt,
        /// The quota.
        per_minute: NonZeroU32,
    },
    /// Nothing could be fetched. A later attempt may succeed.
    #[error(transparent)]
    Source(SourceError),
    /// A signer that is kept cannot be verified at this time, so it is not known whether the callback is its own.
    #[error(
        "a former signer of `{url}` cannot be verified at this time, because an issuer's certificate or a revocation list is \
         missing: check that certificate authorities can be reached over port 80; if the signer was given with \
         `kept_signers_pem`, give `learned_issuers_pem`, too"
    )]
    Unverified {
        /// The URL.
        url: Excerpt,
    },
}

impl SignerError {
    /// Whether the signing certificate is known to be revoked: the one error that nothing but another certificate mends.
    pub fn is_revoked(&self) -> bool {
        matches!(
            self,
            Self::Chain {
                error: ChainError::Revoked { .. },
                ..
            }
        )
    }
}

pub(crate) fn fetching(problems: &[String]) -> String {
    let problems: Vec<_> = problems.iter().take(4).map(String::as_str).collect();
    match problems.is_empty() {
        true => String::new(),
        false => format!("; fetching it failed: {}", problems.join("; ")),
    }
}

/// Why an issuer's certificate or a revocation list is missing.
#[derive(Clone, Debug, Error)]
pub(super) enum EvidenceError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("{error} (`{url}` is asked again in {} s)", retry_after.as_secs())]
    FailedBefore {
        url: Excerpt,
        error: Box<Self>,
        retry_after: Duration,
    },
    #[error("the list at `{url}` was not signed by the issuer that it should be of")]
    ForeignList { url: Excerpt },
    #[error(
        "fetching `{url}` was stopped after {limit:?}: the HTTP client does not keep to its deadline"
    )]
    Interrupted { url: Excerpt, limit: Duration },
    #[error("the list at `{url}` is not in force")]
    ListNotInForce { url: Excerpt },
    #[error("`{url}`: {error}")]
    NotAList {
        url: Excerpt,
        error: RevocationListError,
    },
}

/// There is no signer now: why, since when, and when to ask again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unavailable {
    /// Why.
    pub error: Box<SignerError>,
    /// How long ago the attempt was made that failed, if it was not made for this callback.
    pub failed_ago: Option<Duration>,
    /// When to ask again: from 1 to 300 seconds.
    pub retry_after: Duration,
}

impl std::error::Error for Unavailable {}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        match self.failed_ago {
            Some(ago) => write!(
                f,
                " (the attempt was made {} s ago; the next one may be made in {} s)",
                ago.as_secs(),
                self.retry_after.as_secs()
            ),
            None => Ok(()),
        }
    }
}

impl Unavailable {
    /// Whether the URL serves a revoked certificate: as seen by an attempt that was made for this callback, or at most five
    /// seconds before. What was seen earlier may have been replaced since.
    pub(crate) fn is_revoked_now(&self) -> bool {
        let is_fresh = self.failed_ago.is_none_or(|ago| ago < times::FRESH);
        is_fresh && self.error.is_revoked()
    }

    /// The longest wait that a sender is asked for.
    pub const LONGEST_RETRY: Duration = Duration::from_secs(300);

    /// For `error`, with a wait that is rounded up to seconds, and held between 1 and 300.
    pub fn new(error: SignerError, retry_after: Duration) -> Self {
        // Rounded up: a sender that comes back a moment early comes in vain.
        let seconds = retry_after
            .as_secs()
            .saturating_add(u64::from(retry_after.subsec_nanos() > 0));
        Self {
            error: Box::new(error),
            failed_ago: None,
            retry_after: Duration::from_secs(seconds.max(1)).min(Self::LONGEST_RETRY),
        }
    }

    /// After an attempt that failed.
    ///
    /// The wait is the rest of the cool-down, what the certificate's host says and, in an outage, as long as the outage already
    /// is: so ten tries of a sender that obeys last for longer than one outage of some minutes.
    pub(super) fn after(failure: &Failure<SignerError>, now: Duration) -> Self {
        let outage = failure.since.age(now);
        let begins = match failure.error {
            SignerError::Chain { ref error, .. } => error.retry_at(),
            _ => None,
        };
        let told = match failure.error {
            SignerError::Source(ref error) => error.retry_after(),
            _ => None,
        };
        let told = told.unwrap_or_default();
        let begins = begins.map_or(Duration::ZERO, |at| {
            Duration::from_secs(at.as_secs()).saturating_sub(now)
        });
        Self::new(
            failure.error.clone(),
            failure.wait(now).max(outage).max(begins).max(told),
        )
    }

    pub(super) fn remembered(failure: &Failure<SignerError>, now: Duration) -> Self {
        Self {
            failed_ago: Some(failure.at.age(now)),
            ..Self::after(failure, now)
        }
    }
}

//! Errors of claims.

use std::time::Duration;

use thiserror::Error;

use super::guard::GuardError;
use super::in_memory::InMemory;
use crate::signature::BodyDigest;

/// The reason why a callback is not handled now. The message is for logs.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DuplicateError {
    /// The callback was handled before.
    #[error("callback {digest} was handled before")]
    Done {
        /// SHA-256 of the body.
        digest: BodyDigest,
    },
    /// Another attempt is handling the callback.
    #[error(
        "callback {digest} is being handled by another attempt (deliver it again in {retry_after:?})"
    )]
    InProgress {
        /// SHA-256 of the body.
        digest: BodyDigest,
        /// The remaining time of its lease in whole seconds, from 1 s to [`DuplicateError::LONGEST_RETRY`].
        retry_after: Duration,
    },
    /// It is unknown whether the callback was handled before.
    #[error("it is unknown whether callback {digest} was handled before: {error}")]
    Unknown {
        /// SHA-256 of the body.
        digest: BodyDigest,
        /// The guard's error.
        error: GuardError,
    },
}

impl DuplicateError {
    /// The longest `Retry-After` for a lease: 300 s.
    pub const LONGEST_RETRY: Duration = Duration::from_secs(300);
    /// The `Retry-After` if the guard failed: 30 s. Nine waits are 270 s, longer than the failover of an ordinary database.
    pub const RETRY_OF_UNKNOWN: Duration = Duration::from_secs(30);

    /// The error for a callback in progress. The remaining time of its lease is rounded up to whole seconds, from 1 s to
    /// [`LONGEST_RETRY`](Self::LONGEST_RETRY); `None` means [`InMemory::LEASE`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use partner_center_webhooks::duplicates::DuplicateError;
    /// use partner_center_webhooks::signature::BodyDigest;
    ///
    /// let wait = |left| DuplicateError::in_progress(BodyDigest::from_bytes([7; 32]), left).retry_after();
    /// assert_eq!(wait(Some(Duration::from_millis(41_001))), Some(Duration::from_secs(42)));
    /// assert_eq!(wait(Some(Duration::ZERO)), Some(Duration::from_secs(1)));
    /// assert_eq!(wait(Some(Duration::MAX)), Some(Duration::from_secs(300)));
    /// assert_eq!(wait(None), Some(Duration::from_secs(120)));
    /// ```
    pub fn in_progress(digest: BodyDigest, lease_left: Option<Duration>) -> Self {
        let left = lease_left.unwrap_or(InMemory::LEASE);
        let begun = u64::from(left.subsec_nanos() > 0);
        let seconds = Duration::from_secs(left.as_secs().saturating_add(begun));
        Self::InProgress {
            digest,
            retry_after: seconds.clamp(Duration::from_secs(1), Self::LONGEST_RETRY),
        }
    }

    /// The `Retry-After` in whole seconds; `None` if the callback was handled.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Done { .. } => None,
            Self::InProgress { retry_after, .. } => Some(*retry_after),
            Self::Unknown { .. } => Some(Self::RETRY_OF_UNKNOWN),
        }
    }
}

//! Errors of inboxes.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::mask::Excerpt;
use crate::mask::text::urls;

/// The reason why an inbox did not do what it was asked for, with the remedy.
///
/// After a failed write it is unknown whether the write took place: repeat it. The digest and the token keep repetitions harmless.
/// The adapters respond to each of them with 503 and `Retry-After`, so Partner Center delivers the callback again. No variant needs a
/// restart: once the cause is gone, the next call succeeds.
///
/// | variant | when | what ends it |
/// |---|---|---|
/// | [`BodyTooLong`](Self::BodyTooLong) | a body of more than 1 MiB | a lower body limit of the receiver |
/// | [`Busy`](Self::Busy) | another process holds SQLite's lock for half of the deadline | the end of that process's transaction |
/// | [`Damaged`](Self::Damaged) | the file is not a database, or a row has an unknown state | a backup |
/// | [`Deadline`](Self::Deadline) | no result within the deadline of the engine, by default 5 s | less load, a faster disk |
/// | [`Full`](Self::Full) | the disk, a quota or the inbox's own limit is reached | [pruning](super::Inbox::prune) below an own limit; room on the disk |
/// | [`NewerSchema`](Self::NewerSchema) | at connecting: a newer version of this crate wrote the tables | that version |
/// | [`NotDurable`](Self::NotDurable) | at connecting: a setting or a file system that loses commits | another setting or disk |
/// | [`ReadOnly`](Self::ReadOnly) | a read-only file, mount, role or standby | permissions; the primary server |
/// | [`Stale`](Self::Stale) | a transaction completes a claim that another one took over | nothing: roll back |
/// | [`Unavailable`](Self::Unavailable) | the server is gone, or the pool has no free connection | the server; more connections |
///
/// # Example
///
/// ```
/// use partner_center_webhooks::inbox::InboxError;
///
/// let error = InboxError::unavailable("connect to postgres://contoso:s3cret@db.example/callbacks\n");
/// assert_eq!(error.as_str(), "unavailable");
/// assert!(!error.to_string().contains("s3cret"), "{error}");
/// assert!(error.to_string().contains("check that the database runs"), "{error}");
/// ```
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum InboxError {
    /// The body exceeds what the inbox stores.
    #[error(
        "the body has {bytes} bytes, and the inbox stores at most {limit}: lower the receiver's body limit"
    )]
    BodyTooLong {
        /// The length, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Another process holds the lock of the database.
    #[error(
        "the inbox is locked by another process ({reason}): find the process that keeps a transaction open, such as a shell \
         or a backup, and end it"
    )]
    Busy {
        /// The message of the database.
        reason: Excerpt,
    },
    /// A stored row is not what this version writes.
    #[error("the inbox is damaged ({reason}): restore it from a backup, and check the disk")]
    Damaged {
        /// The reason.
        reason: Excerpt,
    },
    /// There was no result in time. It is unknown whether the call took effect.
    #[error(
        "the inbox did not respond within {after:?}: check the load and the disk of the database, and look for long transactions"
    )]
    Deadline {
        /// The deadline of each call.
        after: Duration,
    },
    /// There is no room.
    #[error("the inbox is full ({reason}): prune it, raise its limit, or make room on the disk")]
    Full {
        /// The message of the database, or the limit.
        reason: Excerpt,
    },
    /// The tables were written by a newer version.
    #[error(
        "the inbox has schema {found}, and this version knows {known}: run the newer version of the program"
    )]
    NewerSchema {
        /// The version of the tables.
        found: i64,
        /// The version of this program.
        known: i64,
    },
    /// The database would lose what it acknowledged.
    #[error("the inbox would not be durable: {reason}")]
    NotDurable {
        /// The reason and the remedy.
        reason: Excerpt,
    },
    /// The database cannot be written to.
    #[error(
        "the inbox cannot be written to ({reason}): check the permissions and the mount options of its file, or connect to the \
         primary server"
    )]
    ReadOnly {
        /// The message of the database.
        reason: Excerpt,
    },
    /// The claim is not the current one: another one took over, or it was settled. Roll the transaction back.
    #[error(
        "the claim is stale: another attempt took over, or the callback was settled; roll back what was done under it"
    )]
    Stale,
    /// The database could not be reached, or failed.
    #[error(
        "the inbox is unavailable ({reason}): check that the database runs and that this program can reach it"
    )]
    Unavailable {
        /// The message of the database.
        reason: Excerpt,
    },
}

impl InboxError {
    /// The `Retry-After` of a response that reports this error: 30 s. Nine waits are 270 s, longer than the failover of an ordinary
    /// database.
    pub const RETRY_AFTER: Duration = Duration::from_secs(30);

    /// [`Unavailable`](Self::Unavailable) with this reason, which is escaped and cut. URLs in it are masked.
    pub fn unavailable(reason: impl fmt::Display) -> Self {
        Self::Unavailable { reason: bounded(reason) }
    }

    /// [`Damaged`](Self::Damaged) with this reason, which is escaped and cut.
    pub fn damaged(reason: impl fmt::Display) -> Self {
        Self::Damaged { reason: bounded(reason) }
    }

    /// The variant in lower case, such as `full`, for metrics and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::BodyTooLong { .. } => "body_too_long",
            Self::Busy { .. } => "busy",
            Self::Damaged { .. } => "damaged",
            Self::Deadline { .. } => "deadline",
            Self::Full { .. } => "full",
            Self::NewerSchema { .. } => "newer_schema",
            Self::NotDurable { .. } => "not_durable",
            Self::ReadOnly { .. } => "read_only",
            Self::Stale => "stale",
            Self::Unavailable { .. } => "unavailable",
        }
    }
}

/// Text of a database: escaped and cut, with URLs masked.
pub(crate) fn bounded(reason: impl fmt::Display) -> Excerpt {
    Excerpt::long(&*urls(&reason.to_string()))
}

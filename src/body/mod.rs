//! Bodies: the limit on their length, truncation, and types that are built from them.

#[cfg(any(feature = "event-grid-receive", feature = "receiver"))]
pub(crate) mod stream;

#[cfg(feature = "receiver")]
pub mod typed;

use thiserror::Error;

/// Checks the length of a body against a limit, both in bytes.
#[cfg(any(feature = "event-grid-receive", feature = "receiver"))]
pub(crate) fn check_length(length: usize, limit: usize) -> Result<(), BodyError> {
    match length {
        // An empty body is never signed.
        0 => Err(BodyError::Empty),
        _ if length > limit => Err(BodyError::TooLong { limit }),
        _ => Ok(()),
    }
}

/// Why a body was refused before any other check.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum BodyError {
    /// The body is shorter than its `Content-Length`, and its signature does not match.
    #[error(
        "the body has {received} bytes (expected {announced}, as `Content-Length` announced): it was truncated in transit; \
         deliver it again, and check the proxies and middleware in between"
    )]
    CutShort {
        /// The announced length, in bytes.
        announced: usize,
        /// The length of the body, in bytes.
        received: usize,
    },
    /// There is no body, and no signature.
    #[error("the body is empty")]
    Empty,
    /// The body is empty although the headers have a signature. An empty body is never signed, so it was lost in transit.
    #[error(
        "the body is empty although the headers have a signature (expected the signed body): it was lost in transit; deliver \
         it again, and check the proxies and middleware in between"
    )]
    Lost,
    /// The body is longer than the limit.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body ended before its announced end, or the connection broke.
    #[error("the body could not be read to its end")]
    Unreadable,
}

impl BodyError {
    /// The `Retry-After` for a body that did not arrive whole, in seconds: the next delivery may be complete.
    pub const RETRY_SECONDS: u64 = 10;

    /// Compares the length of a body with its `Content-Length`. A body without one, or longer than it, is not truncated.
    ///
    /// # Errors
    ///
    /// [`BodyError::CutShort`] if fewer bytes were received than were announced.
    ///
    /// # Example
    ///
    /// ```
    /// use partner_center_webhooks::body::BodyError;
    ///
    /// assert_eq!(BodyError::cut_short(Some(7), 7), Ok(()));
    /// let cut = BodyError::CutShort { announced: 7, received: 3 };
    /// assert_eq!(BodyError::cut_short(Some(7), 3), Err(cut));
    /// ```
    pub fn cut_short(announced: Option<usize>, received: usize) -> Result<(), Self> {
        match announced {
            Some(announced) if received < announced => Err(Self::CutShort { announced, received }),
            _ => Ok(()),
        }
    }
}

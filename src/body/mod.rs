//! How long a body may be.

#[cfg(any(feature = "event-grid-receive", feature = "receiver"))]
pub(crate) mod stream;

use thiserror::Error;

/// The limit on the length of a callback's body.
///
/// 256 KiB by default: a thousand times Microsoft's documented sample of 195 bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BodyLimit(usize);

impl BodyLimit {
    /// A limit in bytes.
    pub const fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// The limit in bytes.
    pub const fn bytes(self) -> usize {
        self.0
    }

    /// Judges a body by its length.
    ///
    /// # Errors
    ///
    /// [`BodyError::Empty`], which nobody signs, or [`BodyError::TooLong`].
    pub fn check(self, length: usize) -> Result<(), BodyError> {
        match length {
            0 => Err(BodyError::Empty),
            _ if length > self.0 => Err(BodyError::TooLong { limit: self.0 }),
            _ => Ok(()),
        }
    }
}

impl Default for BodyLimit {
    fn default() -> Self {
        Self(256 * 1024)
    }
}

/// Why a body was refused before anything else was looked at.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum BodyError {
    /// There is none.
    #[error("the body is empty")]
    Empty,
    /// It is longer than the limit.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// It ended before its announced end, or the connection broke.
    #[error("the body could not be read to its end")]
    Unreadable,
}

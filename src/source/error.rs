//! Why a certificate or a revocation list was not fetched.

use std::time::Duration;

use thiserror::Error;

use super::bundle::BundleError;
use super::refusal::StatusRefusal;
use super::url::LocationError;
use crate::http_client::HttpClientError;
use crate::mask::Excerpt;

/// Why a certificate or a revocation list was not fetched.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// No HTTP client is configured for certificate authorities.
    #[error(
        "fetching from certificate authorities is disabled: no HTTP client is configured for them"
    )]
    Disabled,
    /// The response is compressed, although the request asked for plain bytes.
    #[error("`{url}` returned content encoding `{found}`, which was not requested")]
    Encoded {
        /// The URL.
        url: Excerpt,
        /// The header's value.
        found: Excerpt,
    },
    /// There was no response.
    #[error("`{url}` could not be downloaded: {error}")]
    Http {
        /// The URL.
        url: Excerpt,
        /// The cause.
        error: HttpClientError,
    },
    /// The URL may not be fetched.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The response is not a certificate.
    #[error("`{url}` does not serve a certificate: {error}")]
    NotACertificate {
        /// The URL.
        url: Excerpt,
        /// What is wrong with the response.
        error: BundleError,
    },
    /// The response's status is not 200. Redirects are not followed.
    #[error("{0}")]
    Status(Box<StatusRefusal>),
}

impl SourceError {
    /// How long to wait before a retry, if the host sent a `Retry-After`.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status(refusal) => refusal.retry_after,
            _ => None,
        }
    }
}

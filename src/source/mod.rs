//! Stage 2: a certificate URL becomes certificates. The only stage that waits.
//!
//! The URL is the sender's choice until the signature is proven, so [`CertificateLocation`] judges its text
//! before anything is fetched, and what it returns, a [`CertificateUrl`], is the only thing that a
//! [`CertificateSource`] takes. [`Download`] fetches over an [`HttpClient`](crate::http_client::HttpClient);
//! [`Pinned`] answers with bytes it was given. What comes out is not trusted yet: stage 3 decides.

mod authorities;
mod bundle;
mod distribution;
mod download;
mod issuers;
mod location;
mod pinned;
mod prefix;
mod refusal;

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::excerpt::Excerpt;
use crate::http_client::{BoxFuture, HttpClientError};

pub use authorities::{Authorities, AuthorityError};
pub use bundle::{BundleError, CertificateBundle};
pub use distribution::{DistributionError, DistributionLocation};
pub use download::Download;
pub use location::{CertificateLocation, CertificateUrl, LocationError, LocationRefusal};
pub use pinned::Pinned;
pub use prefix::PrefixError;
pub use refusal::StatusRefusal;

/// Where certificates come from.
///
/// Object-safe. An implementation need not cache, share or limit anything: [`Signers`](crate::signers::Signers)
/// does that around any source. A future that is dropped must leave nothing behind.
pub trait CertificateSource: fmt::Debug + Send + Sync {
    /// Fetches the signing certificate at `url`, and whatever stands beside it.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    fn fetch<'a>(
        &'a self,
        url: &'a CertificateUrl<'a>,
    ) -> BoxFuture<'a, Result<CertificateBundle, SourceError>>;
}

/// Why a certificate could not be had. Each may pass: a later attempt may succeed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The answer is compressed, although the request asked for plain bytes.
    #[error("`{url}` answered with content encoding `{found}`, which was not asked for")]
    Encoded {
        /// The certificate URL.
        url: Excerpt,
        /// The header's value.
        found: Excerpt,
    },
    /// There was no answer.
    #[error("`{url}` could not be downloaded: {error}")]
    Http {
        /// The certificate URL.
        url: Excerpt,
        /// What happened.
        error: HttpClientError,
    },
    /// The answer holds no certificate.
    #[error("what `{url}` serves is no signing certificate: {error}")]
    NotACertificate {
        /// The certificate URL.
        url: Excerpt,
        /// What is wrong with it.
        error: BundleError,
    },
    /// The response's status is not 200. Redirects are not followed.
    #[error("{0}")]
    Status(Box<StatusRefusal>),
}

impl SourceError {
    /// When to try again, if the host said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status(refusal) => refusal.retry_after,
            _ => None,
        }
    }
}

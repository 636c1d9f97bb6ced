//! Stage 2: fetches the certificates behind a certificate URL. The only stage that waits.
//!
//! Until the signature is verified, the sender chooses the URL. So [`CertificateLocation`] checks its text before
//! anything is fetched and returns a [`CertificateUrl`]; a [`CertificateSource`] takes nothing else. [`Download`]
//! fetches over an [`HttpClient`](crate::http_client::HttpClient); a [`CertificateBundle`] always returns itself. The
//! certificates are not trusted yet: stage 3 decides.

mod allow_list;
mod authorities;
mod bundle;
mod download;
mod error;
mod location;
mod pkcs7;
mod refusal;
mod url;

use std::fmt;
use std::future::ready;

use crate::http_client::BoxFuture;

pub use allow_list::PrefixError;
pub use authorities::Authorities;
pub use bundle::{BundleError, CertificateBundle};
pub use download::Download;
pub use error::SourceError;
pub use location::{CertificateLocation, DistributionLocation};
pub use refusal::StatusRefusal;
pub use url::{CertificateUrl, LocationError};

/// A source of certificates.
///
/// Object-safe. An implementation does not need to cache, share or limit requests, because
/// [`Signers`](crate::signers::Signers) does that around any source. A future may be dropped at any time, and must then
/// leave nothing behind.
pub trait CertificateSource: fmt::Debug + Send + Sync {
    /// Fetches the signing certificate at `url`, with any intermediates served beside it.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    fn fetch<'a>(
        &'a self,
        url: &'a CertificateUrl<'a>,
    ) -> BoxFuture<'a, Result<CertificateBundle, SourceError>>;
}

/// A bundle is its own source for every allowed URL, without waiting: for captured callbacks, for tests, and for networks
/// without outgoing connections.
///
/// The certificate still has to pass stage 3, and it expires: Microsoft's are valid for some weeks.
impl CertificateSource for CertificateBundle {
    fn fetch<'a>(&'a self, _: &'a CertificateUrl<'a>) -> BoxFuture<'a, Result<Self, SourceError>> {
        Box::pin(ready(Ok(self.clone())))
    }
}

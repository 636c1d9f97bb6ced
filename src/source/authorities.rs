//! What certificate authorities publish: their certificates, and lists of those that they revoked.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls_pki_types::CertificateDer;
use thiserror::Error;

use super::bundle::BundleError;
use super::distribution::{DistributionError, DistributionLocation};
use super::download::get;
use super::{SourceError, issuers};
use crate::excerpt::Excerpt;
use crate::http_client::{HttpClient, Limits};

/// Fetches issuers' certificates and revocation lists, from allowed places and within limits.
///
/// It judges nothing that it fetches: stage 3 takes a certificate as an untrusted link and a list for as much as its
/// signature is worth.
#[derive(Clone, Debug)]
pub struct Authorities {
    client: Arc<dyn HttpClient>,
    issuers: DistributionLocation,
    revocation_lists: DistributionLocation,
}

impl Authorities {
    /// For one issuer's certificate: 5 seconds and 16 KiB. The longest real one has 2 kB.
    pub const ISSUER_LIMITS: Limits = Limits::new(Duration::from_secs(5), 16 * 1024);
    /// For one revocation list: 10 seconds and 4 MiB.
    pub const REVOCATION_LIST_LIMITS: Limits =
        Limits::new(Duration::from_secs(10), 4 * 1024 * 1024);

    /// Fetches through `client` from Microsoft's and DigiCert's places.
    pub fn new(client: Arc<dyn HttpClient>) -> Self {
        Self {
            client,
            issuers: DistributionLocation::issuers(),
            revocation_lists: DistributionLocation::revocation_lists(),
        }
    }

    /// Replaces where issuers' certificates may be fetched from.
    #[must_use]
    pub fn with_issuer_location(mut self, location: DistributionLocation) -> Self {
        self.issuers = location;
        self
    }

    /// Replaces where revocation lists may be fetched from.
    #[must_use]
    pub fn with_revocation_list_location(mut self, location: DistributionLocation) -> Self {
        self.revocation_lists = location;
        self
    }

    /// Fetches the certificates at `url`: one in DER, or PEM, or a PKCS#7 that holds nothing else.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`].
    pub async fn issuers(&self, url: &str) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
        let url = self.issuers.check(url)?;
        let body = get(&*self.client, &url, Self::ISSUER_LIMITS).await?;
        issuers::certificates(&body).map_err(|error| AuthorityError::NotACertificate {
            url: Excerpt::of_url(url),
            error,
        })
    }

    /// Fetches the revocation list at `url`.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`].
    pub async fn revocation_list(&self, url: &str) -> Result<Bytes, AuthorityError> {
        let url = self.revocation_lists.check(url)?;
        Ok(get(&*self.client, &url, Self::REVOCATION_LIST_LIMITS).await?)
    }
}

/// Why something that an authority publishes could not be had.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The URL may not be fetched.
    #[error(transparent)]
    Distribution(#[from] DistributionError),
    /// There is nothing to fetch with.
    #[error("nothing is fetched from certificate authorities: there is no HTTP client for it")]
    Disabled,
    /// What was fetched is no certificate.
    #[error("what `{url}` serves is no certificate: {error}")]
    NotACertificate {
        /// The URL.
        url: Excerpt,
        /// What is wrong with it.
        error: BundleError,
    },
    /// Nothing was fetched.
    #[error(transparent)]
    Source(#[from] SourceError),
}

//! Fetches from certificate authorities: issuers' certificates and revocation lists.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls_pki_types::CertificateDer;

use super::download::get;
use super::error::SourceError;
use super::location::DistributionLocation;
use super::pkcs7;
use crate::http_client::{HttpClient, Limits};
use crate::mask::Excerpt;

/// Fetches issuers' certificates and revocation lists from allowed URLs, within limits.
///
/// It verifies nothing: stage 3 treats a certificate as untrusted, and checks the signature of a list.
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

    /// Fetches through `client` from Microsoft's and DigiCert's documented URLs.
    pub fn new(client: Arc<dyn HttpClient>) -> Self {
        Self {
            client,
            issuers: DistributionLocation::issuers(),
            revocation_lists: DistributionLocation::revocation_lists(),
        }
    }

    /// Replaces the HTTP client.
    #[must_use]
    pub fn with_client(mut self, client: Arc<dyn HttpClient>) -> Self {
        self.client = client;
        self
    }

    /// Sets the allowed URLs of issuers' certificates.
    #[must_use]
    pub fn with_issuer_location(mut self, location: DistributionLocation) -> Self {
        self.issuers = location;
        self
    }

    /// Sets the allowed URLs of revocation lists.
    #[must_use]
    pub fn with_revocation_list_location(mut self, location: DistributionLocation) -> Self {
        self.revocation_lists = location;
        self
    }

    /// Fetches the certificates at `url`: DER, PEM, or PKCS#7 with certificates only.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    pub async fn issuers(&self, url: &str) -> Result<Vec<CertificateDer<'static>>, SourceError> {
        let url = self.issuers.check(url)?;
        let body = get(&*self.client, &url, Self::ISSUER_LIMITS).await?;
        pkcs7::certificates(&body)
            .map_err(|error| SourceError::NotACertificate { url: Excerpt::of_url(url), error })
    }

    /// Fetches the revocation list at `url`.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    pub async fn revocation_list(&self, url: &str) -> Result<Bytes, SourceError> {
        let url = self.revocation_lists.check(url)?;
        get(&*self.client, &url, Self::REVOCATION_LIST_LIMITS).await
    }
}

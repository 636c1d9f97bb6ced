//! What a receiver can be told.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, UnixTime};

use super::{Receiver, Settings};
use crate::body::BodyLimit;
use crate::chain::{Anchors, CertificatePolicy, ChainVerifier, Revocation, SignerName};
use crate::cloud::Cloud;
use crate::envelope::{EnvelopeReader, SignatureAlgorithm};
use crate::http_client::{HttpClient, HttpClientError};
use crate::signers::Signers;
use crate::source::{Authorities, CertificateLocation, CertificateSource, Download, PrefixError};

/// Builds a [`Receiver`]. Every setting has a safe default; what weakens a check has `danger` in its name.
#[must_use]
pub struct ReceiverBuilder {
    source: Result<Arc<dyn CertificateSource>, HttpClientError>,
    authorities: Option<Authorities>,
    chain: ChainVerifier,
    new_downloads_per_minute: NonZeroU32,
    settings: Settings,
}

impl ReceiverBuilder {
    /// Starts from a chain verifier and a certificate source.
    ///
    /// With features `reqwest` and a backend, [`Receiver::builder`] needs neither.
    pub fn new(chain: ChainVerifier, source: impl CertificateSource + 'static) -> Self {
        Self::start(chain, Ok(Arc::new(source)), None)
    }

    /// Starts from a source that may not have come about, which matters only if it is not replaced.
    pub(super) fn start(
        chain: ChainVerifier,
        source: Result<Arc<dyn CertificateSource>, HttpClientError>,
        authorities: Option<Authorities>,
    ) -> Self {
        Self {
            source,
            authorities,
            chain,
            new_downloads_per_minute: Signers::NEW_DOWNLOADS_PER_MINUTE,
            settings: Settings {
                body_limit: BodyLimit::default(),
                clock: Box::new(UnixTime::now),
                location: CertificateLocation::default(),
                reader: EnvelopeReader::default(),
                warm_up_urls: Vec::new(),
            },
        }
    }

    /// Allows the certificate locations of `cloud` and no other. Default: [`Cloud::Global`].
    ///
    /// # Errors
    ///
    /// [`PrefixError`] if a location of a [`Cloud::Custom`] is malformed.
    pub fn cloud(self, cloud: &Cloud) -> Result<Self, PrefixError> {
        let location = cloud.certificate_locations().into_iter().try_fold(
            CertificateLocation::none(),
            |all, prefix| match cloud.danger_plain_http_on_loopback()
                && prefix.starts_with("http://")
            {
                true => all.danger_also_allow_loopback_http(prefix),
                false => all.also_allow(prefix),
            },
        )?;
        Ok(self.certificate_location(location))
    }

    /// Replaces where certificates may be fetched from.
    pub fn certificate_location(mut self, location: CertificateLocation) -> Self {
        self.settings.location = location;
        self
    }

    /// Downloads certificates through `client`, within [`Download::LIMITS`], and whatever certificate authorities publish,
    /// within the limits of [`Authorities`].
    pub fn http_client(self, client: impl HttpClient + 'static) -> Self {
        let client: Arc<dyn HttpClient> = Arc::new(client);
        self.certificate_source(Download::over(Arc::clone(&client)))
            .authorities(Authorities::new(client))
    }

    /// Takes issuers' certificates and revocation lists from `authorities`. Default: Microsoft's and DigiCert's, through the
    /// HTTP client; none with a source that was given without a client.
    pub fn authorities(mut self, authorities: Authorities) -> Self {
        self.authorities = Some(authorities);
        self
    }

    /// Fetches nothing from certificate authorities: every issuer has to be configured, and revocation stays unknown.
    pub fn without_authorities(mut self) -> Self {
        self.authorities = None;
        self
    }

    /// Replaces how much is asked of revocation. Default: [`Revocation::BestEffort`].
    pub fn revocation(self, revocation: Revocation) -> Self {
        self.chain(|chain| chain.with_revocation(revocation))
    }

    /// Takes certificates from `source`.
    pub fn certificate_source(mut self, source: impl CertificateSource + 'static) -> Self {
        self.source = Ok(Arc::new(source));
        self
    }

    /// Changes the chain verifier in ways that have no method here.
    pub fn chain(mut self, change: impl FnOnce(ChainVerifier) -> ChainVerifier) -> Self {
        self.chain = change(self.chain);
        self
    }

    /// Replaces the trust anchors. Default: [`Anchors::microsoft`].
    pub fn anchors(self, anchors: Anchors) -> Self {
        self.chain(|chain| chain.with_anchors(anchors))
    }

    /// Knows these CA certificates too, so that they need not be fetched. Partner Center serves the signing certificate
    /// alone.
    pub fn intermediates(
        self,
        certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Self {
        self.chain(|chain| chain.with_intermediates(certificates))
    }

    /// Replaces the signer name pin. Default: `pcnotifications*.microsoft.com`.
    pub fn signer_name(self, name: SignerName) -> Self {
        self.chain(|chain| chain.with_signer_name(name))
    }

    /// Asks `policy` too.
    pub fn require(self, policy: impl CertificatePolicy + 'static) -> Self {
        self.chain(|chain| chain.require(policy))
    }

    /// Accepts these signature algorithms only. Default: all of [`SignatureAlgorithm::ALL`].
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = SignatureAlgorithm>) -> Self {
        self.settings.reader = EnvelopeReader::accepting(algorithms);
        self
    }

    /// Replaces the limit on bodies. Default: 256 KiB.
    pub fn body_limit(mut self, limit: BodyLimit) -> Self {
        self.settings.body_limit = limit;
        self
    }

    /// Replaces the quota of downloads, in a minute, for URLs that never verified. Default: 60.
    pub fn new_certificate_downloads_per_minute(mut self, quota: NonZeroU32) -> Self {
        self.new_downloads_per_minute = quota;
        self
    }

    /// Fetches `url` at [`Receiver::warm_up`]. May be called again.
    pub fn warm_up_url(mut self, url: impl Into<String>) -> Self {
        self.settings.warm_up_urls.push(url.into().into());
        self
    }

    /// Reads the time from `clock`. Default: the system's.
    pub fn clock(mut self, clock: impl Fn() -> UnixTime + Send + Sync + 'static) -> Self {
        self.settings.clock = Box::new(clock);
        self
    }

    /// Builds the receiver. No I/O.
    ///
    /// # Errors
    ///
    /// [`HttpClientError::Setup`] if the default HTTP client cannot be set up.
    pub fn build(self) -> Result<Receiver, HttpClientError> {
        let quota = self.new_downloads_per_minute;
        Ok(Receiver {
            settings: Arc::new(self.settings),
            signers: Signers::build(self.source?, self.authorities, self.chain, quota),
        })
    }
}

impl fmt::Debug for ReceiverBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverBuilder")
            .field("chain", &self.chain)
            .field("location", &self.settings.location)
            .finish_non_exhaustive()
    }
}

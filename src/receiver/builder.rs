//! Settings of a receiver.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls_pki_types::{CertificateDer, UnixTime};
use thiserror::Error;

use super::Receiver;
use super::stages::{Settings, Stages};
use crate::chain::{Anchors, CertificatePolicy, ChainVerifier, Revocation, SignerName};
use crate::cloud::Cloud;
use crate::envelope::SignatureAlgorithm;
use crate::http_client::{HttpClient, HttpClientError};
use crate::signers::{self, Signers};
use crate::source::{Authorities, CertificateLocation, CertificateSource, Download, PrefixError};
use crate::spawn::Spawn;

/// Builds a [`Receiver`]. Every setting has a safe default; settings that weaken a check have `danger` in their name.
#[must_use]
pub struct ReceiverBuilder {
    source: Result<Arc<dyn CertificateSource>, HttpClientError>,
    authorities: Option<Authorities>,
    chain: ChainVerifier,
    signers: signers::Settings,
    kept_signers: Vec<String>,
    settings: Settings,
}

impl ReceiverBuilder {
    /// Starts from a chain verifier and a certificate source.
    ///
    /// Nothing is fetched from certificate authorities until [`http_client`](Self::http_client) or
    /// [`authorities`](Self::authorities) is called: issuers must be configured, and the state of revocation stays unknown.
    /// With features `reqwest` and a backend, [`Receiver::builder`] needs none of these.
    pub fn new(chain: ChainVerifier, source: impl CertificateSource + 'static) -> Self {
        Self::start(chain, Ok(Arc::new(source)), None)
    }

    /// Starts from a source that may be an error, which is returned by [`build`](Self::build) unless it was replaced.
    pub(super) fn start(
        chain: ChainVerifier,
        source: Result<Arc<dyn CertificateSource>, HttpClientError>,
        authorities: Option<Authorities>,
    ) -> Self {
        Self {
            source,
            authorities,
            chain,
            signers: signers::Settings::default(),
            kept_signers: Vec::new(),
            settings: Settings {
                body_limit: Receiver::BODY_LIMIT,
                clock: Box::new(system_time),
                location: CertificateLocation::default(),
                algorithms: SignatureAlgorithm::ALL.into(),
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

    /// Replaces the locations from which certificates may be fetched.
    pub fn certificate_location(mut self, location: CertificateLocation) -> Self {
        self.settings.location = location;
        self
    }

    /// Downloads through `client`: certificates within [`Download::LIMITS`], issuers and revocation lists within the limits of
    /// [`Authorities`], from the locations that were [set](Self::authorities) before.
    pub fn http_client(self, client: impl HttpClient + 'static) -> Self {
        let client: Arc<dyn HttpClient> = Arc::new(client);
        let authorities = match self.authorities.clone() {
            Some(authorities) => authorities.with_client(Arc::clone(&client)),
            None => Authorities::new(Arc::clone(&client)),
        };
        self.certificate_source(Download::over(client)).authorities(authorities)
    }

    /// Fetches issuers' certificates and revocation lists from `authorities`. Default: Microsoft's and DigiCert's, through the
    /// HTTP client; none if a certificate source was set without a client.
    pub fn authorities(mut self, authorities: Authorities) -> Self {
        self.authorities = Some(authorities);
        self
    }

    /// Fetches nothing from certificate authorities: every issuer must be configured, and revocation stays unknown.
    ///
    /// Dangerous: revoked certificates are accepted. With [`Revocation::Required`], everything is refused instead.
    pub fn danger_without_authorities(mut self) -> Self {
        self.authorities = None;
        self
    }

    /// Replaces how revocation is checked. Default: [`Revocation::BestEffort`]. To check nothing, see
    /// [`danger_revocation_off`](Self::danger_revocation_off).
    pub fn revocation(self, revocation: Revocation) -> Self {
        self.chain(|chain| chain.with_revocation(revocation))
    }

    /// Does not check revocation, and fetches no lists.
    ///
    /// Dangerous: a stolen key whose certificate was revoked signs callbacks until the certificate expires.
    pub fn danger_revocation_off(self) -> Self {
        self.revocation(Revocation::DangerOff)
    }

    /// Fetches certificates from `source`.
    pub fn certificate_source(mut self, source: impl CertificateSource + 'static) -> Self {
        self.source = Ok(Arc::new(source));
        self
    }

    /// Changes the chain verifier, for settings without a method here.
    pub fn chain(mut self, change: impl FnOnce(ChainVerifier) -> ChainVerifier) -> Self {
        self.chain = change(self.chain);
        self
    }

    /// Replaces the trust anchors. Default: [`Anchors::microsoft`].
    pub fn anchors(self, anchors: Anchors) -> Self {
        self.chain(|chain| chain.with_anchors(anchors))
    }

    /// Adds CA certificates, so that they need not be fetched. Partner Center serves the signing certificate alone.
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

    /// Adds a policy that a signing certificate must satisfy.
    pub fn require(self, policy: impl CertificatePolicy + 'static) -> Self {
        self.chain(|chain| chain.require(policy))
    }

    /// Accepts these signature algorithms only. Default: all of [`SignatureAlgorithm::ALL`].
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = SignatureAlgorithm>) -> Self {
        self.settings.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Replaces the limit on bodies, in bytes. Default: [`Receiver::BODY_LIMIT`]. Longer callbacks get 413.
    pub fn body_limit(mut self, limit: usize) -> Self {
        self.settings.body_limit = limit;
        self
    }

    /// Replaces the quota of downloads a minute for URLs that never verified. Default: 60.
    pub fn new_certificate_downloads_per_minute(mut self, quota: NonZeroU32) -> Self {
        self.signers.new_downloads_per_minute = quota;
        self
    }

    /// Replaces how long callbacks wait for the fetch of a certificate, from its start: one that joins late waits less.
    /// Default: 5 s, less than any sender waits.
    ///
    /// After that the response is 503, and the fetch goes on.
    pub fn certificate_wait(mut self, wait: Duration) -> Self {
        self.signers.patience = wait;
        self
    }

    /// Runs fetches on `spawn`. Default: [`DefaultSpawn`](crate::spawn::DefaultSpawn).
    pub fn spawn(mut self, spawn: impl Spawn + 'static) -> Self {
        self.signers.spawn = Arc::new(spawn);
        self
    }

    /// Imports the signers of an earlier receiver: the text from its [`Receiver::kept_signers_pem`]. May be called again.
    ///
    /// They are verified like any other signer. Configure the learned issuers too ([`Receiver::learned_issuers_pem`]), so that this
    /// needs no fetch. URLs that are not allowed any more are skipped.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use partner_center_webhooks::crypto::DefaultBackend;
    /// use partner_center_webhooks::testing::Issuer;
    ///
    /// let issuer = Issuer::new()?;
    /// let signer = issuer.signer()?;
    /// let callback = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
    /// let before = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    /// let _ = before.receive(&callback.headers, &callback.body).await?;
    /// let kept = before.kept_signers_pem(); // written to a file
    ///
    /// let successor = issuer.signing_certificate().new_key()?.issue()?; // replaced during the restart
    /// let after = issuer.receiver(DefaultBackend::new(), &successor)?.kept_signers_pem(kept).build()?;
    /// assert!(after.receive(&callback.headers, &callback.body).await.is_ok()); // a repeated delivery
    /// # Ok(()) }) }
    /// ```
    pub fn kept_signers_pem(mut self, pem: impl Into<String>) -> Self {
        self.kept_signers.push(pem.into());
        self
    }

    /// Fetches `url` at [`Receiver::warm_up`], and exempts it from the quota of downloads. May be called again.
    pub fn warm_up_url(mut self, url: impl Into<String>) -> Self {
        self.settings.warm_up_urls.push(url.into().into());
        self
    }

    /// Reads the time from `clock`. Default: the system clock.
    pub fn clock(mut self, clock: impl Fn() -> UnixTime + Send + Sync + 'static) -> Self {
        self.settings.clock = Box::new(move || Duration::from_secs(clock().as_secs()));
        self
    }

    /// Builds the receiver. No I/O.
    ///
    /// Create the builder inside the async runtime of the server: fetches run there (see [`spawn`](crate::spawn)).
    ///
    /// # Errors
    ///
    /// [`BuildError`].
    pub fn build(self) -> Result<Receiver, BuildError> {
        let (settings, mut signers) = (self.settings, self.signers);
        let configured = settings.warm_up_urls.iter();
        let configured = configured.filter_map(|url| settings.location.check(url).ok());
        signers.configured_urls = configured.map(|url| url.as_str().into()).collect();
        let signers = Signers::with_settings(self.source?, self.authorities, self.chain, signers);
        for pem in &self.kept_signers {
            let kept = signers::parse_kept_signers(pem, &settings.location)
                .map_err(|error| BuildError::KeptSigners { problem: error.to_string() })?;
            signers.import(&kept, (settings.clock)());
        }
        let settings = Arc::new(settings);
        Ok(Receiver { stages: Stages { settings, signers } })
    }
}

/// Why a receiver cannot be built.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The default HTTP client could not be created.
    #[error(transparent)]
    HttpClient(#[from] HttpClientError),
    /// The text given to [`ReceiverBuilder::kept_signers_pem`] was cut off or changed. The receiver works without it: see
    /// [Restarts](super#in-production).
    #[error("{problem}")]
    KeptSigners {
        /// The first fault, and the remedy.
        problem: String,
    },
}

/// The system clock's time since 1970.
fn system_time() -> Duration {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    elapsed.unwrap_or_default()
}

impl fmt::Debug for ReceiverBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverBuilder")
            .field("chain", &self.chain)
            .field("location", &self.settings.location)
            .finish_non_exhaustive()
    }
}

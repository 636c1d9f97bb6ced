//! Which certificates are trusted, and where evidence is fetched.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use partner_center_webhooks::chain::{Anchors, ChainVerifier, Revocation, SignerName};
use partner_center_webhooks::cloud::Cloud;
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::http_client::{HttpClient, ReqwestClient};
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::source::{
    Authorities, CertificateLocation, DistributionLocation, Download, PrefixError,
};
use partner_center_webhooks::testing::Emulator;

use super::files::certificates;
use super::place::{Place, cloud_at};
use crate::failure::Failure;
use crate::values::Prefix;

/// The options of every command that judges certificates.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TrustOptions {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The DNS name of the signing certificate, instead of `pcnotifications*.microsoft.com`
    #[arg(long, value_name = "PATTERN", help_heading = "Trust")]
    signer_name: Option<SignerName>,
    /// PEM with the certificates to trust, instead of the roots of Microsoft's TLS CAs
    #[arg(long, value_name = "FILE", help_heading = "Trust")]
    anchors: Vec<PathBuf>,
    /// PEM with CA certificates between the signing certificate and an anchor
    #[arg(long, value_name = "FILE", help_heading = "Trust")]
    intermediates: Vec<PathBuf>,
    /// Whether the absence of a revocation list is accepted
    #[arg(long, value_enum, value_name = "MODE", help_heading = "Trust")]
    revocation: Option<RevocationMode>,
    /// Also fetch issuers' certificates from here
    #[arg(long, value_name = "URL-PREFIX", help_heading = "Trust")]
    issuer_location: Vec<Prefix>,
    /// Also fetch revocation lists from here
    #[arg(long, value_name = "URL-PREFIX", help_heading = "Trust")]
    revocation_list_location: Vec<Prefix>,
    /// Also fetch signing certificates from here: https, or plain http on a loopback address
    #[arg(long, value_name = "URL-PREFIX", help_heading = "Trust")]
    danger_certificate_location: Vec<Prefix>,
    /// Trust the emulator at this URL, and nothing from Microsoft
    #[arg(
        long,
        value_name = "URL",
        help_heading = "Trust",
        conflicts_with_all = [
            "cloud", "base_url", "anchors", "intermediates", "issuer_location", "revocation_list_location",
            "danger_certificate_location",
        ]
    )]
    danger_trust_emulator: Option<String>,
    /// At most this many downloads for certificate URLs that never verified [default: 60]
    #[arg(long, value_name = "N", help_heading = "Trust")]
    new_certificate_downloads_per_minute: Option<NonZeroU32>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RevocationMode {
    /// Check nothing
    Off,
    /// Refuse revoked certificates, as far as lists can be fetched
    BestEffort,
    /// Also refuse certificates without a current list
    Required,
}

/// What the options say, with the files and the emulator that they name.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    pub(crate) chain: ChainVerifier,
    pub(crate) location: CertificateLocation,
    pub(crate) emulator: Option<Emulator>,
    pub(crate) client: Arc<dyn HttpClient>,
    issuers: DistributionLocation,
    lists: DistributionLocation,
    downloads: Option<NonZeroU32>,
}

impl TrustOptions {
    /// Reads the files, and asks the emulator for its certificates.
    pub(crate) async fn load(&self) -> Result<Trust, Failure> {
        let chain = ChainVerifier::microsoft(DefaultBackend::new());
        let mut trust = match &self.danger_trust_emulator {
            Some(url) => emulated(chain, url).await?,
            None => self.microsoft(chain)?,
        };
        if let Some(name) = &self.signer_name {
            trust.chain = trust.chain.with_signer_name(name.clone());
        }
        if let Some(mode) = self.revocation {
            trust.chain = trust.chain.with_revocation(match mode {
                RevocationMode::Off => Revocation::DangerOff,
                RevocationMode::BestEffort => Revocation::BestEffort,
                RevocationMode::Required => Revocation::Required,
            });
        }
        trust.downloads = self.new_certificate_downloads_per_minute;
        Ok(trust)
    }

    /// Reads the files, and connects to nothing.
    pub(crate) fn check_files(&self) -> Result<(), Failure> {
        self.microsoft(ChainVerifier::microsoft(DefaultBackend::new())).map(|_| ())
    }

    fn microsoft(&self, mut chain: ChainVerifier) -> Result<Trust, Failure> {
        if !self.anchors.is_empty() {
            let mut all = Vec::new();
            for path in &self.anchors {
                let found = certificates("--anchors", path)?;
                Anchors::from_certificates(&found)
                    .map_err(|error| Failure::file("--anchors", path, error))?;
                all.extend(found);
            }
            let anchors = Anchors::from_certificates(&all);
            chain = chain.with_anchors(
                anchors.map_err(|error| Failure::usage(format_args!("--anchors: {error}")))?,
            );
        }
        for path in &self.intermediates {
            chain = chain.with_intermediates(certificates("--intermediates", path)?);
        }
        let mut location = self.danger_certificate_location.iter();
        let location = location
            .try_fold(CertificateLocation::default(), |all, Prefix(prefix)| {
                match prefix.starts_with("http://") {
                    true => all.danger_also_allow_loopback_http(prefix),
                    false => all.also_allow(prefix),
                }
            })
            .map_err(|error| prefix_failure("--danger-certificate-location", &error))?;
        let client = ReqwestClient::new().map_err(Failure::unknown)?;
        Ok(Trust {
            chain,
            location,
            emulator: None,
            client: Arc::new(client),
            issuers: also(
                "--issuer-location",
                DistributionLocation::issuers(),
                &self.issuer_location,
            )?,
            lists: also(
                "--revocation-list-location",
                DistributionLocation::revocation_lists(),
                &self.revocation_list_location,
            )?,
            downloads: None,
        })
    }
}

/// Trust in an emulator alone: Microsoft's roots and hosts are left out.
async fn emulated(chain: ChainVerifier, url: &str) -> Result<Trust, Failure> {
    let emulator = Emulator::trust(url).await.map_err(|error| {
        Failure::unknown(format_args!("--danger-trust-emulator {url}: {error}"))
            .or_try("partner-center emulate")
    })?;
    let invalid = |error: &dyn std::fmt::Display| {
        Failure::usage(format_args!("--danger-trust-emulator {url}: {error}"))
    };
    let location = emulator.certificate_location().map_err(|error| invalid(&error))?;
    let published = emulator.distribution_location().map_err(|error| invalid(&error))?;
    // A service on the same machine is not behind the proxy.
    let client = ReqwestClient::customized(|builder| builder.no_proxy());
    let client = client.map_err(Failure::unknown)?;
    Ok(Trust {
        chain: chain.with_anchors(emulator.anchors().clone()),
        location,
        emulator: Some(emulator),
        client: Arc::new(client),
        issuers: published.clone(),
        lists: published,
        downloads: None,
    })
}

impl Trust {
    /// The cloud whose API is called: the trusted emulator, or what `place` says.
    pub(crate) fn cloud(&self, place: &Place) -> Cloud {
        match &self.emulator {
            Some(emulator) => cloud_at(emulator.base_url()),
            None => place.cloud(),
        }
    }

    pub(crate) fn authorities(&self) -> Authorities {
        Authorities::new(Arc::clone(&self.client))
            .with_issuer_location(self.issuers.clone())
            .with_revocation_list_location(self.lists.clone())
    }

    pub(crate) fn receiver(&self) -> ReceiverBuilder {
        let download = Download::over(Arc::clone(&self.client));
        let mut builder = ReceiverBuilder::new(self.chain.clone(), download)
            .authorities(self.authorities())
            .certificate_location(self.location.clone());
        if let Some(emulator) = &self.emulator {
            builder = builder.warm_up_url(emulator.certificate_url());
        }
        match self.downloads {
            Some(quota) => builder.new_certificate_downloads_per_minute(quota),
            None => builder,
        }
    }

    /// The URL of the signing certificate to expect before the first callback.
    pub(crate) fn certificate_url(&self) -> Option<String> {
        let mut urls = self.location.documented_urls();
        urls.next().map(|url| url.as_str().to_owned())
    }
}

fn also(
    flag: &str,
    location: DistributionLocation,
    more: &[Prefix],
) -> Result<DistributionLocation, Failure> {
    let allow = |all: DistributionLocation, Prefix(prefix): &Prefix| all.also_allow(prefix);
    more.iter().try_fold(location, allow).map_err(|error| prefix_failure(flag, &error))
}

fn prefix_failure(flag: &str, error: &PrefixError) -> Failure {
    Failure::usage(format_args!("{flag}: {error}"))
}

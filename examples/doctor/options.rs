//! The command line, and the files that it names.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use lexopt::Arg::{Long, Short};
use partner_center_webhooks::chain::{ChainVerifier, Revocation, UnixTime};
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::http_client::{HttpClient, ReqwestClient};
use partner_center_webhooks::source::{
    Authorities, CertificateBundle, CertificateLocation, DistributionLocation, Download,
};

use crate::arguments::{about, parsed};
use crate::instant::Instant;
use crate::location::also_allow;
use crate::pem::{anchors, certificates, file};

/// What the command line asks for.
pub(crate) struct Options {
    pub(crate) origin: Origin,
    pub(crate) chain: ChainVerifier,
    /// `None` disables fetching from authorities.
    pub(crate) authorities: Option<Authorities>,
    pub(crate) now: UnixTime,
    pub(crate) save_intermediates: Option<PathBuf>,
    pub(crate) json: bool,
}

/// Where the signing certificate comes from.
pub(crate) enum Origin {
    File { path: String, bundle: CertificateBundle },
    Url { url: String, location: CertificateLocation, download: Download },
}

impl Options {
    pub(crate) const HELP: &str = "\
Examine the certificate that Partner Center signs callbacks with, step by step.

Usage: doctor [--certificate FILE | --url URL] [OPTIONS]

  --certificate FILE    the signing certificate (DER, PEM or base64); in PEM its
                        issuers may follow
  --url URL             fetch it from here.
                        Default: the URL that Microsoft documents
  --intermediates FILE  PEM with CA certificates between the signing certificate
                        and an anchor; repeatable
  --anchors FILE        PEM with the certificates to trust, instead of the roots
                        of Microsoft's TLS CAs
  --signer-name PATTERN the DNS name of the signing certificate, instead of
                        `pcnotifications*.microsoft.com`
  --revocation MODE     `off`, `best-effort` (the default) or `required`
  --at TIME             examine as of this time (RFC 3339), instead of now
  --offline             fetch nothing; needs --certificate
  --issuer-location URL-PREFIX
                        also fetch issuers' certificates from here; repeatable
  --revocation-list-location URL-PREFIX
                        also fetch revocation lists from here; repeatable
  --danger-certificate-location URL-PREFIX
                        also fetch signing certificates from here, as in
                        http://127.0.0.1:9000/cert/: https, or plain http on a
                        loopback address; for tests and emulators; repeatable
  --save-intermediates FILE
                        write the issuers on the valid path, as PEM, for
                        --intermediates
  --json                one JSON object instead of text
  --help                print this

A signing certificate with another name is refused, but examined to the end:
its issuers are fetched, although a receiver would stop.

Exit code: 0 trusted, 1 refused, 2 an error in the command line or in a file.
";

    /// Reads the command line, and the files that it names; `None` if it asks for help.
    pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut chain = ChainVerifier::microsoft(DefaultBackend::new());
        let mut intermediates = Vec::new();
        let (mut origin, mut url) = (None, None);
        let mut location = CertificateLocation::default();
        let mut now = UnixTime::now();
        let (mut save_intermediates, mut json) = (None, false);
        let mut issuers = DistributionLocation::issuers();
        let mut lists = DistributionLocation::revocation_lists();
        let mut offline = false;
        while let Some(argument) = parser.next()? {
            match argument {
                Long("certificate") => {
                    let path = parser.value()?;
                    let bytes = file("--certificate", &path)?;
                    let path = path.to_string_lossy().into_owned();
                    let bundle = CertificateBundle::from_bytes(&bytes)
                        .map_err(about("--certificate", &path))?;
                    origin = Some(Origin::File { path, bundle });
                }
                Long("url") => url = Some(parsed::<String>("--url", &mut parser)?),
                Long("intermediates") => {
                    let more = certificates("--intermediates", parser.value()?)?;
                    intermediates.extend(more);
                }
                Long("anchors") => {
                    let anchors = anchors("--anchors", parser.value()?)?;
                    chain = chain.with_anchors(anchors);
                }
                Long("signer-name") => {
                    let name = parsed("--signer-name", &mut parser)?;
                    chain = chain.with_signer_name(name);
                }
                Long("revocation") => {
                    let Mode(revocation) = parsed("--revocation", &mut parser)?;
                    chain = chain.with_revocation(revocation);
                }
                Long("at") => Instant(now) = parsed("--at", &mut parser)?,
                Long("offline") => offline = true,
                Long("issuer-location") => {
                    issuers = allow("--issuer-location", issuers, &mut parser)?;
                }
                Long("revocation-list-location") => {
                    lists = allow("--revocation-list-location", lists, &mut parser)?;
                }
                Long("danger-certificate-location") => {
                    let prefix = parsed::<String>("--danger-certificate-location", &mut parser)?;
                    location = also_allow(location, &prefix)
                        .map_err(|error| format!("--danger-certificate-location: {error}"))?;
                }
                Long("save-intermediates") => {
                    save_intermediates = Some(parser.value()?.into());
                }
                Long("json") => json = true,
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        if origin.is_some() && url.is_some() {
            return Err("--certificate and --url: only one of them".into());
        }
        if origin.is_none() && offline {
            return Err("--offline needs --certificate FILE".into());
        }
        let client = ReqwestClient::new().map_err(|error| error.to_string())?;
        let client: Arc<dyn HttpClient> = Arc::new(client);
        let authorities = Authorities::new(Arc::clone(&client))
            .with_issuer_location(issuers)
            .with_revocation_list_location(lists);
        Ok(Some(Self {
            origin: origin.unwrap_or_else(|| Origin::Url {
                url: url.or_else(documented_url).unwrap_or_default(),
                location,
                download: Download::over(client),
            }),
            chain: chain.with_intermediates(intermediates),
            authorities: (!offline).then_some(authorities),
            now,
            save_intermediates,
            json,
        }))
    }
}

fn documented_url() -> Option<String> {
    let location = CertificateLocation::default();
    let url = location.documented_urls().next();
    url.map(|url| url.as_str().to_owned())
}

fn allow(
    flag: &str,
    location: DistributionLocation,
    parser: &mut lexopt::Parser,
) -> Result<DistributionLocation, lexopt::Error> {
    let prefix = parsed::<String>(flag, parser)?;
    Ok(location.also_allow(&prefix).map_err(|error| format!("{flag}: {error}"))?)
}

/// The value of `--revocation`.
struct Mode(Revocation);

impl FromStr for Mode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self(Revocation::DangerOff)),
            "best-effort" => Ok(Self(Revocation::BestEffort)),
            "required" => Ok(Self(Revocation::Required)),
            _ => Err("not a mode (expected off, best-effort or required)"),
        }
    }
}

//! The command line.

use std::net::SocketAddr;

use lexopt::Arg::{Long, Short};
use partner_center_webhooks::Receiver;
use partner_center_webhooks::source::CertificateLocation;

use super::arguments::parsed;
use super::files::Files;
use super::location::also_allow;

/// What the command line asks for.
pub(super) struct Options {
    pub(super) listen: SocketAddr,
    pub(super) receiver: Receiver,
    pub(super) files: Files,
}

impl Options {
    pub(super) const HELP: &str = "\
Usage: {program} [OPTIONS]

  --listen ADDR         where to listen, as in 0.0.0.0:8080; port 0 takes a free one.
                        Default: {listen}. Put a TLS-terminating proxy in front: Partner Center calls https only
  --intermediates FILE  PEM with CA certificates between Partner Center's signing certificate and an anchor;
                        repeatable. Missing ones are fetched from Microsoft and DigiCert (plain http, port 80)
  --anchors FILE        PEM with the certificates to trust, instead of the roots of Microsoft's TLS CAs
  --signer-name PATTERN the DNS name of the signing certificate, instead of `pcnotifications*.microsoft.com`
  --danger-certificate-location URL-PREFIX
                        also fetch certificates from here, as in http://127.0.0.1:9000/cert/: https, or plain http
                        on a loopback address; for tests and emulators
  --new-certificate-downloads-per-minute N
                        the limit for certificate URLs that never verified. Default: 60
  --help                print this

Standard output: `listening on ADDR`, then one JSON line per event, written before the response 200 is sent.
Its `digest` identifies repeated deliveries: Partner Center delivers at least once. Logs, with the reason of every refusal,
go to standard error.

A request that is not handled within 10 seconds gets 503.

SIGHUP: the files of --anchors and --intermediates are read again; an error in one leaves everything unchanged.
SIGTERM or Ctrl-C: callbacks in flight are completed, for at most 12 seconds; then the exit code is 0.
Exit code 1: cannot listen, or callbacks got no response; 2: an error in the command line or in a file.
";

    /// Reads the command line, and the files that it names; `None` if it asks for help.
    pub(super) fn parse(
        mut parser: lexopt::Parser,
        mut listen: SocketAddr,
    ) -> Result<Option<Self>, lexopt::Error> {
        let mut location = CertificateLocation::default();
        let mut receiver = Receiver::builder();
        let mut files = Files::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("listen") => listen = parsed("--listen", &mut parser)?,
                Long("intermediates") => files.intermediates.push(parser.value()?),
                Long("anchors") => files.anchors = Some(parser.value()?),
                Long("signer-name") => {
                    receiver = receiver.signer_name(parsed("--signer-name", &mut parser)?);
                }
                Long("danger-certificate-location") => {
                    let prefix = parsed::<String>("--danger-certificate-location", &mut parser)?;
                    location = also_allow(location, &prefix)
                        .map_err(|error| format!("--danger-certificate-location: {error}"))?;
                }
                Long("new-certificate-downloads-per-minute") => {
                    let quota = parsed("--new-certificate-downloads-per-minute", &mut parser)?;
                    receiver = receiver.new_certificate_downloads_per_minute(quota);
                }
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        let receiver = receiver.certificate_location(location);
        let receiver = receiver.build().map_err(|error| error.to_string())?;
        files.load(&receiver)?;
        Ok(Some(Self { listen, receiver, files }))
    }
}

//! The command line.

use std::net::SocketAddr;

use lexopt::Arg::{Long, Short};
use lexopt::Parser;
use partner_center_webhooks::Receiver;
use partner_center_webhooks::event_grid::{ChannelName, PublishEndpoint, Publisher};
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::source::CertificateLocation;

use crate::arguments::{about, parsed};
use crate::channels::Channels;
use crate::publisher_credential::credential;
use crate::{location, pem};

/// What the command line asks for.
pub(crate) struct Options {
    pub(crate) channels: Channels,
    pub(crate) listen: SocketAddr,
    pub(crate) publisher: Publisher,
    pub(crate) receiver: Receiver,
}

impl Options {
    pub(crate) const HELP: &str = "\
Receive Microsoft Partner Center webhooks at POST /webhooks/callback, and publish each to its customer's channel in Azure
Event Grid.

Usage: forward --endpoint URL --customers FILE --others NAME|none [OPTIONS]

  --endpoint URL        the property `endpoint` of the partner namespace, which ends in /api/events and routes by channel
                        name
  --customers FILE      lines of a customer's tenant id and the name of its channel; # begins a comment
  --others NAME|none    the channel for events about no customer in the file; with `none`, such events are logged and
                        acknowledged with 200, but not published
  --listen ADDR         where to listen; port 0 takes a free one. Default: 127.0.0.1:8080. Put a TLS-terminating proxy in
                        front: Partner Center calls https only
  --intermediates FILE  PEM with CA certificates between Partner Center's signing certificate and an anchor
  --anchors FILE        PEM with the certificates to trust, instead of the roots of Microsoft's TLS CAs
  --danger-certificate-location URL-PREFIX
                        also fetch certificates from here: https, or plain http on a loopback address; for tests
  --danger-plain-http   accept a plain-http endpoint on a loopback address, for tests
  --help                print this

Credentials come from the environment, the first of:
  EVENT_GRID_KEY        an access key of the namespace
  EVENT_GRID_SAS        a shared access signature
  EVENT_GRID_TOKEN      an access token
  AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET
                        an application with the role EventGrid Data Sender

The response to a callback is 200 once Event Grid has accepted its event, otherwise 503: Partner Center delivers it again.
While this process runs, it does not publish an accepted event again. The id of an event is the digest of its callback.
Logs, with the reason of every refusal, go to standard error.
";

    /// Reads the command line, the environment, and the files that it names; `None` if it asks for help.
    pub(crate) fn parse(mut parser: Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut listen = SocketAddr::from(([127, 0, 0, 1], 8080));
        let (mut endpoint, mut customers, mut others) = (None, None, None);
        let mut danger_plain_http = false;
        let mut location = CertificateLocation::default();
        let mut receiver = Receiver::builder();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("endpoint") => endpoint = Some(parsed::<String>("--endpoint", &mut parser)?),
                Long("customers") => customers = Some(parser.value()?),
                Long("others") => others = Some(parsed::<String>("--others", &mut parser)?),
                Long("listen") => listen = parsed("--listen", &mut parser)?,
                Long("intermediates") => {
                    let certificates = pem::certificates("--intermediates", parser.value()?)?;
                    receiver = receiver.intermediates(certificates);
                }
                Long("anchors") => {
                    receiver = receiver.anchors(pem::anchors("--anchors", parser.value()?)?);
                }
                Long("danger-certificate-location") => {
                    let flag = "--danger-certificate-location";
                    let prefix = parsed::<String>(flag, &mut parser)?;
                    location = location::also_allow(location, &prefix)
                        .map_err(|error| format!("{flag}: {error}"))?;
                }
                Long("danger-plain-http") => danger_plain_http = true,
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        let endpoint = endpoint.ok_or("--endpoint is missing")?;
        let endpoint = match danger_plain_http {
            true => PublishEndpoint::danger_plain_http_on_loopback(&endpoint),
            false => PublishEndpoint::new(&endpoint),
        };
        let endpoint = endpoint.map_err(said)?;
        let others = match others.ok_or("--others is missing")?.as_str() {
            "none" => None,
            name => Some(ChannelName::new(name).map_err(about("--others", name))?),
        };
        let path = customers.ok_or("--customers is missing")?;
        let text = String::from_utf8(pem::file("--customers", &path)?);
        let channels = text.map_err(said).and_then(|text| Channels::read(&text, others));
        let channels = channels.map_err(about("--customers", path.display()))?;

        let http = ReqwestClient::new().map_err(said)?;
        let credential = credential(http.clone()).map_err(|error| error.to_string())?;
        let receiver = receiver.certificate_location(location).build();
        Ok(Some(Self {
            channels,
            listen,
            publisher: Publisher::new(endpoint, credential, http),
            receiver: receiver.map_err(said)?,
        }))
    }
}

fn said(error: impl std::error::Error) -> String {
    error.to_string()
}

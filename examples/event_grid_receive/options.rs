//! The command line.

use std::fmt::Display;
use std::fs;
use std::net::SocketAddr;

use lexopt::Arg::{Long, Short};
use lexopt::{Parser, ValueExt as _};
use partner_center_webhooks::cloud::{Cloud, CloudProfile};
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::event_grid::receive::{EntraTokens, ExpectedToken, WebhookReceiver};
use partner_center_webhooks::http_client::ReqwestClient;

/// What the command line asks for.
pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) receiver: WebhookReceiver,
}

impl Options {
    pub(crate) const HELP: &str = "\
Receive deliveries of Azure Event Grid at /events.

Usage: event_grid_receive [--tenant ID --audience ID] [--secret FILE] [OPTIONS]

  --listen ADDR       where to listen; port 0 takes a free one. Default: 127.0.0.1:8080. Put a TLS-terminating proxy in
                      front: Event Grid calls https only
  --tenant ID         require a token of this tenant, as in the event subscription's Microsoft Entra settings
  --audience ID       the audience of the token: an application id or an application ID URI; repeatable
  --role NAME         the role that the token must have, instead of `AzureEventGridSecureWebhookSubscriber`
  --secret FILE       require a secret in the query, as in https://contoso.example/events?code=…; repeatable, for
                      rotation
  --topic ID          consent to validations for this topic only; repeatable
  --subscription NAME consent to validations for this event subscription only; repeatable
  --danger-authority URL
                      the issuer of tokens, instead of Microsoft Entra: plain http on loopback, for tests
  --help              print this

Standard output: `listening on ADDR`, then one JSON line per event, written before the response 204 is sent. An event that
is neither a CloudEvent nor of Event Grid's schema has the schema `unrecognized`, a `reason`, and the whole event as its `data`.
Event Grid delivers at least once: detect repeated deliveries by `source` and `id`. Logs, with the reason of every refusal, go
to standard error.
";

    /// Reads the command line, and the files that it names; `None` if it asks for help.
    pub(crate) fn parse(mut parser: Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut listen = SocketAddr::from(([127, 0, 0, 1], 8080));
        let (mut tenant, mut role, mut cloud) = (None, None, Cloud::Global);
        let mut audiences = Vec::new();
        let mut receiver = WebhookReceiver::builder();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("listen") => listen = parser.value()?.parse()?,
                Long("tenant") => tenant = Some(parser.value()?.string()?),
                Long("audience") => audiences.push(parser.value()?.string()?),
                Long("role") => role = Some(parser.value()?.string()?),
                Long("secret") => {
                    let path = parser.value()?.string()?;
                    let secret = fs::read_to_string(&path).map_err(about(&path))?;
                    let secret = secret.trim_end().to_owned();
                    receiver = receiver.query_secret("code", secret).map_err(about(&path))?;
                }
                Long("topic") => receiver = receiver.expect_topic(parser.value()?.string()?),
                Long("subscription") => {
                    receiver = receiver.expect_subscription(parser.value()?.string()?);
                }
                Long("danger-authority") => {
                    let authority = parser.value()?.string()?;
                    let mut profile = CloudProfile::new(authority.clone(), authority);
                    profile.danger_plain_http_on_loopback = true;
                    cloud = Cloud::Custom(profile);
                }
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        if let Some(tenant) = tenant {
            let mut audiences = audiences.into_iter();
            let first = audiences.next().unwrap_or_default();
            let mut expected = ExpectedToken::new(&cloud, &tenant, first)
                .map_err(about("--tenant, --audience"))?;
            for audience in audiences {
                expected = expected.or_audience(audience).map_err(about("--audience"))?;
            }
            if let Some(role) = role {
                expected = expected.with_role(role);
            }
            let client = ReqwestClient::new().map_err(about("the HTTP client"))?;
            receiver = receiver.entra(EntraTokens::new(expected, DefaultBackend::new(), client));
        }
        let receiver = receiver.build().map_err(|error| error.to_string())?;
        Ok(Some(Self { listen, receiver }))
    }
}

/// An error, as a sentence that names its subject.
fn about<E: Display>(what: &str) -> impl FnOnce(E) -> String {
    let what = what.to_owned();
    move |error| format!("{what}: {error}")
}

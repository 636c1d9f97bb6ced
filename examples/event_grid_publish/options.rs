//! The command line, and credentials from the environment.

use std::fs;
use std::time::Duration;

use lexopt::ValueExt as _;
use lexopt::prelude::{Long, Short, Value};
use partner_center_webhooks::event_grid::{ChannelName, CloudEvent, PublishEndpoint};

pub(crate) struct Options {
    pub(crate) endpoint: PublishEndpoint,
    pub(crate) command: Command,
}

pub(crate) enum Command {
    Publish { routing: Routing, events: Vec<CloudEvent> },
    Sign { lifetime: Duration },
}

pub(crate) enum Routing {
    ByChannelName(ChannelName),
    BySource,
}

impl Options {
    pub(crate) const HELP: &str = "\
Publishes CloudEvents to a partner namespace of Event Grid, or creates a shared access signature for that.

Usage: event_grid_publish --endpoint URL (--channel NAME | --by-source) FILE...
       event_grid_publish --endpoint URL --sign HOURS

Each FILE holds a CloudEvent in JSON, or an array of them.

Options:
  --endpoint URL       the namespace's property `endpoint`, which ends in /api/events
  --channel NAME       publish to this channel: the namespace routes by channel name
  --by-source          let each event's source decide: the namespace routes by source
  --sign HOURS         print a shared access signature that expires after HOURS, and publish nothing
  --danger-plain-http  accept a plain-http endpoint on a loopback address, for tests
  --help               this text

Credentials come from the environment, the first of:
  EVENT_GRID_KEY       an access key of the namespace, which --sign needs
  EVENT_GRID_SAS       a shared access signature
  EVENT_GRID_TOKEN     an access token
  AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET
                       an application with the role EventGrid Data Sender

Standard output: how many events were accepted, and a line for each other one: `not accepted: …`, or `may have been accepted: …`
if there was no clear response.

Exit code: 0 if all events were accepted (they may not be delivered yet), 1 if not, 2 if the command line is
invalid.
";

    /// `None` if it asks for help.
    pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let (mut endpoint, mut danger_plain_http, mut lifetime) = (None, false, None);
        let (mut routing, mut events) = (None, Vec::new());
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(None),
                Long("endpoint") => endpoint = Some(parser.value()?.string()?),
                Long("danger-plain-http") => danger_plain_http = true,
                Long("channel" | "by-source") if routing.is_some() => {
                    return Err(
                        "a namespace routes in one way: give `--channel` or `--by-source` once"
                            .into(),
                    );
                }
                Long("channel") => {
                    let name = ChannelName::new(&parser.value()?.string()?);
                    routing = Some(Routing::ByChannelName(name.map_err(said)?));
                }
                Long("by-source") => routing = Some(Routing::BySource),
                Long("sign") => {
                    let hours: u32 = parser.value()?.parse()?;
                    lifetime = Some(Duration::from_secs(60 * 60 * u64::from(hours)));
                }
                Value(file) => events.extend(read(&file.string()?)?),
                other => return Err(other.unexpected()),
            }
        }
        let endpoint = endpoint.ok_or("`--endpoint` is missing")?;
        let endpoint = match danger_plain_http {
            true => PublishEndpoint::danger_plain_http_on_loopback(&endpoint),
            false => PublishEndpoint::new(&endpoint),
        };
        let command = match (lifetime, routing) {
            (Some(lifetime), None) if events.is_empty() => Command::Sign { lifetime },
            (Some(_), _) => return Err("`--sign` publishes nothing".into()),
            (None, None) => return Err("`--channel` or `--by-source` is missing".into()),
            (None, Some(_)) if events.is_empty() => {
                return Err("there is no event to publish".into());
            }
            (None, Some(routing)) => Command::Publish { routing, events },
        };
        let endpoint = endpoint.map_err(said)?;
        Ok(Some(Self { endpoint, command }))
    }
}

fn said(error: impl std::error::Error) -> String {
    error.to_string()
}

fn read(file: &str) -> Result<Vec<CloudEvent>, String> {
    let json = fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    CloudEvent::batch_from_slice(&json).map_err(|error| format!("{file}: {error}"))
}

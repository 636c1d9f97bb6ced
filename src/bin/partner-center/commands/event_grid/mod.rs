//! `event-grid`: Azure Event Grid, with its Partner Events.

mod channels;
mod credential;
mod forward;
mod line;
mod namespace;
mod receive;

use std::path::PathBuf;

use clap::Subcommand;
use partner_center_webhooks::event_grid::{
    Accepted, ChannelName, CloudEvent, NotAccepted, Publisher, SasToken,
};
use partner_center_webhooks::http_client::ReqwestClient;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::files;
use crate::output::Out;
use crate::values::Span;
use namespace::Namespace;

#[derive(Debug, Subcommand)]
#[command(after_help = credential::HELP)]
pub(crate) enum EventGridCommand {
    /// Publish CloudEvents to a partner namespace
    #[command(after_help = credential::HELP)]
    Publish {
        /// A file with a CloudEvent in JSON, or an array of them; `-` is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Publish to this channel: the namespace routes by channel name
        #[arg(long, value_name = "NAME", value_parser = channel_name, required_unless_present = "by_source")]
        channel: Option<ChannelName>,
        /// Let each event's source decide: the namespace routes by source
        #[arg(long, conflicts_with = "channel")]
        by_source: bool,
        #[command(flatten)]
        namespace: Namespace,
    },
    /// Print a shared access signature; needs an access key
    #[command(after_help = credential::HELP)]
    Sign {
        /// How long it is valid
        #[arg(long = "for", value_name = "DURATION")]
        lifetime: Span,
        #[command(flatten)]
        namespace: Namespace,
    },
    /// Receive what Event Grid delivers, and write each event as one line
    Receive(Box<receive::GridReceiveOptions>),
    /// Verify callbacks, and publish each to the channel of its customer
    Forward(Box<forward::ForwardOptions>),
}

impl EventGridCommand {
    /// Whether it runs until it is told to stop.
    pub(crate) fn is_server(&self) -> bool {
        matches!(self, Self::Forward(_) | Self::Receive(_))
    }
}

pub(crate) async fn run(command: &EventGridCommand, out: Out) -> Result<Exit, Failure> {
    match command {
        EventGridCommand::Publish { files, channel, namespace, .. } => {
            let endpoint = namespace.endpoint()?;
            let mut events = Vec::new();
            for path in files {
                let json = files::read("FILE", path)?;
                let read = CloudEvent::batch_from_slice(&json);
                events.extend(read.map_err(|error| Failure::file("FILE", path, error))?);
            }
            let http = ReqwestClient::new().map_err(Failure::unknown)?;
            let credential = credential::of_environment(http.clone())?;
            let publisher = Publisher::new(endpoint, credential, http);
            let outcome = match channel {
                Some(channel) => publisher.publish(channel, events).await,
                None => publisher.publish_by_source(events).await,
            };
            show(outcome, out)
        }
        EventGridCommand::Receive(options) => receive::run(options).await,
        EventGridCommand::Forward(options) => forward::run(options).await,
        EventGridCommand::Sign { lifetime, namespace } => {
            let endpoint = namespace.endpoint()?;
            let end = OffsetDateTime::now_utc() + lifetime.0;
            let token = SasToken::mint(&credential::key()?, &endpoint, end);
            let token = token.map_err(Failure::usage)?;
            let token = token.expose_secret();
            out.show(token, &json!({ "shared_access_signature": token }))?;
            Ok(Exit::Yes)
        }
    }
}

fn channel_name(text: &str) -> Result<ChannelName, String> {
    ChannelName::new(text).map_err(|error| error.to_string())
}

/// Shows how many events were accepted, and of each other event why it was not, or may not have been.
fn show(outcome: Result<Accepted, NotAccepted<CloudEvent>>, out: Out) -> Result<Exit, Failure> {
    let (accepted, failures) = match outcome {
        Ok(accepted) => (accepted, Vec::new()),
        Err(error) => (error.accepted(), error.into_failures()),
    };
    let (events, requests) = (accepted.events(), accepted.requests());
    let mut lines = vec![format!("accepted {events} events in {requests} requests")];
    let mut objects: Vec<Value> = Vec::new();
    for failure in &failures {
        let id = failure.event.id();
        // Published again, such an event may arrive twice; receivers recognize it by its source and id.
        let is_uncertain = failure.error.may_have_been_accepted();
        let what = if is_uncertain { "may have been accepted" } else { "not accepted" };
        lines.push(format!("{what}: `{}`: {}", id.escape_debug(), failure.error));
        objects.push(json!({
            "id": id,
            "may_have_been_accepted": is_uncertain,
            "reason": failure.error.to_string(),
        }));
    }
    let object = json!({ "accepted": events, "requests": requests, "failures": objects });
    out.show(lines.join("\n"), &object)?;
    Ok(if failures.is_empty() { Exit::Yes } else { Exit::No })
}

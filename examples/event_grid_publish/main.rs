//! Publishes CloudEvents to a partner namespace of Event Grid, or creates a shared access signature for that.
//!
//! ```text
//! event_grid_publish --endpoint https://contoso.westeurope-1.eventgrid.azure.net/api/events --channel fabrikam event.json
//! ```

mod options;
#[path = "../support/outcome.rs"]
mod outcome;
#[path = "../support/publisher_credential.rs"]
mod publisher_credential;

use std::process::ExitCode;

use options::{Command, Options, Routing};
use outcome::{Failure, finish, refuse, say};
use partner_center_webhooks::event_grid::{Accepted, CloudEvent, NotAccepted, Publisher, SasToken};
use partner_center_webhooks::http_client::ReqwestClient;
use time::OffsetDateTime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => return finish(PROGRAM, say(Options::HELP.trim_end()).map(|()| true)),
        Err(error) => return refuse(PROGRAM, &error),
    };
    finish(PROGRAM, run(options).await)
}

/// Whether all events were accepted.
async fn run(options: Options) -> Result<bool, Failure> {
    let http = ReqwestClient::new()?;
    let endpoint = options.endpoint;
    match options.command {
        Command::Sign { lifetime } => {
            let end = OffsetDateTime::now_utc() + lifetime;
            let token = SasToken::mint(&publisher_credential::key()?, &endpoint, end)?;
            say(token.expose_secret())?;
            Ok(true)
        }
        Command::Publish { routing, events } => {
            let credential = publisher_credential::credential(http.clone())?;
            let publisher = Publisher::new(endpoint, credential, http);
            report(match routing {
                Routing::ByChannelName(channel) => publisher.publish(&channel, events).await,
                Routing::BySource => publisher.publish_by_source(events).await,
            })
        }
    }
}

/// Prints the number of accepted events, and the error of each other event.
fn report(outcome: Result<Accepted, NotAccepted<CloudEvent>>) -> Result<bool, Failure> {
    let (accepted, failures) = match outcome {
        Ok(accepted) => (accepted, Vec::new()),
        Err(error) => (error.accepted(), error.into_failures()),
    };
    say(format_args!("accepted {} events in {} requests", accepted.events(), accepted.requests()))?;
    for failure in &failures {
        let id = failure.event.id().escape_debug();
        // An event that is published again may be delivered twice; receivers detect that by its source and id.
        let what = match failure.error.may_have_been_accepted() {
            true => "may have been accepted",
            false => "not accepted",
        };
        say(format_args!("{what}: `{id}`: {}", failure.error))?;
    }
    Ok(failures.is_empty())
}

const PROGRAM: &str = "event_grid_publish";

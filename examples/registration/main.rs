//! Shows and sets the callback URL, tests it, and reads the resource of an event.
//!
//! ```text
//! registration show
//! registration ensure --url https://contoso.example/callback --event test-created --event invoice-ready
//! registration test --wait
//! registration fetch event.json
//! ```

mod credentials;
#[path = "../support/environment.rs"]
mod environment;
mod options;
#[path = "../support/outcome.rs"]
mod outcome;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use credentials::{GRAPH_TOKEN, Providers, REFERRALS_TOKEN};
use options::{Command, Fetch, Options};
use outcome::{Failure, finish, refuse, say};
use partner_center_webhooks::cloud::Cloud;
use partner_center_webhooks::event::{Event, EventName};
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::registration::{
    Registration, RegistrationClient, TestEvent, WhenLimited,
};
use partner_center_webhooks::resources::{ResourceClient, ResourceError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => return finish(PROGRAM, say(Options::HELP.trim_end()).map(|()| true)),
        Err(error) => return refuse(PROGRAM, &error),
    };
    finish(PROGRAM, run(&options).await)
}

/// Whether the command succeeded.
async fn run(options: &Options) -> Result<bool, Failure> {
    let http = ReqwestClient::new()?;
    let providers = credentials::providers(&options.cloud, http.clone())?;
    if let Command::Fetch(wanted) = &options.command {
        let client = resource_client(&options.cloud, http, providers, &wanted.referrals_scope)?;
        return fetch(&client, wanted).await;
    }
    let client = RegistrationClient::new(&options.cloud, http, providers.partner_center)?;
    match &options.command {
        Command::Ensure { wanted, dry_run } => {
            let plan = match dry_run {
                true => client.plan(wanted).await?,
                false => client.ensure(wanted).await?,
            };
            say(plan)?;
        }
        Command::Events => {
            for name in client.supported_events().await? {
                say(name.as_str().escape_debug())?;
            }
        }
        Command::Fetch(_) => {}
        Command::Show => match client.get().await? {
            Some(registration) => show(&registration)?,
            None => say("nothing is registered")?,
        },
        Command::Test { wait } => return test(&client, *wait).await,
    }
    Ok(true)
}

/// A client for the resources of all three APIs, as far as there are tokens for them.
fn resource_client(
    cloud: &Cloud,
    http: ReqwestClient,
    providers: Providers,
    referrals_scope: &str,
) -> Result<ResourceClient, Failure> {
    let mut client = ResourceClient::new(cloud, http, providers.partner_center)?;
    if let Some(graph) = providers.graph {
        client = client.with_graph(graph)?;
    }
    if let Some(referrals) = providers.referrals {
        client = client.with_referrals(referrals, referrals_scope)?;
    }
    Ok(client)
}

async fn fetch(client: &ResourceClient, wanted: &Fetch) -> Result<bool, Failure> {
    let event = Event::from_slice(&wanted.event)?;
    let fetched = match wanted.audit {
        true => client.audit_record(&event).await,
        false => client.fetch(&event).await,
    };
    let fetched = fetched.map_err(|error| match error {
        ResourceError::NoTokenProvider { .. } => format!(
            "{error}; from the command line, set {GRAPH_TOKEN} or {REFERRALS_TOKEN}, or the variables of an application"
        ),
        error => error.to_string(),
    })?;
    say(fetched.json())?;
    Ok(true)
}

fn show(registration: &Registration) -> Result<(), Failure> {
    say(format_args!("callbacks go to {}", registration.webhook_url().escape_debug()))?;
    match registration.signature_token_to_ms_signature_header() {
        Some(true) => say("the signature is in x-ms-signature")?,
        Some(false) => say("the signature is in Authorization")?,
        None => {}
    }
    for name in registration.webhook_events() {
        say(format_args!("  {}", name.as_str().escape_debug()))?;
    }
    if !registration.holds(&EventName::TestCreated) {
        say("`test-created` is not among the events: test events cannot be sent")?;
    }
    Ok(())
}

async fn test(client: &RegistrationClient, wait: Option<Duration>) -> Result<bool, Failure> {
    let id = client.send_test_event(WhenLimited::Wait).await?;
    say(format_args!("requested test event {id}"))?;
    let Some(timeout) = wait else {
        return Ok(true);
    };
    let mut line = ProgressLine::new();
    let outcome = client.wait_for_test_event(&id, timeout, |event| line.show(event)).await;
    line.end();
    let event = outcome?;
    for result in event.results() {
        say(format_args!(
            "  {} {} {}",
            result
                .date_time_utc()
                .map_or_else(|| "at an unknown time".to_owned(), |date| date.to_string()),
            result.response_code().unwrap_or("no response").escape_debug(),
            result.response_message().unwrap_or_default().escape_debug(),
        ))?;
    }
    let verdict = match event.was_delivered() {
        true => "the endpoint accepted it",
        false => "the endpoint did not accept it",
    };
    say(verdict)?;
    Ok(event.was_delivered())
}

/// One line that is updated during the wait; if the output is not a terminal, a line for each change.
struct ProgressLine {
    is_terminal: bool,
    shown: String,
}

impl ProgressLine {
    fn new() -> Self {
        Self { is_terminal: io::stdout().is_terminal(), shown: String::new() }
    }

    fn show(&mut self, event: &TestEvent) {
        let text = match event.results().len() {
            1 => format!("{}, 1 attempt", event.status()),
            attempts => format!("{}, {attempts} attempts", event.status()),
        };
        if text == self.shown {
            return;
        }
        let before = if self.is_terminal { "\r\x1b[K" } else { "" };
        let after = if self.is_terminal { "" } else { "\n" };
        let mut out = io::stdout().lock();
        // An error here does not change the outcome.
        let _ = write!(out, "{before}{text}{after}").and_then(|()| out.flush());
        self.shown = text;
    }

    fn end(&self) {
        if self.is_terminal && !self.shown.is_empty() {
            let _ = writeln!(io::stdout());
        }
    }
}

const PROGRAM: &str = "registration";

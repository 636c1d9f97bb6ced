//! `register`: the registration at Partner Center.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use partner_center_webhooks::api::{ApiError, ApiErrorCause};
use partner_center_webhooks::event::{Event, EventName};
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::registration::{
    Registration, RegistrationClient, RegistrationError, TestEvent, WhenLimited,
};
use partner_center_webhooks::resources::{ResourceClient, ResourceError};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::account::AccountOptions;
use crate::options::files;
use crate::options::place::Place;
use crate::output::{Out, line, note};
use crate::values::Span;

/// Shows and changes which URL Partner Center calls, tests it, and reads what an event is about
#[derive(Args, Debug)]
pub(crate) struct RegisterOptions {
    #[command(subcommand)]
    command: RegisterCommand,
}

#[derive(Debug, Subcommand)]
enum RegisterCommand {
    /// Print what is registered
    Show {
        #[command(flatten)]
        api: Api,
    },
    /// Print the events that can be registered
    Events {
        #[command(flatten)]
        api: Api,
    },
    /// Register, or add to what is registered
    Ensure {
        /// The callback URL, https [default: the registered one]
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// An event to register
        #[arg(long, value_name = "NAME")]
        event: Vec<String>,
        /// Register events that are not documented
        #[arg(long)]
        allow_unknown_event: bool,
        /// Have the signature in x-ms-signature
        #[arg(long, conflicts_with = "authorization")]
        ms_signature: bool,
        /// Have the signature in Authorization
        #[arg(long)]
        authorization: bool,
        /// Allow a callback URL of plain http, for tests
        #[arg(long)]
        danger_plain_http: bool,
        /// Print what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        api: Api,
    },
    /// Have a test event sent; the registration must contain test-created
    Test {
        /// Wait for its delivery
        #[arg(long)]
        wait: bool,
        /// How long to wait
        #[arg(long, value_name = "DURATION", default_value = "2m")]
        timeout: Span,
        #[command(flatten)]
        api: Api,
    },
    /// Read what an event is about: from Partner Center, Microsoft Graph or the referrals API
    Fetch {
        /// The file with the event; `-` is standard input
        file: PathBuf,
        /// Read its audit record instead
        #[arg(long)]
        audit: bool,
        /// The scope of tokens for the referrals API [default: its own]
        #[arg(long, value_name = "SCOPE")]
        referrals_scope: Option<String>,
        #[command(flatten)]
        api: Api,
    },
}

/// Where the API is, and what it is shown.
#[derive(Args, Clone, Debug)]
struct Api {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    account: AccountOptions,
}

impl Api {
    fn client(&self) -> Result<RegistrationClient, Failure> {
        let http = ReqwestClient::new().map_err(Failure::unknown)?;
        let cloud = self.place.cloud();
        let providers = self.account.providers(&cloud, http.clone())?;
        RegistrationClient::new(&cloud, http, providers.partner_center).map_err(Failure::usage)
    }

    /// A client for the resources of all three APIs, as far as there are tokens for them.
    fn resources(&self, scope: Option<&str>) -> Result<ResourceClient, Failure> {
        let http = ReqwestClient::new().map_err(Failure::unknown)?;
        let cloud = self.place.cloud();
        let providers = self.account.providers(&cloud, http.clone())?;
        let mut client =
            ResourceClient::new(&cloud, http, providers.partner_center).map_err(Failure::usage)?;
        if let Some(graph) = providers.graph {
            client = client.with_graph(graph).map_err(Failure::usage)?;
        }
        if let Some(referrals) = providers.referrals {
            let own = || format!("{}/.default", cloud.referrals_base());
            let scope = scope.map_or_else(own, str::to_owned);
            client = client.with_referrals(referrals, &scope).map_err(Failure::usage)?;
        }
        Ok(client)
    }
}

pub(crate) async fn run(options: &RegisterOptions, out: Out) -> Result<Exit, Failure> {
    match &options.command {
        RegisterCommand::Show { api } => {
            let registration = api.client()?.get().await.map_err(|error| api_failure(&error))?;
            show(registration.as_ref(), out)
        }
        RegisterCommand::Events { api } => {
            let events = api.client()?.supported_events().await;
            let events = events.map_err(|error| api_failure(&error))?;
            let names: Vec<_> = events.iter().map(EventName::as_str).collect();
            let lines: Vec<_> = names.iter().map(|name| name.escape_debug().to_string()).collect();
            out.show(lines.join("\n"), &json!(names))?;
            Ok(Exit::Yes)
        }
        RegisterCommand::Ensure { api, .. } => ensure(&options.command, api, out).await,
        RegisterCommand::Test { wait, timeout, api } => {
            test(&api.client()?, wait.then_some(timeout.0), out).await
        }
        RegisterCommand::Fetch { file, audit, referrals_scope, api } => {
            let event = files::read("FILE", file)?;
            let event = Event::from_slice(&event);
            let event = event.map_err(|error| Failure::file("FILE", file, error))?;
            let client = api.resources(referrals_scope.as_deref())?;
            let fetched = match audit {
                true => client.audit_record(&event).await,
                false => client.fetch(&event).await,
            };
            line(fetched.map_err(|error| resource_failure(&error))?.json())?;
            Ok(Exit::Yes)
        }
    }
}

fn show(registration: Option<&Registration>, out: Out) -> Result<Exit, Failure> {
    let Some(registration) = registration else {
        out.show("nothing is registered", &Value::Null)?;
        return Ok(Exit::Yes);
    };
    let mut lines = vec![format!("callbacks go to {}", registration.webhook_url().escape_debug())];
    let header = registration.signature_token_to_ms_signature_header().map(|is_ms| match is_ms {
        true => "x-ms-signature",
        false => "Authorization",
    });
    lines.extend(header.map(|header| format!("the signature comes in {header}")));
    let events = registration.webhook_events();
    lines.extend(events.iter().map(|name| format!("  {}", name.as_str().escape_debug())));
    if !registration.holds(&EventName::TestCreated) {
        let text = "`test-created` is not among the events: test events cannot be sent";
        lines.push(text.to_owned());
    }
    let object = json!({
        "webhook_url": registration.webhook_url(),
        "webhook_events": events.iter().map(EventName::as_str).collect::<Vec<_>>(),
        "signature_header": header,
    });
    out.show(lines.join("\n"), &object)?;
    Ok(Exit::Yes)
}

async fn ensure(command: &RegisterCommand, api: &Api, out: Out) -> Result<Exit, Failure> {
    let RegisterCommand::Ensure {
        url,
        event,
        allow_unknown_event,
        ms_signature,
        authorization,
        danger_plain_http,
        dry_run,
        ..
    } = command
    else {
        return Ok(Exit::Yes);
    };
    let is_documented =
        |name: &&String| EventName::ALL.iter().any(|known| known.as_str() == **name);
    if let Some(name) = event.iter().find(|name| !allow_unknown_event && !is_documented(name)) {
        return Err(Failure::unknown_event(name, "register ensure --event").or_try(format_args!(
            "partner-center register ensure --event {name} --allow-unknown-event"
        )));
    }
    let client = api.client()?;
    let url = match url {
        Some(url) => url.clone(),
        None => {
            let current = client.get().await.map_err(|error| api_failure(&error))?;
            let current = current.map(|registration| registration.webhook_url().to_owned());
            current.ok_or_else(|| {
                Failure::usage("--url is missing").because("nothing is registered yet")
            })?
        }
    };
    let events: Vec<_> = event.iter().map(|name| EventName::from(name.as_str())).collect();
    let wanted = match danger_plain_http {
        true => Registration::danger_plain_http(&url, events),
        false => Registration::new(&url, events),
    };
    let mut wanted = wanted.map_err(|error| Failure::usage(format_args!("--url: {error}")))?;
    if *ms_signature || *authorization {
        wanted = wanted.with_signature_token_to_ms_signature_header(*ms_signature);
    }
    let plan = match dry_run {
        true => client.plan(&wanted).await.map_err(|error| api_failure(&error))?,
        false => client.ensure(&wanted).await.map_err(|error| failure(&error))?,
    };
    let object = json!({ "plan": plan.to_string(), "changed": !plan.is_keep() && !dry_run });
    out.show(&plan, &object)?;
    Ok(Exit::Yes)
}

async fn test(
    client: &RegistrationClient,
    limit: Option<Duration>,
    out: Out,
) -> Result<Exit, Failure> {
    let id = client.send_test_event(WhenLimited::Wait).await.map_err(|error| failure(&error))?;
    let Some(limit) = limit else {
        out.show(
            format_args!("asked for test event {id}"),
            &json!({ "correlation_id": id.to_string() }),
        )?;
        return Ok(Exit::Yes);
    };
    let mut shown = String::new();
    let progress = |event: &TestEvent| {
        let codes = event.results().iter().map(|result| result.response_code());
        let codes: Vec<_> =
            codes.map(|code| code.unwrap_or("no response").escape_debug().to_string()).collect();
        let text = match codes.len() {
            0 => format!("{}, 0 attempts", event.status()),
            1 => format!("{}, 1 attempt: {}", event.status(), codes.join(", ")),
            attempts => format!("{}, {attempts} attempts: {}", event.status(), codes.join(", ")),
        };
        if text != shown {
            note(&text);
            shown = text;
        }
    };
    let event = client.wait_for_test_event(&id, limit, progress).await;
    let event = event.map_err(|error| failure(&error))?;
    let results = event.results().iter().map(|result| {
        let date = result.date_time_utc().map(|date| date.to_string());
        (date, result.response_code(), result.response_message())
    });
    let results: Vec<_> = results.collect();
    let lines = results.iter().map(|(date, code, message)| {
        format!(
            "  {} {} {}\n",
            date.as_deref().unwrap_or("at an unknown time"),
            code.unwrap_or("no response").escape_debug(),
            message.unwrap_or_default().escape_debug(),
        )
    });
    let verdict = match event.was_delivered() {
        true => "the callback accepted it",
        false => "the callback did not accept it",
    };
    let attempts = results.iter().map(|(date, code, message)| {
        json!({ "time": date, "response_code": code, "response_message": message })
    });
    let object = json!({
        "correlation_id": id.to_string(),
        "status": event.status().to_string(),
        "delivered": event.was_delivered(),
        "attempts": attempts.collect::<Vec<_>>(),
    });
    out.show(
        format!("asked for test event {id}\n{}{verdict}", lines.collect::<String>()),
        &object,
    )?;
    Ok(if event.was_delivered() { Exit::Yes } else { Exit::No })
}

/// The failure of a call: credentials, an outage, or a request that the API refuses.
fn api_failure(error: &ApiError) -> Failure {
    match (error.status().map(|status| status.as_u16()), error.cause()) {
        (Some(401 | 403), _) => Failure::credentials(error),
        (_, ApiErrorCause::Token(token)) if !token.is_transient() => Failure::credentials(error),
        (Some(400..=499), _) if !error.is_transient() => Failure::new(Exit::No, error),
        _ => Failure::unknown(error),
    }
}

fn failure(error: &RegistrationError) -> Failure {
    match error.api() {
        Some(api) => {
            let kind = api_failure(api);
            Failure::new(kind.exit(), error)
        }
        None if error.is_transient() => Failure::unknown(error),
        None => Failure::new(Exit::No, error),
    }
}

fn resource_failure(error: &ResourceError) -> Failure {
    match error {
        ResourceError::NoTokenProvider { .. } => Failure::credentials(error).because(
            "set PARTNER_CENTER_GRAPH_TOKEN or PARTNER_CENTER_REFERRALS_TOKEN, or the variables of an application",
        ),
        ResourceError::Api(error) => api_failure(error),
        error => Failure::new(Exit::No, error),
    }
}

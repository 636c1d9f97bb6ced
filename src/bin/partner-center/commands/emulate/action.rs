//! Actions that drive a running emulator.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use partner_center_webhooks::event::EventName;
use partner_center_webhooks::testing::partner_center::Forgery;
use serde_json::{Value, json};

use super::body::{Member, emit_line, is_documented};
use super::client::Target;
use super::environment;
use super::summary::{last_attempt, summary, text};
use crate::exit::Exit;
use crate::failure::{Failure, similar};
use crate::output::Out;
use crate::values::Span;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Emit an event
    Emit {
        /// The name of a documented event, or any name with --body
        #[arg(value_name = "EVENT")]
        name: String,
        /// Send this body instead of a sample; `-` is standard input
        #[arg(long, value_name = "FILE")]
        body: Option<PathBuf>,
        /// Set a member of the body, such as ResourceUri=https://…; JSON if it parses as such, else text
        #[arg(long, value_name = "MEMBER=VALUE")]
        set: Vec<Member>,
        /// How many times
        #[arg(long, value_name = "N", default_value_t = 1)]
        count: u32,
        #[command(flatten)]
        wait: Wait,
    },
    /// Send a forged callback, or one of each kind
    Forge {
        /// The kind of forgery, or `all`
        kind: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Send a validation event, at most two per minute
    Test {
        #[command(flatten)]
        wait: Wait,
    },
    /// Send a delivery again
    Replay {
        /// The number of the delivery
        number: u64,
        #[command(flatten)]
        wait: Wait,
    },
    /// Make the next attempt of all pending deliveries at once
    DeliverNow {
        #[command(flatten)]
        target: Target,
    },
    /// Register a webhook URL for these events, or for all
    Register {
        /// The URL
        url: String,
        /// The events
        #[arg(value_name = "EVENT")]
        events: Vec<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Remove the registration, give up pending deliveries, start the certificate host
    Reset {
        #[command(flatten)]
        target: Target,
    },
    /// Stop the emulator
    Stop {
        #[command(flatten)]
        target: Target,
    },
    /// Replace the signing certificate
    Rotate {
        #[command(flatten)]
        target: Target,
    },
    /// Revoke the signing certificate
    Revoke {
        #[command(flatten)]
        target: Target,
    },
    /// Stop the certificate host
    Down {
        #[command(flatten)]
        target: Target,
    },
    /// Start the certificate host again
    Up {
        #[command(flatten)]
        target: Target,
    },
    /// Send signatures in `authorization` or in `x-ms-signature`
    SignatureHeader {
        /// The header
        #[arg(value_parser = ["authorization", "x-ms-signature"])]
        name: String,
        #[command(flatten)]
        target: Target,
    },
    /// List all deliveries
    Deliveries {
        #[command(flatten)]
        target: Target,
    },
    /// List the documented events
    Events,
    /// Print the configuration of a service, as lines PARTNER_CENTER_…=…
    Env {
        #[command(flatten)]
        target: Target,
    },
}

/// Whether to wait for the outcome.
#[derive(Args, Clone, Debug)]
pub(super) struct Wait {
    /// Wait for the outcome: exit code 0 if it is the right one, 1 if not
    #[arg(long)]
    wait: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "2m")]
    timeout: Span,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(action: &Action, out: Out) -> Result<Exit, Failure> {
    match action {
        Action::Emit { name, body, set, count, wait } => {
            let line = emit_line(name, body.as_deref(), set)?;
            let mut exit = Exit::Yes;
            for _ in 0..*count {
                if deliver(&line, wait, out).await? != Exit::Yes {
                    exit = Exit::No;
                }
            }
            Ok(exit)
        }
        Action::Forge { kind, wait } if kind == "all" => forge_all(wait, out).await,
        Action::Forge { kind, wait } => {
            let kind: Forgery = kind.parse().map_err(|error| unknown_forgery(kind, &error))?;
            deliver(&format!("forge {kind}"), wait, out).await
        }
        Action::Test { wait } => deliver("test", wait, out).await,
        Action::Replay { number, wait } => deliver(&format!("replay {number}"), wait, out).await,
        Action::DeliverNow { target } => command("deliver-now", target, out).await,
        Action::Register { url, events, target } => register(url, events, target, out).await,
        Action::Reset { target } => command("reset", target, out).await,
        Action::Stop { target } => command("stop", target, out).await,
        Action::Rotate { target } => command("rotate", target, out).await,
        Action::Revoke { target } => command("revoke", target, out).await,
        Action::Down { target } => command("down", target, out).await,
        Action::Up { target } => command("up", target, out).await,
        Action::SignatureHeader { name, target } => {
            command(&format!("signature-header {name}"), target, out).await
        }
        Action::Deliveries { target } => {
            let deliveries = target.deliveries().await?;
            let lines: Vec<_> = deliveries.iter().map(summary).collect();
            out.show(lines.join("\n"), &Value::Array(deliveries))?;
            Ok(Exit::Yes)
        }
        Action::Events => {
            let names: Vec<_> = EventName::ALL.iter().map(EventName::as_str).collect();
            out.show(names.join("\n"), &json!(names))?;
            Ok(Exit::Yes)
        }
        Action::Env { target } => {
            let configuration = target.configuration().await?;
            out.show(environment::lines(&configuration).trim_end(), &configuration)?;
            Ok(Exit::Yes)
        }
    }
}

fn unknown_forgery(kind: &str, error: &dyn std::fmt::Display) -> Failure {
    let known = Forgery::ALL.iter().map(|forgery| forgery.as_str());
    let suggest = |failure: Failure, kind: &&str| {
        failure.or_try(format_args!("partner-center emulate forge {kind}"))
    };
    similar(kind, known).iter().fold(Failure::usage(error), suggest)
}

async fn register(
    url: &str,
    events: &[String],
    target: &Target,
    out: Out,
) -> Result<Exit, Failure> {
    let unknown = events.iter().find(|name| !is_documented(name));
    if let Some(name) = unknown {
        return Err(Failure::unknown_event(name, &format!("emulate register {url}")));
    }
    let failure = |failure: Failure| match url.contains("://") {
        true => failure,
        false => failure.or_try(format_args!("partner-center emulate register http://{url}")),
    };
    let line = format!("register {url} {}", events.join(" "));
    command(&line, target, out).await.map_err(failure)
}

/// Runs a command without a delivery.
async fn command(line: &str, target: &Target, out: Out) -> Result<Exit, Failure> {
    let effect = target.run(line).await?;
    out.show(&effect, &json!({ "effect": effect }))?;
    Ok(Exit::Yes)
}

/// Runs a command that delivers something, and waits for the outcome if that is asked for.
async fn deliver(line: &str, wait: &Wait, out: Out) -> Result<Exit, Failure> {
    let effect = wait.target.run(line).await?;
    if !wait.wait {
        out.show(&effect, &json!({ "effect": effect }))?;
        return Ok(Exit::Yes);
    }
    let delivery = outcome(&effect, wait).await?;
    out.show(summary(&delivery), &delivery)?;
    exit(&delivery)
}

async fn forge_all(wait: &Wait, out: Out) -> Result<Exit, Failure> {
    let mut effects = Vec::new();
    for kind in Forgery::ALL {
        effects.push(wait.target.run(&format!("forge {kind}")).await?);
    }
    if !wait.wait {
        out.show(effects.join("\n"), &json!({ "effects": effects }))?;
        return Ok(Exit::Yes);
    }
    let mut lines = Vec::new();
    let mut deliveries = Vec::new();
    for effect in &effects {
        let delivery = outcome(effect, wait).await?;
        if exit(&delivery)? != Exit::Yes {
            lines.push(summary(&delivery));
        }
        deliveries.push(delivery);
    }
    let (all, refused) = (deliveries.len(), deliveries.len().saturating_sub(lines.len()));
    let is_well = lines.is_empty();
    lines.push(format!("{all} forgeries, {refused} refused"));
    let object = json!({ "forgeries": all, "refused": refused, "deliveries": deliveries });
    out.show(lines.join("\n"), &object)?;
    Ok(if is_well { Exit::Yes } else { Exit::No })
}

/// The delivery that a command began, once it has ended.
async fn outcome(effect: &str, wait: &Wait) -> Result<Value, Failure> {
    let number = match effect.strip_prefix("delivery ").map(str::parse) {
        Some(Ok(number)) => number,
        _ => {
            // A validation event has an identifier instead of a number.
            let id = effect.strip_prefix("validation event ").unwrap_or(effect);
            let deliveries = wait.target.deliveries().await?;
            let found = deliveries.iter().rev().find(|delivery| {
                let body = delivery.get("body").and_then(Value::as_str);
                body.is_some_and(|body| body.contains(id))
            });
            let number = found.and_then(|delivery| delivery.get("number")?.as_u64());
            number.ok_or_else(|| {
                Failure::unknown(format_args!("no delivery follows from: {effect}"))
            })?
        }
    };
    wait.target.outcome(number, wait.timeout.0).await
}

/// Whether the outcome is the right one: for a forgery, that it was refused by a response.
fn exit(delivery: &Value) -> Result<Exit, Failure> {
    let is_forgery = text(delivery, "origin").starts_with("forgery");
    let outcome = text(delivery, "outcome");
    let last = last_attempt(delivery);
    let status = last.and_then(|attempt| attempt.get("status")?.as_u64());
    match (is_forgery, outcome) {
        (true, "refused") if status.is_none() => {
            Err(Failure::unknown("the receiver did not respond").because(summary(delivery)))
        }
        (true, "refused") | (false, "delivered") => Ok(Exit::Yes),
        _ => Ok(Exit::No),
    }
}

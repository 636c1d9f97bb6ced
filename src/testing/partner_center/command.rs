//! One line that says what shall happen.

use std::str::FromStr;
use std::sync::Arc;

use serde_json::json;
use thiserror::Error;

use super::PartnerCenter;
use super::emulator::PartnerCenterError;
use super::forgery::{Forgery, UnknownForgery};
use super::registration::{Registration, is_absolute};
use super::service::Service;
use crate::event::EventName;
use crate::excerpt::Excerpt;

/// One thing that an emulated Partner Center can be told, on the command line of the example `partner_center` or with
/// `POST /emulator/commands`.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::testing::partner_center::Command;
///
/// assert!("emit subscription-updated".parse::<Command>().is_ok());
/// let error = "emit".parse::<Command>().unwrap_err();
/// assert_eq!(error.to_string(), "`emit` lacks the name of an event");
/// ```
#[derive(Clone, Debug)]
pub struct Command(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Deliveries,
    Down,
    Emit(EventName),
    EmitBody(String),
    Forge(Forgery),
    Register { url: String, events: Vec<String> },
    Replay(usize),
    Revoke,
    Rotate,
    SignatureHeader(bool),
    Test,
    Up,
}

impl Command {
    /// All commands, a line each.
    pub const HELP: &'static str = "\
register URL [EVENT...]    register a webhook URL for these events; without any, for all
signature-header NAME      send signatures in `authorization` or in `x-ms-signature`
emit EVENT-NAME [JSON]     let an event happen; with JSON, its body is exactly that
test                       send a validation event, two a minute at most
forge KIND                 send a forged callback: another-body, another-service, elsewhere, expired, foreign-issuer,
                           no-signature, self-signed, weak-algorithm
replay N                   send delivery N once more
rotate                     put another signing certificate in place
revoke                     revoke the signing certificate
down, up                   take the certificate host away, and bring it back
deliveries                 list all deliveries
";

    pub(super) fn run(&self, service: &Arc<Service>) -> Result<String, CommandError> {
        let base_url = service.base_url();
        let number = match &self.0 {
            Kind::Deliveries => {
                let state = service.state();
                let lines = state.dispatch.deliveries().map(ToString::to_string);
                return Ok(lines.collect::<Vec<_>>().join("\n"));
            }
            Kind::Down => {
                service.state().is_down = true;
                return Ok("the certificate host is down".to_owned());
            }
            Kind::Up => {
                service.state().is_down = false;
                return Ok("the certificate host is up".to_owned());
            }
            Kind::Revoke => {
                let mut state = service.state();
                let certificates = state.certificates(base_url);
                certificates.map_err(PartnerCenterError::from)?.revoke();
                return Ok("the signing certificate is revoked".to_owned());
            }
            Kind::Rotate => {
                service.rotate().map_err(PartnerCenterError::from)?;
                return Ok("another signing certificate is in place".to_owned());
            }
            Kind::Register { url, events } => {
                if !is_absolute(url) {
                    return Err(CommandError::NoUrl {
                        found: Excerpt::of(url),
                    });
                }
                let mut state = service.state();
                let events = match events.is_empty() {
                    true => &state.quirks.supported_events,
                    false => events,
                };
                let now = state.now();
                let registration = json!({"webhookUrl": url, "webhookEvents": events});
                let text = format!("{} events go to {url}", events.len());
                state.registration = Registration::from_value(&registration, now);
                return Ok(text);
            }
            Kind::SignatureHeader(flag) => {
                let mut state = service.state();
                let registration = state.registration.as_mut();
                registration
                    .ok_or(PartnerCenterError::NoRegistration)?
                    .signature_token_to_ms_signature_header = *flag;
                return Ok("the registration is changed".to_owned());
            }
            Kind::Test => return Ok(format!("validation event {}", service.test()?)),
            Kind::Emit(name) => service.emit(name)?,
            Kind::EmitBody(body) => service.emit_body(body.clone().into())?,
            Kind::Forge(forgery) => service.forge(*forgery)?,
            Kind::Replay(number) => service.replay(*number)?,
        };
        Ok(format!("delivery {number}"))
    }
}

impl FromStr for Command {
    type Err = CommandError;

    fn from_str(line: &str) -> Result<Self, CommandError> {
        let (verb, rest) = split(line);
        let (first, more) = split(rest);
        let lacks = |what: &'static str| CommandError::Lacks {
            command: Excerpt::of(verb),
            what,
        };
        let (kind, unused) = match verb {
            "deliveries" => (Kind::Deliveries, rest),
            "down" => (Kind::Down, rest),
            "emit" if first.is_empty() => return Err(lacks("the name of an event")),
            "emit" if more.is_empty() => (Kind::Emit(EventName::from(first)), ""),
            "emit" => (Kind::EmitBody(more.to_owned()), ""),
            "forge" if first.is_empty() => return Err(lacks("a kind of forgery")),
            "forge" => (Kind::Forge(first.parse()?), more),
            "register" if first.is_empty() => return Err(lacks("a URL")),
            "register" => {
                let events = more.split_whitespace().map(str::to_owned).collect();
                let url = first.to_owned();
                (Kind::Register { url, events }, "")
            }
            "replay" => {
                let number = first
                    .parse()
                    .map_err(|_| lacks("the number of a delivery"))?;
                (Kind::Replay(number), more)
            }
            "revoke" => (Kind::Revoke, rest),
            "rotate" => (Kind::Rotate, rest),
            "signature-header" => match first {
                "authorization" => (Kind::SignatureHeader(false), more),
                "x-ms-signature" => (Kind::SignatureHeader(true), more),
                _ => return Err(lacks("`authorization` or `x-ms-signature`")),
            },
            "test" => (Kind::Test, rest),
            "up" => (Kind::Up, rest),
            _ => {
                return Err(CommandError::Unknown {
                    found: Excerpt::of(verb),
                });
            }
        };
        match unused {
            "" => Ok(Self(kind)),
            unused => Err(CommandError::TooMuch {
                found: Excerpt::of(unused),
            }),
        }
    }
}

impl PartnerCenter {
    /// Does what `command` says, and tells in a few words what was done.
    ///
    /// # Errors
    ///
    /// [`CommandError`].
    pub fn run(&self, command: &Command) -> Result<String, CommandError> {
        command.run(&self.service)
    }
}

/// Why a [`Command`] was not done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// It was understood, and could not be done.
    #[error(transparent)]
    Failed(#[from] PartnerCenterError),
    /// The name of no forgery.
    #[error(transparent)]
    Forgery(#[from] UnknownForgery),
    /// Something has to follow.
    #[error("`{command}` lacks {what}")]
    Lacks {
        /// The first word.
        command: Excerpt,
        /// What has to follow.
        what: &'static str,
    },
    /// Nothing that can be called.
    #[error("`{found}` is no absolute http or https URL")]
    NoUrl {
        /// What was given.
        found: Excerpt,
    },
    /// Something follows that means nothing.
    #[error("`{found}` is one word too many")]
    TooMuch {
        /// What follows.
        found: Excerpt,
    },
    /// The first word is no command.
    #[error("`{found}` is no command")]
    Unknown {
        /// The word.
        found: Excerpt,
    },
}

/// The first word of a line, and what follows.
fn split(line: &str) -> (&str, &str) {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word, rest.trim())
}

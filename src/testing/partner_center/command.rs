//! Text commands: the language of the emulator's prompt and of `POST /emulator/commands`.

use std::str::FromStr;
use std::sync::Arc;

use super::forgery::Forgery;
use super::registration::is_absolute;
use super::state::State;
use crate::event::EventName;
use crate::mask::Excerpt;
use crate::testing::error::TestKitError;
use crate::testing::loopback::server::Service;

/// A command for the emulated Partner Center, run by `partner-center emulate` or sent to `POST /emulator/commands`.
///
/// A command is one line: a verb, and arguments separated by spaces. [`HELP`](Self::HELP) lists all of them. Parsing checks the
/// form only; whether an event is registered, or a delivery exists, is known when the command [runs](super::PartnerCenter::run).
///
/// # Example
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use partner_center_webhooks::testing::PartnerCenter;
/// use partner_center_webhooks::testing::partner_center::Command;
///
/// let error = "emit".parse::<Command>().unwrap_err();
/// assert_eq!(error.to_string(), "`emit` needs an event name");
///
/// let fake = PartnerCenter::start().await?;
/// let run = |line: &str| fake.run(&line.parse()?);
/// assert_eq!(run("emit invoice-ready").unwrap_err().to_string(), "no webhook URL is registered");
/// let registered = run("register http://127.0.0.1:8080/callback invoice-ready")?;
/// assert_eq!(registered, "registered http://127.0.0.1:8080/callback; number of events: 1");
/// assert_eq!(run("down")?, "the certificate host is down");
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Command(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Deliveries,
    DeliverNow,
    Down,
    Emit(EventName),
    EmitBody(String),
    Forge(Forgery),
    ForgeAll,
    Register { url: String, events: Vec<String> },
    Replay(usize),
    Reset,
    Revoke,
    Rotate,
    SignatureHeader(bool),
    Stop,
    Test,
    Up,
}

impl Command {
    /// The help text of all commands.
    pub const HELP: &'static str = "\
register URL [EVENT...]    register a webhook URL for these events, or for all
signature-header NAME      send signatures in `authorization` or in `x-ms-signature`
emit EVENT-NAME [JSON]     emit an event; JSON replaces its body
test                       send a validation event, at most two per minute
forge KIND                 send a forged callback: another-body, another-service, elsewhere, expired, foreign-issuer,
                           no-signature, self-signed, weak-algorithm; `all` sends one of each
replay N                   send delivery N again
rotate                     replace the signing certificate
revoke                     revoke the signing certificate
down, up                   stop or start the certificate host
deliver-now                make the next attempt of all pending deliveries at once
deliveries                 list all deliveries
reset                      remove the registration, give up pending deliveries, start the certificate host
stop                       ask the program that runs the emulator to stop
";

    /// Runs the command, and describes its effect.
    pub(super) fn run(&self, service: &Arc<Service<State>>) -> Result<String, TestKitError> {
        let effect = self.take_effect(service);
        service.state().page.changed();
        effect
    }

    /// The same without a note of the change.
    fn take_effect(&self, service: &Arc<Service<State>>) -> Result<String, TestKitError> {
        let number = match &self.0 {
            Kind::Deliveries => {
                let state = service.state();
                let lines = state.deliveries.iter().map(ToString::to_string);
                return Ok(lines.collect::<Vec<_>>().join("\n"));
            }
            Kind::DeliverNow => {
                service.state().deliveries.hurry();
                return Ok("pending deliveries are attempted now".to_owned());
            }
            Kind::Down => {
                service.state().certificate_host_is_down = true;
                return Ok("the certificate host is down".to_owned());
            }
            Kind::Up => {
                service.state().certificate_host_is_down = false;
                return Ok("the certificate host is up".to_owned());
            }
            Kind::Revoke => {
                let mut state = service.state();
                state.certificates(service.base_url())?.revoke();
                return Ok("the signing certificate is revoked".to_owned());
            }
            Kind::Rotate => {
                service.rotate()?;
                return Ok("the signing certificate is rotated".to_owned());
            }
            Kind::Reset => {
                service.state().reset();
                return Ok("nothing is registered, and no delivery is pending".to_owned());
            }
            Kind::Stop => {
                service.state().stop.notify_one();
                return Ok("the emulator stops".to_owned());
            }
            Kind::Register { url, events } => {
                let number = service.state().register(url, events);
                return Ok(format!("registered {url}; number of events: {number}"));
            }
            Kind::SignatureHeader(is_ms) => {
                service.state().set_signature_header(*is_ms)?;
                return Ok("the registration is changed".to_owned());
            }
            Kind::Test => {
                let id = service.request_validation_event()?;
                return Ok(format!("validation event {id}"));
            }
            Kind::ForgeAll => {
                let forge = |kind: &Forgery| service.forge(*kind).map(|number| number.to_string());
                let numbers: Result<Vec<_>, _> = Forgery::ALL.iter().map(forge).collect();
                return Ok(format!("deliveries {}", numbers?.join(", ")));
            }
            Kind::Emit(name) => service.emit(name)?,
            Kind::EmitBody(body) => service.emit_body(body.clone().into())?,
            Kind::Forge(forgery) => service.forge(*forgery)?,
            Kind::Replay(number) => service.replay(*number)?,
        };
        Ok(format!("delivery {number}"))
    }
}

impl FromStr for Command {
    type Err = TestKitError;

    fn from_str(line: &str) -> Result<Self, TestKitError> {
        let (verb, rest) = split(line);
        if let Some(kind) = without_arguments(verb) {
            return finish(kind, rest);
        }
        let (first, more) = split(rest);
        let missing = |expected: &'static str| TestKitError::MissingArgument {
            command: Excerpt::of(verb),
            expected,
        };
        match verb {
            "emit" if first.is_empty() => Err(missing("an event name")),
            "emit" if more.is_empty() => Ok(Self(Kind::Emit(EventName::from(first)))),
            "emit" => Ok(Self(Kind::EmitBody(more.to_owned()))),
            "forge" if first.is_empty() => Err(missing("a kind of forgery")),
            "forge" if first == "all" => finish(Kind::ForgeAll, more),
            "forge" => finish(Kind::Forge(first.parse()?), more),
            "register" if first.is_empty() => Err(missing("a URL")),
            "register" if !is_absolute(first) => {
                Err(TestKitError::InvalidUrl { found: Excerpt::of(first) })
            }
            "register" => {
                let events = more.split_whitespace().map(str::to_owned).collect();
                let url = first.to_owned();
                Ok(Self(Kind::Register { url, events }))
            }
            "replay" => {
                let number = first.parse().map_err(|_| missing("a delivery number"))?;
                finish(Kind::Replay(number), more)
            }
            "signature-header" => match first {
                "authorization" => finish(Kind::SignatureHeader(false), more),
                "x-ms-signature" => finish(Kind::SignatureHeader(true), more),
                _ => Err(missing("`authorization` or `x-ms-signature`")),
            },
            _ => Err(TestKitError::UnknownCommand { found: Excerpt::of(verb) }),
        }
    }
}

/// The command, unless arguments are left over.
fn finish(kind: Kind, rest: &str) -> Result<Command, TestKitError> {
    match rest {
        "" => Ok(Command(kind)),
        rest => Err(TestKitError::UnexpectedArgument { found: Excerpt::of(rest) }),
    }
}

/// The commands that consist of a verb only.
fn without_arguments(verb: &str) -> Option<Kind> {
    Some(match verb {
        "deliver-now" => Kind::DeliverNow,
        "deliveries" => Kind::Deliveries,
        "down" => Kind::Down,
        "reset" => Kind::Reset,
        "revoke" => Kind::Revoke,
        "rotate" => Kind::Rotate,
        "stop" => Kind::Stop,
        "test" => Kind::Test,
        "up" => Kind::Up,
        _ => return None,
    })
}

/// The first word of a line, and the rest.
fn split(line: &str) -> (&str, &str) {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word, rest.trim())
}

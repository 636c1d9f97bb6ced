//! The command line.

use std::fs;
use std::time::Duration;

use lexopt::ValueExt as _;
use lexopt::prelude::{Long, Short, Value};
use partner_center_webhooks::cloud::{Cloud, CloudProfile};
use partner_center_webhooks::event::EventName;
use partner_center_webhooks::registration::Registration;

pub(crate) struct Options {
    pub(crate) cloud: Cloud,
    pub(crate) command: Command,
}

pub(crate) enum Command {
    Ensure { wanted: Registration, dry_run: bool },
    Events,
    Fetch(Fetch),
    Show,
    Test { wait: Option<Duration> },
}

pub(crate) struct Fetch {
    pub(crate) event: Vec<u8>,
    pub(crate) audit: bool,
    pub(crate) referrals_scope: String,
}

impl Options {
    pub(crate) const HELP: &str = "\
Shows and sets the callback URL, tests it, and reads the resource of an event.

Usage: registration [--cloud CLOUD | --base-url URL] COMMAND

Commands:
  show                   what is registered
  events                 the events that can be registered
  ensure                 register, or add to what is registered
      --url URL            the callback URL, https
      --event NAME         an event; may be given again
      --ms-signature       request the signature in x-ms-signature
      --authorization      request it in Authorization, the default
      --danger-plain-http  allow a callback URL of plain http, for tests
      --dry-run            show what would change, and change nothing
  test                   request a test event; the registration must include test-created
      --wait [SECONDS]     wait for its delivery. Default: 120 seconds
  fetch FILE             read the resource of the event in FILE: from Partner Center, Microsoft Graph or the referrals API
      --audit              read its audit record instead
      --referrals-scope SCOPE
                           the scope of tokens for the referrals API. Default: its own, which is
                           https://api.partner.microsoft.com/.default in Microsoft's clouds

Options:
  --cloud CLOUD          global (default), us-government or china
  --base-url URL         another API, which issues tokens too, with Microsoft Graph under /graph and the referrals API under
                         /referrals: plain http on loopback, for tests
  --help                 this text

Credentials come from the environment:
  PARTNER_CENTER_TENANT_ID, PARTNER_CENTER_CLIENT_ID, PARTNER_CENTER_CLIENT_SECRET
                         the tenant, and an application registered in it
  PARTNER_CENTER_CLIENT_CERTIFICATE_FILE
                         instead of the secret: a PEM file with a certificate of the application and its private key
  AZURE_FEDERATED_TOKEN_FILE
                         instead of the secret: a file with a federated token, as in a pod with a workload identity
  PARTNER_CENTER_REFRESH_TOKEN_FILE
                         a file with a refresh token, to act for a user; it is replaced at each use. Without a
                         secret, certificate or federated token, the application is a public client
  PARTNER_CENTER_ACCESS_TOKEN
                         an existing token for Partner Center, instead of all of these
  PARTNER_CENTER_GRAPH_TOKEN, PARTNER_CENTER_REFERRALS_TOKEN
                         in addition, tokens for Microsoft Graph and for the referrals API; `fetch` needs them for the events
                         of granular admin relationships and of referrals. An application requests its own

Exit code: 0 if it succeeded, 1 if not (also if a test event was refused), 2 if the command line is invalid.
";

    /// `None` if it asks for help.
    pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut cloud = Cloud::Global;
        let mut words: Vec<String> = Vec::new();
        let (mut url, mut events, mut header) = (None, Vec::new(), None);
        let (mut danger_plain_http, mut dry_run, mut audit) = (false, false, false);
        let (mut wait, mut referrals_scope) = (None, None);
        let mut given = Vec::new();
        while let Some(argument) = parser.next()? {
            if let Long(flag) = argument
                && !["cloud", "base-url", "help"].contains(&flag)
            {
                given.push(flag.to_owned());
            }
            match argument {
                Short('h') | Long("help") => return Ok(None),
                Long("cloud") => cloud = named_cloud(&parser.value()?.string()?)?,
                Long("base-url") => cloud = test_cloud(parser.value()?.string()?),
                Long("url") => url = Some(parser.value()?.string()?),
                Long("event") => events.push(EventName::from(&*parser.value()?.string()?)),
                Long("ms-signature") => header = Some(true),
                Long("authorization") => header = Some(false),
                Long("danger-plain-http") => danger_plain_http = true,
                Long("dry-run") => dry_run = true,
                Long("wait") => {
                    let seconds = parser.optional_value().or_else(|| {
                        parser.try_raw_args().and_then(|mut arguments| {
                            arguments.next_if(|next| {
                                next.to_str().is_some_and(|next| next.parse::<u64>().is_ok())
                            })
                        })
                    });
                    let seconds = seconds.map_or(Ok(120), |seconds| seconds.parse())?;
                    wait = Some(Duration::from_secs(seconds));
                }
                Long("audit") => audit = true,
                Long("referrals-scope") => referrals_scope = Some(parser.value()?.string()?),
                Value(word) => words.push(word.string()?),
                other => return Err(other.unexpected()),
            }
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (command, flags): (_, &[&str]) = match words.as_slice() {
            ["show"] => (Command::Show, &[]),
            ["events"] => (Command::Events, &[]),
            ["ensure"] => {
                let url = url.ok_or("ensure: `--url` is missing")?;
                let wanted = match danger_plain_http {
                    true => Registration::danger_plain_http(&url, events),
                    false => Registration::new(&url, events),
                };
                let mut wanted = wanted.map_err(|error| error.to_string())?;
                if let Some(flag) = header {
                    wanted = wanted.with_signature_token_to_ms_signature_header(flag);
                }
                let flags = &[
                    "url",
                    "event",
                    "ms-signature",
                    "authorization",
                    "danger-plain-http",
                    "dry-run",
                ];
                (Command::Ensure { wanted, dry_run }, flags)
            }
            ["test"] => (Command::Test { wait }, &["wait"]),
            ["fetch", file] => {
                let event = fs::read(file).map_err(|error| format!("{file}: {error}"))?;
                let fetch = Fetch {
                    event,
                    audit,
                    referrals_scope: referrals_scope
                        .unwrap_or_else(|| format!("{}/.default", cloud.referrals_base())),
                };
                (Command::Fetch(fetch), &["audit", "referrals-scope"])
            }
            ["fetch"] => return Err("fetch: the file with the event is missing".into()),
            [] => return Err("the command is missing".into()),
            [other, ..] => {
                return Err(
                    format!("`{other}`: unknown command, or too many arguments after it").into()
                );
            }
        };
        match given.iter().find(|flag| !flags.contains(&flag.as_str())) {
            Some(flag) => Err(format!("`--{flag}` is not for this command").into()),
            None => Ok(Some(Self { cloud, command })),
        }
    }
}

fn named_cloud(name: &str) -> Result<Cloud, String> {
    match name {
        "china" => Ok(Cloud::China),
        "global" => Ok(Cloud::Global),
        "us-government" => Ok(Cloud::UsGovernment),
        other => Err(format!("--cloud {other}: expected global, us-government or china")),
    }
}

/// A service on loopback with all APIs and the token endpoint.
fn test_cloud(base_url: String) -> Cloud {
    let mut profile = CloudProfile::new(base_url.clone(), base_url);
    profile.graph_base = format!("{}/graph", profile.api_base);
    profile.referrals_base = format!("{}/referrals", profile.api_base);
    profile.danger_plain_http_on_loopback = true;
    Cloud::Custom(profile)
}

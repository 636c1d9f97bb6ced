//! The emulator itself.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::partner_center::{Command, Origin, Outcome};
use serde_json::json;

use super::script::Line;
use super::{environment, state};
use crate::browser::open;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::files::{self, replace_secret};
use crate::output::{Out, note};
use crate::serve::announce;
use crate::signals::Stop;
use crate::values::Span;

#[derive(Args, Debug)]
pub(super) struct ServerOptions {
    /// Where to listen; port 0 takes a free one
    #[arg(long, alias = "listen", value_name = "ADDR", default_value = "127.0.0.1:4400")]
    emulator_listen: SocketAddr,
    /// The base URL in all URLs, such as http://host.docker.internal:4400 [default: that address]
    #[arg(long, alias = "base-url", value_name = "URL")]
    emulator_base_url: Option<String>,
    /// Register this URL for all events at the start
    #[arg(long, value_name = "URL")]
    register: Option<String>,
    /// Where the identity is kept [default: the user's folder for state]
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    state: Option<PathBuf>,
    /// Keep nothing: tenant, secrets and keys are new
    #[arg(long)]
    ephemeral: bool,
    /// Write the configuration of a service, as lines PARTNER_CENTER_…=…
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Write the trust anchor as PEM
    #[arg(long, value_name = "FILE")]
    write_anchors: Option<PathBuf>,
    /// Write the CA certificate below it as PEM, for services that do not fetch it
    #[arg(long, value_name = "FILE")]
    write_intermediates: Option<PathBuf>,
    /// The number of attempts before a delivery is given up; 10 are documented
    #[arg(long, value_name = "N", default_value_t = 10)]
    attempts: u32,
    /// The pause after the first failed attempt; it doubles after each
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    first_pause: Span,
    /// Run the commands of this file, one per line; `-` is standard input, and `help` lists them
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Exit after the script, once no delivery is in progress
    #[arg(long, requires = "script")]
    exit: bool,
    /// Open the page in a browser
    #[arg(long)]
    open: bool,
    /// Write the base URL to this file once it is reachable
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

pub(super) async fn run(options: &ServerOptions, out: Out) -> Result<Exit, Failure> {
    let mut stop = Stop::listen()?;
    // Read before anything starts, so that a fault of it shows at once.
    let script = options.script.as_deref().map(read_script).transpose()?;
    let emulator = start(options).await?;
    emulator.on_attempt(move |delivery| {
        // Deliveries go on even if standard output is closed.
        let _ = out.show(delivery, &delivery.to_value());
    });
    write_files(options, &emulator)?;
    if let Some(url) = &options.register {
        run_line(&emulator, parsed(&format!("register {url}"))?, out).await?;
    }
    let url = emulator.base_url();
    note(format_args!("ready: {url}"));
    note(format_args!("page: {url}/emulator/"));
    note(format_args!("try: partner-center receive --danger-trust-emulator {url} --print"));
    note(format_args!("in Rust: testing::Emulator::trust(\"{url}\")"));
    announce(options.ready_file.as_deref(), url)?;
    if options.open {
        open(&format!("{url}/emulator/"));
    }
    tokio::select! {
        ended = run_script(&emulator, script, options.exit, out) => ended,
        () = stop.requested() => Ok(Exit::Yes),
        // On a single thread, the response to the command is written before this is polled.
        () = emulator.stop_requested() => Ok(Exit::Yes),
    }
}

async fn start(options: &ServerOptions) -> Result<PartnerCenter, Failure> {
    let mut builder = PartnerCenter::builder().listen(options.emulator_listen);
    let folder = match options.ephemeral {
        true => None,
        false => options.state.clone().or_else(state::default_folder),
    };
    if let Some(folder) = &folder {
        builder = state::restore(builder, folder)?;
    }
    if let Some(base_url) = &options.emulator_base_url {
        builder = builder.base_url(base_url.trim_end_matches('/'));
    }
    // A service on the same machine is not behind the proxy.
    let client = ReqwestClient::customized(|builder| builder.no_proxy());
    let client = client.map_err(Failure::unknown)?;
    let address = options.emulator_listen;
    let emulator = builder.http_client(client).start().await.map_err(|error| {
        Failure::unknown(format_args!("cannot listen on {address}: {error}"))
            .or_try("partner-center emulate --listen 127.0.0.1:0")
    })?;
    emulator.configure(|quirks| {
        quirks.delivery_attempts = options.attempts;
        quirks.first_pause = options.first_pause.0;
    });
    match &folder {
        Some(folder) => state::keep(&emulator, folder)?,
        // Creates the keys now, so that no client waits for them.
        None => drop(emulator.anchors_pem().map_err(Failure::unknown)?),
    }
    Ok(emulator)
}

fn write_files(options: &ServerOptions, emulator: &PartnerCenter) -> Result<(), Failure> {
    if let Some(path) = &options.write_anchors {
        let pem = emulator.anchors_pem().map_err(Failure::unknown)?;
        files::write("--write-anchors", path, pem)?;
    }
    if let Some(path) = &options.write_intermediates {
        let pem = emulator.intermediates_pem().map_err(Failure::unknown)?;
        files::write("--write-intermediates", path, pem)?;
    }
    if let Some(path) = &options.env_file {
        let lines = environment::lines(&emulator.configuration());
        let written = replace_secret(path, lines.as_bytes());
        written.map_err(|error| Failure::file("--env-file", path, error))?;
    }
    Ok(())
}

fn read_script(path: &std::path::Path) -> Result<Vec<Line>, Failure> {
    let text = files::text("--script", path)?;
    let numbered = text.lines().zip(1..);
    numbered
        .map(|(line, number)| {
            line.parse().map_err(|error| {
                Failure::file("--script", path, format_args!("line {number}: {error}"))
            })
        })
        .collect()
}

fn parsed(line: &str) -> Result<Line, Failure> {
    line.parse().map_err(Failure::usage)
}

/// Runs a script, and goes on for as long as `exits` is false.
async fn run_script(
    emulator: &PartnerCenter,
    script: Option<Vec<Line>>,
    exits: bool,
    out: Out,
) -> Result<Exit, Failure> {
    let mut succeeded = true;
    for line in script.into_iter().flatten() {
        if matches!(line, Line::Quit) {
            break;
        }
        succeeded &= run_line(emulator, line, out).await?;
    }
    if !exits {
        return std::future::pending().await;
    }
    emulator.settled().await;
    match succeeded && all_as_expected(emulator) {
        true => Ok(Exit::Yes),
        false => Ok(Exit::No),
    }
}

/// Runs a line. Returns whether it succeeded.
async fn run_line(emulator: &PartnerCenter, line: Line, out: Out) -> Result<bool, Failure> {
    match line {
        Line::Emulator(command) => match emulator.run(&command) {
            Ok(effect) => out.show(&effect, &json!({ "effect": effect }))?,
            Err(error) => {
                note(Failure::usage(&error));
                return Ok(false);
            }
        },
        Line::Help => {
            let help = [Command::HELP, Line::HELP].concat();
            out.show(help.trim_end(), &json!({ "help": help }))?;
        }
        Line::Nothing | Line::Quit => {}
        Line::Wait => emulator.settled().await,
    }
    Ok(true)
}

/// Whether all events were delivered, and all forged callbacks refused.
fn all_as_expected(emulator: &PartnerCenter) -> bool {
    let deliveries = emulator.deliveries();
    deliveries.iter().all(|delivery| match (delivery.origin(), delivery.outcome()) {
        (Origin::Forgery(_), outcome) => outcome == Outcome::Refused,
        (_, outcome) => outcome == Outcome::Delivered,
    })
}

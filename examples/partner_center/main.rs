//! A local Partner Center: registration API, tokens, certificates, and signed callbacks to your service.
//!
//! ```text
//! $ partner_center --write-anchors anchors.pem
//! listening on http://127.0.0.1:40999
//! …
//! register http://127.0.0.1:8080/webhooks/callback
//! registered http://127.0.0.1:8080/webhooks/callback; number of events: 33
//! emit subscription-updated
//! delivery 1
//! delivery 1 subscription-updated attempt 1: 200 in 3 ms, delivered
//! ```

#[path = "../support/arguments.rs"]
mod arguments;
mod line;
mod options;

use std::error::Error;
use std::fs;
use std::io::{self, BufRead as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use line::Line;
use options::Options;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::partner_center::{Command, Origin, Outcome};
use tokio::sync::mpsc;

// On a single thread, the output of a command precedes that of its delivery.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => {
            let help = [Options::HELP, Command::HELP, Line::HELP].concat();
            return exit_code(print(help.trim_end()).map(|()| true).map_err(Into::into));
        }
        Err(error) => return arguments::refuse("partner_center", &error),
    };
    let served = tokio::select! {
        served = serve(options) => served,
        stopped = tokio::signal::ctrl_c() => stopped.map(|()| true).map_err(Into::into),
    };
    exit_code(served)
}

fn exit_code(outcome: Result<bool, Box<dyn Error>>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report(&*error);
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> Result<bool, Box<dyn Error>> {
    // A service on the same machine is not behind the proxy.
    let client = ReqwestClient::customized(|builder| builder.no_proxy())?;
    let mut builder = PartnerCenter::builder().listen(options.listen);
    if let Some(base_url) = &options.base_url {
        builder = builder.base_url(base_url.trim_end_matches('/'));
    }
    let partner_center = builder
        .http_client(client)
        .start()
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
    partner_center.configure(|quirks| {
        quirks.delivery_attempts = options.attempts;
        quirks.first_pause = options.first_pause;
    });
    partner_center.on_attempt(|delivery| {
        // Deliveries go on even if standard output is closed.
        let _ = print(&delivery.to_string());
    });
    if let Some(path) = &options.write_anchors {
        write(path, &partner_center.anchors_pem()?)?;
    }
    if let Some(path) = &options.write_intermediates {
        write(path, &partner_center.intermediates_pem()?)?;
    }
    let environment = environment(&partner_center);
    if let Some(path) = &options.write_environment {
        write(path, &environment)?;
    }
    print(&format!("listening on {}", partner_center.base_url()))?;
    print(environment.trim_end())?;

    let succeeded = match options.lines.is_empty() {
        true => run_input(&partner_center).await?,
        false => {
            let mut succeeded = true;
            for line in options.lines {
                succeeded &= run(&partner_center, line).await?;
            }
            partner_center.settled().await;
            succeeded && all_as_expected(&partner_center)
        }
    };
    if options.keeps_running {
        std::future::pending::<()>().await;
    }
    Ok(succeeded)
}

/// The configuration of a service as environment variables: those of the example `registration`, and a few more.
fn environment(partner_center: &PartnerCenter) -> String {
    let cloud = partner_center.cloud();
    let (base_url, tenant_id) = (partner_center.base_url(), partner_center.tenant_id());
    let variables = [
        ("BASE_URL", base_url.to_owned()),
        ("TENANT_ID", tenant_id.clone()),
        ("CLIENT_ID", partner_center.client_id()),
        ("CLIENT_SECRET", partner_center.client_secret()),
        ("REFRESH_TOKEN", partner_center.refresh_token()),
        ("SCOPE", format!("{}/.default", cloud.token_audience())),
        ("TOKEN_URL", format!("{}/{tenant_id}/oauth2/v2.0/token", cloud.authority())),
        ("REGISTRATION_URL", format!("{base_url}/webhooks/v1/registration")),
        ("CERTIFICATE_LOCATION", cloud.certificate_locations().concat()),
        ("ANCHORS_URL", format!("{base_url}/emulator/anchors.pem")),
        ("INTERMEDIATES_URL", format!("{base_url}/emulator/intermediates.pem")),
    ];
    let line = |(name, value)| format!("PARTNER_CENTER_{name}={value}\n");
    variables.map(line).concat()
}

/// Runs the commands on standard input.
async fn run_input(partner_center: &PartnerCenter) -> Result<bool, Box<dyn Error>> {
    let (sender, mut lines) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    while let Some(line) = lines.recv().await {
        match line.parse() {
            Ok(Line::Quit) => break,
            Ok(line) => {
                run(partner_center, line).await?;
            }
            Err(error) => report(&error),
        }
    }
    partner_center.settled().await;
    Ok(true)
}

/// Runs a line. Returns whether it succeeded.
async fn run(partner_center: &PartnerCenter, line: Line) -> io::Result<bool> {
    match line {
        Line::Emulator(command) => match partner_center.run(&command) {
            Ok(effect) => print(&effect)?,
            Err(error) => {
                report(&error);
                return Ok(false);
            }
        },
        Line::Help => print([Command::HELP, Line::HELP].concat().trim_end())?,
        Line::Nothing | Line::Quit => {}
        Line::Wait => partner_center.settled().await,
    }
    Ok(true)
}

/// Whether all events were delivered, and all forged callbacks refused.
fn all_as_expected(partner_center: &PartnerCenter) -> bool {
    let deliveries = partner_center.deliveries();
    deliveries.iter().all(|delivery| match (delivery.origin(), delivery.outcome()) {
        (Origin::Forgery(_), outcome) => outcome == Outcome::Refused,
        (_, outcome) => outcome == Outcome::Delivered,
    })
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a line to standard output and flushes it.
fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

#[expect(clippy::print_stderr, reason = "errors of the command line go there")]
fn report(error: &dyn Error) {
    eprintln!("partner_center: {error}");
}

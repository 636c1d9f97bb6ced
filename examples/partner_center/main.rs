//! A Partner Center on your desk: registration API, tokens, certificates, and signed callbacks to your service.
//!
//! ```text
//! $ partner_center --write-anchors anchors.pem
//! listening on http://127.0.0.1:40999
//! …
//! register http://127.0.0.1:8080/webhooks/callback
//! 33 events go to http://127.0.0.1:8080/webhooks/callback
//! emit subscription-updated
//! delivery 1
//! delivery 1 subscription-updated attempt 1: 200 in 3 ms, delivered
//! ```

#[path = "../support/arguments.rs"]
mod arguments;
mod options;
mod order;

use std::error::Error;
use std::fs;
use std::io::{self, BufRead as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use options::Options;
use order::Order;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::partner_center::{Command, Origin, Outcome};
use tokio::sync::mpsc;

// On one thread nothing is delivered before the line that announces it is written.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => {
            let help = [Options::HELP, Command::HELP, Order::HELP].concat();
            return exit_code(say(help.trim_end()).map(|()| true).map_err(Into::into));
        }
        Err(error) => return arguments::refuse("partner_center", &error),
    };
    let served = tokio::select! {
        served = serve(options) => served,
        stopped = tokio::signal::ctrl_c() => stopped.map(|()| true).map_err(Into::into),
    };
    exit_code(served)
}

fn exit_code(all_went_well: Result<bool, Box<dyn Error>>) -> ExitCode {
    match all_went_well {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> Result<bool, Box<dyn Error>> {
    // A service on the same desk is not behind the proxy that the rest of the world is behind.
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
        // Who does not read what is delivered may have it delivered nevertheless.
        let _ = say(&delivery.to_string());
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
    say(&format!("listening on {}", partner_center.base_url()))?;
    say(environment.trim_end())?;

    let went_well = match options.orders.is_empty() {
        true => converse(&partner_center).await?,
        false => {
            let mut went_well = true;
            for order in options.orders {
                went_well &= obey(&partner_center, order).await?;
            }
            partner_center.settled().await;
            went_well && is_as_it_should_be(&partner_center)
        }
    };
    if options.stays {
        std::future::pending::<()>().await;
    }
    Ok(went_well)
}

/// What a service has to be told, as environment variables: those of the example `registration`, and a few more.
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
        (
            "TOKEN_URL",
            format!("{}/{tenant_id}/oauth2/v2.0/token", cloud.authority()),
        ),
        (
            "REGISTRATION_URL",
            format!("{base_url}/webhooks/v1/registration"),
        ),
        (
            "CERTIFICATE_LOCATION",
            cloud.certificate_locations().concat(),
        ),
        ("ANCHORS_URL", format!("{base_url}/emulator/anchors.pem")),
        (
            "INTERMEDIATES_URL",
            format!("{base_url}/emulator/intermediates.pem"),
        ),
    ];
    let line = |(name, value)| format!("PARTNER_CENTER_{name}={value}\n");
    variables.map(line).concat()
}

/// Does what standard input says, line by line, to its end.
async fn converse(partner_center: &PartnerCenter) -> Result<bool, Box<dyn Error>> {
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
            Ok(Order::Quit) => break,
            Ok(order) => {
                obey(partner_center, order).await?;
            }
            Err(error) => complain(&error),
        }
    }
    partner_center.settled().await;
    Ok(true)
}

/// Does it, and tells whether it could be done.
async fn obey(partner_center: &PartnerCenter, order: Order) -> io::Result<bool> {
    match order {
        Order::Emulator(command) => match partner_center.run(&command) {
            Ok(done) => say(&done)?,
            Err(error) => {
                complain(&error);
                return Ok(false);
            }
        },
        Order::Help => say([Command::HELP, Order::HELP].concat().trim_end())?,
        Order::Nothing | Order::Quit => {}
        Order::Wait => partner_center.settled().await,
    }
    Ok(true)
}

/// Whether all events arrived, and no forged callback was taken for genuine.
fn is_as_it_should_be(partner_center: &PartnerCenter) -> bool {
    let deliveries = partner_center.deliveries();
    deliveries
        .iter()
        .all(|delivery| match (delivery.origin(), delivery.outcome()) {
            (Origin::Forgery(_), outcome) => outcome == Outcome::Refused,
            (_, outcome) => outcome == Outcome::Delivered,
        })
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a line to standard output, at once.
fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

#[expect(clippy::print_stderr, reason = "the place for it")]
fn complain(error: &dyn Error) {
    eprintln!("partner_center: {error}");
}

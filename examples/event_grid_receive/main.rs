//! A webhook for Azure Event Grid: authenticates deliveries, and writes each event as one JSON line to standard output.
//!
//! ```text
//! event_grid_receive --tenant 6b2c2a3e-… --audience api://contoso.example/events | while read -r event; do …; done
//! ```

#[path = "../support/json.rs"]
mod json;
mod line;
#[path = "../support/on_axum.rs"]
mod on_axum;
mod options;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;
use line::Line;
use on_axum::say;
use options::Options;
use partner_center_webhooks::event_grid::receive::axum::Delivery;
use tracing::error;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr).init();
    let served = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(Options { listen, receiver })) => {
            let router = Router::new()
                .route("/events", any(events)) // one of the handshakes is OPTIONS
                .with_state(receiver);
            on_axum::serve(listen, router, DEADLINE).await
        }
        Ok(None) => say(Options::HELP.trim_end()).map_err(Into::into),
        Err(fault) => {
            error!("{fault}; try --help");
            return ExitCode::from(2);
        }
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Called for authentic events only: the extractor has responded to handshakes and refused requests.
async fn events(Delivery(notification): Delivery) -> StatusCode {
    let write = move || {
        let lines = notification.events().iter().map(|event| Line::of(event).to_json());
        say(&lines.collect::<Result<Vec<_>, _>>()?.join("\n"))
    };
    let written = tokio::task::spawn_blocking(write).await;
    match written.map_err(io::Error::from).flatten() {
        Ok(()) => StatusCode::NO_CONTENT,
        // They are not stored, so Event Grid must deliver them again.
        Err(error) => {
            error!("the events could not be written: {error}");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// Event Grid itself waits for 30 seconds.
const DEADLINE: Duration = Duration::from_secs(25);

//! A web hook for Azure Event Grid: checks who delivers, and writes each event as one JSON line to standard output.
//!
//! ```text
//! event_grid_receive --tenant 6b2c2a3e-… --audience api://contoso.example/events | while read -r event; do …; done
//! ```

#[path = "../support/json.rs"]
mod json;
mod line;
mod options;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use line::Line;
use options::Options;
use partner_center_webhooks::event_grid::receive::axum::Delivery;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tracing::{error, info, warn};

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let served = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => serve(options).await,
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

async fn serve(Options { listen, receiver }: Options) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(listen).await;
    let listener = listener.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    say(&format!("listening on {}", listener.local_addr()?))?;
    let router = Router::new()
        .route("/events", any(events)) // one of the handshakes is OPTIONS
        .with_state(receiver)
        .layer(from_fn(in_time));
    let served = axum::serve(listener, router).with_graceful_shutdown(async {
        let _ = tokio::signal::ctrl_c().await;
        info!("stopping: deliveries in flight are answered");
    });
    Ok(served.await?)
}

/// Called for authentic events only. What is refused, and the handshakes, the extractor has answered.
async fn events(Delivery(notification): Delivery) -> StatusCode {
    let write = move || {
        let lines = notification
            .events()
            .iter()
            .map(|event| Line::of(event).to_json());
        say(&lines.collect::<Result<Vec<_>, _>>()?.join("\n"))
    };
    let written = tokio::task::spawn_blocking(write).await;
    match written.map_err(io::Error::from).flatten() {
        Ok(()) => StatusCode::NO_CONTENT,
        // Not ours yet, so Event Grid shall deliver them again.
        Err(error) => {
            error!("the events could not be written: {error}");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// Gives up on a request whose body does not come: Event Grid itself waits for 30 seconds.
async fn in_time(request: Request, next: Next) -> Response {
    match timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            warn!("a request was not complete within {DEADLINE:?}");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// Writes lines to standard output, at once.
fn say(lines: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if !lines.is_empty() {
        writeln!(out, "{lines}")?;
    }
    out.flush()
}

const DEADLINE: Duration = Duration::from_secs(25);

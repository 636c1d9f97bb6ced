//! A receiver to deploy: verifies callbacks and writes each event as one JSON line to standard output.
//!
//! ```text
//! receive_axum --listen 0.0.0.0:8080 --intermediates microsoft.pem | while read -r event; do …; done
//! ```

#[path = "../support/arguments.rs"]
mod arguments;
mod files;
#[path = "../support/json.rs"]
mod json;
mod line;
#[path = "../support/location.rs"]
mod location;
mod options;
#[path = "../support/pem.rs"]
mod pem;
#[path = "../support/resource.rs"]
mod resource;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use files::Files;
use line::Line;
use options::Options;
use partner_center_webhooks::Receiver;
use partner_center_webhooks::axum::Callback;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::{Level, error, info, warn};

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => return exit_code(say(Options::HELP.trim_end())),
        Err(error) => return arguments::refuse("receive_axum", &error),
    };
    tracing_subscriber::fmt()
        .with_max_level(Level::INFO)
        .with_writer(io::stderr)
        .init();
    exit_code(serve(options).await)
}

fn exit_code<E: Into<Box<dyn Error>>>(outcome: Result<(), E>) -> ExitCode {
    match outcome.map_err(Into::into) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    let Options {
        listen,
        receiver,
        files,
    } = options;
    let stop = stop_signal()?; // From here on no signal kills.
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let address = listener.local_addr()?;
    say(&format!("listening on {address}"))?;
    info!("listening on {address}");
    tokio::spawn(warm_up(receiver.clone()));
    reload_on_signal(files, receiver.clone())?;

    let router = Router::new()
        .route("/webhooks/callback", post(callback))
        .with_state(receiver)
        .layer(from_fn(in_time));
    let (stopping, stopped) = oneshot::channel();
    let served = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        info!("stopping: callbacks in flight are answered");
        let _ = stopping.send(());
    });
    let overdue = async move {
        let _ = stopped.await;
        sleep(GRACE).await;
    };
    tokio::select! {
        served = served.into_future() => Ok(served?),
        () = overdue => Err(format!("some callbacks were not answered within {GRACE:?}").into()),
    }
}

/// Called for genuine callbacks only. What is refused, the extractor has logged and answered.
async fn callback(Callback(received): Callback) -> StatusCode {
    let write = move || say(&Line::of(&received).to_json()?);
    let written = tokio::task::spawn_blocking(write).await;
    match written.map_err(io::Error::from).flatten() {
        Ok(()) => StatusCode::OK,
        // Not ours yet, so Partner Center shall deliver it again.
        Err(error) => {
            error!("the event could not be written: {error}");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

/// Gives up on a request whose body does not come.
async fn in_time(request: Request, next: Next) -> Response {
    match timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            warn!("a request was not complete within {DEADLINE:?}");
            StatusCode::REQUEST_TIMEOUT.into_response()
        }
    }
}

/// Fetches the signing certificate before the first event needs it, so that what is configured wrongly shows now.
async fn warm_up(receiver: Receiver) {
    let failures = receiver.warm_up().await;
    for failure in &failures {
        warn!(url = %failure.url, reason = %failure.error, "warm-up failed; callbacks will try again");
    }
    if failures.is_empty() {
        info!("warm-up: the signing certificate is at hand");
    }
}

/// Writes a line to standard output, at once.
fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Reads the certificate files again whenever the process is told to.
#[cfg(unix)]
fn reload_on_signal(files: Files, receiver: Receiver) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangups = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            match files.load(&receiver) {
                Ok(()) => info!("the certificate files were read again"),
                Err(error) => error!("the certificate files stay as they were: {error}"),
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn reload_on_signal(_: Files, _: Receiver) -> io::Result<()> {
    Ok(())
}

/// Completes when the process is asked to stop.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            error!("Ctrl-C cannot be heard: {error}");
            std::future::pending().await
        }
    })
}

/// How long a request may take: its certificate 5 seconds at most, and its body some.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long the process goes on after a signal: until the last request has met its deadline, and its answer has left.
const GRACE: Duration = Duration::from_secs(12);

//! The parts of a receiver that do not depend on its framework: the command line, signals, and one JSON line per event.

#[path = "../arguments.rs"]
mod arguments;
mod files;
#[path = "../json.rs"]
mod json;
mod line;
#[path = "../location.rs"]
mod location;
mod options;
#[path = "../pem.rs"]
mod pem;
#[path = "../resource.rs"]
mod resource;
#[path = "../stop_signal.rs"]
mod stop_signal;

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use files::Files;
use line::Line;
use options::Options;
use partner_center_webhooks::{Received, Receiver};
use stop_signal::stop_signal;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tracing::{Level, error, info, warn};

/// What a framework serves.
pub(crate) struct Service {
    /// Does not block.
    pub(crate) listener: TcpListener,
    /// The path of callbacks.
    pub(crate) path: &'static str,
    pub(crate) receiver: Receiver,
    /// Once it is ready, the server accepts no more connections, and completes the callbacks in flight.
    pub(crate) stop: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// What differs between the examples.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) path: &'static str,
    /// The default address.
    pub(crate) listen: SocketAddr,
}

impl Program {
    /// Runs until it is told to stop; `serve` runs the framework.
    pub(crate) async fn run(
        self,
        serve: impl AsyncFnOnce(Service) -> Result<(), Box<dyn Error>>,
    ) -> ExitCode {
        let options = match Options::parse(lexopt::Parser::from_env(), self.listen) {
            Ok(Some(options)) => options,
            Ok(None) => return exit_code(say(&self.help())),
            Err(error) => return arguments::refuse(self.name, &error),
        };
        tracing_subscriber::fmt()
            .with_max_level(Level::INFO)
            .with_ansi(io::stderr().is_terminal())
            .with_writer(io::stderr)
            .init();
        exit_code(run(options, self.path, serve).await)
    }

    fn help(&self) -> String {
        let usage = Options::HELP.replace("{program}", self.name);
        let usage = usage.replace("{listen}", &self.listen.to_string());
        let Self { about, path, .. } = self;
        format!(
            "Receive Microsoft Partner Center webhooks at POST {path}{about}.\n\n{}",
            usage.trim_end()
        )
    }
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

async fn run(
    options: Options,
    path: &'static str,
    serve: impl AsyncFnOnce(Service) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let Options { listen, receiver, files } = options;
    let stop = stop_signal()?; // From here on no signal kills.
    let listener =
        TcpListener::bind(listen).map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    say(&format!("listening on {address}"))?;
    info!("listening on {address}");
    tokio::spawn(warm_up(receiver.clone()));
    reload_on_signal(files, receiver.clone())?;

    let (stopping, stopped) = oneshot::channel();
    let stop = Box::pin(async move {
        stop.await;
        info!("stopping: callbacks in flight are completed");
        let _ = stopping.send(());
    });
    let served = serve(Service { listener, path, receiver, stop });
    let overdue = async move {
        let _ = stopped.await;
        sleep(GRACE).await;
    };
    tokio::select! {
        served = served => served,
        () = overdue => Err(format!("some callbacks got no response within {GRACE:?}").into()),
    }
}

/// Handles a genuine callback: writes its line. Returns whether it is stored; if not, Partner Center must deliver it again.
pub(crate) async fn handle(received: Received<Bytes>) -> bool {
    let write = move || say(&Line::of(&received).to_json()?);
    let written = tokio::task::spawn_blocking(write).await;
    match written.map_err(io::Error::from).flatten() {
        Ok(()) => true,
        Err(error) => {
            error!("the event could not be written: {error}");
            false
        }
    }
}

/// Logs a request that was given up.
pub(crate) fn log_overdue() {
    warn!(
        "a request was given up after {DEADLINE:?}: its body did not arrive, or its handler is slow"
    );
}

/// Fetches the signing certificate before the first event needs it, so that a configuration error shows now.
async fn warm_up(receiver: Receiver) {
    let failures = receiver.warm_up().await;
    for failure in &failures {
        warn!(url = %failure.url, reason = %failure.error, "warm-up failed; callbacks will try again");
    }
    if failures.is_empty() {
        info!("warm-up: the signing certificate is verified");
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

/// How long a request may take: at most 5 seconds for its certificate, and the rest for its body.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
/// How long the process continues after a signal: until the deadline of the last request, plus the time to send its response.
pub(crate) const GRACE: Duration = Duration::from_secs(12);
/// The default address of a receiver.
pub(crate) const LOCALHOST: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

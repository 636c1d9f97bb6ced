//! A receiver to deploy, but for its framework: the command line, signals, and one JSON line an event.

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
    /// Where callbacks belong.
    pub(crate) path: &'static str,
    pub(crate) receiver: Receiver,
    /// When it is ready, no more connections are taken, and callbacks in flight are answered.
    pub(crate) stop: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// What tells one example from the others.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) path: &'static str,
    /// Where it listens if it is not told.
    pub(crate) listen: SocketAddr,
}

impl Program {
    /// Runs until it is told to stop; `serve` brings the framework.
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
        info!("stopping: callbacks in flight are answered");
        let _ = stopping.send(());
    });
    let served = serve(Service { listener, path, receiver, stop });
    let overdue = async move {
        let _ = stopped.await;
        sleep(GRACE).await;
    };
    tokio::select! {
        served = served => served,
        () = overdue => Err(format!("some callbacks were not answered within {GRACE:?}").into()),
    }
}

/// Handles a genuine callback: its line is written. Whether it is ours now: if not, Partner Center shall deliver it again.
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
pub(crate) fn tell_overdue() {
    warn!(
        "a request was given up after {DEADLINE:?}: its body did not come, or its handler is slow"
    );
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

/// How long a request may take: its certificate 5 seconds at most, and its body some.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
/// How long the process goes on after a signal: until the last request has met its deadline, and its answer has left.
pub(crate) const GRACE: Duration = Duration::from_secs(12);
/// Where a receiver listens that is not told.
pub(crate) const LOCALHOST: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

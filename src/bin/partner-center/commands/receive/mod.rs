//! `receive`: a receiver that writes each event as one line.

mod line;
mod operators;
mod resource;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use partner_center_webhooks::{Error, Received, Receiver};
use tokio::net::TcpListener;
use tracing::{error, info, warn};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::trust::{Trust, TrustOptions};
use crate::output::{note, write_line};
use crate::serve::{Endpoint, Handler, announce, bind, empty, serve, warm_up};
use crate::signals::{Reload, Stop};
use crate::systemd;
use crate::values::Span;
use line::Line;
use operators::Operators;

/// Verifies callbacks, and writes each accepted event to standard output as one JSON line
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct ReceiveOptions {
    /// Where to listen. Put a proxy with TLS in front: Partner Center calls https only
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The path of callbacks
    #[arg(long, value_name = "PATH", default_value = crate::values::CALLBACK_PATH)]
    path: String,
    /// Where to listen for operators (/healthz and /readyz), or `none`
    #[arg(long, value_name = "ADDR", default_value = crate::admin::ADDRESS)]
    admin_listen: AdminAddress,
    /// Write each event to standard output
    #[arg(long)]
    print: bool,
    /// How long a request may take; then the response is 503
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    request_timeout: Span,
    /// Write the URL of callbacks to this file once it is reachable
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustOptions,
}

const HELP: &str = "\
Standard output is one JSON line per event, written before the response 200. Its `digest` tells repeated deliveries: Partner Center \
delivers at least once. An event is only as safe as the program that reads the lines: if it loses one, nothing repeats it.

SIGHUP: the files of --anchors and --intermediates are read again; a fault in one leaves everything as it was.
SIGTERM or Ctrl-C: callbacks in flight are handled, for at most 12 seconds; a second signal ends at once.

Exit code: 0 stopped, 1 callbacks were left without a response, 3 the address is taken, 2 the command line or a file is invalid.";

/// An address, or none.
#[derive(Clone, Copy, Debug)]
struct AdminAddress(Option<SocketAddr>);

impl FromStr for AdminAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self(None)),
            text => match text.parse() {
                Ok(address) => Ok(Self(Some(address))),
                Err(error) => {
                    Err(format!("{error} (expected an address such as 127.0.0.1:9464, or none)"))
                }
            },
        }
    }
}

pub(crate) async fn run(options: &ReceiveOptions) -> Result<Exit, Failure> {
    if !options.print {
        return Err(Failure::usage("--print is missing")
            .because("accepted events have no other destination yet")
            .or_try("partner-center receive --print"));
    }
    let stop = Stop::listen()?;
    let reload = Reload::listen()?;
    let trust = options.trust.load().await?;
    let receiver = trust.receiver().build().map_err(Failure::unknown)?;
    let operators = Operators::new(trust.emulator.is_some());
    if let Some(emulator) = &trust.emulator {
        warn!(
            "trusting the emulator at {}; nothing from Microsoft will verify",
            emulator.base_url()
        );
    }
    let listener = bind(options.listen).await?;
    let address = listener.local_addr()?;
    if let AdminAddress(Some(address)) = options.admin_listen {
        tokio::spawn(operators.clone().serve(bind(address).await?));
    }
    let url = format!("http://{address}{}", options.path);
    info!("listening on {address}");
    note(format_args!("ready: {url}"));
    announce(options.ready_file.as_deref(), &url)?;
    operators.ready(true);
    systemd::ready();
    tokio::spawn(warm_up(receiver.clone()));
    tokio::spawn(reload_files(reload, options.trust.clone(), receiver.clone()));

    let endpoint = Endpoint {
        path: options.path.clone(),
        receiver,
        handler: Printer { operators: operators.clone() },
        limit: options.request_timeout.0,
    };
    serve_until_stopped(listener, endpoint, operators, stop).await
}

/// Serves until the process is told to stop, then lets callbacks in flight end. A second signal ends at once.
async fn serve_until_stopped(
    listener: TcpListener,
    endpoint: Endpoint<Printer>,
    operators: Operators,
    mut stop: Stop,
) -> Result<Exit, Failure> {
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let served = serve(
        listener,
        Arc::new(endpoint),
        async move {
            stop.requested().await;
            operators.ready(false);
            systemd::stopping();
            info!("stopping: callbacks in flight are handled");
            let _ = stopping.send(stop);
        },
        GRACE,
    );
    let again = async move {
        match stopped.await {
            Ok(mut stop) => stop.requested().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        drained = served => match drained {
            true => Ok(Exit::Yes),
            false => Err(Failure::new(
                Exit::No,
                format_args!("callbacks were left without a response after {GRACE:?}"),
            )),
        },
        () = again => Ok(Exit::No),
    }
}

/// Writes events to standard output.
struct Printer {
    operators: Operators,
}

impl Handler for Printer {
    async fn handle(&self, received: Received<Bytes>) -> Response<Full<Bytes>> {
        let write = move || {
            let line = Line::of(&received).to_json()?;
            write_line(line)
        };
        let written = tokio::task::spawn_blocking(write).await;
        match written.map_err(std::io::Error::from).flatten() {
            Ok(()) => {
                self.operators.accepted();
                empty(StatusCode::OK)
            }
            Err(error) => {
                error!("the event could not be written: {error}");
                self.operators.unwritten(&error);
                // As at each fault of this side: Partner Center delivers it again.
                empty(StatusCode::SERVICE_UNAVAILABLE)
            }
        }
    }

    fn refused(&self, error: &Error) {
        self.operators.refused(error);
    }

    fn unmatched(&self, method: &Method, path: &str) {
        if self.operators.unmatched() {
            warn!("{method} `{}` is not for callbacks", path.escape_debug());
        }
    }
}

/// Reads the certificate files again whenever the process is told to.
async fn reload_files(mut reload: Reload, options: TrustOptions, receiver: Receiver) {
    loop {
        reload.requested().await;
        match options.load().await {
            Ok(Trust { chain, .. }) => {
                receiver.replace_chain(|_| chain);
                info!("the certificate files were read again");
            }
            Err(failure) => {
                error!("the certificate files stay as they were: {}", failure.what());
            }
        }
    }
}

/// How long the process goes on after a signal: until the last request has met its limit, and its response is sent.
const GRACE: Duration = Duration::from_secs(12);

//! Serving with axum until the process is asked to stop.

#[path = "stop_signal.rs"]
mod stop_signal;

use std::error::Error;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use stop_signal::stop_signal;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// Serves `router`, and gives up on requests that take longer than `deadline`, such as those whose body does not arrive.
pub(crate) async fn serve(
    listen: SocketAddr,
    router: Router,
    deadline: Duration,
) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(listen).await;
    let listener = listener.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let stop = stop_signal()?;
    say(&format!("listening on {}", listener.local_addr()?))?;
    let router = router.layer(from_fn_with_state(deadline, in_time));
    let (stopping, stopped) = oneshot::channel();
    let served = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        info!("stopping: requests in flight are completed");
        let _ = stopping.send(());
    });
    // A connection with half a request would never close.
    let grace = deadline.saturating_add(SENDING);
    let overdue = async move {
        let _ = stopped.await;
        sleep(grace).await;
    };
    tokio::select! {
        served = served.into_future() => Ok(served?),
        () = overdue => Err(format!("some connections did not close within {grace:?}").into()),
    }
}

async fn in_time(State(deadline): State<Duration>, request: Request, next: Next) -> Response {
    match timeout(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            warn!(
                "a request was given up after {deadline:?}: its body did not arrive, or its handler is slow"
            );
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// Writes lines to standard output, at once.
pub(crate) fn say(lines: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if !lines.is_empty() {
        writeln!(out, "{lines}")?;
    }
    out.flush()
}

/// How long sending a response may take after the deadline of its request.
const SENDING: Duration = Duration::from_secs(2);

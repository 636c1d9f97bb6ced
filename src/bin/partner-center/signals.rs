//! How a service is asked to stop.

use crate::failure::Failure;

/// Completes each time the process is asked to stop: by Ctrl-C, and by SIGTERM, as systemd and containers do it.
#[cfg(unix)]
pub(crate) struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Stop {
    /// From here on, these signals do not end the process.
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| failure(&error));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    pub(crate) async fn requested(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Completes each time the process is asked to stop by Ctrl-C.
#[cfg(not(unix))]
pub(crate) struct Stop;

#[cfg(not(unix))]
impl Stop {
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self)
    }

    pub(crate) async fn requested(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Completes each time the process is asked to read its files again.
#[cfg(unix)]
pub(crate) struct Reload(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Reload {
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup()).map(Self).map_err(|error| failure(&error))
    }

    pub(crate) async fn requested(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Never completes: there is no such signal.
#[cfg(not(unix))]
pub(crate) struct Reload;

#[cfg(not(unix))]
impl Reload {
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self)
    }

    pub(crate) async fn requested(&mut self) {
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
fn failure(error: &std::io::Error) -> Failure {
    Failure::unknown(format_args!("signals: {error}"))
}

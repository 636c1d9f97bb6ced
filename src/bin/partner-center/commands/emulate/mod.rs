//! `emulate`: a Partner Center on this machine, and the actions that drive a running one.

mod action;
mod body;
mod client;
mod environment;
mod script;
mod server;
mod state;
mod summary;

use clap::Args;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Out;
use action::Action;
use server::ServerOptions;

/// Runs a Partner Center on this machine: registration API, tokens, certificates, and signed callbacks to your service. With an
/// action, drives a running one
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Standard output is one line per attempt to deliver a callback. The page at /emulator/ shows them as they \
                  happen, and has forms for the actions.\n\nTenant, secrets and keys are kept in the state folder, so that a \
                  receiver that trusts the emulator still does after a restart. Whoever can reach it can sign events and read \
                  all secrets: they are for tests.\n\nExit code: 0 stopped; with --exit, 1 if a command failed, a delivery was \
                  given up or a forgery accepted; 3 the address is taken."
)]
pub(crate) struct EmulateOptions {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    server: ServerOptions,
}

impl EmulateOptions {
    /// Whether it runs until it is told to stop.
    pub(crate) fn is_server(&self) -> bool {
        self.action.is_none()
    }
}

pub(crate) async fn run(options: &EmulateOptions, out: Out) -> Result<Exit, Failure> {
    match &options.action {
        Some(action) => action::run(action, out).await,
        None => server::run(&options.server, out).await,
    }
}

//! A receiver that Azure Functions runs as a custom handler.
//!
//! The Functions host takes the request from Partner Center and forwards it, as it came, to this process on a port that it
//! chooses. `host.json` and `callback/function.json` are beside the executable, as in this directory:
//!
//! - `enableForwardingHttpRequest` makes the host forward the request itself. Without it, the host wraps the body in its own
//!   JSON, and no signature matches.
//! - `authLevel` is `anonymous`: Partner Center sends no key of yours. The signature is what authenticates it.
//! - Azure may remove `Authorization`. Register with `SignatureTokenToMsSignatureHeader` set to true, so that the signature is
//!   sent in `x-ms-signature`, which is read as well.
//!
//! Each event is one JSON line on standard output, which the host logs; put your own work in its place. The flags are those
//! of `receive_axum`, given as `arguments` in `host.json`. Build for the Linux that Azure runs:
//! `cargo build --release --target x86_64-unknown-linux-musl --example azure_functions --features axum,tracing`.

#[path = "../support/service/axum.rs"]
mod on_axum;
#[path = "../support/service/mod.rs"]
mod service;

use std::env;
use std::net::SocketAddr;
use std::process::ExitCode;

use service::{LOCALHOST, Program};

#[tokio::main]
async fn main() -> ExitCode {
    let port = env::var(PORT).ok().and_then(|port| port.parse().ok());
    let program = Program {
        name: "azure_functions",
        about: ", as a custom handler of Azure Functions.\nThe host sets the port in FUNCTIONS_CUSTOMHANDLER_PORT",
        path: "/api/callback",
        listen: SocketAddr::new(LOCALHOST.ip(), port.unwrap_or(LOCALHOST.port())),
    };
    program.run(on_axum::serve).await
}

const PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";

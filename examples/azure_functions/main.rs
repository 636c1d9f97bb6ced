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
//! Build for the Linux that Azure runs:
//! `cargo build --release --target x86_64-unknown-linux-musl --example azure_functions --features axum,testing`.
//!
//! With `EMULATOR=http://127.0.0.1:4400` it trusts the emulator of `partner-center emulate`, and nothing from Microsoft.
#![expect(clippy::print_stdout, reason = "the host logs the output")]

use std::env;
use std::error::Error;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use partner_center_webhooks::Receiver;
use partner_center_webhooks::axum::Callback;
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::testing::Emulator;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let receiver = match env::var("EMULATOR") {
        Ok(url) => Emulator::trust(&url).await?.receiver_builder(DefaultBackend::new())?.build()?,
        Err(_) => Receiver::builder().build()?,
    };
    let router = Router::new().route("/api/callback", post(callback)).with_state(receiver);
    let port = env::var("FUNCTIONS_CUSTOMHANDLER_PORT").unwrap_or_else(|_| "8080".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

/// Called for genuine callbacks only. Put your own work here.
async fn callback(Callback(received): Callback) -> StatusCode {
    println!("{} {}", received.event().name(), received.digest());
    StatusCode::OK
}

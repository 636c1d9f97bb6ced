//! A receiver on axum: callbacks are verified, late requests are given up, and Ctrl-C lets requests in flight end.
//!
//! ```text
//! cargo run --example axum --features axum,testing
//! ```
//!
//! With `EMULATOR=http://127.0.0.1:4400` it trusts the emulator of `partner-center emulate`, and nothing from Microsoft.
#![expect(clippy::print_stdout, reason = "the output is the point")]

use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use partner_center_webhooks::Receiver;
use partner_center_webhooks::axum::Callback;
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::testing::Emulator;
use tokio::net::TcpListener;
use tokio::time::timeout;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let receiver = match env::var("EMULATOR") {
        Ok(url) => Emulator::trust(&url).await?.receiver_builder(DefaultBackend::new())?.build()?,
        Err(_) => Receiver::builder().build()?,
    };
    let router = Router::new()
        .route("/webhooks/callback", post(callback))
        .with_state(receiver)
        .layer(from_fn(in_time));
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let stop = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    Ok(axum::serve(listener, router).with_graceful_shutdown(stop).await?)
}

/// Called for genuine callbacks only. The extractor responds to all others, and logs why.
async fn callback(Callback(received): Callback) -> StatusCode {
    println!("{} {}", received.event().name(), received.digest());
    StatusCode::OK
}

/// Gives up on a request whose body does not arrive, or that takes too long: with 503, because the callback may be genuine.
async fn in_time(request: Request, next: Next) -> Response {
    match timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

const DEADLINE: Duration = Duration::from_secs(10);

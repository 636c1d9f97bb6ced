//! A webhook for Azure Event Grid on axum, with a secret in the query.
//!
//! ```text
//! EVENT_GRID_SECRET=… cargo run --example event_grid_receive --features axum,event-grid-receive
//! ```
//!
//! The event subscription delivers to `https://contoso.example/events?code=SECRET`. `partner-center event-grid receive` does the
//! same without Rust, and checks tokens of Microsoft Entra, too.
#![expect(clippy::print_stdout, reason = "the output is the point")]

use std::env;
use std::error::Error;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;
use partner_center_webhooks::event_grid::receive::axum::Delivery;
use partner_center_webhooks::event_grid::receive::{GridEvent, WebhookReceiver};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = env::var("EVENT_GRID_SECRET").map_err(|_| "EVENT_GRID_SECRET is not set")?;
    let receiver = WebhookReceiver::builder().query_secret("code", secret)?.build()?;
    // One of the handshakes is an OPTIONS request.
    let router = Router::new().route("/events", any(events)).with_state(receiver);
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

/// Called for authentic events only. The extractor responds to all others, and to handshakes.
async fn events(Delivery(notification): Delivery) -> StatusCode {
    for event in notification.events() {
        match event {
            GridEvent::CloudEvent(event) => println!("{} {}", event.event_type(), event.id()),
            GridEvent::EventGrid(event) => println!("{} {}", event.event_type(), event.id()),
            GridEvent::Unrecognized(event) => println!("unrecognized: {}", event.reason()),
        }
    }
    StatusCode::NO_CONTENT
}

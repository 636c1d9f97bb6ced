//! Passes callbacks on to a channel of Azure Event Grid's Partner Events.
//!
//! ```text
//! EVENT_GRID_ENDPOINT=https://contoso.westeurope-1.eventgrid.azure.net/api/events EVENT_GRID_KEY=… CHANNEL=fabrikam \
//!     cargo run --example forward --features axum,event-grid,testing
//! ```
//!
//! The response to a callback is 200 once Event Grid has accepted its event; until then Partner Center delivers it again. Both
//! times the event has the same id. `partner-center event-grid forward` chooses the channel by the customer.
#![expect(clippy::print_stdout, reason = "the output is the point")]

use std::env;
use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use partner_center_webhooks::Receiver;
use partner_center_webhooks::axum::{Callback, Claimed};
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::duplicates::{DuplicateGuard, InMemory};
use partner_center_webhooks::event_grid::{
    AccessKey, ChannelName, CloudEvent, PublishEndpoint, Publisher,
};
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::testing::Emulator;
use tokio::net::TcpListener;

#[derive(Clone, FromRef)]
struct Forwarder {
    channel: ChannelName,
    guard: Arc<dyn DuplicateGuard>,
    publisher: Publisher,
    receiver: Receiver,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name| env::var(name).map_err(|_| format!("{name} is not set"));
    let endpoint = variable("EVENT_GRID_ENDPOINT")?;
    let endpoint = match env::var("EMULATOR") {
        // For tests.
        Ok(_) => PublishEndpoint::danger_plain_http_on_loopback(&endpoint)?,
        Err(_) => PublishEndpoint::new(&endpoint)?,
    };
    let key = AccessKey::new(variable("EVENT_GRID_KEY")?)?;
    let receiver = match env::var("EMULATOR") {
        Ok(url) => Emulator::trust(&url).await?.receiver_builder(DefaultBackend::new())?.build()?,
        Err(_) => Receiver::builder().build()?,
    };
    let forwarder = Forwarder {
        channel: ChannelName::new(&variable("CHANNEL")?)?,
        guard: Arc::new(InMemory::new()),
        publisher: Publisher::new(endpoint, key, ReqwestClient::new()?),
        receiver,
    };
    let router = Router::new().route("/webhooks/callback", post(callback)).with_state(forwarder);
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

/// Called for genuine callbacks that were not handled before.
async fn callback(
    State(channel): State<ChannelName>,
    State(publisher): State<Publisher>,
    Claimed(Callback(received), attempt): Claimed<Callback>,
) -> StatusCode {
    if publisher.publish(&channel, [CloudEvent::from(&received)]).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE; // the attempt is abandoned
    }
    // If this fails, the event may be published twice, which is better than never.
    let _ = attempt.complete().await;
    println!("{} {}", received.event().name(), received.digest());
    StatusCode::OK
}

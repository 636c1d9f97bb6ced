//! A genuine callback and a forged one, from a Partner Center on this machine to an axum application.
//!
//! ```text
//! cargo run --example quickstart --features axum,testing
//! ```
//!
//! `partner-center demo` sends every documented event and every kind of forgery.
#![expect(clippy::print_stdout, reason = "the output is the point")]

use std::error::Error;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use partner_center_webhooks::EventName;
use partner_center_webhooks::axum::Callback;
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::partner_center::Forgery;
use serde_json::json;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In production: Receiver::builder().build()?
    let partner_center = PartnerCenter::start().await?;
    let receiver = partner_center.receiver_builder(DefaultBackend::new())?.build()?;

    let router = Router::new().route("/webhooks/callback", post(callback)).with_state(receiver);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/webhooks/callback", listener.local_addr()?);
    tokio::spawn(axum::serve(listener, router).into_future());

    let registration = json!({"webhookUrl": url, "webhookEvents": ["subscription-updated"]});
    partner_center.set_registration(&registration);
    partner_center.emit(&EventName::SubscriptionUpdated)?;
    partner_center.settled().await;
    partner_center.forge(Forgery::AnotherBody)?;
    partner_center.settled().await;
    for delivery in partner_center.deliveries() {
        println!("{delivery}");
    }
    Ok(())
}

/// Called for genuine callbacks only. The extractor responds to all others.
async fn callback(Callback(received): Callback) -> StatusCode {
    println!("received {}", received.event().name());
    StatusCode::OK
}

//! Forwards Partner Center's callbacks to the customers that they are about, through Azure Event Grid's Partner Events.
//!
//! ```text
//! EVENT_GRID_KEY=… forward --endpoint https://contoso.westeurope-1.eventgrid.azure.net/api/events \
//!     --customers customers.txt --others contoso-own
//! ```
//!
//! A callback is verified, converted to a CloudEvent, and published to the channel of its customer. The response is 200 only
//! after Event Grid has accepted the event; until then Partner Center delivers the callback again. So an event may be published
//! twice, with the same id, by which subscribers detect the duplicate.
//!
//! The customer sees the event as Partner Center sent it, the audit URI with your tenant's id included.

#[path = "../support/arguments.rs"]
mod arguments;
mod channels;
#[path = "../support/location.rs"]
mod location;
#[path = "../support/on_axum.rs"]
mod on_axum;
mod options;
#[path = "../support/pem.rs"]
mod pem;
#[path = "../support/publisher_credential.rs"]
mod publisher_credential;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use channels::Channels;
use on_axum::say;
use options::Options;
use partner_center_webhooks::api::RetryPolicy;
use partner_center_webhooks::axum::{Callback, Claimed};
use partner_center_webhooks::duplicates::{DuplicateGuard, InMemory};
use partner_center_webhooks::event_grid::{CloudEvent, NotAccepted, PublishError, Publisher};
use partner_center_webhooks::{Excerpt, Receiver};
use tracing::{error, info, warn};

#[derive(Clone, FromRef)]
struct Forwarder {
    channels: Arc<Channels>,
    guard: Arc<dyn DuplicateGuard>,
    publisher: Publisher,
    receiver: Receiver,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr).init();
    let served = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => forward(options).await,
        Ok(None) => say(Options::HELP.trim_end()).map_err(Into::into),
        Err(fault) => return arguments::refuse("forward", &fault),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn forward(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let retries = RetryPolicy::default().with_deadline(PUBLISHING);
    let forwarder = Forwarder {
        channels: Arc::new(options.channels),
        guard: Arc::new(InMemory::new()),
        publisher: options.publisher.with_retries(retries),
        receiver: options.receiver,
    };
    tokio::spawn(warm_up(forwarder.receiver.clone()));
    let router = Router::new().route("/webhooks/callback", post(callback)).with_state(forwarder);
    on_axum::serve(options.listen, router, DEADLINE).await
}

/// Fetches the signing certificate before the first event needs it, so that a configuration error shows now.
async fn warm_up(receiver: Receiver) {
    for failure in receiver.warm_up().await {
        warn!(url = %failure.url, reason = %failure.error, "warm-up failed; callbacks will try again");
    }
}

/// Called for genuine callbacks that were not forwarded before.
async fn callback(
    State(channels): State<Arc<Channels>>,
    State(publisher): State<Publisher>,
    Claimed(Callback(received), attempt): Claimed<Callback>,
) -> StatusCode {
    let event = received.event();
    let digest = received.digest();
    let name = Excerpt::of(event.name().as_str());
    match channels.of(event.customer_tenant()) {
        Some(channel) => {
            let published = publisher.publish(channel, [CloudEvent::from(&received)]);
            if let Err(error) = published.await {
                if is_unfit(&error) {
                    // Partner Center drops it after ten attempts. To acknowledge an event that is not stored would be no
                    // better.
                    let resource = Excerpt::of_url(event.resource_uri().unwrap_or_default());
                    error!(%digest, %name, %channel, %resource, "not accepted, and no retry will help: inform the customer about the resource by other means: {error}");
                } else {
                    error!(%digest, %name, %channel, "not accepted; Partner Center will deliver it again: {error}");
                }
                return StatusCode::SERVICE_UNAVAILABLE; // the attempt is abandoned
            }
            info!(%digest, %name, %channel, "accepted by Event Grid");
        }
        None => warn!(%digest, %name, "not forwarded: there is no channel for it"),
    }
    // If this fails, the event may be forwarded twice, which is better than not at all.
    let _ = attempt.complete().await;
    StatusCode::OK
}

/// Whether the event itself cannot be sent: with control characters in its name, or with data that nests too deeply, it is not
/// a CloudEvent. No event is too long, because the receiver accepts 256 KiB and a request 1 MiB.
fn is_unfit(error: &NotAccepted) -> bool {
    let mut errors = error.failures().iter().map(|failure| &*failure.error);
    errors.any(|error| matches!(error, PublishError::Event(_) | PublishError::TooLong { .. }))
}

/// How long publishing may take, with its retries.
const PUBLISHING: Duration = Duration::from_secs(8);
/// How long a request may take. How long Partner Center waits is not documented.
const DEADLINE: Duration = Duration::from_secs(15);

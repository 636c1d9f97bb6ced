//! A receiver on actix-web: callbacks are verified, and late requests are given up.
//!
//! ```text
//! cargo run --example actix_web --features actix-web,testing
//! ```
//!
//! With `EMULATOR=http://127.0.0.1:4400` it trusts the emulator of `partner-center emulate`, and nothing from Microsoft.
#![expect(clippy::print_stdout, reason = "the output is the point")]

use std::env;
use std::error::Error;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpResponse, HttpServer, web};
use partner_center_webhooks::Receiver;
use partner_center_webhooks::actix_web::Callback;
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::testing::Emulator;
use tokio::time::timeout;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let receiver = match env::var("EMULATOR") {
        Ok(url) => Emulator::trust(&url).await?.receiver_builder(DefaultBackend::new())?.build()?,
        Err(_) => Receiver::builder().build()?,
    };
    let receiver = web::Data::new(receiver);
    let app = move || {
        let callbacks = web::resource("/webhooks/callback").route(web::post().to(callback));
        App::new().app_data(receiver.clone()).service(callbacks.wrap(from_fn(in_time)))
    };
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    Ok(HttpServer::new(app).client_request_timeout(DEADLINE).listen(listener)?.run().await?)
}

/// Called for genuine callbacks only. The extractor responds to all others, and logs why.
async fn callback(Callback(received): Callback) -> HttpResponse {
    println!("{} {}", received.event().name(), received.digest());
    HttpResponse::Ok().finish()
}

/// Gives up on a request whose body does not arrive, or that takes too long: with 503, because the callback may be genuine.
async fn in_time(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let head = request.request().clone();
    match timeout(DEADLINE, next.call(request)).await {
        Ok(response) => response,
        Err(_) => Ok(ServiceResponse::new(head, HttpResponse::ServiceUnavailable().finish())),
    }
}

const DEADLINE: Duration = Duration::from_secs(10);

//! A receiver on plain hyper: a tower service behind the verifying layer, without a framework.
//!
//! ```text
//! cargo run --example tower --features tower,testing
//! ```
//!
//! With `EMULATOR=http://127.0.0.1:4400` it trusts the emulator of `partner-center emulate`, and nothing from Microsoft.
#![expect(clippy::print_stdout, reason = "the output is the point")]

use std::convert::Infallible;
use std::env;
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::testing::Emulator;
use partner_center_webhooks::tower::VerifyLayer;
use partner_center_webhooks::{Received, Receiver};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tower::{Layer as _, Service, ServiceExt as _};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let receiver = match env::var("EMULATOR") {
        Ok(url) => Emulator::trust(&url).await?.receiver_builder(DefaultBackend::new())?.build()?,
        Err(_) => Receiver::builder().build()?,
    };
    let verified = VerifyLayer::new(receiver).layer(tower::service_fn(callback));
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let verified = verified.clone();
        let service = service_fn(move |request| respond(verified.clone(), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(DEADLINE)
            .serve_connection(TokioIo::new(stream), service);
        // A connection that breaks concerns its client alone.
        tokio::spawn(connection);
    }
}

/// Called for genuine callbacks only. The layer responds to all others, and logs why.
async fn callback(mut request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match request.extensions_mut().remove::<Received<Bytes>>() {
        Some(received) => {
            println!("{} {}", received.event().name(), received.digest());
            empty(StatusCode::OK)
        }
        None => empty(StatusCode::INTERNAL_SERVER_ERROR), // the layer is missing
    })
}

/// Chooses the service for a request, and gives up on one whose body does not arrive.
async fn respond<S>(
    verified: S,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible>
where
    S: Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = Infallible>,
{
    match (request.uri().path(), request.method()) {
        ("/webhooks/callback", &Method::POST) => {}
        ("/webhooks/callback", _) => return Ok(empty(StatusCode::METHOD_NOT_ALLOWED)),
        _ => return Ok(empty(StatusCode::NOT_FOUND)),
    }
    match timeout(DEADLINE, verified.oneshot(request)).await {
        Ok(response) => response,
        // The callback may be genuine.
        Err(_) => Ok(empty(StatusCode::SERVICE_UNAVAILABLE)),
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

const DEADLINE: Duration = Duration::from_secs(10);

//! The receiver on axum.

use std::error::Error;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use partner_center_webhooks::axum::Callback;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::service::{DEADLINE, Service, handle, log_overdue};

/// Serves until it is told to stop.
pub(crate) async fn serve(service: Service) -> Result<(), Box<dyn Error>> {
    let router = Router::new()
        .route(service.path, post(callback))
        .with_state(service.receiver)
        .layer(from_fn(in_time));
    let listener = TcpListener::from_std(service.listener)?;
    let served = axum::serve(listener, router).with_graceful_shutdown(service.stop);
    Ok(served.await?)
}

/// Called for genuine callbacks only: the extractor has logged and refused all others.
async fn callback(Callback(received): Callback) -> StatusCode {
    match handle(received).await {
        true => StatusCode::OK,
        false => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Gives up on a request whose body does not arrive, or that takes too long to handle: with 503, because the callback may be
/// genuine, and Partner Center may not try again after a 408.
async fn in_time(request: Request, next: Next) -> Response {
    match timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            log_overdue();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

//! A receiver to deploy, on plain hyper: a tower service with the layer in front, and no framework.
//!
//! The same flags and output as `receive_axum`.

#[path = "../support/service/mod.rs"]
mod service;

use std::convert::Infallible;
use std::error::Error;
use std::process::ExitCode;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use partner_center_webhooks::Received;
use partner_center_webhooks::tower::VerifyLayer;
use service::{DEADLINE, LOCALHOST, Program, handle, log_overdue};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tower::{Layer as _, Service, ServiceExt as _};

#[tokio::main]
async fn main() -> ExitCode {
    let program = Program {
        name: "receive_tower",
        about: ", with hyper and tower",
        path: "/webhooks/callback",
        listen: LOCALHOST,
    };
    program.run(serve).await
}

async fn serve(mut service: service::Service) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::from_std(service.listener)?;
    let path = service.path;
    let verified = VerifyLayer::new(service.receiver).layer(tower::service_fn(callback));
    let connections = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue, // that one connection failed
            },
            () = &mut service.stop => break,
        };
        let verified = verified.clone();
        let routed = service_fn(move |request| respond(path, verified.clone(), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(DEADLINE)
            .serve_connection(TokioIo::new(stream), routed);
        // A connection that breaks concerns its client alone.
        tokio::spawn(connections.watch(connection));
    }
    drop(listener);
    connections.shutdown().await;
    Ok(())
}

type Reply = Response<Full<Bytes>>;

/// Called for genuine callbacks only: the layer has logged and refused all others.
async fn callback(mut request: Request<Full<Bytes>>) -> Result<Reply, Infallible> {
    let written = match request.extensions_mut().remove::<Received<Bytes>>() {
        Some(received) => handle(received).await,
        None => false, // the layer is missing
    };
    Ok(status(match written {
        true => StatusCode::OK,
        false => StatusCode::INTERNAL_SERVER_ERROR,
    }))
}

/// Routes a request, and gives up on one whose body does not arrive.
async fn respond<S>(
    path: &str,
    verified: S,
    request: Request<Incoming>,
) -> Result<Reply, Infallible>
where
    S: Service<Request<Incoming>, Response = Reply, Error = Infallible>,
{
    if request.uri().path() != path {
        return Ok(status(StatusCode::NOT_FOUND));
    }
    if request.method() != Method::POST {
        return Ok(status(StatusCode::METHOD_NOT_ALLOWED));
    }
    match timeout(DEADLINE, verified.oneshot(request)).await {
        Ok(response) => response,
        Err(_) => {
            log_overdue();
            // The callback may be genuine, and Partner Center may not try again after a 408.
            Ok(status(StatusCode::SERVICE_UNAVAILABLE))
        }
    }
}

fn status(status: StatusCode) -> Reply {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

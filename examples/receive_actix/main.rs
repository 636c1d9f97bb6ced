//! A receiver to deploy, on actix-web.
//!
//! The same flags and output as `receive_axum`.

#[path = "../support/service/mod.rs"]
mod service;

use std::error::Error;
use std::process::ExitCode;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpResponse, HttpServer, web};
use partner_center_webhooks::actix_web::Callback;
use service::{DEADLINE, GRACE, LOCALHOST, Program, Service, handle, log_overdue};
use tokio::time::timeout;

#[tokio::main]
async fn main() -> ExitCode {
    let program = Program {
        name: "receive_actix",
        about: ", with actix-web",
        path: "/webhooks/callback",
        listen: LOCALHOST,
    };
    program.run(serve).await
}

async fn serve(service: Service) -> Result<(), Box<dyn Error>> {
    let receiver = web::Data::new(service.receiver);
    let path = service.path;
    let app = move || {
        let callbacks = web::resource(path).route(web::post().to(callback));
        App::new().app_data(receiver.clone()).service(callbacks.wrap(from_fn(in_time)))
    };
    let server = HttpServer::new(app)
        .disable_signals()
        .client_request_timeout(DEADLINE)
        .shutdown_timeout(GRACE.as_secs())
        .listen(service.listener)?
        .run();
    let handle = server.handle();
    tokio::spawn(async move {
        service.stop.await;
        handle.stop(true).await;
    });
    Ok(server.await?)
}

/// Called for genuine callbacks only: the extractor has logged and refused all others.
async fn callback(Callback(received): Callback) -> HttpResponse {
    HttpResponse::new(match handle(received).await {
        true => StatusCode::OK,
        false => StatusCode::INTERNAL_SERVER_ERROR,
    })
}

/// Gives up on a request whose body does not arrive, or that takes too long to handle: with 503, because the callback may be
/// genuine, and Partner Center may not try again after a 408.
async fn in_time(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let head = request.request().clone();
    match timeout(DEADLINE, next.call(request)).await {
        Ok(response) => response,
        Err(_) => {
            log_overdue();
            let response = HttpResponse::new(StatusCode::SERVICE_UNAVAILABLE);
            Ok(ServiceResponse::new(head, response))
        }
    }
}

//! A platform replaces or removes `Authorization`, over real HTTP: every adapter gives the same refusal, with the remedy.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use actix_web::{App, HttpServer, ResponseError as _, web};
use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use partner_center_webhooks::duplicates::InMemory;
use partner_center_webhooks::tower::VerifyLayer;
use partner_center_webhooks::{Error, Receiver, actix_web as ours_actix, axum as ours_axum};
use tokio::net::TcpListener;
use tower::{Layer as _, service_fn};

use crate::envelope::remedy;
use crate::support::fronts::{Answer, Front, Handler, request, send};
use crate::support::{event, receiver};

const BODY: &str = r#"{"EventName":"test-created"}"#;

/// As a function behind Azure Static Web Apps receives it.
const REPLACED: &str = "\
Host: hooks.contoso.example
Content-Type: application/json
Authorization: Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30.c2ln
X-MS-Certificate-Url: https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-dispatch.microsoft.com.cer
X-MS-Signature-Algorithm: rsa-sha256";

const FOREIGN: &str = "header `authorization` does not use the scheme `Signature`";
const MISSING: &str =
    "no signature: neither `authorization: Signature …` nor `x-ms-signature` is present";

/// The request with these headers.
fn post_of(headers: &str) -> Vec<u8> {
    let length = BODY.len();
    let request = format!(
        "POST /webhooks/callback HTTP/1.1\n{headers}\nConnection: close\nContent-Length: {length}\n\n"
    );
    [request.replace('\n', "\r\n").as_bytes(), BODY.as_bytes()].concat()
}

/// `REPLACED` with `to` in place of `from`.
fn replaced(from: &str, to: &str) -> Vec<u8> {
    assert!(REPLACED.contains(from));
    post_of(&REPLACED.replace(from, to))
}

/// Requests, and the reason of each refusal.
fn table() -> Vec<(&'static str, Vec<u8>, String)> {
    let bearer = "Authorization: Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30.c2ln";
    let certificate_url = "X-MS-Certificate-Url: https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-dispatch.microsoft.com.cer\n";
    vec![
        ("the platform's token", post_of(REPLACED), FOREIGN.to_owned() + &remedy("replaced")),
        (
            "a password of the gateway's",
            replaced(bearer, "Authorization: Basic Z2F0ZXdheTpzM2NyZXQ="),
            FOREIGN.to_owned() + &remedy("replaced"),
        ),
        (
            "in lower case",
            post_of(&REPLACED.to_lowercase()),
            FOREIGN.to_owned() + &remedy("replaced"),
        ),
        ("removed", replaced(&format!("{bearer}\n"), ""), MISSING.to_owned() + &remedy("removed")),
        // The twins: no advice for requests of strangers, nor for a malformed signature header.
        ("a stranger's token", replaced(certificate_url, ""), FOREIGN.to_owned()),
        ("a stranger", post_of("Host: hooks.contoso.example"), MISSING.to_owned()),
        (
            "a wrong signature header",
            replaced("Authorization", "X-MS-Signature"),
            "header `x-ms-signature` does not use the scheme `Signature`".to_owned(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reason_names_the_remedy_behind_every_adapter() {
    let addresses = [
        ("axum", serve_axum(receiver()).await),
        ("actix-web", serve_actix(receiver())),
        ("tower", serve_tower(receiver()).await),
    ];
    for (adapter, address) in addresses {
        for (what, request, reason) in table() {
            let expected = Answer { status: 401, retry_after: None, body: reason };
            let response = send(address, &request).await;
            assert_eq!(response, Some(expected), "{adapter}: {what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sender_gets_only_the_status_and_the_remedy_works() {
    // Registered with `signatureTokenToMsSignatureHeader`: the platform's token in `Authorization` does not matter.
    let remedied = event("test-created").in_signature_header();
    let remedied = remedied.with_header("authorization", b"Bearer platform");
    let remedied = request(&remedied.unwrap());
    for front in Front::ALL {
        let handler = Handler::new();
        let address = front.serve(receiver(), Arc::new(InMemory::new()), &handler).await;
        for (what, request, _) in table() {
            let response = send(address, &request).await;
            assert_eq!(response, Some(Answer::status(401)), "{front:?}: {what}");
        }
        assert_eq!(handler.begun(), 0, "{front:?}");
        let response = send(address, &remedied).await.unwrap();
        assert_eq!((response.status, handler.begun()), (200, 1), "{front:?}");
    }
}

/// The response of an application that shows the reason.
fn with_reason(error: &Error) -> Response<Full<Bytes>> {
    let mut response = error.to_response::<Full<Bytes>>();
    *response.body_mut() = Full::from(error.to_string());
    response
}

async fn serve_axum(receiver: Receiver) -> SocketAddr {
    type Outcome = Result<ours_axum::Callback, ours_axum::Rejection>;
    async fn handler(outcome: Outcome) -> (StatusCode, String) {
        let ours_axum::Rejection(error) = outcome.unwrap_err();
        (error.status(), error.to_string())
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let route = post(handler);
    let router = Router::new().route("/webhooks/callback", route);
    tokio::spawn(async move { axum::serve(listener, router.with_state(receiver)).await });
    address
}

fn serve_actix(receiver: Receiver) -> SocketAddr {
    async fn handler(
        outcome: Result<ours_actix::Callback, actix_web::Error>,
    ) -> (String, actix_web::http::StatusCode) {
        let error = outcome.unwrap_err();
        let rejection: &ours_actix::Rejection = error.as_error().unwrap();
        (rejection.0.to_string(), rejection.status_code())
    }
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let app = move || {
            App::new()
                .app_data(web::Data::new(receiver.clone()))
                .route("/webhooks/callback", web::post().to(handler))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.listen(listener).unwrap().run();
        actix_web::rt::System::new().block_on(server).unwrap();
    });
    address
}

async fn serve_tower(receiver: Receiver) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let never = service_fn(
        async |_: Request<Full<Bytes>>| -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
            panic!("nothing here is genuine")
        },
    );
    let service = VerifyLayer::new(receiver).with_refusal(with_reason).layer(never);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

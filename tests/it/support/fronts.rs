//! Each adapter as a service on loopback with the same handler, and a client that controls every byte.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use axum::Router;
use axum::extract::FromRef;
use axum::routing::post;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use partner_center_webhooks::duplicates::{Attempt, DuplicateGuard};
use partner_center_webhooks::testing::SignedRequest;
use partner_center_webhooks::tower::VerifyLayer;
use partner_center_webhooks::{Received, Receiver, actix_web as ours_actix, axum as ours_axum};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::{Layer as _, service_fn};

/// Ways to put a receiver in front of a handler.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Front {
    ActixCallback,
    ActixClaimed,
    ActixClaimedVerified,
    ActixMiddleware,
    ActixTyped,
    ActixVerified,
    AxumCallback,
    AxumClaimed,
    AxumClaimedVerified,
    AxumLayer,
    AxumTyped,
    AxumVerified,
    TowerLayer,
}

impl Front {
    pub(crate) const ALL: [Self; 11] = [
        Self::ActixCallback,
        Self::ActixClaimed,
        Self::ActixClaimedVerified,
        Self::ActixMiddleware,
        Self::ActixVerified,
        Self::AxumCallback,
        Self::AxumClaimed,
        Self::AxumClaimedVerified,
        Self::AxumLayer,
        Self::AxumVerified,
        Self::TowerLayer,
    ];

    /// Those that claim before they handle.
    pub(crate) const CLAIMING: [Self; 7] = [
        Self::ActixClaimed,
        Self::ActixClaimedVerified,
        Self::ActixMiddleware,
        Self::AxumClaimed,
        Self::AxumClaimedVerified,
        Self::AxumLayer,
        Self::TowerLayer,
    ];

    pub(crate) fn is_actix(self) -> bool {
        matches!(
            self,
            Self::ActixCallback
                | Self::ActixClaimed
                | Self::ActixClaimedVerified
                | Self::ActixMiddleware
                | Self::ActixTyped
                | Self::ActixVerified
        )
    }

    /// Serves on a free port.
    pub(crate) async fn serve(
        self,
        receiver: Receiver,
        guard: Arc<dyn DuplicateGuard>,
        handler: &Handler,
    ) -> SocketAddr {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { receiver, guard, handler: handler.clone() };
        match self {
            _ if self.is_actix() => self.serve_actix(listener, state),
            Self::TowerLayer => serve_hyper(listener, state),
            _ => self.serve_axum(listener, state),
        }
        address
    }

    fn serve_axum(self, listener: StdListener, state: State) {
        let route = match self {
            Self::AxumCallback => post(axum_callback),
            Self::AxumClaimed => post(axum_claimed),
            Self::AxumClaimedVerified => post(axum_claimed_verified),
            Self::AxumLayer => post(axum_behind_layer),
            Self::AxumTyped => post(axum_typed),
            _ => post(axum_verified),
        };
        let route = match self {
            Self::AxumLayer => {
                let layer = VerifyLayer::new(state.receiver.clone());
                route.layer(layer.with_duplicates(Arc::clone(&state.guard)))
            }
            _ => route,
        };
        let router = Router::new().route(PATH, route).with_state(state);
        let listener = TcpListener::from_std(listener).unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    /// On a thread of its own: actix-web brings its own kind of runtime.
    fn serve_actix(self, listener: StdListener, state: State) {
        std::thread::spawn(move || {
            let app = move || {
                let route = match self {
                    Self::ActixCallback => web::post().to(actix_callback),
                    Self::ActixClaimed => web::post().to(actix_claimed),
                    Self::ActixClaimedVerified => web::post().to(actix_claimed_verified),
                    Self::ActixTyped => web::post().to(actix_typed),
                    Self::ActixVerified => web::post().to(actix_verified),
                    _ => {
                        let layer = ours_actix::VerifyCallbacks::new(state.receiver.clone());
                        let layer = layer.with_duplicates(Arc::clone(&state.guard));
                        web::post().to(actix_behind_middleware).wrap(layer)
                    }
                };
                App::new()
                    .app_data(web::Data::new(state.receiver.clone()))
                    .app_data(web::Data::from(Arc::clone(&state.guard)))
                    .app_data(web::Data::new(state.handler.clone()))
                    .route(PATH, route)
            };
            let server = HttpServer::new(app).workers(1).disable_signals();
            let server = server.listen(listener).unwrap().run();
            actix_web::rt::System::new().block_on(server).unwrap();
        });
    }
}

const PATH: &str = "/webhooks/callback";

/// Plain hyper, without a framework.
fn serve_hyper(listener: StdListener, state: State) {
    let listener = TcpListener::from_std(listener).unwrap();
    let handler = state.handler;
    let service = VerifyLayer::new(state.receiver).with_duplicates(state.guard).layer(service_fn(
        move |request: Request<Full<Bytes>>| {
            let handler = handler.clone();
            async move {
                let (parts, body) = request.into_parts();
                let received: &Received<Bytes> = parts.extensions.get().unwrap();
                let bytes = body.collect().await.unwrap().to_bytes();
                let (status, body) = handler.handle(received, &bytes).await;
                let mut response = Response::new(Full::<Bytes>::from(body));
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                Ok::<_, Infallible>(response)
            }
        },
    ));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

#[derive(Clone, FromRef)]
struct State {
    receiver: Receiver,
    guard: Arc<dyn DuplicateGuard>,
    handler: Handler,
}

type AxumResponse = (StatusCode, String);

fn axum_response((status, body): (u16, String)) -> AxumResponse {
    (StatusCode::from_u16(status).unwrap(), body)
}

async fn axum_callback(
    axum::extract::State(handler): axum::extract::State<Handler>,
    ours_axum::Callback(received): ours_axum::Callback,
) -> AxumResponse {
    let bytes = received.body().as_bytes();
    axum_response(handler.handle(&received, bytes).await)
}

async fn axum_verified(
    axum::extract::State(handler): axum::extract::State<Handler>,
    ours_axum::Verified(body, received): ours_axum::Verified<Bytes>,
) -> AxumResponse {
    axum_response(handler.handle(&received, &body).await)
}

async fn axum_claimed(
    axum::extract::State(handler): axum::extract::State<Handler>,
    ours_axum::Claimed(ours_axum::Callback(received), attempt): ours_axum::Claimed<
        ours_axum::Callback,
    >,
) -> AxumResponse {
    let bytes = received.body().as_bytes();
    axum_response(handler.handle_once(&received, bytes, attempt).await)
}

async fn axum_claimed_verified(
    axum::extract::State(handler): axum::extract::State<Handler>,
    ours_axum::Claimed(ours_axum::Verified(axum::Json(json), received), attempt): ours_axum::Claimed<
        ours_axum::Verified<axum::Json<Value>>,
    >,
) -> AxumResponse {
    assert_eq!(json["EventName"], received.event().name().as_str());
    let bytes = received.body().as_bytes();
    axum_response(handler.handle_once(&received, bytes, attempt).await)
}

async fn axum_behind_layer(
    axum::extract::State(handler): axum::extract::State<Handler>,
    axum::Extension(received): axum::Extension<Received<Bytes>>,
    body: Bytes,
) -> AxumResponse {
    axum_response(handler.handle(&received, &body).await)
}

fn actix_response((status, body): (u16, String)) -> HttpResponse {
    HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap()).body(body)
}

async fn actix_callback(
    handler: web::Data<Handler>,
    ours_actix::Callback(received): ours_actix::Callback,
) -> HttpResponse {
    let bytes = received.body().as_bytes();
    actix_response(handler.handle(&received, bytes).await)
}

async fn actix_verified(
    handler: web::Data<Handler>,
    ours_actix::Verified(body, received): ours_actix::Verified<Bytes>,
) -> HttpResponse {
    actix_response(handler.handle(&received, &body).await)
}

async fn actix_claimed(
    handler: web::Data<Handler>,
    ours_actix::Claimed(ours_actix::Callback(received), attempt): ours_actix::Claimed<
        ours_actix::Callback,
    >,
) -> HttpResponse {
    let bytes = received.body().as_bytes();
    actix_response(handler.handle_once(&received, bytes, attempt).await)
}

async fn actix_claimed_verified(
    handler: web::Data<Handler>,
    ours_actix::Claimed(ours_actix::Verified(json, received), attempt): ours_actix::Claimed<
        ours_actix::Verified<web::Json<Value>>,
    >,
) -> HttpResponse {
    assert_eq!(json["EventName"], received.event().name().as_str());
    let bytes = received.body().as_bytes();
    actix_response(handler.handle_once(&received, bytes, attempt).await)
}

async fn actix_behind_middleware(
    handler: web::Data<Handler>,
    received: web::ReqData<Received<Bytes>>,
    body: Bytes,
) -> HttpResponse {
    actix_response(handler.handle(&received, &body).await)
}

/// A type that some genuine bodies do not fit.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Typed {
    number: u8,
}

async fn axum_typed(
    axum::extract::State(handler): axum::extract::State<Handler>,
    ours_axum::Claimed(ours_axum::Verified(axum::Json(typed), received), attempt): ours_axum::Claimed<
        ours_axum::Verified<axum::Json<Typed>>,
    >,
) -> AxumResponse {
    assert_eq!(typed.number, 7);
    let bytes = received.body().as_bytes();
    axum_response(handler.handle_once(&received, bytes, attempt).await)
}

async fn actix_typed(
    handler: web::Data<Handler>,
    ours_actix::Claimed(ours_actix::Verified(typed, received), attempt): ours_actix::Claimed<
        ours_actix::Verified<web::Json<Typed>>,
    >,
) -> HttpResponse {
    assert_eq!(typed.number, 7);
    let bytes = received.body().as_bytes();
    actix_response(handler.handle_once(&received, bytes, attempt).await)
}

/// What a handler does at its first call, by the event's name; all later calls succeed.
pub(crate) const FAIL: &str = "fail";
pub(crate) const HOLD: &str = "hold";
pub(crate) const PANIC: &str = "panic";

/// Counts its calls by digest, and responds with the event's name and the length of the body.
#[derive(Clone)]
pub(crate) struct Handler {
    calls: Arc<Mutex<HashMap<String, Calls>>>,
    gate: Arc<Semaphore>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Calls {
    pub(crate) begun: usize,
    pub(crate) succeeded: usize,
}

impl Handler {
    pub(crate) fn new() -> Self {
        Self { calls: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    /// Releases one call that is held.
    pub(crate) fn open(&self) {
        self.gate.add_permits(1);
    }

    /// Of all callbacks.
    pub(crate) fn calls(&self) -> HashMap<String, Calls> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn calls_of(&self, digest: &str) -> Calls {
        self.calls().get(digest).copied().unwrap_or_default()
    }

    /// How often it was called at all.
    pub(crate) fn begun(&self) -> usize {
        self.calls().values().map(|calls| calls.begun).sum()
    }

    fn count<T>(&self, received: &Received<Bytes>, count: impl FnOnce(&mut Calls) -> T) -> T {
        let digest = received.digest().to_string();
        count(self.calls.lock().unwrap().entry(digest).or_default())
    }

    async fn handle(&self, received: &Received<Bytes>, bytes: &[u8]) -> (u16, String) {
        assert_eq!(bytes, received.body().as_bytes(), "the same bytes");
        let name = received.event().name().as_str();
        let is_first = self.count(received, |calls| {
            calls.begun += 1;
            calls.begun == 1
        });
        match name {
            FAIL if is_first => return (500, String::new()),
            HOLD if is_first => self.gate.acquire().await.unwrap().forget(),
            PANIC if is_first => panic!("as requested"),
            _ => {}
        }
        self.count(received, |calls| calls.succeeded += 1);
        (200, format!("{name} {}", bytes.len()))
    }

    async fn handle_once(
        &self,
        received: &Received<Bytes>,
        bytes: &[u8],
        attempt: Attempt,
    ) -> (u16, String) {
        assert_eq!(attempt.digest(), received.digest());
        let (status, body) = self.handle(received, bytes).await;
        if status == 200 {
            let _ = attempt.complete().await;
        }
        (status, body)
    }
}

/// The response as the sender sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: String,
}

impl Answer {
    /// A status and nothing else.
    pub(crate) fn status(status: u16) -> Self {
        Self { status, retry_after: None, body: String::new() }
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds.to_string());
        self
    }

    /// Parses a response, if it is complete.
    fn parse(response: &[u8]) -> Option<Self> {
        let response = String::from_utf8_lossy(response);
        let (head, body) = response.split_once("\r\n\r\n")?;
        let field = |name: &str| {
            let mut fields = head.lines().filter_map(|line| line.split_once(": "));
            let (_, value) = fields.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
            Some(value.to_owned())
        };
        let length: usize = field("content-length")?.parse().unwrap();
        (body.len() == length).then(|| Self {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            retry_after: field("retry-after"),
            body: body.to_owned(),
        })
    }
}

/// The head of a request, without the length of its body.
pub(crate) fn head(callback: &SignedRequest) -> Vec<u8> {
    let mut head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n").into_bytes();
    for (name, value) in &callback.headers {
        head.extend_from_slice(format!("{name}: ").as_bytes());
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head
}

/// The whole request with its length.
pub(crate) fn request(callback: &SignedRequest) -> Vec<u8> {
    let length = format!("content-length: {}\r\n\r\n", callback.body.len());
    [head(callback), length.into_bytes(), callback.body.to_vec()].concat()
}

/// The whole request in chunks of `size`.
pub(crate) fn chunked(callback: &SignedRequest, size: usize) -> Vec<u8> {
    let mut request = head(callback);
    request.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
    for chunk in callback.body.chunks(size) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

/// Sends bytes and reads the response; `None` if the connection ends without one.
pub(crate) async fn send(address: SocketAddr, request: &[u8]) -> Option<Answer> {
    send_and_count(address, request).await.0
}

/// [`send`] with the number of bytes that were sent until then.
pub(crate) async fn send_and_count(address: SocketAddr, request: &[u8]) -> (Option<Answer>, usize) {
    let mut sent = 0;
    let talk = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let read = async {
            let mut response = Vec::new();
            loop {
                let has_ended = reader.read_buf(&mut response).await.unwrap_or(0) == 0;
                let parsed = Answer::parse(&response);
                if has_ended || parsed.is_some() {
                    break parsed;
                }
            }
        };
        // A server that refuses early need not read everything: then writing fails, or goes on until the response arrives.
        let write = async {
            while let Ok(length @ 1..) = writer.write(&request[sent..]).await {
                let before = sent;
                sent += length;
                // The response needs time: a server may discard the body as fast as it is sent.
                if sent >> 20 != before >> 20 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            response = read => response,
            response = write => response,
        }
    };
    let response = tokio::time::timeout(PATIENCE, talk).await.expect("an end");
    (response, sent)
}

pub(crate) async fn deliver(address: SocketAddr, callback: &SignedRequest) -> Answer {
    send(address, &request(callback)).await.expect("an answer")
}

/// Waits for a condition that takes milliseconds.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect(what);
}

const PATIENCE: Duration = Duration::from_secs(30);

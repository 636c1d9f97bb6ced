//! Attacks on adapters and guards: each test states its invariant.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture as Boxed;
use http::{Request, Response, StatusCode};
use http_body_util::{Full, StreamBody};
use partner_center_webhooks::duplicates::{Attempt, DuplicateGuard, InMemory, Settled};
use partner_center_webhooks::tower::VerifyLayer;
use partner_center_webhooks::{Error, Receiver};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::support::{event, receiver, request};

// ---- responses -----------------------------------------------------------------------------------------------------------

/// Invariant: `InProgress` and an unknown state never get 2xx, because the running attempt may still fail. A refusal closure that
/// only replaces the body (or hides the status from forgers) must not be able to lose events.
#[tokio::test]
async fn a_replaced_refusal_never_turns_in_progress_into_success() {
    let gate = Arc::new(Semaphore::new(0));
    let inside = Arc::clone(&gate);
    let service = VerifyLayer::new(receiver())
        .with_duplicates(Arc::new(InMemory::new()))
        .with_refusal(|_: &Error| Response::new(Full::<Bytes>::from("not handled")))
        .layer(service_fn(move |_: Request<Full<Bytes>>| {
            let gate = Arc::clone(&inside);
            async move {
                gate.acquire().await.unwrap().forget();
                let mut failed = Response::new(Full::<Bytes>::default());
                *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                Ok::<_, Infallible>(failed)
            }
        }));
    let good = event("invoice-ready");
    let first = tokio::spawn(service.clone().oneshot(request(&good)));
    sleep(Duration::from_millis(100)).await;
    let second = service.oneshot(request(&good)).await.unwrap();
    gate.add_permits(1);
    assert_eq!(first.await.unwrap().unwrap().status(), 500);
    assert!(
        !second.status().is_success(),
        "the only delivery with a 2xx response was not handled: the event is lost"
    );
}

/// Invariant: no event is handled twice to completion while its claim is held. Here the sender disconnects (or a timeout around the
/// layer fires) while the handler's blocking work goes on and keeps the attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_outlives_a_cancelled_request_is_not_started_again() {
    let completed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&completed);
    let service = VerifyLayer::new(receiver()).with_duplicates(Arc::new(InMemory::new())).layer(
        service_fn(move |request: Request<Full<Bytes>>| {
            let count = Arc::clone(&count);
            let attempt: Attempt = request.extensions().get().cloned().unwrap();
            async move {
                let work = move || {
                    std::thread::sleep(Duration::from_millis(400));
                    count.fetch_add(1, Ordering::SeqCst);
                    let completed = attempt.complete().now_or_never();
                    assert_eq!(completed.unwrap(), Ok(Settled::Current));
                };
                tokio::task::spawn_blocking(work).await.unwrap();
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            }
        }),
    );
    let good = event("invoice-ready");
    let first = service.clone().oneshot(request(&good));
    let first = timeout(Duration::from_millis(150), first).await;
    assert!(first.is_err(), "cancelled");
    for _ in 0..20 {
        let again = service.clone().oneshot(request(&good)).await.unwrap();
        if again.status().is_success() {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_millis(500)).await;
    assert_eq!(completed.load(Ordering::SeqCst), 1, "handled to completion");
}

/// A service with one place, reserved by `poll_ready` as tower's `ConcurrencyLimit` does.
struct OnePlace {
    places: Arc<Semaphore>,
    waiting: Option<Boxed<'static, OwnedSemaphorePermit>>,
    place: Option<OwnedSemaphorePermit>,
}

impl Clone for OnePlace {
    fn clone(&self) -> Self {
        Self { places: Arc::clone(&self.places), waiting: None, place: None }
    }
}

impl Service<Request<Full<Bytes>>> for OnePlace {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Boxed<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.place.is_none() {
            let places = Arc::clone(&self.places);
            let waiting = self
                .waiting
                .get_or_insert_with(|| places.acquire_owned().map(Result::unwrap).boxed());
            let Poll::Ready(place) = waiting.poll_unpin(context) else {
                return Poll::Pending;
            };
            self.waiting = None;
            self.place = Some(place);
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let place = self.place.take().unwrap();
        async move {
            drop(place);
            Ok(Response::new(Full::default()))
        }
        .boxed()
    }
}

/// Invariant: unverified requests cost nothing. A forger that sends valid headers and half a body must not hold a place of the inner
/// service: a place is reserved only for a verified callback.
#[tokio::test]
async fn an_unverified_half_body_holds_no_place_of_the_inner_service() {
    let inner = OnePlace { places: Arc::new(Semaphore::new(1)), waiting: None, place: None };
    let service = VerifyLayer::new(receiver()).layer(inner);
    let good = event("invoice-ready");
    let mut stalled = Request::new(StreamBody::new(futures_util::stream::pending::<
        Result<http_body::Frame<Bytes>, Infallible>,
    >()));
    stalled.headers_mut().clone_from(&good.headers);
    let stranger = tokio::spawn(service.clone().oneshot(stalled));
    sleep(Duration::from_millis(50)).await;
    let genuine = timeout(Duration::from_secs(2), service.oneshot(request(&good))).await;
    stranger.abort();
    assert!(genuine.is_ok(), "a genuine callback waits for an unverified body");
}

/// Invariant: the sender receives a status and nothing else, whatever the reason. The 500 for a missing `web::Data` must not name
/// this crate's types.
#[test]
fn actix_does_not_reveal_its_configuration() {
    use actix_web::test::{TestRequest, call_and_read_body, init_service};
    use actix_web::{App, HttpResponse, web};
    use partner_center_webhooks::actix_web::Callback;
    actix_web::rt::System::new().block_on(async {
        let handler = |_: Callback| async { HttpResponse::Ok().finish() };
        let service = init_service(App::new().route("/", web::post().to(handler))).await;
        let request = TestRequest::post().uri("/").to_request();
        let body = call_and_read_body(&service, request).await;
        assert_eq!(body, "", "revealed to the sender");
    });
}

// ---- together ----------------------------------------------------------------------------------------------------------

/// Invariant: a service with the layer's guard around it and `Claimed` inside (the README shows the one, the rustdoc of axum the
/// other) works. A second claim would respond 503 to every delivery of every event, until all are lost.
#[tokio::test]
async fn a_guard_given_twice_does_not_lose_every_event() {
    use axum::Router;
    use axum::extract::FromRef;
    use axum::routing::post;
    use partner_center_webhooks::axum as ours;

    #[derive(Clone, FromRef)]
    struct State {
        receiver: Receiver,
        guard: Arc<dyn DuplicateGuard>,
    }
    let guard: Arc<dyn DuplicateGuard> = Arc::new(InMemory::new());
    let layer = VerifyLayer::new(receiver()).with_duplicates(Arc::clone(&guard));
    let handler = async |ours::Claimed(_, attempt): ours::Claimed<ours::Callback>| {
        let _ = attempt.complete().await;
    };
    let state = State { receiver: receiver(), guard };
    let router: Router = Router::new().route("/", post(handler).layer(layer)).with_state(state);
    let good = event("invoice-ready");
    let mut statuses = HashSet::new();
    for _ in 0..10 {
        let mut request = request(&good);
        *request.method_mut() = http::Method::POST;
        let response = router.clone().oneshot(request.map(axum::body::Body::new)).await;
        statuses.insert(response.unwrap().status().as_u16());
    }
    assert_ne!(statuses, HashSet::from([503]), "ten attempts, and the event is lost");
}

// ---- framing -----------------------------------------------------------------------------------------------------------

/// The whole response of a server to these bytes, until it closes or goes silent.
async fn talk(address: std::net::SocketAddr, request: &[u8]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut response = Vec::new();
    let _ = timeout(Duration::from_millis(700), stream.read_to_end(&mut response)).await;
    let response = String::from_utf8_lossy(&response).into_owned();
    let lines = response.lines().filter(|line| line.starts_with("HTTP/"));
    let statuses = lines.filter_map(|line| line.split(' ').nth(1));
    statuses.collect::<Vec<_>>().join(" ")
}

/// All adapters respond alike to every framing of a request that reaches them. In four cases the HTTP servers differ: actix-web
/// refuses ambiguous framing that hyper accepts, and sends 100 before the handler runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_adapters_respond_to_odd_framing_alike() {
    use crate::support::fronts::{Front, Handler, head};
    let mut differing = Vec::new();
    let mut all = BTreeMap::<&str, BTreeMap<String, Vec<Front>>>::new();
    for front in
        [Front::TowerLayer, Front::AxumCallback, Front::ActixCallback, Front::ActixMiddleware]
    {
        let handler = Handler::new();
        let address = front.serve(receiver(), Arc::new(InMemory::new()), &handler).await;
        let good = event("invoice-ready");
        let body = &good.body;
        let with = |rest: String| [head(&good), rest.into_bytes()].concat();
        let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", body.len(), String::from_utf8_lossy(body));
        let text = String::from_utf8_lossy(body);
        let length = body.len();
        let cases = [
            (
                "expect, valid",
                with(format!("expect: 100-continue\r\ncontent-length: {length}\r\n\r\n{text}")),
            ),
            (
                "expect, too long",
                with("expect: 100-continue\r\ncontent-length: 999999\r\n\r\n".into()),
            ),
            (
                "length and chunks",
                with(format!("content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n{chunk}")),
            ),
            (
                "two lengths",
                with(format!("content-length: {length}\r\ncontent-length: 999999\r\n\r\n{text}")),
            ),
            ("not a number", with(format!("content-length: x\r\n\r\n{text}"))),
            ("bad chunk", with("transfer-encoding: chunked\r\n\r\nzz\r\n".into())),
            (
                "content-encoding",
                with(format!("content-encoding: gzip\r\ncontent-length: {length}\r\n\r\n{text}")),
            ),
            ("gzip, chunked", with(format!("transfer-encoding: gzip, chunked\r\n\r\n{chunk}"))),
            (
                "length 0, then chunks",
                with(format!("transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n{chunk}")),
            ),
            ("lf only", with(format!("content-length: {length}\n\n{text}"))),
        ];
        for (what, request) in cases {
            let said = talk(address, &request).await;
            all.entry(what).or_default().entry(said).or_default().push(front);
        }
    }
    for (what, responses) in all {
        if responses.len() > 1 {
            differing.push(format!("{what}: {responses:?}"));
        }
    }
    assert_eq!(
        differing,
        [
            r#"expect, too long: {"100 413": [ActixCallback, ActixMiddleware], "413": [TowerLayer, AxumCallback]}"#,
            r#"gzip, chunked: {"200": [TowerLayer, AxumCallback], "400": [ActixCallback, ActixMiddleware]}"#,
            r#"length 0, then chunks: {"200": [TowerLayer, AxumCallback], "400": [ActixCallback, ActixMiddleware]}"#,
            r#"length and chunks: {"200": [TowerLayer, AxumCallback], "400": [ActixCallback, ActixMiddleware]}"#,
        ]
    );
}

/// A handler of actix-web that returns an error instead of a response has not handled the callback. Unsigned parts do not reach it as
/// if they were signed: neither a `Content-Encoding` nor a `Received` that was in the extensions before.
#[test]
fn actix_handlers_that_fail() {
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpMessage as _, HttpRequest, HttpResponse, web};
    use partner_center_webhooks::Received;
    use partner_center_webhooks::actix_web::VerifyCallbacks;

    actix_web::rt::System::new().block_on(async {
        let good = event("invoice-ready");
        let spoof = receiver().receive(&good.headers, Bytes::from("{}")).await;
        assert!(spoof.is_err(), "a wrong one cannot be made");
        let other = event("referral-created");
        let received = receiver().receive(&other.headers, other.body.clone()).await;
        let received = received.unwrap();

        let begun = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&begun);
        let handler = move |request: HttpRequest, received: web::ReqData<Received<Bytes>>| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(!request.headers().contains_key("content-encoding"));
                assert_eq!(received.event().name().as_str(), "invoice-ready");
                match number {
                    0 => Err(actix_web::error::ErrorInternalServerError("disk full")),
                    _ => Ok(HttpResponse::Ok().finish()),
                }
            }
        };
        let guard = Arc::new(InMemory::new());
        let layer = VerifyCallbacks::new(receiver()).with_duplicates(guard);
        let app = App::new().route("/", web::post().to(handler).wrap(layer));
        let service = init_service(app).await;
        let mut statuses = Vec::new();
        for _ in 0..3 {
            let mut request = TestRequest::post()
                .insert_header(("content-encoding", "gzip"))
                .set_payload(good.body.clone());
            for (name, value) in &good.headers {
                request = request.insert_header((name.as_str(), value.as_bytes()));
            }
            let request = request.to_request();
            request.extensions_mut().insert(received.clone());
            statuses.push(call_service(&service, request).await.status().as_u16());
        }
        assert_eq!(statuses, [500, 200, 200]);
        assert_eq!(
            begun.load(Ordering::SeqCst),
            2,
            "the third got the response of a handled callback"
        );
    });
}

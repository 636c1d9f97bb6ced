//! Attacks on adapters, guards and the conformance function by a hostile reviewer: each test says what should hold, and fails.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture as Boxed;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody};
use partner_center_webhooks::duplicates::{
    Claim, DuplicateGuard, GuardError, InMemory, Lease, Settled,
};
use partner_center_webhooks::http_client::BoxFuture;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::signature::BodyDigest;
use partner_center_webhooks::testing::Callback;
use partner_center_webhooks::tower::VerifyLayer;
use partner_center_webhooks::{Error, Receiver};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::support::{ISSUER, NOW, Scripted, chain};

fn receiver() -> Receiver {
    let source = Scripted::serving(&ISSUER.signer().unwrap());
    let builder = ReceiverBuilder::new(chain(), source).clock(|| NOW);
    builder.build().unwrap()
}

fn event(name: &str) -> Callback {
    let body = format!(r#"{{"EventName":"{name}"}}"#);
    ISSUER.signer().unwrap().callback(body).unwrap()
}

fn request(callback: &Callback) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(callback.body.clone()));
    request.headers_mut().clone_from(&callback.headers);
    request
}

// ---- answers -----------------------------------------------------------------------------------------------------------

/// What should hold: `InProgress` and an unknown state are never answered 2xx, because the running attempt may still fail. A
/// refusal closure that only means to replace the body (or to hide the status from forgers) must not be able to lose events.
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
        "the only delivery that was answered 2xx was not handled: the event is lost"
    );
}

/// A guard whose database hangs once the handler has run.
#[derive(Debug, Default)]
struct HangsWhenCompleting(InMemory);

impl DuplicateGuard for HangsWhenCompleting {
    fn claim(&self, digest: BodyDigest) -> BoxFuture<'_, Result<Claim, GuardError>> {
        self.0.claim(digest)
    }
    fn complete<'a>(&'a self, _: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(std::future::pending())
    }
    fn release<'a>(&'a self, _: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(std::future::pending())
    }
}

/// What should hold: "The answer stands whatever becomes of it" (`Attempt::settle`). A guard that hangs must not withhold the
/// answer for ever: with an outer timeout the sender hears 408, comes again, and the event is handled twice.
#[tokio::test]
async fn a_guard_that_hangs_does_not_withhold_the_handlers_answer() {
    let service = VerifyLayer::new(receiver())
        .with_duplicates(Arc::new(HangsWhenCompleting::default()))
        .layer(service_fn(async |_: Request<Full<Bytes>>| {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }));
    let answer = service.oneshot(request(&event("invoice-ready")));
    let answer = timeout(Duration::from_secs(3), answer).await;
    assert!(answer.is_ok(), "handled, and never answered");
}

/// What should hold: no event is handled twice to completion while its claim was never left. Here the sender goes away (or a
/// timeout around the layer strikes) while the handler's blocking work goes on, as in the shipped examples' `handle`; the claim
/// is given up at once, though the work still runs, and the layer gives the handler no hold on the claim.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_outlives_a_cancelled_request_is_not_begun_again_beside_it() {
    let completed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&completed);
    let service = VerifyLayer::new(receiver())
        .with_duplicates(Arc::new(InMemory::new()))
        .layer(service_fn(move |_: Request<Full<Bytes>>| {
            let count = Arc::clone(&count);
            async move {
                let work = move || {
                    std::thread::sleep(Duration::from_millis(400));
                    count.fetch_add(1, Ordering::SeqCst);
                };
                tokio::task::spawn_blocking(work).await.unwrap();
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            }
        }));
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

/// What should hold: what fails after the head was sent is not done. The layer completes at the head of the answer; a body
/// that breaks off reaches the sender as a broken answer, it delivers again, and is told 200 without the handler.
#[tokio::test]
async fn an_answer_whose_body_breaks_off_is_no_success() {
    type Breaking = StreamBody<
        futures_util::stream::Iter<std::vec::IntoIter<Result<http_body::Frame<Bytes>, String>>>,
    >;
    fn body(pieces: Vec<Result<http_body::Frame<Bytes>, String>>) -> Breaking {
        StreamBody::new(futures_util::stream::iter(pieces))
    }
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let service = VerifyLayer::new(receiver())
        .with_duplicates(Arc::new(InMemory::new()))
        .with_refusal(|error: &Error| {
            let mut answer = Response::new(body(Vec::new()));
            *answer.status_mut() = error.status();
            answer
        })
        .layer(service_fn(move |_: Request<Full<Bytes>>| {
            count.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, Infallible>(Response::new(body(vec![Err("disk full".into())]))) }
        }));
    let good = event("invoice-ready");
    let answer = service.clone().oneshot(request(&good)).await.unwrap();
    assert!(answer.into_body().collect().await.is_err(), "broken off");
    let _ = service.oneshot(request(&good)).await.unwrap();
    assert_eq!(
        begun.load(Ordering::SeqCst),
        2,
        "the next delivery is handled"
    );
}

/// A service with one place, reserved by `poll_ready` as tower's `ConcurrencyLimit` does.
struct OnePlace {
    places: Arc<Semaphore>,
    waiting: Option<Boxed<'static, OwnedSemaphorePermit>>,
    place: Option<OwnedSemaphorePermit>,
}

impl Clone for OnePlace {
    fn clone(&self) -> Self {
        Self {
            places: Arc::clone(&self.places),
            waiting: None,
            place: None,
        }
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

/// What should hold: strangers cost nothing. A forger who sends headers in order and half a body must not hold a place of the
/// service behind the layer: places are for genuine callbacks, and are to be asked for when a callback is known to be one.
#[tokio::test]
async fn a_stranger_with_half_a_body_holds_no_place_of_the_inner_service() {
    let inner = OnePlace {
        places: Arc::new(Semaphore::new(1)),
        waiting: None,
        place: None,
    };
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
    assert!(
        genuine.is_ok(),
        "a genuine callback waits for a stranger's body"
    );
}

/// What should hold: the sender is told a status and nothing else, whatever the reason. The 500 of a missing `web::Data` names
/// this crate's types.
#[test]
fn actix_tells_the_sender_nothing_of_its_configuration() {
    use actix_web::test::{TestRequest, call_and_read_body, init_service};
    use actix_web::{App, HttpResponse, web};
    use partner_center_webhooks::actix_web::Callback as Extracted;
    actix_web::rt::System::new().block_on(async {
        let handler = |_: Extracted| async { HttpResponse::Ok().finish() };
        let service = init_service(App::new().route("/", web::post().to(handler))).await;
        let request = TestRequest::post().uri("/").to_request();
        let body = call_and_read_body(&service, request).await;
        assert_eq!(body, "", "told to a stranger");
    });
}

// ---- together ----------------------------------------------------------------------------------------------------------

/// What should hold: a service with the layer's guard around it and `Claimed` inside (the README shows the one, the rustdoc of
/// axum the other) says at once that this cannot be. It answers 503 to every delivery of every event instead, until all are lost.
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
    let state = State {
        receiver: receiver(),
        guard,
    };
    let router: Router = Router::new()
        .route("/", post(handler).layer(layer))
        .with_state(state);
    let good = event("invoice-ready");
    let mut statuses = HashSet::new();
    for _ in 0..10 {
        let mut request = request(&good);
        *request.method_mut() = http::Method::POST;
        let answer = router
            .clone()
            .oneshot(request.map(axum::body::Body::new))
            .await;
        statuses.insert(answer.unwrap().status().as_u16());
    }
    assert_ne!(
        statuses,
        HashSet::from([503]),
        "ten attempts, and the event is lost"
    );
}

// ---- framing -----------------------------------------------------------------------------------------------------------

/// All that a server says to these bytes, until it closes or says no more.
async fn talk(address: std::net::SocketAddr, request: &[u8]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_millis(700), stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let lines = answer.lines().filter(|line| line.starts_with("HTTP/"));
    let statuses = lines.filter_map(|line| line.split(' ').nth(1));
    statuses.collect::<Vec<_>>().join(" ")
}

/// What should hold: "All three are driven by one table of cases and must answer alike", for every framing of a request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_adapters_answer_odd_framing_alike() {
    use crate::fronts::{Front, Handler, head};
    let mut differing = Vec::new();
    let mut all = HashMap::<&str, HashMap<String, Vec<Front>>>::new();
    for front in [
        Front::TowerLayer,
        Front::AxumCallback,
        Front::ActixCallback,
        Front::ActixMiddleware,
    ] {
        let handler = Handler::new();
        let address = front
            .serve(receiver(), Arc::new(InMemory::new()), &handler)
            .await;
        let good = event("invoice-ready");
        let body = &good.body;
        let with = |rest: String| [head(&good), rest.into_bytes()].concat();
        let chunk = format!(
            "{:x}\r\n{}\r\n0\r\n\r\n",
            body.len(),
            String::from_utf8_lossy(body)
        );
        let text = String::from_utf8_lossy(body);
        let length = body.len();
        let cases = [
            (
                "expect, in order",
                with(format!(
                    "expect: 100-continue\r\ncontent-length: {length}\r\n\r\n{text}"
                )),
            ),
            (
                "expect, too long",
                with("expect: 100-continue\r\ncontent-length: 999999\r\n\r\n".into()),
            ),
            (
                "length and chunks",
                with(format!(
                    "content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n{chunk}"
                )),
            ),
            (
                "two lengths",
                with(format!(
                    "content-length: {length}\r\ncontent-length: 999999\r\n\r\n{text}"
                )),
            ),
            (
                "no number",
                with(format!("content-length: x\r\n\r\n{text}")),
            ),
            (
                "bad chunk",
                with("transfer-encoding: chunked\r\n\r\nzz\r\n".into()),
            ),
            (
                "content-encoding",
                with(format!(
                    "content-encoding: gzip\r\ncontent-length: {length}\r\n\r\n{text}"
                )),
            ),
            (
                "gzip, chunked",
                with(format!("transfer-encoding: gzip, chunked\r\n\r\n{chunk}")),
            ),
            (
                "length 0, then chunks",
                with(format!(
                    "transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n{chunk}"
                )),
            ),
            (
                "lf only",
                with(format!("content-length: {length}\n\n{text}")),
            ),
        ];
        for (what, request) in cases {
            let said = talk(address, &request).await;
            all.entry(what)
                .or_default()
                .entry(said)
                .or_default()
                .push(front);
        }
    }
    for (what, answers) in all {
        if answers.len() > 1 {
            differing.push(format!("{what}: {answers:?}"));
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
}

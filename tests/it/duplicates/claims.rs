//! Claims around handlers: when they start, what ends them, and what the sender receives meanwhile.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture as Boxed;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use partner_center_webhooks::duplicates::{
    Attempt, Claim, DuplicateError, DuplicateGuard, GuardError, InMemory, Lease, Settled,
};
use partner_center_webhooks::http_client::BoxFuture;
use partner_center_webhooks::signature::BodyDigest;
use partner_center_webhooks::testing::{SignedRequest, TestClock};
use partner_center_webhooks::tower::VerifyLayer;
use partner_center_webhooks::{Error, Receiver};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::support::{event, receiver, request};

const TEN: Duration = Duration::from_secs(10);
const DIGEST: BodyDigest = BodyDigest::from_bytes([7; 32]);

async fn digest_of(callback: &SignedRequest) -> BodyDigest {
    let received = receiver().receive(&callback.headers, &callback.body).await;
    received.unwrap().digest()
}

/// With tokio's clock.
fn in_memory() -> InMemory {
    let start = Instant::now();
    InMemory::new().with_clock(move || start.elapsed())
}

// ---- queues ------------------------------------------------------------------------------------------------------------

/// A service with a few places, reserved by `poll_ready` as tower's `ConcurrencyLimit` does, whose handler takes ten seconds.
struct Limited {
    places: Arc<Semaphore>,
    waiting: Option<Boxed<'static, OwnedSemaphorePermit>>,
    place: Option<OwnedSemaphorePermit>,
    handled: Arc<AtomicUsize>,
    is_broken: Arc<AtomicBool>,
}

impl Limited {
    fn to(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            waiting: None,
            place: None,
            handled: Arc::default(),
            is_broken: Arc::default(),
        }
    }
}

impl Clone for Limited {
    fn clone(&self) -> Self {
        Self {
            places: Arc::clone(&self.places),
            waiting: None,
            place: None,
            handled: Arc::clone(&self.handled),
            is_broken: Arc::clone(&self.is_broken),
        }
    }
}

impl Service<Request<Full<Bytes>>> for Limited {
    type Response = Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = Boxed<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.is_broken.load(Ordering::SeqCst) {
            return Poll::Ready(Err("broken"));
        }
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
        let (place, handled) = (self.place.take().unwrap(), Arc::clone(&self.handled));
        async move {
            sleep(TEN).await;
            handled.fetch_add(1, Ordering::SeqCst);
            drop(place);
            Ok(Response::new(Full::default()))
        }
        .boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_starts_with_the_handler_and_not_in_the_queue() {
    let inner = Limited::to(1);
    let guard = Arc::new(in_memory().with_lease(TEN * 2));
    let layer = VerifyLayer::new(receiver()).with_duplicates(guard);
    let service = layer.layer(inner.clone());
    let good = event("invoice-ready");
    let busy = Arc::clone(&inner.places).acquire_owned().await.unwrap();
    let first = tokio::spawn(service.clone().oneshot(request(&good)));
    sleep(TEN * 3).await; // longer than the lease
    let second = tokio::spawn(service.clone().oneshot(request(&good)));
    sleep(TEN).await;
    drop(busy);
    let responses = [first.await.unwrap(), second.await.unwrap()];
    let statuses = responses.map(|response| response.unwrap().status());
    assert_eq!(statuses, [StatusCode::OK; 2]);
    assert_eq!(inner.handled.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_claimed_in_the_queue() {
    let inner = Limited::to(1);
    let guard = Arc::new(Counting::default());
    let claims = || guard.claims.load(Ordering::SeqCst);
    let layer = VerifyLayer::new(receiver()).with_duplicates(Arc::<Counting>::clone(&guard));
    let service = layer.layer(inner.clone());
    let good = event("invoice-ready");
    let busy = Arc::clone(&inner.places).acquire_owned().await.unwrap();
    let queued = timeout(TEN, service.clone().oneshot(request(&good))).await;
    assert!(queued.is_err(), "the client hangs up");
    // Neither then nor by a broken service.
    inner.is_broken.store(true, Ordering::SeqCst);
    let response = service.clone().oneshot(request(&good)).await;
    assert_eq!(response.unwrap_err(), "broken");
    assert_eq!(claims(), 0);
    // The twin: with a free place, it is claimed.
    inner.is_broken.store(false, Ordering::SeqCst);
    drop(busy);
    let handling = timeout(TEN / 2, service.oneshot(request(&good))).await;
    assert!(handling.is_err(), "it is being handled");
    assert_eq!((claims(), inner.handled.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_gives_its_place_back() {
    let inner = Limited::to(1);
    let guard: Arc<dyn DuplicateGuard> = Arc::new(in_memory());
    let layer = VerifyLayer::new(receiver()).with_duplicates(Arc::clone(&guard));
    let service = layer.layer(inner.clone());
    let good = event("invoice-ready");
    let elsewhere = Attempt::claim(&guard, digest_of(&good).await).await.unwrap();
    for expected in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK] {
        if expected == StatusCode::OK {
            elsewhere.clone().complete().await.unwrap();
        }
        for _ in 0..3 {
            let response = service.clone().oneshot(request(&good)).await.unwrap();
            assert_eq!(response.status(), expected);
            assert_eq!(inner.places.available_permits(), 1);
        }
    }
    assert_eq!(inner.handled.load(Ordering::SeqCst), 0);
    let other = service.oneshot(request(&event("other"))).await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
    assert_eq!(inner.handled.load(Ordering::SeqCst), 1);
}

// ---- work that goes on -------------------------------------------------------------------------------------------------

/// Work that a handler leaves behind when it responds at once.
#[derive(Clone)]
struct Work {
    /// Whether work goes on, with a clone of the attempt.
    goes_on: bool,
    succeeds: bool,
    begun: Arc<AtomicUsize>,
    end: Arc<Notify>,
}

impl Work {
    fn new(goes_on: bool, succeeds: bool) -> Self {
        Self { goes_on, succeeds, begun: Arc::default(), end: Arc::default() }
    }

    fn begin(&self, attempt: Attempt) -> impl Future<Output = ()> + use<> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let (end, succeeds) = (Arc::clone(&self.end), self.succeeds);
        let attempt = self.goes_on.then_some(attempt);
        async move {
            let Some(attempt) = attempt else { return };
            end.notified().await;
            if succeeds {
                attempt.complete().await.unwrap();
            }
        }
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// Ends all ongoing work.
    async fn end(&self) {
        settle_down().await; // until all of it waits for the end
        self.end.notify_waiters();
        settle_down().await;
    }
}

/// Lets spawned tasks run as far as they can.
async fn settle_down() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

/// (Whether work goes on, whether it succeeds; the second delivery's response, the number of starts by then, the same after the end.)
const COURSES: [(bool, bool, u16, usize, u16, usize); 3] =
    [(true, true, 503, 1, 200, 1), (true, false, 503, 1, 504, 2), (false, false, 504, 2, 504, 3)];

/// A timeout inside the layer responds 504 while the abandoned work goes on: the work keeps its claim.
#[tokio::test]
async fn a_failed_response_leaves_the_claim_to_ongoing_work_in_tower() {
    for is_error in [false, true] {
        for (goes_on, succeeds, meanwhile, begun, afterwards, begun_at_last) in COURSES {
            let work = Work::new(goes_on, succeeds);
            let inside = work.clone();
            let layer = VerifyLayer::new(receiver()).with_duplicates(Arc::new(InMemory::new()));
            let service = layer.layer(service_fn(move |request: Request<Full<Bytes>>| {
                let attempt: Attempt = request.extensions().get().cloned().unwrap();
                tokio::spawn(inside.begin(attempt));
                async move {
                    let failed = Response::builder().status(504);
                    match is_error {
                        true => Err("the service is broken"),
                        false => Ok(failed.body(Full::<Bytes>::default()).unwrap()),
                    }
                }
            }));
            let good = event("invoice-ready");
            let deliver = async || match service.clone().oneshot(request(&good)).await {
                Ok(response) => response.status().as_u16(),
                Err(_) => 504,
            };
            assert_eq!((deliver().await, work.begun()), (504, 1));
            let second = (deliver().await, work.begun());
            assert_eq!(second, (meanwhile, begun), "{goes_on}");
            work.end().await;
            let third = (deliver().await, work.begun());
            assert_eq!(third, (afterwards, begun_at_last), "{goes_on} {succeeds}");
        }
    }
}

#[test]
fn a_failed_response_leaves_the_claim_to_ongoing_work_in_actix() {
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpResponse, web};
    use partner_center_webhooks::actix_web::VerifyCallbacks;

    actix_web::rt::System::new().block_on(async {
        for is_error in [false, true] {
            for (goes_on, succeeds, meanwhile, begun, afterwards, begun_at_last) in COURSES {
                let work = Work::new(goes_on, succeeds);
                let inside = work.clone();
                let handler = move |attempt: web::ReqData<Attempt>| {
                    actix_web::rt::spawn(inside.begin(attempt.into_inner()));
                    async move {
                        match is_error {
                            true => Err(actix_web::error::ErrorGatewayTimeout("late")),
                            false => Ok(HttpResponse::GatewayTimeout().finish()),
                        }
                    }
                };
                let layer = VerifyCallbacks::new(receiver());
                let layer = layer.with_duplicates(Arc::new(InMemory::new()));
                let app = App::new().route("/", web::post().to(handler).wrap(layer));
                let service = init_service(app).await;
                let good = event("invoice-ready");
                let deliver = async || {
                    let mut request = TestRequest::post().set_payload(good.body.clone());
                    for (name, value) in &good.headers {
                        request = request.insert_header((name.as_str(), value.as_bytes()));
                    }
                    let response = call_service(&service, request.to_request()).await;
                    response.status().as_u16()
                };
                assert_eq!((deliver().await, work.begun()), (504, 1));
                let second = (deliver().await, work.begun());
                assert_eq!(second, (meanwhile, begun), "{goes_on}");
                work.end().await;
                let third = (deliver().await, work.begun());
                assert_eq!(third, (afterwards, begun_at_last), "{goes_on} {succeeds}");
            }
        }
    });
}

/// With the layer around an axum handler, and with the extractor alone.
#[tokio::test]
async fn a_failed_response_leaves_the_claim_to_ongoing_work_in_axum() {
    use axum::extract::{FromRef, State};
    use axum::routing::post;
    use axum::{Extension, Router};
    use partner_center_webhooks::axum::{Callback, Claimed};

    #[derive(Clone, FromRef)]
    struct Service {
        receiver: Receiver,
        guard: Arc<dyn DuplicateGuard>,
        work: Work,
    }
    async fn behind(
        State(work): State<Work>,
        Extension(attempt): Extension<Attempt>,
    ) -> StatusCode {
        tokio::spawn(work.begin(attempt));
        StatusCode::GATEWAY_TIMEOUT
    }
    async fn alone(State(work): State<Work>, Claimed(_, attempt): Claimed<Callback>) -> StatusCode {
        tokio::spawn(work.begin(attempt));
        StatusCode::GATEWAY_TIMEOUT
    }
    for has_layer in [false, true] {
        for (goes_on, succeeds, meanwhile, begun, afterwards, begun_at_last) in COURSES {
            let work = Work::new(goes_on, succeeds);
            let guard: Arc<dyn DuplicateGuard> = Arc::new(InMemory::new());
            let layer = VerifyLayer::new(receiver()).with_duplicates(Arc::clone(&guard));
            let route = match has_layer {
                true => post(behind).layer(layer),
                false => post(alone),
            };
            let router: Router = Router::new().route("/", route).with_state(Service {
                receiver: receiver(),
                guard,
                work: work.clone(),
            });
            let good = event("invoice-ready");
            let deliver = async || {
                let mut request = request(&good).map(axum::body::Body::new);
                *request.method_mut() = http::Method::POST;
                let response = router.clone().oneshot(request).await.unwrap();
                response.status().as_u16()
            };
            assert_eq!((deliver().await, work.begun()), (504, 1));
            let second = (deliver().await, work.begun());
            assert_eq!(second, (meanwhile, begun), "{has_layer} {goes_on}");
            work.end().await;
            let third = (deliver().await, work.begun());
            assert_eq!(third, (afterwards, begun_at_last), "{has_layer} {goes_on} {succeeds}");
        }
    }
}

/// Without ongoing work, the claim is released before the response is sent, not in a destructor, which cannot wait.
#[test]
fn a_failure_releases_before_the_response() {
    use actix_web::test::{TestRequest, init_service};
    use actix_web::{App, HttpResponse, web};
    use partner_center_webhooks::actix_web::VerifyCallbacks;

    let good = event("invoice-ready");
    let counts = |guard: &Counting| {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        (count(&guard.releases), count(&guard.abandoned))
    };
    actix_web::rt::System::new().block_on(async {
        let guard = Arc::new(Counting::default());
        let layer = VerifyCallbacks::new(receiver());
        let layer = layer.with_duplicates(Arc::<Counting>::clone(&guard));
        let handler = || async { HttpResponse::GatewayTimeout().finish() };
        let app = App::new().route("/", web::post().to(handler).wrap(layer));
        let service = init_service(app).await;
        let mut request = TestRequest::post().set_payload(good.body.clone());
        for (name, value) in &good.headers {
            request = request.insert_header((name.as_str(), value.as_bytes()));
        }
        let response = actix_web::test::call_service(&service, request.to_request()).await;
        assert_eq!((response.status().as_u16(), counts(&guard)), (504, (1, 0)));
        drop(response);
        assert_eq!(counts(&guard), (1, 0));

        let guard = Arc::new(Counting::default());
        let layer = VerifyLayer::new(receiver());
        let layer = layer.with_duplicates(Arc::<Counting>::clone(&guard));
        let service = layer.layer(service_fn(async |_: Request<Full<Bytes>>| {
            let failed = Response::builder().status(504);
            Ok::<_, Infallible>(failed.body(Full::<Bytes>::default()).unwrap())
        }));
        let response = service.oneshot(self::request(&good)).await.unwrap();
        assert_eq!((response.status().as_u16(), counts(&guard)), (504, (1, 0)));
    });
}

/// A success is a success for all clones.
#[tokio::test]
async fn a_successful_response_completes_for_ongoing_work() {
    let work = Work::new(true, false);
    let inside = work.clone();
    let layer = VerifyLayer::new(receiver()).with_duplicates(Arc::new(InMemory::new()));
    let service = layer.layer(service_fn(move |request: Request<Full<Bytes>>| {
        let attempt: Attempt = request.extensions().get().cloned().unwrap();
        tokio::spawn(inside.begin(attempt));
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    }));
    let good = event("invoice-ready");
    for _ in 0..2 {
        let response = service.clone().oneshot(request(&good)).await.unwrap();
        assert_eq!((response.status(), work.begun()), (StatusCode::OK, 1));
        work.end().await;
    }
}

/// Counts calls, and returns no remaining time of a lease, or fails.
#[derive(Debug, Default)]
struct Counting {
    guard: InMemory,
    is_down: AtomicBool,
    claims: AtomicUsize,
    releases: AtomicUsize,
    abandoned: AtomicUsize,
}

impl DuplicateGuard for Counting {
    fn claim(&self, digest: BodyDigest) -> BoxFuture<'_, Result<Claim, GuardError>> {
        self.claims.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            match self.guard.claim(digest).await {
                _ if self.is_down.load(Ordering::SeqCst) => Err(GuardError::new("failing over")),
                Ok(Claim::InProgress { .. }) => Ok(Claim::InProgress { lease_left: None }),
                claim => claim,
            }
        })
    }

    fn complete<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        self.guard.complete(lease)
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        self.releases.fetch_add(1, Ordering::SeqCst);
        self.guard.release(lease)
    }

    fn abandon(&self, lease: &Lease) {
        self.abandoned.fetch_add(1, Ordering::SeqCst);
        self.guard.abandon(lease);
    }
}

#[tokio::test]
async fn a_failed_response_drops_its_own_clone_and_the_last_one_releases() {
    let counting = Arc::new(Counting::default());
    let guard: Arc<dyn DuplicateGuard> = Arc::<Counting>::clone(&counting);
    let counts = || {
        let count = |counter: &AtomicUsize| counter.swap(0, Ordering::SeqCst);
        (count(&counting.releases), count(&counting.abandoned))
    };
    let attempt = Attempt::claim(&guard, DIGEST).await.unwrap();
    let work = attempt.clone();
    attempt.settle(504).await;
    assert_eq!(counts(), (0, 0));
    let busy = Attempt::claim(&guard, DIGEST).await.unwrap_err();
    assert_eq!(busy, DuplicateError::in_progress(DIGEST, None));
    // The last one releases and waits for it, or is abandoned if it cannot wait.
    work.settle(500).await;
    assert_eq!(counts(), (1, 0));
    let attempt = Attempt::claim(&guard, DIGEST).await.unwrap();
    let work = attempt.clone();
    attempt.settle(500).await;
    drop(work);
    assert_eq!(counts(), (0, 1));
    // An explicit release by the handler takes effect at once, whatever work goes on.
    let attempt = Attempt::claim(&guard, DIGEST).await.unwrap();
    let work = attempt.clone();
    assert_eq!(attempt.release().await, Ok(Settled::Current));
    assert_eq!(counts(), (1, 0));
    let attempt = Attempt::claim(&guard, DIGEST).await.unwrap();
    assert_eq!(work.complete().await, Ok(Settled::Stale));
    // So does a success, and nothing undoes it.
    let work = attempt.clone();
    let failed = attempt.clone();
    attempt.settle(204).await;
    failed.settle(500).await;
    assert_eq!(work.complete().await, Ok(Settled::Stale));
    assert_eq!(counts(), (0, 0));
    let done = Attempt::claim(&guard, DIGEST).await.unwrap_err();
    assert_eq!(done, DuplicateError::Done { digest: DIGEST });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_concurrently_failing_clones_releases() {
    let counting = Arc::new(Counting::default());
    let guard: Arc<dyn DuplicateGuard> = Arc::<Counting>::clone(&counting);
    for round in 1..=200 {
        let attempt = Attempt::claim(&guard, DIGEST).await.unwrap();
        let clones = std::iter::repeat_n(attempt, 8);
        let tasks = clones.map(|clone| tokio::spawn(clone.settle(500)));
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(counting.releases.load(Ordering::SeqCst), round);
        assert_eq!(counting.abandoned.load(Ordering::SeqCst), 0);
    }
}

// ---- what the sender receives -------------------------------------------------------------------------------------------

/// Delivers nine more times, obeying `Retry-After`, and returns the waits up to the first success.
async fn obey(guard: &Arc<dyn DuplicateGuard>, clock: &TestClock) -> Option<Vec<u64>> {
    let mut waits = Vec::new();
    let mut wait = TEN; // The first delivery got no response, because its machine crashed.
    for _ in 2..=10 {
        clock.advance(wait);
        let error = match Attempt::claim(guard, DIGEST).await {
            Ok(attempt) => {
                attempt.complete().await.unwrap();
                return Some(waits);
            }
            Err(error) => Error::from(error),
        };
        assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
        wait = error.retry_after().unwrap();
        waits.push(wait.as_secs());
    }
    None
}

async fn after_a_crash(lease: Duration) -> Option<Vec<u64>> {
    let clock = TestClock::default();
    let time = clock.clone();
    let guard = InMemory::new().with_lease(lease).with_clock(move || time.now());
    let guard: Arc<dyn DuplicateGuard> = Arc::new(guard);
    std::mem::forget(Attempt::claim(&guard, DIGEST).await.unwrap());
    obey(&guard, &clock).await
}

#[tokio::test]
async fn a_sender_that_obeys_retry_after_gets_its_event_handled() {
    let handled_after = |waits: &[u64]| Some(waits.to_vec());
    assert_eq!(after_a_crash(InMemory::LEASE).await, handled_after(&[110]));
    assert_eq!(after_a_crash(TEN).await, handled_after(&[]));
    assert_eq!(after_a_crash(TEN + Duration::from_millis(1)).await, handled_after(&[1]));
    assert_eq!(after_a_crash(TEN * 100).await, handled_after(&[300, 300, 300, 90]));
    let longest = Duration::from_secs(8 * 300 + 10);
    assert_eq!(after_a_crash(longest).await, handled_after(&[300; 8]));
    // The twin: a lease that no sender outlasts. The documentation warns of it.
    assert_eq!(after_a_crash(longest + TEN * 60).await, None);
}

#[tokio::test]
async fn a_lease_of_unknown_duration_is_outlasted_too() {
    let clock = TestClock::default();
    let time = clock.clone();
    let counting = Arc::new(Counting {
        guard: InMemory::new().with_clock(move || time.now()),
        ..Counting::default()
    });
    let guard: Arc<dyn DuplicateGuard> = Arc::<Counting>::clone(&counting);
    std::mem::forget(Attempt::claim(&guard, DIGEST).await.unwrap());
    assert_eq!(obey(&guard, &clock).await, Some(vec![120]));

    // Down for four minutes.
    counting.is_down.store(true, Ordering::SeqCst);
    let mut waited = Duration::ZERO;
    for _ in 2..=10 {
        let error = Error::from(Attempt::claim(&guard, DIGEST).await.unwrap_err());
        assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
        waited += error.retry_after().unwrap();
    }
    assert!(waited > Duration::from_secs(240), "{waited:?}");
}

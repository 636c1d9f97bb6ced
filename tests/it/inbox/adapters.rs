//! The adapters respond alike: 2xx only after the commit, and 503 on any doubt.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::{App, HttpResponse, web};
use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body_util::Full;
use partner_center_webhooks::duplicates::Settled;
use partner_center_webhooks::event::EventName;
use partner_center_webhooks::http_client::BoxFuture;
use partner_center_webhooks::inbox::tower::StoreService;
use partner_center_webhooks::inbox::{
    ClaimToken, Claimed, Entry, Filter, Inbox, InboxEndpoint, InboxError, Page, Record,
    RefusedRequest, RefusedRing, Retention, State, Stats, Stored, VerifiedCallback,
};
use partner_center_webhooks::testing::{MemoryInbox, SignedRequest};
use tokio::sync::Notify;
use tower::ServiceExt as _;

use crate::support::{body, count, receiver, request};

/// An inbox whose stores fail, or commit only when they are told to.
#[derive(Debug, Default)]
struct Moody {
    inner: MemoryInbox,
    is_down: AtomicBool,
    is_slow: AtomicBool,
    reached: Notify,
    commit: Notify,
}

type Boxed<'a, T> = BoxFuture<'a, Result<T, InboxError>>;

impl Inbox for Moody {
    fn store<'a>(&'a self, callback: &'a VerifiedCallback) -> Boxed<'a, Stored> {
        Box::pin(async move {
            if self.is_down.load(Ordering::SeqCst) {
                return Err(InboxError::unavailable("on purpose"));
            }
            if self.is_slow.load(Ordering::SeqCst) {
                self.reached.notify_one();
                self.commit.notified().await;
            }
            self.inner.store(callback).await
        })
    }
    fn claim(&self, limit: NonZeroU32, lease: Duration) -> Boxed<'_, Vec<Claimed>> {
        self.inner.claim(limit, lease)
    }
    fn extend(&self, token: ClaimToken, lease: Duration) -> Boxed<'_, Settled> {
        self.inner.extend(token, lease)
    }
    fn complete(&self, token: ClaimToken) -> Boxed<'_, Settled> {
        self.inner.complete(token)
    }
    fn fail<'a>(&'a self, token: ClaimToken, error: &'a str, by: Duration) -> Boxed<'a, Settled> {
        self.inner.fail(token, error, by)
    }
    fn park<'a>(&'a self, token: ClaimToken, error: &'a str) -> Boxed<'a, Settled> {
        self.inner.park(token, error)
    }
    fn discard_claimed(&self, token: ClaimToken) -> Boxed<'_, Settled> {
        self.inner.discard_claimed(token)
    }
    fn release(&self, token: ClaimToken) -> Boxed<'_, Settled> {
        self.inner.release(token)
    }
    fn changed(&self) -> BoxFuture<'_, ()> {
        self.inner.changed()
    }
    fn list<'a>(&'a self, filter: &'a Filter, page: Page) -> Boxed<'a, Vec<Entry>> {
        self.inner.list(filter, page)
    }
    fn export<'a>(&'a self, filter: &'a Filter, page: Page) -> Boxed<'a, Vec<Record>> {
        self.inner.export(filter, page)
    }
    fn retry<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, u64> {
        self.inner.retry(filter)
    }
    fn discard<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, u64> {
        self.inner.discard(filter)
    }
    fn prune(&self, age: Duration, retention: Retention, limit: NonZeroU32) -> Boxed<'_, u64> {
        self.inner.prune(age, retention, limit)
    }
    fn stats(&self) -> Boxed<'_, Stats> {
        self.inner.stats()
    }
}

/// Status and `Retry-After`.
type Answer = (u16, Option<String>);

/// A front delivers one request.
type Front = Box<dyn Fn(SignedRequest) -> futures_util::future::LocalBoxFuture<'static, Answer>>;

fn of_axum(endpoint: InboxEndpoint) -> Front {
    use partner_center_webhooks::inbox::axum::StoredCallback;
    async fn callback(StoredCallback(accepted): StoredCallback) -> String {
        accepted.callback.digest().to_string()
    }
    let router = Router::new().route("/", post(callback)).with_state(endpoint);
    Box::new(move |signed| {
        let router = router.clone();
        Box::pin(async move {
            let mut request = Request::post("/").body(axum::body::Body::from(signed.body)).unwrap();
            *request.headers_mut() = signed.headers;
            request.extensions_mut().insert(peer());
            answer(&router.oneshot(request).await.unwrap())
        })
    })
}

fn of_tower(endpoint: InboxEndpoint) -> Front {
    let service = StoreService::new(endpoint);
    Box::new(move |signed| {
        let service = service.clone();
        Box::pin(async move {
            let mut request = Request::new(Full::new(signed.body));
            *request.headers_mut() = signed.headers;
            request.extensions_mut().insert(peer());
            let response: Response<Full<Bytes>> = service.oneshot(request).await.unwrap();
            answer(&response)
        })
    })
}

fn of_actix(endpoint: InboxEndpoint) -> Front {
    use partner_center_webhooks::inbox::actix_web::StoredCallback;
    async fn callback(StoredCallback(accepted): StoredCallback) -> HttpResponse {
        HttpResponse::Ok().body(accepted.callback.digest().to_string())
    }
    Box::new(move |signed| {
        let endpoint = endpoint.clone();
        Box::pin(async move {
            let app =
                App::new().app_data(web::Data::new(endpoint)).route("/", web::post().to(callback));
            let app = actix_web::test::init_service(app).await;
            let mut request = actix_web::test::TestRequest::post()
                .uri("/")
                .set_payload(signed.body)
                .peer_addr(peer());
            for (name, value) in &signed.headers {
                request = request.insert_header((name.as_str(), value.as_bytes()));
            }
            let response = actix_web::test::call_service(&app, request.to_request()).await;
            let wait = response.headers().get("retry-after");
            let wait = wait.map(|wait| wait.to_str().unwrap().to_owned());
            (response.status().as_u16(), wait)
        })
    })
}

/// Of each request.
fn peer() -> SocketAddr {
    "192.0.2.7:4711".parse().unwrap()
}

fn answer<B>(response: &Response<B>) -> Answer {
    let wait = response.headers().get("retry-after");
    (response.status().as_u16(), wait.map(|wait| wait.to_str().unwrap().to_owned()))
}

fn fronts() -> Vec<(&'static str, Arc<Moody>, Front)> {
    type Make = fn(InboxEndpoint) -> Front;
    let makers: [(_, Make); 3] = [("axum", of_axum), ("actix-web", of_actix), ("tower", of_tower)];
    let front = |(name, make): (&'static str, Make)| {
        let inbox = Arc::new(Moody::default());
        let endpoint = InboxEndpoint::new(receiver(), inbox.clone())
            .with_events([EventName::SubscriptionUpdated])
            .with_refused_ring(Arc::new(Ring(inbox.clone())));
        (name, inbox, make(endpoint))
    };
    makers.into_iter().map(front).collect()
}

/// The ring of the inbox inside.
#[derive(Debug)]
struct Ring(Arc<Moody>);

impl RefusedRing for Ring {
    fn keep<'a>(&'a self, request: &'a RefusedRequest) -> Boxed<'a, ()> {
        self.0.inner.keep(request)
    }
    fn refused(&self, limit: NonZeroU32) -> Boxed<'_, Vec<RefusedRequest>> {
        self.0.inner.refused(limit)
    }
    fn clear_refused(&self) -> Boxed<'_, u64> {
        self.0.inner.clear_refused()
    }
}

#[tokio::test]
async fn a_refused_request_is_kept_with_its_peer() {
    for (name, inbox, deliver) in fronts() {
        let forged = request(body(1, 9)).with_body("{}");
        assert_eq!(deliver(forged).await, (401, None), "{name}");
        let kept = loop {
            match inbox.inner.refused(NonZeroU32::MIN).await.unwrap().pop() {
                Some(kept) => break kept,
                None => tokio::task::yield_now().await,
            }
        };
        assert_eq!(kept.remote.as_deref(), Some("192.0.2.7:4711"), "{name}");
        assert_eq!((kept.kind.as_str(), kept.body.as_ref()), ("signature", b"{}".as_slice()));
    }
}

#[tokio::test]
async fn events_that_are_not_handled_are_kept_as_ignored() {
    for (name, inbox, deliver) in fronts() {
        let other = request(r#"{"EventName":"invoice-ready"}"#);
        for _ in 0..2 {
            assert_eq!(deliver(other.clone()).await, (200, None), "{name}");
        }
        assert_eq!(deliver(request(body(1, 9))).await, (200, None), "{name}");
        let stats = inbox.stats().await.unwrap();
        assert_eq!((stats.ignored, stats.pending), (1, 1), "{name}");
    }
}

#[tokio::test]
async fn what_is_stored_is_accepted_and_nothing_else() {
    for (name, inbox, deliver) in fronts() {
        let genuine = request(body(1, 9));
        let forged = genuine.clone().with_body("{}");
        let unsigned = genuine.clone().without_header("authorization");
        let oversized = request(vec![b'x'; 256 * 1024 + 1]);
        let oddity = request("not an event");

        assert_eq!(deliver(forged).await, (401, None), "{name}");
        assert_eq!(deliver(unsigned).await, (401, None), "{name}");
        assert_eq!(deliver(oversized).await, (413, None), "{name}");
        assert_eq!(count(&*inbox, State::Pending).await, 0, "{name}");

        inbox.is_down.store(true, Ordering::SeqCst);
        let down = (503, Some("30".to_owned()));
        assert_eq!(deliver(genuine.clone()).await, down, "{name}");
        assert_eq!(count(&*inbox, State::Pending).await, 0, "{name}");
        inbox.is_down.store(false, Ordering::SeqCst);

        for _ in 0..2 {
            assert_eq!(deliver(genuine.clone()).await, (200, None), "{name}");
            assert_eq!(count(&*inbox, State::Pending).await, 1, "{name}");
        }
        // Genuine, and nothing that this program can read: a later version may.
        assert_eq!(deliver(oddity).await, (200, None), "{name}");
        assert_eq!(count(&*inbox, State::Pending).await, 2, "{name}");
    }
}

#[tokio::test]
async fn the_response_waits_for_the_commit() {
    for (name, inbox, deliver) in fronts() {
        inbox.is_slow.store(true, Ordering::SeqCst);
        let mut response = deliver(request(body(1, 9)));
        tokio::select! {
            () = inbox.reached.notified() => {}
            early = &mut response => panic!("{name}: {early:?} before the commit"),
        }
        for _ in 0..100 {
            assert_eq!((&mut response).now_or_never(), None, "{name}: before the commit");
            tokio::task::yield_now().await;
        }
        inbox.commit.notify_one();
        assert_eq!(response.await, (200, None), "{name}");
    }
}

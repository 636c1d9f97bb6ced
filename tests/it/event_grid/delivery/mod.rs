//! The fake's deliveries to webhooks: ours behind axum, and others with every relevant behavior.

mod bodies;
mod handshakes;
mod requests;
mod retries;
mod tokens;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use partner_center_webhooks::event_grid::receive::axum::Delivery as Delivered;
use partner_center_webhooks::event_grid::receive::{
    GridEvent, WebhookReceiver, WebhookReceiverBuilder,
};
use partner_center_webhooks::testing::EventGrid;
use partner_center_webhooks::testing::event_grid::{
    Delivery, DeliverySchema, EventSubscription, SubscriptionState,
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::TcpListener;

const SECRET: &str = "kGZ4vN0mS2rQ8xTb";
const OTHER_SECRET: &str = "kGZ4vN0mS2rQ8xTc";
const SCHEMAS: [DeliverySchema; 2] = [DeliverySchema::CloudEvents, DeliverySchema::EventGrid];
/// 2026-11-21T00:00:00Z
const NOW: i64 = 1_795_219_200;

/// A fake that does not wait between attempts, at midnight.
async fn fake() -> EventGrid {
    let fake = EventGrid::start().await.unwrap();
    fake.configure(|settings| settings.speed = 0);
    fake.set_clock(|| OffsetDateTime::from_unix_timestamp(NOW).unwrap());
    fake
}

/// Serves on a free loopback port, and returns the URL for the subscription.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events?code={SECRET}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// The deliveries that the handler received, and its responses in turn, followed by 204.
#[derive(Clone)]
struct Hook {
    receiver: WebhookReceiver,
    seen: Arc<Mutex<Vec<Seen>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Seen {
    ids: Vec<String>,
    subscription: Option<String>,
    count: Option<u32>,
}

impl FromRef<Hook> for WebhookReceiver {
    fn from_ref(hook: &Hook) -> Self {
        hook.receiver.clone()
    }
}

/// The handler of the receiver's documentation.
async fn events(State(hook): State<Hook>, Delivered(notification): Delivered) -> StatusCode {
    let events = notification.events().iter();
    let ids = events.map(|event| match event {
        GridEvent::CloudEvent(event) => event.id().to_owned(),
        GridEvent::EventGrid(event) => event.id().to_owned(),
        GridEvent::Unrecognized(event) => panic!("{}", event.reason()),
    });
    hook.seen.lock().unwrap().push(Seen {
        ids: ids.collect(),
        subscription: notification.subscription().map(str::to_owned),
        count: notification.delivery_count(),
    });
    let answer = hook.answers.lock().unwrap().pop_front();
    match answer {
        // Never responds.
        Some(0) => std::future::pending().await,
        Some(status) => StatusCode::from_u16(status).unwrap(),
        None => StatusCode::NO_CONTENT,
    }
}

impl Hook {
    /// One of `receiver` that answers so, and the URL to subscribe.
    async fn of(receiver: WebhookReceiver, answers: &[u16]) -> (Self, String) {
        let hook = Self {
            receiver,
            seen: Arc::default(),
            answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
        };
        let url = serve(hook.router()).await;
        (hook, url)
    }

    async fn answering(answers: &[u16]) -> (Self, String) {
        Self::of(builder().build().unwrap(), answers).await
    }

    fn router(&self) -> Router {
        let route = any(events);
        Router::new().route("/events", route).with_state(self.clone())
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn ids(&self) -> Vec<Vec<String>> {
        self.seen().into_iter().map(|seen| seen.ids).collect()
    }
}

fn builder() -> WebhookReceiverBuilder {
    WebhookReceiver::builder().query_secret("code", SECRET).unwrap()
}

fn with(
    subscription: EventSubscription,
    change: impl FnOnce(&mut EventSubscription),
) -> EventSubscription {
    let mut subscription = subscription;
    change(&mut subscription);
    subscription
}

fn orders(url: &str, schema: DeliverySchema) -> EventSubscription {
    with(EventSubscription::new("orders", url), |it| it.schema = schema)
}

fn event(schema: DeliverySchema, id: usize) -> Value {
    let id = id.to_string();
    match schema {
        DeliverySchema::EventGrid => json!({
            "id": id, "topic": "/topics/a", "subject": "orders/7", "eventType": "Contoso.Ordered",
            "eventTime": "2026-11-21T00:00:00Z", "data": {"n": 7}, "metadataVersion": "1", "dataVersion": "2.1",
        }),
        _ => {
            json!({"specversion": "1.0", "id": id, "source": "/a", "type": "Contoso.Ordered", "data": {"n": 7}})
        }
    }
}

fn cloud_event(id: usize) -> Value {
    event(DeliverySchema::CloudEvents, id)
}

#[track_caller]
fn succeeded(state: &SubscriptionState) {
    assert!(matches!(state, SubscriptionState::Succeeded), "{state}");
}

/// The only delivery, when it is complete.
async fn the_delivery(fake: &EventGrid) -> Delivery {
    fake.settled().await;
    let [delivery] = &fake.deliveries()[..] else { panic!("one delivery") };
    delivery.clone()
}

/// The delivery of one CloudEvent to this endpoint.
async fn delivered_to(fake: &EventGrid, subscription: EventSubscription) -> Delivery {
    succeeded(&fake.subscribe(subscription).await.unwrap());
    fake.deliver("orders", [cloud_event(1)]).unwrap();
    the_delivery(fake).await
}

fn outcomes(delivery: &Delivery) -> Vec<&'static str> {
    let attempts = delivery.attempts().iter();
    attempts.map(|attempt| attempt.outcome()).collect()
}

fn ages(delivery: &Delivery) -> Vec<u64> {
    let attempts = delivery.attempts().iter();
    attempts.map(|attempt| attempt.age().as_secs()).collect()
}

/// The requests to a webhook whose responses are those of `respond`.
type Requests = Arc<Mutex<Vec<Request<Bytes>>>>;

async fn raw(
    respond: impl Fn(&Request<Bytes>) -> Response + Clone + Send + Sync + 'static,
) -> (Requests, String) {
    let requests = Requests::default();
    let record = Arc::clone(&requests);
    let route = any(move |request: Request<Body>| async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let request = Request::from_parts(head, body);
        let response = respond(&request);
        record.lock().unwrap().push(request);
        response
    });
    (requests, serve(Router::new().fallback(route)).await)
}

fn consenting(request: &Request<Bytes>) -> Response {
    let code = serde_json::from_slice::<Value>(request.body()).ok();
    let code = code.and_then(|body| body.pointer("/0/data/validationCode").cloned());
    let allowed = [("webhook-allowed-origin", "*"), ("webhook-allowed-rate", "60")];
    (allowed, json!({"validationResponse": code}).to_string()).into_response()
}

/// All headers except those of HTTP itself, sorted by name.
fn headers(request: &Request<Bytes>) -> Vec<(&str, &str)> {
    let headers = request.headers().iter();
    let mut headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .filter(|(name, _)| !["content-length", "host"].contains(name))
        .collect();
    headers.sort_unstable();
    headers
}

//! The fake's deliveries to web hooks: ours behind axum, and others that behave in every way that matters.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use partner_center_webhooks::body::BodyLimit;
use partner_center_webhooks::event_grid::receive::axum::Delivery as Delivered;
use partner_center_webhooks::event_grid::receive::{
    GridEvent, Incoming, WebhookReceiver, WebhookReceiverBuilder,
};
use partner_center_webhooks::event_grid::{
    AccessKey, ChannelName, CloudEvent, PublishEndpoint, Publisher,
};
use partner_center_webhooks::http_client::{HttpClient as _, Limits, ReqwestClient};
use partner_center_webhooks::testing::EventGrid;
use partner_center_webhooks::testing::event_grid::{
    DeletionNotice, Delivery, DeliverySchema, EventSubscription, GivenUp, Outcome, Routing,
    SubscriptionState,
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::event_grid_tokens::receiver_and_token;

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

/// Serves on a free port of loopback. Gives the URL to subscribe.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/events?code={SECRET}",
        listener.local_addr().unwrap()
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// What our receiver handed over, and what its handler answers in turn; then 204.
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

/// As the documentation of our receiver says to make one.
async fn events(State(hook): State<Hook>, Delivered(notification): Delivered) -> StatusCode {
    let ids = notification.events().iter().map(|event| match event {
        GridEvent::CloudEvent(event) => event.id().to_owned(),
        GridEvent::EventGrid(event) => event.id().to_owned(),
        other => panic!("an event of a known schema: {other:?}"),
    });
    hook.seen.lock().unwrap().push(Seen {
        ids: ids.collect(),
        subscription: notification.subscription().map(str::to_owned),
        count: notification.delivery_count(),
    });
    let answer = hook.answers.lock().unwrap().pop_front();
    match answer {
        // For ever.
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
        Router::new()
            .route("/events", route)
            .with_state(self.clone())
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn ids(&self) -> Vec<Vec<String>> {
        self.seen().into_iter().map(|seen| seen.ids).collect()
    }
}

fn builder() -> WebhookReceiverBuilder {
    WebhookReceiver::builder()
        .query_secret("code", SECRET)
        .unwrap()
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
    with(EventSubscription::new("orders", url), |it| {
        it.schema = schema
    })
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

/// The one delivery, when it has ended.
async fn the_delivery(fake: &EventGrid) -> Delivery {
    fake.settled().await;
    let [delivery] = &fake.deliveries()[..] else {
        panic!("one delivery")
    };
    delivery.clone()
}

/// What one CloudEvent becomes at this endpoint.
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

#[tokio::test]
async fn our_receiver_passes_both_handshakes_and_gets_events() {
    for schema in SCHEMAS {
        for rate in [None, 120.try_into().ok()] {
            let fake = fake().await;
            let (hook, url) = Hook::answering(&[]).await;
            let subscription = with(orders(&url, schema), |it| it.requested_rate = rate);
            succeeded(&fake.subscribe(subscription).await.unwrap());
            assert_eq!(fake.deliver("orders", [event(schema, 1)]).unwrap(), [1]);
            let delivery = the_delivery(&fake).await;
            assert_eq!(delivery.outcome(), Outcome::Delivered);
            assert_eq!(
                (outcomes(&delivery), ages(&delivery)),
                (vec!["Delivered"], vec![0])
            );
            let seen = Seen {
                ids: vec!["1".into()],
                subscription: Some("ORDERS".into()),
                count: Some(0),
            };
            assert_eq!(hook.seen(), [seen]);
            assert!(fake.dead_letters().is_empty());
        }
    }
}

/// The requests that a web hook got, which is the work of `answer`.
type Requests = Arc<Mutex<Vec<Request<Bytes>>>>;

async fn raw(
    answer: impl Fn(&Request<Bytes>) -> Response + Clone + Send + Sync + 'static,
) -> (Requests, String) {
    let requests = Requests::default();
    let record = Arc::clone(&requests);
    let route = any(move |request: Request<Body>| async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let request = Request::from_parts(head, body);
        let answer = answer(&request);
        record.lock().unwrap().push(request);
        answer
    });
    (requests, serve(Router::new().fallback(route)).await)
}

fn consenting(request: &Request<Bytes>) -> Response {
    let code = serde_json::from_slice::<Value>(request.body()).ok();
    let code = code.and_then(|body| body.pointer("/0/data/validationCode").cloned());
    let allowed = [
        ("webhook-allowed-origin", "*"),
        ("webhook-allowed-rate", "60"),
    ];
    (allowed, json!({"validationResponse": code}).to_string()).into_response()
}

/// All headers but those of HTTP itself, in order of their names.
fn headers(request: &Request<Bytes>) -> Vec<(&str, &str)> {
    let headers = request.headers().iter();
    let mut headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .filter(|(name, _)| !["content-length", "host"].contains(name))
        .collect();
    headers.sort_unstable();
    headers
}

#[tokio::test]
async fn the_requests_are_the_documented_ones() {
    let proof = |it: &mut EventSubscription| {
        it.headers
            .insert("x-secret", HeaderValue::from_static(SECRET));
        it.token = Some(Arc::new(|| "ey.ey.sig".to_owned()));
    };
    let proofs = [("authorization", "Bearer ey.ey.sig"), ("x-secret", SECRET)];
    for schema in SCHEMAS {
        for batch in [1, 2] {
            let fake = fake().await;
            let (requests, url) = raw(consenting).await;
            let subscription = with(orders(&url, schema), |it| {
                proof(it);
                it.max_events_per_batch = batch;
            });
            succeeded(&fake.subscribe(subscription).await.unwrap());
            fake.deliver("orders", [event(schema, 7)]).unwrap();
            assert_eq!(
                the_delivery(&fake).await.body(),
                requests.lock().unwrap()[1].body()
            );

            let requests = requests.lock().unwrap();
            let [handshake, notification] = &requests[..] else {
                panic!("two requests")
            };
            for request in [handshake, notification] {
                assert_eq!(request.uri().to_string(), format!("/events?code={SECRET}"));
            }
            assert!(!handshake.headers().contains_key("authorization"));
            assert!(!handshake.headers().contains_key("x-secret"));
            assert_eq!(notification.method(), Method::POST);
            let body: Value = serde_json::from_slice(notification.body()).unwrap();
            let mut expected = vec![
                ("aeg-delivery-count", "0"),
                ("aeg-event-type", "Notification"),
                ("aeg-subscription-name", "ORDERS"),
            ];
            match schema {
                DeliverySchema::EventGrid => {
                    assert_eq!(body, json!([event(schema, 7)]));
                    expected.push(("aeg-metadata-version", "1"));
                    expected.push(("content-type", "application/json; charset=utf-8"));
                }
                _ => {
                    expected.push(("aeg-metadata-version", "1.0"));
                    expected.push(("origin", "eventgrid.azure.net"));
                }
            }
            match (schema, batch) {
                (DeliverySchema::EventGrid, 1) => expected.push(("aeg-data-version", "2.1")),
                (DeliverySchema::EventGrid, _) => {}
                (_, 1) => {
                    assert_eq!(body, event(schema, 7));
                    expected.push((
                        "content-type",
                        "application/cloudevents+json; charset=utf-8",
                    ));
                }
                _ => {
                    assert_eq!(body, json!([event(schema, 7)]));
                    let media_type = "application/cloudevents-batch+json; charset=utf-8";
                    expected.push(("content-type", media_type));
                }
            }
            if batch == 1 {
                expected.push(("aeg-output-event-id", "7"));
            }
            expected.extend(proofs);
            expected.sort_unstable();
            assert_eq!(headers(notification), expected);
        }
    }
}

#[tokio::test]
async fn the_handshakes_are_the_documented_ones() {
    let fake = fake().await;
    let (requests, url) = raw(consenting).await;
    let take = || requests.lock().unwrap().pop().unwrap();
    let begin = format!("{}/eventsubscriptions/orders/validate?id=", fake.base_url());

    let subscription = with(orders(&url, DeliverySchema::CloudEvents), |it| {
        it.requested_rate = 120.try_into().ok();
        it.handshakes_bring_proof = true;
        it.headers
            .insert("x-secret", HeaderValue::from_static(SECRET));
    });
    succeeded(&fake.subscribe(subscription).await.unwrap());
    let request = take();
    assert_eq!(
        (request.method(), &request.body()[..]),
        (&Method::OPTIONS, &b""[..])
    );
    let callback = request.headers()["webhook-request-callback"]
        .to_str()
        .unwrap();
    assert!(callback.starts_with(&begin), "{callback}");
    assert_eq!(
        headers(&request),
        [
            ("webhook-request-callback", callback),
            ("webhook-request-origin", "eventgrid.azure.net"),
            ("webhook-request-rate", "120"),
            ("x-secret", SECRET),
        ]
    );

    let subscription = orders(&url, DeliverySchema::EventGrid);
    let topic = subscription.topic.clone();
    succeeded(&fake.subscribe(subscription).await.unwrap());
    let request = take();
    assert_eq!(
        headers(&request),
        [
            ("aeg-delivery-count", "0"),
            ("aeg-event-type", "SubscriptionValidation"),
            ("aeg-metadata-version", "1"),
            ("aeg-subscription-name", "ORDERS"),
            ("content-type", "application/json; charset=utf-8"),
        ]
    );
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let names: BTreeSet<_> = body[0].as_object().unwrap().keys().cloned().collect();
    let known = [
        "data",
        "dataVersion",
        "eventTime",
        "eventType",
        "id",
        "metadataVersion",
        "subject",
        "topic",
    ];
    assert_eq!(names, known.map(str::to_owned).into());
    let kind = "Microsoft.EventGrid.SubscriptionValidationEvent";
    assert_eq!(
        (&body[0]["eventType"], &body[0]["topic"]),
        (&json!(kind), &json!(topic))
    );
    assert_eq!(body[0]["eventTime"], "2026-11-21T00:00:00.0000000Z");
    assert!(
        body[0]["data"]["validationUrl"]
            .as_str()
            .unwrap()
            .starts_with(&begin)
    );
    assert_eq!(body.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn handshakes_that_fail() {
    let allowed = |origin: &'static str, rate: &'static str| {
        let headers = [
            ("webhook-allowed-origin", origin),
            ("webhook-allowed-rate", rate),
        ];
        let mut headers: HeaderMap = headers
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect();
        if rate.is_empty() {
            headers.remove("webhook-allowed-rate");
        }
        (StatusCode::OK, headers, "")
    };
    let said = |status: u16, body: &'static str| {
        (
            StatusCode::from_u16(status).unwrap(),
            HeaderMap::new(),
            body,
        )
    };
    let (cloud_events, event_grid) = (DeliverySchema::CloudEvents, DeliverySchema::EventGrid);
    let rate = "(expected a number above 0, or `*`)";
    for (schema, answer, state) in [
        (cloud_events, allowed("*", "*"), "Succeeded".to_owned()),
        (cloud_events, allowed("EventGrid.Azure.Net", "1"), "Succeeded".to_owned()),
        (cloud_events, said(200, ""), "AwaitingManualAction".to_owned()),
        (
            cloud_events,
            allowed("contoso.example", "*"),
            "Failed: `WebHook-Allowed-Origin` is `contoso.example` (expected `eventgrid.azure.net` or `*`)".to_owned(),
        ),
        (
            cloud_events,
            allowed("*", "0"),
            format!("Failed: `WebHook-Allowed-Rate` is `0` {rate}"),
        ),
        (
            cloud_events,
            allowed("*", ""),
            format!("Failed: `WebHook-Allowed-Rate` is `` {rate}"),
        ),
        (
            cloud_events,
            said(204, ""),
            "Failed: the handshake was answered 204 (expected 200)".to_owned(),
        ),
        (event_grid, said(200, "{}"), "AwaitingManualAction".to_owned()),
        (event_grid, said(200, "thanks"), "AwaitingManualAction".to_owned()),
        (
            event_grid,
            said(200, r#"{"validationResponse":"guess"}"#),
            "Failed: `validationResponse` is `guess` (expected the `validationCode` that was sent)".to_owned(),
        ),
        (
            event_grid,
            said(202, r#"{"validationResponse":"guess"}"#),
            "Failed: the handshake was answered 202 (expected 200)".to_owned(),
        ),
    ] {
        let fake = fake().await;
        let (_, url) = raw(move |_| answer.clone().into_response()).await;
        let subscription = with(orders(&url, schema), |it| it.requested_rate = 60.try_into().ok());
        assert_eq!(fake.subscribe(subscription).await.unwrap().to_string(), state);
        let refused = fake.deliver("orders", [event(schema, 1)]).err();
        let expected = (state != "Succeeded")
            .then(|| format!("the event subscription `orders` is {state}, and gets no events"));
        assert_eq!(refused.map(|error| error.to_string()), expected);
    }
}

/// The refusals of our own receiver, each beside the handshakes above that pass.
#[tokio::test]
async fn our_receiver_refuses_handshakes() {
    let status = |status| format!("Failed: the handshake was answered {status} (expected 200)");
    for schema in SCHEMAS {
        let fake = fake().await;
        let (_, url) = Hook::answering(&[]).await;
        let wrong = url.replace(SECRET, OTHER_SECRET);
        let state = fake.subscribe(orders(&wrong, schema)).await.unwrap();
        assert_eq!(state.to_string(), status(401));

        let receiver = builder().expect_topic("/topics/other").build().unwrap();
        let (_, url) = Hook::of(receiver, &[]).await;
        fake.configure(|settings| settings.origin = "contoso.example".into());
        let state = fake.subscribe(orders(&url, schema)).await.unwrap();
        let expected = match schema {
            DeliverySchema::EventGrid => status(403),
            _ => status(405),
        };
        assert_eq!(state.to_string(), expected);
    }
    // Nobody is there.
    let fake = fake().await;
    let nowhere = orders("http://127.0.0.1:1/events", DeliverySchema::EventGrid);
    let state = fake.subscribe(nowhere).await.unwrap().to_string();
    let begin = "Failed: the handshake was not answered: no connection could be made: ";
    assert!(state.starts_with(begin), "{state}");
}

/// As our receiver does it that decides later: the URL of confirmation has to be Event Grid's.
#[tokio::test]
async fn consent_by_hand() {
    for schema in SCHEMAS {
        let fake = fake().await;
        let elsewhere = "https://rp-westeurope.eventgrid.azure.net:553";
        fake.configure(|settings| settings.confirmation_base_url = Some(elsewhere.into()));
        let receiver = builder().build().unwrap();
        let urls = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&urls);
        let undecided = any(move |request: Request<Body>| async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let query = head.uri.query();
            let incoming = receiver
                .receive(&head.method, query, &head.headers, &body)
                .await;
            let (url, answer) = match incoming.unwrap() {
                Incoming::Handshake(it) => (it.callback().unwrap().cloned(), it.leave_open()),
                Incoming::Validation(it) => (it.url().unwrap().cloned(), it.leave_open()),
                _ => return StatusCode::NO_CONTENT.into_response(),
            };
            noted.lock().unwrap().push(url.unwrap());
            answer.map(Body::from)
        });
        let url = serve(Router::new().fallback(undecided)).await;

        let http = ReqwestClient::new().unwrap();
        let call = async |method: Method, path: &str| {
            let url = format!("{}{path}", fake.base_url());
            let request = Request::builder()
                .method(method)
                .uri(url)
                .body(Bytes::new());
            let limits = Limits::new(Duration::from_secs(30), 1 << 20);
            http.send(request.unwrap(), limits)
                .await
                .unwrap()
                .status()
                .as_u16()
        };
        let path_of = |at: usize| {
            let urls = urls.lock().unwrap();
            let uri = urls[at].as_uri();
            assert_eq!(uri.host(), Some("rp-westeurope.eventgrid.azure.net"));
            uri.path_and_query().unwrap().to_string()
        };
        let state_of = |name| fake.subscription_state(name).map(|state| state.to_string());

        let state = fake.subscribe(orders(&url, schema)).await.unwrap();
        assert_eq!(state.to_string(), "AwaitingManualAction");
        assert!(fake.deliver("orders", [event(schema, 1)]).is_err());
        let path = path_of(0);
        assert_eq!(
            call(Method::GET, &path.replace("token=", "token=0")).await,
            404
        );
        assert_eq!(call(Method::DELETE, &path).await, 405);
        assert_eq!(state_of("orders").as_deref(), Some("AwaitingManualAction"));
        let confirmed = match schema {
            DeliverySchema::EventGrid => {
                assert_eq!(call(Method::POST, &path).await, 405);
                call(Method::GET, &path).await
            }
            _ => call(Method::POST, &path).await,
        };
        assert_eq!(
            (confirmed, state_of("ORDERS")),
            (200, Some("Succeeded".into()))
        );
        assert_eq!(call(Method::GET, &path).await, 400, "once");
        fake.deliver("orders", [event(schema, 1)]).unwrap();
        assert_eq!(the_delivery(&fake).await.outcome(), Outcome::Delivered);

        // After ten minutes it is too late, and a second before is not.
        for (seconds, confirmed, state) in [
            (600, 200, "Succeeded"),
            (
                601,
                400,
                "Failed: nobody called the URL of confirmation within 10 minutes",
            ),
        ] {
            let at = |seconds| OffsetDateTime::from_unix_timestamp(NOW + seconds).unwrap();
            fake.set_clock(move || at(0));
            fake.subscribe(orders(&url, schema)).await.unwrap();
            fake.set_clock(move || at(seconds));
            let last = urls.lock().unwrap().len() - 1;
            let path = path_of(last);
            assert_eq!(call(Method::GET, &path).await, confirmed);
            assert_eq!(state_of("orders").as_deref(), Some(state));
        }
    }
}

/// A wrong header, a wrong token, a body that is too long or no event: our receiver's final answers, once each.
#[tokio::test]
async fn what_is_refused_for_good_is_not_tried_again() {
    type Change = Box<dyn Fn(&mut EventSubscription)>;
    let plain = || builder().build().unwrap();
    let in_header = || {
        builder()
            .header_secret("x-secret", SECRET)
            .unwrap()
            .build()
            .unwrap()
    };
    let nothing = || -> Change { Box::new(|_| {}) };
    let secret = |value: &'static str| -> Change {
        Box::new(move |it| {
            it.headers
                .insert("x-secret", HeaderValue::from_static(value));
        })
    };
    let bearer = |token: String| -> Change {
        let token = Arc::new(token);
        Box::new(move |it| {
            let token = Arc::clone(&token);
            it.token = Some(Arc::new(move || token.to_string()));
        })
    };
    let (right, token) = receiver_and_token("ver", json!("1.0"));
    let (audience, other_audience) = receiver_and_token("aud", json!("api://other.example"));
    let (role, other_role) = receiver_and_token("roles", json!(["Other"]));
    let small = builder().body_limit(BodyLimit::new(80)).build().unwrap();
    let table: [(WebhookReceiver, Change, Value, &str); 8] = [
        (plain(), nothing(), cloud_event(1), "Delivered"),
        (plain(), nothing(), json!(7), "BadRequest"),
        (small, nothing(), cloud_event(1), "PayloadTooLarge"),
        (in_header(), secret(SECRET), cloud_event(1), "Delivered"),
        (
            in_header(),
            secret(OTHER_SECRET),
            cloud_event(1),
            "Unauthorized",
        ),
        (right, bearer(token), cloud_event(1), "Delivered"),
        (
            audience,
            bearer(other_audience),
            cloud_event(1),
            "Unauthorized",
        ),
        (role, bearer(other_role), cloud_event(1), "Forbidden"),
    ];
    for (receiver, change, event, word) in table {
        for dead_letters in [true, false] {
            let fake = fake().await;
            let (hook, url) = Hook::of(receiver.clone(), &[]).await;
            let mut subscription = orders(&url, DeliverySchema::CloudEvents);
            subscription.dead_letters = dead_letters;
            change(&mut subscription);
            succeeded(&fake.subscribe(subscription).await.unwrap());
            fake.deliver("orders", [event.clone()]).unwrap();
            let delivery = the_delivery(&fake).await;
            assert_eq!(outcomes(&delivery), [word]);
            let (outcome, seen) = match (word, dead_letters) {
                ("Delivered", _) => (Outcome::Delivered, 1),
                (_, true) => (Outcome::DeadLettered(GivenUp::Refused), 0),
                (_, false) => (Outcome::Dropped(GivenUp::Refused), 0),
            };
            assert_eq!(
                (delivery.outcome(), hook.seen().len()),
                (outcome, seen),
                "{word}"
            );
            let letters = fake.dead_letters();
            assert_eq!(
                letters.len(),
                usize::from(dead_letters && seen == 0),
                "{word}"
            );
            if let [Value::Object(letter)] = &letters[..] {
                assert_eq!(
                    letter["deadletterreason"],
                    format!("UndeliverableDueToHttp{word}")
                );
            }
        }
    }
}

/// The members are those of the documented samples, whose CloudEvents have them in lower case.
#[tokio::test]
async fn dead_letters_tell_what_happened() {
    for schema in SCHEMAS {
        let fake = fake().await;
        let (_, url) = Hook::answering(&[500, 503, 404]).await;
        let subscription = with(orders(&url, schema), |it| {
            it.dead_letters = true;
            it.max_delivery_attempts = 3;
            it.max_events_per_batch = 2;
        });
        succeeded(&fake.subscribe(subscription).await.unwrap());
        fake.deliver("orders", [event(schema, 1), event(schema, 2)])
            .unwrap();
        let outcome = Outcome::DeadLettered(GivenUp::MaxDeliveryAttemptsExceeded);
        assert_eq!(the_delivery(&fake).await.outcome(), outcome);
        let expected = [1, 2].map(|id| {
            let mut letter = event(schema, id);
            for (name, value) in [
                ("deadLetterReason", json!("MaxDeliveryAttemptsExceeded")),
                ("deliveryAttempts", json!(3)),
                ("lastDeliveryOutcome", json!("NotFound")),
                ("publishTime", json!("2026-11-21T00:00:00.0000000Z")),
                (
                    "lastDeliveryAttemptTime",
                    json!("2026-11-21T00:00:40.0000000Z"),
                ),
            ] {
                let name = match schema {
                    DeliverySchema::EventGrid => name.to_owned(),
                    _ => name.to_lowercase(),
                };
                letter[name] = value;
            }
            letter
        });
        assert_eq!(fake.dead_letters(), expected);
    }
}

#[tokio::test]
async fn trouble_that_passes_is_tried_again_until_it_has() {
    let fake = fake().await;
    let (hook, url) = Hook::answering(&[503, 500, 408, 429, 302, 205]).await;
    let delivery = delivered_to(&fake, orders(&url, DeliverySchema::CloudEvents)).await;
    assert_eq!(delivery.outcome(), Outcome::Delivered);
    assert_eq!(
        outcomes(&delivery),
        [
            "Busy",
            "GenericError",
            "TimedOut",
            "Busy",
            "GenericError",
            "GenericError",
            "Delivered"
        ]
    );
    // 30 s is the least after 503, and 2 min after 408.
    assert_eq!(ages(&delivery), [0, 30, 60, 180, 480, 1080, 2880]);
    let counts: Vec<_> = hook.seen().iter().map(|seen| seen.count.unwrap()).collect();
    assert_eq!(counts, [0, 1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn pauses_are_as_long_as_the_speed_says() {
    for (speed, at_least) in [(200, 50), (u32::MAX, 0)] {
        let fake = fake().await;
        fake.configure(|settings| settings.speed = speed);
        let (_, url) = Hook::answering(&[500]).await;
        let start = std::time::Instant::now();
        let delivery = delivered_to(&fake, orders(&url, DeliverySchema::CloudEvents)).await;
        assert!(
            start.elapsed() >= Duration::from_millis(at_least),
            "{speed}"
        );
        assert_eq!(ages(&delivery), [0, 10], "the same at any speed");
    }
}

#[tokio::test]
async fn events_that_have_lived_too_long_are_dropped() {
    let fake = fake().await;
    let (_, url) = Hook::answering(&[500; 30]).await;
    let subscription = with(orders(&url, DeliverySchema::CloudEvents), |it| {
        it.event_time_to_live = Duration::from_secs(60);
    });
    let delivery = delivered_to(&fake, subscription).await;
    assert_eq!(
        delivery.outcome(),
        Outcome::Dropped(GivenUp::TimeToLiveExceeded)
    );
    assert_eq!(ages(&delivery), [0, 10, 40]);
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_asked_again() {
    let fake = fake().await;
    let (hook, url) = Hook::answering(&[0]).await;
    succeeded(
        &fake
            .subscribe(orders(&url, DeliverySchema::CloudEvents))
            .await
            .unwrap(),
    );
    // So long that a busy machine answers the second time.
    fake.configure(|settings| settings.response_timeout = Duration::from_secs(2));
    fake.deliver("orders", [cloud_event(1)]).unwrap();
    let delivery = the_delivery(&fake).await;
    assert_eq!(outcomes(&delivery), ["TimedOut", "Delivered"]);
    assert_eq!(hook.ids(), [["1"], ["1"]], "at least once");
    let error = delivery.attempts()[0].error().unwrap().to_string();
    assert_eq!(error, "no complete answer within 2s");
}

/// A listener that lets only the first connection through, and those after so many others.
struct Flaky {
    listener: TcpListener,
    accepted: AtomicUsize,
    dropped: usize,
}

impl axum::serve::Listener for Flaky {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let Ok(accepted) = self.listener.accept().await else {
                continue;
            };
            let at = self.accepted.fetch_add(1, Ordering::SeqCst);
            if at == 0 || at > self.dropped {
                return accepted;
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

#[tokio::test]
async fn a_subscriber_that_is_down_is_asked_until_it_is_up() {
    let fake = fake().await;
    let (hook, _) = Hook::answering(&[]).await;
    let listener = Flaky {
        listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        accepted: AtomicUsize::new(0),
        dropped: 3,
    };
    let address = listener.listener.local_addr().unwrap();
    let router = hook.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let url = format!("http://{address}/events?code={SECRET}");
    let delivery = delivered_to(&fake, orders(&url, DeliverySchema::CloudEvents)).await;
    let down = "SocketError";
    assert_eq!(outcomes(&delivery), [down, down, down, "Delivered"]);
    assert_eq!(ages(&delivery), [0, 10, 40, 100]);
    assert_eq!(hook.seen()[0].count, Some(3));
}

#[tokio::test]
async fn batches_by_number_and_by_size_fail_and_succeed_as_a_whole() {
    for schema in SCHEMAS {
        let fake = fake().await;
        let (hook, url) = Hook::answering(&[]).await;
        let subscription = with(orders(&url, schema), |it| {
            it.max_events_per_batch = 3;
            it.preferred_batch_kilobytes = 1;
        });
        succeeded(&fake.subscribe(subscription).await.unwrap());
        let large = |id| {
            let mut event = event(schema, id);
            event["data"] = json!("x".repeat(2000));
            event
        };
        let small = |id| event(schema, id);
        let events = [
            small(1),
            small(2),
            small(3),
            small(4),
            large(5),
            small(6),
            small(7),
        ];
        assert_eq!(fake.deliver("orders", events).unwrap(), [1, 2, 3, 4]);
        fake.settled().await;
        let mut ids = hook.ids();
        ids.sort_unstable();
        let expected: [&[&str]; 4] = [&["1", "2", "3"], &["4"], &["5"], &["6", "7"]];
        assert_eq!(ids, expected);
        assert_eq!(fake.deliver("orders", []).unwrap(), [0; 0]);

        hook.answers.lock().unwrap().push_back(503);
        fake.deliver("orders", [small(8), small(9)]).unwrap();
        fake.settled().await;
        assert_eq!(hook.ids()[4..], [["8", "9"], ["8", "9"]]);
        let delivery = &fake.deliveries()[4];
        assert_eq!((delivery.number(), delivery.events().len()), (5, 2));
        assert_eq!(delivery.outcome(), Outcome::Delivered);
    }
}

#[tokio::test]
async fn what_is_published_arrives_at_the_subscribers_of_its_channel() {
    let fake = fake().await;
    let (ours, url) = Hook::answering(&[503]).await;
    let (others, others_url) = Hook::answering(&[]).await;
    let of_channel = |name: &str, url: &str, channel: &str| {
        with(EventSubscription::new(name, url), |it| {
            it.channel = Some(channel.into())
        })
    };
    let event_grid = with(of_channel("wrong-schema", &others_url, "fabrikam"), |it| {
        it.schema = DeliverySchema::EventGrid;
    });
    for subscription in [
        of_channel("orders", &url, "Fabrikam"),
        of_channel("others", &others_url, "northwind"),
        event_grid,
    ] {
        succeeded(&fake.subscribe(subscription).await.unwrap());
    }
    let (undecided, its_url) = raw(|_| StatusCode::OK.into_response()).await;
    let state = fake.subscribe(of_channel("undecided", &its_url, "fabrikam"));
    assert_eq!(state.await.unwrap().to_string(), "AwaitingManualAction");
    let endpoint = PublishEndpoint::danger_plain_http_on_loopback(fake.endpoint()).unwrap();
    let key = AccessKey::new(fake.access_key()).unwrap();
    let publisher = Publisher::by_channel_name(endpoint, key, ReqwestClient::new().unwrap());
    let events = [1, 2, 3].map(|id| {
        let event = CloudEvent::new("/contoso", "Contoso.Items.Created").unwrap();
        event.with_id(&id.to_string()).unwrap()
    });
    publisher
        .publish(&ChannelName::new("fabrikam").unwrap(), &events)
        .await
        .unwrap();
    fake.settled().await;
    let mut seen: Vec<_> = ours
        .seen()
        .into_iter()
        .map(|it| (it.ids, it.count))
        .collect();
    seen.sort_unstable();
    // One of them was tried twice.
    assert_eq!(seen.len(), 4);
    seen.retain(|(_, count)| *count == Some(0));
    assert_eq!(
        seen,
        ["1", "2", "3"].map(|id| (vec![id.to_owned()], Some(0)))
    );
    assert_eq!(others.seen(), []);
    assert_eq!(undecided.lock().unwrap().len(), 1, "its handshake alone");
    assert!(
        fake.deliveries()
            .iter()
            .all(|it| it.outcome() == Outcome::Delivered)
    );
    assert!(
        fake.deliveries()
            .iter()
            .all(|it| it.subscription() == "orders")
    );

    // What was accepted before there was a subscriber comes to nobody, and after its deletion neither.
    fake.unsubscribe("orders").await.unwrap();
    publisher
        .publish(&ChannelName::new("fabrikam").unwrap(), &events)
        .await
        .unwrap();
    assert_eq!((fake.deliveries().len(), fake.accepted().len()), (3, 6));
}

#[tokio::test]
async fn what_is_published_by_source_arrives_where_its_source_is_and_else_nowhere() {
    let fake = fake().await;
    fake.configure(|settings| {
        settings.routing = Routing::Source {
            sources: Some(vec!["/fabrikam".into(), "/northwind".into()]),
        };
    });
    let (all, url) = Hook::answering(&[]).await;
    succeeded(
        &fake
            .subscribe(EventSubscription::new("all", url))
            .await
            .unwrap(),
    );
    let (fabrikam, url) = Hook::answering(&[]).await;
    let subscription = with(EventSubscription::new("fabrikam", url), |it| {
        it.source = Some("/fabrikam".into());
    });
    succeeded(&fake.subscribe(subscription).await.unwrap());

    let endpoint = PublishEndpoint::danger_plain_http_on_loopback(fake.endpoint()).unwrap();
    let key = AccessKey::new(fake.access_key()).unwrap();
    let publisher = Publisher::by_source(endpoint, key, ReqwestClient::new().unwrap());
    let sources = [
        ("/fabrikam", "1"),
        ("/northwind", "2"),
        ("/unheard-of", "3"),
    ];
    let events = sources.map(|(source, id)| {
        let event = CloudEvent::new(source, "Contoso.Items.Created").unwrap();
        event.with_id(id).unwrap()
    });
    publisher.publish(&events).await.unwrap();
    fake.settled().await;
    // What no channel has the source of is accepted and dropped.
    assert_eq!((fake.accepted().len(), fake.unmatched()), (3, 1));
    let mut ids = all.ids();
    ids.sort_unstable();
    assert_eq!(
        (ids, fabrikam.ids()),
        (
            vec![vec!["1".to_owned()], vec!["2".to_owned()]],
            vec![vec!["1".to_owned()]]
        )
    );
}

#[tokio::test]
async fn a_deletion_is_told_and_ends_what_is_under_way() {
    for schema in SCHEMAS {
        for notice in [
            DeletionNotice::SubscriptionDeletion,
            DeletionNotice::Unsubscribe,
        ] {
            let fake = fake().await;
            fake.configure(|settings| settings.speed = 1);
            let receiver = builder()
                .header_secret("x-secret", SECRET)
                .unwrap()
                .build()
                .unwrap();
            let (deletions, asked) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
            let (noted, was_asked) = (Arc::clone(&deletions), Arc::clone(&asked));
            let hook = any(move |request: Request<Body>| async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let query = head.uri.query();
                let incoming = receiver
                    .receive(&head.method, query, &head.headers, &body)
                    .await;
                let incoming = incoming.unwrap();
                if let Incoming::Deletion(deletion) = &incoming {
                    let id = deletion.subscription_id().map(str::to_owned);
                    noted
                        .lock()
                        .unwrap()
                        .push((id, deletion.subscription().map(str::to_owned)));
                }
                match incoming.answer() {
                    Some(answer) => answer.map(Body::from),
                    None => {
                        was_asked.notify_one();
                        StatusCode::INTERNAL_SERVER_ERROR.into_response()
                    }
                }
            });
            let url = serve(Router::new().fallback(hook)).await;
            let subscription = with(orders(&url, schema), |it| {
                it.deletion_notice = notice;
                it.dead_letters = true;
                it.headers
                    .insert("x-secret", HeaderValue::from_static(SECRET));
            });
            let id = subscription.id();
            succeeded(&fake.subscribe(subscription).await.unwrap());
            fake.deliver("orders", [event(schema, 1)]).unwrap();
            asked.notified().await;

            let told = fake.unsubscribe("ORDERS").await.unwrap().unwrap();
            assert_eq!(told.status(), Some(StatusCode::ACCEPTED));
            let id = (notice == DeletionNotice::SubscriptionDeletion).then_some(id);
            assert_eq!(
                *deletions.lock().unwrap(),
                [(id, Some("ORDERS".to_owned()))]
            );
            // A pause of ten seconds is not waited for.
            let delivery = the_delivery(&fake).await;
            assert_eq!(
                delivery.outcome(),
                Outcome::Dropped(GivenUp::SubscriptionDeleted)
            );
            assert!(fake.subscription_state("orders").is_none());
            let error = fake.unsubscribe("orders").await.unwrap_err();
            assert_eq!(error.to_string(), "there is no event subscription `orders`");
            assert!(fake.deliver("orders", [event(schema, 1)]).is_err());
        }
    }
    // Who did not consent is not called.
    let fake = fake().await;
    let (requests, url) = raw(|_| StatusCode::FORBIDDEN.into_response()).await;
    fake.subscribe(orders(&url, DeliverySchema::EventGrid))
        .await
        .unwrap();
    assert!(fake.unsubscribe("orders").await.unwrap().is_none());
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn subscriptions_that_cannot_be() {
    type Change = fn(&mut EventSubscription);
    let in_header =
        "(expected no name with `aeg-`, no `authorization` beside a token, and 4096 bytes at most)";
    let table: [(Change, String); 13] = [
        (
            |it| it.endpoint = "https://contoso.example/events?code=secret".into(),
            "the endpoint `https://contoso.example/events` is no URL of plain http".into(),
        ),
        (
            |it| it.name = "a/b".into(),
            "`a/b` is no name of an event subscription (expected 3 to 64 letters, digits and hyphens)"
                .into(),
        ),
        (
            |it| it.name = "ab".into(),
            "`ab` is no name of an event subscription (expected 3 to 64 letters, digits and hyphens)"
                .into(),
        ),
        (
            |it| it.name = "a".repeat(65),
            format!(
                "`{}` is no name of an event subscription (expected 3 to 64 letters, digits and hyphens)",
                "a".repeat(65)
            ),
        ),
        (
            |it| it.max_delivery_attempts = 31,
            "max_delivery_attempts: 31 (expected 1 to 30)".into(),
        ),
        (
            |it| it.event_time_to_live = Duration::ZERO,
            "minutes of event_time_to_live: 0 (expected 1 to 1440)".into(),
        ),
        (
            |it| it.event_time_to_live = Duration::from_secs(1441 * 60),
            "minutes of event_time_to_live: 1441 (expected 1 to 1440)".into(),
        ),
        (
            |it| it.event_time_to_live = Duration::from_millis(1440 * 60_000 + 1),
            "event_time_to_live: 86400.001s (expected whole minutes)".into(),
        ),
        (
            |it| it.max_events_per_batch = 0,
            "max_events_per_batch: 0 (expected 1 to 5000)".into(),
        ),
        (
            |it| it.preferred_batch_kilobytes = 1025,
            "preferred_batch_kilobytes: 1025 (expected 1 to 1024)".into(),
        ),
        (
            |it| {
                for _ in 0..11 {
                    it.headers.append("x-a", HeaderValue::from_static("a"));
                }
            },
            "number of headers: 11 (expected 1 to 10)".into(),
        ),
        (
            |it| {
                it.headers.insert("aeg-a", HeaderValue::from_static("a"));
            },
            format!("the header `aeg-a` cannot be sent {in_header}"),
        ),
        (
            |it| {
                it.headers
                    .insert("authorization", HeaderValue::from_static("a"));
                it.token = Some(Arc::new(|| "a".to_owned()));
            },
            format!("the header `authorization` cannot be sent {in_header}"),
        ),
    ];
    let fake = fake().await;
    let (requests, url) = raw(consenting).await;
    for (change, message) in table {
        let subscription = with(orders(&url, DeliverySchema::CloudEvents), change);
        assert!(!format!("{subscription:?}").contains("code="));
        let error = fake.subscribe(subscription).await.unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    assert_eq!(requests.lock().unwrap().len(), 0);
    assert!(fake.subscription_state("orders").is_none());
}

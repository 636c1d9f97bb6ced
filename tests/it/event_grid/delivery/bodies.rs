//! Unusual bodies: with a byte order mark, truncated, and with events of neither schema.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::routing::any;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use partner_center_webhooks::event_grid::CloudEvent;
use partner_center_webhooks::event_grid::activation::ResourceEvent;
use partner_center_webhooks::event_grid::receive::axum::Delivery;
use partner_center_webhooks::event_grid::receive::{GridEvent, WebhookReceiver};
use partner_center_webhooks::http_client::{HttpClient as _, Limits, ReqwestClient};

use super::{builder, serve};
use crate::receiver::logs::lines_of;

/// Our webhook, with a line for each event that its handler received.
#[derive(Clone)]
struct Hook {
    receiver: WebhookReceiver,
    client: ReqwestClient,
    seen: Arc<Mutex<Vec<String>>>,
}

impl FromRef<Hook> for WebhookReceiver {
    fn from_ref(hook: &Hook) -> Self {
        hook.receiver.clone()
    }
}

impl Hook {
    async fn serve() -> (Self, String) {
        let hook = Self {
            receiver: builder().build().unwrap(),
            client: ReqwestClient::new().unwrap(),
            seen: Arc::default(),
        };
        let router = Router::new().route("/events", any(events));
        let url = serve(router.with_state(hook.clone())).await;
        (hook, url)
    }

    async fn post(&self, url: &str, kind: &str, body: impl Into<Vec<u8>>) -> Response<Bytes> {
        let request = Request::post(url)
            .header("aeg-event-type", kind)
            .header("aeg-subscription-name", "ORDERS")
            .header("content-type", "application/json; charset=utf-8")
            .body(Bytes::from(body.into()));
        let limits = Limits::new(Duration::from_secs(30), 1 << 20);
        self.client.send(request.unwrap(), limits).await.unwrap()
    }

    /// What was handed over since the last call.
    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

async fn events(State(hook): State<Hook>, Delivery(notification): Delivery) -> StatusCode {
    let lines = notification.events().iter().map(|event| match event {
        GridEvent::CloudEvent(event) => format!("cloud event {}", event.id()),
        GridEvent::EventGrid(event) => format!("event grid {}", event.id()),
        GridEvent::Unrecognized(event) => format!("{}: {}", event.reason(), event.json()),
    });
    hook.seen.lock().unwrap().extend(lines);
    StatusCode::NO_CONTENT
}

const CLOUD_EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/a","type":"b"}"#;
const EVENT_GRID: &str = r#"{"id":"2","eventType":"b","topic":"/t"}"#;

#[tokio::test]
async fn a_byte_order_mark_is_ignored() {
    let (hook, url) = Hook::serve().await;
    for (body, seen) in [
        (format!("\u{feff}{CLOUD_EVENT}"), &["cloud event 1"][..]),
        (format!("\u{feff}[{EVENT_GRID}]"), &["event grid 2"]),
        (format!("\u{feff} \r\n[{CLOUD_EVENT},{EVENT_GRID}]"), &["cloud event 1", "event grid 2"]),
        ("\u{feff}[]".to_owned(), &[]),
    ] {
        assert_eq!(hook.post(&url, "Notification", body).await.status(), 204);
        assert_eq!(hook.seen(), seen);
    }
    let validation = "\u{feff}[{\"topic\":\"/t\",\"data\":{\"validationCode\":\"c0de\"}}]";
    let answer = hook.post(&url, "SubscriptionValidation", validation).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.body()[..]),
        (200, &br#"{"validationResponse":"c0de"}"#[..])
    );

    let marked = format!("\u{feff}{CLOUD_EVENT}");
    assert_eq!(CloudEvent::from_slice(marked.as_bytes()).unwrap().id(), "1");
    let batch = CloudEvent::batch_from_slice(marked.as_bytes());
    assert_eq!(batch.unwrap().len(), 1);
    assert_eq!(ResourceEvent::read(marked.as_bytes()).unwrap().len(), 1);

    // The twins: two marks, a mark in the middle, and one of another encoding.
    for body in [
        format!("\u{feff}\u{feff}{CLOUD_EVENT}").into_bytes(),
        format!(" \u{feff}{CLOUD_EVENT}").into_bytes(),
        format!("{CLOUD_EVENT}\u{feff}").into_bytes(),
        [&b"\xff\xfe"[..], CLOUD_EVENT.as_bytes()].concat(),
        [&b"\xef\xbb"[..], CLOUD_EVENT.as_bytes()].concat(),
    ] {
        assert!(CloudEvent::from_slice(&body).is_err());
        assert_eq!(hook.post(&url, "Notification", body).await.status(), 400);
    }
    assert_eq!(hook.seen(), [""; 0]);
}

/// The next delivery may be complete, so none of these may lose an event.
#[tokio::test]
async fn a_truncated_body_is_retried() {
    let (hook, url) = Hook::serve().await;
    let batch = format!("\u{feff}[{CLOUD_EVENT},{EVENT_GRID}]");
    for length in 0..batch.len() {
        for kind in ["Notification", "", "SubscriptionValidation"] {
            let answer = hook.post(&url, kind, &batch.as_bytes()[..length]).await;
            // A partial mark is not the start of a JSON text.
            let expected = if matches!(length, 1 | 2) { 400 } else { 503 };
            assert_eq!(answer.status(), expected, "{length}");
            let wait = answer.headers().get("retry-after").map(|it| it.to_str().unwrap());
            assert_eq!(wait, (expected == 503).then_some("10"));
        }
    }
    // The twins: complete bodies, and other content.
    assert_eq!(hook.post(&url, "Notification", batch).await.status(), 204);
    assert_eq!(hook.seen().len(), 2);
    for body in ["<html>", "7", "{} {}"] {
        assert_eq!(hook.post(&url, "Notification", body).await.status(), 400);
    }
    assert_eq!(hook.seen(), [""; 0]);
}

/// Resent dead letters, in the forms of the documentation and of programs, beside a valid event.
#[tokio::test]
async fn events_of_neither_schema_are_delivered_counted_and_logged() {
    let letter = r#"{"id":"1","source":"/a","type":"b","data":{"s":"s3cret"},"deadletterreason":"MaxDeliveryAttemptsExceeded"}"#;
    let pascal = r#"{"SpecVersion":"1.0","Id":"1","Source":"/a","Type":"b"}"#;
    let sourceless = r#"{"specversion":"1.0","id":"1","type":"b"}"#;
    let number = r#"{"specversion":"1.0","id":7,"source":"/a","type":"b"}"#;
    let custom = r#"{"customer":"s3cret"}"#;
    let case = |name: &str, found: &str| {
        format!("`{name}` is missing (found `{found}`; names are case-sensitive)")
    };
    for (event, reason) in [
        (letter, "it is not a CloudEvent: `specversion` is missing".to_owned()),
        (
            pascal,
            format!(
                "it is not a CloudEvent: {}; {}; {}; {}",
                case("specversion", "SpecVersion"),
                case("id", "Id"),
                case("source", "Source"),
                case("type", "Type")
            ),
        ),
        (sourceless, "it is not a CloudEvent: `source` is missing".to_owned()),
        (number, "it is not a CloudEvent: `id` is a number (expected a string)".to_owned()),
        (
            custom,
            "it has none of `specversion`, `type`, `source` and `eventType` (expected a CloudEvent or an event of Event \
             Grid's schema; with the schema `CustomInputSchema` this is normal)"
                .to_owned(),
        ),
    ] {
        let (hook, url) = Hook::serve().await;
        let body = format!("[{EVENT_GRID},{event},{event}]");
        let lines = lines_of(async {
            assert_eq!(hook.post(&url, "Notification", body).await.status(), 204);
        })
        .await;
        let handed = format!("{reason}: {event}");
        assert_eq!(hook.seen(), ["event grid 2", &handed, &handed]);
        let target = "partner_center_webhooks::event_grid";
        assert_eq!(
            lines,
            [
                format!("INFO {target}: delivery accepted outcome=\"accepted\" events=3 unrecognized=2 subscription=ORDERS"),
                format!("WARN {target}: events not recognized unrecognized=2 subscription=ORDERS first_reason={reason}"),
            ]
        );
    }
}

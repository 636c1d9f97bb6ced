//! Subscribing: consent, refusal and invalid subscriptions.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use axum::routing::any;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use partner_center_webhooks::event_grid::receive::WebhookRequest;
use partner_center_webhooks::http_client::{HttpClient as _, Limits, ReqwestClient};
use partner_center_webhooks::testing::event_grid::{DeliverySchema, EventSubscription, Outcome};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    Hook, NOW, OTHER_SECRET, SCHEMAS, SECRET, builder, consenting, event, fake, headers, orders,
    raw, serve, succeeded, the_delivery, with,
};

#[tokio::test]
async fn the_handshakes_are_the_documented_ones() {
    let fake = fake().await;
    let (requests, url) = raw(consenting).await;
    let take = || requests.lock().unwrap().pop().unwrap();
    let begin = format!("{}/eventsubscriptions/orders/validate?id=", fake.base_url());

    let subscription = with(orders(&url, DeliverySchema::CloudEvents), |it| {
        it.requested_rate = 120.try_into().ok();
        it.credentials_in_handshakes = true;
        it.headers.insert("x-secret", HeaderValue::from_static(SECRET));
    });
    succeeded(&fake.subscribe(subscription).await.unwrap());
    let request = take();
    assert_eq!((request.method(), &request.body()[..]), (&Method::OPTIONS, &b""[..]));
    let callback = request.headers()["webhook-request-callback"].to_str().unwrap();
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
    assert_eq!((&body[0]["eventType"], &body[0]["topic"]), (&json!(kind), &json!(topic)));
    assert_eq!(body[0]["eventTime"], "2026-11-21T00:00:00.0000000Z");
    assert!(body[0]["data"]["validationUrl"].as_str().unwrap().starts_with(&begin));
    assert_eq!(body.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn handshakes_that_fail() {
    let allowed = |origin: &'static str, rate: &'static str| {
        let headers = [("webhook-allowed-origin", origin), ("webhook-allowed-rate", rate)];
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
        (StatusCode::from_u16(status).unwrap(), HeaderMap::new(), body)
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
            "Failed: the handshake response has status 204 (expected 200)".to_owned(),
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
            "Failed: the handshake response has status 202 (expected 200)".to_owned(),
        ),
    ] {
        let fake = fake().await;
        let (_, url) = raw(move |_| answer.clone().into_response()).await;
        let subscription = with(orders(&url, schema), |it| it.requested_rate = 60.try_into().ok());
        assert_eq!(fake.subscribe(subscription).await.unwrap().to_string(), state);
        let refused = fake.deliver("orders", [event(schema, 1)]).err();
        let expected = (state != "Succeeded")
            .then(|| format!("the event subscription `orders` is {state}, so no events are delivered to it"));
        assert_eq!(refused.map(|error| error.to_string()), expected);
    }
}

/// The refusals of our own receiver, beside the accepted handshakes above.
#[tokio::test]
async fn our_receiver_refuses_handshakes() {
    let status =
        |status| format!("Failed: the handshake response has status {status} (expected 200)");
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
    // Connection refused.
    let fake = fake().await;
    let nowhere = orders("http://127.0.0.1:1/events", DeliverySchema::EventGrid);
    let state = fake.subscribe(nowhere).await.unwrap().to_string();
    let begin = "Failed: the handshake got no response: no connection could be made: ";
    assert!(state.starts_with(begin), "{state}");
}

/// A receiver that defers consent: the confirmation URL must be Event Grid's.
#[tokio::test]
async fn manual_consent() {
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
            let request = receiver.receive(&head.method, query, &head.headers, &body).await;
            let (url, answer) = match request.unwrap() {
                WebhookRequest::Handshake(it) => (it.callback().unwrap().cloned(), it.defer()),
                WebhookRequest::Validation(it) => (it.url().unwrap().cloned(), it.defer()),
                _ => return StatusCode::NO_CONTENT.into_response(),
            };
            noted.lock().unwrap().push(url.unwrap());
            answer.map(Body::from)
        });
        let url = serve(Router::new().fallback(undecided)).await;

        let http = ReqwestClient::new().unwrap();
        let call = async |method: Method, path: &str| {
            let url = format!("{}{path}", fake.base_url());
            let request = Request::builder().method(method).uri(url).body(Bytes::new());
            let limits = Limits::new(Duration::from_secs(30), 1 << 20);
            http.send(request.unwrap(), limits).await.unwrap().status().as_u16()
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
        assert_eq!(call(Method::GET, &path.replace("token=", "token=0")).await, 404);
        assert_eq!(call(Method::DELETE, &path).await, 405);
        assert_eq!(state_of("orders").as_deref(), Some("AwaitingManualAction"));
        let confirmed = match schema {
            DeliverySchema::EventGrid => {
                assert_eq!(call(Method::POST, &path).await, 405);
                call(Method::GET, &path).await
            }
            _ => call(Method::POST, &path).await,
        };
        assert_eq!((confirmed, state_of("ORDERS")), (200, Some("Succeeded".into())));
        assert_eq!(call(Method::GET, &path).await, 400, "once");
        fake.deliver("orders", [event(schema, 1)]).unwrap();
        assert_eq!(the_delivery(&fake).await.outcome(), Outcome::Delivered);

        // Ten minutes are too late; a second less is not.
        for (seconds, confirmed, state) in [
            (600, 200, "Succeeded"),
            (601, 400, "Failed: the confirmation URL was not called within 10 minutes"),
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

#[tokio::test]
async fn invalid_subscriptions() {
    type Change = fn(&mut EventSubscription);
    let in_header = "(names must not begin with `aeg-`, `authorization` conflicts with a token, and values have at \
                     most 4096 bytes)";
    let table: [(Change, String); 13] = [
        (
            |it| it.endpoint = "https://contoso.example/events?code=secret".into(),
            "the endpoint `https://contoso.example/events` is not an http URL".into(),
        ),
        (
            |it| it.name = "a/b".into(),
            "`a/b` is not a valid event subscription name (expected 3 to 64 letters, digits and hyphens)"
                .into(),
        ),
        (
            |it| it.name = "ab".into(),
            "`ab` is not a valid event subscription name (expected 3 to 64 letters, digits and hyphens)"
                .into(),
        ),
        (
            |it| it.name = "a".repeat(65),
            format!(
                "`{}` is not a valid event subscription name (expected 3 to 64 letters, digits and hyphens)",
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

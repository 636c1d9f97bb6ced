//! Receiving from Event Grid: handshakes, secrets, events of every form, and their responses.

use std::io;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use partner_center_webhooks::event_grid::activation::ResourceEvent;
use partner_center_webhooks::event_grid::receive::axum::Delivery;
use partner_center_webhooks::event_grid::receive::{
    self as grid, GridEvent, ReceiveError, WebhookReceiver, WebhookRequest,
};
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use tower::ServiceExt as _;

use crate::receiver::logs::lines_of;

const SECRET: &str = "kGZ4vN0mS2rQ8xTb";
const QUERY: Option<&str> = Some("code=kGZ4vN0mS2rQ8xTb");
const CALLBACK: &str = "https://rp-westeurope.eventgrid.azure.net:553/eventsubscriptions/orders/validate?id=1&t=2&token=3";

fn receiver() -> WebhookReceiver {
    let builder = WebhookReceiver::builder().query_secret("code", SECRET);
    builder.unwrap().build().unwrap()
}

fn headers<const N: usize>(pairs: [(&str, &str); N]) -> HeaderMap {
    let pairs = pairs.into_iter().map(|(name, value)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    });
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name, value);
    }
    headers
}

async fn options(
    receiver: &WebhookReceiver,
    headers: &HeaderMap,
) -> Result<WebhookRequest, ReceiveError> {
    receiver.receive(&Method::OPTIONS, QUERY, headers, b"").await
}

async fn post(
    receiver: &WebhookReceiver,
    kind: &str,
    body: impl AsRef<[u8]>,
) -> Result<WebhookRequest, ReceiveError> {
    let headers = headers([
        ("aeg-event-type", kind),
        ("aeg-subscription-name", "ORDERS"),
        ("aeg-delivery-count", "3"),
        ("content-type", "application/json; charset=utf-8"),
    ]);
    let body = body.as_ref();
    receiver.receive(&Method::POST, QUERY, &headers, body).await
}

fn status_and_message(error: &ReceiveError) -> (u16, String) {
    (error.status().as_u16(), error.to_string())
}

/// Status, headers in order of their names, and body.
fn parts(response: &Response<Bytes>) -> (u16, Vec<(&str, &str)>, &str) {
    let headers = response.headers().iter();
    let mut headers: Vec<_> =
        headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    headers.sort_unstable();
    let body = std::str::from_utf8(response.body()).unwrap();
    (response.status().as_u16(), headers, body)
}

#[tokio::test]
async fn the_handshake_of_cloud_events() {
    let request_headers = headers([
        ("WebHook-Request-Origin", "eventgrid.azure.net"),
        ("WebHook-Request-Callback", CALLBACK),
        ("WebHook-Request-Rate", "120"),
    ]);
    let WebhookRequest::Handshake(handshake) =
        options(&receiver(), &request_headers).await.unwrap()
    else {
        panic!("a handshake")
    };
    assert_eq!(handshake.origin().to_string(), "eventgrid.azure.net");
    assert_eq!(handshake.requested_rate(), Some(120));
    assert_eq!(handshake.callback().unwrap().unwrap().as_uri(), CALLBACK);
    assert_eq!(
        parts(&handshake.consent()),
        (
            200,
            vec![
                ("allow", "POST"),
                ("webhook-allowed-origin", "eventgrid.azure.net"),
                ("webhook-allowed-rate", "*"),
            ],
            ""
        )
    );
    assert_eq!(parts(&handshake.defer()), (200, vec![], ""));

    // The response echoes the origin, and has the configured rate.
    let limited = WebhookReceiver::builder()
        .query_secret("code", SECRET)
        .unwrap()
        .allowed_rate(60.try_into().unwrap())
        .build()
        .unwrap();
    let request_headers = headers([("webhook-request-origin", "EventGrid.Azure.Net")]);
    let handshake = options(&limited, &request_headers).await.unwrap();
    assert_eq!(
        parts(&handshake.response().unwrap()).1,
        [
            ("allow", "POST"),
            ("webhook-allowed-origin", "EventGrid.Azure.Net"),
            ("webhook-allowed-rate", "60"),
        ]
    );
}

#[tokio::test]
async fn handshakes_without_consent() {
    let expected = "(expected eventgrid.azure.net)";
    for (request_headers, status, message) in [
        (
            headers([("webhook-request-origin", "contoso.example")]),
            405,
            format!("the handshake's origin is `contoso.example` {expected}"),
        ),
        (
            headers([("webhook-request-origin", "eventgrid.azure.net.contoso.example")]),
            405,
            format!("the handshake's origin is `eventgrid.azure.net.contoso.example` {expected}"),
        ),
        (
            headers([("origin", "eventgrid.azure.net")]),
            405,
            format!("the handshake's origin is `` {expected}"),
        ),
        (
            headers([
                ("webhook-request-origin", "eventgrid.azure.net"),
                ("webhook-request-origin", "contoso.example"),
            ]),
            400,
            "the handshake is malformed: a header is present more than once".to_owned(),
        ),
    ] {
        let error = options(&receiver(), &request_headers).await.unwrap_err();
        assert_eq!(status_and_message(&error), (status, message));
        let response = error.response();
        let allow: &[_] = if status == 405 { &[("allow", "POST")] } else { &[] };
        assert_eq!(parts(&response), (status, allow.to_vec(), ""));
    }

    // The accepting settings, beside their refused twins above.
    let request_headers = headers([("webhook-request-origin", "contoso.example")]);
    let build = WebhookReceiver::builder;
    for builder in [build().allow_origin("contoso.example"), build().danger_allow_any_origin()] {
        let receiver = builder.query_secret("code", SECRET).unwrap().build().unwrap();
        let handshake = options(&receiver, &request_headers).await.unwrap();
        assert_eq!(
            handshake.response().unwrap().headers()["webhook-allowed-origin"],
            "contoso.example"
        );
    }
}

#[tokio::test]
async fn a_foreign_callback_url_is_reported_but_does_not_prevent_consent() {
    let request_headers = headers([
        ("webhook-request-origin", "eventgrid.azure.net"),
        ("webhook-request-callback", "http://169.254.169.254/metadata"),
    ]);
    let WebhookRequest::Handshake(handshake) =
        options(&receiver(), &request_headers).await.unwrap()
    else {
        panic!("a handshake")
    };
    assert_eq!(
        handshake.callback().unwrap_err().to_string(),
        "`http://169.254.169.254/metadata` is not a URL of Event Grid (expected https, a host under \
         `eventgrid.azure.net`, and port 443 or 553)"
    );
    assert_eq!(handshake.requested_rate(), None);
    assert_eq!(handshake.consent().status(), 200);

    let government = WebhookReceiver::builder()
        .confirmation_domain("eventgrid.azure.us")
        .query_secret("code", SECRET)
        .unwrap()
        .build()
        .unwrap();
    let WebhookRequest::Handshake(handshake) = options(
        &government,
        &headers([
            ("webhook-request-origin", "eventgrid.azure.net"),
            ("webhook-request-callback", "https://rp.eventgrid.azure.us:553/a"),
        ]),
    )
    .await
    .unwrap() else {
        panic!("a handshake")
    };
    assert!(handshake.callback().unwrap().is_some());
}

/// As documented, with `data` of three kinds.
fn validations() -> [String; 3] {
    let url = "https://rp-eastus2.eventgrid.azure.net:553/eventsubscriptions/a/validate?id=512";
    let data = json!({"validationCode": "512d38b6-\"7b8b", "validationUrl": url});
    let event_grid = json!([{
        "id": "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
        "topic": "/subscriptions/xxxx",
        "subject": "",
        "data": data,
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": "2018-01-25T22:12:19.4556811Z",
        "metadataVersion": "1",
        "dataVersion": "1",
    }]);
    let cloud_event = |data| {
        json!({
            "specversion": "1.0",
            "id": "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
            "source": "/subscriptions/xxxx",
            "type": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "time": "2018-01-25T22:12:19.4556811Z",
            "data": data,
        })
    };
    [
        event_grid.to_string(),
        cloud_event(json!(data.to_string())).to_string(),
        cloud_event(data).to_string(),
    ]
}

#[tokio::test]
async fn the_validation_of_subscriptions() {
    for body in validations() {
        for kind in ["SubscriptionValidation", "subscriptionvalidation", "", "New"] {
            let request = post(&receiver(), kind, &body).await.unwrap();
            let WebhookRequest::Validation(validation) = request else {
                panic!("a validation: {body}")
            };
            assert_eq!(validation.topic(), "/subscriptions/xxxx");
            assert_eq!(validation.subscription(), Some("ORDERS"));
            let url = validation.url().unwrap().unwrap().as_uri();
            assert_eq!(url.host(), Some("rp-eastus2.eventgrid.azure.net"));
            assert_eq!(
                parts(&validation.consent()),
                (
                    200,
                    vec![("content-type", "application/json; charset=utf-8")],
                    r#"{"validationResponse":"512d38b6-\"7b8b"}"#
                )
            );
            assert_eq!(parts(&validation.defer()), (200, vec![], ""));
        }
        // A forged validation of a publisher is an ordinary event, because of the header.
        let request = post(&receiver(), "Notification", &body).await.unwrap();
        assert!(matches!(request, WebhookRequest::Notification(_)));
    }
}

#[tokio::test]
async fn validations_without_consent() {
    let [body, ..] = validations();
    let two = body.replace("[{", "[{},{");
    for (body, message) in [
        (&*two, "the handshake is malformed: it does not have exactly one event"),
        ("[]", "the handshake is malformed: it does not have exactly one event"),
        ("{}", "the handshake is malformed: the event is not a validation"),
        (
            r#"{"data":{"validationcode":"a"}}"#,
            "the handshake is malformed: the event's data has no `validationCode`",
        ),
        (
            r#"{"data":"{\"validationCode\":7}"}"#,
            "the handshake is malformed: the event's data has no `validationCode`",
        ),
    ] {
        let error = post(&receiver(), "SubscriptionValidation", body).await.unwrap_err();
        assert_eq!(status_and_message(&error), (400, message.to_owned()), "{body}");
    }

    let build = || WebhookReceiver::builder().query_secret("code", SECRET).unwrap();
    let other_url = body.replace("rp-eastus2.eventgrid.azure.net", "contoso.example");
    let request = post(&receiver(), "SubscriptionValidation", other_url).await.unwrap();
    let WebhookRequest::Validation(validation) = request else { panic!("a validation") };
    assert!(validation.url().is_err());

    for (builder, refusal) in [
        (build().expect_topic("/SUBSCRIPTIONS/XXXX").expect_subscription("orders"), None),
        (build().expect_topic("/subscriptions/yyyy").expect_topic("/subscriptions/xxxx"), None),
        (
            build().expect_topic("/subscriptions/yyyy"),
            Some(
                "the validation is for topic `/subscriptions/xxxx` (expected /subscriptions/yyyy); if it is yours, add it with \
                 `expect_topic`, and create the event subscription again: Event Grid does not retry a validation",
            ),
        ),
        (
            build().expect_subscription("invoices").expect_subscription("refunds"),
            Some(
                "the validation is for subscription `ORDERS` (expected invoices or refunds); if it is yours, add it with \
                 `expect_subscription`, and create the event subscription again: Event Grid does not retry a validation",
            ),
        ),
    ] {
        let receiver = builder.build().unwrap();
        let outcome = post(&receiver, "SubscriptionValidation", &body).await;
        let outcome = outcome.map(drop).map_err(|error| status_and_message(&error));
        assert_eq!(outcome.err(), refusal.map(|message| (403, message.to_owned())));
    }
}

async fn events(body: impl AsRef<[u8]>) -> Vec<GridEvent> {
    let body = body.as_ref();
    let request = post(&receiver(), "Notification", body).await.unwrap();
    let WebhookRequest::Notification(notification) = request else {
        panic!("events: {}", body.escape_ascii())
    };
    assert_eq!(notification.subscription(), Some("ORDERS"));
    assert_eq!(notification.delivery_count(), Some(3));
    notification.into_events()
}

const CLOUD_EVENT: &str = r##"{"specversion":"1.0","id":"1","source":"/a","type":"Contoso.Ordered","time":"2026-11-21T00:00:00.1234567Z","dataschema":"#","traceparent":null,"data":{"n":1.50}}"##;
const EVENT_GRID: &str = r#"{"id":"2","topic":"/subscriptions/x","subject":"orders/7","data":{"n":2.50},"eventType":"Contoso.Ordered","eventTime":"2026-11-21T00:00:00.1234567Z","metadataVersion":"1","dataVersion":"","new":1}"#;

#[tokio::test]
async fn events_in_either_schema_single_or_many() {
    let at = OffsetDateTime::from_unix_timestamp_nanos(1_795_219_200_123_456_700).unwrap();
    for body in
        [CLOUD_EVENT.to_owned(), format!("[{CLOUD_EVENT}]"), format!(" \r\n[ {CLOUD_EVENT} ]\n")]
    {
        let [GridEvent::CloudEvent(event)] = &events(body).await[..] else {
            panic!("a cloud event")
        };
        assert_eq!((event.id(), event.source()), ("1", "/a"));
        assert_eq!(event.time(), Some(at));
        assert_eq!(event.json().unwrap().get(), r#"{"n":1.50}"#);
    }
    for body in [EVENT_GRID.to_owned(), format!("[{EVENT_GRID}]")] {
        let [GridEvent::EventGrid(event)] = &events(body).await[..] else {
            panic!("an event of Event Grid's schema")
        };
        assert_eq!((event.id(), event.event_type()), ("2", "Contoso.Ordered"));
        assert_eq!(event.topic(), Some("/subscriptions/x"));
        assert_eq!(event.subject(), Some("orders/7"));
        assert_eq!(event.event_time(), Some(at));
        assert_eq!(event.json().unwrap().get(), r#"{"n":2.50}"#);
        assert_eq!(event.data_version(), Some(""));
    }
    assert_eq!(events("[]").await.len(), 0);

    // An event of neither schema does not affect the batch, and is not lost.
    let unreadable = CLOUD_EVENT.replace(r#""id":"1""#, r#""id":7"#);
    let batch =
        events(format!(r#"[{CLOUD_EVENT},{EVENT_GRID},{{"custom":1.50}},{unreadable}]"#)).await;
    let [
        GridEvent::CloudEvent(_),
        GridEvent::EventGrid(_),
        GridEvent::Unrecognized(custom),
        GridEvent::Unrecognized(other),
    ] = &batch[..]
    else {
        panic!("{batch:?}")
    };
    assert_eq!(custom.json().get(), r#"{"custom":1.50}"#);
    assert_eq!(other.json().get(), unreadable);

    // At any depth of the data.
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = CLOUD_EVENT.replace(r#"{"n":1.50}"#, &deep);
    let [GridEvent::CloudEvent(event)] = &events(body).await[..] else { panic!("a cloud event") };
    assert_eq!(event.json().unwrap().get(), deep);
}

#[derive(Debug, Deserialize, PartialEq)]
struct Ordered {
    n: f64,
}

#[tokio::test]
async fn data_deserializes() {
    let found = events(format!("[{CLOUD_EVENT},{EVENT_GRID}]")).await;
    let [GridEvent::CloudEvent(cloud_event), GridEvent::EventGrid(event_grid)] = &found[..] else {
        panic!("one of each schema")
    };
    assert_eq!(cloud_event.data::<Ordered>().unwrap(), Ordered { n: 1.5 });
    assert_eq!(event_grid.data::<Ordered>().unwrap(), Ordered { n: 2.5 });
    assert!(cloud_event.data::<Vec<u8>>().is_err());
}

/// Each event of neither schema, beside the valid one that it was derived from.
#[tokio::test]
async fn reasons_of_events_of_neither_schema() {
    let (cloud, grid) = ("it is not a CloudEvent: ", "it is not an event of Event Grid's schema: ");
    for (good, from, to, schema, problem) in [
        (CLOUD_EVENT, r#""specversion":"1.0","#, "", cloud, "`specversion` is missing"),
        (CLOUD_EVENT, r#""1.0""#, "null", cloud, "`specversion` is missing"),
        (CLOUD_EVENT, r#""1.0""#, "1.0", cloud, "`specversion` is a number (expected a string)"),
        (
            CLOUD_EVENT,
            r#""1.0""#,
            r#""0.3""#,
            cloud,
            "attribute `specversion` is `0.3` (expected 1.0)",
        ),
        (CLOUD_EVENT, r#""1","#, r#""","#, cloud, "`id` is empty"),
        (CLOUD_EVENT, r#""/a""#, "{}", cloud, "`source` is an object (expected a string)"),
        (
            CLOUD_EVENT,
            r#""type":"Contoso.Ordered""#,
            r#""Type":[]"#,
            cloud,
            "`type` is missing (found `Type`; names are case-sensitive)",
        ),
        (
            CLOUD_EVENT,
            r##""dataschema":"#""##,
            r#""subject":false"#,
            cloud,
            "`subject` is a boolean (expected a string)",
        ),
        (
            CLOUD_EVENT,
            r#""data":{"n":1.50}"#,
            r#""data_base64":"s3cret!""#,
            cloud,
            "`data_base64` is not base64",
        ),
        (
            CLOUD_EVENT,
            r#""traceparent":null"#,
            r#""id":"2""#,
            cloud,
            "member `id` occurs more than once",
        ),
        (EVENT_GRID, r#""id":"2","#, "", grid, "`id` is missing"),
        (EVENT_GRID, r#""id":"2","#, r#""id":2,"#, grid, "`id` is a number (expected a string)"),
        (
            EVENT_GRID,
            "eventType",
            "EventType",
            grid,
            "`eventType` is missing (found `EventType`; names are case-sensitive)",
        ),
        (
            EVENT_GRID,
            r#""dataVersion":"""#,
            r#""dataVersion":1"#,
            grid,
            "`dataVersion` is a number (expected a string)",
        ),
    ] {
        let bad = good.replacen(from, to, 1);
        let found = events(format!("[{good},{bad}]")).await;
        assert!(!matches!(found[0], GridEvent::Unrecognized(_)));
        let GridEvent::Unrecognized(event) = &found[1] else { panic!("{bad}") };
        assert_eq!(event.reason().to_string(), format!("{schema}{problem}"));
        assert_eq!(event.json().get(), bad);
        assert!(!format!("{event:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn events_about_resources() {
    let data = r#"{"resourceUri":"/b","operationName":"o","claims":{"oid":"s3cret"}}"#;
    let cloud_event = CLOUD_EVENT.replace(r#"{"n":1.50}"#, data);
    let event_grid = EVENT_GRID.replace(r#"{"n":2.50}"#, data);
    let without_data = CLOUD_EVENT.replace(r#","data":{"n":1.50}"#, "");
    // Not a CloudEvent, because it has no id. An event about a resource does not need one.
    let unnamed = cloud_event.replace(r#""id":"1""#, r#""id":null"#);
    for body in [&cloud_event, &event_grid, &without_data, &unnamed] {
        let [event] = &events(body).await[..] else { panic!("one event") };
        let read = ResourceEvent::read(body.as_bytes()).unwrap();
        let of = ResourceEvent::of(event).unwrap();
        assert_eq!(vec![of], read, "{body}");
    }
    for body in [r#"{"custom":1.50}"#, r#"{"type":7}"#] {
        assert_eq!(ResourceEvent::of(&events(body).await[0]), None);
    }
}

#[tokio::test]
async fn bodies_without_events() {
    let long = format!("\"{}\"", "x".repeat(2 * 1024 * 1024));
    for (body, status, message) in [
        ("", 503, "the body is empty"),
        (&*long, 413, "the body is longer than 2097152 bytes"),
        (
            "7",
            400,
            "the body is not a JSON object or an array of JSON objects: it has a value of another type",
        ),
        (
            "[7]",
            400,
            "the body is not a JSON object or an array of JSON objects: it has a value of another type",
        ),
        (
            "[{},[]]",
            400,
            "the body is not a JSON object or an array of JSON objects: it has a value of another type",
        ),
        (
            "[{}",
            503,
            "the body ends in the middle of its JSON, at line 1, column 3: it was truncated in transit; Event Grid will \
             deliver it again; if that persists, check the proxies and middleware in between",
        ),
        (
            "{}\n}",
            400,
            "the body is not a JSON object or an array of JSON objects: it is not JSON at line 2, column 1",
        ),
        (
            "secret",
            400,
            "the body is not a JSON object or an array of JSON objects: it is not JSON at line 1, column 1",
        ),
    ] {
        let error = post(&receiver(), "Notification", body).await.unwrap_err();
        assert_eq!(status_and_message(&error), (status, message.to_owned()));
        let wait = error.retry_after().map(|wait| wait.as_secs());
        assert_eq!(wait, (status == 503).then_some(10));
    }
    let error = post(&receiver(), "Notification", b"{\"a\":\"\xff\"}").await.unwrap_err();
    assert_eq!(error.status(), 400);

    let small = WebhookReceiver::builder().body_limit(9);
    let small = small.query_secret("code", SECRET).unwrap().build().unwrap();
    assert!(post(&small, "Notification", "{\"a\":123}").await.is_ok());
    let error = post(&small, "Notification", "{\"a\":1234}").await.unwrap_err();
    assert_eq!(status_and_message(&error), (413, "the body is longer than 9 bytes".to_owned()));
    // Before the body is read.
    let announced = headers([("content-length", "10")]);
    let error = small.admit(&Method::POST, QUERY, &announced).await.unwrap_err();
    assert_eq!(error.status(), 413);
}

#[tokio::test]
async fn too_many_events() {
    let body = |count| format!("[{}]", vec!["{}"; count].join(","));
    assert_eq!(events(body(5000)).await.len(), 5000);
    // If Event Grid ever delivers more, it retries for a day; 400 or 413 would lose the events.
    let wait = Some(std::time::Duration::from_secs(10));
    for kind in ["Notification", "SubscriptionValidation", "New"] {
        let error = post(&receiver(), kind, body(5001)).await.unwrap_err();
        assert!(matches!(error, ReceiveError::TooManyEvents { found: 5001 }));
        let message = "the body has 5001 events (expected at most 5000)";
        assert_eq!(status_and_message(&error), (503, message.to_owned()));
        assert_eq!(error.retry_after(), wait);
    }
    // The rest is parsed but not stored, so a syntax error is detected anywhere.
    let broken = body(5001).replace("]", ",]");
    let error = post(&receiver(), "Notification", broken).await.unwrap_err();
    assert_eq!(error.status(), 400);
}

#[tokio::test]
async fn content_types_and_methods() {
    for (content_type, accepted) in [
        ("application/json", true),
        ("Application/JSON ; charset=utf-8", true),
        ("application/cloudevents+json; charset=utf-8", true),
        ("application/cloudevents-batch+json; charset=utf-8", true),
        ("text/json", true),
        ("text/html; x=+json", false),
        ("application/octet-stream", false),
        ("", false),
    ] {
        let headers = headers([("content-type", content_type)]);
        let body = CLOUD_EVENT.as_bytes();
        let outcome = receiver().receive(&Method::POST, QUERY, &headers, body).await;
        let outcome = outcome.map(drop).map_err(|error| status_and_message(&error));
        let message = format!(
            "the content type is `{content_type}` (expected `application/json` or one that ends in `+json`)"
        );
        assert_eq!(outcome.err(), (!accepted).then_some((415, message)));
    }
    for method in [Method::GET, Method::PUT, Method::HEAD, Method::DELETE] {
        let outcome = receiver().receive(&method, QUERY, &HeaderMap::new(), b"{}").await;
        let message = format!("the method is `{method}` (expected `POST` or `OPTIONS`)");
        assert_eq!(status_and_message(&outcome.unwrap_err()), (405, message));
    }
}

#[tokio::test]
async fn notices_of_deletion() {
    let body = json!([{
        "id": "1",
        "topic": "/subscriptions/x",
        "eventType": "Microsoft.EventGrid.SubscriptionDeletedEvent",
        "data": {"eventSubscriptionId": "/subscriptions/x/eventSubscriptions/orders"},
    }])
    .to_string();
    for (kind, body, id) in [
        ("SubscriptionDeletion", &*body, Some("/subscriptions/x/eventSubscriptions/orders")),
        ("Unsubscribe", &*body, Some("/subscriptions/x/eventSubscriptions/orders")),
        ("", &*body, Some("/subscriptions/x/eventSubscriptions/orders")),
        ("unsubscribe", "", None),
        ("SubscriptionDeletion", "whatever", None),
    ] {
        let WebhookRequest::Deletion(deletion) = post(&receiver(), kind, body).await.unwrap()
        else {
            panic!("a notice")
        };
        assert_eq!(deletion.subscription_id(), id);
        assert_eq!(deletion.subscription(), Some("ORDERS"));
        assert_eq!(parts(&deletion.response()), (202, vec![], ""));
    }
}

#[tokio::test]
async fn shared_secrets_in_the_query() {
    let next = "abc+def/0123456789==";
    let receiver = WebhookReceiver::builder().query_secret("code", SECRET).unwrap();
    let receiver = receiver.query_secret("code", next).unwrap().build().unwrap();
    let wrong = "query parameter `code` does not match the shared secret";
    let missing = "query parameter `code` is missing (expected the shared secret)";
    for (query, refusal) in [
        (Some("code=kGZ4vN0mS2rQ8xTb"), None),
        (Some("a=b&code=kGZ4vN0mS2rQ8xTb&code2=1"), None),
        (Some("code=%6bGZ4vN0mS2rQ8xTb"), None),
        // Raw as in the settings, and correctly encoded.
        (Some("code=abc+def/0123456789=="), None),
        (Some("code=abc%2Bdef%2F0123456789%3D%3D"), None),
        (Some("code=kGZ4vN0mS2rQ8xTc"), Some(wrong)),
        (Some("code=kGZ4vN0mS2rQ8xT"), Some(wrong)),
        (Some("code=kGZ4vN0mS2rQ8xTbb"), Some(wrong)),
        (Some("code="), Some(wrong)),
        (Some("code"), Some(wrong)),
        (Some("Code=kGZ4vN0mS2rQ8xTb"), Some(missing)),
        (Some(""), Some(missing)),
        (None, Some(missing)),
        (
            Some("code=kGZ4vN0mS2rQ8xTb&code=guess"),
            Some("query parameter `code` is present more than once"),
        ),
        (
            Some("code=guess&%63ode=kGZ4vN0mS2rQ8xTb"),
            Some("query parameter `code` is present more than once"),
        ),
    ] {
        // Handshakes use the same URL, so they have it too.
        let origin = headers([("webhook-request-origin", "eventgrid.azure.net")]);
        for method in [Method::POST, Method::OPTIONS] {
            let outcome = receiver.receive(&method, query, &origin, b"{}").await;
            let outcome = outcome.map(drop).map_err(|error| status_and_message(&error));
            assert_eq!(outcome.err(), refusal.map(|it| (401, it.to_owned())), "{query:?}");
        }
    }
}

#[tokio::test]
async fn shared_secrets_in_a_header() {
    let receiver = WebhookReceiver::builder().header_secret("X-Contoso-Key", SECRET).unwrap();
    let receiver = receiver.build().unwrap();
    for (headers, refusal) in [
        (headers([("x-contoso-key", SECRET)]), None),
        (
            headers([("x-contoso-key", "kGZ4vN0mS2rQ8xTc")]),
            Some("header `x-contoso-key` does not match the shared secret"),
        ),
        (
            headers([("x-contoso-key", SECRET), ("x-contoso-key", SECRET)]),
            Some("header `x-contoso-key` is present more than once"),
        ),
        (headers([]), Some("header `x-contoso-key` is missing (expected the shared secret)")),
    ] {
        let outcome = receiver.receive(&Method::POST, None, &headers, b"{}").await;
        let outcome = outcome.map(drop).map_err(|error| status_and_message(&error));
        assert_eq!(outcome.err(), refusal.map(|it| (401, it.to_owned())));
    }

    // It is not documented whether handshakes have it. If they do, it is checked.
    let request_headers = headers([("webhook-request-origin", "eventgrid.azure.net")]);
    assert!(receiver.receive(&Method::OPTIONS, None, &request_headers, b"").await.is_ok());
    let [body, ..] = validations();
    let validation = headers([("aeg-event-type", "SubscriptionValidation")]);
    let body = body.as_bytes();
    assert!(receiver.receive(&Method::POST, None, &validation, body).await.is_ok());
    let mut wrong = validation.clone();
    wrong.insert("x-contoso-key", HeaderValue::from_static("guess"));
    let outcome = receiver.receive(&Method::POST, None, &wrong, body).await;
    assert_eq!(outcome.unwrap_err().status(), 401);
    // Without the header of a handshake it is an ordinary delivery.
    let outcome = receiver.receive(&Method::POST, None, &HeaderMap::new(), body).await;
    assert_eq!(outcome.unwrap_err().status(), 401);
}

#[tokio::test]
async fn invalid_settings() {
    let build = WebhookReceiver::builder;
    assert_eq!(
        build().build().unwrap_err().to_string(),
        "nothing authenticates deliveries (expected `entra`, `query_secret` or `header_secret`; or \
         `danger_without_authentication`)"
    );
    let open = build().danger_without_authentication().build().unwrap();
    assert!(open.receive(&Method::POST, None, &HeaderMap::new(), b"{}").await.is_ok());
    assert_eq!(
        build().query_secret("code", "fifteen bytes..").unwrap_err().to_string(),
        "the secret has 15 bytes (expected 16 or more)"
    );
    for name in ["aeg-key", "AEG-Key", "two words", ""] {
        assert_eq!(
            build().header_secret(name, SECRET).unwrap_err().to_string(),
            format!(
                "`{name}` cannot carry the secret (expected a header name that does not begin with `aeg-`)"
            )
        );
    }
    let builder = build().header_secret("x-key", SECRET).unwrap();
    let shown = format!("{builder:?} {:?}", receiver());
    assert!(shown.contains("x-key") && !shown.contains(SECRET), "{shown}");
}

#[tokio::test]
async fn one_log_line_per_request() {
    let [validation, ..] = validations();
    let lines = lines_of(async {
        let receiver = receiver();
        let _ = post(&receiver, "Notification", CLOUD_EVENT).await;
        let _ = post(&receiver, "SubscriptionValidation", validation).await;
        let _ = post(&receiver, "Unsubscribe", "").await;
        let origin = headers([("webhook-request-origin", "eventgrid.azure.net")]);
        let _ = options(&receiver, &origin).await;
        let _ = options(&receiver, &headers([("webhook-request-origin", "a\tb")])).await;
        let query = Some("code=kGZ4vN0mS2rQ8xTc");
        let _ = receiver.receive(&Method::POST, query, &origin, b"{}").await;
        let _ = post(&receiver, "Notification", "kGZ4vN0mS2rQ8xTb").await;
    });
    let target = "partner_center_webhooks::event_grid";
    let notice = |what, of| {
        format!(
            "INFO {target}: notice from Event Grid outcome=\"accepted\" what=\"{what}\" of={of}"
        )
    };
    let refused = |status, reason| {
        format!(
            "WARN {target}: delivery refused outcome=\"refused\" status={status} reason={reason}"
        )
    };
    assert_eq!(
        lines.await,
        [
            format!(
                "INFO {target}: delivery accepted outcome=\"accepted\" events=1 unrecognized=0 subscription=ORDERS"
            ),
            notice("validation", "ORDERS"),
            notice("deletion", "ORDERS"),
            notice("handshake", "eventgrid.azure.net"),
            refused(405, r"the handshake's origin is `a\tb` (expected eventgrid.azure.net)"),
            refused(401, "query parameter `code` does not match the shared secret"),
            refused(
                400,
                "the body is not a JSON object or an array of JSON objects: it is not JSON at line 1, column 1"
            ),
        ]
    );
}

type Pieces = BoxStream<'static, Result<Bytes, io::Error>>;

/// Responds with the number of events, or 500 if there are none, through axum.
async fn by_axum(request: Request<Pieces>) -> Response<Bytes> {
    async fn count(Delivery(notification): Delivery) -> Result<String, StatusCode> {
        match notification.events().len() {
            0 => Err(StatusCode::INTERNAL_SERVER_ERROR),
            events => Ok(events.to_string()),
        }
    }
    let router = Router::new().route("/events", any(count)).with_state(receiver());
    let response = router.oneshot(request.map(Body::from_stream)).await;
    let (parts, body) = response.unwrap().into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

/// The same through actix-web.
async fn by_actix_web(request: Request<Pieces>) -> Response<Bytes> {
    use actix_web::dev::{Payload, Service as _};
    use actix_web::error::PayloadError;
    use actix_web::{App, HttpResponse, test, web};

    async fn count(
        grid::actix_web::Delivery(notification): grid::actix_web::Delivery,
    ) -> HttpResponse {
        match notification.events().len() {
            0 => HttpResponse::InternalServerError().finish(),
            events => HttpResponse::Ok()
                .content_type("text/plain; charset=utf-8")
                .body(events.to_string()),
        }
    }
    let app =
        App::new().app_data(web::Data::new(receiver())).route("/events", web::route().to(count));
    let app = test::init_service(app).await;
    let (parts, body) = request.into_parts();
    let mut request = test::TestRequest::with_uri(&parts.uri.to_string())
        .method(parts.method.as_str().parse().unwrap());
    for (name, value) in &parts.headers {
        request = request.append_header((name.as_str(), value.as_bytes()));
    }
    let payload = Payload::Stream { payload: body.map_err(PayloadError::Io).boxed_local() };
    let (request, _) = request.to_request().replace_payload(payload);
    let response = app.call(request).await.unwrap();
    let mut converted = Response::builder().status(response.status().as_u16());
    for (name, value) in response.headers() {
        converted = converted.header(name.as_str(), value.as_bytes());
    }
    converted.body(test::read_body(response).await).unwrap()
}

#[actix_web::test]
async fn adapters_agree_with_the_receiver() {
    let [validation, ..] = validations();
    let batch = format!("[{CLOUD_EVENT},{EVENT_GRID}]");
    let whole_body = |body: &str| {
        let body = Bytes::copy_from_slice(body.as_bytes());
        stream::iter([Ok(body)]).boxed()
    };
    let nothing = || stream::empty().boxed();
    let broken = || stream::iter([Ok(Bytes::from("[")), Err(io::Error::other("broken"))]).boxed();
    let endless = || stream::repeat_with(|| Ok(Bytes::from(vec![b' '; 65536]))).boxed();
    let unread = || stream::once(async { panic!("the body was read") }).boxed();
    let kind = |kind| headers([("aeg-event-type", kind)]);
    let notification = || kind("Notification");
    let origin = headers([("webhook-request-origin", "eventgrid.azure.net")]);
    let text = ("content-type", "text/plain; charset=utf-8");
    let json = ("content-type", "application/json; charset=utf-8");
    let echo = r#"{"validationResponse":"512d38b6-\"7b8b"}"#;
    let allowed = vec![
        ("allow", "POST"),
        ("webhook-allowed-origin", "eventgrid.azure.net"),
        ("webhook-allowed-rate", "*"),
    ];
    let allow = vec![("allow", "POST")];
    let later = vec![("retry-after", "10")];
    type Expected = (u16, Vec<(&'static str, &'static str)>, &'static str);
    type Case<'a> = (Method, &'a str, HeaderMap, &'a dyn Fn() -> Pieces, Expected);
    let (post, code) = (Method::POST, SECRET);
    let cases: [Case<'_>; 11] = [
        (post.clone(), code, notification(), &|| whole_body(&batch), (200, vec![text], "2")),
        (post.clone(), code, notification(), &|| whole_body("[]"), (500, vec![], "")),
        (Method::OPTIONS, code, origin, &nothing, (200, allowed, "")),
        (
            post.clone(),
            code,
            kind("SubscriptionValidation"),
            &|| whole_body(&validation),
            (200, vec![json], echo),
        ),
        (post.clone(), code, kind("Unsubscribe"), &nothing, (202, vec![], "")),
        (post.clone(), "guess", notification(), &unread, (401, vec![], "")),
        (Method::GET, code, notification(), &unread, (405, allow.clone(), "")),
        (Method::OPTIONS, code, headers([]), &unread, (405, allow, "")),
        (post.clone(), code, notification(), &|| whole_body("]"), (400, vec![], "")),
        (post.clone(), code, notification(), &endless, (413, vec![], "")),
        (post.clone(), code, notification(), &broken, (503, later, "")),
    ];
    for (index, (method, secret, headers, body, expected)) in cases.iter().enumerate() {
        let request = || {
            let mut request = Request::new(body());
            *request.method_mut() = method.clone();
            *request.uri_mut() = format!("/events?code={secret}").parse().unwrap();
            *request.headers_mut() = headers.clone();
            request
        };
        for (name, mut response) in
            [("axum", by_axum(request()).await), ("actix-web", by_actix_web(request()).await)]
        {
            response.headers_mut().remove("content-length");
            assert_eq!(parts(&response), *expected, "{name}, case {index}");
        }
    }
}

//! Injected faults.

use std::time::{Duration, Instant};

use http::Method;
use partner_center_webhooks::testing::partner_center::{ErrorBody, Fault};
use serde_json::{Value, json};

use super::{EVENTS, Fixture, REGISTRATION, fetch, header};

#[tokio::test]
async fn faults_of_requests_that_are_not_processed() {
    let fixture = Fixture::new().await;
    let new = json!({"webhookUrl": "https://partner.example/", "webhookEvents": []});
    let other = "https://elsewhere.example/";
    let bodies = [
        ErrorBody::standard("800003", "Unexpected."),
        ErrorBody::Throttled { seconds: 3 },
        ErrorBody::OData { code: "c".into(), message: "m".into() },
        ErrorBody::Entra { error: "invalid_grant", code: 1, description: "d".into() },
        ErrorBody::web_api("m"),
        ErrorBody::Html,
        ErrorBody::Empty,
    ];
    for body in bodies {
        fixture.fake.inject(Fault::status(503, &body));
        let response = fixture.send(Method::POST, &new).send().await.unwrap();
        assert_eq!(response.status(), 503);
        let text = response.text().await.unwrap();
        if !matches!(body, ErrorBody::Entra { .. }) {
            assert_eq!(text, body.text());
        }
    }
    for retry_after in [None, Some("7"), Some("Sat, 21 Nov 2026 00:00:07 GMT")] {
        let retry_after = retry_after.map(str::to_owned);
        fixture.fake.inject(Fault::Throttle { retry_after: retry_after.clone() });
        let response = fixture.send(Method::POST, &new).send().await.unwrap();
        assert_eq!(response.status(), 429);
        assert_eq!(header(&response, "retry-after"), retry_after.unwrap_or_default());
    }
    fixture.fake.inject(Fault::Redirect { location: other.into() });
    let response = fixture.send(Method::POST, &new).send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "location")), (307, other));
    fixture.fake.inject(Fault::Drop);
    assert!(fixture.send(Method::POST, &new).send().await.is_err());
    assert_eq!(fixture.fake.registration(), None);
    assert_eq!(fixture.fake.requests().len(), 12);
}

#[tokio::test]
async fn faults_of_requests_that_are_processed() {
    let new = json!({"webhookUrl": "https://partner.example/", "webhookEvents": []});
    for fault in [Fault::DropAfter, Fault::Truncated, Fault::CutJson] {
        let fixture = Fixture::new().await;
        fixture.fake.inject(fault.clone());
        let sent = fixture.send(Method::POST, &new).send().await;
        match fault {
            Fault::DropAfter => assert!(sent.is_err()),
            Fault::Truncated => {
                let response = sent.unwrap();
                assert_eq!(response.status(), 200);
                assert!(response.bytes().await.is_err(), "less than Content-Length");
            }
            _ => {
                let body = sent.unwrap().text().await.unwrap();
                assert!(body.starts_with('{') && !body.ends_with('}'), "{body}");
            }
        }
        assert!(fixture.fake.registration().is_some());
    }
    let fixture = Fixture::new().await;
    fixture.fake.inject(Fault::Slow(Duration::from_millis(200)));
    let start = Instant::now();
    assert_eq!(fetch(fixture.send(Method::POST, &new)).await.0, 200);
    assert!(start.elapsed() >= Duration::from_millis(200));
    fixture.fake.set_registration(&Value::Null);
    fixture.fake.inject(Fault::Slow(Duration::from_secs(60)));
    let request = fixture.send(Method::POST, &new).timeout(Duration::from_millis(300));
    assert!(request.send().await.unwrap_err().is_timeout());
    assert!(
        fixture.fake.registration().is_some(),
        "a request that timed out is processed nevertheless"
    );
}

#[tokio::test]
async fn faults_apply_in_order_to_matching_requests() {
    let fixture = Fixture::registered().await;
    fixture.fake.inject(Fault::status(500, &ErrorBody::Empty));
    fixture.fake.inject(Fault::status(502, &ErrorBody::Empty));
    fixture.fake.inject_on(Method::GET, EVENTS, Fault::status(503, &ErrorBody::Empty));
    assert_eq!(fixture.fake.pending_faults(), 3);
    assert_eq!(fetch(fixture.get(REGISTRATION)).await.0, 500);
    assert_eq!(fetch(fixture.get(EVENTS)).await.0, 503);
    assert_eq!(fetch(fixture.get(EVENTS)).await.0, 502);
    assert_eq!(fetch(fixture.get(EVENTS)).await.0, 200);
    fixture.fake.inject(Fault::Drop);
    fixture.fake.clear_faults();
    assert_eq!(fetch(fixture.get(EVENTS)).await.0, 200);
}

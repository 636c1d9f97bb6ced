//! Validation events: rate limit, polling, and retention.

use std::time::Duration;

use partner_center_webhooks::testing::partner_center::Validation;
use serde_json::{Value, json};

use super::{Fixture, REGISTRATION, VALIDATION, fetch, header, read};

#[tokio::test]
async fn a_validation_event_needs_a_registration() {
    let fixture = Fixture::new().await;
    assert_eq!(fetch(fixture.validate()).await.0, 404);
    fixture.fake.set_registration(&json!({
        "webhookUrl": "https://partner.example/", "webhookEvents": ["invoice-ready"],
    }));
    let (status, body) = fetch(fixture.validate()).await;
    assert_eq!((status, &body["code"]), (400, &json!("800002")));
    let unknown = format!("{VALIDATION}/04af2aea-d413-42db-824e-f328001484d1");
    assert_eq!(fetch(fixture.get(&unknown)).await.0, 404);
}

#[tokio::test]
async fn the_id_of_a_validation_event_is_that_of_the_response() {
    let fixture = Fixture::registered().await;
    let sent = "9f6a5c7e-0000-4000-8000-000000000001";
    for is_text in [false, true] {
        fixture.fake.configure(|quirks| quirks.text_correlation_id = is_text);
        let request =
            fixture.validate().header("MS-CorrelationId", sent).header("MS-RequestId", "1");
        let response = request.send().await.unwrap();
        let received = header(&response, "ms-correlationid").to_owned();
        assert_eq!(header(&response, "ms-requestid"), "1");
        let (_, body) = read(response).await;
        let id = if is_text { &body } else { &body["correlationId"] };
        assert_eq!(id.as_str(), Some(received.as_str()));
        assert_ne!(received, sent);
        let status = fetch(fixture.get(&format!("{VALIDATION}/{received}"))).await;
        assert_eq!(status.1["correlationId"], received.as_str());
    }
    let response = fixture.get(REGISTRATION).header("MS-CorrelationId", sent);
    let response = response.send().await.unwrap();
    assert_eq!(header(&response, "ms-correlationid"), sent);
}

#[tokio::test]
async fn two_validation_events_per_minute() {
    let fixture = Fixture::registered().await;
    fixture.stop_the_clock();
    assert_eq!(fetch(fixture.validate()).await.0, 200);
    fixture.advance(4);
    assert_eq!(fetch(fixture.validate()).await.0, 200);
    let response = fixture.validate().send().await.unwrap();
    let wait: u64 = header(&response, "retry-after").parse().unwrap();
    assert!((56..=57).contains(&wait), "{wait}");
    let (status, body) = read(response).await;
    assert_eq!((status, &body["statusCode"]), (429, &json!(429)));
    let message = format!("Rate limit is exceeded. Try again in {wait} seconds.");
    assert_eq!(body["message"], message);
    fixture.advance(wait - 2);
    assert_eq!(fetch(fixture.validate()).await.0, 429);
    fixture.advance(2);
    assert_eq!(fetch(fixture.validate()).await.0, 200);
    fixture.fake.configure(|quirks| quirks.validation_events_per_minute = 3);
    assert_eq!(fetch(fixture.validate()).await.0, 200);
    assert_eq!(fetch(fixture.validate()).await.0, 200);
    assert_eq!(fetch(fixture.validate()).await.0, 429);
}

#[tokio::test]
async fn results_appear_after_the_delay() {
    let fixture = Fixture::registered().await;
    fixture.stop_the_clock();
    let (_, id) = fetch(fixture.validate()).await;
    let path = format!("{VALIDATION}/{}", id["correlationId"].as_str().unwrap());
    let poll = async || fetch(fixture.get(&path)).await.1;
    let status = poll().await;
    assert_eq!(status["partnerId"], fixture.fake.tenant_id().as_str());
    assert_eq!((&status["status"], &status["results"]), (&json!("Submitted"), &Value::Null));

    fixture.fake.configure(|quirks| {
        quirks.validation = Validation::completed(2);
        quirks.empty_results = true;
    });
    let status = poll().await;
    assert_eq!((&status["status"], &status["results"]), (&json!("Submitted"), &json!([])));
    let status = poll().await;
    assert_eq!(status["status"], "completed");
    assert_eq!(
        status["results"],
        json!([{
            "responseCode": "OK",
            "responseMessage": "",
            "systemError": false,
            "dateTimeUtc": "2026-11-21T00:00:00.0000000",
        }])
    );
    let mut failed = Validation::failed(0);
    if let Validation::Scripted { delay, .. } = &mut failed {
        *delay = Duration::from_secs(30);
    }
    fixture.fake.configure(|quirks| quirks.validation = failed);
    assert_eq!(poll().await["status"], "Submitted");
    fixture.advance(30);
    let status = poll().await;
    assert_eq!(status["status"], "failed");
    assert_eq!(status["results"].as_array().unwrap().len(), 10);
    fixture.advance(7 * 24 * 60 * 60);
    assert_eq!(fetch(fixture.get(&path)).await.0, 404, "kept for seven days");
}

#[tokio::test]
async fn a_post_needs_a_length() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let fixture = Fixture::registered().await;
    let address = fixture.fake.base_url().trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let token = fixture.fake.access_token();
    let request = format!(
        "POST {VALIDATION} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 411 "), "{response}");
}

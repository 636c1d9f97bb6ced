//! Deliveries: requests, attempts and pauses.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use partner_center_webhooks::EventName;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::TestKitError;
use partner_center_webhooks::testing::partner_center::Outcome;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Credulous, ended, register, registered, serve, statuses};

#[tokio::test]
async fn a_callback_equals_the_documented_sample() {
    // A client for https does not change plain http requests.
    for client in [None, Some(ReqwestClient::new().unwrap())] {
        equals_the_documented_sample(client).await;
    }
}

async fn equals_the_documented_sample(client: Option<ReqwestClient>) {
    let (service, url) = Credulous::start([]).await;
    let partner_center = match client {
        None => registered(&url).await,
        Some(client) => {
            let builder = PartnerCenter::builder().http_client(client);
            let partner_center = builder.start().await.unwrap();
            register(&partner_center, &url, &json!({}));
            partner_center
        }
    };
    let body = r#"{"EventName":"test-created","ResourceUri":"http://localhost:16722/v1/webhooks/registration/test","ResourceName":"test","AuditUri":null,"ResourceChangeUtcDate":"2017-11-16T16:19:06.3520276+00:00"}"#;
    partner_center.emit_body(body).unwrap();
    partner_center.settled().await;
    let (uri, headers, received) = service.seen().remove(0);
    let header = |name: &str| headers[name].to_str().unwrap();
    assert_eq!((uri.as_str(), received.as_ref()), ("/callback?tenant=a", body.as_bytes()));
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("accept-encoding"), "gzip, deflate");
    assert_eq!(header("content-length"), "195");
    assert_eq!(header("x-ms-signature-algorithm"), "rsa-sha256");
    assert_eq!(header("x-ms-certificate-url"), partner_center.certificate_url());
    let signature = header("authorization").strip_prefix("Signature ").unwrap();
    assert_eq!(signature.len(), 344);
    assert!(!headers.contains_key("x-ms-signature"));
    assert_eq!(headers.len(), 7, "including the host: {headers:?}");
}

#[tokio::test]
async fn the_registration_chooses_the_header_of_the_signature() {
    let (service, url) = Credulous::start([]).await;
    let partner_center = registered(&url).await;
    register(&partner_center, &url, &json!({"signatureTokenToMsSignatureHeader": true}));
    let event = EventName::InvoiceReady;
    partner_center.emit(&event).unwrap();
    partner_center.settled().await;
    partner_center.configure(|quirks| quirks.bare_ms_signature = true);
    partner_center.emit(&event).unwrap();
    partner_center.settled().await;
    let seen = service.seen();
    let values: Vec<_> =
        seen.iter().map(|(_, headers, _)| headers["x-ms-signature"].to_str().unwrap()).collect();
    assert!(values[0].starts_with("Signature ") && values[0].len() == 354, "{values:?}");
    assert_eq!(values[1].len(), 344, "{values:?}");
    assert!(seen.iter().all(|(_, headers, _)| !headers.contains_key("authorization")));
}

#[tokio::test]
async fn only_registered_events_are_delivered() {
    let (service, url) = Credulous::start([]).await;
    let partner_center = PartnerCenter::start().await.unwrap();
    let none = partner_center.emit(&EventName::InvoiceReady).unwrap_err();
    assert!(matches!(none, TestKitError::NoRegistration));
    register(&partner_center, &url, &json!({"webhookEvents": ["Invoice-Ready"]}));
    partner_center.emit(&EventName::InvoiceReady).unwrap();
    let refused = partner_center.emit(&EventName::TestCreated).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the event `test-created` is not registered (registered: Invoice-Ready)"
    );
    partner_center.emit_body(r#"{"EventName":"test-created"}"#).unwrap_err();
    partner_center.emit_body(r#"["no event"]"#).unwrap();
    partner_center.settled().await;
    assert_eq!(service.seen().len(), 2);
}

#[tokio::test]
async fn ten_attempts_with_growing_pauses_and_then_none() {
    let (service, url) = Credulous::start([500; 20]).await;
    let partner_center = registered(&url).await;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    partner_center.on_attempt(move |delivery| kept.lock().unwrap().push(delivery.to_string()));
    let start = Instant::now();
    let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
    let delivery = ended(&partner_center, number).await;
    assert!(start.elapsed() >= Duration::from_millis(511), "1 + 2 + … + 256 ms");
    assert_eq!(statuses(&delivery), [Some(500); 10]);
    assert_eq!(delivery.outcome(), Outcome::Offline);
    assert_eq!(partner_center.offline_queue().len(), 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let seen = service.seen();
    assert_eq!(seen.len(), 10);
    assert!(seen.iter().all(|one| one == &seen[0]), "the same bytes and signature each time");
    let lines = lines.lock().unwrap();
    assert!(lines[0].starts_with("delivery 1 invoice-ready attempt 1: 500 in "), "{lines:?}");
    assert!(lines[0].ends_with(" ms, pending"), "{lines:?}");
    assert!(lines[9].ends_with(" ms, offline"), "{lines:?}");
}

#[tokio::test]
async fn attempts_end_with_success_which_is_2xx_only() {
    let (service, url) = Credulous::start([503, 302, 404, 204]).await;
    let partner_center = registered(&url).await;
    let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
    let delivery = ended(&partner_center, number).await;
    assert_eq!(statuses(&delivery), [Some(503), Some(302), Some(404), Some(204)]);
    assert_eq!(delivery.outcome(), Outcome::Delivered);
    assert_eq!((service.seen().len(), partner_center.offline_queue().len()), (4, 0));
}

#[tokio::test]
async fn a_timeout_differs_from_a_refused_connection() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok(connection) = silent.accept().await {
            kept.push(connection);
        }
    });
    for (url, reason) in [
        (format!("http://{address}/"), "no complete response within 50ms"),
        ("http://127.0.0.1:1/".to_owned(), "Connection refused"),
        ("https://127.0.0.1:1/".to_owned(), "is not plain http, and no other client was given"),
    ] {
        let partner_center = registered(&url).await;
        partner_center.configure(|quirks| {
            quirks.callback_timeout = Duration::from_millis(50);
            quirks.delivery_attempts = 1;
        });
        let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
        let delivery = ended(&partner_center, number).await;
        let error = delivery.attempts()[0].error().unwrap();
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn concurrent_attempts_are_limited() {
    let counts: Arc<Mutex<(usize, usize)>> = Arc::default();
    let inside = Arc::clone(&counts);
    let slow = async move || {
        {
            let mut counts = inside.lock().unwrap();
            counts.0 += 1;
            counts.1 = counts.1.max(counts.0);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        inside.lock().unwrap().0 -= 1;
    };
    let address = serve(Router::new().route("/", post(slow))).await;
    let builder = PartnerCenter::builder().concurrent_attempts(NonZeroUsize::new(3).unwrap());
    let partner_center = builder.start().await.unwrap();
    register(&partner_center, &format!("http://{address}/"), &json!({}));
    for _ in 0..12 {
        partner_center.emit(&EventName::InvoiceReady).unwrap();
    }
    partner_center.settled().await;
    assert_eq!(*counts.lock().unwrap(), (0, 3));
}

#[tokio::test]
async fn validation_events_report_the_attempts() {
    let api = async |partner_center: &PartnerCenter, method, path: &str| {
        let url = format!(
            "{}/webhooks/v1/registration/validationEvents{path}",
            partner_center.base_url()
        );
        let request = reqwest::Client::new()
            .request(method, url)
            .bearer_auth(partner_center.access_token())
            .header("content-length", "0");
        let body = request.send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    let validate = async |partner_center: &PartnerCenter| {
        let id = api(partner_center, http::Method::POST, "").await;
        let id = id["correlationId"].as_str().unwrap().to_owned();
        partner_center.settled().await;
        let status = api(partner_center, http::Method::GET, &format!("/{id}")).await;
        (id, status)
    };
    let (service, url) = Credulous::start([503, 200]).await;
    let partner_center = registered(&url).await;
    let (id, status) = validate(&partner_center).await;
    assert_eq!((&status["status"], &status["callbackUrl"]), (&json!("completed"), &json!(url)));
    let results = status["results"].as_array().unwrap();
    assert_eq!(results[0]["responseCode"], "ServiceUnavailable");
    assert_eq!(results[1]["responseCode"], "OK");
    assert_eq!(
        (&results[1]["responseMessage"], &results[1]["systemError"]),
        (&json!(""), &json!(false))
    );
    let body: Value = serde_json::from_slice(&service.seen()[1].2).unwrap();
    assert_eq!(body["EventName"], "test-created");
    assert!(body["ResourceUri"].as_str().unwrap().ends_with(&id));

    partner_center.configure(|quirks| quirks.numeric_response_code = true);
    let (_, status) = validate(&partner_center).await;
    assert_eq!(status["results"][0]["responseCode"], "200");

    let partner_center = registered("http://127.0.0.1:1/").await;
    partner_center.configure(|quirks| quirks.delivery_attempts = 2);
    let (_, status) = validate(&partner_center).await;
    assert_eq!(status["status"], "failed");
    assert_eq!(status["results"].as_array().unwrap().len(), 2);
    assert_eq!(status["results"][1]["systemError"], true);
}

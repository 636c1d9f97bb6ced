//! The registration, with member names in every case.

use http::{Method, StatusCode};
use partner_center_webhooks::testing::partner_center::{Casing, Validation};
use serde_json::json;

use super::{EVENTS, Fixture, REGISTRATION, VALIDATION, fetch};

#[tokio::test]
async fn a_registration_is_created_once_and_then_replaced() {
    let fixture = Fixture::new().await;
    let (status, none) = fetch(fixture.get(REGISTRATION)).await;
    assert_eq!((status, &none["code"]), (404, &json!("1000")), "{none}");
    for member in ["code", "description", "source"] {
        assert!(none[member].is_string(), "{member}");
    }
    let url = "https://partner.example/callback?a=b";
    let new = json!({
        "WebhookUrl": url,
        "WEBHOOKEVENTS": ["subscription-updated", "test-created"],
        "signaturetokentomssignatureheader": true,
    });
    let (status, none) = fetch(fixture.send(Method::PUT, &new)).await;
    assert_eq!((status, &none["code"]), (404, &json!("1000")));

    let (status, created) = fetch(fixture.send(Method::POST, &new)).await;
    assert_eq!(status, 200, "{created}");
    assert_eq!(created["webhookUrl"], url);
    assert_eq!(created["webhookEvents"], json!(["subscription-updated", "test-created"]));
    assert_eq!(created["signatureTokenToMsSignatureHeader"], true);
    assert_eq!(fetch(fixture.get(REGISTRATION)).await, (200, created.clone()));

    assert_eq!(fetch(fixture.send(Method::POST, &new)).await.0, 409);
    fixture.fake.configure(|quirks| quirks.conflict_status = StatusCode::BAD_REQUEST);
    assert_eq!(fetch(fixture.send(Method::POST, &new)).await.0, 400);

    let without_flag = json!({"webhookUrl": url, "webhookEvents": ["invoice-ready"]});
    let (status, replaced) = fetch(fixture.send(Method::PUT, &without_flag)).await;
    assert_eq!((status, &replaced["webhookEvents"]), (200, &json!(["invoice-ready"])));
    assert_eq!(replaced["signatureTokenToMsSignatureHeader"], false);
    assert_eq!(replaced["subscriberId"], created["subscriberId"]);
    assert_eq!(fixture.fake.registration().unwrap(), replaced);
}

#[tokio::test]
async fn an_invalid_registration_is_refused_and_changes_nothing() {
    let fixture = Fixture::registered().await;
    let before = fixture.fake.registration();
    let url = "https://partner.example/callback";
    for wrong in [
        json!([]),
        json!({"webhookEvents": ["test-created"]}),
        json!({"webhookUrl": "callback", "webhookEvents": []}),
        json!({"webhookUrl": url, "webhookEvents": "test-created"}),
        json!({"webhookUrl": url, "webhookEvents": [1]}),
        json!({"webhookUrl": url, "webhookEvents": ["no-such-event"]}),
        json!({"webhookUrl": url, "signatureTokenToMsSignatureHeader": "true"}),
    ] {
        let (status, body) = fetch(fixture.send(Method::PUT, &wrong)).await;
        assert_eq!((status, &body["code"]), (400, &json!("800002")), "{wrong}");
    }
    let no_type = fixture.call(Method::PUT, REGISTRATION).body("{}");
    let (status, body) = fetch(no_type).await;
    assert_eq!((status, body["Message"].is_string()), (415, true), "{body}");
    assert_eq!(fetch(fixture.call(Method::DELETE, REGISTRATION)).await.0, 405);
    assert_eq!(fixture.fake.registration(), before);
}

#[tokio::test]
async fn responses_are_written_in_either_case() {
    let fixture = Fixture::registered().await;
    fixture.fake.configure(|quirks| quirks.casing = Casing::Guide);
    let (_, registration) = fetch(fixture.get(REGISTRATION)).await;
    let guide = json!({
        "WebhookUrl": "https://partner.example/callback",
        "WebhookEvents": ["test-created"],
    });
    assert_eq!(registration, guide, "as in the guide's sample of GET");
    let (_, registration) = fetch(fixture.send(Method::PUT, &guide)).await;
    assert!(registration["SubscriberId"].is_string(), "as in that of PUT");

    let (_, id) = fetch(fixture.validate()).await;
    let path = format!("{VALIDATION}/{}", id["correlationId"].as_str().unwrap());
    assert!(fetch(fixture.get(&path)).await.1["callbackUrl"].is_string());
    fixture.fake.configure(|quirks| {
        quirks.casing = Casing::Pascal;
        quirks.validation = Validation::completed(0);
    });
    let (_, status) = fetch(fixture.get(&path)).await;
    assert_eq!(status["CallbackUrl"], "https://partner.example/callback");
    assert_eq!(status["Results"][0]["ResponseCode"], "OK");
}

#[tokio::test]
async fn all_documented_events_are_supported() {
    let fixture = Fixture::new().await;
    let (status, events) = fetch(fixture.get(EVENTS)).await;
    let events = events.as_array().unwrap();
    assert_eq!((status, events.len()), (200, 33));
    assert!(events.contains(&json!("usagerecords-thresholdExceeded")));
    fixture.fake.configure(|quirks| quirks.supported_events = vec!["test-created".to_owned()]);
    assert_eq!(fetch(fixture.get(EVENTS)).await.1, json!(["test-created"]));
}

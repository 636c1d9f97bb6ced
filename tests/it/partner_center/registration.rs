//! The registration, in all its spellings.

use http::{Method, StatusCode};
use partner_center_webhooks::testing::partner_center::{Casing, Delay, Validation};
use serde_json::json;

use super::{Desk, EVENTS, REGISTRATION, VALIDATION, answer};

#[tokio::test]
async fn a_registration_is_made_once_and_then_replaced() {
    let desk = Desk::new().await;
    let (status, none) = answer(desk.get(REGISTRATION)).await;
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
    let (status, none) = answer(desk.send(Method::PUT, &new)).await;
    assert_eq!((status, &none["code"]), (404, &json!("1000")));

    let (status, created) = answer(desk.send(Method::POST, &new)).await;
    assert_eq!(status, 200, "{created}");
    assert_eq!(created["webhookUrl"], url);
    assert_eq!(
        created["webhookEvents"],
        json!(["subscription-updated", "test-created"])
    );
    assert_eq!(created["signatureTokenToMsSignatureHeader"], true);
    assert_eq!(answer(desk.get(REGISTRATION)).await, (200, created.clone()));

    assert_eq!(answer(desk.send(Method::POST, &new)).await.0, 409);
    desk.fake
        .configure(|quirks| quirks.conflict_status = StatusCode::BAD_REQUEST);
    assert_eq!(answer(desk.send(Method::POST, &new)).await.0, 400);

    let without_flag = json!({"webhookUrl": url, "webhookEvents": ["invoice-ready"]});
    let (status, replaced) = answer(desk.send(Method::PUT, &without_flag)).await;
    assert_eq!(
        (status, &replaced["webhookEvents"]),
        (200, &json!(["invoice-ready"]))
    );
    assert_eq!(replaced["signatureTokenToMsSignatureHeader"], false);
    assert_eq!(replaced["subscriberId"], created["subscriberId"]);
    assert_eq!(desk.fake.registration().unwrap(), replaced);
}

#[tokio::test]
async fn what_is_no_registration_is_refused_and_changes_nothing() {
    let desk = Desk::registered().await;
    let before = desk.fake.registration();
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
        let (status, body) = answer(desk.send(Method::PUT, &wrong)).await;
        assert_eq!((status, &body["code"]), (400, &json!("800002")), "{wrong}");
    }
    let no_type = desk.call(Method::PUT, REGISTRATION).body("{}");
    let (status, body) = answer(no_type).await;
    assert_eq!((status, body["Message"].is_string()), (415, true), "{body}");
    assert_eq!(answer(desk.call(Method::DELETE, REGISTRATION)).await.0, 405);
    assert_eq!(desk.fake.registration(), before);
}

#[tokio::test]
async fn answers_are_written_in_either_case() {
    let desk = Desk::registered().await;
    desk.fake.configure(|quirks| quirks.casing = Casing::Guide);
    let (_, registration) = answer(desk.get(REGISTRATION)).await;
    let guide = json!({
        "WebhookUrl": "https://partner.example/callback",
        "WebhookEvents": ["test-created"],
    });
    assert_eq!(registration, guide, "as in the guide's sample of GET");
    let (_, registration) = answer(desk.send(Method::PUT, &guide)).await;
    assert!(
        registration["SubscriberId"].is_string(),
        "as in that of PUT"
    );

    let (_, id) = answer(desk.validate()).await;
    let path = format!("{VALIDATION}/{}", id["correlationId"].as_str().unwrap());
    assert!(answer(desk.get(&path)).await.1["callbackUrl"].is_string());
    desk.fake.configure(|quirks| {
        quirks.casing = Casing::Pascal;
        quirks.validation = Validation::completed(Delay::Polls(0));
    });
    let (_, status) = answer(desk.get(&path)).await;
    assert_eq!(status["CallbackUrl"], "https://partner.example/callback");
    assert_eq!(status["Results"][0]["ResponseCode"], "OK");
}

#[tokio::test]
async fn all_documented_events_are_supported() {
    let desk = Desk::new().await;
    let (status, events) = answer(desk.get(EVENTS)).await;
    let events = events.as_array().unwrap();
    assert_eq!((status, events.len()), (200, 33));
    assert!(events.contains(&json!("usagerecords-thresholdExceeded")));
    desk.fake
        .configure(|quirks| quirks.supported_events = vec!["test-created".to_owned()]);
    assert_eq!(answer(desk.get(EVENTS)).await.1, json!(["test-created"]));
}

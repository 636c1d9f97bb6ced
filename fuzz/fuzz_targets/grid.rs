//! Deliveries of Event Grid: conforming events survive a round trip, and no request panics.
#![no_main]

use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use partner_center_webhooks::event_grid::CloudEvent;
use partner_center_webhooks::event_grid::receive::WebhookReceiver;

const SECRET: &str = "kGZ4vN0mS2rQ8xTb";

fuzz_target!(|data: &[u8]| {
    if let Ok(event) = CloudEvent::from_slice(data) {
        let json = serde_json::to_vec(&event);
        assert_eq!(json.is_ok(), event.check().is_ok());
        if let Ok(json) = json {
            assert_eq!(CloudEvent::from_slice(&json).unwrap(), event);
        }
        assert_eq!(CloudEvent::batch_from_slice(data).unwrap(), [event]);
    }

    let receiver = WebhookReceiver::builder().query_secret("code", SECRET);
    let receiver = receiver.unwrap().build().unwrap();
    let mut headers = HeaderMap::new();
    let (kind, body) = data.split_at(data.len().min(1));
    let kinds = ["Notification", "SubscriptionValidation", "SubscriptionDeletion", "New"];
    let kind = kind.first().map_or(0, |kind| usize::from(*kind) % kinds.len());
    headers.insert("aeg-event-type", HeaderValue::from_static(kinds[kind]));
    if let Ok(callback) = HeaderValue::from_bytes(body) {
        headers.insert("webhook-request-origin", callback.clone());
        headers.insert("webhook-request-callback", callback);
    }
    for method in [Method::POST, Method::OPTIONS] {
        let query = format!("code={SECRET}");
        let outcome = receiver.receive(&method, Some(&query), &headers, body);
        // Without tokens the future is ready immediately.
        match outcome.now_or_never().unwrap() {
            Ok(request) => assert!(request.response().is_none_or(|it| it.status().is_success())),
            Err(error) => {
                assert!(error.status().as_u16() >= 400);
                assert!(!error.to_string().contains(|it: char| it.is_control()));
            }
        }
    }
});

//! The requests of deliveries and notices.
//!
//! | header | value |
//! |---|---|
//! | `aeg-event-type` | `Notification`, `SubscriptionValidation`, `SubscriptionDeletion` or `Unsubscribe` |
//! | `aeg-subscription-name` | the name in upper case, as observed |
//! | `aeg-delivery-count` | the number of earlier attempts |
//! | `aeg-metadata-version` | `1`, or `1.0` for CloudEvents |
//! | `aeg-output-event-id`, `aeg-data-version` | of the only event; the second not for CloudEvents |
//! | `origin` | of CloudEvents only |
//!
//! # Source
//!
//! "Event Grid message delivery and retry"; "Custom delivery properties"; recorded deliveries.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, Method, Request};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::delivery::{Delivery, event_time};
use super::subscription::{DeliverySchema, EventSubscription};
use crate::testing::loopback::response::{guid, header};

/// Splits `events` into batches by the settings of `subscription`, in order.
pub(super) fn batches(subscription: &EventSubscription, events: Vec<Value>) -> Vec<Vec<Value>> {
    let preferred = subscription.preferred_batch_kilobytes.saturating_mul(1024);
    let (mut batches, mut batch, mut size) = (Vec::new(), Vec::new(), 0_usize);
    for event in events {
        let length = event.to_string().len();
        let is_full = batch.len() >= subscription.max_events_per_batch
            || size.saturating_add(length) > preferred;
        if is_full && !batch.is_empty() {
            batches.push(std::mem::take(&mut batch));
            size = 0;
        }
        size = size.saturating_add(length);
        batch.push(event);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// The body that delivers `events`: an array, except for a CloudEvent without batching.
pub(super) fn body(subscription: &EventSubscription, events: &[Value]) -> Bytes {
    match (subscription.schema, is_batched(subscription), events) {
        (DeliverySchema::CloudEvents, false, [event]) => event.to_string().into(),
        _ => json!(events).to_string().into(),
    }
}

/// The request of the next attempt of `delivery`.
pub(super) fn notification(delivery: &Delivery) -> Request<Bytes> {
    let subscription = &*delivery.subscription;
    let mut request = post(subscription, "Notification", delivery.body.clone());
    let headers = request.headers_mut();
    headers.insert(DELIVERY_COUNT, header(&delivery.attempts.len().to_string()));
    let is_cloud_events = subscription.schema == DeliverySchema::CloudEvents;
    if is_cloud_events {
        headers.insert(ORIGIN, header(&delivery.settings.origin));
    }
    // For batches it is not documented which event these headers describe.
    if let ([event], false) = (&*delivery.events, is_batched(subscription)) {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        headers.insert("aeg-output-event-id", header(text("id")));
        if !is_cloud_events {
            headers.insert("aeg-data-version", header(text("dataVersion")));
        }
    }
    add_credentials(subscription, headers);
    request
}

/// The notice that `subscription` was deleted.
pub(super) fn deletion(subscription: &EventSubscription, now: OffsetDateTime) -> Request<Bytes> {
    let mut request = match subscription.unsubscribe_notice {
        true => post(subscription, "Unsubscribe", Bytes::new()),
        false => {
            let data = json!({"eventSubscriptionId": subscription.id()});
            let event = system_event(subscription, "SubscriptionDeletedEvent", data, now);
            let body = body(subscription, &[event]);
            post(subscription, "SubscriptionDeletion", body)
        }
    };
    add_credentials(subscription, request.headers_mut());
    request
}

/// A system event of Event Grid, in the schema of `subscription`.
pub(super) fn system_event(
    subscription: &EventSubscription,
    name: &str,
    data: Value,
    now: OffsetDateTime,
) -> Value {
    let (id, time) = (guid().to_string(), event_time(now));
    let name = format!("Microsoft.EventGrid.{name}");
    match subscription.schema {
        DeliverySchema::CloudEvents => json!({
            "specversion": "1.0", "id": id, "source": subscription.topic, "type": name, "time": time, "data": data,
        }),
        DeliverySchema::EventGrid => json!({
            "id": id, "topic": subscription.topic, "subject": "", "data": data,
            "eventType": name, "eventTime": time, "metadataVersion": "1", "dataVersion": "1",
        }),
    }
}

/// A `POST` with the headers that all requests share.
pub(super) fn post(
    subscription: &EventSubscription,
    event_type: &'static str,
    body: Bytes,
) -> Request<Bytes> {
    let (media_type, version) = match (subscription.schema, is_batched(subscription)) {
        (DeliverySchema::EventGrid, _) => ("application/json", "1"),
        (DeliverySchema::CloudEvents, false) => ("application/cloudevents+json", "1.0"),
        (DeliverySchema::CloudEvents, true) => ("application/cloudevents-batch+json", "1.0"),
    };
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = subscription.uri();
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, header(&format!("{media_type}; charset=utf-8")));
    headers.insert("aeg-event-type", header(event_type));
    headers.insert("aeg-subscription-name", header(&subscription.name.to_ascii_uppercase()));
    headers.insert(DELIVERY_COUNT, header("0"));
    headers.insert("aeg-metadata-version", header(version));
    request
}

/// Adds the credentials of `subscription`, by which its endpoint authenticates the sender.
pub(super) fn add_credentials(subscription: &EventSubscription, headers: &mut HeaderMap) {
    headers.extend(subscription.headers.clone());
    if let Some(token) = &subscription.token {
        headers.insert(AUTHORIZATION, header(&format!("Bearer {}", token())));
    }
}

/// Whether deliveries are arrays even if they contain one event.
fn is_batched(subscription: &EventSubscription) -> bool {
    subscription.max_events_per_batch > 1
}

const DELIVERY_COUNT: &str = "aeg-delivery-count";

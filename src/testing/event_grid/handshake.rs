//! The handshakes of both schemas, by which an endpoint consents to deliveries.
//!
//! | schema | request | consent |
//! |---|---|---|
//! | CloudEvents | `OPTIONS` with `WebHook-Request-Origin` | `WebHook-Allowed-Origin` with that origin or `*`, and a rate if one was requested |
//! | Event Grid | `POST` with a `SubscriptionValidationEvent` | `validationResponse` with its `validationCode` |
//!
//! In both schemas, a subscription whose response is 200 without consent waits for a call to the confirmation URL.
//!
//! # Source
//!
//! "HTTP 1.1 Web Hooks for Event Delivery", section 4; "Endpoint validation with Event Grid event schema".

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::delivery::event_time;
use super::settings::Settings;
use super::subscription::{
    DeliverySchema, EventSubscription, SubscriptionError, SubscriptionState,
};
use super::wire::{add_credentials, post, system_event};
use crate::http_client::HttpClientError;
use crate::mask::Excerpt;
use crate::testing::loopback::response::{guid, header};

/// A handshake in progress.
pub(super) struct Handshake {
    pub(super) request: Request<Bytes>,
    /// The path and query of the confirmation URL.
    pub(super) confirmation: String,
    /// The consent that the response must contain.
    expected: Expected,
}

enum Expected {
    Code(String),
    Origin { origin: String, has_rate: bool },
}

impl Handshake {
    /// The handshake for `subscription`, with the fake at `base_url`.
    pub(super) fn new(
        subscription: &EventSubscription,
        base_url: &str,
        settings: &Settings,
        now: OffsetDateTime,
    ) -> Self {
        let (id, time, token) = (guid(), event_time(now), guid().simple());
        let confirmation = format!(
            "{CONFIRMATION_PATH}{}/validate?id={id}&t={time}&apiVersion=2018-05-01-preview&token={token}",
            subscription.name
        );
        let base_url = settings.confirmation_base_url.as_deref().unwrap_or(base_url);
        let url = format!("{base_url}{confirmation}");
        let (mut request, expected) = match subscription.schema {
            DeliverySchema::CloudEvents => {
                let rate = subscription.requested_rate;
                let mut request = Request::new(Bytes::new());
                *request.method_mut() = Method::OPTIONS;
                *request.uri_mut() = subscription.uri();
                let headers = request.headers_mut();
                headers.insert("webhook-request-origin", header(&settings.origin));
                headers.insert("webhook-request-callback", header(&url));
                if let Some(rate) = rate {
                    headers.insert("webhook-request-rate", header(&rate.to_string()));
                }
                let expected =
                    Expected::Origin { origin: settings.origin.clone(), has_rate: rate.is_some() };
                (request, expected)
            }
            DeliverySchema::EventGrid => {
                let code = guid().to_string();
                let data = json!({"validationCode": code, "validationUrl": url});
                let event = system_event(subscription, "SubscriptionValidationEvent", data, now);
                let body = json!([event]).to_string().into();
                let request = post(subscription, "SubscriptionValidation", body);
                (request, Expected::Code(code))
            }
        };
        if subscription.credentials_in_handshakes {
            add_credentials(subscription, request.headers_mut());
        }
        Self { request, confirmation, expected }
    }
}

/// The state of a subscription after the response to its handshake.
pub(super) fn state_after(
    handshake: &Handshake,
    response: Result<Response<Bytes>, HttpClientError>,
) -> SubscriptionState {
    use SubscriptionState::{AwaitingManualAction, Failed, Succeeded};
    let response = match response {
        Ok(response) if response.status() == 200 => response,
        Ok(response) => {
            let found = response.status().as_u16();
            return Failed(SubscriptionError::WrongStatus { found });
        }
        Err(error) => return Failed(SubscriptionError::NoResponse(error)),
    };
    let consent = match &handshake.expected {
        Expected::Code(code) => has_code(response.body(), code),
        Expected::Origin { origin, has_rate } => allows(response.headers(), origin, *has_rate),
    };
    match consent {
        Ok(true) => Succeeded,
        Ok(false) => AwaitingManualAction,
        Err(failure) => Failed(failure),
    }
}

/// Whether a body echoes the code; false if it contains none.
fn has_code(body: &[u8], code: &str) -> Result<bool, SubscriptionError> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match body.get("validationResponse") {
        None => Ok(false),
        Some(found) if found == code => Ok(true),
        Some(found) => Err(SubscriptionError::WrongCode {
            found: Excerpt::of(found.as_str().unwrap_or(&found.to_string())),
        }),
    }
}

/// Whether headers allow `origin` to send; false if they do not name an origin.
fn allows(headers: &HeaderMap, origin: &str, has_rate: bool) -> Result<bool, SubscriptionError> {
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let Some(found) = text("webhook-allowed-origin") else {
        return Ok(false);
    };
    if found != "*" && !found.eq_ignore_ascii_case(origin) {
        return Err(SubscriptionError::WrongOrigin {
            found: Excerpt::of(&*found),
            expected: Excerpt::of(origin),
        });
    }
    let rate = text("webhook-allowed-rate");
    let is_rate = |rate: &str| rate == "*" || rate.parse().is_ok_and(|rate: u64| rate > 0);
    match rate {
        None if !has_rate => Ok(true),
        Some(rate) if is_rate(&rate) => Ok(true),
        rate => Err(SubscriptionError::NoRate { found: Excerpt::of(&*rate.unwrap_or_default()) }),
    }
}

/// How long an endpoint can be confirmed manually: documented as about ten minutes.
pub(super) const CONFIRMATION_TIME: Duration = Duration::from_secs(600);

/// The path before the name of the event subscription.
pub(super) const CONFIRMATION_PATH: &str = "/eventsubscriptions/";

//! Both handshakes, by which an endpoint consents to be sent events.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use serde_json::{Value, json};
use thiserror::Error;
use time::OffsetDateTime;

use super::settings::Settings;
use super::subscription::{DeliverySchema, EventSubscription};
use super::wire::{post, prove, system_event, written};
use crate::excerpt::Excerpt;
use crate::http_client::HttpClientError;
use crate::testing::fake::answer::{guid, header};

/// How an event subscription stands after its handshake: the `provisioningState` in Azure Resource Manager, in whose words
/// `Display` tells it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SubscriptionState {
    /// The endpoint was polite and consented to nothing: whoever calls the URL of confirmation within ten minutes does.
    AwaitingManualAction,
    /// The endpoint refused, or nobody called the URL of confirmation in time.
    Failed(HandshakeFailure),
    /// The endpoint consented.
    Succeeded,
}

impl fmt::Display for SubscriptionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AwaitingManualAction => f.write_str("AwaitingManualAction"),
            Self::Failed(failure) => write!(f, "Failed: {failure}"),
            Self::Succeeded => f.write_str("Succeeded"),
        }
    }
}

/// Why a handshake failed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum HandshakeFailure {
    /// The validation was answered with another code.
    #[error("`validationResponse` is `{found}` (expected the `validationCode` that was sent)")]
    Code {
        /// What was answered.
        found: Excerpt,
    },
    /// Ten minutes passed.
    #[error("nobody called the URL of confirmation within 10 minutes")]
    Expired,
    /// There was no answer, or none in time.
    #[error("the handshake was not answered: {0}")]
    NoAnswer(#[source] HttpClientError),
    /// Another origin was allowed.
    #[error("`WebHook-Allowed-Origin` is `{found}` (expected `{expected}` or `*`)")]
    Origin {
        /// What was answered.
        found: Excerpt,
        /// Who asked.
        expected: Excerpt,
    },
    /// A rate was asked for, and not granted.
    #[error("`WebHook-Allowed-Rate` is `{found}` (expected a number above 0, or `*`)")]
    Rate {
        /// What was answered.
        found: Excerpt,
    },
    /// 200 is success, and nothing else.
    #[error("the handshake was answered {found} (expected 200)")]
    Status {
        /// The status.
        found: u16,
    },
}

/// A handshake under way.
pub(super) struct Handshake {
    pub(super) request: Request<Bytes>,
    /// Path and query of the URL of confirmation.
    pub(super) confirmation: String,
    /// What the answer has to say.
    expected: Expected,
}

enum Expected {
    Code(String),
    Origin { origin: String, has_rate: bool },
}

impl Handshake {
    /// That of the schema of `subscription`, whose endpoint is `uri`, with a fake at `base_url`.
    pub(super) fn new(
        subscription: &EventSubscription,
        uri: Uri,
        base_url: &str,
        settings: &Settings,
        now: OffsetDateTime,
    ) -> Self {
        let (id, time, token) = (guid(), written(now), guid().simple());
        let confirmation = format!(
            "{CONFIRMATION_PATH}{}/validate?id={id}&t={time}&apiVersion=2018-05-01-preview&token={token}",
            subscription.name
        );
        let base_url = settings
            .confirmation_base_url
            .as_deref()
            .unwrap_or(base_url);
        let url = format!("{base_url}{confirmation}");
        let (mut request, expected) = match subscription.schema {
            DeliverySchema::CloudEvents => {
                let rate = subscription.requested_rate;
                let mut request = Request::new(Bytes::new());
                *request.method_mut() = Method::OPTIONS;
                *request.uri_mut() = uri;
                let headers = request.headers_mut();
                headers.insert("webhook-request-origin", header(&settings.origin));
                headers.insert("webhook-request-callback", header(&url));
                if let Some(rate) = rate {
                    headers.insert("webhook-request-rate", header(&rate.to_string()));
                }
                let expected = Expected::Origin {
                    origin: settings.origin.clone(),
                    has_rate: rate.is_some(),
                };
                (request, expected)
            }
            DeliverySchema::EventGrid => {
                let code = guid().to_string();
                let data = json!({"validationCode": code, "validationUrl": url});
                let event = system_event(subscription, "SubscriptionValidationEvent", data, now);
                let body = json!([event]).to_string().into();
                let request = post(subscription, uri, "SubscriptionValidation", body);
                (request, Expected::Code(code))
            }
        };
        if subscription.handshakes_bring_proof {
            prove(subscription, request.headers_mut());
        }
        Self {
            request,
            confirmation,
            expected,
        }
    }
}

/// What an answer makes of a subscription.
pub(super) fn judge(
    handshake: &Handshake,
    answer: Result<Response<Bytes>, HttpClientError>,
) -> SubscriptionState {
    use SubscriptionState::{AwaitingManualAction, Failed, Succeeded};
    let answer = match answer {
        Ok(answer) if answer.status() == 200 => answer,
        Ok(answer) => {
            let found = answer.status().as_u16();
            return Failed(HandshakeFailure::Status { found });
        }
        Err(error) => return Failed(HandshakeFailure::NoAnswer(error)),
    };
    let consent = match &handshake.expected {
        Expected::Code(code) => has_code(answer.body(), code),
        Expected::Origin { origin, has_rate } => allows(answer.headers(), origin, *has_rate),
    };
    match consent {
        Ok(true) => Succeeded,
        Ok(false) => AwaitingManualAction,
        Err(failure) => Failed(failure),
    }
}

/// Whether a body echoes the code; false: it does not say.
fn has_code(body: &[u8], code: &str) -> Result<bool, HandshakeFailure> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match body.get("validationResponse") {
        None => Ok(false),
        Some(found) if found == code => Ok(true),
        Some(found) => Err(HandshakeFailure::Code {
            found: Excerpt::of(found.as_str().unwrap_or(&found.to_string())),
        }),
    }
}

/// Whether headers allow `origin` to send; false: they do not say.
fn allows(headers: &HeaderMap, origin: &str, has_rate: bool) -> Result<bool, HandshakeFailure> {
    let text = |name| {
        headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
    };
    let Some(found) = text("webhook-allowed-origin") else {
        return Ok(false);
    };
    if found != "*" && !found.eq_ignore_ascii_case(origin) {
        return Err(HandshakeFailure::Origin {
            found: Excerpt::of(&*found),
            expected: Excerpt::of(origin),
        });
    }
    let rate = text("webhook-allowed-rate");
    let is_rate = |rate: &str| rate == "*" || rate.parse().is_ok_and(|rate: u64| rate > 0);
    match rate {
        None if !has_rate => Ok(true),
        Some(rate) if is_rate(&rate) => Ok(true),
        rate => Err(HandshakeFailure::Rate {
            found: Excerpt::of(&*rate.unwrap_or_default()),
        }),
    }
}

/// For so long an endpoint can be confirmed by hand: documented as about ten minutes.
pub(super) const CONFIRMATION_TIME: Duration = Duration::from_secs(600);

/// Before the name of the event subscription.
pub(super) const CONFIRMATION_PATH: &str = "/eventsubscriptions/";

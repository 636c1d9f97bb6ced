//! The two handshakes by which Event Grid checks that an endpoint accepts its events.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::confirmation::ConfirmationUrl;
use super::error::{POST, ReceiveError};
use super::headers::{Headers, visible};
use crate::mask::Excerpt;

/// The `OPTIONS` request that precedes the creation of a subscription with the CloudEvents schema.
///
/// # Source
///
/// CloudEvents, "HTTP 1.1 Web Hooks for Event Delivery", section 4; "Endpoint validation with CloudEvents schema".
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use partner_center_webhooks::event_grid::receive::{WebhookReceiver, WebhookRequest};
///
/// let receiver = WebhookReceiver::builder().query_secret("code", "kGZ4vN0mS2rQ8xTb")?.build()?;
/// let headers = [("WebHook-Request-Origin", "eventgrid.azure.net"), ("WebHook-Request-Rate", "120")];
/// let request = receiver.receive("OPTIONS", Some("code=kGZ4vN0mS2rQ8xTb"), headers, b"").await?;
/// let WebhookRequest::Handshake(handshake) = request else { panic!("a handshake") };
/// assert_eq!(handshake.requested_rate(), Some(120));
/// assert_eq!(handshake.consent().headers()["webhook-allowed-rate"], "*");
/// assert!(handshake.defer().headers().is_empty()); // no consent yet
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Handshake {
    origin: HeaderValue,
    requested_rate: Option<u32>,
    allowed_rate: Option<u32>,
    callback: Option<Result<ConfirmationUrl, ReceiveError>>,
}

impl Handshake {
    /// The header `WebHook-Request-Origin`. Unauthenticated: any sender can set it.
    pub fn origin(&self) -> Excerpt {
        Excerpt::of(self.origin.as_bytes())
    }

    /// The requests per minute that the sender asks for, if it does.
    pub fn requested_rate(&self) -> Option<u32> {
        self.requested_rate
    }

    /// The URL for later consent, if there is one.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::ConfirmationUrl`] if it is not Event Grid's. Consent is possible regardless.
    pub fn callback(&self) -> Result<Option<&ConfirmationUrl>, &ReceiveError> {
        self.callback.as_ref().map(Result::as_ref).transpose()
    }

    /// The response that consents: 200 with the sender's origin in `WebHook-Allowed-Origin`, `WebHook-Allowed-Rate` and
    /// `Allow: POST`.
    pub fn consent(&self) -> Response<Bytes> {
        let rate = match self.allowed_rate {
            Some(rate) => HeaderValue::from(rate),
            None => HeaderValue::from_static("*"),
        };
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        headers.insert(ALLOWED_ORIGIN, self.origin.clone());
        headers.insert(ALLOWED_RATE, rate);
        headers.insert(ALLOW, POST);
        response
    }

    /// The response that defers consent: 200 without consent. Send it first, then request [`callback`](Self::callback).
    pub fn defer(&self) -> Response<Bytes> {
        Response::new(Bytes::new())
    }

    /// Reads the headers of an `OPTIONS` request.
    pub(super) fn read(
        headers: &Headers<'_>,
        rules: &HandshakeRules,
    ) -> Result<Self, ReceiveError> {
        let one = |name| match headers.all(name).as_slice() {
            [] => Ok(None),
            [value] => Ok(Some(*value)),
            _ => Err(ReceiveError::Handshake { problem: "a header is present more than once" }),
        };
        let origin = one(REQUEST_ORIGIN)?.filter(|origin| rules.allows_origin(origin));
        let Some(origin) = origin.and_then(|origin| HeaderValue::from_bytes(origin).ok()) else {
            return Err(ReceiveError::Origin {
                found: Excerpt::of(headers.first(REQUEST_ORIGIN).unwrap_or_default()),
                expected: Excerpt::long(rules.origins.join(" or ")),
            });
        };
        let rate = |value| visible(value)?.trim().parse().ok();
        Ok(Self {
            origin,
            requested_rate: one(REQUEST_RATE)?.and_then(rate),
            allowed_rate: rules.rate,
            callback: one(REQUEST_CALLBACK)?
                .map(|url| ConfirmationUrl::parse(&String::from_utf8_lossy(url), &rules.domain)),
        })
    }
}

/// The `SubscriptionValidation` request that precedes the creation of a subscription or its move to another endpoint.
///
/// # Source
///
/// "Endpoint validation with Event Grid event schema". With the CloudEvents schema its data may be JSON in a string.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use partner_center_webhooks::event_grid::receive::{WebhookReceiver, WebhookRequest};
///
/// let topic = "/subscriptions/s/resourceGroups/events/providers/Microsoft.EventGrid/partnerTopics/contoso";
/// let receiver = WebhookReceiver::builder().query_secret("code", "kGZ4vN0mS2rQ8xTb")?.expect_topic(topic).build()?;
/// let (query, headers) = (Some("code=kGZ4vN0mS2rQ8xTb"), [("aeg-event-type", "SubscriptionValidation")]);
/// let body = format!(r#"[{{"id":"1","topic":"{topic}","data":{{"validationCode":"512d38b6"}}}}]"#);
/// let request = receiver.receive("POST", query, headers, body.as_bytes()).await?;
/// let WebhookRequest::Validation(validation) = request else { panic!("a validation") };
/// assert_eq!(validation.consent().body(), r#"{"validationResponse":"512d38b6"}"#);
///
/// let other = body.replace("contoso", "fabrikam");
/// let error = receiver.receive("POST", query, headers, other.as_bytes()).await.unwrap_err();
/// assert_eq!(error.status(), 403);
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Validation {
    code: Box<str>,
    topic: Box<str>,
    subscription: Option<Box<str>>,
    url: Option<Result<ConfirmationUrl, ReceiveError>>,
}

impl Validation {
    /// The topic; with the CloudEvents schema, the source. May be empty.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The name of the event subscription (`aeg-subscription-name`). Its case varies.
    pub fn subscription(&self) -> Option<&str> {
        self.subscription.as_deref()
    }

    /// The URL for manual consent, if there is one.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::ConfirmationUrl`] if it is not Event Grid's. Consent is possible regardless.
    pub fn url(&self) -> Result<Option<&ConfirmationUrl>, &ReceiveError> {
        self.url.as_ref().map(Result::as_ref).transpose()
    }

    /// The response that consents: 200 with `{"validationResponse":"…"}`. Send it within 30 seconds.
    pub fn consent(&self) -> Response<Bytes> {
        let body = json!({ "validationResponse": self.code }).to_string();
        let mut response = Response::new(body.into());
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }

    /// The response that defers consent: 200 without the code. Request [`url`](Self::url) within ten minutes.
    pub fn defer(&self) -> Response<Bytes> {
        Response::new(Bytes::new())
    }

    /// Reads the one event of a validation.
    pub(super) fn read(
        event: &RawValue,
        subscription: Option<&str>,
        rules: &HandshakeRules,
    ) -> Result<Self, ReceiveError> {
        let malformed = |problem| ReceiveError::Handshake { problem };
        let event = serde_json::from_str::<ValidationEvent<'_>>(event.get());
        let event = event.map_err(|_| malformed("the event is not a validation"))?;
        let data = match serde_json::from_str::<String>(event.data.get()) {
            Ok(json) => serde_json::from_str::<ValidationData>(&json),
            Err(_) => serde_json::from_str(event.data.get()),
        };
        let data = data.map_err(|_| malformed("the event's data has no `validationCode`"))?;
        let topic = event.topic.or(event.source).unwrap_or_default();
        is_expected("topic", &topic, &rules.topics)?;
        let name = subscription.unwrap_or_default();
        is_expected("subscription", name, &rules.subscriptions)?;
        Ok(Self {
            code: data.validation_code,
            topic,
            subscription: subscription.map(Into::into),
            url: data.validation_url.map(|url| ConfirmationUrl::parse(&url, &rules.domain)),
        })
    }
}

/// The senders that receive consent. Consent proves nothing about them, so each rule only narrows which event subscriptions
/// may be created for this endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct HandshakeRules {
    pub(super) origins: Vec<Box<str>>,
    pub(super) takes_any_origin: bool,
    pub(super) rate: Option<u32>,
    pub(super) domain: Box<str>,
    /// Empty: any.
    pub(super) topics: Vec<Box<str>>,
    /// Empty: any.
    pub(super) subscriptions: Vec<Box<str>>,
}

impl HandshakeRules {
    fn allows_origin(&self, origin: &[u8]) -> bool {
        let mut origins = self.origins.iter().map(|it| it.as_bytes());
        self.takes_any_origin || origins.any(|it| it.eq_ignore_ascii_case(origin))
    }
}

/// Ignores case, because Azure does not preserve it.
fn is_expected(what: &'static str, found: &str, expected: &[Box<str>]) -> Result<(), ReceiveError> {
    match expected.is_empty() || expected.iter().any(|it| it.eq_ignore_ascii_case(found)) {
        true => Ok(()),
        false => Err(ReceiveError::Unexpected {
            what,
            found: Excerpt::of(found),
            expected: Excerpt::long(expected.join(" or ")),
        }),
    }
}

#[derive(Deserialize)]
struct ValidationEvent<'a> {
    topic: Option<Box<str>>,
    source: Option<Box<str>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValidationData {
    validation_code: Box<str>,
    validation_url: Option<Box<str>>,
}

/// The origin seen in deliveries, and the parent domain of confirmation URLs.
pub(super) const DOMAIN: &str = "eventgrid.azure.net";

const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");
const REQUEST_CALLBACK: &str = "webhook-request-callback";
const REQUEST_ORIGIN: &str = "webhook-request-origin";
const REQUEST_RATE: &str = "webhook-request-rate";

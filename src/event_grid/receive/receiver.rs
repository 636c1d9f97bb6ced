//! The receiver: which checks a request passes, and in which order.

use std::sync::Arc;

use super::error::{EVENTS_LIMIT, ReceiveError};
use super::handshake::{Handshake, HandshakeRules};
use super::headers::{Headers, visible};
use super::request::{DeliveryHeaders, Kind, WebhookRequest};
use super::secret::SharedSecret;
use super::token::{EntraTokens, TokenRefusal};
use crate::body::{BodyError, check_length};
use crate::log;
use crate::mask::Excerpt;

/// Receives the requests that Event Grid sends to a webhook. Cheap to clone; clones share the keys.
///
/// Its methods take the method and the headers of any framework: `&Method` and `&HeaderMap` of either version of `http`, or a
/// string and pairs of a name and a value. `query` is the query of the request's URL, still encoded.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use http::{HeaderMap, HeaderValue, Method};
/// use partner_center_webhooks::event_grid::receive::{WebhookReceiver, WebhookRequest};
///
/// let receiver = WebhookReceiver::builder().query_secret("code", "kGZ4vN0mS2rQ8xTb")?.build()?;
/// let query = Some("code=kGZ4vN0mS2rQ8xTb");
///
/// // Event Grid asks before it delivers.
/// let mut headers = HeaderMap::new();
/// headers.insert("webhook-request-origin", HeaderValue::from_static("eventgrid.azure.net"));
/// let handshake = receiver.receive(&Method::OPTIONS, query, &headers, b"").await?;
/// let response = handshake.response().unwrap();
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.headers()["webhook-allowed-origin"], "eventgrid.azure.net");
///
/// let mut headers = HeaderMap::new();
/// headers.insert("aeg-event-type", HeaderValue::from_static("Notification"));
/// let body = br#"{"specversion":"1.0","id":"1","source":"/a","type":"Contoso.Ordered","data":{"number":7}}"#;
/// let request = receiver.receive(&Method::POST, query, &headers, body).await?;
/// let WebhookRequest::Notification(notification) = request else { panic!("these are events") };
/// assert_eq!(notification.events().len(), 1);
///
/// let error = receiver.receive(&Method::POST, Some("code=guess"), &headers, body).await.unwrap_err();
/// assert_eq!(error.status(), 401);
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
pub struct WebhookReceiver {
    pub(super) settings: Arc<Settings>,
}

/// The settings that clones of a receiver share.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) body_limit: usize,
    pub(super) secrets: Vec<SharedSecret>,
    pub(super) tokens: Option<EntraTokens>,
    pub(super) handshakes_need_token: bool,
    pub(super) missing_role_is_final: bool,
    pub(super) handshakes: HandshakeRules,
}

impl WebhookReceiver {
    /// The default limit on bodies: 2 MiB. Event Grid delivers batches of 1 MiB at most; it was seen to accept 1.5 MB.
    pub const BODY_LIMIT: usize = 2 * 1024 * 1024;

    /// The maximum number of events in a delivery: 5000, which is also the maximum of an event subscription
    /// (`maxEventsPerBatch`). A larger delivery gets 503. 5000 of the smallest events take about 0.8 MB of memory.
    pub const EVENTS_LIMIT: usize = EVENTS_LIMIT;

    /// Authenticates a request and reads it.
    ///
    /// The future may be dropped at any time.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`]: respond with its [`status`](ReceiveError::status).
    pub async fn receive<'h, N, V>(
        &self,
        method: impl AsRef<str>,
        query: Option<&str>,
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
        body: &[u8],
    ) -> Result<WebhookRequest, ReceiveError>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
    {
        self.admit(method, query, headers).await?.receive(body)
    }

    /// Checks a request before its body is read: method, size, content type, secrets, token.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`].
    pub async fn admit<'h, N, V>(
        &self,
        method: impl AsRef<str>,
        query: Option<&str>,
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
    ) -> Result<Admitted<'_>, ReceiveError>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
    {
        let headers = Headers::new(headers);
        let checked = self.check(method.as_ref(), query, &headers).await;
        Ok(Admitted { settings: &self.settings, checked: checked.map_err(log_refusal)? })
    }

    /// The limit on bodies, in bytes.
    pub fn body_limit(&self) -> usize {
        self.settings.body_limit
    }

    async fn check(
        &self,
        method: &str,
        query: Option<&str>,
        headers: &Headers<'_>,
    ) -> Result<Checked, ReceiveError> {
        let kind = match method {
            "OPTIONS" => None,
            "POST" => Some(Kind::of_headers(headers)),
            other => return Err(ReceiveError::Method { found: Excerpt::of(other) }),
        };
        if kind.is_some_and(|kind| kind != Kind::Deletion) {
            is_json(headers)?;
        }
        let length = headers.text("content-length").and_then(|length| length.parse().ok());
        if let Some(length) = length
            && length > 0
        {
            check_length(length, self.settings.body_limit)?;
        }
        let is_handshake = kind.is_none_or(|kind| kind == Kind::Validation);
        for secret in &self.settings.secrets {
            match secret.check(query, headers) {
                Err(ReceiveError::SecretMissing { .. })
                    if is_handshake && secret.is_in_header() => {}
                checked => checked?,
            }
        }
        self.check_token(headers, is_handshake).await?;
        Ok(match kind {
            None => Checked::Handshake(Handshake::read(headers, &self.settings.handshakes)?),
            Some(kind) => Checked::Post(kind, DeliveryHeaders::read(headers), length),
        })
    }

    async fn check_token(
        &self,
        headers: &Headers<'_>,
        is_handshake: bool,
    ) -> Result<(), TokenRefusal> {
        let Some(tokens) = &self.settings.tokens else {
            return Ok(());
        };
        let is_optional = is_handshake && !self.settings.handshakes_need_token;
        let authorization = headers.all("authorization");
        if is_optional && authorization.is_empty() {
            return Ok(());
        }
        let token = bearer(&authorization).ok_or(TokenRefusal::Missing)?;
        let verdict = match is_optional {
            true => tokens.check_without_fetch(token),
            false => tokens.verify(token).await.map(drop),
        };
        let verdict = match self.settings.missing_role_is_final {
            true => verdict.map_err(TokenRefusal::with_final_role),
            false => verdict,
        };
        match verdict {
            // Without its token it would be accepted, and Event Grid does not retry a handshake that fails.
            Err(refusal) if is_optional && (refusal.is_transient() || refusal.needs_repair()) => {
                log::event_grid::token_not_needed(&refusal);
                Ok(())
            }
            verdict => verdict,
        }
    }
}

/// A request that passed every check that does not need its body, bound to the receiver that checked it.
#[derive(Clone, Debug)]
#[must_use]
pub struct Admitted<'r> {
    settings: &'r Settings,
    checked: Checked,
}

#[derive(Clone, Debug)]
enum Checked {
    Handshake(Handshake),
    /// With its `content-length`, if there is one.
    Post(Kind, DeliveryHeaders, Option<usize>),
}

impl Admitted<'_> {
    /// Reads the body, as [`WebhookReceiver::receive`] does.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`].
    pub fn receive(self, body: &[u8]) -> Result<WebhookRequest, ReceiveError> {
        let settings = self.settings;
        let request = match self.checked {
            Checked::Handshake(handshake) => Ok(WebhookRequest::Handshake(handshake)),
            Checked::Post(kind, headers, length) => settings.read(kind, headers, length, body),
        };
        request.inspect(log_received).map_err(log_refusal)
    }
}

impl Settings {
    /// Reads the body of a `POST`. A body that is shorter than its `content-length` was cut short on its way: the next
    /// delivery may be complete.
    fn read(
        &self,
        kind: Kind,
        headers: DeliveryHeaders,
        content_length: Option<usize>,
        body: &[u8],
    ) -> Result<WebhookRequest, ReceiveError> {
        let length = match check_length(body.len(), self.body_limit) {
            // It is not documented whether a notice has a body.
            Err(BodyError::Empty) if kind == Kind::Deletion => Ok(()),
            checked => checked,
        };
        let request = length
            .map_err(ReceiveError::from)
            .and_then(|()| WebhookRequest::read(kind, headers, body, &self.handshakes));
        match request {
            Err(
                ReceiveError::Body(BodyError::Empty)
                | ReceiveError::NotEvents { .. }
                | ReceiveError::Truncated { .. },
            ) if content_length.is_some_and(|length| length > body.len()) => {
                Err(BodyError::Unreadable.into())
            }
            request => request,
        }
    }
}

/// The token, if exactly one `authorization` header is present.
fn bearer<'h>(authorization: &[&'h [u8]]) -> Option<&'h str> {
    let [value] = authorization else {
        return None;
    };
    let (scheme, token) = visible(value)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

/// Checks that the media type is one of JSON. Batches do not have the same media type everywhere, so the body decides the
/// rest.
fn is_json(headers: &Headers<'_>) -> Result<(), ReceiveError> {
    let Some(found) = headers.first("content-type") else {
        return Ok(());
    };
    let essence = found.split(|byte| *byte == b';').next();
    let essence = essence.unwrap_or_default().to_ascii_lowercase();
    match essence.trim_ascii() {
        b"application/json" | b"text/json" => Ok(()),
        other if other.ends_with(b"+json") => Ok(()),
        _ => Err(ReceiveError::MediaType { found: Excerpt::of(found) }),
    }
}

fn log_received(request: &WebhookRequest) {
    let name = |name: Option<&str>| Excerpt::of(name.unwrap_or_default());
    match request {
        WebhookRequest::Deletion(deletion) => {
            log::event_grid::notice("deletion", &name(deletion.subscription()))
        }
        WebhookRequest::Handshake(handshake) => {
            log::event_grid::notice("handshake", &handshake.origin())
        }
        WebhookRequest::Notification(notification) => {
            let subscription = name(notification.subscription());
            let unrecognized = notification.unrecognized_count();
            log::event_grid::accepted(notification.events().len(), unrecognized, &subscription);
            if let Some(first) = notification.unrecognized().next() {
                log::event_grid::unrecognized(unrecognized, &first.reason(), &subscription);
            }
        }
        WebhookRequest::Validation(validation) => {
            log::event_grid::notice("validation", &name(validation.subscription()));
        }
    }
}

/// Logs a refusal and returns it.
pub(super) fn log_refusal(error: ReceiveError) -> ReceiveError {
    let status = error.status().as_u16();
    match error.needs_repair() {
        true => log::event_grid::refused_until_repair(status, &error),
        false => log::event_grid::refused(status, &error),
    }
    error
}

//! The receiver: which checks a request passes, and in which order.

use std::fmt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method};

use super::error::{EVENTS_LIMIT, ReceiveError};
use super::handshake::{Handshake, HandshakeRules};
use super::request::{DeliveryHeaders, Incoming, Kind};
use super::secret::{SecretRefusal, SharedSecret};
use super::token::{EntraTokens, TokenRefusal};
use super::trace;
use crate::body::{BodyError, BodyLimit};
use crate::excerpt::Excerpt;

/// Receives what Event Grid sends to a web hook. Cheap to clone; clones share the keys.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use http::{HeaderMap, HeaderValue, Method};
/// use partner_center_webhooks::event_grid::receive::{Incoming, WebhookReceiver};
///
/// let receiver = WebhookReceiver::builder().query_secret("code", "kGZ4vN0mS2rQ8xTb")?.build()?;
/// let query = Some("code=kGZ4vN0mS2rQ8xTb");
///
/// // Before it delivers, Event Grid asks.
/// let mut headers = HeaderMap::new();
/// headers.insert("webhook-request-origin", HeaderValue::from_static("eventgrid.azure.net"));
/// let asked = receiver.receive(&Method::OPTIONS, query, &headers, b"").await?;
/// let answer = asked.answer().unwrap();
/// assert_eq!(answer.status(), 200);
/// assert_eq!(answer.headers()["webhook-allowed-origin"], "eventgrid.azure.net");
///
/// let mut headers = HeaderMap::new();
/// headers.insert("aeg-event-type", HeaderValue::from_static("Notification"));
/// let body = br#"{"specversion":"1.0","id":"1","source":"/a","type":"Contoso.Ordered","data":{"number":7}}"#;
/// let Incoming::Notification(notification) = receiver.receive(&Method::POST, query, &headers, body).await? else {
///     panic!("these are events")
/// };
/// assert_eq!(notification.events().len(), 1);
///
/// let error = receiver.receive(&Method::POST, Some("code=guess"), &headers, body).await.unwrap_err();
/// assert_eq!(error.status(), 401);
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
pub struct WebhookReceiver {
    pub(super) settings: Arc<Settings>,
}

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) body_limit: BodyLimit,
    pub(super) secrets: Vec<SharedSecret>,
    pub(super) tokens: Option<EntraTokens>,
    pub(super) handshakes_need_token: bool,
    pub(super) missing_role_is_final: bool,
    pub(super) handshakes: HandshakeRules,
}

impl WebhookReceiver {
    /// How long a body may be by default: 2 MiB. Event Grid delivers batches of 1 MiB at most, and was seen to take 1.5 MB.
    pub const BODY_LIMIT: BodyLimit = BodyLimit::new(2 * 1024 * 1024);

    /// How many events a delivery may hold: 5000, the most that an event subscription can ask for (`maxEventsPerBatch`). What
    /// holds more is answered 503. So many of the tiniest events take about 0.8 MB of memory.
    pub const EVENTS_LIMIT: usize = EVENTS_LIMIT;

    /// Judges a request and reads it. `query` is that of the request's URL, as it came.
    ///
    /// The future may be dropped at any time.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`]: answer the request with its [`status`](ReceiveError::status).
    pub async fn receive(
        &self,
        method: &Method,
        query: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Incoming, ReceiveError> {
        let admitted = self.admit(method, query, headers).await?;
        self.receive_admitted(admitted, body)
    }

    /// Judges all but the body, to be done before it is read: method, size, content type, secrets, token.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`].
    pub async fn admit(
        &self,
        method: &Method,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Admitted, ReceiveError> {
        let judged = self.judge(method, query, headers).await;
        judged.map_err(told)
    }

    /// [`receive`](Self::receive), with all but the body judged before.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`].
    pub fn receive_admitted(
        &self,
        admitted: Admitted,
        body: &[u8],
    ) -> Result<Incoming, ReceiveError> {
        let Settings {
            body_limit,
            handshakes,
            ..
        } = &*self.settings;
        let incoming = match admitted.0 {
            Judged::Handshake(handshake) => Ok(Incoming::Handshake(handshake)),
            Judged::Post(kind, headers, announced) => {
                let read = match body_limit.check(body.len()) {
                    // Whether a notice has a body is not documented.
                    Err(BodyError::Empty) if kind == Kind::Deletion => {
                        Incoming::read(kind, headers, body, handshakes)
                    }
                    Err(error) => Err(error.into()),
                    Ok(()) => Incoming::read(kind, headers, body, handshakes),
                };
                let is_cut = announced.is_some_and(|announced| announced > body.len());
                match read {
                    Err(
                        ReceiveError::Body(BodyError::Empty)
                        | ReceiveError::NotEvents { .. }
                        | ReceiveError::Truncated { .. },
                    ) if is_cut => Err(BodyError::Unreadable.into()),
                    read => read,
                }
            }
        };
        incoming.inspect(tell).map_err(told)
    }

    /// How long a body may be.
    pub fn body_limit(&self) -> BodyLimit {
        self.settings.body_limit
    }

    async fn judge(
        &self,
        method: &Method,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Admitted, ReceiveError> {
        let kind = match method {
            &Method::OPTIONS => None,
            &Method::POST => Some(Kind::of_headers(headers)),
            other => return Err(ReceiveError::method(other)),
        };
        if kind.is_some_and(|kind| kind != Kind::Deletion) {
            is_json(headers)?;
        }
        let announced = announced_length(headers);
        if let Some(length) = announced
            && length > 0
        {
            self.settings.body_limit.check(length)?;
        }
        let is_handshake = kind.is_none_or(|kind| kind == Kind::Validation);
        for secret in &self.settings.secrets {
            match secret.check(query, headers) {
                Err(SecretRefusal::Missing { .. }) if is_handshake && secret.is_in_header() => {}
                checked => checked?,
            }
        }
        self.check_token(headers, is_handshake).await?;
        let judged = match kind {
            None => Judged::Handshake(Handshake::read(headers, &self.settings.handshakes)?),
            Some(kind) => Judged::Post(kind, DeliveryHeaders::read(headers), announced),
        };
        Ok(Admitted(judged))
    }

    async fn check_token(
        &self,
        headers: &HeaderMap,
        is_handshake: bool,
    ) -> Result<(), TokenRefusal> {
        let Some(tokens) = &self.settings.tokens else {
            return Ok(());
        };
        let may_lack = is_handshake && !self.settings.handshakes_need_token;
        if may_lack && !headers.contains_key(AUTHORIZATION) {
            return Ok(());
        }
        let token = bearer(headers).ok_or(TokenRefusal::Missing)?;
        let judged = match may_lack {
            true => tokens.judge_at_once(token),
            false => tokens.verify(token).await.map(drop),
        };
        let judged = match self.settings.missing_role_is_final {
            true => judged.map_err(TokenRefusal::with_final_role),
            false => judged,
        };
        match judged {
            // Without its token it would pass, and Event Grid does not repeat a handshake that fails.
            Err(refusal) if may_lack && (refusal.is_transient() || refusal.needs_repair()) => {
                trace::token_not_needed(&refusal);
                Ok(())
            }
            judged => judged,
        }
    }
}

impl fmt::Debug for WebhookReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookReceiver")
            .field("settings", &self.settings)
            .finish()
    }
}

/// A request that is right as far as can be told without its body.
#[derive(Clone, Debug)]
#[must_use]
pub struct Admitted(Judged);

#[derive(Clone, Debug)]
enum Judged {
    Handshake(Handshake),
    /// With the length of its body, if it was announced.
    Post(Kind, DeliveryHeaders, Option<usize>),
}

/// The token of the one header that may hold it.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?.to_str().ok()?, values.next()) else {
        return None;
    };
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_matches(' '))
}

/// Whether a body may be JSON. The body decides in the end: which media type a batch has is not the same everywhere.
fn is_json(headers: &HeaderMap) -> Result<(), ReceiveError> {
    let Some(found) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let essence = found.as_bytes().split(|byte| *byte == b';').next();
    let essence = essence.unwrap_or_default().to_ascii_lowercase();
    match essence.trim_ascii() {
        b"application/json" | b"text/json" => Ok(()),
        other if other.ends_with(b"+json") => Ok(()),
        _ => Err(ReceiveError::MediaType {
            found: Excerpt::of(found.as_bytes()),
        }),
    }
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Logs what came.
fn tell(incoming: &Incoming) {
    let name = |name: Option<&str>| Excerpt::of(name.unwrap_or_default());
    match incoming {
        Incoming::Deletion(deletion) => trace::notice("deletion", &name(deletion.subscription())),
        Incoming::Handshake(handshake) => trace::notice("handshake", &handshake.origin()),
        Incoming::Notification(notification) => {
            let subscription = name(notification.subscription());
            let unrecognized = notification.unrecognized_count();
            trace::accepted(notification.events().len(), unrecognized, &subscription);
            if let Some(first) = notification.unrecognized().next() {
                trace::unrecognized(unrecognized, &first.reason(), &subscription);
            }
        }
        Incoming::Validation(validation) => {
            trace::notice("validation", &name(validation.subscription()));
        }
    }
}

/// Logs a refusal, and hands it on.
pub(super) fn told(error: ReceiveError) -> ReceiveError {
    let status = error.status().as_u16();
    match error.needs_repair() {
        true => trace::refused_until_repair(status, &error),
        false => trace::refused(status, &error),
    }
    error
}

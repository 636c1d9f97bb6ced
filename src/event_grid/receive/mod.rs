//! Receiving at a web hook: both validation handshakes, authentication, and events in either schema.
//!
//! [`WebhookReceiver`] takes what any framework has (method, query, headers, body) and says what it is: an [`Incoming`], or a
//! [`ReceiveError`] that knows the HTTP answer. Nothing is called by itself but the tenant's keys, if tokens are checked.
//!
//! | what comes | what it is | what to answer |
//! |---|---|---|
//! | `OPTIONS` | [`Incoming::Handshake`] | [`Incoming::answer`] |
//! | `POST`, `SubscriptionValidation` | [`Incoming::Validation`] | [`Incoming::answer`] |
//! | `POST`, `Notification` | [`Incoming::Notification`] | 2xx once the events are kept, else 503 |
//! | `POST`, `SubscriptionDeletion` or `Unsubscribe` | [`Incoming::Deletion`] | [`Incoming::answer`] |
//!
//! With features `axum` and `actix-web` there are extractors (`axum::Delivery`, `actix_web::Delivery`) that leave the events
//! alone to the handler; for any other framework [`WebhookReceiver::receive_stream`] does the same.
//!
//! An event that is neither a CloudEvent nor of Event Grid's schema is [`GridEvent::Unrecognized`]: handed over with what it
//! lacks, counted ([`Notification::unrecognized_count`]), and logged as a warning.
//!
//! Event Grid gives an event up for good when it is answered 400, 401, 403 or 413, and tries all else again for up to a day.
//! [`ReceiveError::status`] is made for that.
//!
//! Undocumented, so not verified: whether handshakes bring a token or the headers of a delivery.

#[cfg(feature = "actix-web")]
pub mod actix_web;
#[cfg(feature = "axum")]
pub mod axum;
mod builder;
mod confirmation;
mod error;
mod event;
mod handshake;
mod incoming;
mod secret;
mod stream;
mod token;
mod unrecognized;

use std::fmt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method};

use crate::Excerpt;
use crate::body::{BodyError, BodyLimit};
use crate::log;

pub use builder::{WebhookReceiverBuilder, WebhookReceiverError};
pub use confirmation::{ConfirmationUrl, ConfirmationUrlError};
pub use error::ReceiveError;
pub use event::{EventGridEvent, GridEvent};
pub use handshake::{Handshake, HandshakeRefusal, Validation};
pub use incoming::{Deletion, Incoming, Notification};
pub use secret::{SecretError, SecretRefusal};
pub use stream::ShortCircuit;
pub use token::{
    EntraTokens, EntraTokensError, ExpectedToken, KeysError, MissingRole, TokenRefusal,
    VerifiedToken,
};
pub use unrecognized::{EventProblem, UnrecognizedEvent, UnrecognizedReason};

use handshake::HandshakeRules;
use incoming::{DeliveryHeaders, Kind};
use secret::SharedSecret;

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
    settings: Arc<Settings>,
}

#[derive(Debug)]
struct Settings {
    body_limit: BodyLimit,
    secrets: Vec<SharedSecret>,
    tokens: Option<EntraTokens>,
    handshakes_need_token: bool,
    missing_role_is_final: bool,
    handshakes: HandshakeRules,
}

impl WebhookReceiver {
    /// How long a body may be by default: 2 MiB. Event Grid delivers batches of 1 MiB at most, and was seen to take 1.5 MB.
    pub const BODY_LIMIT: BodyLimit = BodyLimit::new(2 * 1024 * 1024);

    /// How many events a delivery may hold: 5000, the most that an event subscription can ask for (`maxEventsPerBatch`). What
    /// holds more is answered 503. So many of the tiniest events take about 0.8 MB of memory.
    pub const EVENTS_LIMIT: usize = 5000;

    /// Builds a receiver, which has to be told how deliveries are authenticated.
    pub fn builder() -> WebhookReceiverBuilder {
        WebhookReceiverBuilder::new()
    }

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
                log::event_grid::token_not_needed(&refusal);
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
        Incoming::Deletion(deletion) => {
            log::event_grid::notice("deletion", &name(deletion.subscription()))
        }
        Incoming::Handshake(handshake) => log::event_grid::notice("handshake", &handshake.origin()),
        Incoming::Notification(notification) => {
            let subscription = name(notification.subscription());
            let unrecognized = notification.unrecognized_count();
            log::event_grid::accepted(notification.events().len(), unrecognized, &subscription);
            if let Some(first) = notification.unrecognized().next() {
                log::event_grid::unrecognized(unrecognized, &first.reason(), &subscription);
            }
        }
        Incoming::Validation(validation) => {
            log::event_grid::notice("validation", &name(validation.subscription()));
        }
    }
}

/// Logs a refusal, and hands it on.
fn told(error: ReceiveError) -> ReceiveError {
    let status = error.status().as_u16();
    match error.needs_repair() {
        true => log::event_grid::refused_until_repair(status, &error),
        false => log::event_grid::refused(status, &error),
    }
    error
}

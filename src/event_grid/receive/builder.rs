//! What a receiver can be told.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use http::HeaderName;
use secrecy::SecretString;
use thiserror::Error;

use super::handshake::HandshakeRules;
use super::receiver::{Settings, WebhookReceiver};
use super::secret::{Place, SecretError, SharedSecret};
use super::token::EntraTokens;
use crate::body::BodyLimit;
use crate::excerpt::Excerpt;

impl WebhookReceiver {
    /// Builds a receiver. The builder must be given at least one way to authenticate deliveries.
    pub fn builder() -> WebhookReceiverBuilder {
        WebhookReceiverBuilder::new()
    }
}

/// Builds a [`WebhookReceiver`]. Every setting has a safe default; what weakens a check has `danger` in its name.
#[must_use]
pub struct WebhookReceiverBuilder {
    settings: Settings,
    may_be_open: bool,
}

impl WebhookReceiverBuilder {
    fn new() -> Self {
        Self {
            settings: Settings {
                body_limit: WebhookReceiver::BODY_LIMIT,
                secrets: Vec::new(),
                tokens: None,
                handshakes_need_token: false,
                missing_role_is_final: false,
                handshakes: HandshakeRules::default(),
            },
            may_be_open: false,
        }
    }

    /// Asks every delivery for a token from Microsoft Entra, as the event subscription's or the channel's client
    /// authentication makes Event Grid bring one.
    ///
    /// A token of Event Grid that is valid but lacks the app role is answered with 503: Event Grid keeps the event while an
    /// administrator assigns the role. [`missing_role_is_final`](Self::missing_role_is_final) refuses it for good instead.
    ///
    /// Whether a handshake brings a token is not documented, so it need not. If it does, it is refused for a token that would
    /// have a delivery refused for good (401, 403), and is consented to with any other: without its token it would be, and
    /// Event Grid does not repeat a handshake that fails. It does not wait for keys: only if a key is kept is the signature of
    /// its token verified. Only [`handshakes_need_token`](Self::handshakes_need_token) makes a handshake wait.
    pub fn entra(mut self, tokens: EntraTokens) -> Self {
        self.settings.tokens = Some(tokens);
        self
    }

    /// Asks handshakes for a token too, and judges it as that of a delivery: if the keys cannot be fetched or the role is
    /// missing, the answer is 503, and the event subscription is not created. Whether Event Grid sends a token is not
    /// documented: try it before you depend on it.
    pub fn handshakes_need_token(mut self) -> Self {
        self.settings.handshakes_need_token = true;
        self
    }

    /// Answers a valid token of Event Grid that lacks the app role with 403, also at a handshake: Event Grid drops the event or
    /// puts it into a dead letter. Default: 503.
    ///
    /// Use this if the administrators of the tenant withdraw the role to stop deliveries.
    pub fn missing_role_is_final(mut self) -> Self {
        self.settings.missing_role_is_final = true;
        self
    }

    /// Asks every request for this secret in the query, as in `https://contoso.example/events?code=…`. Called again with the
    /// same name, either secret will do: so it is replaced without a gap.
    ///
    /// # Errors
    ///
    /// [`SecretError::TooShort`], [`SecretError::Unsendable`].
    pub fn query_secret(
        self,
        name: &str,
        value: impl Into<SecretString>,
    ) -> Result<Self, SecretError> {
        self.secret(Place::Query(name.into()), value.into())
    }

    /// Asks every delivery for this secret in a header, which is a delivery property of the event subscription. Called again
    /// with the same name, either secret will do.
    ///
    /// Whether a handshake brings the header is not documented: it need not, and if it does, the secret has to be right.
    ///
    /// # Errors
    ///
    /// [`SecretError`]; headers that begin with `aeg-` are Event Grid's own.
    pub fn header_secret(
        self,
        name: &str,
        value: impl Into<SecretString>,
    ) -> Result<Self, SecretError> {
        let header = name.parse::<HeaderName>().ok();
        let header = header.filter(|it| !it.as_str().starts_with("aeg-"));
        let header = header.ok_or_else(|| SecretError::Header {
            found: Excerpt::of(name),
        })?;
        self.secret(Place::Header(header), value.into())
    }

    fn secret(mut self, place: Place, value: SecretString) -> Result<Self, SecretError> {
        let secrets = &mut self.settings.secrets;
        match secrets.iter_mut().find(|it| *it.place() == place) {
            Some(secret) => secret.or(value)?,
            None => {
                let mut secret = SharedSecret::new(place);
                secret.or(value)?;
                secrets.push(secret);
            }
        }
        Ok(self)
    }

    /// Checks nothing: whoever knows the URL can deliver. For tests, or where something in front checks.
    pub fn danger_without_authentication(mut self) -> Self {
        self.may_be_open = true;
        self
    }

    /// Consents to the handshakes of this origin too, in any case. Default: `eventgrid.azure.net`.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.settings.handshakes.origins.push(origin.into().into());
        self
    }

    /// Consents to the handshakes of every origin: any service may then send here.
    pub fn danger_allow_any_origin(mut self) -> Self {
        self.settings.handshakes.takes_any_origin = true;
        self
    }

    /// Tells handshakes how many requests a minute are wanted. Default: as many as there are.
    pub fn allowed_rate(mut self, a_minute: NonZeroU32) -> Self {
        self.settings.handshakes.rate = Some(a_minute.get());
        self
    }

    /// Takes URLs of confirmation under this domain. Default: `eventgrid.azure.net`.
    pub fn confirmation_domain(mut self, domain: impl Into<String>) -> Self {
        self.settings.handshakes.domain = domain.into().into();
        self
    }

    /// Consents to validations for this topic, by its id in Azure Resource Manager in any case. May be called again. Default:
    /// any topic. The handshake of CloudEvents (`OPTIONS`) names no topic, and gets its consent all the same.
    pub fn expect_topic(mut self, id: impl Into<String>) -> Self {
        self.settings.handshakes.topics.push(id.into().into());
        self
    }

    /// Consents to validations for the event subscription of this name, in any case. May be called again. Default: any.
    pub fn expect_subscription(mut self, name: impl Into<String>) -> Self {
        let name = name.into().into();
        self.settings.handshakes.subscriptions.push(name);
        self
    }

    /// Replaces the limit on bodies. Default: [`WebhookReceiver::BODY_LIMIT`]. What is longer is answered 413, and lost.
    pub fn body_limit(mut self, limit: BodyLimit) -> Self {
        self.settings.body_limit = limit;
        self
    }

    /// Builds the receiver. No I/O.
    ///
    /// # Errors
    ///
    /// [`WebhookReceiverError::Open`] if nothing would be checked.
    pub fn build(self) -> Result<WebhookReceiver, WebhookReceiverError> {
        let is_open = self.settings.secrets.is_empty() && self.settings.tokens.is_none();
        match is_open && !self.may_be_open {
            true => Err(WebhookReceiverError::Open),
            false => Ok(WebhookReceiver {
                settings: Arc::new(self.settings),
            }),
        }
    }
}

impl fmt::Debug for WebhookReceiverBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookReceiverBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Why there is no receiver.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum WebhookReceiverError {
    /// Anybody could deliver.
    #[error(
        "nothing authenticates deliveries (expected `entra`, `query_secret` or `header_secret`; or \
         `danger_without_authentication`)"
    )]
    Open,
}

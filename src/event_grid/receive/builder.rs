//! The settings of a receiver.

use std::num::NonZeroU32;
use std::sync::Arc;

use http::HeaderName;

use super::config_error::WebhookConfigError;
use super::handshake::{DOMAIN, HandshakeRules};
use super::receiver::{Settings, WebhookReceiver};
use super::secret::{Place, SharedSecret};
use super::token::EntraTokens;
use crate::mask::Excerpt;
use crate::mask::secret::SecretString;

impl WebhookReceiver {
    /// Builds a receiver. The builder must be given at least one way to authenticate deliveries.
    pub fn builder() -> WebhookReceiverBuilder {
        WebhookReceiverBuilder {
            settings: Settings {
                body_limit: Self::BODY_LIMIT,
                handshakes: HandshakeRules {
                    origins: vec![DOMAIN.into()],
                    domain: DOMAIN.into(),
                    ..HandshakeRules::default()
                },
                ..Settings::default()
            },
            may_be_open: false,
        }
    }
}

/// Builds a [`WebhookReceiver`]. Every setting has a safe default; methods that weaken a check have `danger` in their name.
#[derive(Debug)]
#[must_use]
pub struct WebhookReceiverBuilder {
    settings: Settings,
    may_be_open: bool,
}

impl WebhookReceiverBuilder {
    /// Requires a token from Microsoft Entra in every delivery. Event Grid sends one if the event subscription or channel is
    /// configured with client authentication.
    ///
    /// A valid token of Event Grid without the app role gets 503: Event Grid keeps the event while an administrator assigns the
    /// role. [`missing_role_is_final`](Self::missing_role_is_final) refuses it permanently instead.
    ///
    /// A handshake does not need a token, because it is not documented whether it has one. If it has a token for which a
    /// delivery would be refused permanently (401, 403), it is refused. With any other token it receives consent, as it would
    /// without one, because Event Grid does not retry a handshake that fails. A handshake does not wait for keys: the signature
    /// of its token is verified only with a cached key. [`handshakes_need_token`](Self::handshakes_need_token) changes both.
    pub fn entra(mut self, tokens: EntraTokens) -> Self {
        self.settings.tokens = Some(tokens);
        self
    }

    /// Requires a token in handshakes too, checked as in a delivery: if the keys cannot be fetched or the role is missing, the
    /// response is 503, and the event subscription is not created. It is not documented whether Event Grid sends a token: test
    /// it before you depend on it.
    pub fn handshakes_need_token(mut self) -> Self {
        self.settings.handshakes_need_token = true;
        self
    }

    /// Responds with 403 to a valid token of Event Grid without the app role, also in a handshake: Event Grid drops or
    /// dead-letters the event. Default: 503.
    ///
    /// Use this if the tenant's administrators revoke the role to stop deliveries.
    pub fn missing_role_is_final(mut self) -> Self {
        self.settings.missing_role_is_final = true;
        self
    }

    /// Requires this secret in the query of every request, as in `https://contoso.example/events?code=…`. A second call with
    /// the same name accepts either secret, for rotation.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError::SecretTooShort`], [`WebhookConfigError::SecretUnsendable`].
    pub fn query_secret(
        self,
        name: &str,
        value: impl Into<SecretString>,
    ) -> Result<Self, WebhookConfigError> {
        self.secret(Place::Query(name.into()), value.into())
    }

    /// Requires this secret in a header of every delivery: a delivery property of the event subscription. A second call with
    /// the same name accepts either secret.
    ///
    /// It is not documented whether a handshake has the header: it may be missing there, but must not be wrong.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError::SecretHeader`] also for headers that begin with `aeg-`, which are reserved for Event Grid;
    /// [`WebhookConfigError::SecretTooShort`]; [`WebhookConfigError::SecretUnsendable`].
    pub fn header_secret(
        self,
        name: &str,
        value: impl Into<SecretString>,
    ) -> Result<Self, WebhookConfigError> {
        let header = name.parse::<HeaderName>().ok();
        let header = header.filter(|it| !it.as_str().starts_with("aeg-"));
        let header =
            header.ok_or_else(|| WebhookConfigError::SecretHeader { found: Excerpt::of(name) })?;
        self.secret(Place::Header(header), value.into())
    }

    fn secret(mut self, place: Place, value: SecretString) -> Result<Self, WebhookConfigError> {
        let secrets = &mut self.settings.secrets;
        match secrets.iter_mut().find(|it| *it.place() == place) {
            Some(secret) => secret.add(value)?,
            None => {
                let mut secret = SharedSecret::new(place);
                secret.add(value)?;
                secrets.push(secret);
            }
        }
        Ok(self)
    }

    /// Disables authentication: anyone who knows the URL can deliver. For tests, or behind a proxy that authenticates.
    pub fn danger_without_authentication(mut self) -> Self {
        self.may_be_open = true;
        self
    }

    /// Also consents to handshakes of this origin, ignoring case. Default: `eventgrid.azure.net`.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.settings.handshakes.origins.push(origin.into().into());
        self
    }

    /// Consents to handshakes of every origin: any service may then send requests.
    pub fn danger_allow_any_origin(mut self) -> Self {
        self.settings.handshakes.takes_any_origin = true;
        self
    }

    /// Limits the requests per minute that handshakes allow. Default: unlimited.
    pub fn allowed_rate(mut self, per_minute: NonZeroU32) -> Self {
        self.settings.handshakes.rate = Some(per_minute.get());
        self
    }

    /// Accepts confirmation URLs under this domain. Default: `eventgrid.azure.net`.
    pub fn confirmation_domain(mut self, domain: impl Into<String>) -> Self {
        self.settings.handshakes.domain = domain.into().into();
        self
    }

    /// Consents to validations for this topic only, by its id in Azure Resource Manager, ignoring case. May be called again.
    /// Default: any topic. The `OPTIONS` handshake of CloudEvents does not name a topic; it always receives consent.
    pub fn expect_topic(mut self, id: impl Into<String>) -> Self {
        self.settings.handshakes.topics.push(id.into().into());
        self
    }

    /// Consents to validations for the event subscription of this name only, ignoring case. May be called again. Default: any.
    pub fn expect_subscription(mut self, name: impl Into<String>) -> Self {
        let name = name.into().into();
        self.settings.handshakes.subscriptions.push(name);
        self
    }

    /// Sets the limit on bodies, in bytes. Default: [`WebhookReceiver::BODY_LIMIT`]. Longer deliveries get 413, and are lost.
    pub fn body_limit(mut self, limit: usize) -> Self {
        self.settings.body_limit = limit;
        self
    }

    /// Builds the receiver. No I/O.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError::Unauthenticated`] if deliveries would not be authenticated.
    pub fn build(self) -> Result<WebhookReceiver, WebhookConfigError> {
        let is_open = self.settings.secrets.is_empty() && self.settings.tokens.is_none();
        match is_open && !self.may_be_open {
            true => Err(WebhookConfigError::Unauthenticated),
            false => Ok(WebhookReceiver { settings: Arc::new(self.settings) }),
        }
    }
}

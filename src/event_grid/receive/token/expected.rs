//! The expected claims of a token.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::error::TokenRefusal;
use super::jwt::Claims;
use crate::cloud::Cloud;
use crate::event_grid::receive::config_error::WebhookConfigError;
use crate::http_client::endpoint::Endpoint;
use crate::mask::Excerpt;

/// The expected issuer, tenant, audience, application and role of a token. Every claim must match. No I/O.
///
/// # Source
///
/// "Deliver events to webhooks protected by Microsoft Entra ID"; "Access tokens in the Microsoft identity platform",
/// validate the issuer.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::cloud::Cloud;
/// use partner_center_webhooks::event_grid::receive::ExpectedToken;
///
/// let tenant = "6b2c2a3e-2c0f-4a4e-9d7e-0f3f7f6b8a11";
/// // Event Grid's tokens name the application by its URI or by its id.
/// let expected = ExpectedToken::new(&Cloud::Global, tenant, "api://contoso.example/events")?
///     .or_audience("0f5a4a3e-2c0f-4a4e-9d7e-0f3f7f6b8a11")?;
/// # let _ = expected;
///
/// let error = ExpectedToken::new(&Cloud::Global, "contoso.example", "api://contoso.example/events").unwrap_err();
/// assert_eq!(error.to_string(), "`contoso.example` is not a tenant id (expected a UUID)");
/// # Ok::<(), partner_center_webhooks::event_grid::receive::WebhookConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ExpectedToken {
    tenant: Box<str>,
    keys: http::Uri,
    issuers: Vec<Box<str>>,
    audiences: Vec<Box<str>>,
    applications: Vec<Box<str>>,
    role: Option<Box<str>>,
    leeway: Duration,
}

impl ExpectedToken {
    /// The app role that Microsoft's set-up script creates and assigns to Event Grid.
    pub const ROLE: &'static str = "AzureEventGridSecureWebhookSubscriber";

    /// The default clock skew: a minute.
    pub const LEEWAY: Duration = Duration::minutes(1);

    /// Expects tokens of Event Grid with the role [`Self::ROLE`], from the tenant with this id, for `audience`: an application
    /// id or application ID URI, as configured in the event subscription. Surrounding whitespace is ignored.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError`] if the tenant is not a UUID, the audience is empty, Event Grid's application in the cloud is not
    /// known, or the cloud's authority is not an acceptable endpoint.
    pub fn new(
        cloud: &Cloud,
        tenant: &str,
        audience: impl Into<String>,
    ) -> Result<Self, WebhookConfigError> {
        if !is_uuid(tenant) {
            return Err(WebhookConfigError::Tenant { found: Excerpt::of(tenant) });
        }
        let tenant = tenant.to_ascii_lowercase();
        let authority = Endpoint::of_cloud(cloud, cloud.authority())?;
        let keys = authority.uri(&format!("/{tenant}/discovery/v2.0/keys"));
        let keys = keys.map_err(|_| WebhookConfigError::Tenant { found: Excerpt::of(&tenant) })?;
        let expected = Self {
            keys,
            issuers: vec![
                format!("https://sts.windows.net/{tenant}/").into(),
                format!("{}/{tenant}/v2.0", authority.as_str()).into(),
            ],
            audiences: Vec::new(),
            applications: vec![event_grid(cloud)?.into()],
            role: Some(Self::ROLE.into()),
            leeway: Self::LEEWAY,
            tenant: tenant.into(),
        };
        expected.or_audience(audience)
    }

    /// Also accepts tokens for this audience, for instance both the id and the URI of an application. Surrounding whitespace
    /// is ignored.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError::Audience`] if it is empty.
    pub fn or_audience(mut self, audience: impl Into<String>) -> Result<Self, WebhookConfigError> {
        let audience = as_in_tokens(&audience.into());
        let audience = audience.ok_or(WebhookConfigError::Audience)?;
        self.audiences.push(audience);
        Ok(self)
    }

    /// Accepts tokens issued to these applications only. Default: Event Grid's id in the cloud (that of the public cloud for
    /// [`Cloud::Custom`]). Surrounding whitespace is ignored.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError::Applications`] if there is no id or one is empty: every token would be refused.
    pub fn with_applications(
        mut self,
        ids: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, WebhookConfigError> {
        let ids = ids.into_iter().map(|id| as_in_tokens(&id.into()));
        let ids: Option<Vec<_>> = ids.collect();
        let ids = ids.filter(|ids| !ids.is_empty());
        self.applications = ids.ok_or(WebhookConfigError::Applications)?;
        Ok(self)
    }

    /// Requires this app role. Default: [`Self::ROLE`], which is a convention.
    pub fn with_role(mut self, role: impl Into<String>) -> Self {
        self.role = Some(role.into().into());
        self
    }

    /// Requires no app role: any event subscription in Azure whose author may use the application can then deliver.
    pub fn danger_without_role(mut self) -> Self {
        self.role = None;
        self
    }

    /// Allows a clock skew of `leeway`. Default: [`Self::LEEWAY`].
    pub fn with_leeway(mut self, leeway: std::time::Duration) -> Self {
        self.leeway = leeway.try_into().unwrap_or(Duration::MAX);
        self
    }

    /// Accepts v1 tokens from `issuer` instead of `https://sts.windows.net/{tenant}/`.
    pub fn with_v1_issuer(mut self, issuer: impl Into<String>) -> Self {
        if let Some(first) = self.issuers.first_mut() {
            *first = issuer.into().into();
        }
        self
    }

    /// The URL of the tenant's keys.
    pub(super) fn keys(&self) -> &http::Uri {
        &self.keys
    }

    /// Checks the claims of a token. Without a verified signature only a refusal is meaningful. The time is checked last, so
    /// that [`TokenRefusal::Expired`] means that everything else matches.
    pub(super) fn check(
        &self,
        claims: Claims,
        now: OffsetDateTime,
    ) -> Result<VerifiedToken, TokenRefusal> {
        let tenant = std::slice::from_ref(&self.tenant);
        one_of("iss", claims.iss.as_deref(), &self.issuers)?;
        one_of("tid", claims.tid.as_deref(), tenant)?;
        one_of("aud", claims.aud.as_deref(), &self.audiences)?;
        let application = self.application(&claims)?;
        self.role(&claims, &application)?;
        let expires_at = self.expiry(&claims, now)?;
        Ok(VerifiedToken { application, expires_at })
    }

    /// If a token has both `appid` and `azp`, each must be an application that may deliver.
    fn application(&self, claims: &Claims) -> Result<Box<str>, TokenRefusal> {
        let named = [claims.appid.as_deref(), claims.azp.as_deref()];
        let mut application = None;
        for id in named.into_iter().flatten() {
            if !self.applications.iter().any(|allowed| **allowed == *id) {
                return Err(self.wrong_application(id));
            }
            application = Some(id.into());
        }
        application.ok_or_else(|| self.wrong_application(""))
    }

    fn role(&self, claims: &Claims, application: &str) -> Result<(), TokenRefusal> {
        match &self.role {
            Some(role) if !claims.roles.iter().any(|assigned| **assigned == **role) => {
                let audience = Excerpt::of_url(claims.aud.as_deref().unwrap_or_default());
                Err(TokenRefusal::Role {
                    found: Excerpt::of(claims.roles.join(", ")),
                    expected: Excerpt::of(&**role),
                    audience: audience.to_string().into(),
                    application: Excerpt::of(application).to_string().into(),
                    is_final: false,
                })
            }
            _ => Ok(()),
        }
    }

    fn wrong_application(&self, id: &str) -> TokenRefusal {
        TokenRefusal::Application { found: Excerpt::of(id), expected: any(&self.applications) }
    }

    /// The expiry of the token, if it is valid now.
    fn expiry(&self, claims: &Claims, now: OffsetDateTime) -> Result<OffsetDateTime, TokenRefusal> {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).ok();
        let Some(expires_at) = claims.exp.and_then(at) else {
            return Err(TokenRefusal::Malformed {
                problem: "its `exp` is missing or is not a time",
            });
        };
        if expires_at.saturating_add(self.leeway) <= now {
            return Err(TokenRefusal::Expired { expires_at, now });
        }
        match claims.nbf.map(at) {
            None => Ok(expires_at),
            Some(Some(not_before)) if not_before <= now.saturating_add(self.leeway) => {
                Ok(expires_at)
            }
            Some(Some(not_before)) => Err(TokenRefusal::NotYet { not_before, now }),
            Some(None) => Err(TokenRefusal::Malformed { problem: "its `nbf` is not a time" }),
        }
    }
}

/// A genuine token with the expected claims.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct VerifiedToken {
    application: Box<str>,
    expires_at: OffsetDateTime,
}

impl VerifiedToken {
    /// The id of the application that the token was issued to: Event Grid's.
    pub fn application(&self) -> &str {
        &self.application
    }

    /// When the token expires.
    pub fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }
}

fn one_of(
    claim: &'static str,
    found: Option<&str>,
    expected: &[Box<str>],
) -> Result<(), TokenRefusal> {
    match found {
        Some(found) if expected.iter().any(|it| **it == *found) => Ok(()),
        _ => Err(TokenRefusal::Claim {
            claim,
            found: Excerpt::of_url(found.unwrap_or_default()),
            expected: any(expected),
        }),
    }
}

fn any(expected: &[Box<str>]) -> Excerpt {
    Excerpt::long(expected.join(" or "))
}

/// Event Grid's application in a cloud.
///
/// Source: "Deliver events to webhooks protected by Microsoft Entra ID", the set-up scripts.
fn event_grid(cloud: &Cloud) -> Result<&'static str, WebhookConfigError> {
    match cloud {
        Cloud::China => Err(WebhookConfigError::China),
        Cloud::Custom(_) | Cloud::Global => Ok("4962773b-9cdb-44cf-a8bf-237846a00ab7"),
        Cloud::UsGovernment => Ok("54316b56-3481-47f9-8f30-0300f5542a7b"),
    }
}

/// Normalizes an id: Entra writes UUIDs in lower case, and anything else as configured. `None` if it is blank.
fn as_in_tokens(text: &str) -> Option<Box<str>> {
    match text.trim() {
        "" => None,
        id if is_uuid(id) => Some(id.to_ascii_lowercase().into()),
        other => Some(other.into()),
    }
}

/// Entra writes UUIDs with hyphens, and without braces.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

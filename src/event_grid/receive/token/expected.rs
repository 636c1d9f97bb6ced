//! What a token has to say.

use time::{Duration, OffsetDateTime};

use super::error::{EntraTokensError, MissingRole, TokenRefusal};
use super::jwt::Claims;
use crate::cloud::Cloud;
use crate::endpoint::Endpoint;
use crate::excerpt::Excerpt;

/// What is asked of a token: who gave it, to whom, for whom. Every claim has to hold; nothing here waits.
///
/// # Source
///
/// "Deliver events to webhooks protected by Microsoft Entra ID"; "Access tokens in the Microsoft identity platform",
/// validate the issuer.
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
    /// The role that Microsoft's set-up script makes and gives to Event Grid.
    pub const ROLE: &'static str = "AzureEventGridSecureWebhookSubscriber";

    /// How far two clocks may differ: a minute.
    pub const LEEWAY: Duration = Duration::minutes(1);

    /// Tokens from the tenant of this id, for the application `audience`: its id, or its application id URI, as the event
    /// subscription names it; whitespace around it is left out. They have to be Event Grid's, and to have the role
    /// [`Self::ROLE`].
    ///
    /// # Errors
    ///
    /// [`EntraTokensError`] if the tenant is no UUID, the audience is empty, Event Grid's application in the cloud is not
    /// known, or its authority may not be asked.
    pub fn new(
        cloud: &Cloud,
        tenant: &str,
        audience: impl Into<String>,
    ) -> Result<Self, EntraTokensError> {
        if !is_uuid(tenant) {
            return Err(EntraTokensError::Tenant {
                found: Excerpt::of(tenant),
            });
        }
        let tenant = tenant.to_ascii_lowercase();
        let authority = Endpoint::new(cloud.authority(), cloud.danger_plain_http_on_loopback())?;
        let keys = authority.uri(&format!("/{tenant}/discovery/v2.0/keys"));
        let keys = keys.map_err(|_| EntraTokensError::Tenant {
            found: Excerpt::of(&tenant),
        })?;
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
        expected.also_for(audience)
    }

    /// Also takes tokens for this audience: both the id and the URI of an application may be in use. Whitespace around it is
    /// left out.
    ///
    /// # Errors
    ///
    /// [`EntraTokensError::Audience`] if it is empty.
    pub fn also_for(mut self, audience: impl Into<String>) -> Result<Self, EntraTokensError> {
        let audience = as_in_tokens(&audience.into());
        let audience = audience.ok_or(EntraTokensError::Audience)?;
        self.audiences.push(audience);
        Ok(self)
    }

    /// Takes tokens of these applications and no other. Default: Event Grid, by its id in Azure Government there, and by
    /// that in the public cloud elsewhere. Whitespace around an id is left out.
    ///
    /// # Errors
    ///
    /// [`EntraTokensError::Application`] if an id is empty, or there is none: no token would ever do.
    pub fn of_applications(
        mut self,
        ids: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, EntraTokensError> {
        let ids = ids.into_iter().map(|id| as_in_tokens(&id.into()));
        let ids: Option<Vec<_>> = ids.collect();
        let ids = ids.filter(|ids| !ids.is_empty());
        self.applications = ids.ok_or(EntraTokensError::Application)?;
        Ok(self)
    }

    /// Asks for this role. Default: [`Self::ROLE`], which is a convention.
    pub fn with_role(mut self, role: impl Into<String>) -> Self {
        self.role = Some(role.into().into());
        self
    }

    /// Asks for no role: then every event subscription in Azure whose writer may use the application can deliver.
    pub fn danger_without_role(mut self) -> Self {
        self.role = None;
        self
    }

    /// Allows clocks to differ by `leeway`. Default: [`Self::LEEWAY`].
    pub fn with_leeway(mut self, leeway: std::time::Duration) -> Self {
        self.leeway = leeway.try_into().unwrap_or(Duration::MAX);
        self
    }

    /// Takes v1 tokens from `issuer` instead of `https://sts.windows.net/{tenant}/`.
    pub fn with_v1_issuer(mut self, issuer: impl Into<String>) -> Self {
        if let Some(first) = self.issuers.first_mut() {
            *first = issuer.into().into();
        }
        self
    }

    /// Where the tenant's keys are.
    pub(super) fn keys(&self) -> &http::Uri {
        &self.keys
    }

    /// Judges the claims of a token. Unless its signature was verified, only a refusal means something. Who it is from comes first, and its time last: what is
    /// outside of its time is otherwise right.
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
        let end = self.time(&claims, now)?;
        Ok(VerifiedToken { application, end })
    }

    /// A token that names a client twice has to name one that may deliver both times.
    fn application(&self, claims: &Claims) -> Result<Box<str>, TokenRefusal> {
        let named = [claims.appid.as_deref(), claims.azp.as_deref()];
        let mut application = None;
        for id in named.into_iter().flatten() {
            if !self.applications.iter().any(|may| **may == *id) {
                return Err(self.foreign(id));
            }
            application = Some(id.into());
        }
        application.ok_or_else(|| self.foreign(""))
    }

    fn role(&self, claims: &Claims, application: &str) -> Result<(), TokenRefusal> {
        match &self.role {
            Some(role) if !claims.roles.iter().any(|has| **has == **role) => {
                Err(TokenRefusal::Role(Box::new(MissingRole {
                    found: Excerpt::of(claims.roles.join(", ")),
                    expected: Excerpt::of(&**role),
                    audience: Excerpt::of(claims.aud.as_deref().unwrap_or_default()),
                    application: Excerpt::of(application),
                    is_final: false,
                })))
            }
            _ => Ok(()),
        }
    }

    fn foreign(&self, id: &str) -> TokenRefusal {
        TokenRefusal::Application {
            found: Excerpt::of(id),
            expected: any(&self.applications),
        }
    }

    /// When the token ends, if this is its time.
    fn time(&self, claims: &Claims, now: OffsetDateTime) -> Result<OffsetDateTime, TokenRefusal> {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).ok();
        let Some(end) = claims.exp.and_then(at) else {
            return Err(TokenRefusal::Malformed {
                problem: "its `exp` is missing, or is no time",
            });
        };
        if end.saturating_add(self.leeway) <= now {
            return Err(TokenRefusal::Expired { end, now });
        }
        match claims.nbf.map(at) {
            None => Ok(end),
            Some(Some(begin)) if begin <= now.saturating_add(self.leeway) => Ok(end),
            Some(Some(begin)) => Err(TokenRefusal::NotYet { begin, now }),
            Some(None) => Err(TokenRefusal::Malformed {
                problem: "its `nbf` is no time",
            }),
        }
    }
}

/// A genuine token that says what is expected.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct VerifiedToken {
    application: Box<str>,
    end: OffsetDateTime,
}

impl VerifiedToken {
    /// The id of the application that took it: Event Grid's.
    pub fn application(&self) -> &str {
        &self.application
    }

    /// When it ends.
    pub fn expires_at(&self) -> OffsetDateTime {
        self.end
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
            found: Excerpt::of(found.unwrap_or_default()),
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
fn event_grid(cloud: &Cloud) -> Result<&'static str, EntraTokensError> {
    match cloud {
        Cloud::China => Err(EntraTokensError::China),
        Cloud::Custom(_) | Cloud::Global => Ok("4962773b-9cdb-44cf-a8bf-237846a00ab7"),
        Cloud::UsGovernment => Ok("54316b56-3481-47f9-8f30-0300f5542a7b"),
    }
}

/// Entra writes UUIDs in lower case, and all else as it was configured. Nothing if there is nothing but whitespace.
fn as_in_tokens(text: &str) -> Option<Box<str>> {
    match text.trim() {
        "" => None,
        id if is_uuid(id) => Some(id.to_ascii_lowercase().into()),
        other => Some(other.into()),
    }
}

fn is_uuid(text: &str) -> bool {
    let bytes = text.bytes().enumerate();
    text.len() == 36
        && bytes.into_iter().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

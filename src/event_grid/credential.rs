//! How a publisher authenticates.

use std::fmt;
use std::sync::Arc;

use super::sas::{AccessKey, SasToken};
use crate::api::{AuthHeader, Authorizer, Bearer};
use crate::http_client::BoxFuture;
use crate::token::{AccessToken, TokenError, TokenProvider};

/// The credential of a [`Publisher`](super::Publisher): an [`AccessKey`], a [`SasToken`], or access tokens.
///
/// A namespace with `disableLocalAuth` accepts only access tokens.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::{AccessKey, Credential};
/// use partner_center_webhooks::token::AccessToken;
///
/// let key = Credential::from(AccessKey::new("dGhpcyBpcyBub3QgYSByZWFsIEV2ZW50R3JpZCBrZXk=")?);
/// let tokens = Credential::bearer(AccessToken::new("s3cret")?); // in production: ClientCredentials
/// assert!(!format!("{key:?} {tokens:?}").contains("s3cret"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Credential(pub(super) Arc<dyn Authorizer>);

impl Credential {
    /// The scope of access tokens for Event Grid in the public cloud.
    pub const SCOPE: &str = "https://eventgrid.azure.net/.default";

    /// Access tokens of Microsoft Entra, from `tokens`. Their identity needs the role *EventGrid Data Sender* on the
    /// namespace.
    pub fn bearer(tokens: impl TokenProvider + 'static) -> Self {
        Self::bearer_for(Self::SCOPE, tokens)
    }

    /// Access tokens with another scope, for clouds other than the public one.
    pub fn bearer_for(scope: impl Into<Box<str>>, tokens: impl TokenProvider + 'static) -> Self {
        Self(Arc::new(Bearer { tokens: Box::new(tokens), scope: scope.into() }))
    }
}

impl From<AccessKey> for Credential {
    fn from(key: AccessKey) -> Self {
        Self(Arc::new(Fixed(key.auth_header())))
    }
}

impl From<SasToken> for Credential {
    fn from(token: SasToken) -> Self {
        Self(Arc::new(Fixed(token.auth_header())))
    }
}

/// The same header for every attempt.
struct Fixed(AuthHeader);

impl Authorizer for Fixed {
    fn authorize<'a>(
        &'a self,
        _: Option<&'a AccessToken>,
    ) -> BoxFuture<'a, Result<AuthHeader, TokenError>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

impl fmt::Debug for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fixed").field(&self.0.name).finish()
    }
}

//! What a publisher shows to the service.

use std::fmt;
use std::sync::Arc;

use super::sas::{AccessKey, SasToken};
use crate::api::{AuthHeader, Authorizer, Bearer};
use crate::http_client::BoxFuture;
use crate::token::{AccessToken, TokenError, TokenProvider};

/// What proves that one may publish to a namespace: an [`AccessKey`], a [`SasToken`], or access tokens.
///
/// A namespace with `disableLocalAuth` takes access tokens alone.
#[derive(Clone, Debug)]
pub struct Credential(pub(super) Arc<dyn Authorizer>);

impl Credential {
    /// Whom access tokens for Event Grid are for, in the public cloud.
    pub const SCOPE: &str = "https://eventgrid.azure.net/.default";

    /// Access tokens of Microsoft Entra, from `tokens`. Whoever they are given to needs the role *EventGrid Data Sender* at
    /// the namespace.
    pub fn bearer(tokens: impl TokenProvider + 'static) -> Self {
        Self::bearer_for(Self::SCOPE, tokens)
    }

    /// The same for another scope: for other clouds than the public one.
    pub fn bearer_for(scope: impl Into<Box<str>>, tokens: impl TokenProvider + 'static) -> Self {
        Self(Arc::new(Bearer {
            tokens: Box::new(tokens),
            scope: scope.into(),
        }))
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

/// The same header at each attempt.
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

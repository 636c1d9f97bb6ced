//! Tokens from the credentials of the Azure SDK.

use std::fmt;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;

use super::error::TokenError;
use super::provider::{AccessToken, TokenProvider, TokenRequest};
use crate::http_client::BoxFuture;

/// Tokens from any credential of the Azure SDK, such as a managed identity from the crate `azure_identity`.
///
/// Those credentials cache their tokens. A rejected token cannot be replaced before it expires, because the SDK cannot bypass
/// its cache.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use azure_core::credentials::TokenCredential;
/// use partner_center_webhooks::token::{AzureCredential, TokenProvider};
///
/// // For example `azure_identity::ManagedIdentityCredential::new(None)?`.
/// fn provider(credential: Arc<dyn TokenCredential>) -> impl TokenProvider {
///     AzureCredential::new(credential)
/// }
/// ```
///
/// The only type of this crate with a type of the Azure SDK in its signature.
#[derive(Clone)]
pub struct AzureCredential(Arc<dyn TokenCredential>);

impl AzureCredential {
    /// Requests tokens from `credential`.
    pub fn new(credential: Arc<dyn TokenCredential>) -> Self {
        Self(credential)
    }
}

impl TokenProvider for AzureCredential {
    fn token<'a>(
        &'a self,
        request: TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        Box::pin(async move {
            let scopes = [request.scope];
            let received = self.0.get_token(&scopes, None).await;
            let received = received.map_err(TokenError::provider)?;
            let token = AccessToken::new(received.token.secret())?.expiring_at(received.expires_on);
            match request.refused == Some(&token) {
                true => Err(TokenError::NoAlternative),
                false => Ok(token),
            }
        })
    }
}

impl fmt::Debug for AzureCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureCredential").finish_non_exhaustive()
    }
}

//! The credentials of the Azure SDK.

use std::fmt;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;

use super::{AccessToken, TokenError, TokenProvider, TokenRequest};
use crate::http_client::BoxFuture;

/// Tokens of any credential of the Azure SDK, such as a managed identity from the crate `azure_identity`.
///
/// Those credentials keep their tokens themselves. One that was refused cannot be asked for anew: the SDK has no way to
/// say so.
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
#[derive(Clone)]
pub struct AzureCredential(Arc<dyn TokenCredential>);

impl AzureCredential {
    /// Asks `credential`.
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
            let given = self.0.get_token(&scopes, None).await;
            let given = given.map_err(TokenError::provider)?;
            let token = AccessToken::new(given.token.secret())?.expiring_at(given.expires_on);
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

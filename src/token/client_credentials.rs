//! Tokens of an application on its own.

use std::sync::Arc;

use super::application::Application;
use super::cached::Cached;
use super::entra::{Entra, GRANT_TYPE};
use super::error::TokenError;
use super::provider::{AccessToken, TokenProvider, TokenRequest};
use crate::http_client::{BoxFuture, HttpClient};

/// Tokens of an application on its own, without a user ("app-only").
///
/// They suffice for the registration API, subscriptions, customers and audit records. Invoices and fraud events need a user's
/// token ([`RefreshToken`](super::RefreshToken)). Tokens are cached, see [`Cached`]; clones share them.
///
/// A [public client](super::Credential::public_client) cannot use them: Microsoft Entra refuses it (AADSTS7000218).
///
/// # Source
///
/// "Microsoft identity platform and the OAuth 2.0 client credentials flow"; "Partner Center authentication".
///
/// # Example
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use partner_center_webhooks::cloud::Cloud;
/// use partner_center_webhooks::http_client::ReqwestClient;
/// use partner_center_webhooks::token::{Application, ClientCredentials};
///
/// let secret = std::env::var("CLIENT_SECRET")?;
/// let application = Application::new(&Cloud::Global, "contoso.onmicrosoft.com", "0f5a…", secret)?;
/// let tokens = ClientCredentials::new(application, ReqwestClient::new()?);
/// # let _ = tokens; Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ClientCredentials(Arc<Cached<Grant>>);

impl ClientCredentials {
    /// Tokens of `application`, requested through `client`.
    pub fn new(application: Application, client: impl HttpClient + 'static) -> Self {
        let entra = Entra::new(application, Arc::new(client));
        Self(entra.cached(Grant(entra.clone())))
    }
}

impl TokenProvider for ClientCredentials {
    fn token<'a>(
        &'a self,
        request: TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        self.0.token(request)
    }
}

#[derive(Debug)]
struct Grant(Entra);

impl TokenProvider for Grant {
    fn token<'a>(
        &'a self,
        request: TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        Box::pin(async move {
            let grant = [(GRANT_TYPE, "client_credentials")];
            let tokens = self.0.ask(&grant, request.scope).await?;
            Ok(tokens.access)
        })
    }
}

//! An application on its own.

use std::sync::Arc;

use super::entra::{Entra, GRANT_TYPE};
use super::{AccessToken, Application, Cached, TokenError, TokenProvider, TokenRequest};
use crate::http_client::{BoxFuture, HttpClient};

/// Tokens of an application on its own, without a user ("app-only").
///
/// Enough for the registration API, subscriptions, customers and audit records; invoices and fraud events ask for a
/// user's ([`RefreshToken`](super::RefreshToken)). Tokens are kept, see [`Cached`]; clones share them.
///
/// A [public client](super::Credential::public_client) cannot act on its own: Microsoft Entra refuses it (AADSTS7000218).
///
/// # Source
///
/// "Microsoft identity platform and the OAuth 2.0 client credentials flow"; "Partner Center authentication".
///
/// # Example
///
/// ```no_run
/// # #[cfg(feature = "reqwest")] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use partner_center_webhooks::cloud::Cloud;
/// use partner_center_webhooks::http_client::ReqwestClient;
/// use partner_center_webhooks::token::{Application, ClientCredentials};
///
/// let secret = std::env::var("CLIENT_SECRET")?;
/// let application = Application::new(&Cloud::Global, "contoso.onmicrosoft.com", "0f5a…", secret)?;
/// let tokens = ClientCredentials::new(application, ReqwestClient::new()?);
/// # let _ = tokens; Ok(()) }
/// # #[cfg(not(feature = "reqwest"))] fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct ClientCredentials(Arc<Cached<Grant>>);

impl ClientCredentials {
    /// Tokens of `application`, asked for through `client`.
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
            let granted = self.0.ask(&grant, request.scope).await?;
            Ok(granted.access)
        })
    }
}

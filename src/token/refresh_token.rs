//! Tokens of an application for a user: the Secure Application Model.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::entra::{Entra, GRANT_TYPE};
use super::{AccessToken, Application, Cached, TokenError, TokenProvider, TokenRequest};
use crate::http_client::{BoxFuture, HttpClient};
use crate::mask::Excerpt;
use crate::mask::secret::SecretString;
use crate::mask::text::redact;

/// The outcome of the closure that saves a refresh token.
type Saved = Result<(), Box<dyn StdError + Send + Sync>>;

/// Tokens of an application that acts for a user who consented once ("app + user", the Secure Application Model).
///
/// With each use Microsoft Entra returns a new refresh token, which lives 90 days. It is passed to a closure, and used only
/// after the closure has saved it: if a refresh token is lost, the user must sign in again. If the closure fails, so does the
/// token request, and the next one starts with the closure and the same token. The closure never runs twice at the same time.
/// It continues if its caller is canceled. If it takes longer than [`Cached::LIMIT`], it pauses until the next token request: a
/// closure that must not pause spawns its work.
///
/// The application may be a [public client](super::Credential::public_client), which has no credential.
///
/// Tokens are cached, see [`Cached`]; clones share them.
///
/// # Source
///
/// "Enable the Secure Application Model"; RFC 6749, section 6.
///
/// # Example
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use partner_center_webhooks::cloud::Cloud;
/// use partner_center_webhooks::http_client::ReqwestClient;
/// use partner_center_webhooks::token::{Application, RefreshToken, SecretString};
///
/// async fn save(refresh_token: SecretString) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///     // In production: a vault, which the next start reads.
///     std::fs::write("refresh-token", refresh_token.expose_secret())?;
///     Ok(())
/// }
///
/// let application = Application::new(&Cloud::Global, "contoso.onmicrosoft.com", "0f5a…", "secret")?;
/// let tokens = RefreshToken::new(application, "0.AXo…", ReqwestClient::new()?, save);
/// # let _ = tokens; Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RefreshToken(Arc<Cached<Grant>>);

impl RefreshToken {
    /// Tokens of `application` for the user of `refresh_token`. Each new refresh token is passed to `save`.
    pub fn new<S, R>(
        application: Application,
        refresh_token: impl Into<SecretString>,
        client: impl HttpClient + 'static,
        save: S,
    ) -> Self
    where
        S: Fn(SecretString) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Box<dyn StdError + Send + Sync>>> + Send + 'static,
    {
        let entra = Entra::new(application, Arc::new(client));
        Self(entra.cached(Grant {
            entra: entra.clone(),
            save: Box::new(move |token| Box::pin(save(token))),
            held: Mutex::new(Held { saved: refresh_token.into(), unsaved: None, saving: None }),
        }))
    }
}

impl TokenProvider for RefreshToken {
    fn token<'a>(
        &'a self,
        request: TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        self.0.token(request)
    }
}

struct Grant {
    entra: Entra,
    save: Box<dyn Fn(SecretString) -> BoxFuture<'static, Saved> + Send + Sync>,
    held: Mutex<Held>,
}

struct Held {
    saved: SecretString,
    /// Received, and not yet saved.
    unsaved: Option<SecretString>,
    /// The running closure. If its caller was canceled, the next one continues it.
    saving: Option<BoxFuture<'static, Saved>>,
}

impl Grant {
    /// One at a time: two requests with the same refresh token would each get a new one, and one of them would be lost.
    async fn grant(&self, scope: &str) -> Result<AccessToken, TokenError> {
        let mut held = self.held.lock().await;
        self.save(&mut held).await?;
        let grant = [(GRANT_TYPE, "refresh_token"), ("refresh_token", held.saved.expose_secret())];
        let granted = self.entra.ask(&grant, scope).await?;
        held.unsaved = granted.refresh.filter(|token| {
            let token = token.expose_secret();
            !token.is_empty() && token != held.saved.expose_secret()
        });
        self.save(&mut held).await?;
        Ok(granted.access)
    }

    /// A token that was received and not saved is saved before anything else, also after a failure.
    async fn save(&self, held: &mut Held) -> Result<(), TokenError> {
        let Some(token) = &held.unsaved else {
            return Ok(());
        };
        let saving = held.saving.get_or_insert_with(|| (self.save)(token.clone()));
        let outcome = saving.await;
        held.saving = None;
        outcome.map_err(|error| {
            let tokens = [&held.saved, token].map(|token| token.expose_secret());
            TokenError::NotSaved {
                shown: Excerpt::of(redact(&error.to_string(), tokens)),
                error: error.into(),
            }
        })?;
        if let Some(token) = held.unsaved.take() {
            held.saved = token;
        }
        Ok(())
    }
}

impl TokenProvider for Grant {
    fn token<'a>(
        &'a self,
        request: TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        Box::pin(self.grant(request.scope))
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("entra", &self.entra).finish_non_exhaustive()
    }
}

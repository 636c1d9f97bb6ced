//! The trait of token providers, and the token.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use secrecy::zeroize::Zeroizing;
use time::OffsetDateTime;

use super::error::TokenError;
use crate::http_client::BoxFuture;
use crate::mask::secret::SecretString;

/// Provides access tokens.
///
/// Object-safe. A client calls it for each attempt, so a provider whose calls are expensive is wrapped in
/// [`Cached`](super::Cached). It is called concurrently.
pub trait TokenProvider: fmt::Debug + Send + Sync {
    /// Returns a token for `request`.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    fn token<'a>(
        &'a self,
        request: TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>>;
}

impl<T: TokenProvider + ?Sized> TokenProvider for Arc<T> {
    fn token<'a>(
        &'a self,
        request: TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        (**self).token(request)
    }
}

/// The token that a client needs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TokenRequest<'a> {
    /// The scope for Microsoft Entra's v2 endpoint: the audience, and `/.default`.
    pub scope: &'a str,
    /// A token that was refused with 401. The provider must return another one, or [`TokenError::NoAlternative`].
    pub refused: Option<&'a AccessToken>,
}

impl<'a> TokenRequest<'a> {
    /// Any token for `scope`.
    pub const fn new(scope: &'a str) -> Self {
        Self { scope, refused: None }
    }

    /// Any token but `refused`.
    #[must_use]
    pub const fn after_refusal_of(mut self, refused: &'a AccessToken) -> Self {
        self.refused = Some(refused);
        self
    }
}

/// A bearer token. Its clones share one buffer, which is wiped when the last one is dropped. Equality ignores the expiry.
///
/// It is also a [`TokenProvider`], of itself: for a token that comes from elsewhere.
#[derive(Clone, Eq)]
pub struct AccessToken {
    /// `Bearer` and the token, marked as sensitive.
    header: HeaderValue,
    expires_at: Option<OffsetDateTime>,
}

impl AccessToken {
    /// A token without a known expiry.
    ///
    /// # Errors
    ///
    /// [`TokenError::Malformed`] if it is empty, or has characters other than visible ASCII, which a header cannot hold.
    pub fn new(token: impl Into<SecretString>) -> Result<Self, TokenError> {
        let header = secret_header(SCHEME, &token.into()).ok_or(TokenError::Malformed)?;
        Ok(Self { header, expires_at: None })
    }

    /// Sets the expiry.
    #[must_use]
    pub fn expiring_at(mut self, instant: OffsetDateTime) -> Self {
        self.expires_at = Some(instant);
        self
    }

    /// The expiry, if known.
    pub fn expires_at(&self) -> Option<OffsetDateTime> {
        self.expires_at
    }

    /// The token itself.
    pub fn expose_secret(&self) -> &str {
        let header = self.header.to_str().unwrap_or_default();
        header.strip_prefix(SCHEME).unwrap_or_default()
    }

    /// The value of an `Authorization` header, marked as sensitive.
    ///
    /// `Bearer` and the token. `Debug` of it shows `Sensitive`.
    pub fn authorization(&self) -> HeaderValue {
        self.header.clone()
    }
}

impl PartialEq for AccessToken {
    fn eq(&self, other: &Self) -> bool {
        self.header == other.header
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A token provides itself for every scope, until it is rejected.
impl TokenProvider for AccessToken {
    fn token<'a>(&'a self, request: TokenRequest<'a>) -> BoxFuture<'a, Result<Self, TokenError>> {
        Box::pin(std::future::ready(match request.refused == Some(self) {
            true => Err(TokenError::NoAlternative),
            false => Ok(self.clone()),
        }))
    }
}

/// A provider that calls `function` with the scope for each request. Wrap it in [`Cached`](super::Cached) if calls are
/// expensive. Cheap to clone.
///
/// # Example
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use partner_center_webhooks::token::{AccessToken, TokenProvider as _, TokenRequest, from_fn};
///
/// let provider = from_fn(async |scope: String| AccessToken::new(format!("token-for-{}", scope.len())));
/// let token = provider.token(TokenRequest::new("scope")).await.unwrap();
/// assert_eq!(token.expose_secret(), "token-for-5");
/// # });
/// ```
pub fn from_fn<F, R>(function: F) -> Arc<impl TokenProvider>
where
    F: Fn(String) -> R + Send + Sync,
    R: Future<Output = Result<AccessToken, TokenError>> + Send + 'static,
{
    Arc::new(FromFn(function))
}

/// See [`from_fn`].
struct FromFn<F>(F);

impl<F, R> TokenProvider for FromFn<F>
where
    F: Fn(String) -> R + Send + Sync,
    R: Future<Output = Result<AccessToken, TokenError>> + Send + 'static,
{
    fn token<'a>(
        &'a self,
        request: TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        let refused = request.refused;
        let token = (self.0)(request.scope.to_owned());
        Box::pin(async move {
            match token.await {
                Ok(token) if refused == Some(&token) => Err(TokenError::NoAlternative),
                outcome => outcome,
            }
        })
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}

/// The header value `prefix` and `secret`: marked as sensitive, and wiped when its last clone is dropped. `None` if `secret`
/// is empty, or has characters other than visible ASCII.
pub(crate) fn secret_header(prefix: &str, secret: &SecretString) -> Option<HeaderValue> {
    let secret = secret.expose_secret();
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let header = Zeroizing::new([prefix.as_bytes(), secret.as_bytes()].concat());
    let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(header)).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// RFC 6750, section 2.1.
const SCHEME: &str = "Bearer ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_a_header_and_is_never_shown() {
        let token = AccessToken::new("s3cret-token").unwrap();
        assert_eq!(token.expose_secret(), "s3cret-token");
        assert_eq!(token.authorization(), "Bearer s3cret-token");
        assert!(token.authorization().is_sensitive());
        let shown = format!("{token:?} {:?}", token.authorization());
        assert!(!shown.contains("s3cret"), "{shown}");
        let provider = token;
        assert!(!format!("{provider:?}").contains("s3cret"));

        for bad in ["", "a b", "a\r\nb", "ä", "\u{0}"] {
            assert_eq!(
                AccessToken::new(bad).unwrap_err().to_string(),
                "the access token is empty or has characters that a header cannot hold (expected visible ASCII)"
            );
        }
    }

    #[tokio::test]
    async fn a_rejected_token_is_not_returned_again() {
        let (one, other) = (AccessToken::new("one").unwrap(), AccessToken::new("other").unwrap());
        let fixed = one.clone();
        let asked = from_fn(async |_| AccessToken::new("one"));
        let providers: [&dyn TokenProvider; 2] = [&fixed, &asked];
        for provider in providers {
            let request = TokenRequest::new("s");
            assert_eq!(provider.token(request).await.unwrap(), one);
            let request = request.after_refusal_of(&other);
            assert_eq!(provider.token(request).await.unwrap(), one);
            let error = provider.token(request.after_refusal_of(&one)).await;
            assert_eq!(error.unwrap_err().to_string(), "the only available token was rejected");
        }
    }
}

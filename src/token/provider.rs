//! The seam: one method, and what it takes and gives.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use time::OffsetDateTime;

use super::TokenError;
use crate::http_client::BoxFuture;

/// Gives access tokens.
pub trait TokenProvider: fmt::Debug + Send + Sync {
    /// A token as `request` asks for it.
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

/// What token is asked for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TokenRequest<'a> {
    /// The scope, as Microsoft Entra's v2 endpoint takes it: whom the token is for, and `/.default`.
    pub scope: &'a str,
    /// A token that was refused with 401: that one must not be given again, if there is any way to another.
    pub refused: Option<&'a AccessToken>,
}

impl<'a> TokenRequest<'a> {
    /// Any token for `scope`.
    pub const fn new(scope: &'a str) -> Self {
        Self {
            scope,
            refused: None,
        }
    }

    /// Any token but `refused`.
    #[must_use]
    pub const fn after_refusal_of(mut self, refused: &'a AccessToken) -> Self {
        self.refused = Some(refused);
        self
    }
}

/// A bearer token. Its copies share one buffer, which is wiped when the last of them is dropped. Two are equal if their
/// texts are, whenever they end.
#[derive(Clone, Eq)]
pub struct AccessToken {
    /// `Bearer` and the token, marked as sensitive.
    header: HeaderValue,
    expires_at: Option<OffsetDateTime>,
}

impl AccessToken {
    /// A token that never ends, as far as is known.
    ///
    /// # Errors
    ///
    /// [`TokenError::Malformed`] if it is empty, or holds anything but visible ASCII: it goes into a header.
    pub fn new(token: impl Into<SecretString>) -> Result<Self, TokenError> {
        let header = secret_header(SCHEME, &token.into()).ok_or(TokenError::Malformed)?;
        Ok(Self {
            header,
            expires_at: None,
        })
    }

    /// The same, ending at `instant`.
    #[must_use]
    pub fn expiring_at(mut self, instant: OffsetDateTime) -> Self {
        self.expires_at = Some(instant);
        self
    }

    /// When it ends, if that is known.
    pub fn expires_at(&self) -> Option<OffsetDateTime> {
        self.expires_at
    }

    /// The token itself.
    pub fn expose_secret(&self) -> &str {
        let header = self.header.to_str().unwrap_or_default();
        header.strip_prefix(SCHEME).unwrap_or_default()
    }

    /// The value of an `Authorization` header, marked as sensitive.
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
        f.debug_struct("AccessToken")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// One token, whatever is asked for.
#[derive(Clone, Debug)]
pub struct StaticToken(AccessToken);

impl StaticToken {
    /// Gives `token` until it is refused.
    pub fn new(token: AccessToken) -> Self {
        Self(token)
    }
}

impl TokenProvider for StaticToken {
    fn token<'a>(
        &'a self,
        request: TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        let is_refused = request.refused == Some(&self.0);
        Box::pin(std::future::ready(match is_refused {
            true => Err(TokenError::NoAlternative),
            false => Ok(self.0.clone()),
        }))
    }
}

/// A provider that asks `function`, with the scope, each time: put it into a [`Cached`](super::Cached) if that is dear.
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
pub fn from_fn<F, R>(function: F) -> FromFn<F>
where
    F: Fn(String) -> R + Send + Sync,
    R: Future<Output = Result<AccessToken, TokenError>> + Send + 'static,
{
    FromFn(function)
}

/// See [`from_fn`].
#[derive(Clone)]
pub struct FromFn<F>(F);

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

/// The value of a header that is `secret`, with something open before it: marked as sensitive, and wiped when its last copy
/// is dropped. Nothing if `secret` is empty, or holds anything but visible ASCII.
pub(crate) fn secret_header(before: &str, secret: &SecretString) -> Option<HeaderValue> {
    let secret = secret.expose_secret();
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let header = Zeroizing::new([before.as_bytes(), secret.as_bytes()].concat());
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
    fn a_token_is_what_a_header_may_hold_and_never_shows() {
        let token = AccessToken::new("s3cret-token").unwrap();
        assert_eq!(token.expose_secret(), "s3cret-token");
        assert_eq!(token.authorization(), "Bearer s3cret-token");
        assert!(token.authorization().is_sensitive());
        let shown = format!("{token:?} {:?}", token.authorization());
        assert!(!shown.contains("s3cret"), "{shown}");
        let provider = StaticToken::new(token);
        assert!(!format!("{provider:?}").contains("s3cret"));

        for bad in ["", "a b", "a\r\nb", "ä", "\u{0}"] {
            assert_eq!(
                AccessToken::new(bad).unwrap_err().to_string(),
                "the access token is empty, or holds what no header may hold (expected visible ASCII)"
            );
        }
    }

    #[tokio::test]
    async fn what_was_refused_is_not_given_again() {
        let (one, other) = (
            AccessToken::new("one").unwrap(),
            AccessToken::new("other").unwrap(),
        );
        let fixed = StaticToken::new(one.clone());
        let asked = from_fn(async |_| AccessToken::new("one"));
        let providers: [&dyn TokenProvider; 2] = [&fixed, &asked];
        for provider in providers {
            let request = TokenRequest::new("s");
            assert_eq!(provider.token(request).await.unwrap(), one);
            let request = request.after_refusal_of(&other);
            assert_eq!(provider.token(request).await.unwrap(), one);
            let error = provider.token(request.after_refusal_of(&one)).await;
            assert_eq!(
                error.unwrap_err().to_string(),
                "the only token there is was refused"
            );
        }
    }
}

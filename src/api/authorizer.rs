//! The credentials of a call.

use std::fmt;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};

use crate::http_client::BoxFuture;
use crate::mask::secret::SecretString;
use crate::mask::text;
use crate::token::{AccessToken, TokenError, TokenProvider, TokenRequest};

/// Authorizes calls.
///
/// A trait, because Event Grid also takes keys and signatures, which no provider can replace.
pub(crate) trait Authorizer: fmt::Debug + Send + Sync {
    /// The credentials for one attempt. `rejected` is a token that the service refused with 401.
    fn authorize<'a>(
        &'a self,
        rejected: Option<&'a AccessToken>,
    ) -> BoxFuture<'a, Result<AuthHeader, TokenError>>;
}

/// The header that authorizes one attempt.
#[derive(Clone)]
pub(crate) struct AuthHeader {
    /// `Authorization`, or a header of Event Grid.
    pub(crate) name: HeaderName,
    /// Marked as sensitive.
    pub(crate) value: HeaderValue,
    /// The token in it, if it is one that a provider can replace.
    pub(crate) token: Option<AccessToken>,
    /// Secrets in the request, redacted from errors because services echo requests.
    pub(crate) secrets: Arc<[SecretString]>,
}

/// `text` without `secrets`, and without the secrets in URLs.
///
/// Every text of a response passes through it before it gets into an error.
pub(super) fn redact(secrets: &[SecretString], text: &str) -> String {
    text::redact(text, secrets.iter().map(SecretString::expose_secret))
}

/// An access token, requested from the provider at each attempt.
#[derive(Debug)]
pub(crate) struct Bearer {
    /// Caches and renews tokens itself.
    pub(crate) tokens: Box<dyn TokenProvider>,
    /// The audience and `/.default`.
    pub(crate) scope: Box<str>,
}

impl Authorizer for Bearer {
    fn authorize<'a>(
        &'a self,
        rejected: Option<&'a AccessToken>,
    ) -> BoxFuture<'a, Result<AuthHeader, TokenError>> {
        let mut wanted = TokenRequest::new(&self.scope);
        wanted.refused = rejected;
        Box::pin(async move {
            let token = self.tokens.token(wanted).await?;
            Ok(AuthHeader {
                name: AUTHORIZATION,
                value: token.authorization(),
                secrets: Arc::new([token.expose_secret().into()]),
                token: Some(token),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_echoed_token_is_redacted() {
        let token = AccessToken::new("s3cr3t-token").unwrap();
        let bearer = Bearer { tokens: Box::new(token), scope: "scope".into() };
        let auth = bearer.authorize(None).await.unwrap();
        assert_eq!(auth.value, "Bearer s3cr3t-token");
        assert!(auth.value.is_sensitive() && auth.token.is_some());
        for (text, redacted) in [
            ("bad header: Bearer s3cr3t-token", "bad header: Bearer [hidden]"),
            ("<title>s3cr3t-tokens3cr3t-token</title>", "<title>[hidden][hidden]</title>"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(redact(&auth.secrets, text), redacted);
        }
    }
}

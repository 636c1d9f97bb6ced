//! How a call proves on whose behalf it is made.

use std::fmt;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::http_client::BoxFuture;
use crate::mask::text;
use crate::token::{AccessToken, TokenError, TokenProvider, TokenRequest};

/// What every call shows.
pub(crate) trait Authorizer: fmt::Debug + Send + Sync {
    /// What to show in one attempt, after `refused` was shown in vain.
    fn authorize<'a>(
        &'a self,
        refused: Option<&'a AccessToken>,
    ) -> BoxFuture<'a, Result<AuthHeader, TokenError>>;
}

/// What one attempt shows: a header.
#[derive(Clone)]
pub(crate) struct AuthHeader {
    pub(crate) name: HeaderName,
    /// Marked as sensitive.
    pub(crate) value: HeaderValue,
    /// The token in it, if there is one: there may be another.
    pub(crate) token: Option<AccessToken>,
    /// What of it, and of the body that goes with it, nobody may see, in each form in which a service might repeat it.
    pub(crate) secrets: Arc<[SecretString]>,
}

impl AuthHeader {
    /// What a service said, without the secrets that it was sent.
    pub(crate) fn hide(&self, text: &str) -> String {
        hide(&self.secrets, text)
    }
}

/// `text` without `secrets`, and without what URLs hide.
pub(super) fn hide(secrets: &[SecretString], text: &str) -> String {
    text::hide(text, secrets.iter().map(SecretString::expose_secret))
}

/// An access token, asked for at each attempt.
#[derive(Debug)]
pub(crate) struct Bearer {
    pub(crate) tokens: Box<dyn TokenProvider>,
    pub(crate) scope: Box<str>,
}

impl Authorizer for Bearer {
    fn authorize<'a>(
        &'a self,
        refused: Option<&'a AccessToken>,
    ) -> BoxFuture<'a, Result<AuthHeader, TokenError>> {
        let mut wanted = TokenRequest::new(&self.scope);
        wanted.refused = refused;
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
    use crate::token::StaticToken;

    #[tokio::test]
    async fn a_secret_that_comes_back_is_not_shown() {
        let token = AccessToken::new("s3cr3t-token").unwrap();
        let bearer = Bearer {
            tokens: Box::new(StaticToken::new(token)),
            scope: "scope".into(),
        };
        let shown = bearer.authorize(None).await.unwrap();
        assert_eq!(shown.value, "Bearer s3cr3t-token");
        assert!(shown.value.is_sensitive() && shown.token.is_some());
        for (text, without) in [
            (
                "bad header: Bearer s3cr3t-token",
                "bad header: Bearer [hidden]",
            ),
            (
                "<title>s3cr3t-tokens3cr3t-token</title>",
                "<title>[hidden][hidden]</title>",
            ),
            ("nothing", "nothing"),
        ] {
            assert_eq!(shown.hide(text), without);
        }
    }
}

//! Why there is no token.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

use crate::Excerpt;
use crate::http_client::HttpClientError;

/// Why there is no token.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Microsoft Entra could not be asked.
    #[error("`{url}` could not be asked for a token: {error}")]
    Connection {
        /// The token endpoint.
        url: Excerpt,
        /// Why.
        error: HttpClientError,
    },
    /// The token cannot be one.
    #[error("the access token is empty, or holds what no header may hold (expected visible ASCII)")]
    Malformed,
    /// There is one token only, and it was refused.
    #[error("the only token there is was refused")]
    NoOther,
    /// The callback that keeps the rotated refresh token failed, so that the token was not used.
    #[error("the rotated refresh token could not be saved, and was not used: {}", Excerpt::of(.0.to_string()))]
    NotSaved(Arc<dyn StdError + Send + Sync>),
    /// A provider that is not of this crate failed.
    #[error("the token provider failed: {}", Excerpt::long(.0.to_string()))]
    Provider(Arc<dyn StdError + Send + Sync>),
    /// Microsoft Entra refused.
    #[error("{0}")]
    Refused(Box<EntraRefusal>),
    /// The answer is neither a token nor a refusal.
    #[error(
        "`{url}` answered {} with what is no token (expected a JSON object with `access_token`)",
        status.as_u16()
    )]
    Unreadable {
        /// The token endpoint.
        url: Excerpt,
        /// The HTTP status.
        status: StatusCode,
        /// When to try again, if that was said.
        retry_after: Option<Duration>,
    },
}

impl TokenError {
    /// A failure of a provider that is not of this crate.
    pub fn provider(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Provider(error.into().into())
    }

    /// Whether the same request may succeed later, without anybody changing anything.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::NotSaved(_) | Self::Provider(_) => true,
            Self::Malformed | Self::NoOther => false,
            Self::Refused(refusal) => {
                is_passing(refusal.status)
                    || refusal.error == Excerpt::of("temporarily_unavailable")
            }
            // A proxy's page rather than Entra's.
            Self::Unreadable { status, .. } => is_passing(*status) || status.is_success(),
        }
    }

    /// When to try again, if that was said.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            Self::Unreadable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// What Microsoft Entra says about a refusal.
///
/// Source: "Microsoft identity platform and the OAuth 2.0 client credentials flow", error response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EntraRefusal {
    /// The token endpoint.
    pub url: Excerpt,
    /// The HTTP status.
    pub status: StatusCode,
    /// What kind of refusal, such as `invalid_client`.
    pub error: Excerpt,
    /// What was wrong, beginning with a code such as `AADSTS7000215`.
    pub description: Excerpt,
    /// For a support case.
    pub trace_id: Option<Excerpt>,
    /// For a support case.
    pub correlation_id: Option<Excerpt>,
    /// When to try again, if that was said.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for EntraRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            url,
            status,
            error,
            description,
            ..
        } = self;
        write!(
            f,
            "`{url}` answered {}: {error}, {description}",
            status.as_u16()
        )?;
        let ids = [
            ("trace id", &self.trace_id),
            ("correlation id", &self.correlation_id),
        ];
        for (name, id) in ids {
            if let Some(id) = id {
                write!(f, " ({name} {id})")?;
            }
        }
        Ok(())
    }
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status)
}

//! Why there is no token.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

use crate::http_client::HttpClientError;
use crate::http_client::transience::{is_transient, is_transient_code};
use crate::mask::Excerpt;
use crate::mask::text::urls;

/// Why there is no token. `Debug` shows the same text as `Display`, because the source can be of any size.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::token::{AccessToken, TokenError};
///
/// let error = AccessToken::new("two words").unwrap_err();
/// assert!(matches!(error, TokenError::Malformed));
/// assert!(!error.is_transient());
/// assert!(TokenError::provider("the vault is locked").is_transient());
/// ```
#[derive(Clone, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Microsoft Entra could not be reached.
    #[error("a token could not be requested from `{url}`: {error}")]
    Connection {
        /// The token endpoint.
        url: Excerpt,
        /// The error of the HTTP client.
        error: HttpClientError,
    },
    /// The token is not valid in a header.
    #[error(
        "the access token is empty or has characters that a header cannot hold (expected visible ASCII)"
    )]
    Malformed,
    /// The only available token was rejected.
    #[error("the only available token was rejected")]
    NoAlternative,
    /// The closure that saves the rotated refresh token failed, so the token was not used.
    #[error("the rotated refresh token could not be saved, and was not used: {shown}")]
    NotSaved {
        /// The error of the closure. It can hold the refresh token.
        error: Arc<dyn StdError + Send + Sync>,
        /// Its text without the refresh token, old and new, and with URLs masked.
        shown: Excerpt,
    },
    /// A provider from outside this crate failed. URLs in its error are masked.
    #[error("the token provider failed: {}", Excerpt::long(&*urls(&.0.to_string())))]
    Provider(Arc<dyn StdError + Send + Sync>),
    /// Microsoft Entra refused.
    #[error("{0}")]
    Refused(Box<EntraRefusal>),
    /// There was no token in time.
    #[error("no token was obtained within {deadline:?}")]
    Timeout {
        /// The deadline.
        deadline: Duration,
    },
    /// The response is neither a token nor a refusal.
    #[error(
        "`{url}` returned {} without a token (expected a JSON object with `access_token`): {problem}",
        status.as_u16()
    )]
    Unreadable {
        /// The token endpoint.
        url: Excerpt,
        /// The HTTP status.
        status: StatusCode,
        /// What is wrong with it, or the text of a page.
        problem: Box<Excerpt>,
        /// The wait that the service asked for, if any.
        retry_after: Option<Duration>,
    },
}

impl TokenError {
    /// The failure of a provider from outside this crate.
    pub fn provider(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Provider(error.into().into())
    }

    /// Whether a retry may succeed without any change.
    ///
    /// Errors of other providers count as transient, because nothing is known about them.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connection { .. }
            | Self::NotSaved { .. }
            | Self::Provider(_)
            | Self::Timeout { .. } => true,
            Self::Malformed | Self::NoAlternative => false,
            Self::Refused(refusal) => {
                let code = refusal.code.map(|code| format!("AADSTS{code}"));
                is_transient(refusal.status, &refusal.error.to_string())
                    || code.is_some_and(|code| is_transient_code(&code))
            }
            // A proxy's page rather than Entra's.
            Self::Unreadable { status, .. } => is_transient(*status, "") || status.is_success(),
        }
    }

    /// The wait that the service asked for, if any.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            Self::Unreadable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// A refusal by Microsoft Entra.
///
/// Source: "Microsoft identity platform and the OAuth 2.0 client credentials flow", error response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EntraRefusal {
    /// The token endpoint.
    pub url: Excerpt,
    /// The HTTP status.
    pub status: StatusCode,
    /// The kind of refusal, such as `invalid_client`.
    pub error: Excerpt,
    /// The number of the cause, such as 7000215 for `AADSTS7000215`.
    pub code: Option<u32>,
    /// The message, which begins with that code.
    pub description: Excerpt,
    /// For a support case.
    pub trace_id: Option<Excerpt>,
    /// For a support case.
    pub correlation_id: Option<Excerpt>,
    /// The wait that the service asked for, if any.
    pub retry_after: Option<Duration>,
}

impl EntraRefusal {
    /// What an operator can do, for known causes.
    ///
    /// Source: "Microsoft Entra authentication and authorization error codes".
    pub fn advice(&self) -> Option<&'static str> {
        let code = self.code?;
        let mut known = ADVICE.iter();
        let (_, advice) = known.find(|(codes, _)| codes.contains(&code))?;
        Some(advice)
    }
}

impl fmt::Display for EntraRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, status, error, description, .. } = self;
        write!(f, "`{url}` returned {}: {error}, {description}", status.as_u16())?;
        if let Some(advice) = self.advice() {
            write!(f, " ({advice})")?;
        }
        let ids = [("trace id", &self.trace_id), ("correlation id", &self.correlation_id)];
        for (name, id) in ids {
            if let Some(id) = id {
                write!(f, " ({name} {id})")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Codes of Microsoft Entra without `AADSTS`, and what an operator can do.
const ADVICE: [(&[u32], &str); 14] = [
    (
        &[50_076, 50_079, 50_074],
        "the integration's user must sign in with multi-factor authentication and consent again, and this program needs the new refresh token",
    ),
    (
        &[50_158, 53_000, 53_001, 53_002, 53_003, 53_004],
        "a conditional access policy of the tenant forbids it: ask its administrator to exempt the application or the user",
    ),
    (
        &[50_173, 70_008, 70_043, 700_082, 700_084],
        "the refresh token has expired or was revoked: the integration's user must sign in and consent again, and this program needs the new one",
    ),
    (
        &[50_034, 50_053, 50_057],
        "the user does not exist, is locked or is disabled: check the account in Entra",
    ),
    (
        &[65_001, 65_004],
        "consent is missing: an administrator of the tenant must grant the application its permissions",
    ),
    (&[90_002], "there is no such tenant: check its id or domain name, and the cloud"),
    (
        &[500_011, 650_052],
        "the tenant does not know the API: check the scope, and add the API to the application's permissions",
    ),
    (&[700_016], "the tenant does not know the application: check its client id, and the tenant"),
    (&[7_000_112], "the application is disabled in the tenant: an administrator can enable it"),
    (
        &[7_000_215],
        "the client secret is wrong: give this program its value, not its id, or create a new one at the application's registration",
    ),
    (
        &[7_000_222],
        "the client secret has expired: create a new one at the application's registration, and give its value to this program",
    ),
    (
        &[7_000_218],
        "the application is not a public client: give a client secret, a certificate or a federated token",
    ),
    (
        &[700_025],
        "the application is a public client: give no client secret, certificate or federated token",
    ),
    (
        &[700_024, 700_027, 700_213, 700_211, 700_212],
        "the client assertion was refused: compare the clock, and the certificate or the federated credential at the application's registration",
    ),
];

//! How an application proves itself to Microsoft Entra.

use std::error::Error as StdError;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use time::OffsetDateTime;

use super::TokenError;
use crate::excerpt::Excerpt;
use crate::http_client::BoxFuture;

/// How an [`Application`](super::Application) proves itself to Microsoft Entra: with a secret, with a client assertion, or
/// not at all.
///
/// A text is a secret: `Application::new(&cloud, tenant, client_id, "…")`. Secrets and assertions are wiped from memory, and
/// `Debug` shows the kind of credential alone.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::cloud::Cloud;
/// use partner_center_webhooks::token::{Application, ApplicationError, Credential};
///
/// // In a pod of Azure Kubernetes Service, the environment variable AZURE_FEDERATED_TOKEN_FILE names the file.
/// let credential = Credential::federated_token_file("/var/run/secrets/azure/tokens/azure-identity-token");
/// assert_eq!(format!("{credential:?}"), "Credential(federated token)");
///
/// let application = Application::new(&Cloud::Global, "contoso.onmicrosoft.com", "0f5a…", credential)?;
/// # let _ = application;
/// # Ok::<(), ApplicationError>(())
/// ```
#[derive(Clone)]
pub struct Credential(Kind);

#[derive(Clone)]
enum Kind {
    Assertion(Arc<dyn ClientAssertion>),
    Public,
    Secret(SecretString),
}

impl Credential {
    /// A client secret.
    pub fn secret(secret: impl Into<SecretString>) -> Self {
        Self(Kind::Secret(secret.into()))
    }

    /// A token of another identity provider that the application trusts (workload identity federation).
    ///
    /// `token` is called for each request to Microsoft Entra: once for each access token. If it fails, so does the request
    /// for an access token, with [`TokenError::Provider`] of an [`AssertionError`]; a later request calls it again.
    ///
    /// # Source
    ///
    /// "Microsoft identity platform and the OAuth 2.0 client credentials flow", third case; RFC 7521, section 4.2.
    pub fn federated<F, R>(token: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<SecretString, FederatedTokenError>> + Send + 'static,
    {
        Self::assertion(Federated(token))
    }

    /// The federated token in the file `path`, which is read for each request to Microsoft Entra, because the platform
    /// replaces the token before it expires.
    ///
    /// White space around the token is ignored. A file that is missing, empty or longer than 16 KiB fails the request for an
    /// access token, with [`TokenError::Provider`] of an [`AssertionError`]; a later request reads it again.
    ///
    /// # Source
    ///
    /// "Use Microsoft Entra Workload ID with Azure Kubernetes Service": `AZURE_FEDERATED_TOKEN_FILE`.
    pub fn federated_token_file(path: impl Into<PathBuf>) -> Self {
        Self::assertion(TokenFile(path.into()))
    }

    /// None: a public client, which Microsoft Entra refuses if it presents a secret or an assertion (AADSTS700025).
    ///
    /// For [`RefreshToken`](super::RefreshToken). [`ClientCredentials`](super::ClientCredentials) need a credential: without
    /// one, Microsoft Entra refuses each request (AADSTS7000218).
    pub fn public_client() -> Self {
        Self(Kind::Public)
    }

    pub(super) fn assertion(assertion: impl ClientAssertion + 'static) -> Self {
        Self(Kind::Assertion(Arc::new(assertion)))
    }

    /// What application `client_id` presents to `token_endpoint` in one request.
    pub(super) async fn proof(
        &self,
        client_id: &str,
        token_endpoint: &str,
        now: OffsetDateTime,
    ) -> Result<Proof, TokenError> {
        Ok(match &self.0 {
            Kind::Assertion(assertion) => {
                let assertion = assertion.assert(client_id, token_endpoint, now).await;
                Proof::Assertion(assertion.map_err(TokenError::provider)?)
            }
            Kind::Public => Proof::None,
            Kind::Secret(secret) => Proof::Secret(secret.clone()),
        })
    }
}

impl From<SecretString> for Credential {
    fn from(secret: SecretString) -> Self {
        Self::secret(secret)
    }
}

impl From<String> for Credential {
    fn from(secret: String) -> Self {
        Self::secret(secret)
    }
}

impl From<&str> for Credential {
    fn from(secret: &str) -> Self {
        Self::secret(secret)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Assertion(assertion) => assertion.kind(),
            Kind::Public => "public client",
            Kind::Secret(_) => "secret",
        };
        write!(f, "Credential({kind})")
    }
}

/// What makes client assertions (RFC 7521, section 4.2).
pub(super) trait ClientAssertion: Send + Sync {
    /// For `Debug`.
    fn kind(&self) -> &'static str;

    /// An assertion of application `client_id` for `token_endpoint`.
    fn assert<'a>(
        &'a self,
        client_id: &'a str,
        token_endpoint: &'a str,
        now: OffsetDateTime,
    ) -> BoxFuture<'a, Result<SecretString, AssertionError>>;
}

struct Federated<F>(F);

impl<F, R> ClientAssertion for Federated<F>
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<SecretString, FederatedTokenError>> + Send + 'static,
{
    fn kind(&self) -> &'static str {
        "federated token"
    }

    fn assert<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: OffsetDateTime,
    ) -> BoxFuture<'a, Result<SecretString, AssertionError>> {
        let token = (self.0)();
        Box::pin(async move { token.await.map_err(AssertionError::Federated) })
    }
}

struct TokenFile(PathBuf);

impl ClientAssertion for TokenFile {
    fn kind(&self) -> &'static str {
        "federated token"
    }

    fn assert<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: OffsetDateTime,
    ) -> BoxFuture<'a, Result<SecretString, AssertionError>> {
        Box::pin(async move {
            let file = || Excerpt::of(self.0.to_string_lossy().as_bytes());
            // It is small and in memory (a projected volume), so reading it does not block.
            let text = read(&self.0).map_err(|error| AssertionError::File {
                file: file(),
                error: Excerpt::of(error.to_string()),
            })?;
            match text.trim() {
                token if token.is_empty() || text.len() > LONGEST_TOKEN => {
                    Err(AssertionError::Token {
                        file: file(),
                        length: text.len(),
                    })
                }
                token => Ok(token.into()),
            }
        })
    }
}

/// The text of a file, or one byte more than a token has.
fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let longest = LONGEST_TOKEN.saturating_add(1);
    // One allocation, so that growing leaves no copy of a token behind.
    let mut text = Zeroizing::new(String::with_capacity(longest));
    let limit = u64::try_from(longest).unwrap_or(u64::MAX);
    File::open(path)?.take(limit).read_to_string(&mut text)?;
    Ok(text)
}

/// Why a closure has no federated token.
pub type FederatedTokenError = Box<dyn StdError + Send + Sync>;

/// Why there is no client assertion. It is in [`TokenError::Provider`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AssertionError {
    /// The closure of [`Credential::federated`] failed.
    #[error("there is no federated token: {0}")]
    Federated(FederatedTokenError),
    /// The file of [`Credential::federated_token_file`] could not be read.
    #[error(
        "the federated token file `{file}` could not be read: {error} (expected the path that \
         `AZURE_FEDERATED_TOKEN_FILE` holds)"
    )]
    File {
        /// Its path.
        file: Excerpt,
        /// The operating system's reason.
        error: Excerpt,
    },
    /// The private key of the certificate could not sign.
    #[error("the client assertion could not be signed: the system is out of memory or randomness")]
    NotSigned,
    /// The file of [`Credential::federated_token_file`] does not hold a token.
    #[error(
        "the federated token file `{file}` does not hold a token: it has {length} bytes (expected a JSON Web Token of \
         at most {LONGEST_TOKEN} bytes)"
    )]
    Token {
        /// Its path.
        file: Excerpt,
        /// Its length in bytes; one above the limit if it is longer.
        length: usize,
    },
}

/// What one request presents.
pub(super) enum Proof {
    Assertion(SecretString),
    None,
    Secret(SecretString),
}

impl Proof {
    /// Its fields of the form.
    pub(super) fn fields(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Assertion(assertion) => vec![
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", assertion.expose_secret()),
            ],
            Self::None => Vec::new(),
            Self::Secret(secret) => vec![("client_secret", secret.expose_secret())],
        }
    }

    /// What of it is secret.
    pub(super) fn secret(&self) -> Option<&str> {
        match self {
            Self::Assertion(secret) | Self::Secret(secret) => Some(secret.expose_secret()),
            Self::None => None,
        }
    }
}

/// RFC 7523, section 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Tokens of Kubernetes, GitHub and Entra have 1 to 3 KiB.
const LONGEST_TOKEN: usize = 16 * 1024;

//! How an application authenticates to Microsoft Entra.

use std::error::Error as StdError;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::zeroize::Zeroizing;
use thiserror::Error;
use time::OffsetDateTime;

use super::error::TokenError;
use crate::http_client::BoxFuture;
use crate::mask::Excerpt;
use crate::mask::secret::SecretString;

/// How an [`Application`](super::Application) authenticates to Microsoft Entra: with a secret, with a client assertion, or
/// not at all.
///
/// A string is a secret: `Application::new(&cloud, tenant, client_id, "…")`. Secrets and assertions are wiped from memory, and
/// `Debug` shows only the kind of credential.
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
    ///
    /// The value of a client secret, not its id. Secrets expire: [`TokenError`] names that cause (AADSTS7000222).
    pub fn secret(secret: impl Into<SecretString>) -> Self {
        Self(Kind::Secret(secret.into()))
    }

    /// A token from another identity provider that the application trusts (workload identity federation).
    ///
    /// `token` is called for each request to Microsoft Entra: once for each access token. If it fails, the request fails with
    /// [`TokenError::Provider`]. A later request calls it again.
    ///
    /// # Source
    ///
    /// "Microsoft identity platform and the OAuth 2.0 client credentials flow", third case; RFC 7521, section 4.2.
    pub fn federated<F, R>(token: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<SecretString, Box<dyn StdError + Send + Sync>>> + Send + 'static,
    {
        Self::assertion(Federated(token))
    }

    /// The federated token in the file `path`, which is read for each request to Microsoft Entra, because the platform
    /// replaces the token before it expires.
    ///
    /// White space around the token is ignored. If the file is missing, empty or longer than 16 KiB, the request fails with
    /// [`TokenError::Provider`]. A later request reads it again.
    ///
    /// # Source
    ///
    /// "Use Microsoft Entra Workload ID with Azure Kubernetes Service": `AZURE_FEDERATED_TOKEN_FILE`.
    pub fn federated_token_file(path: impl Into<PathBuf>) -> Self {
        Self::assertion(TokenFile(path.into()))
    }

    /// None, for a public client. Microsoft Entra refuses a public client with a secret or an assertion (AADSTS700025).
    ///
    /// For [`RefreshToken`](super::RefreshToken). [`ClientCredentials`](super::ClientCredentials) need a credential: without
    /// one, Microsoft Entra refuses each request (AADSTS7000218).
    pub fn public_client() -> Self {
        Self(Kind::Public)
    }

    pub(super) fn assertion(assertion: impl ClientAssertion + 'static) -> Self {
        Self(Kind::Assertion(Arc::new(assertion)))
    }

    /// The client authentication of application `client_id` for one request to `token_endpoint`.
    pub(super) async fn client_auth(
        &self,
        client_id: &str,
        token_endpoint: &str,
        now: OffsetDateTime,
    ) -> Result<ClientAuth, TokenError> {
        Ok(match &self.0 {
            Kind::Assertion(assertion) => {
                let assertion = assertion.assert(client_id, token_endpoint, now).await;
                ClientAuth::Assertion(assertion.map_err(TokenError::provider)?)
            }
            Kind::Public => ClientAuth::None,
            Kind::Secret(secret) => ClientAuth::Secret(secret.clone()),
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

/// Makes client assertions (RFC 7521, section 4.2).
///
/// An assertion is a JSON Web Token that replaces a secret. It is made anew for each request, because it lives for minutes.
pub(super) trait ClientAssertion: Send + Sync {
    /// The kind of credential, for `Debug`.
    fn kind(&self) -> &'static str;

    /// An assertion of application `client_id` for `token_endpoint`.
    fn assert<'a>(
        &'a self,
        client_id: &'a str,
        token_endpoint: &'a str,
        now: OffsetDateTime,
    ) -> BoxFuture<'a, Result<SecretString, AssertionError>>;
}

/// A closure of the application.
struct Federated<F>(F);

impl<F, R> ClientAssertion for Federated<F>
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<SecretString, BoxError>> + Send + 'static,
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

/// A file that the platform replaces.
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
            // The file is small and in memory (a projected volume), so reading it does not block.
            let text = read(&self.0).map_err(|error| AssertionError::File {
                file: file(),
                error: Excerpt::of(error.to_string()),
            })?;
            match text.trim() {
                token if token.is_empty() || text.len() > MAX_TOKEN => {
                    Err(AssertionError::Token { file: file(), length: text.len() })
                }
                token => Ok(token.into()),
            }
        })
    }
}

/// The text of a file, up to one byte more than the limit.
fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let capacity = MAX_TOKEN.saturating_add(1);
    // A single allocation, because growing would leave copies of the token.
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    let limit = u64::try_from(capacity).unwrap_or(u64::MAX);
    File::open(path)?.take(limit).read_to_string(&mut text)?;
    Ok(text)
}

/// Any error of a closure.
type BoxError = Box<dyn StdError + Send + Sync>;

/// Why there is no client assertion. [`TokenError::Provider`] wraps it, because a caller can only report it and retry.
#[derive(Debug, Error)]
pub(super) enum AssertionError {
    /// The closure of [`Credential::federated`] failed.
    #[error("there is no federated token: {0}")]
    Federated(BoxError),
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
    #[cfg_attr(not(feature = "crypto"), expect(dead_code, reason = "only certificates sign"))]
    #[error("the client assertion could not be signed: the system is out of memory or randomness")]
    NotSigned,
    /// The file of [`Credential::federated_token_file`] does not hold a token.
    #[error(
        "the federated token file `{file}` does not hold a token: it has {length} bytes (expected a JSON Web Token of \
         at most {MAX_TOKEN} bytes)"
    )]
    Token {
        /// Its path.
        file: Excerpt,
        /// Its length in bytes; one above the limit if it is longer.
        length: usize,
    },
}

/// The client authentication of one request.
///
/// Wiped when it is dropped, like what it was made from.
pub(super) enum ClientAuth {
    Assertion(SecretString),
    None,
    Secret(SecretString),
}

impl ClientAuth {
    /// The form fields.
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

    /// The secret in it.
    ///
    /// It is redacted from errors, because services echo requests.
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
const MAX_TOKEN: usize = 16 * 1024;

//! An application that is registered in Microsoft Entra.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use time::OffsetDateTime;

use super::credential::Credential;
use crate::cloud::Cloud;
use crate::http_client::endpoint::{Endpoint, EndpointError};
use crate::mask::Excerpt;
use crate::spawn::Spawn;

/// An application that is registered in Microsoft Entra, and its tenant.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::cloud::Cloud;
/// use partner_center_webhooks::token::{Application, ApplicationError};
///
/// let application = Application::new(&Cloud::Global, "contoso.onmicrosoft.com", "0f5a…", "client secret")?;
/// assert!(!format!("{application:?}").contains("client secret"));
///
/// let error = Application::new(&Cloud::Global, "contoso/../common", "0f5a…", "client secret").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "`contoso/../common` is not a tenant (expected its id, which is a UUID, or one of its domain names)"
/// );
/// # Ok::<(), ApplicationError>(())
/// ```
///
/// It holds no tokens: give one [`ClientCredentials`](super::ClientCredentials) or [`RefreshToken`](super::RefreshToken) to several
/// API clients, so that they share them.
#[derive(Clone)]
pub struct Application {
    pub(super) token_endpoint: Box<str>,
    pub(super) client_id: Box<str>,
    pub(super) credential: Credential,
    pub(super) clock: Arc<dyn Fn() -> OffsetDateTime + Send + Sync>,
    pub(super) spawn: Option<Arc<dyn Spawn>>,
}

impl Application {
    /// The application `client_id` in `tenant`, which authenticates with `credential`. A string is a secret; [`Credential`] has
    /// the other kinds.
    ///
    /// # Errors
    ///
    /// [`ApplicationError`].
    ///
    /// `tenant` is the id of the partner's tenant or one of its domain names; `client_id` is that of the application's registration.
    pub fn new(
        cloud: &Cloud,
        tenant: &str,
        client_id: impl Into<String>,
        credential: impl Into<Credential>,
    ) -> Result<Self, ApplicationError> {
        let authority = Endpoint::of_cloud(cloud, cloud.authority())?;
        let is_tenant =
            tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
                && tenant.contains(|c: char| c.is_ascii_alphanumeric());
        if !is_tenant {
            return Err(ApplicationError::Tenant { found: Excerpt::of(tenant) });
        }
        Ok(Self {
            token_endpoint: format!("{}/{tenant}/oauth2/v2.0/token", authority.as_str()).into(),
            client_id: client_id.into().into(),
            credential: credential.into(),
            clock: Arc::new(OffsetDateTime::now_utc),
            spawn: None,
        })
    }

    /// Replaces the clock that decides when tokens are renewed. Default: the system clock.
    #[must_use]
    pub fn with_clock(
        mut self,
        clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
    ) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Requests tokens in tasks on `spawn`. Default: [`DefaultSpawn`](crate::spawn::DefaultSpawn), created with
    /// [`ClientCredentials`](super::ClientCredentials) or [`RefreshToken`](super::RefreshToken).
    #[must_use]
    pub fn with_spawn(mut self, spawn: impl Spawn + 'static) -> Self {
        self.spawn = Some(Arc::new(spawn));
        self
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("token_endpoint", &self.token_endpoint)
            .field("client_id", &self.client_id)
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}

/// Why an [`Application`] or its certificate is not valid. No part of a key is shown.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ApplicationError {
    /// The cloud's authority is not a valid endpoint.
    #[error(transparent)]
    Authority(#[from] EndpointError),
    /// The certificate cannot be read.
    #[error(
        "the certificate cannot be read (expected one X.509 certificate in DER, or PEM with a `CERTIFICATE` block; a \
         PKCS#12 file, `.pfx` or `.p12`, must be converted to PEM)"
    )]
    Certificate,
    /// The private key does not belong to the certificate.
    #[error(
        "the private key does not belong to the certificate of `{subject}` (expected the key that the certificate was \
         issued for)"
    )]
    KeyMismatch {
        /// The certificate's subject.
        subject: Excerpt,
    },
    /// The private key cannot be used.
    #[error(
        "the private key is not an unencrypted RSA key of 2048 to 8192 bits (expected PKCS#8 or PKCS#1)"
    )]
    PrivateKey,
    /// The tenant is not valid.
    #[error(
        "`{found}` is not a tenant (expected its id, which is a UUID, or one of its domain names)"
    )]
    Tenant {
        /// The tenant.
        found: Excerpt,
    },
}

//! The check of the tokens that Event Grid takes from Microsoft Entra: signature, issuer, audience, application, role, time.
//!
//! [`EntraTokens`] judges one token; [`ExpectedToken`] is what it asks of it. The tenant's keys are fetched once however many
//! deliveries wait, in a task of their own ([`Spawn`]). They are kept, fetched anew in the background after a day, and used
//! for a week if no new ones can be had. A token that names a key that is not among them has them fetched anew and waits, at
//! most once a minute. A failure is remembered for ten seconds, and for longer with each failure in a row, a minute at most.
//! It is not a refusal: [`TokenRefusal::is_transient`] tells.
//!
//! The signature is verified by the [`Backend`] that is given, with the algorithm that the key is for. No JWT library takes
//! part: the one that is kept (`jsonwebtoken`) chooses its crypto once for a process, panics if two crates of a program
//! chose differently, and reads the clock itself. The tests hold this check against it.

mod error;
mod expected;
mod fetch;
mod jwks;
mod jwt;
mod kept;
mod keys;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use time::OffsetDateTime;

use crate::crypto::Backend;
use crate::excerpt::Excerpt;
use crate::http_client::EndpointError;
use crate::http_client::HttpClient;
use crate::spawn::{DefaultSpawn, Spawn};

pub use error::{KeysError, MissingRole, TokenRefusal};
pub use expected::ExpectedToken;

use jwks::PublicKey;
use jwt::SignedToken;
use keys::Keys;

/// Judges access tokens from Microsoft Entra. Cheap to clone; clones share the keys.
///
/// A fetch of keys takes 5 seconds at most, whatever the client makes of its deadline. It runs on a [`Spawn`]: a delivery that
/// goes away does not stop it, and no delivery waits for it while a good key is kept. With
/// [`CallerDriven`](crate::spawn::CallerDriven) the deliveries that wait drive it, and the deadline is the caller's clock.
///
/// # Example
///
/// ```
/// # #[cfg(all(feature = "aws-lc-rs", feature = "reqwest"))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use partner_center_webhooks::cloud::Cloud;
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::event_grid::receive::{EntraTokens, ExpectedToken};
/// use partner_center_webhooks::http_client::ReqwestClient;
///
/// let tenant = "6b2c2a3e-2c0f-4a4e-9d7e-0f3f7f6b8a11";
/// let expected = ExpectedToken::new(&Cloud::Global, tenant, "api://contoso.example/events")?;
/// let tokens = EntraTokens::new(expected, DefaultBackend::new(), ReqwestClient::new()?);
///
/// let unsigned = "eyJhbGciOiJub25lIn0.e30."; // {"alg":"none"}
/// let refusal = tokens.verify(unsigned).await.unwrap_err(); // before anything is fetched
/// assert_eq!(refusal.to_string(), "the token's algorithm is `none` (expected `RS256`)");
/// # Ok(()) }) }
/// # #[cfg(not(all(feature = "aws-lc-rs", feature = "reqwest")))] fn main() {}
/// ```
#[derive(Clone)]
pub struct EntraTokens {
    expected: ExpectedToken,
    keys: Keys,
    clock: Arc<dyn Fn() -> OffsetDateTime + Send + Sync>,
}

impl EntraTokens {
    /// For how long a failure to fetch keys is remembered: 10 seconds from the start of the fetch, and as much longer with each
    /// failure in a row, up to a minute.
    pub const NEGATIVE: Duration = keys::COOL_DOWN;

    /// Judges tokens by what is `expected` of them, with keys that come through `client`.
    pub fn new(
        expected: ExpectedToken,
        backend: impl Backend + 'static,
        client: impl HttpClient + 'static,
    ) -> Self {
        let url = expected.keys().clone();
        Self {
            expected,
            keys: Keys::new(
                url,
                Arc::new(backend),
                Arc::new(client),
                Arc::new(DefaultSpawn::new()),
            ),
            clock: Arc::new(OffsetDateTime::now_utc),
        }
    }

    /// Reads the time from `clock`. Default: the system's.
    #[must_use]
    pub fn with_clock(
        mut self,
        clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
    ) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Fetches keys on `spawn`, beginning without any. Default: [`DefaultSpawn`].
    #[must_use]
    pub fn with_spawn(mut self, spawn: impl Spawn + 'static) -> Self {
        self.keys = self.keys.on(Arc::new(spawn));
        self
    }

    /// Judges a token, which is what follows `Bearer ` in the header `authorization`.
    ///
    /// # Errors
    ///
    /// [`TokenRefusal`]. One that [may pass](TokenRefusal::is_transient) or [needs a repair](TokenRefusal::needs_repair) must not be
    /// answered with 401 or 403, which lose the event.
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken, TokenRefusal> {
        let token = SignedToken::parse(token)?;
        let now = (self.clock)();
        let key = self.keys.find(token.key_id(), &*self.clock).await?;
        let claims = token.proven_by(&key)?;
        self.expected.check(claims, now)
    }

    /// Judges a token without waiting and without a fetch. By a key that is not kept no signature is verified: then a good
    /// outcome says only that the claims are the expected ones.
    pub(super) fn judge_at_once(&self, token: &str) -> Result<(), TokenRefusal> {
        let token = SignedToken::parse(token)?;
        let now = (self.clock)();
        let claims = match self.keys.kept(token.key_id(), now) {
            Some(key) => token.proven_by(&key)?,
            None => token.unproven_claims()?,
        };
        self.expected.check(claims, now).map(drop)
    }
}

impl fmt::Debug for EntraTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraTokens")
            .field("expected", &self.expected)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// A genuine token that says what is expected.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct VerifiedToken {
    application: Box<str>,
    end: OffsetDateTime,
}

impl VerifiedToken {
    /// The id of the application that took it: Event Grid's.
    pub fn application(&self) -> &str {
        &self.application
    }

    /// When it ends.
    pub fn expires_at(&self) -> OffsetDateTime {
        self.end
    }
}

/// Why nothing can be expected of tokens.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum EntraTokensError {
    /// No application may deliver.
    #[error(
        "an application is empty, or there is none (expected the ids of those that may deliver)"
    )]
    Application,
    /// There is no audience.
    #[error("the audience is empty (expected the id of an application, or its application id URI)")]
    Audience,
    /// The cloud's authority may not be asked.
    #[error(transparent)]
    Authority(#[from] EndpointError),
    /// Nobody has published the id of Event Grid's application there.
    #[error(
        "the application of Event Grid in Azure China is not known (expected another cloud; `Cloud::Custom` with \
         `of_applications` serves)"
    )]
    China,
    /// The tenant is not one.
    #[error("`{found}` is no id of a tenant (expected a UUID)")]
    Tenant {
        /// The tenant.
        found: Excerpt,
    },
}

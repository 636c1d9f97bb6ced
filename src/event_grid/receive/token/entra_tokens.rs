//! The verifier of tokens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::error::TokenRefusal;
use super::expected::{ExpectedToken, VerifiedToken};
use super::fetch::Source;
use super::jwt::SignedToken;
use super::keys::{COOL_DOWN, Keys};
use crate::crypto::Backend;
use crate::http_client::HttpClient;
use crate::spawn::{DefaultSpawn, Spawn};

/// Verifies access tokens from Microsoft Entra. Cheap to clone; clones share the keys.
///
/// A fetch of keys takes 5 seconds at most, even if the client ignores its deadline. It runs on a [`Spawn`]: a cancelled
/// delivery does not stop it, and no delivery waits for it while the key is cached. With
/// [`CallerDriven`](crate::spawn::CallerDriven) the waiting deliveries drive it, and the caller's clock enforces the deadline.
///
/// # Example
///
/// ```
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
/// let refusal = tokens.verify(unsigned).await.unwrap_err(); // without a fetch
/// assert_eq!(refusal.to_string(), "the token's algorithm is `none` (expected `RS256`)");
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
pub struct EntraTokens {
    expected: ExpectedToken,
    keys: Arc<Keys>,
    clock: Arc<dyn Fn() -> OffsetDateTime + Send + Sync>,
}

impl EntraTokens {
    /// How long a failed fetch of keys is remembered: 10 seconds from its start, and longer with each consecutive failure, up
    /// to a minute.
    pub const COOL_DOWN: Duration = COOL_DOWN;

    /// Verifies tokens against `expected`, with keys fetched through `client`.
    pub fn new(
        expected: ExpectedToken,
        backend: impl Backend + 'static,
        client: impl HttpClient + 'static,
    ) -> Self {
        let keys = Arc::new(Keys::new(Source {
            url: expected.keys().clone(),
            backend: Arc::new(backend),
            client: Arc::new(client),
            spawn: Arc::new(DefaultSpawn::new()),
        }));
        Self { expected, keys, clock: Arc::new(OffsetDateTime::now_utc) }
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

    /// Fetches keys on `spawn`, with an empty cache. Default: [`DefaultSpawn`].
    #[must_use]
    pub fn with_spawn(mut self, spawn: impl Spawn + 'static) -> Self {
        self.keys = Arc::new(self.keys.on(Arc::new(spawn)));
        self
    }

    /// Verifies a token: the part after `Bearer ` in the header `authorization`.
    ///
    /// # Errors
    ///
    /// [`TokenRefusal`]. Do not respond with 401 or 403 to one that is [transient](TokenRefusal::is_transient) or
    /// [needs a repair](TokenRefusal::needs_repair): Event Grid would drop the event.
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken, TokenRefusal> {
        let token = SignedToken::parse(token)?;
        let now = (self.clock)();
        let key = self.keys.find(token.key_id(), &*self.clock).await?;
        let claims = token.verify(&key)?;
        self.expected.check(claims, now)
    }

    /// Checks a token without a fetch. If its key is not cached, the signature is not verified: `Ok` then only means that the
    /// claims are the expected ones.
    pub(in crate::event_grid::receive) fn check_without_fetch(
        &self,
        token: &str,
    ) -> Result<(), TokenRefusal> {
        let token = SignedToken::parse(token)?;
        let now = (self.clock)();
        let claims = match self.keys.cached(token.key_id(), now) {
            Some(key) => token.verify(&key)?,
            None => token.unverified_claims()?,
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

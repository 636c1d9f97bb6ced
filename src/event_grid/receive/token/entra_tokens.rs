//! Verifies one token after another, with the keys of one tenant.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::error::TokenRefusal;
use super::expected::{ExpectedToken, VerifiedToken};
use super::jwt::SignedToken;
use super::keys::{COOL_DOWN, Keys};
use crate::crypto::Backend;
use crate::http_client::HttpClient;
use crate::spawn::{DefaultSpawn, Spawn};

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
    pub const NEGATIVE: Duration = COOL_DOWN;

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
    pub(in crate::event_grid::receive) fn judge_at_once(
        &self,
        token: &str,
    ) -> Result<(), TokenRefusal> {
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

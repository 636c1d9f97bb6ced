//! Caching tokens: one request to the provider at a time for each scope.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::error::TokenError;
use super::provider::{AccessToken, TokenProvider, TokenRequest};
use super::token_store::{self, TokenStore};
use crate::http_client::BoxFuture;
use crate::spawn::single_flight::{Interrupted, SingleFlight, Start, Times};
use crate::spawn::{DefaultSpawn, Spawn};

/// Caches the tokens of another provider in memory, one for each scope until the next one replaces it.
///
/// A token is renewed [`Cached::BEFORE_EXPIRY`] before it expires, or at half its lifetime if it lives for less than twice that
/// time; a token without expiry only after it was rejected. Renewal runs in the background, and callers get the old token while
/// it is valid. If the provider fails or hangs, no caller waits, and the next attempt follows after [`Cached::RETRY`].
///
/// Without a valid token, callers wait for one shared request to the provider, and all of them get its result. An error is not
/// cached. The request runs in its own task ([`Spawn`]), so a canceled caller does not cancel it; it is stopped after
/// [`Cached::LIMIT`]. With [`CallerDriven`](crate::spawn::CallerDriven) the waiting callers drive the request: then the caller
/// that starts a renewal waits for it, and only the caller's timeout stops it.
///
/// # Example
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// use partner_center_webhooks::token::{AccessToken, Cached, TokenProvider as _, TokenRequest, from_fn};
///
/// let requests = Arc::new(AtomicU32::new(0));
/// let counted = Arc::clone(&requests);
/// let provider = Cached::new(from_fn(move |_| {
///     let number = counted.fetch_add(1, Ordering::Relaxed);
///     async move { AccessToken::new(format!("token-{number}")) }
/// }));
///
/// let first = provider.token(TokenRequest::new("scope")).await.unwrap();
/// assert_eq!(provider.token(TokenRequest::new("scope")).await.unwrap(), first);
/// assert_eq!(requests.load(Ordering::Relaxed), 1);
///
/// let after = TokenRequest::new("scope").after_refusal_of(&first);
/// assert_eq!(provider.token(after).await.unwrap().expose_secret(), "token-1");
/// # });
/// ```
pub struct Cached<P> {
    provider: Arc<P>,
    clock: Clock,
    store: Arc<TokenStore>,
    flights: SingleFlight<Box<str>, AccessToken, Failed>,
}

type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// Why a request returned no token.
///
/// The rejected token decides whether the failure also applies to a caller that joined: see `Cached::find`.
#[derive(Clone)]
struct Failed {
    error: TokenError,
    /// The rejected token, if the error is [`TokenError::NoAlternative`].
    rejected: Option<AccessToken>,
}

impl<P: TokenProvider + 'static> Cached<P> {
    /// How long before its expiry a token is renewed: five minutes.
    pub const BEFORE_EXPIRY: Duration = token_store::BEFORE_EXPIRY;
    /// The minimum time between two renewals of a token that is still valid: 30 seconds.
    pub const RETRY: Duration = token_store::RETRY;
    /// The maximum duration of a request to the provider: a minute. Then it fails with [`TokenError::Timeout`].
    ///
    /// The providers of this crate take at most 15 seconds, plus the time to save a refresh token. Credentials of the Azure SDK
    /// may start another program.
    pub const LIMIT: Duration = TIMES.limit;

    /// Caches the tokens of `provider`.
    pub fn new(provider: P) -> Self {
        Self {
            provider: Arc::new(provider),
            clock: Arc::new(OffsetDateTime::now_utc),
            store: Arc::default(),
            flights: flights(Arc::new(DefaultSpawn::new())),
        }
    }

    /// Replaces the clock. Default: the system clock.
    #[must_use]
    pub fn with_clock(
        mut self,
        clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
    ) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Calls the provider in tasks on `spawn`. Default: [`DefaultSpawn`].
    #[must_use]
    pub fn with_spawn(self, spawn: impl Spawn + 'static) -> Self {
        self.on(Arc::new(spawn))
    }

    pub(super) fn on(mut self, spawn: Arc<dyn Spawn>) -> Self {
        // Entries are ordered by the request numbers of one `SingleFlight`.
        self.store = Arc::default();
        self.flights = flights(spawn);
        self
    }

    /// The loop ends: a caller repeats only after it has joined a request, and starts its own at the latest when no other is under way.
    async fn find(&self, request: TokenRequest<'_>) -> Result<AccessToken, TokenError> {
        let (now, rejected) = ((self.clock)(), request.refused);
        if let Some(token) = self.store.usable(request.scope, rejected, now) {
            if !self.store.renewal_is_due(request.scope, now) {
                return Ok(token);
            }
            self.renew(request.scope, now).await;
            if let Some(token) = self.store.usable(request.scope, rejected, (self.clock)()) {
                return Ok(token);
            }
        }
        loop {
            let (waiter, was_joined) = match self.join_or_start(request) {
                Start::Joined(waiter) => (waiter, true),
                Start::Started(waiter) => (waiter, false),
                Start::Declined(token) => return Ok(token),
                Start::Cooling(failure) => return Err(failure.error.error),
            };
            let outcome = waiter.await.unwrap_or_else(|_| Err(Failed::timeout()));
            // The joined request had another rejected token, or none: its result does not apply here.
            let is_for_another = match &outcome {
                Ok(token) => rejected == Some(token),
                Err(failed) => failed.is_no_alternative() && failed.rejected.as_ref() != rejected,
            };
            if !(was_joined && is_for_another) {
                return outcome.map_err(|failed| failed.error);
            }
        }
    }

    /// Joins the request to the provider, or starts one, unless a token has arrived meanwhile.
    fn join_or_start(&self, request: TokenRequest<'_>) -> Start<AccessToken, Failed, AccessToken> {
        let now = (self.clock)();
        let may_start = || match self.store.usable(request.scope, request.refused, now) {
            Some(token) => Err(token),
            None => Ok(()),
        };
        let rejected = request.refused.cloned();
        self.start(request.scope, rejected, now, may_start)
    }

    /// Starts a renewal while the token is valid. Only a caller-driven renewal is awaited, by the caller that starts it.
    ///
    /// The claim is taken under the lock, so that one caller renews, and the next one not before [`Cached::RETRY`].
    async fn renew(&self, scope: &str, now: OffsetDateTime) {
        let may_start = || match self.store.claim_renewal(scope, now) {
            true => Ok(()),
            false => Err(()),
        };
        if let Start::Started(waiter) = self.start(scope, None, now, may_start)
            && waiter.is_caller_driven()
        {
            let _ = waiter.await;
        }
    }

    /// `rejected` is passed on to the provider. Errors carry it only where it matters.
    fn start<S>(
        &self,
        scope: &str,
        rejected: Option<AccessToken>,
        now: OffsetDateTime,
        may_start: impl FnOnce() -> Result<(), S>,
    ) -> Start<AccessToken, Failed, S> {
        let scope: Box<str> = scope.into();
        let (provider, clock) = (Arc::clone(&self.provider), Arc::clone(&self.clock));
        let (store, name) = (Arc::clone(&self.store), scope.clone());
        let work = |number| async move {
            let mut request = TokenRequest::new(&name);
            request.refused = rejected.as_ref();
            let outcome = match provider.token(request).await {
                Ok(token) if rejected.as_ref() == Some(&token) => Err(TokenError::NoAlternative),
                outcome => outcome,
            };
            if let Ok(token) = &outcome {
                store.store(&name, token, number, clock());
            }
            outcome.map_err(|error| Failed::new(error, rejected))
        };
        let now = (now - OffsetDateTime::UNIX_EPOCH).try_into();
        let now = now.unwrap_or_default();
        self.flights.join_or_start(&scope, now, may_start, work)
    }
}

/// A provider that panics is an error of its request: the next one calls it again.
fn flights(spawn: Arc<dyn Spawn>) -> SingleFlight<Box<str>, AccessToken, Failed> {
    SingleFlight::new(spawn, TIMES, |_, cause| match cause {
        Interrupted::Panicked => Failed::new(TokenError::provider("it panicked"), None),
        Interrupted::Stopped => Failed::timeout(),
    })
}

impl Failed {
    fn new(error: TokenError, rejected: Option<AccessToken>) -> Self {
        let mut failed = Self { error, rejected: None };
        if failed.is_no_alternative() {
            failed.rejected = rejected;
        }
        failed
    }

    fn timeout() -> Self {
        let deadline = TIMES.limit;
        Self::new(TokenError::Timeout { deadline }, None)
    }

    fn is_no_alternative(&self) -> bool {
        matches!(self.error, TokenError::NoAlternative)
    }
}

impl<P: TokenProvider + 'static> TokenProvider for Cached<P> {
    fn token<'a>(
        &'a self,
        request: TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        Box::pin(self.find(request))
    }
}

impl<P: fmt::Debug> fmt::Debug for Cached<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// Failures are not cached: only the callers that waited see them.
const TIMES: Times = Times {
    limit: Duration::from_secs(60),
    patience: Duration::from_secs(60),
    cool_down: Duration::ZERO,
    longest_cool_down: Duration::ZERO,
    kept: Duration::ZERO,
};

#[cfg(test)]
#[path = "cached_tests.rs"]
mod tests;

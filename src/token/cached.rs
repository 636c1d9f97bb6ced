//! Tokens are kept, and asked for once however many wait.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::kept_tokens::{self, KeptTokens};
use super::{AccessToken, TokenError, TokenProvider, TokenRequest};
use crate::http_client::BoxFuture;
use crate::single_flight::{Interrupted, SingleFlight, Start, Times};
use crate::spawn::{DefaultSpawn, Spawn};

/// Keeps the tokens of another provider, one for each scope.
///
/// A token is kept until [`Cached::BEFORE_END`] before its end; one that has less than twice that left, for half of it; one
/// that never ends, until it is refused. Then a new one is asked for in the background, and the old one given as long as it
/// is good: if the provider fails or hangs, nobody waits for it, and it is asked again after [`Cached::RETRY`].
///
/// Without a good token, callers wait. However many they are, the provider is asked once, and what comes of it is told to all
/// of them, and not to the next. It is asked in a task of its own ([`Spawn`]), so a caller that goes away does not stop that;
/// after [`Cached::LIMIT`] it is stopped. With [`CallerDriven`](crate::spawn::CallerDriven) the callers that wait drive it:
/// then whoever starts a renewal waits for it too, and only the caller's clock stops it.
pub struct Cached<P> {
    provider: Arc<P>,
    clock: Clock,
    kept: Arc<KeptTokens>,
    flights: SingleFlight<Box<str>, AccessToken, Failed>,
}

type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// Why a flight brought no token.
#[derive(Clone)]
struct Failed {
    error: TokenError,
    /// What was refused, if that is why.
    refused: Option<AccessToken>,
}

impl<P: TokenProvider + 'static> Cached<P> {
    /// How long before its end a token is replaced: five minutes.
    pub const BEFORE_END: Duration = kept_tokens::BEFORE_END;
    /// How long the provider is left alone after it was asked to renew a token that is still good: half a minute.
    pub const RETRY: Duration = kept_tokens::RETRY;
    /// After which time a request to the provider is stopped: a minute. Then it failed with [`TokenError::Timeout`].
    ///
    /// The providers of this crate answer within 15 seconds, and as long as it takes to save a refresh token; credentials
    /// of the Azure SDK may start another program.
    pub const LIMIT: Duration = TIMES.limit;

    /// Keeps the tokens of `provider`.
    pub fn new(provider: P) -> Self {
        Self {
            provider: Arc::new(provider),
            clock: Arc::new(OffsetDateTime::now_utc),
            kept: Arc::default(),
            flights: flights(Arc::new(DefaultSpawn::new())),
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

    /// Asks the provider on `spawn`. Default: [`DefaultSpawn`].
    #[must_use]
    pub fn with_spawn(self, spawn: impl Spawn + 'static) -> Self {
        self.on(Arc::new(spawn))
    }

    pub(super) fn on(mut self, spawn: Arc<dyn Spawn>) -> Self {
        // Tokens are told apart by the numbers of their flights.
        self.kept = Arc::default();
        self.flights = flights(spawn);
        self
    }

    async fn find(&self, request: TokenRequest<'_>) -> Result<AccessToken, TokenError> {
        let (now, refused) = ((self.clock)(), request.refused);
        if let Some(token) = self.kept.good(request.scope, refused, now) {
            if !self.kept.renewal_is_due(request.scope, now) {
                return Ok(token);
            }
            self.renew(request.scope, now).await;
            if let Some(token) = self.kept.good(request.scope, refused, (self.clock)()) {
                return Ok(token);
            }
        }
        loop {
            let (waiter, was_joined) = match self.ask(request) {
                Start::Joined(waiter) => (waiter, true),
                Start::Started(waiter) => (waiter, false),
                Start::Declined(token) => return Ok(token),
                Start::Cooling(failure) => return Err(failure.error.error),
            };
            let outcome = waiter.await.unwrap_or_else(|_| Err(Failed::late()));
            // It was asked for with another refusal, or none: that one says nothing about this one.
            let is_for_another = match &outcome {
                Ok(token) => refused == Some(token),
                Err(failed) => failed.is_no_other() && failed.refused.as_ref() != refused,
            };
            if !(was_joined && is_for_another) {
                return outcome.map_err(|failed| failed.error);
            }
        }
    }

    /// Waits for a token that is not at hand.
    fn ask(&self, request: TokenRequest<'_>) -> Start<AccessToken, Failed, AccessToken> {
        let now = (self.clock)();
        let may_start = || match self.kept.good(request.scope, request.refused, now) {
            Some(token) => Err(token),
            None => Ok(()),
        };
        let refused = request.refused.cloned();
        self.start(request.scope, refused, now, may_start)
    }

    /// Asks for a new token while the old one is good. Nobody waits for it, unless nothing but the callers carries it: then
    /// whoever starts it does.
    async fn renew(&self, scope: &str, now: OffsetDateTime) {
        let may_start = || match self.kept.may_renew(scope, now) {
            true => Ok(()),
            false => Err(()),
        };
        if let Start::Started(waiter) = self.start(scope, None, now, may_start)
            && waiter.is_caller_driven()
        {
            let _ = waiter.await;
        }
    }

    fn start<S>(
        &self,
        scope: &str,
        refused: Option<AccessToken>,
        now: OffsetDateTime,
        may_start: impl FnOnce() -> Result<(), S>,
    ) -> Start<AccessToken, Failed, S> {
        let scope: Box<str> = scope.into();
        let (provider, clock) = (Arc::clone(&self.provider), Arc::clone(&self.clock));
        let (kept, name) = (Arc::clone(&self.kept), scope.clone());
        let work = |number| async move {
            let mut request = TokenRequest::new(&name);
            request.refused = refused.as_ref();
            let outcome = match provider.token(request).await {
                Ok(token) if refused.as_ref() == Some(&token) => Err(TokenError::NoAlternative),
                outcome => outcome,
            };
            if let Ok(token) = &outcome {
                kept.keep(&name, token, number, clock());
            }
            outcome.map_err(|error| Failed::new(error, refused))
        };
        let now = (now - OffsetDateTime::UNIX_EPOCH).try_into();
        let now = now.unwrap_or_default();
        self.flights.join_or_start(&scope, now, may_start, work)
    }
}

fn flights(spawn: Arc<dyn Spawn>) -> SingleFlight<Box<str>, AccessToken, Failed> {
    SingleFlight::new(spawn, TIMES, |_, cause| match cause {
        Interrupted::Panicked => Failed::new(TokenError::provider("it panicked"), None),
        Interrupted::Stopped => Failed::late(),
    })
}

impl Failed {
    fn new(error: TokenError, refused: Option<AccessToken>) -> Self {
        let mut failed = Self {
            error,
            refused: None,
        };
        if failed.is_no_other() {
            failed.refused = refused;
        }
        failed
    }

    fn late() -> Self {
        let deadline = TIMES.limit;
        Self::new(TokenError::Timeout { deadline }, None)
    }

    fn is_no_other(&self) -> bool {
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
        f.debug_struct("Cached")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

/// Whoever comes after a failure asks again: only those who waited are told of it.
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

//! Tokens are kept, and asked for once however many wait.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;

use super::{AccessToken, TokenError, TokenProvider, TokenRequest};
use crate::http_client::BoxFuture;

/// Keeps the tokens of another provider, one for each scope.
///
/// A token is kept until [`Cached::BEFORE_END`] before its end; one that has less than twice that left, for half of it; one
/// that never ends, until it is refused. However many
/// callers wait for a token, it is asked for once, and a failure is told to all of them. A caller that goes away leaves
/// the asking to the next one. If a new token cannot be had while the old one is still good, and that may pass, the old
/// one is given, and the provider left alone for [`Cached::RETRY`].
pub struct Cached<P> {
    provider: P,
    clock: Box<dyn Fn() -> OffsetDateTime + Send + Sync>,
    state: Mutex<State>,
    flight: tokio::sync::Mutex<()>,
}

impl<P: TokenProvider> Cached<P> {
    /// How long before its end a token is replaced: five minutes.
    pub const BEFORE_END: Duration = BEFORE_END;
    /// How long the provider is left alone after it failed, while the old token is good: half a minute.
    pub const RETRY: Duration = RETRY;

    /// Keeps the tokens of `provider`.
    pub fn new(provider: P) -> Self {
        Self {
            provider,
            clock: Box::new(OffsetDateTime::now_utc),
            state: Mutex::default(),
            flight: tokio::sync::Mutex::default(),
        }
    }

    /// Reads the time from `clock`. Default: the system's.
    #[must_use]
    pub fn with_clock(
        mut self,
        clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
    ) -> Self {
        self.clock = Box::new(clock);
        self
    }

    async fn find(&self, request: TokenRequest<'_>) -> Result<AccessToken, TokenError> {
        let failures = {
            let state = self.state();
            match state.kept(&request, (self.clock)()) {
                Some(token) => return Ok(token),
                None => state.failures,
            }
        };
        let _flight = self.flight.lock().await;
        {
            let state = self.state();
            if let Some(token) = state.kept(&request, (self.clock)()) {
                return Ok(token);
            }
            if let Some(error) = state.failure_since(failures, request.scope) {
                return Err(error.clone());
            }
        }
        let outcome = self.provider.token(request).await;
        self.state().land(&request, outcome, (self.clock)())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: TokenProvider> TokenProvider for Cached<P> {
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

#[derive(Default)]
struct State {
    tokens: HashMap<Box<str>, Kept>,
    /// How many requests failed so far, and how the last one did.
    failures: u64,
    last_failure: Option<(Box<str>, TokenError)>,
}

struct Kept {
    token: AccessToken,
    /// When to ask for another one.
    renew_at: Option<OffsetDateTime>,
}

impl State {
    /// The token that is kept for `request`, if it need not be renewed.
    fn kept(&self, request: &TokenRequest<'_>, now: OffsetDateTime) -> Option<AccessToken> {
        let kept = self.tokens.get(request.scope)?;
        let is_good = kept.renew_at.is_none_or(|at| now < at)
            && request.refused != Some(&kept.token)
            && !has_ended(&kept.token, now);
        is_good.then(|| kept.token.clone())
    }

    /// The failure for `scope` that came after the first `failures` of them.
    fn failure_since(&self, failures: u64, scope: &str) -> Option<&TokenError> {
        let (of, error) = self.last_failure.as_ref()?;
        (self.failures > failures && **of == *scope).then_some(error)
    }

    fn land(
        &mut self,
        request: &TokenRequest<'_>,
        outcome: Result<AccessToken, TokenError>,
        now: OffsetDateTime,
    ) -> Result<AccessToken, TokenError> {
        let error = match outcome {
            Ok(token) => {
                let kept = Kept {
                    token: token.clone(),
                    renew_at: token.expires_at().map(|end| renewal(end, now)),
                };
                self.tokens.insert(request.scope.into(), kept);
                self.last_failure = None;
                return Ok(token);
            }
            Err(error) => error,
        };
        if let Some(kept) = self.tokens.get_mut(request.scope)
            && error.may_pass()
            && request.refused != Some(&kept.token)
            && !has_ended(&kept.token, now)
        {
            kept.renew_at = Some(now.saturating_add(RETRY.try_into().unwrap_or_default()));
            return Ok(kept.token.clone());
        }
        self.failures = self.failures.wrapping_add(1);
        self.last_failure = Some((request.scope.into(), error.clone()));
        Err(error)
    }
}

/// When to replace a token that is given `now`.
fn renewal(end: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
    let before = end.saturating_sub(BEFORE_END.try_into().unwrap_or_default());
    before.max(now.saturating_add((end - now) / 2))
}

fn has_ended(token: &AccessToken, now: OffsetDateTime) -> bool {
    token.expires_at().is_some_and(|end| end <= now)
}

const BEFORE_END: Duration = Duration::from_secs(5 * 60);
const RETRY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    use super::super::from_fn;
    use super::*;

    /// A provider whose tokens are numbered and live an hour, a clock that is set, and a switch for failing.
    struct Scene {
        now: Arc<AtomicI64>,
        asked: Arc<AtomicUsize>,
        fails: Arc<Mutex<Option<TokenError>>>,
    }

    impl Scene {
        fn new() -> Self {
            Self {
                now: Arc::new(AtomicI64::new(0)),
                asked: Arc::default(),
                fails: Arc::default(),
            }
        }

        fn cached(&self) -> Cached<impl TokenProvider + 'static> {
            let (now, asked, fails) = (self.now.clone(), self.asked.clone(), self.fails.clone());
            let clock = at(&self.now);
            let provider = from_fn(move |scope: String| {
                let number = asked.fetch_add(1, Ordering::SeqCst);
                let outcome = match fails.lock().unwrap().clone() {
                    Some(error) => Err(error),
                    None => AccessToken::new(format!("{scope}-{number}"))
                        .map(|token| token.expiring_at(at(&now)() + Duration::from_secs(3600))),
                };
                async move {
                    for _ in 0..3 {
                        tokio::task::yield_now().await;
                    }
                    outcome
                }
            });
            Cached::new(provider).with_clock(clock)
        }

        fn fail(&self, error: Option<TokenError>) {
            *self.fails.lock().unwrap() = error;
        }

        fn set(&self, seconds: i64) {
            self.now.store(seconds, Ordering::SeqCst);
        }
    }

    fn at(seconds: &Arc<AtomicI64>) -> impl Fn() -> OffsetDateTime + Send + Sync + use<> {
        let seconds = seconds.clone();
        move || OffsetDateTime::from_unix_timestamp(seconds.load(Ordering::SeqCst)).unwrap()
    }

    async fn ask(
        cached: &impl TokenProvider,
        refused: Option<&AccessToken>,
    ) -> Result<String, String> {
        let mut request = TokenRequest::new("s");
        request.refused = refused;
        match cached.token(request).await {
            Ok(token) => Ok(token.expose_secret().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[tokio::test]
    async fn a_token_is_kept_until_five_minutes_before_its_end() {
        let scene = Scene::new();
        let cached = scene.cached();
        for (second, token) in [
            (0, "s-0"),
            (3299, "s-0"),
            (3300, "s-1"),
            (3301, "s-1"),
            (6599, "s-1"),
            (6600, "s-2"),
            (99_999, "s-3"),
        ] {
            scene.set(second);
            assert_eq!(ask(&cached, None).await.unwrap(), token, "{second}");
        }
        let other = cached.token(TokenRequest::new("other")).await.unwrap();
        assert_eq!(other.expose_secret(), "other-4");
        assert_eq!(ask(&cached, None).await.unwrap(), "s-3");
    }

    #[test]
    fn a_token_of_a_short_life_is_kept_for_half_of_it() {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        for (end, renewed) in [
            (3600, 3300),
            (600, 300),
            (599, 299),
            (10, 5),
            (0, 0),
            (-10, -5),
        ] {
            let difference = (renewal(at(end), at(0)) - at(renewed)).whole_seconds();
            assert_eq!(difference, 0, "{end}");
        }
    }

    #[tokio::test]
    async fn a_thousand_callers_ask_once() {
        let scene = Scene::new();
        let cached = Arc::new(scene.cached());
        for (second, token) in [(0, "s-0"), (4000, "s-1")] {
            scene.set(second);
            let callers: Vec<_> = (0..1000)
                .map(|_| {
                    let cached = Arc::clone(&cached);
                    tokio::spawn(async move { ask(&*cached, None).await })
                })
                .collect();
            for caller in callers {
                assert_eq!(caller.await.unwrap().unwrap(), token);
            }
        }
        assert_eq!(scene.asked.load(Ordering::SeqCst), 2);

        // All of them were refused the same token.
        let refused = cached.token(TokenRequest::new("s")).await.unwrap();
        assert_eq!(refused.expose_secret(), "s-1");
        let asking = (0..1000).map(|_| ask(&*cached, Some(&refused)));
        for outcome in futures_util::future::join_all(asking).await {
            assert_eq!(outcome.unwrap(), "s-2");
        }
        assert_eq!(scene.asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_failure_is_told_to_all_who_wait_and_not_to_the_next() {
        let scene = Scene::new();
        let cached = scene.cached();
        scene.fail(Some(TokenError::NoOther));
        let asking = (0..1000).map(|_| ask(&cached, None));
        for outcome in futures_util::future::join_all(asking).await {
            assert_eq!(outcome.unwrap_err(), "the only token there is was refused");
        }
        assert_eq!(scene.asked.load(Ordering::SeqCst), 1);
        scene.fail(None);
        assert_eq!(ask(&cached, None).await.unwrap(), "s-1");
    }

    #[tokio::test]
    async fn a_good_token_outlives_a_failing_provider() {
        let scene = Scene::new();
        let cached = scene.cached();
        assert_eq!(ask(&cached, None).await.unwrap(), "s-0");
        scene.set(3300);
        scene.fail(Some(TokenError::provider("down")));
        assert_eq!(ask(&cached, None).await.unwrap(), "s-0");
        // The provider is left alone for half a minute.
        scene.set(3329);
        assert_eq!(ask(&cached, None).await.unwrap(), "s-0");
        assert_eq!(scene.asked.load(Ordering::SeqCst), 2);
        scene.set(3330);
        assert_eq!(ask(&cached, None).await.unwrap(), "s-0");
        assert_eq!(scene.asked.load(Ordering::SeqCst), 3);

        // Not for a failure that is final, not once it was refused, and not past its end.
        let kept = cached.token(TokenRequest::new("s")).await.unwrap();
        let down = "the token provider failed: down";
        assert_eq!(ask(&cached, Some(&kept)).await.unwrap_err(), down);
        scene.set(3600);
        assert_eq!(ask(&cached, None).await.unwrap_err(), down);
        scene.set(3500);
        scene.fail(Some(TokenError::Malformed));
        assert!(ask(&cached, None).await.is_err());
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_leaves_the_asking_to_the_next() {
        let scene = Scene::new();
        let cached = scene.cached();
        let mut first = Box::pin(ask(&cached, None));
        assert!(futures_util::poll!(&mut first).is_pending());
        let mut second = Box::pin(ask(&cached, None));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        assert_eq!(second.await.unwrap(), "s-1");
    }
}

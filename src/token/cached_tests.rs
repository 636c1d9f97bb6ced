//! Unit tests of the token cache.

#![cfg(feature = "reqwest")] // The default spawner is tokio's.

use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::future::join_all;
use futures_util::poll;
use tokio::time::Instant;

use super::super::from_fn;
use super::*;
use crate::spawn::CallerDriven;

/// A provider of numbered tokens that live an hour, with a manual clock and a switch for failures.
struct Scene {
    now: Arc<AtomicI64>,
    asked: Arc<AtomicUsize>,
    fails: Arc<Mutex<Option<TokenError>>>,
}

impl Scene {
    fn new() -> Self {
        Self { now: Arc::new(AtomicI64::new(0)), asked: Arc::default(), fails: Arc::default() }
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

async fn ask(cached: &impl TokenProvider, refused: Option<&AccessToken>) -> Result<String, String> {
    let mut request = TokenRequest::new("s");
    request.refused = refused;
    match cached.token(request).await {
        Ok(token) => Ok(token.expose_secret().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn a_token_is_renewed_five_minutes_before_its_expiry() {
    let scene = Scene::new();
    let cached = scene.cached();
    for (second, token) in [
        (0, "s-0"),
        (3299, "s-0"),
        // Renewed in the background: no caller waits while the old one is valid.
        (3300, "s-0"),
        (3301, "s-1"),
        (6599, "s-1"),
        (6600, "s-1"),
        (6601, "s-2"),
        (99_999, "s-3"),
    ] {
        scene.set(second);
        assert_eq!(ask(&cached, None).await.unwrap(), token, "{second}");
        background().await;
    }
    let other = cached.token(TokenRequest::new("other")).await.unwrap();
    assert_eq!(other.expose_secret(), "other-4");
    assert_eq!(ask(&cached, None).await.unwrap(), "s-3");
}

#[tokio::test]
async fn a_thousand_callers_share_one_request() {
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

    // The same token of all of them was rejected.
    let refused = cached.token(TokenRequest::new("s")).await.unwrap();
    assert_eq!(refused.expose_secret(), "s-1");
    let asking = (0..1000).map(|_| ask(&*cached, Some(&refused)));
    for outcome in join_all(asking).await {
        assert_eq!(outcome.unwrap(), "s-2");
    }
    assert_eq!(scene.asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_failure_reaches_all_waiting_callers_and_not_the_next() {
    let scene = Scene::new();
    let cached = scene.cached();
    scene.fail(Some(TokenError::NoAlternative));
    let asking = (0..1000).map(|_| ask(&cached, None));
    for outcome in join_all(asking).await {
        assert_eq!(outcome.unwrap_err(), "the only available token was rejected");
    }
    assert_eq!(scene.asked.load(Ordering::SeqCst), 1);
    scene.fail(None);
    assert_eq!(ask(&cached, None).await.unwrap(), "s-1");
}

#[tokio::test]
async fn a_valid_token_survives_a_failing_provider() {
    for error in [TokenError::provider("down"), TokenError::Malformed] {
        let scene = Scene::new();
        let cached = scene.cached();
        assert_eq!(ask(&cached, None).await.unwrap(), "s-0");
        scene.fail(Some(error.clone()));
        // No renewal for 30 seconds. If the clock was set back, the wait counts as over.
        for (second, asked) in [(3330, 2), (3359, 2), (3360, 3), (3331, 4)] {
            scene.set(second);
            assert_eq!(ask(&cached, None).await.unwrap(), "s-0", "{second}");
            background().await;
            assert_eq!(scene.asked.load(Ordering::SeqCst), asked, "{second}");
        }

        // Not after it was rejected or has expired.
        let kept = cached.token(TokenRequest::new("s")).await.unwrap();
        let said = error.to_string();
        assert_eq!(ask(&cached, Some(&kept)).await.unwrap_err(), said);
        scene.set(3600);
        assert_eq!(ask(&cached, None).await.unwrap_err(), said);
    }
}

#[tokio::test]
async fn a_canceled_caller_does_not_cancel_the_request() {
    let scene = Scene::new();
    for (number, cached) in
        [scene.cached(), scene.cached().with_spawn(CallerDriven::new())].into_iter().enumerate()
    {
        let mut first = Box::pin(ask(&cached, None));
        assert!(poll!(&mut first).is_pending());
        let mut second = Box::pin(ask(&cached, None));
        assert!(poll!(&mut second).is_pending());
        drop(first);
        assert_eq!(second.await.unwrap(), format!("s-{number}"));
    }
    assert_eq!(scene.asked.load(Ordering::SeqCst), 2);
}

/// The twin: a request that no caller drives fails at its limit, and the next caller starts another.
#[tokio::test]
async fn without_a_runtime_an_abandoned_request_ends_at_its_limit() {
    let scene = Scene::new();
    let cached = scene.cached().with_spawn(CallerDriven::new());
    let mut first = Box::pin(ask(&cached, None));
    assert!(poll!(&mut first).is_pending());
    drop(first);
    scene.set(61);
    assert_eq!(ask(&cached, None).await.unwrap(), "s-1");
}

#[tokio::test]
async fn without_a_runtime_one_caller_drives_the_renewal() {
    let scene = Scene::new();
    let cached = scene.cached().with_spawn(CallerDriven::new());
    assert_eq!(ask(&cached, None).await.unwrap(), "s-0");
    scene.set(3300);
    let mut driver = Box::pin(ask(&cached, None));
    assert!(poll!(&mut driver).is_pending());
    let other = poll!(Box::pin(ask(&cached, None)));
    assert_eq!(other, Poll::Ready(Ok("s-0".to_owned())));
    assert_eq!(driver.await.unwrap(), "s-1");
    assert_eq!(scene.asked.load(Ordering::SeqCst), 2);
}

/// The behavior of a provider after its first token.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Hangs,
    Panics,
}

fn moody(scene: &Scene, mood: Mood) -> Cached<impl TokenProvider + 'static> {
    let (asked, clock) = (scene.asked.clone(), at(&scene.now));
    let end = at(&scene.now)() + Duration::from_secs(3600);
    let provider = from_fn(move |_| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        async move {
            match mood {
                _ if number == 0 => AccessToken::new("first").map(|it| it.expiring_at(end)),
                Mood::Hangs => pending().await,
                Mood::Panics => panic!("as it was told"),
            }
        }
    });
    Cached::new(provider).with_clock(clock)
}

#[tokio::test(start_paused = true)]
async fn a_hanging_or_panicking_provider_does_not_block_a_valid_token() {
    for (mood, waited, said) in [
        (Mood::Hangs, 60, "no token was obtained within 60s"),
        (Mood::Panics, 0, "the token provider failed: it panicked"),
    ] {
        let scene = Scene::new();
        let cached = moody(&scene, mood);
        assert_eq!(ask(&cached, None).await.unwrap(), "first");
        scene.set(3300);
        let begin = Instant::now();
        for outcome in join_all((0..100).map(|_| ask(&cached, None))).await {
            assert_eq!(outcome.unwrap(), "first", "{mood:?}");
        }
        background().await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
        assert_eq!(scene.asked.load(Ordering::SeqCst), 2);

        // The twin: without a valid token all callers wait for one request up to its limit, and get its error. The next one starts
        // another.
        tokio::time::sleep(Duration::from_secs(61)).await;
        scene.set(3600);
        for asked in [3, 4] {
            let begin = Instant::now();
            for outcome in join_all((0..100).map(|_| ask(&cached, None))).await {
                assert_eq!(outcome.unwrap_err(), said);
            }
            assert_eq!(begin.elapsed(), Duration::from_secs(waited));
            assert_eq!(scene.asked.load(Ordering::SeqCst), asked);
        }
    }
}

/// A provider of the tokens `a` and `b` that returns the one that was not rejected, or `a`.
#[derive(Debug, Default)]
struct Two {
    asked: Mutex<Vec<Option<String>>>,
    is_only_a: bool,
}

impl TokenProvider for Two {
    fn token<'a>(
        &'a self,
        request: TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        let refused = request.refused.map(|it| it.expose_secret().to_owned());
        let is_a_refused = refused.as_deref() == Some("a");
        self.asked.lock().unwrap().push(refused);
        Box::pin(async move {
            tokio::task::yield_now().await;
            match (is_a_refused, self.is_only_a) {
                (false, _) => AccessToken::new("a"),
                (true, false) => AccessToken::new("b"),
                (true, true) => Err(TokenError::NoAlternative),
            }
        })
    }
}

fn asked(provider: &Two) -> Vec<Option<String>> {
    std::mem::take(&mut *provider.asked.lock().unwrap())
}

#[tokio::test]
async fn the_result_of_another_rejection_does_not_apply() {
    let (a, other) = (AccessToken::new("a").unwrap(), AccessToken::new("x").unwrap());
    let refused = |token: &AccessToken| Some(token.expose_secret().to_owned());

    // A request without a rejection, joined by a caller whose rejected token it returns.
    let provider = Arc::new(Two::default());
    let cached = Cached::new(Arc::clone(&provider));
    let (first, second) = tokio::join!(ask(&cached, None), ask(&cached, Some(&a)));
    assert_eq!((first.unwrap(), second.unwrap()), ("a".into(), "b".into()));
    assert_eq!(asked(&provider), [None, refused(&a)]);

    // The twin: it returns another token, which serves both.
    let provider = Arc::new(Two::default());
    let cached = Cached::new(Arc::clone(&provider));
    let (first, second) = tokio::join!(ask(&cached, None), ask(&cached, Some(&other)));
    assert_eq!((first.unwrap(), second.unwrap()), ("a".into(), "a".into()));
    assert_eq!(asked(&provider), [None]);

    // Without an alternative, only the caller with the rejected token gets the error.
    let only_a = || Arc::new(Two { is_only_a: true, ..Two::default() });
    let said = "the only available token was rejected";
    for (joining, outcome, count) in [
        (None, Ok("a".to_owned()), 2),
        (Some(&other), Ok("a".to_owned()), 2),
        (Some(&a), Err(said.to_owned()), 1),
    ] {
        let provider = only_a();
        let cached = Cached::new(Arc::clone(&provider));
        let (first, second) = tokio::join!(ask(&cached, Some(&a)), ask(&cached, joining));
        assert_eq!((first.unwrap_err(), second), (said.to_owned(), outcome));
        assert_eq!(asked(&provider).len(), count);
    }
}

/// Lets background tasks run until they wait for a timer.
async fn background() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

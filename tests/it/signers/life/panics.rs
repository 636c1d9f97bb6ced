//! A panic in foreign code is an error of that fetch, for its waiters only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use partner_center_webhooks::ErrorKind::{self, Chain, Source, Stale};
use partner_center_webhooks::Receiver;
use partner_center_webhooks::chain::{
    Certificate, CertificatePolicy, ChainVerifier, PolicyError, Revocation,
};
use partner_center_webhooks::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::signers::{FetchError, SignerError, Signers};
use partner_center_webhooks::source::{
    CertificateBundle, CertificateSource, CertificateUrl, SourceError,
};

use super::{
    ACCEPTED, BASE, Clock, DAY, HOUR, MINUTE, MISMATCH, authorities, bare_chain, callback,
    chain_of, dispatch, forged, later_by, published, response, successor,
};
use crate::support::{ISSUER, NOW, Scripted, Web, background, bundle, chain, later};

/// Panics a given number of times, and otherwise accepts everything.
#[derive(Clone, Debug, Default)]
struct Bomb<T> {
    inner: T,
    left: Arc<AtomicUsize>,
}

impl<T> Bomb<T> {
    fn around(inner: T) -> Self {
        Self { inner, left: Arc::default() }
    }

    /// Panics at the next `times` calls.
    fn arm(&self, times: usize) {
        self.left.store(times, Ordering::SeqCst);
    }

    fn tick(&self) {
        let count = |left: usize| left.checked_sub(1);
        let was_armed = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count);
        assert!(was_armed.is_err(), "as requested");
    }
}

impl<T: CertificateSource> CertificateSource for Bomb<T> {
    fn fetch<'a>(
        &'a self,
        url: &'a CertificateUrl<'a>,
    ) -> BoxFuture<'a, Result<CertificateBundle, SourceError>> {
        Box::pin(async move {
            // The waiters have joined by then.
            background().await;
            self.tick();
            self.inner.fetch(url).await
        })
    }
}

impl<T: HttpClient> HttpClient for Bomb<T> {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        self.tick();
        self.inner.send(request, limits)
    }
}

impl CertificatePolicy for Bomb<()> {
    fn check(&self, _: &Certificate<'_>) -> Result<(), PolicyError> {
        self.tick();
        Ok(())
    }
}

fn receiver(chain: ChainVerifier, source: impl CertificateSource + 'static) -> (Receiver, Clock) {
    let clock = Clock::default();
    let builder = ReceiverBuilder::new(chain, source).clock(clock.reader());
    (builder.build().unwrap(), clock)
}

#[tokio::test]
async fn a_source_that_panics_at_the_first_fetch() {
    let signer = ISSUER.signer().unwrap();
    let scripted = Scripted::serving(&signer);
    let source = Bomb::around(scripted.clone());
    source.arm(1);
    let (receiver, clock) = receiver(chain(), source);
    let good = callback(&signer);
    // Ten that wait for the panicking fetch, and later ones during its cool-down.
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let (receiver, good) = (receiver.clone(), good.clone());
            tokio::spawn(async move { response(&receiver, &good).await })
        })
        .collect();
    for each in waiting {
        assert_eq!(each.await.unwrap(), later_by(Source, 5));
    }
    for (second, wait) in [(1, 4), (2, 3), (3, 3), (4, 4)] {
        clock.set(second);
        assert_eq!(response(&receiver, &good).await, later_by(Source, wait));
    }
    assert_eq!(scripted.fetches(), 0);
    clock.set(5);
    assert_eq!(response(&receiver, &good).await, ACCEPTED);
    assert_eq!(response(&receiver, &forged(&signer)).await, MISMATCH);
    assert_eq!(scripted.fetches(), 1);
}

#[tokio::test]
async fn a_panic_is_named_in_the_error() {
    let source = Bomb::around(Scripted::serving(&ISSUER.signer().unwrap()));
    source.arm(1);
    let signers = Signers::new(source, chain());
    let unavailable = signers.find(&dispatch(), NOW).await.unwrap_err();
    assert_eq!(unavailable.retry_after, Duration::from_secs(5));
    assert_eq!(
        unavailable.error.to_string(),
        format!(
            "fetching `{}` panicked: this is a fault of the certificate source, its HTTP client or a policy",
            dispatch().as_str()
        )
    );
    let SignerError::Fetch(FetchError::Interrupted { panicked, .. }) = *unavailable.error else {
        panic!("{unavailable}");
    };
    assert!(panicked);
    assert!(signers.find(&dispatch(), later(4)).await.is_err());
    assert!(signers.find(&dispatch(), later(5)).await.is_ok());
}

/// Kept signers stay good while the source panics, and a rotation is accepted afterwards.
#[tokio::test]
async fn a_source_that_panics_at_a_refresh_and_at_a_rotation() {
    let (first, second) = (ISSUER.signer().unwrap(), successor(&ISSUER));
    let scripted = Scripted::serving(&first);
    let source = Bomb::around(scripted.clone());
    let (receiver, clock) = receiver(chain(), source.clone());
    let (old, new) = (callback(&first), callback(&second));
    assert_eq!(response(&receiver, &old).await, ACCEPTED);
    source.arm(usize::MAX);
    for hour in 24..48 {
        clock.set(hour * HOUR);
        assert_eq!(response(&receiver, &old).await, ACCEPTED, "hour {hour}");
        background().await;
    }
    scripted.now_answers(Ok(bundle(&second)));
    clock.set(50 * HOUR);
    let seen = response(&receiver, &new).await;
    assert_eq!((seen.status, seen.kind), (503, Some(Stale)));
    source.arm(0);
    clock.advance(15);
    assert_eq!(response(&receiver, &new).await, ACCEPTED);
    assert_eq!(response(&receiver, &old).await, ACCEPTED);
    assert_eq!(response(&receiver, &forged(&second)).await, MISMATCH);
}

#[tokio::test]
async fn a_policy_that_panics_at_the_first_fetch() {
    let signer = ISSUER.signer().unwrap();
    let policy = Bomb::around(());
    policy.arm(usize::MAX);
    let source = Scripted::serving(&signer);
    let (receiver, clock) = receiver(chain().require(policy.clone()), source);
    let good = callback(&signer);
    assert_eq!(response(&receiver, &good).await, later_by(Source, 5));
    policy.arm(0);
    clock.set(4);
    assert_eq!(response(&receiver, &good).await, later_by(Source, 4));
    clock.set(5);
    assert_eq!(response(&receiver, &good).await, ACCEPTED);
    assert_eq!(response(&receiver, &forged(&signer)).await, MISMATCH);
}

/// At refreshes, checks, rotations and imports, with a good signer.
#[tokio::test]
async fn a_policy_that_panics_later_drops_no_signer() {
    let issuer = published();
    let (first, second) = (issuer.signer().unwrap(), successor(&issuer));
    let (policy, clock) = (Bomb::around(()), Clock::default());
    let source = Scripted::serving(&first);
    let chain = chain_of(&issuer, Revocation::BestEffort).require(policy.clone());
    let receiver = ReceiverBuilder::new(chain, source.clone())
        .authorities(authorities(Web::default().publishing(&issuer, BASE)))
        .clock(clock.reader())
        .build()
        .unwrap();
    let (old, new) = (callback(&first), callback(&second));
    assert_eq!(response(&receiver, &old).await, ACCEPTED);
    background().await;
    policy.arm(usize::MAX);
    for hour in (12..72).step_by(4) {
        clock.set(hour * HOUR);
        assert_eq!(response(&receiver, &old).await, ACCEPTED, "hour {hour}");
        background().await;
    }
    source.now_answers(Ok(bundle(&second)));
    let seen = response(&receiver, &new).await;
    assert_eq!((seen.status, seen.kind), (503, Some(Stale)));
    policy.arm(0);
    clock.advance(MINUTE);
    for good in [&new, &old] {
        assert_eq!(response(&receiver, good).await, ACCEPTED);
    }
    assert_eq!(response(&receiver, &forged(&second)).await, MISMATCH);
}

/// A receiver that must fetch the issuer, lists, or both from its authorities.
async fn authorities_panic(
    mode: Revocation,
    knows_issuer: bool,
    times: usize,
) -> Vec<(u16, Option<ErrorKind>)> {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    let client = Bomb::around(Web::default().publishing(&issuer, BASE));
    client.arm(times);
    let chain = match knows_issuer {
        true => chain_of(&issuer, mode),
        false => bare_chain(mode),
    };
    let clock = Clock::default();
    let receiver = ReceiverBuilder::new(chain, Scripted::serving(&signer))
        .authorities(authorities(client))
        .clock(clock.reader())
        .build()
        .unwrap();
    let mut responses = Vec::new();
    for second in [0, 4, 5] {
        clock.set(second);
        let seen = response(&receiver, &callback(&signer)).await;
        responses.push((seen.status, seen.kind));
        background().await;
    }
    clock.set(DAY);
    assert_eq!(response(&receiver, &callback(&signer)).await, ACCEPTED);
    assert_eq!(response(&receiver, &forged(&signer)).await, MISMATCH);
    responses
}

#[tokio::test]
async fn a_client_of_the_authorities_that_panics() {
    use Revocation::{BestEffort, Required};
    let (accepted, waits) = ((200, None), (503, Some(Chain)));
    for (mode, knows_issuer, times, expected) in [
        (BestEffort, false, 1, [waits, waits, accepted]),
        (Required, false, 1, [waits, waits, accepted]),
        // Lists only: those of the signer and of its issuer.
        (BestEffort, true, 2, [accepted, accepted, accepted]),
        (Required, true, 1, [waits, waits, accepted]),
        (Required, true, 2, [waits, waits, accepted]),
        // The twins without a panic.
        (BestEffort, false, 0, [accepted, accepted, accepted]),
        (Required, true, 0, [accepted, accepted, accepted]),
    ] {
        let seen = authorities_panic(mode, knows_issuer, times).await;
        assert_eq!(seen, expected, "{mode:?}, {knows_issuer}, {times}");
    }
}

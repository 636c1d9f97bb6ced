//! Everything at once: nothing hangs, and no forgery is accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use partner_center_webhooks::Receiver;
use partner_center_webhooks::http_client::BoxFuture;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::source::{
    CertificateBundle, CertificateSource, CertificateUrl, SourceError,
};
use partner_center_webhooks::testing::{Issuer, SignedRequest, Signer};
use tokio::time::{sleep, timeout};

use super::{Clock, DAY, callback, forged};
use crate::support::{ISSUER, NOW, Scripted, bundle, chain, later, outage};

const TASKS: u64 = 24;
const CALLBACKS_EACH: u64 = 80;

/// Serves these in random order, late, or not at all.
#[derive(Clone, Debug)]
struct Wild(Arc<Vec<CertificateBundle>>, Arc<AtomicU64>);

impl CertificateSource for Wild {
    fn fetch<'a>(
        &'a self,
        url: &'a CertificateUrl<'a>,
    ) -> BoxFuture<'a, Result<CertificateBundle, SourceError>> {
        Box::pin(async move {
            let n = self.1.fetch_add(7, Ordering::SeqCst);
            for _ in 0..n % 5 {
                tokio::task::yield_now().await;
            }
            if n.is_multiple_of(3) {
                sleep(Duration::from_millis(n % 4)).await;
            }
            let response = match usize::try_from(n % 8).unwrap() {
                6 | 7 => outage(),
                which => Ok(self.0[which % self.0.len()].clone()),
            };
            Scripted::new([response]).fetch(url).await
        })
    }
}

/// The responses to the callbacks.
#[derive(Debug, Default)]
struct Tally {
    accepted: AtomicU64,
    wrongly_accepted: AtomicU64,
    hung: AtomicU64,
}

fn named(issuer: &Issuer, name: &str) -> Signer {
    let recipe = issuer.signing_certificate().dns_names([name]);
    let recipe = recipe.new_key().unwrap().valid(NOW, later(400 * DAY));
    recipe.issue().unwrap()
}

/// Delivers callbacks in random order, a quarter of which disconnect early.
async fn deliver(
    receiver: Receiver,
    callbacks: Vec<(SignedRequest, bool)>,
    seed: u64,
    tally: &Tally,
) {
    let mut n = seed;
    for _ in 0..CALLBACKS_EACH {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let which = usize::try_from(n >> 33).unwrap() % callbacks.len();
        let (callback, is_genuine) = &callbacks[which];
        let receive = receiver.receive(&callback.headers, &callback.body);
        if (n >> 20).is_multiple_of(4) {
            let _ = timeout(Duration::from_micros((n >> 40) % 3_000), receive).await;
            continue;
        }
        let count = match timeout(Duration::from_secs(10), receive).await {
            Ok(Ok(_)) if *is_genuine => &tally.accepted,
            Ok(Ok(_)) => &tally.wrongly_accepted,
            Ok(Err(_)) => continue,
            Err(_) => &tally.hung,
        };
        count.fetch_add(1, Ordering::SeqCst);
    }
}

/// Moves the clock forward, sometimes back, and replaces the chain.
async fn turn(receiver: Receiver, clock: Clock, stop: Arc<AtomicBool>) {
    let mut n = 0_u64;
    while !stop.load(Ordering::SeqCst) {
        n += 1;
        clock.advance(17);
        if n.is_multiple_of(50) {
            for name in ["pcnotifications-a.microsoft.com", "pcnotifications*.microsoft.com"] {
                receiver.replace_chain(|chain| chain.with_signer_name(name.parse().unwrap()));
            }
        }
        if n.is_multiple_of(333) {
            clock.set(clock.seconds() - 3_000);
        }
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn nothing_hangs_and_no_forgery_is_accepted() {
    let a = named(&ISSUER, "pcnotifications-a.microsoft.com");
    let b = named(&ISSUER, "pcnotifications-b.microsoft.com");
    let other_name = named(&ISSUER, "other.microsoft.com");
    let stranger = Issuer::at(NOW).unwrap().signer().unwrap();
    let served = [&a, &b, &other_name, &stranger].map(bundle).into();
    let (source, clock) = (Wild(Arc::new(served), Arc::default()), Clock::default());
    let receiver = ReceiverBuilder::new(chain(), source).clock(clock.reader());
    let receiver = receiver.build().unwrap();
    let callbacks = vec![
        (callback(&a), true),
        (callback(&b), true),
        (callback(&other_name), false),
        (callback(&stranger), false),
        (forged(&a), false),
    ];
    let (tally, stop) = (Arc::new(Tally::default()), Arc::new(AtomicBool::new(false)));
    let turner = tokio::spawn(turn(receiver.clone(), clock.clone(), Arc::clone(&stop)));
    let tasks: Vec<_> = (0..TASKS)
        .map(|seed| {
            let (receiver, callbacks) = (receiver.clone(), callbacks.clone());
            let tally = Arc::clone(&tally);
            tokio::spawn(async move { deliver(receiver, callbacks, seed, &tally).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    turner.await.unwrap();
    assert_eq!(tally.wrongly_accepted.load(Ordering::SeqCst), 0);
    assert_eq!(tally.hung.load(Ordering::SeqCst), 0);
    assert!(tally.accepted.load(Ordering::SeqCst) > 0, "{tally:?}");

    // Afterwards it works as usual: a genuine callback is accepted within a minute, whatever was served last.
    let mut is_accepted = false;
    for _ in 0..60 {
        clock.advance(15);
        let seen = super::response(&receiver, &callbacks[0].0).await;
        assert_ne!(seen.status, 500);
        is_accepted |= seen == super::ACCEPTED;
        assert_ne!(super::response(&receiver, &callbacks[4].0).await.status, 200);
    }
    assert!(is_accepted);
}

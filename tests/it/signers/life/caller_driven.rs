//! Without a runtime the callers drive the fetches: the guarantees on the front page of `spawn`.

use std::sync::Arc;
use std::time::Duration;

use partner_center_webhooks::Receiver;
use partner_center_webhooks::chain::Revocation;
use partner_center_webhooks::http_client::BoxFuture;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::source::{
    CertificateBundle, CertificateSource, CertificateUrl, SourceError,
};
use partner_center_webhooks::spawn::CallerDriven;
use partner_center_webhooks::testing::Issuer;

use super::{
    ACCEPTED, BASE, Clock, DAY, GIVEN_UP, HOUR, MINUTE, MISMATCH, Seen, Valve, authorities,
    callback, chain_of, forged, published, response, successor, timed, wait, with_tokio,
};
use crate::support::{ISSUER, Scripted, Web, bundle, chain};
use tokio::time::timeout;

/// A receiver whose certificate host and authorities hang when their valves are closed.
struct World {
    source: Valve<Scripted>,
    web: Valve<Web>,
    receiver: Receiver,
}

impl World {
    fn new(issuer: &Issuer, source: Scripted) -> Self {
        let source = Valve::of(source);
        let web = Valve::of(Web::default().publishing(issuer, BASE));
        let chain = chain_of(issuer, Revocation::BestEffort);
        let receiver = ReceiverBuilder::new(chain, source.clone())
            .authorities(authorities(web.clone()))
            .spawn(CallerDriven::new())
            .clock(with_tokio())
            .build()
            .unwrap();
        Self { source, web, receiver }
    }
}

/// Ten deliveries, five minutes apart.
async fn ten_deliveries(world: &World, callback: &super::SignedRequest) -> Vec<Seen> {
    let mut responses = Vec::new();
    for _ in 0..10 {
        responses.push(timed(&world.receiver, callback).await.0);
        wait(5 * MINUTE).await;
    }
    responses
}

/// While hosts hang, each refresh costs the delivery that drives it.
#[tokio::test(start_paused = true)]
async fn each_refresh_that_hangs_costs_one_delivery() {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    let good = callback(&signer);
    // What hangs, after how long, and which deliveries fail.
    let cases: [(bool, bool, u64, &[usize]); 3] = [
        // Lists are fetched once an hour.
        (false, true, 12 * HOUR, &[0]),
        // The certificate is fetched every ten minutes.
        (true, false, DAY, &[0, 2, 4, 6, 8]),
        (true, true, 12 * HOUR, &[0]),
    ];
    for (source, web, after, expected) in cases {
        let world = World::new(&issuer, Scripted::serving(&signer));
        assert_eq!(timed(&world.receiver, &good).await.0, ACCEPTED);
        world.source.close(source);
        world.web.close(web);
        wait(after).await;
        let responses = ten_deliveries(&world, &good).await;
        for (index, response) in responses.iter().enumerate() {
            let is_lost = expected.contains(&index);
            let expected = if is_lost { GIVEN_UP } else { ACCEPTED };
            assert_eq!(*response, expected, "delivery {index} of {responses:?}");
        }
        // The twin: a forgery that no fetch can decide now is not refused for good.
        let (response, _) = timed(&world.receiver, &forged(&signer)).await;
        let status = if source { 408 } else { 401 };
        assert_eq!(response.status, status);
    }
}

/// Ten deliveries to a receiver with a good signer, all of whose hosts have hung for a day.
async fn deliveries_when_all_hosts_hang() -> Vec<Seen> {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    let good = callback(&signer);
    let world = World::new(&issuer, Scripted::serving(&signer));
    assert_eq!(timed(&world.receiver, &good).await.0, ACCEPTED);
    world.source.close(true);
    world.web.close(true);
    wait(DAY).await;
    ten_deliveries(&world, &good).await
}

#[tokio::test(start_paused = true)]
async fn nothing_is_refused_and_some_delivery_is_accepted_when_all_hosts_hang() {
    let responses = deliveries_when_all_hosts_hang().await;
    let lost = responses.iter().filter(|seen| **seen == GIVEN_UP).count();
    let accepted = responses.iter().filter(|seen| **seen == ACCEPTED).count();
    assert_eq!(lost + accepted, 10, "{responses:?}");
    assert!(accepted >= 4, "{responses:?}");
}

/// A rotation only needs a host that responds.
#[tokio::test(start_paused = true)]
async fn a_rotation_is_accepted_at_its_first_delivery() {
    let issuer = published();
    let (first, second) = (issuer.signer().unwrap(), successor(&issuer));
    let scripted = Scripted::serving(&first);
    let world = World::new(&issuer, scripted.clone());
    assert_eq!(timed(&world.receiver, &callback(&first)).await.0, ACCEPTED);
    wait(10 * MINUTE).await;
    scripted.now_answers(Ok(bundle(&second)));
    for signer in [&second, &first] {
        let response = timed(&world.receiver, &callback(signer)).await;
        assert_eq!(response, (ACCEPTED, Duration::ZERO));
    }
    wait(MINUTE).await;
    let stranger = callback(&successor(&issuer));
    assert_eq!(timed(&world.receiver, &stranger).await.0, MISMATCH);
}

/// A fetch that its caller left is resumed by the next caller, or fails at its deadline.
#[tokio::test(start_paused = true)]
async fn an_abandoned_fetch_blocks_no_later_one() {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    let scripted = Scripted::serving(&signer);
    let world = World::new(&issuer, scripted.clone());
    world.source.close(true);
    let good = callback(&signer);
    assert_eq!(timed(&world.receiver, &good).await.0, GIVEN_UP);
    world.source.close(false);
    // Its deadline is 23 s, of which the caller waited for ten.
    wait(14).await;
    assert_eq!(timed(&world.receiver, &good).await.0, ACCEPTED);
    assert_eq!(scripted.fetches(), 1);
    assert_eq!(timed(&world.receiver, &forged(&signer)).await.0, MISMATCH);
}

/// Callers that disconnect at once leave nothing behind.
#[tokio::test]
async fn abandoned_fetches_are_removed() {
    #[derive(Clone, Debug, Default)]
    struct Never(Arc<()>);
    impl CertificateSource for Never {
        fn fetch<'a>(
            &'a self,
            _: &'a CertificateUrl<'a>,
        ) -> BoxFuture<'a, Result<CertificateBundle, SourceError>> {
            let held = Arc::clone(&self.0);
            Box::pin(async move {
                let _held = held;
                std::future::pending().await
            })
        }
    }
    let signer = ISSUER.signer().unwrap();
    let (source, clock) = (Never::default(), Clock::default());
    let receiver = ReceiverBuilder::new(chain(), source.clone())
        .spawn(CallerDriven::new())
        .clock(clock.reader())
        .build()
        .unwrap();
    for number in 0..600_u64 {
        clock.set(number);
        let url = format!("https://3psostorageacct.blob.core.windows.net/cert/x{number}.cer");
        let stranger = callback(&signer.clone().with_certificate_url(url));
        let _ = timeout(Duration::ZERO, response(&receiver, &stranger)).await;
    }
    // The receiver's clone, the one of this test, and those of the last 23 seconds.
    assert_eq!(Arc::strong_count(&source.0), 2 + 24);
}

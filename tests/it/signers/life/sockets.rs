//! The same over HTTP: reqwest to the certificate host, with axum and actix-web. Only the time is simulated.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use partner_center_webhooks::Receiver;
use partner_center_webhooks::chain::Revocation;
use partner_center_webhooks::duplicates::InMemory;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::signers::Signers;
use partner_center_webhooks::source::{Authorities, DistributionLocation};
use partner_center_webhooks::testing::{SignedRequest, Signer};

use super::host::{Host, silent_port};
use super::{Clock, DAY, HOUR, MINUTE, Valve, callback, chain_of, forged, successor};
use crate::support::fronts::{Answer, Front, Handler, deliver, eventually};
use crate::support::{ISSUER, Scripted};

const FRONTS: [Front; 2] = [Front::AxumCallback, Front::ActixCallback];
/// The longest time of a response without a fetch, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(1);

/// An adapter over a receiver.
struct Service {
    address: SocketAddr,
    front: Front,
}

impl Service {
    async fn open(front: Front, receiver: Receiver) -> Self {
        let guard = Arc::new(InMemory::new());
        let address = front.serve(receiver, guard, &Handler::new()).await;
        Self { address, front }
    }

    async fn status(&self, callback: &SignedRequest) -> u16 {
        deliver(self.address, callback).await.status
    }

    #[track_caller]
    fn is_accepted(&self, (response, waited): (Answer, Duration), what: &str) {
        let front = self.front;
        assert_eq!(response.status, 200, "{front:?}: {what}");
        assert!(waited < AT_ONCE, "{front:?}: {what} waited {waited:?}");
    }

    async fn timed(&self, callback: &SignedRequest) -> (Answer, Duration) {
        let started = Instant::now();
        (deliver(self.address, callback).await, started.elapsed())
    }
}

fn refused() -> Answer {
    Answer::status(401)
}

fn later_by(seconds: u32) -> Answer {
    Answer::status(503).retry_after(seconds)
}

/// Port 80 accepts connections and stays silent, and later the certificate host hangs, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_hang_delay_no_callback_of_a_good_signer() {
    for front in FRONTS {
        let base = format!("http://{}/", silent_port().await);
        let issuer = ISSUER.published_at(base.clone()).unwrap();
        let signer = issuer.signer().unwrap();
        let location = DistributionLocation::none().also_allow(&base).unwrap();
        let authorities = Authorities::new(Arc::new(ReqwestClient::new().unwrap()))
            .with_issuer_location(location.clone())
            .with_revocation_list_location(location);
        let (source, clock) = (Valve::of(Scripted::serving(&signer)), Clock::default());
        let chain = chain_of(&issuer, Revocation::BestEffort);
        let receiver = ReceiverBuilder::new(chain, source.clone())
            .authorities(authorities)
            .clock(clock.reader())
            .build()
            .unwrap();
        let service = Service::open(front, receiver).await;
        let good = callback(&signer);
        service.is_accepted(service.timed(&good).await, "a cold start");
        for n in 0..3 {
            clock.set(Signers::REVOCATION_RETRY_SECONDS + n * 5 * MINUTE);
            service.is_accepted(service.timed(&good).await, "an hour later");
        }
        // The twin.
        assert_eq!(service.status(&forged(&signer)).await, 401, "{front:?}");
        source.close(true);
        for n in 0..3 {
            clock.set(DAY + n * 10 * MINUTE);
            let both = tokio::join!(service.timed(&good), service.timed(&good));
            service.is_accepted(both.0, "a day later");
            service.is_accepted(both.1, "at the same time");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_is_accepted_at_its_first_callback() {
    for front in FRONTS {
        let (first, second) = (ISSUER.signer().unwrap(), successor(&ISSUER));
        let (host, clock) = (Host::serving(&first).await, Clock::default());
        let service = Service::open(front, host.receiver(&clock)).await;
        let (first, second) = (host.of(&first), host.of(&second));
        assert_eq!(service.status(&callback(&first)).await, 200);
        // Forged ones before the rotation, which cause a fetch.
        clock.set(60);
        for _ in 0..3 {
            assert_eq!(service.status(&forged(&first)).await, 401, "{front:?}");
        }
        assert_eq!(host.requests(), 2);
        host.serve(&second);
        clock.set(65);
        assert_eq!(service.status(&callback(&second)).await, 200, "{front:?}");
        assert_eq!(service.status(&callback(&first)).await, 200, "{front:?}");
        assert_eq!(host.requests(), 3);

        // And right after a forged one after the rotation.
        let third = host.of(&successor(&ISSUER));
        host.serve(&third);
        clock.set(70);
        assert_eq!(service.status(&forged(&third)).await, 401, "{front:?}");
        for signer in [&third, &second, &first] {
            assert_eq!(service.status(&callback(signer)).await, 200, "{front:?}");
        }
        assert_eq!(host.requests(), 4);
        // The twin: a certificate that the host never served.
        clock.set(75);
        let stranger = host.of(&successor(&ISSUER));
        assert_eq!(service.status(&callback(&stranger)).await, 401, "{front:?}");
    }
}

/// Every kind of forgery under the name of `signer`'s URL.
fn forgeries(host: &Host, signer: &Signer) -> Vec<SignedRequest> {
    let stranger = host.of(&successor(&ISSUER));
    let mut shorter = callback(signer);
    shorter.body.truncate(shorter.body.len() - 1);
    let other_algorithm = callback(signer);
    let other_algorithm = other_algorithm.with_header("x-ms-signature-algorithm", b"rsa-sha512");
    vec![
        forged(signer),
        callback(&stranger),
        shorter,
        other_algorithm.unwrap(),
        forged(signer).in_signature_header(),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgery_is_refused_while_the_host_responds_and_deferred_while_it_does_not() {
    for front in FRONTS {
        let signer = ISSUER.signer().unwrap();
        let (host, clock) = (Host::serving(&signer).await, Clock::default());
        let builder = host.builder(&clock);
        // So that a hanging host costs this test no time.
        let builder = builder.certificate_wait(Duration::from_millis(100));
        let service = Service::open(front, builder.build().unwrap()).await;
        let signer = host.of(&signer);
        let good = callback(&signer);
        assert_eq!(service.status(&good).await, 200);
        for forgery in forgeries(&host, &signer) {
            host.serve(&signer);
            clock.advance(10 * MINUTE);
            let requests = host.requests();
            assert_eq!(deliver(service.address, &forgery).await, refused());
            assert_eq!(host.requests(), requests + 1);

            host.fail();
            clock.advance(10 * MINUTE);
            let requests = host.requests();
            for _ in 0..2 {
                let response = deliver(service.address, &forgery).await;
                assert_eq!(response.status, 503, "{front:?}, {response:?}");
                assert!(response.retry_after.is_some(), "{front:?}");
                assert_eq!(service.status(&good).await, 200, "{front:?}");
            }
            assert_eq!(host.requests(), requests + 1);
        }
        host.serve(&signer);
        clock.advance(10 * MINUTE);
        assert_eq!(deliver(service.address, &forged(&signer)).await, refused());
        host.hang();
        clock.advance(10 * MINUTE);
        let response = deliver(service.address, &forged(&signer)).await;
        assert_eq!(response, later_by(5), "{front:?}");
        service.is_accepted(service.timed(&good).await, "meanwhile");
    }
}

/// The statuses of `times` concurrent forged callbacks, fifty connections at a time.
async fn flood(service: &Service, forged: &SignedRequest, times: usize) -> Vec<u16> {
    let deliveries = (0..times).map(|_| service.status(forged));
    let mut statuses: Vec<_> = stream::iter(deliveries).buffer_unordered(50).collect().await;
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_concurrent_forgeries_cause_one_fetch_in_five_seconds() {
    let signer = ISSUER.signer().unwrap();
    let (host, clock) = (Host::serving(&signer).await, Clock::default());
    let service = Service::open(Front::AxumCallback, host.receiver(&clock)).await;
    let signer = host.of(&signer);
    let (good, forged) = (callback(&signer), forged(&signer));
    assert_eq!(service.status(&good).await, 200);
    assert_eq!(host.requests(), 1);
    clock.set(HOUR);
    assert_eq!(flood(&service, &forged, 5_000).await, [401]);
    assert_eq!(host.requests(), 2);
    // Until the certificate is five seconds old, it decides.
    for (second, requests) in [(1, 2), (4, 2), (5, 3), (9, 3), (10, 4)] {
        clock.set(HOUR + second);
        assert_eq!(flood(&service, &forged, 100).await, [401], "{second}");
        assert_eq!(host.requests(), requests, "second {second}");
        assert_eq!(service.status(&good).await, 200);
    }
    // The twin: while the host fails, they are deferred, and cause no more fetches.
    host.fail();
    for (second, requests) in [(15, 5), (19, 5), (20, 6), (29, 6), (30, 7)] {
        clock.set(HOUR + second);
        assert_eq!(flood(&service, &forged, 100).await, [503], "{second}");
        assert_eq!(host.requests(), requests, "second {second}");
        assert_eq!(service.status(&good).await, 200);
    }
}

/// A caller that disconnects stops no fetch: the next callers use its result.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_outlives_the_connection_that_started_it() {
    for front in FRONTS {
        let (first, second) = (ISSUER.signer().unwrap(), successor(&ISSUER));
        let (host, clock) = (Host::serving(&first).await, Clock::default());
        let service = Service::open(front, host.receiver(&clock)).await;
        let (first, second) = (host.of(&first), host.of(&second));
        assert_eq!(service.status(&callback(&first)).await, 200);
        host.hang();
        clock.set(HOUR);
        {
            let new = callback(&second);
            let delivery = deliver(service.address, &new);
            tokio::pin!(delivery);
            let asked = eventually("a request", || host.requests() == 2);
            tokio::select! {
                response = &mut delivery => panic!("{response:?}"),
                () = asked => {}
            }
        }
        host.serve(&second);
        // The same fetch, complete or not.
        assert_eq!(service.status(&callback(&second)).await, 200, "{front:?}");
        assert_eq!(service.status(&callback(&first)).await, 200, "{front:?}");
        assert_eq!(service.status(&forged(&second)).await, 401, "{front:?}");
        assert_eq!(host.requests(), 2, "{front:?}");
    }
}

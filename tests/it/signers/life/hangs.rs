//! Hosts that hang: a callback whose signer is good never waits for them, and no event is lost.

use std::time::Duration;

use partner_center_webhooks::ErrorKind::{Chain, Source, Stale};
use partner_center_webhooks::Receiver;
use partner_center_webhooks::chain::Revocation;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::signers::Signers;
use partner_center_webhooks::testing::Issuer;

use super::{
    ACCEPTED, BlackHole, DAY, HOUR, MINUTE, MISMATCH, Quick, Valve, authorities, callback,
    chain_of, forged, later_by, published, successor, timed, wait, with_tokio,
};
use crate::support::{DISPATCH_URL, ISSUER, Scripted, Web, bundle, chain};

const AT_ONCE: Duration = Duration::ZERO;
/// How long the certificate host takes.
const A_FETCH: Duration = Duration::from_millis(50);

/// Port 80 is closed, issuers are configured, and the certificate host responds.
fn behind_a_firewall(source: &Scripted, issuer: &Issuer, revocation: Revocation) -> Receiver {
    ReceiverBuilder::new(chain_of(issuer, revocation), Quick(source.clone()))
        .authorities(authorities(BlackHole))
        .clock(with_tokio())
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn authorities_that_hang_delay_no_callback_of_a_good_signer() {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    let source = Scripted::serving(&signer);
    let receiver = behind_a_firewall(&source, &issuer, Revocation::BestEffort);
    assert!(receiver.warm_up().await.is_empty());
    let good = callback(&signer);
    assert_eq!(timed(&receiver, &good).await, (ACCEPTED, AT_ONCE));

    wait(Signers::REVOCATION_RETRY_SECONDS).await;
    for delivery in 0..10 {
        let response = timed(&receiver, &good).await;
        assert_eq!(response, (ACCEPTED, AT_ONCE), "delivery {delivery}");
        wait(5 * MINUTE).await;
    }
    assert_eq!(source.fetches(), 1);
    // The twin: a forgery is refused for good under a certificate that is fetched for it.
    let response = timed(&receiver, &forged(&signer)).await;
    assert_eq!(response, (MISMATCH, A_FETCH));
    assert_eq!(source.fetches(), 2);
}

/// If lists are required and none arrives, nothing is accepted, and nothing is refused for good.
#[tokio::test(start_paused = true)]
async fn hanging_authorities_decide_nothing_if_lists_are_required() {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    let source = Scripted::serving(&signer);
    let receiver = behind_a_firewall(&source, &issuer, Revocation::Required);
    let lists = Duration::from_secs(3);
    let response = timed(&receiver, &callback(&signer)).await;
    assert_eq!(response, (later_by(Chain, 5), A_FETCH + lists));
    let (response, waited) = timed(&receiver, &forged(&signer)).await;
    assert_eq!((response.status, response.kind), (503, Some(Chain)));
    assert_eq!(waited, AT_ONCE, "the failure is remembered");
}

#[tokio::test(start_paused = true)]
async fn two_concurrent_callbacks_both_get_immediate_responses() {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    let source = Scripted::serving(&signer);
    let receiver = behind_a_firewall(&source, &issuer, Revocation::BestEffort);
    assert!(receiver.warm_up().await.is_empty());
    let good = callback(&signer);
    for due in [Signers::REVOCATION_RETRY_SECONDS, DAY] {
        wait(due).await;
        let both = tokio::join!(timed(&receiver, &good), timed(&receiver, &good));
        assert_eq!(both, ((ACCEPTED, AT_ONCE), (ACCEPTED, AT_ONCE)));
    }
    // One of them and a forgery: only the forgery waits.
    wait(DAY).await;
    let forged = forged(&signer);
    let both = tokio::join!(timed(&receiver, &forged), timed(&receiver, &good));
    assert_eq!(both, ((MISMATCH, A_FETCH), (ACCEPTED, AT_ONCE)));
}

#[tokio::test(start_paused = true)]
async fn a_rotation_behind_a_firewall_is_accepted_at_its_first_delivery() {
    let issuer = published();
    let (first, second) = (issuer.signer().unwrap(), successor(&issuer));
    let source = Scripted::serving(&first);
    let receiver = behind_a_firewall(&source, &issuer, Revocation::BestEffort);
    assert!(receiver.warm_up().await.is_empty());
    wait(10 * MINUTE).await;
    source.now_answers(Ok(bundle(&second)));
    let response = timed(&receiver, &callback(&second)).await;
    assert_eq!(response, (ACCEPTED, A_FETCH));
    for delivery in 1..200 {
        wait(5 * MINUTE).await;
        let response = timed(&receiver, &callback(&second)).await;
        assert_eq!(response, (ACCEPTED, AT_ONCE), "delivery {delivery}");
    }
    let response = timed(&receiver, &callback(&first)).await;
    assert_eq!(response, (ACCEPTED, AT_ONCE), "the former one");
    // The twin: a signature of neither.
    let stranger = callback(&successor(&issuer));
    assert_eq!(timed(&receiver, &stranger).await, (MISMATCH, A_FETCH));
}

/// Five seconds: the deadline of the certificate, and the wait of a callback.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn a_certificate_host_that_hangs_delays_no_callback_of_a_good_signer() {
    let signer = ISSUER.signer().unwrap();
    let source = Valve::of(Scripted::serving(&signer));
    let receiver = ReceiverBuilder::new(chain(), source.clone()).clock(with_tokio());
    let receiver = receiver.build().unwrap();
    let good = callback(&signer);
    assert_eq!(timed(&receiver, &good).await, (ACCEPTED, AT_ONCE));
    source.close(true);
    wait(DAY).await;
    for minute in 0..500 {
        let response = timed(&receiver, &good).await;
        assert_eq!(response, (ACCEPTED, AT_ONCE), "minute {minute}");
        wait(MINUTE).await;
    }
    // The twins: a callback that only a fetch can decide waits for five seconds, and is not refused for good.
    let (response, waited) = timed(&receiver, &forged(&signer)).await;
    assert_eq!((response.status, response.kind), (503, Some(Stale)));
    assert_eq!(waited, PATIENCE);
    source.close(false);
    wait(MINUTE).await;
    assert_eq!(timed(&receiver, &forged(&signer)).await, (MISMATCH, AT_ONCE));
    assert_eq!(timed(&receiver, &good).await, (ACCEPTED, AT_ONCE));
}

#[tokio::test(start_paused = true)]
async fn a_certificate_host_that_hangs_from_the_start_is_reported_after_five_seconds() {
    let signer = ISSUER.signer().unwrap();
    let source = Valve::of(Scripted::serving(&signer));
    source.close(true);
    let receiver = ReceiverBuilder::new(chain(), source.clone()).clock(with_tokio());
    let receiver = receiver.build().unwrap();
    let good = callback(&signer);
    let response = timed(&receiver, &good).await;
    assert_eq!(response, (later_by(Source, 5), PATIENCE));
    source.close(false);
    wait(5).await;
    assert_eq!(timed(&receiver, &good).await, (ACCEPTED, AT_ONCE));
    assert_eq!(timed(&receiver, &forged(&signer)).await, (MISMATCH, AT_ONCE));
}

/// An HTTP client that never responds, whatever its deadline, for certificates and lists.
#[tokio::test(start_paused = true)]
async fn a_client_that_ignores_its_deadline_delays_no_callback_of_a_good_signer() {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    let web = Web::default().publishing(&issuer, super::BASE);
    web.page(DISPATCH_URL, 200, signer.certificate().to_vec());
    let client = Valve::of(web.clone());
    let build = || {
        ReceiverBuilder::new(chain_of(&issuer, Revocation::BestEffort), Scripted::new([]))
            .http_client(client.clone())
            .authorities(authorities(client.clone()))
            .clock(with_tokio())
            .build()
            .unwrap()
    };
    let receiver = build();
    let good = callback(&signer);
    assert_eq!(timed(&receiver, &good).await, (ACCEPTED, AT_ONCE));
    client.close(true);
    for hour in 0..48 {
        wait(HOUR).await;
        let response = timed(&receiver, &good).await;
        assert_eq!(response, (ACCEPTED, AT_ONCE), "hour {hour}");
    }
    let (response, waited) = timed(&receiver, &forged(&signer)).await;
    assert_eq!((response.status, response.kind), (503, Some(Stale)));
    assert_eq!(waited, PATIENCE);
    // A receiver that starts now: late, but not refused for good.
    let cold = build();
    let response = timed(&cold, &good).await;
    assert_eq!(response, (later_by(Source, 5), PATIENCE));

    client.close(false);
    wait(MINUTE).await;
    assert_eq!(timed(&cold, &good).await, (ACCEPTED, AT_ONCE));
    for receiver in [&receiver, &cold] {
        let response = timed(receiver, &forged(&signer)).await;
        assert_eq!(response, (MISMATCH, AT_ONCE));
    }
}

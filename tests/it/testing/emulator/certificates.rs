//! The certificate host: rotation, revocation and outages.

use std::time::Duration;

use partner_center_webhooks::EventName;
use partner_center_webhooks::chain::Revocation;
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::partner_center::Outcome;
use serde_json::json;
use time::OffsetDateTime;

use super::{Credulous, MINUTE, Verifying, ended, pair, register, registered, statuses};
use crate::support::{ISSUER, NOW};

#[tokio::test]
async fn a_rotation_loses_no_callback() {
    let (partner_center, service) = pair().await;
    let event = EventName::SubscriptionUpdated;
    let before = partner_center.emit(&event).unwrap();
    assert_eq!(statuses(&ended(&partner_center, before).await), [Some(200)]);
    let old = partner_center.signer().unwrap();
    partner_center.rotate().unwrap();
    partner_center.advance(MINUTE);
    assert_ne!(partner_center.signer().unwrap().certificate(), old.certificate());
    let after = partner_center.emit(&event).unwrap();
    let again = partner_center.replay(before).unwrap();
    assert_eq!(statuses(&ended(&partner_center, after).await), [Some(200)]);
    assert_eq!(
        statuses(&ended(&partner_center, again).await),
        [Some(200)],
        "signed before the rotation"
    );
    let body = |number| partner_center.delivery(number).unwrap().body().clone();
    assert_eq!(body(before), body(again));
    assert_ne!(body(before), body(after));
    assert_eq!(service.accepted(), 3);
}

#[tokio::test]
async fn each_attempt_can_be_signed_anew() {
    let (service, url) = Credulous::start([500, 200]).await;
    let partner_center = registered(&url).await;
    partner_center.configure(|quirks| {
        quirks.signs_each_attempt = true;
        quirks.first_pause = Duration::from_secs(1);
    });
    partner_center.emit(&EventName::InvoiceReady).unwrap();
    while service.seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    partner_center.rotate().unwrap();
    partner_center.settled().await;
    let seen = service.seen();
    assert_eq!(seen[0].2, seen[1].2);
    assert_ne!(seen[0].1["authorization"], seen[1].1["authorization"]);
}

#[tokio::test]
async fn a_revoked_signer_is_refused_and_its_successor_accepted() {
    let (partner_center, _) = pair().await;
    let strict = async || {
        let receiver = partner_center.receiver_builder(AwsLcRs::new()).unwrap();
        let receiver = receiver.revocation(Revocation::Required).build().unwrap();
        let (_, url) = Verifying::start(receiver).await;
        register(&partner_center, &url, &json!({}));
    };
    partner_center.configure(|quirks| quirks.delivery_attempts = 1);
    let emit = async || {
        let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
        statuses(&ended(&partner_center, number).await)
    };
    strict().await;
    assert_eq!(emit().await, [Some(200)]);
    partner_center.revoke().unwrap();
    strict().await;
    assert_eq!(emit().await, [Some(401)], "by a receiver without older revocation lists");
    partner_center.rotate().unwrap();
    strict().await;
    assert_eq!(emit().await, [Some(200)]);
}

#[tokio::test]
async fn an_outage_of_the_certificate_host_loses_nothing() {
    let (partner_center, service) = pair().await;
    let receiver = partner_center.receiver_builder(AwsLcRs::new()).unwrap();
    let (cold, url) = Verifying::start(receiver.build().unwrap()).await;
    register(&partner_center, &url, &json!({}));
    partner_center.stop_certificate_host();
    partner_center.configure(|quirks| quirks.first_pause = Duration::from_millis(50));
    let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
    while partner_center.delivery(number).unwrap().attempts().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    partner_center.start_certificate_host();
    // A failed fetch is not repeated for ten seconds.
    partner_center.advance(MINUTE);
    let delivery = ended(&partner_center, number).await;
    assert_eq!(statuses(&delivery)[..2], [Some(503), Some(503)], "{delivery}");
    assert_eq!(delivery.outcome(), Outcome::Delivered);
    assert_eq!((cold.accepted(), service.accepted()), (1, 0));
}

#[tokio::test]
async fn clock_and_issuer_can_be_set() {
    let now = OffsetDateTime::from_unix_timestamp(NOW.as_secs().try_into().unwrap()).unwrap();
    let builder = PartnerCenter::builder().issuer(ISSUER.clone());
    let partner_center = builder.clock(move || now).start().await.unwrap();
    assert_eq!(partner_center.anchors_pem().unwrap(), ISSUER.root_pem());
    let receiver = partner_center.receiver_builder(AwsLcRs::new()).unwrap();
    let (service, url) = Verifying::start(receiver.build().unwrap()).await;
    register(&partner_center, &url, &json!({}));
    let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
    let delivery = ended(&partner_center, number).await;
    assert_eq!((delivery.outcome(), service.accepted()), (Outcome::Delivered, 1), "{delivery}");
    let body = std::str::from_utf8(delivery.body()).unwrap();
    assert!(body.contains(r#""ResourceChangeUtcDate":"2026-11-21T00:00:00+00:00""#), "{body}");
}

//! Forged callbacks, one at a time and among genuine ones.

use partner_center_webhooks::EventName;
use partner_center_webhooks::testing::partner_center::{Forgery, Origin, Outcome};
use serde_json::json;

use super::{Credulous, MINUTE, ended, pair, register, statuses};

#[tokio::test]
async fn forgeries_are_sent_once_and_refused() {
    let (partner_center, service) = pair().await;
    for forgery in Forgery::ALL.iter().copied() {
        let number = partner_center.forge(forgery).unwrap();
        let delivery = ended(&partner_center, number).await;
        let expected = match forgery {
            Forgery::WeakAlgorithm => 400,
            Forgery::AnotherBody | Forgery::Elsewhere | Forgery::NoSignature => 401,
            // Their certificates lie at an allowed location, so a configuration error would look the same.
            _ => 503,
        };
        assert_eq!(statuses(&delivery), [Some(expected)], "{delivery}");
        assert_eq!(delivery.outcome(), Outcome::Refused);
        assert_eq!(delivery.origin(), Origin::Forgery(forgery));
        assert_eq!(forgery.as_str().parse::<Forgery>().unwrap(), forgery);
    }
    assert_eq!(service.accepted(), 0);
    let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
    assert_eq!(statuses(&ended(&partner_center, number).await), [Some(200)]);

    let (_, url) = Credulous::start([]).await;
    register(&partner_center, &url, &json!({}));
    let number = partner_center.forge(Forgery::NoSignature).unwrap();
    let delivery = ended(&partner_center, number).await;
    assert_eq!(
        delivery.outcome(),
        Outcome::AcceptedForgery,
        "a service that does not verify is detected"
    );
    let line = delivery.to_string();
    assert!(line.ends_with(" ms, accepted a forgery"), "{line}");
    let deliveries = format!("{}/emulator/deliveries", partner_center.base_url());
    let deliveries = reqwest::get(deliveries).await.unwrap().text().await.unwrap();
    let deliveries: serde_json::Value = serde_json::from_str(&deliveries).unwrap();
    let last = deliveries.as_array().unwrap().last().unwrap();
    assert_eq!(last["outcome"], "accepted a forgery");
}

#[tokio::test(flavor = "multi_thread")]
async fn genuine_and_forged_callbacks_around_a_rotation() {
    let (partner_center, service) = pair().await;
    let mut genuine = Vec::new();
    for index in 0..300 {
        if index == 150 {
            partner_center.rotate().unwrap();
            partner_center.advance(MINUTE);
        }
        match index % 10 {
            0..3 => {
                let kinds = Forgery::ALL;
                partner_center.forge(kinds[index % kinds.len()]).unwrap();
            }
            _ => genuine.push(partner_center.emit(&EventName::SubscriptionUpdated).unwrap()),
        }
        if index == 0 {
            // A receiver that fetched the old certificate before the rotation accepts its signatures.
            partner_center.emit(&EventName::InvoiceReady).unwrap();
            partner_center.settled().await;
        }
    }
    partner_center.settled().await;
    let deliveries = partner_center.deliveries();
    for delivery in &deliveries {
        match delivery.origin() {
            Origin::Event => assert_eq!(statuses(delivery), [Some(200)], "{delivery}"),
            _ => assert_eq!(delivery.outcome(), Outcome::Refused, "{delivery}"),
        }
    }
    assert_eq!((deliveries.len(), genuine.len()), (301, 210));
    assert_eq!(service.accepted(), 211);
}

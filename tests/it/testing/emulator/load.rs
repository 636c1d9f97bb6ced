//! Two hundred concurrent connections from the emulated Partner Center: 30 % of the callbacks are forged and 10 % replayed,
//! some handlers fail or panic at first, and the certificate is rotated halfway.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use partner_center_webhooks::crypto::{AwsLcRs, Backend as _};
use partner_center_webhooks::duplicates::InMemory;
use partner_center_webhooks::signature::BodyDigest;
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::partner_center::{Forgery, Origin, Outcome};
use serde_json::json;

use super::{MINUTE, statuses};
use crate::support::fronts::{Calls, FAIL, Front, Handler, PANIC};

const CALLBACKS: usize = 1000;

/// The body of a genuine event. For a few of them the handler fails at first.
fn body(number: usize) -> String {
    let name = match number % 100 {
        16 => FAIL,
        37 => PANIC,
        _ => "subscription-updated",
    };
    format!(r#"{{"EventName":"{name}","Number":{number}}}"#)
}

async fn emulator() -> PartnerCenter {
    let partner_center = PartnerCenter::builder()
        .concurrent_attempts(NonZeroUsize::new(200).unwrap())
        .start()
        .await
        .unwrap();
    partner_center.configure(|quirks| {
        quirks.first_pause = Duration::from_millis(5);
        quirks.supported_events.extend([FAIL.into(), PANIC.into()]);
    });
    partner_center
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_refused_or_handled_twice() {
    for front in [Front::ActixMiddleware, Front::AxumClaimed, Front::AxumLayer, Front::TowerLayer] {
        let partner_center = emulator().await;
        let receiver = partner_center.receiver_builder(AwsLcRs::new()).unwrap();
        let receiver = receiver.build().unwrap();
        // A receiver that fetched the first certificate before the rotation accepts its signatures.
        assert!(receiver.warm_up().await.is_empty());
        let handler = Handler::new();
        let guard = Arc::new(InMemory::new());
        let address = front.serve(receiver, guard, &handler).await;
        partner_center.set_registration(&json!({
            "webhookUrl": format!("http://{address}/webhooks/callback"),
            "webhookEvents": ["subscription-updated", FAIL, PANIC],
        }));

        let (mut genuine, mut expected) = (Vec::new(), HashMap::new());
        for number in 0..CALLBACKS {
            if number == CALLBACKS / 2 {
                partner_center.rotate().unwrap();
                partner_center.advance(MINUTE);
            }
            // Keeps the number of deliveries in progress near the limit.
            if number % 250 == 249 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            match number % 10 {
                0 | 3 | 8 => {
                    let kind = Forgery::ALL[number % Forgery::ALL.len()];
                    partner_center.forge(kind).unwrap();
                }
                // While its first delivery is in progress.
                5 => drop(partner_center.replay(genuine[genuine.len() - 1]).unwrap()),
                _ => {
                    genuine.push(partner_center.emit_body(body(number)).unwrap());
                    let digest = AwsLcRs::new().sha256(body(number).as_bytes());
                    let begun = if matches!(number % 100, 16 | 37) { 2 } else { 1 };
                    let calls = Calls { begun, succeeded: 1 };
                    expected.insert(BodyDigest::from_bytes(digest).to_string(), calls);
                }
            }
        }
        partner_center.settled().await;

        assert_eq!((genuine.len(), expected.len()), (600, 600));
        assert_eq!(handler.calls(), expected, "{front:?}");
        let mut counts = [0; 3];
        for delivery in partner_center.deliveries() {
            let refused =
                |status: &Option<u16>| status.is_some_and(|status| (400..500).contains(&status));
            let statuses = statuses(&delivery);
            match delivery.origin() {
                Origin::Forgery(_) => {
                    assert_eq!(delivery.outcome(), Outcome::Refused, "{front:?} {delivery}");
                    // Refused certificates are 503, because a configuration error would look the same.
                    let is_refused = |status: &Option<u16>| refused(status) || *status == Some(503);
                    assert!(statuses.iter().all(is_refused), "{front:?} {delivery}");
                    counts[0] += 1;
                }
                Origin::Event => {
                    assert_eq!(delivery.outcome(), Outcome::Delivered, "{front:?} {delivery}");
                    assert!(!statuses.iter().any(refused), "{front:?} {delivery}");
                    counts[1] += 1;
                }
                // Already handled, or being handled on another connection.
                _ => {
                    assert!(matches!(statuses[..], [Some(200 | 503)]), "{front:?} {delivery}");
                    counts[2] += 1;
                }
            }
        }
        assert_eq!(counts, [300, 600, 100]);
    }
}

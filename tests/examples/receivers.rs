//! The receivers on each framework, with the emulator in front of them.

use partner_center_webhooks::EventName;
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::partner_center::{Forgery, Outcome};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::http::send;
use crate::process::example;
use crate::running::Running;

#[test]
fn events_are_received_and_forgeries_are_refused() {
    for name in ["actix_web", "axum", "tower"] {
        let runtime = Runtime::new().unwrap();
        let partner_center = runtime.block_on(PartnerCenter::start()).unwrap();
        let mut command = example(name);
        command.env("EMULATOR", partner_center.base_url()).env("LISTEN", "127.0.0.1:0");
        let mut receiver = Running::spawn(&mut command);
        partner_center.set_registration(&json!({
            "webhookUrl": format!("http://{}/webhooks/callback", receiver.address),
            "webhookEvents": ["invoice-ready"],
        }));
        partner_center.emit(&EventName::InvoiceReady).unwrap();
        for forgery in Forgery::ALL {
            partner_center.forge(*forgery).unwrap();
        }
        runtime.block_on(partner_center.settled());
        let outcomes: Vec<_> = partner_center
            .deliveries()
            .iter()
            .map(|delivery| (delivery.outcome(), delivery.attempts()[0].status().is_some()))
            .collect();
        assert_eq!(outcomes[0], (Outcome::Delivered, true), "{name}");
        assert!(outcomes[1..].iter().all(|it| *it == (Outcome::Refused, true)), "{name}");
        assert!(receiver.line().starts_with("invoice-ready "), "{name}");

        let request = |line: &str| {
            let request =
                format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            send(receiver.address, request.as_bytes()).status
        };
        assert_eq!(request("GET /webhooks/callback"), 405, "{name}");
        assert_eq!(request("GET /elsewhere"), 404, "{name}");
    }
}

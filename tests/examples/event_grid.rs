//! The examples for Event Grid, with fakes on both sides.

use partner_center_webhooks::EventName;
use partner_center_webhooks::testing::partner_center::Outcome;
use partner_center_webhooks::testing::{EventGrid, PartnerCenter};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::http::send;
use crate::process::example;
use crate::running::Running;

#[test]
fn authentic_events_are_received_and_others_are_not() {
    let secret = "kGZ4vN0mS2rQ8xTb";
    let mut command = example("event_grid_receive");
    command.env("EVENT_GRID_SECRET", secret).env("LISTEN", "127.0.0.1:0");
    let mut receiver = Running::spawn(&mut command);
    let event = r#"{"specversion":"1.0","id":"1","source":"/a","type":"Contoso.Ordered"}"#;
    let post = |code: &str| {
        let length = event.len();
        let request = format!(
            "POST /events?code={code} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{event}"
        );
        send(receiver.address, request.as_bytes()).status
    };
    assert_eq!(post("guess"), 401);
    assert_eq!(post(secret), 204);
    assert_eq!(receiver.line(), "Contoso.Ordered 1\n");
}

#[test]
fn a_callback_is_acknowledged_once_its_event_is_published() {
    let runtime = Runtime::new().unwrap();
    let partner_center = runtime.block_on(PartnerCenter::start()).unwrap();
    let grid = runtime.block_on(EventGrid::start()).unwrap();
    let start = |key: &str| {
        let mut command = example("forward");
        command
            .env("EMULATOR", partner_center.base_url())
            .env("EVENT_GRID_ENDPOINT", grid.endpoint())
            .env("EVENT_GRID_KEY", key)
            .env("CHANNEL", "fabrikam")
            .env("LISTEN", "127.0.0.1:0");
        Running::spawn(&mut command)
    };
    partner_center.configure(|quirks| quirks.delivery_attempts = 1);
    let emit = |forward: &Running| {
        partner_center.set_registration(&json!({
            "webhookUrl": format!("http://{}/webhooks/callback", forward.address),
            "webhookEvents": ["invoice-ready"],
        }));
        let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
        runtime.block_on(partner_center.settled());
        partner_center.delivery(number).unwrap().outcome()
    };
    assert_eq!(emit(&start("bm8=")), Outcome::Offline, "of another namespace");
    assert_eq!(grid.accepted().len(), 0);
    let mut forward = start(&grid.access_key());
    assert_eq!(emit(&forward), Outcome::Delivered);
    assert!(forward.line().starts_with("invoice-ready "));
    assert_eq!(grid.accepted()[0].channel(), Some("fabrikam"));
}

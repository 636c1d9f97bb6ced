//! The log events of a receiver, exported.

use crate::process::run;

#[test]
fn each_event_is_a_line_and_each_outcome_a_counter() {
    let ended = run::<&str>("observe", &[]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    let (events, counters) = ended.stdout.split_at(ended.stdout.find("partner_center").unwrap());
    let told: Vec<_> = events
        .lines()
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let fields: Vec<_> = event.as_object().unwrap().keys().cloned().collect();
            format!("{} {}", event["outcome"].as_str().unwrap(), fields.join(" "))
        })
        .collect();
    let accepted = "accepted digest event level message outcome signer";
    let refused = "refused kind level message outcome reason status verdict";
    let expected = [
        accepted,
        "completed digest level message outcome",
        refused,
        accepted,
        "duplicate digest level message outcome",
        refused,
    ];
    assert_eq!(told, expected);
    assert_eq!(
        counters,
        r#"partner_center_webhooks_total{outcome="accepted"} 2
partner_center_webhooks_total{outcome="completed"} 1
partner_center_webhooks_total{outcome="duplicate"} 1
partner_center_webhooks_total{outcome="refused",kind="envelope",status="401",verdict="forged"} 1
partner_center_webhooks_total{outcome="refused",kind="signature",status="401",verdict="forged"} 1
"#
    );
}

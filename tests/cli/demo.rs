//! `demo`, the first command of the README.

use partner_center_webhooks::EventName;
use partner_center_webhooks::testing::partner_center::Forgery;
use serde_json::Value;

use crate::process::{program, run};

#[test]
fn every_verdict_is_right() {
    let ended = run::<&str>("demo", &[]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{}", ended.stdout);
    for name in EventName::ALL {
        let line = format!("accepted   {:<50} 200", name.as_str());
        assert_eq!(ended.stdout.lines().filter(|found| *found == line).count(), 1, "{name}");
    }
    for forgery in Forgery::ALL {
        let start = format!("refused    {:<50} ", forgery.as_str());
        let lines = ended.stdout.lines().filter(|line| line.starts_with(&start));
        assert_eq!(lines.count(), 1, "{forgery}");
    }
    let sums: Vec<_> = ended.stdout.lines().rev().take(2).collect();
    assert_eq!(sums[1], "accepted   33 of 33 events");
    assert_eq!(
        sums[0],
        "refused     8 of  8 forgeries   another-body 401 · another-service 503 · elsewhere 401 · expired 503 · \
         foreign-issuer 503 · no-signature 401 · self-signed 503 · weak-algorithm 400"
    );
}

#[test]
fn machines_can_read_it() {
    let ended = run("demo", &["--json"]);
    let object: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&object["events"], &object["accepted"]), (&33.into(), &33.into()));
    assert_eq!((&object["forgeries"], &object["refused"]), (&8.into(), &8.into()));
    assert_eq!(object["verdicts"].as_array().unwrap().len(), 41);
}

#[test]
fn a_proxy_in_the_environment_is_not_asked() {
    let nowhere = "http://127.0.0.1:1";
    let output = program()
        .arg("demo")
        .envs([("http_proxy", nowhere), ("HTTP_PROXY", nowhere)])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
}

//! The example of the README.

use crate::process::run;

#[test]
fn the_event_is_received_and_the_forgery_is_refused() {
    let ended = run::<&str>("quickstart", &[]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{}", ended.stdout);
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0], "received subscription-updated");
    assert!(lines[1].starts_with("delivery 1 subscription-updated attempt 1: 200 in "));
    assert!(lines[1].ends_with(" ms, delivered"));
    let forged = "delivery 2 subscription-updated (forgery another-body) attempt 1: 401 in ";
    assert!(lines[2].starts_with(forged) && lines[2].ends_with(" ms, refused"), "{lines:?}");
}

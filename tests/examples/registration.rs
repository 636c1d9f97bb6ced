//! The registration, against a fake Partner Center.

use crate::process::run;

#[test]
fn a_registration_grows_and_is_tested() {
    let ended = run::<&str>("registration", &[]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{}", ended.stdout);
    let lines: Vec<_> = ended.stdout.lines().collect();
    let url = "https://contoso.example/webhooks/callback";
    assert_eq!(
        lines[..3],
        [
            &format!("register `{url}` for test-created, invoice-ready"),
            "nothing to change",
            "update the registration: add subscription-updated",
        ]
    );
    assert!(lines[3].starts_with("test event: "), "{lines:?}");
}

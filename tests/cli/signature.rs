//! `signature`.

use serde_json::Value;

use crate::process::{Directory, run};

/// The example of the specification, `webhook-signature` included.
/// Source: "Standard Webhooks", section "Signature scheme" and its reference libraries' tests.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIMESTAMP: &str = "1614265330";
const BODY: &str = r#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

#[test]
fn a_body_is_signed_as_specified() {
    let directory = Directory::new();
    let secrets = directory.write("secrets", SECRET);
    let body = directory.write("body.json", BODY);
    let files = ["--secret-file", &secrets, "--body", &body];
    let given = ["--id", ID, "--timestamp", TIMESTAMP];
    let signed = run("signature sign", &[files, given].concat());
    let expected = format!(
        "webhook-id: {ID}\nwebhook-timestamp: {TIMESTAMP}\nwebhook-signature: {SIGNATURE}\n"
    );
    assert_eq!((signed.code, signed.stdout), (Some(0), expected));

    let verify = |signature: &str, id: &str| {
        let given = ["--id", id, "--timestamp", TIMESTAMP, "--signature", signature];
        let ended = run("signature verify", &[&files[..], &given].concat());
        (ended.code, ended.stdout)
    };
    let valid = (Some(0), "valid\n".to_owned());
    let invalid = (Some(1), "invalid\n".to_owned());
    assert_eq!(verify(SIGNATURE, ID), valid);
    assert_eq!(verify(&format!("v1,AAAA v2,x {SIGNATURE}"), ID), valid, "one of several");
    assert_eq!(verify(SIGNATURE, "msg_other"), invalid);
    assert_eq!(verify("v1,AAAA", ID), invalid);
    assert_eq!(verify(&SIGNATURE.replace("v1", "v2"), ID), invalid);

    // Two secrets sign, so that either can be retired.
    let new = run::<&str>("signature new", &[]).stdout;
    assert!(new.starts_with("whsec_") && new.len() == "whsec_\n".len() + 44, "{new}");
    directory.write("secrets", format!("{new}{SECRET}\n"));
    let signed = run("signature sign", &[files, given].concat()).stdout;
    let signatures = signed.lines().last().unwrap().to_owned();
    assert!(signatures.ends_with(&format!(" {SIGNATURE}")), "{signatures}");
    assert_eq!(verify(signatures.trim_start_matches("webhook-signature: "), ID), valid);
}

#[test]
fn a_file_without_secrets_is_refused() {
    let directory = Directory::new();
    let body = directory.write("body.json", BODY);
    for text in ["", "secret", "whsec_", "whsec_*"] {
        let secrets = directory.write("secrets", text);
        let ended = run("signature sign", &["--secret-file", &secrets, "--body", &body, "--json"]);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{text}");
        assert!(
            ended.stderr.ends_with("\n  try: partner-center signature new\n"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn json_has_the_headers() {
    let directory = Directory::new();
    let secrets = directory.write("secrets", SECRET);
    let body = directory.write("body.json", BODY);
    let ended = run("signature sign", &["--secret-file", &secrets, "--body", &body, "--json"]);
    let object: Value = serde_json::from_str(&ended.stdout).unwrap();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        assert!(object[name].is_string(), "{name}");
    }
}

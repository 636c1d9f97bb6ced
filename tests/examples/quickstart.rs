//! The first command of the README.

use partner_center_webhooks::EventName;

use crate::process::{example, run};

#[test]
fn every_verdict_is_the_expected_one() {
    let ended = run::<&str>("quickstart", &[]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{}", ended.stdout);

    for name in EventName::ALL {
        let start = format!("  200  {name} ");
        let lines = ended.stdout.lines().filter(|line| line.starts_with(&start));
        assert_eq!(lines.count(), 1, "{name}");
    }
    assert_eq!(
        ended.stdout.lines().last(),
        Some(
            "70 callbacks: 37 genuine accepted, 28 forgeries refused, 5 others refused, 0 surprises"
        )
    );
    assert!(!ended.stdout.contains("!!"));
}

#[test]
fn every_refusal_names_its_stage_and_its_reason() {
    let stdout = run::<&str>("quickstart", &[]).stdout;
    for (what, verdict, stage, reason) in [
        (
            "parsed and written again",
            401,
            "signature",
            "does not match the body (545 bytes, SHA-256 ",
        ),
        (
            "algorithm `rsa-sha1`",
            400,
            "envelope",
            "algorithm `rsa-sha1` is not accepted (accepted: rsa-sha256, ",
        ),
        ("a query", 401, "location", "refused: `?` at offset 93 is not allowed in it"),
        (
            "Microsoft's, of another service",
            503,
            "chain",
            "DNS names `metadata.azure.com`, issuer `C=US, ",
        ),
        ("a body over the limit", 413, "body", "the body is longer than 4096 bytes"),
        ("genuine, but not an event", 503, "event", "body is an array (expected a JSON object)"),
        ("a certificate that is not there", 503, "source", "returned 404 (expected 200; "),
    ] {
        let line = format!("  {verdict}  {what:<50}  {stage}");
        let mut lines = stdout.lines().skip_while(|found| *found != line);
        assert_eq!(lines.next(), Some(&*line), "{stdout}");
        let told: Vec<_> = lines.map_while(|line| line.strip_prefix("       ")).collect();
        assert!(told.join(" ").contains(reason), "{told:?}");
    }
}

#[test]
fn a_proxy_in_the_environment_is_not_asked() {
    let nobody = "http://127.0.0.1:1";
    let output = example("quickstart")
        .envs([("http_proxy", nobody), ("HTTP_PROXY", nobody)])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
}

//! The first ten minutes of each reader, line by line, on the emulator.

use crate::http::post;
use crate::microsoft::SIGNER;
use crate::process::{Directory, Ended, program, run};
use crate::running::Running;

#[test]
fn the_first_ten_minutes_of_a_rust_developer() {
    // $ partner-center demo
    let demo = run::<&str>("demo", &[]);
    assert_eq!(demo.code, Some(0));
    let sums: Vec<_> = demo.stdout.lines().rev().take(2).collect();
    assert_eq!(sums[1], "accepted   33 of 33 events");
    assert!(sums[0].starts_with("refused     8 of  8 forgeries   another-body 401 · "), "{sums:?}");
    assert!(sums[0].ends_with(" · weak-algorithm 400"), "{sums:?}");

    // $ partner-center emulate
    let usual = ["emulate", "--listen", "127.0.0.1:0", "--ephemeral"];
    let emulator = Running::spawn(program().args(usual));
    let url = &emulator.url;
    emulator.wait_for_log("in Rust: ");
    assert_eq!(
        emulator.log(),
        format!(
            "ready: {url}\npage: {url}/emulator/\ntry: partner-center receive --danger-trust-emulator {url} --print\nin Rust: \
             testing::Emulator::trust(\"{url}\")\n"
        )
    );

    // The line that it says to try, on a free port.
    let receiver = Running::receiver(&["--danger-trust-emulator", url]);
    assert_eq!(run("emulate register", &[&receiver.url, "--emulator", url]).code, Some(0));

    // $ partner-center emulate emit subscription-updated --wait
    let emitted = run("emulate emit subscription-updated --wait", &["--emulator", url]);
    assert_eq!((emitted.code, &*emitted.stderr), (Some(0), ""));
    let words: Vec<_> = emitted.stdout.split_whitespace().collect();
    assert_eq!(words[..5], ["delivery", "1", "subscription-updated", "200", "in"]);
    assert_eq!(words[6..], ["ms", "delivered"]);

    // $ partner-center emulate forge all --wait ; echo $?
    let forged = run("emulate forge all --wait", &["--emulator", url]);
    assert_eq!((forged.code, &*forged.stdout), (Some(0), "8 forgeries, 8 refused\n"));

    // $ partner-center emulate emit subscripton-updated
    let misspelled = run("emulate emit subscripton-updated", &["--emulator", url]);
    assert_eq!(misspelled.code, Some(2));
    let start = "error: no event `subscripton-updated`\n  try: partner-center emulate emit subscription-updated\n";
    assert!(misspelled.stderr.starts_with(start), "{}", misspelled.stderr);
}

/// What a command says that succeeds, without the words that differ between runs.
#[track_caller]
fn says(ended: &Ended, start: &str, end: &str) {
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{}", ended.stdout);
    assert!(ended.stdout.starts_with(start), "{}", ended.stdout);
    assert!(ended.stdout.ends_with(end), "{}", ended.stdout);
}

#[test]
fn the_first_ten_minutes_of_a_team_with_another_language() {
    // $ partner-center config init --with-secret
    let directory = Directory::new();
    let config = directory.path("config/config.toml");
    let begun = run("config init --with-secret", &["--output", &config]);
    let secret = directory.path("config/deliver.secret");
    assert_eq!((begun.code, begun.stdout), (Some(0), format!("{config}\n{secret}\n")));
    let told = format!("wrote {config}\nwrote {secret}: give the secret to your application\n");
    assert_eq!(begun.stderr, told);

    // $ partner-center emulate &
    let emulator = Running::emulator(&["--ephemeral"]);
    let url = &emulator.url;

    // $ partner-center receive --danger-trust-emulator http://127.0.0.1:4400 --print &
    let mut receiver = Running::receiver(&["--danger-trust-emulator", url, "--config", &config]);
    receiver.wait_for_log("warm-up: the signing certificate is there");
    let log = receiver.log();
    let warning = format!("trusting the emulator at {url}; nothing from Microsoft will verify\n");
    assert!(log.lines().next().unwrap().ends_with(warning.trim_end()), "{log}");
    assert!(log.contains(&format!("\nready: {}\n", receiver.url)), "{log}");
    assert!(!log.contains("blob.core.windows.net"), "it looks nowhere else: {log}");

    // $ partner-center emulate register http://127.0.0.1:8080/webhooks/callback
    let registered = run("emulate register", &[&receiver.url, "--emulator", url]);
    let told = format!("registered {}; number of events: 33\n", receiver.url);
    assert_eq!((registered.code, registered.stdout), (Some(0), told));

    // $ partner-center emulate emit invoice-ready --wait
    let emitted = run("emulate emit invoice-ready --wait", &["--emulator", url]);
    says(&emitted, "delivery 1  invoice-ready  200 in ", " ms  delivered\n");
    // One line, which a program in any language reads, and which a repeated delivery repeats.
    let event: serde_json::Value = serde_json::from_str(&receiver.line()).unwrap();
    assert_eq!(event["event_name"], "invoice-ready");
    let repeated = run("emulate replay 1 --wait", &["--emulator", url]);
    says(&repeated, "delivery 2  invoice-ready (replay of 1)  200 in ", " ms  delivered\n");
    let again: serde_json::Value = serde_json::from_str(&receiver.line()).unwrap();
    assert_eq!(again["digest"], event["digest"]);

    // Production: $ partner-center register ensure --url … --event invoice-ready --event test-created
    let environment = environment(url);
    let register = |arguments: &[&str]| with(&environment, "register", arguments);
    let hook = ["--url", &receiver.url, "--danger-plain-http"];
    let events = ["ensure", "--event", "invoice-ready", "--event", "test-created"];
    says(&register(&[&events[..], &hook].concat()), "", "\n");
    // $ partner-center register test --wait
    let tested = register(&["test", "--wait"]);
    assert_eq!(tested.code, Some(0), "{tested:?}");
    assert!(tested.stderr.ends_with("completed, 1 attempt: OK\n"), "{tested:?}");
    assert!(tested.stdout.ends_with("\nthe callback accepted it\n"), "{tested:?}");
}

#[test]
fn an_operator_at_three_in_the_morning() {
    let emulator = Running::emulator(&["--ephemeral"]);
    let url = &emulator.url;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let operators = free.local_addr().unwrap().to_string();
    drop(free);
    let trust = ["--danger-trust-emulator", url];
    let receiver = Running::receiver(&[&trust[..], &["--admin-listen", &operators]].concat());
    assert_eq!(run("emulate register", &[&receiver.url, "--emulator", url]).code, Some(0));
    let environment = environment(url);

    // Something in front of the receiver replaces `Authorization`.
    let genuine = SIGNER.callback(r#"{"EventName":"invoice-ready"}"#).unwrap();
    let replaced = genuine.with_header("authorization", b"Bearer eyJ-secret").unwrap();
    assert_eq!(post(receiver.address, &replaced).status, 401);

    // $ partner-center doctor --receiver http://127.0.0.1:9464
    let operators = format!("http://{operators}");
    let doctor = |more: &[&str]| {
        let arguments = [&["--receiver", &operators][..], &trust, more].concat();
        let mut command = program();
        for proxy in ["https_proxy", "HTTPS_PROXY"] {
            command.env_remove(proxy);
        }
        let output = command.arg("doctor").args(arguments).envs(environment.clone()).output();
        Ended::from(output.unwrap())
    };
    let examined = doctor(&[]);
    assert_eq!(examined.code, Some(1), "{examined:?}");
    let lines: Vec<_> = examined.stdout.lines().collect();
    let told = "0 callbacks accepted, 1 refused since its start (1 × envelope); the last one: envelope: header `authorization` does \
                not use the scheme `Signature`; ";
    assert!(lines[0].starts_with(&format!("FAIL: receiver: {told}")), "{}", lines[0]);
    let starts: Vec<&str> = lines[1..7].iter().map(|line| line.get(..23).unwrap_or(line)).collect();
    assert_eq!(
        starts,
        [
            "  certificate   ok     ",
            "  network       ok     ",
            "  clock         ok     ",
            "  registration  ok     ",
            "  receiver      FAIL   ",
            "    try: partner-center",
        ]
    );
    assert_eq!(lines[6], "    try: partner-center register ensure --ms-signature");
    assert!(!examined.stdout.contains("eyJ-secret"), "{}", examined.stdout);

    // $ partner-center register ensure --ms-signature
    let changed =
        with(&environment, "register", &["ensure", "--ms-signature", "--danger-plain-http"]);
    assert_eq!(
        (changed.code, &*changed.stdout),
        (Some(0), "update the registration: the signature in x-ms-signature\n"),
        "{}",
        changed.stderr
    );
    // $ partner-center register test --wait
    let tested = with(&environment, "register", &["test", "--wait"]);
    assert_eq!(tested.code, Some(0), "{tested:?}");
    assert!(tested.stderr.ends_with("completed, 1 attempt: OK\n"), "{tested:?}");

    // $ partner-center doctor --receiver http://127.0.0.1:9464 --only receiver --only registration
    let examined = doctor(&["--only", "registration", "--only", "receiver"]);
    assert_eq!(examined.code, Some(0), "{examined:?}");
    let end = "33 events, signature in x-ms-signature\n";
    assert!(examined.stdout.contains(end), "{}", examined.stdout);
    assert!(
        examined.stdout.contains("  receiver      warning  1 callbacks accepted, 1 refused "),
        "{}",
        examined.stdout
    );

    // $ partner-center verify --request captured.http
    let directory = Directory::new();
    let head = "POST /webhooks/callback HTTP/1.1\r\nauthorization: Bearer eyJ-secret\r\n\r\n{}";
    let captured = directory.write("captured.http", head);
    let judged = run("verify", &[&trust[..], &["--request", &captured]].concat());
    assert_eq!(judged.code, Some(1));
    let told = "refused (envelope): header `authorization` does not use the scheme `Signature`\n  status  401\n";
    assert_eq!(judged.stdout, told);
}

/// The variables that `emulate env` prints.
fn environment(url: &str) -> Vec<(String, String)> {
    let told = run("emulate env", &["--emulator", url]).stdout;
    let pairs = told.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn with(environment: &[(String, String)], command: &str, arguments: &[&str]) -> Ended {
    let mut program = program();
    program.arg(command).args(arguments);
    program.envs(environment.iter().map(|(name, value)| (name, value)));
    program.output().unwrap().into()
}

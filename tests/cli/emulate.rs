//! `emulate`: the emulator, its actions, and a receiver beside it.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::send;
use crate::process::{Directory, Ended, program, run};
use crate::running::Running;

/// Runs an action of the emulator at `url`.
fn act(url: &str, arguments: &[&str]) -> Ended {
    run("emulate", &[arguments, &["--emulator", url]].concat())
}

/// Asserts that an action succeeded, and returns its output.
#[track_caller]
fn done(ended: Ended) -> String {
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{}", ended.stdout);
    ended.stdout.trim_end().to_owned()
}

#[test]
fn a_service_receives_its_callbacks() {
    let directory = Directory::new();
    let [anchors, intermediates, environment] =
        ["anchors", "issuers", "environment"].map(|name| directory.path(name));
    let mut emulator = Running::emulator(&[
        "--ephemeral",
        "--write-anchors",
        &anchors,
        "--write-intermediates",
        &intermediates,
        "--env-file",
        &environment,
    ]);
    let base_url = emulator.url.clone();
    let told = fs::read_to_string(environment).unwrap();
    let variable = |name: &str| {
        let mut lines = told.lines();
        lines.find_map(|line| line.strip_prefix(name)).unwrap().to_owned()
    };
    let location = variable("PARTNER_CENTER_CERTIFICATE_LOCATION=");
    assert_eq!(done(act(&base_url, &["env"])), told.trim_end());
    let trust = [
        "--anchors",
        &anchors,
        "--intermediates",
        &intermediates,
        "--danger-certificate-location",
        location.trim_end_matches('/'),
    ];
    let mut service = Running::receiver(&trust);
    let url = service.url.clone();

    let early = act(&base_url, &["emit", "invoice-ready"]);
    assert_eq!((early.code, &*early.stdout), (Some(2), ""));
    assert_eq!(
        early.stderr,
        "error: no webhook URL is registered\n  try: partner-center emulate register URL\n"
    );
    let registered = format!("registered {url}; number of events: 33");
    assert_eq!(done(act(&base_url, &["register", &url])), registered);
    let delivered = done(act(&base_url, &["emit", "invoice-ready", "--wait"]));
    assert!(delivered.starts_with("delivery 1  invoice-ready  200 in "), "{delivered}");
    assert!(delivered.ends_with(" ms  delivered"), "{delivered}");
    let attempt = emulator.line();
    assert!(attempt.starts_with("delivery 1 invoice-ready attempt 1: 200 in "), "{attempt}");
    assert!(attempt.ends_with(" ms, delivered\n"), "{attempt}");
    assert!(service.line().contains(r#""event_name":"invoice-ready""#));

    let changed = done(act(&base_url, &["signature-header", "x-ms-signature"]));
    assert_eq!(changed, "the registration is changed");
    let body =
        directory.write("body.json", r#"{"EventName":"subscription-updated","ResourceUri":null}"#);
    assert_eq!(done(act(&base_url, &["emit", "x", "--body", &body])), "delivery 2");
    assert!(emulator.line().ends_with(" ms, delivered\n"));
    assert!(service.line().contains(r#""resource_uri":null"#));

    let forged = done(act(&base_url, &["forge", "another-body", "--wait"]));
    assert!(forged.contains("(forgery another-body)  401 in "), "{forged}");
    let attempt = emulator.line();
    assert!(attempt.contains("(forgery another-body) attempt 1: 401 "), "{attempt}");
    let tested = done(act(&base_url, &["test", "--wait"]));
    assert!(tested.starts_with("delivery 4  test-created (validation event)  200 in "), "{tested}");
    assert!(emulator.line().contains("test-created (validation event) attempt 1: 200 "));
    assert!(service.line().contains(r#""event_name":"test-created""#));
    assert_eq!(done(act(&base_url, &["replay", "1"])), "delivery 5");
    assert!(emulator.line().contains("(replay of 1) attempt 1: 200 "));
    assert!(service.line().contains(r#""event_name":"invoice-ready""#));

    // Another program registers and requests a validation event, with the written configuration.
    let register = |arguments: &[&str]| {
        let mut command = program();
        command.arg("register").args(arguments);
        command.envs(told.lines().filter_map(|line| line.split_once('=')));
        let ended = Ended::from(command.output().unwrap());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout
    };
    let url = format!("{url}?again");
    register(&["ensure", "--url", &url, "--danger-plain-http", "--event", "test-created"]);
    assert!(register(&["show"]).contains(&url));
    register(&["test", "--wait", "--timeout", "20s"]);
    let attempt = emulator.line();
    assert!(
        attempt.starts_with("delivery 6 test-created (validation event) attempt 1: 200 "),
        "{attempt}"
    );
    assert!(service.line().contains(r#""event_name":"test-created""#));

    for process in [emulator, service] {
        process.signal("TERM");
        assert_eq!(process.end().code, Some(0));
    }
}

#[test]
fn a_receiver_that_trusts_the_emulator_is_up_within_two_commands() {
    let start = Instant::now();
    let mut emulator = Running::emulator(&["--ephemeral"]);
    let mut service = Running::receiver(&["--danger-trust-emulator", &emulator.url]);
    done(act(&emulator.url, &["register", &service.url]));
    done(act(&emulator.url, &["emit", "subscription-updated", "--wait"]));
    println!("up, with the first event accepted, after {:?}", start.elapsed());
    assert!(service.line().contains(r#""event_name":"subscription-updated""#));
    emulator.line();

    // Nothing of Microsoft is asked.
    service.wait_for_log("warm-up: the signing certificate is there");
    assert!(!service.log().contains("microsoft.com."), "{}", service.log());
    let warning =
        format!("trusting the emulator at {}; nothing from Microsoft will verify", emulator.url);
    assert_eq!(service.log().matches(&warning).count(), 1, "{}", service.log());

    let forged = act(&emulator.url, &["forge", "all", "--wait"]);
    assert_eq!(done(forged), "8 forgeries, 8 refused");
}

#[test]
fn a_receiver_that_does_not_verify_is_found_out() {
    // It responds 200 to everything.
    let careless = crate::http::serve(|_| Some(Vec::new()));
    let emulator = Running::emulator(&["--ephemeral", "--register", &careless]);
    let forged = act(&emulator.url, &["forge", "all", "--wait"]);
    assert_eq!((forged.code, &*forged.stderr), (Some(1), ""));
    assert!(forged.stdout.ends_with("\n8 forgeries, 0 refused\n"), "{}", forged.stdout);
    let forged = act(&emulator.url, &["forge", "all", "--wait", "--json"]);
    let object: Value = serde_json::from_str(&forged.stdout).unwrap();
    assert_eq!((&object["forgeries"], &object["refused"]), (&8.into(), &0.into()));

    // A receiver that does not respond has refused nothing.
    done(act(&emulator.url, &["register", "http://127.0.0.1:1/"]));
    let silent = act(&emulator.url, &["forge", "expired", "--wait"]);
    assert_eq!(silent.code, Some(3), "{silent:?}");
    assert!(silent.stderr.starts_with("error: the receiver did not respond\n"));
}

#[test]
fn the_identity_outlives_a_restart() {
    let directory = Directory::new();
    let state = directory.path("state");
    let identity = |arguments: &[&str]| {
        let emulator = Running::emulator(arguments);
        let environment = done(act(&emulator.url, &["env"]));
        let anchors = send(
            emulator.address,
            b"GET /emulator/anchors.pem HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        );
        let secret = "PARTNER_CENTER_CLIENT_SECRET=";
        let secret = environment.lines().find(|line| line.starts_with(secret)).unwrap();
        (secret.to_owned(), anchors.body)
    };
    let first = identity(&["--state", &state]);
    assert_eq!(identity(&["--state", &state]), first);
    assert_ne!(identity(&["--ephemeral"]), first);
    let file = format!("{state}/emulator.json");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    fs::write(&file, "{}").unwrap();
    let refused = run("emulate", &["--listen", "127.0.0.1:0", "--state", &state]);
    assert_eq!((refused.code, &*refused.stdout), (Some(2), ""));
    assert!(
        refused.stderr.ends_with("\n  try: partner-center emulate --ephemeral\n"),
        "{}",
        refused.stderr
    );
}

#[test]
fn it_does_not_end_with_standard_input() {
    let emulator = Running::emulator(&["--ephemeral"]);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(act(&emulator.url, &["deliveries"]).code, Some(0));
    emulator.signal("INT");
    assert_eq!(emulator.end().code, Some(0));
}

#[test]
fn it_can_have_another_base_url() {
    let address = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap()
    };
    let listen = address.to_string();
    let named = ["--base-url", "http://partner-center:4000/", "--ephemeral", "--listen", &listen];
    let emulator = Running::spawn(program().arg("emulate").args(named));
    assert_eq!(emulator.url, "http://partner-center:4000");
    let environment = done(act(&format!("http://{listen}"), &["env"]));
    let location = "PARTNER_CENTER_CERTIFICATE_LOCATION=http://partner-center:4000/cert/";
    assert!(environment.lines().any(|line| line == location), "{environment}");
    let get = |host: &str| {
        let request = format!(
            "GET /emulator/anchors.pem HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        );
        send(address, request.as_bytes())
    };
    assert_eq!(get("evil.example").status, 403);
    let response = get("partner-center:4000");
    assert_eq!(response.status, 200);
    assert!(response.body.starts_with("-----BEGIN CERTIFICATE-----"));
}

#[test]
fn the_exit_code_reports_the_outcome_of_a_script() {
    let directory = Directory::new();
    let script = |lines: &str| {
        let script = directory.write("script.txt", lines);
        let arguments = [
            "--listen",
            "127.0.0.1:0",
            "--ephemeral",
            "--first-pause",
            "1ms",
            "--attempts",
            "2",
            "--exit",
            "--script",
            &script,
        ];
        run("emulate", &arguments)
    };
    let helped = script("# a comment\nrotate\nwait\nhelp\n\nquit\nemit invoice-ready");
    assert_eq!(helped.code, Some(0));
    for word in ["signature-header NAME", "quit", "deliver-now"] {
        assert!(helped.stdout.contains(word), "{word}");
    }

    let failed = script("emit invoice-ready\nrotate");
    assert_eq!(failed.code, Some(1));
    assert!(
        failed.stderr.ends_with("\nerror: no webhook URL is registered\n"),
        "{}",
        failed.stderr
    );
    assert!(failed.stdout.contains("the signing certificate is rotated"));

    let given_up = script("register http://127.0.0.1:1/\nemit invoice-ready");
    assert_eq!(given_up.code, Some(1));
    assert!(!given_up.stderr.contains("error"), "{}", given_up.stderr);
    let attempts: Vec<_> = given_up.stdout.lines().rev().take(2).collect();
    assert!(
        attempts[1].starts_with("delivery 1 invoice-ready attempt 1: no response: "),
        "{attempts:?}"
    );
    assert!(
        attempts[1].ends_with(" ms, pending") && attempts[0].ends_with(" ms, offline"),
        "{attempts:?}"
    );
}

#[test]
fn faults_of_the_command_line_are_refused() {
    let directory = Directory::new();
    let script = directory.write("script.txt", "rotate\nforge\n");
    let other = directory.write("other.txt", "fly");
    let rows: &[(&[&str], &str)] = &[
        (
            &["--listen", "here"],
            "invalid value 'here' for '--emulator-listen <ADDR>': invalid socket address syntax",
        ),
        (
            &["--script", &script],
            &format!("--script {script}: line 2: `forge` needs a kind of forgery\n"),
        ),
        (&["--script", &other], &format!("--script {other}: line 1: `fly` is not a command\n")),
        (&["--exit"], "--script <FILE> is missing\n"),
        (
            &["--first-pause", "1"],
            "invalid value '1' for '--first-pause <DURATION>': it is not a duration",
        ),
    ];
    for (arguments, reason) in rows {
        let ended = run("emulate", arguments);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.starts_with(&format!("error: {reason}")), "{}", ended.stderr);
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run("emulate", &["--listen", &address, "--ephemeral"]);
    assert_eq!((ended.code, &*ended.stdout), (Some(3), ""));
    let reason = format!("error: cannot listen on {address}: ");
    assert!(ended.stderr.starts_with(&reason), "{}", ended.stderr);
}

#[test]
fn misspelled_words_are_answered_with_the_right_ones() {
    let ended = run("emulate", &["emti", "x"]);
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.stderr,
        "error: unrecognized subcommand 'emti'\n  try: partner-center emulate emit x\n  try: partner-center emulate --help\n"
    );
    let ended = run("emulate", &["emit", "subscripton-updated"]);
    assert_eq!((ended.code, &*ended.stdout), (Some(2), ""));
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines[0], "error: no event `subscripton-updated`");
    assert_eq!(lines[1], "  try: partner-center emulate emit subscription-updated");
    assert!(lines.len() <= 5, "{lines:?}");
    assert_eq!(lines.last(), Some(&"  try: partner-center emulate events"));
    let ended = run("emulate", &["forge", "expird"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.ends_with("\n  try: partner-center emulate forge expired\n"),
        "{}",
        ended.stderr
    );
    assert_eq!(run("emulate", &["events"]).stdout.lines().count(), 33);
}

#[test]
fn without_an_emulator_the_exit_code_is_3() {
    for action in [&["emit", "invoice-ready"][..], &["rotate"], &["deliveries", "--json"]] {
        let ended = act("http://127.0.0.1:1", action);
        assert_eq!((ended.code, &*ended.stdout), (Some(3), ""));
        assert!(
            ended.stderr.starts_with("error: no emulator responds at http://127.0.0.1:1\n"),
            "{}",
            ended.stderr
        );
        assert!(ended.stderr.ends_with("\n  try: partner-center emulate\n"), "{}", ended.stderr);
    }
    let other = crate::http::serve(|_| Some(b"{}".to_vec()));
    assert_eq!(act(&other, &["deliveries"]).code, Some(3));
    let trusting = ["--print", "--danger-trust-emulator", &other, "--listen", "127.0.0.1:0"];
    let ended = run("receive", &trusting);
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.contains("its response has no `emulator`"), "{}", ended.stderr);
}

#[test]
fn members_of_a_body_can_be_set() {
    let emulator = Running::emulator(&["--ephemeral", "--attempts", "1"]);
    done(act(&emulator.url, &["register", "http://127.0.0.1:1/"]));
    let set =
        ["--set", "ResourceUri=https://a.example/x=y", "--set", "AuditUri=null", "--set", "N=1"];
    done(act(&emulator.url, &[&["emit", "invoice-ready"][..], &set].concat()));
    let directory = Directory::new();
    let body = directory.write("body.json", r#"{"EventName":"invoice-ready","N":0}"#);
    done(act(&emulator.url, &["emit", "mine", "--body", &body, "--set", "N=\"1\""]));
    let list = done(act(&emulator.url, &["deliveries", "--json"]));
    let list: Value = serde_json::from_str(&list).unwrap();
    let bodies: Vec<Value> = (0..2)
        .map(|number: usize| serde_json::from_str(list[number]["body"].as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(bodies[0]["EventName"], "invoice-ready");
    assert_eq!(bodies[0]["ResourceName"], "invoice", "the rest is the sample");
    assert_eq!(bodies[0]["ResourceUri"], "https://a.example/x=y");
    assert_eq!((&bodies[0]["AuditUri"], &bodies[0]["N"]), (&Value::Null, &1.into()));
    assert_eq!(bodies[1], serde_json::json!({"EventName": "invoice-ready", "N": "1"}));

    let ended = act(&emulator.url, &["emit", "invoice-ready", "--set", "N"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("it has no `=` (expected MEMBER=VALUE)"), "{}", ended.stderr);
    let list = directory.write("list.json", "[]");
    let ended = act(&emulator.url, &["emit", "mine", "--body", &list, "--set", "N=1"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.starts_with("error: --set: the body is not an object: "),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_third_validation_event_in_a_minute_is_not_now() {
    let emulator = Running::emulator(&["--ephemeral", "--attempts", "1"]);
    done(act(&emulator.url, &["register", "http://127.0.0.1:1/"]));
    done(act(&emulator.url, &["test"]));
    done(act(&emulator.url, &["test"]));
    let third = act(&emulator.url, &["test"]);
    assert_eq!((third.code, &*third.stdout), (Some(3), ""));
    let start = "error: refused with status 429: Rate limit is exceeded. Try again in ";
    assert!(third.stderr.starts_with(start), "{}", third.stderr);
}

#[test]
fn it_is_reset_and_stopped_from_elsewhere() {
    let usual = ["emulate", "--listen", "127.0.0.1:0", "--ephemeral", "--first-pause", "1h"];
    let emulator = Running::spawn(program().args(usual));
    let url = emulator.url.clone();
    done(act(&url, &["register", "http://127.0.0.1:1/"]));
    done(act(&url, &["emit", "invoice-ready"]));
    done(act(&url, &["down"]));
    let outcome = || {
        let list = done(act(&url, &["deliveries", "--json"]));
        let list: Value = serde_json::from_str(&list).unwrap();
        (list[0]["outcome"].clone(), list[0]["attempts"].as_array().unwrap().len())
    };
    let first = ("pending".into(), 1);
    crate::running::wait_until(|| (outcome() == first).then_some(()), || "no attempt".to_owned());
    assert_eq!(done(act(&url, &["reset"])), "nothing is registered, and no delivery is pending");
    assert_eq!(outcome(), ("offline".into(), 1), "given up, and not attempted again");
    let early = act(&url, &["emit", "invoice-ready"]);
    assert!(early.stderr.starts_with("error: no webhook URL is registered\n"), "{}", early.stderr);
    // The certificate host is up, and the keys are the same: a receiver starts and accepts.
    let service = Running::receiver(&["--danger-trust-emulator", &url]);
    done(act(&url, &["register", &service.url]));
    let delivered = done(act(&url, &["emit", "invoice-ready", "--wait"]));
    assert!(delivered.starts_with("delivery 2  invoice-ready  200 in "), "{delivered}");

    assert_eq!(done(act(&url, &["stop"])), "the emulator stops");
    assert_eq!(emulator.end().code, Some(0));
    assert_eq!(act(&url, &["stop"]).code, Some(3), "there is none any more");
}

/// A program of that name in a folder of its own, which writes its arguments to a file.
#[test]
#[cfg(target_os = "linux")]
fn the_page_is_opened_in_a_browser() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = Directory::new();
    let told = directory.path("told");
    let opener = directory.write(
        "xdg-open",
        format!("#!/bin/sh\necho \"$@\" > {told}.new && mv {told}.new {told}\n"),
    );
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o700)).unwrap();
    let folder = std::path::Path::new(&opener).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let usual = ["emulate", "--listen", "127.0.0.1:0", "--ephemeral", "--open"];
    let emulator = Running::spawn(program().args(usual).env("PATH", path));
    let opened = crate::running::wait_until(
        || fs::read_to_string(&told).ok(),
        || "no browser was opened".to_owned(),
    );
    assert_eq!(opened, format!("{}/emulator/\n", emulator.url));

    let nowhere = directory.path("empty");
    let emulator = Running::spawn(program().args(usual).env("PATH", nowhere));
    emulator.wait_for_log("no browser was opened (xdg-open: ");
    emulator.wait_for_log(&format!("see {}/emulator/", emulator.url));
}

#[test]
fn a_pause_can_be_cut_short() {
    let usual = ["emulate", "--listen", "127.0.0.1:0", "--ephemeral", "--first-pause", "1h"];
    let emulator = Running::spawn(program().args(usual));
    done(act(&emulator.url, &["register", "http://127.0.0.1:1/"]));
    done(act(&emulator.url, &["emit", "invoice-ready"]));
    let pending = act(&emulator.url, &["replay", "1", "--wait"]);
    assert_eq!(pending.code, Some(1), "a replay is not repeated: {pending:?}");
    let service = Running::receiver(&["--danger-trust-emulator", &emulator.url]);
    // Deliveries go to the URL that was registered when they began.
    done(act(&emulator.url, &["register", &service.url]));
    done(act(&emulator.url, &["emit", "invoice-ready", "--wait"]));
    let attempts = || {
        let list = done(act(&emulator.url, &["deliveries", "--json"]));
        let list: Value = serde_json::from_str(&list).unwrap();
        list[0]["attempts"].as_array().unwrap().len()
    };
    assert_eq!(attempts(), 1);
    assert_eq!(done(act(&emulator.url, &["deliver-now"])), "pending deliveries are attempted now");
    crate::running::wait_until(|| (attempts() == 2).then_some(()), || "no attempt".to_owned());
}

//! The emulator program, with a receiver beside it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::http::send;
use crate::process::{Directory, example, run};
use crate::running::Running;

/// A running `partner_center`; killed when it is dropped.
struct Emulator {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Emulator {
    fn start(arguments: &[&str]) -> Self {
        let mut child = example("partner_center")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The value of the variable `name` on one of the first lines.
    fn variable(&mut self, name: &str) -> String {
        loop {
            let line = self.line();
            assert_ne!(line, "", "`{name}` is not told");
            if let Some(value) = line.strip_prefix(name) {
                return value.trim().to_owned();
            }
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_service_receives_its_callbacks() {
    let directory = Directory::new();
    let [anchors, intermediates, environment] =
        ["anchors", "issuers", "environment"].map(|name| directory.write(name, ""));
    let mut emulator = Emulator::start(&[
        "--write-anchors",
        &anchors,
        "--write-intermediates",
        &intermediates,
        "--write-environment",
        &environment,
        "--first-pause",
        "1",
    ]);
    let base_url = emulator.variable("PARTNER_CENTER_BASE_URL=");
    let location = emulator.variable("PARTNER_CENTER_CERTIFICATE_LOCATION=");
    emulator.variable("PARTNER_CENTER_INTERMEDIATES_URL=");
    let trust = [
        "--anchors",
        &anchors,
        "--intermediates",
        &intermediates,
        "--danger-certificate-location",
        &location,
    ];
    let mut service = Running::start("receive_axum", &trust);
    let url = format!("http://{}/webhooks/callback", service.address);

    emulator.say("emit invoice-ready");
    emulator.say(&format!("register {url}"));
    assert_eq!(
        emulator.line(),
        format!("registered {url}; number of events: 33"),
        "and the first failed"
    );
    emulator.say("emit invoice-ready");
    assert_eq!(emulator.line(), "delivery 1");
    let attempt = emulator.line();
    assert!(attempt.starts_with("delivery 1 invoice-ready attempt 1: 200 in "), "{attempt}");
    assert!(attempt.ends_with(" ms, delivered"), "{attempt}");
    assert!(service.line().contains(r#""event_name":"invoice-ready""#));

    emulator.say("signature-header x-ms-signature");
    assert_eq!(emulator.line(), "the registration is changed");
    emulator.say(r#"emit x {"EventName":"subscription-updated","ResourceUri":null}"#);
    assert_eq!(emulator.line(), "delivery 2");
    assert!(emulator.line().ends_with(" ms, delivered"));
    assert!(service.line().contains(r#""resource_uri":null"#));

    emulator.say("forge another-body");
    assert_eq!(emulator.line(), "delivery 3");
    let attempt = emulator.line();
    assert!(attempt.contains("(forgery another-body) attempt 1: 401 "), "{attempt}");
    emulator.say("test");
    assert!(emulator.line().starts_with("validation event "));
    assert!(emulator.line().contains("test-created (validation event) attempt 1: 200 "));
    assert!(service.line().contains(r#""event_name":"test-created""#));
    emulator.say("replay 1");
    assert_eq!(emulator.line(), "delivery 5");
    assert!(emulator.line().contains("(replay of 1) attempt 1: 200 "));
    assert!(service.line().contains(r#""event_name":"invoice-ready""#));

    // Another program registers and requests a validation event, with the printed configuration.
    let told = std::fs::read_to_string(environment).unwrap();
    let register = |arguments: &[&str]| {
        let output = example("registration")
            .args(["--base-url", &base_url])
            .args(arguments)
            .envs(told.lines().filter_map(|line| line.split_once('=')))
            .output()
            .unwrap();
        let [stdout, stderr] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{stdout}");
        stdout
    };
    let url = format!("{url}?again");
    register(&["ensure", "--url", &url, "--danger-plain-http", "--event", "test-created"]);
    assert!(register(&["show"]).contains(&url));
    register(&["test", "--wait", "20"]);
    let attempt = emulator.line();
    assert!(
        attempt.starts_with("delivery 6 test-created (validation event) attempt 1: 200 "),
        "{attempt}"
    );
    assert!(service.line().contains(r#""event_name":"test-created""#));

    emulator.say("quit");
    assert_eq!(emulator.child.wait().unwrap().code(), Some(0));
    service.signal("TERM");
    assert_eq!(service.end().code, Some(0));
}

#[test]
fn it_exits_at_the_end_of_standard_input() {
    let mut emulator = Emulator::start(&[]);
    emulator.variable("PARTNER_CENTER_INTERMEDIATES_URL=");
    emulator.stdin = None;
    assert_eq!(emulator.child.wait().unwrap().code(), Some(0));
}

#[test]
fn it_can_keep_running_under_another_base_url() {
    let address = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap()
    };
    let listen = address.to_string();
    let named = ["--base-url", "http://partner-center:4000/", "--stay"];
    let mut emulator = Emulator::start(&[&["--listen", &listen], &named[..]].concat());
    let location = emulator.variable("PARTNER_CENTER_CERTIFICATE_LOCATION=");
    assert_eq!(location, "http://partner-center:4000/cert/");
    emulator.variable("PARTNER_CENTER_INTERMEDIATES_URL=");
    emulator.stdin = None;
    let get = |host: &str| {
        let request = format!(
            "GET /emulator/anchors.pem HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        );
        send(address, request.as_bytes())
    };
    assert_eq!(get("evil.example").status, 403);
    let answer = get("partner-center:4000");
    assert_eq!(answer.status, 200);
    assert!(answer.body.starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(emulator.child.try_wait().unwrap().is_none());
}

#[test]
fn the_exit_code_reports_the_outcome_of_commands() {
    let command = |lines: &[&str]| {
        let commands = lines.iter().flat_map(|line| ["--command", line]);
        let hurry = ["--first-pause", "1", "--attempts", "2"];
        run("partner_center", &hurry.into_iter().chain(commands).collect::<Vec<_>>())
    };
    assert_eq!(command(&["rotate", "wait", "help"]).code, Some(0));

    let failed = command(&["emit invoice-ready", "rotate"]);
    assert_eq!(failed.code, Some(1));
    assert_eq!(failed.stderr, "partner_center: no webhook URL is registered\n");
    assert!(failed.stdout.contains("the signing certificate is rotated"));

    let given_up = command(&["register http://127.0.0.1:1/", "emit invoice-ready"]);
    assert_eq!((given_up.code, given_up.stderr.as_str()), (Some(1), ""));
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
fn an_invalid_command_line_is_refused() {
    let help = run("partner_center", &["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for word in ["--write-anchors", "signature-header NAME", "quit", "not documented"] {
        assert!(help.stdout.contains(word), "{word}");
    }
    for (arguments, reason) in [
        (["--listen", "here"], "--listen here: invalid socket address syntax"),
        (["--command", "forge"], "--command forge: `forge` needs a kind of forgery"),
        (["--command", "fly"], "--command fly: `fly` is not a command"),
    ] {
        let ended = run("partner_center", &arguments);
        assert_eq!(ended.code, Some(2));
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run("partner_center", &["--listen", &address, "--command", "rotate"]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.starts_with(&format!("partner_center: cannot listen on {address}: ")),
        "{}",
        ended.stderr
    );
}

//! `receive` and `health`. Servers are stopped with signals, so these tests are for Unix.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;

use partner_center_webhooks::testing::{SignedRequest, Signer};

use crate::http::{head, post, send, serve};
use crate::microsoft::{BODY, FOREIGN_ISSUER, ISSUER, SIGNER, body_on_one_line, sha256};
use crate::process::{Directory, run};
use crate::running::Running;

const DOCUMENTED: &str = "pcnotifications-dispatch.microsoft.com";

/// Starts a receiver that trusts `ISSUER` and may fetch certificates from `host`.
fn start(directory: &Directory, host: &str, more: &[&str]) -> Running {
    let anchors = directory.write("anchors.pem", ISSUER.root_pem());
    let foreign = directory.write("foreign.pem", FOREIGN_ISSUER.intermediate_pem());
    let intermediates = directory.write("intermediates.pem", ISSUER.intermediate_pem());
    let arguments = [
        ["--anchors", &anchors],
        ["--intermediates", &foreign],
        ["--intermediates", &intermediates],
        ["--danger-certificate-location", &format!("{host}cert/")],
    ];
    Running::receiver(&[arguments.as_flattened(), more].concat())
}

/// Serves the certificate of `SIGNER` under every name that begins like the documented one, and that of the foreign
/// issuer's signer under `foreign`.
fn certificates() -> String {
    serve(|path| match path.strip_prefix("/cert/")? {
        name if name.starts_with(DOCUMENTED) => Some(SIGNER.certificate().to_vec()),
        name if name.starts_with("foreign") => {
            Some(FOREIGN_ISSUER.signer().unwrap().certificate().to_vec())
        }
        _ => None,
    })
}

fn signer_at(host: &str, name: &str) -> Signer {
    SIGNER.clone().with_certificate_url(format!("{host}cert/{name}.cer"))
}

#[test]
fn a_genuine_callback_is_one_line_and_what_is_refused_is_none() {
    let directory = Directory::new();
    let host = certificates();
    let signer = signer_at(&host, DOCUMENTED);
    let mut receiver = start(&directory, &host, &[]);
    let genuine = signer.callback(BODY).unwrap();
    let address = receiver.address;
    let status = |callback: &SignedRequest| {
        let answer = post(address, callback);
        assert_eq!(answer.body, "", "the sender is told the status alone");
        answer.status
    };

    assert_eq!(status(&genuine), 200);
    assert_eq!(status(&genuine.clone().with_body(body_on_one_line())), 401);
    assert_eq!(status(&genuine.clone().without_header("authorization")), 401);
    assert_eq!(status(&signer_at(&host, "missing").callback(BODY).unwrap()), 503);
    assert_eq!(status(&signer_at(&host, "foreign").callback(BODY).unwrap()), 503);
    assert_eq!(status(&SIGNER.callback("[]").unwrap()), 503);
    assert_eq!(status(&signer.callback("[]").unwrap()), 503);
    assert_eq!(status(&signer.callback("").unwrap()), 503);
    assert_eq!(status(&genuine), 200);

    let expected = format!(
        r#"{{"event_name":"subscription-updated","resource_uri":"https://api.partnercenter.microsoft.com/v1/customers/4b2a6e33-8791-4386-bd2b-0d55baf25039/subscriptions/a4f1340d-6911-4758-bba3-0c6c6007d161","resource":{{"kind":"subscription","customer":"4b2a6e33-8791-4386-bd2b-0d55baf25039","subscription":"a4f1340d-6911-4758-bba3-0c6c6007d161"}},"resource_change_utc_date":"2026-08-21T14:44:18.627854Z","digest":"{}","signer":"{}","event":{}}}{}"#,
        sha256(BODY),
        sha256(SIGNER.certificate()),
        body_on_one_line(),
        "\n",
    );
    assert_eq!(receiver.line(), expected);
    for reason in [
        "listening on 127.0.0.1:",
        "does not match the body",
        "no signature: neither",
        "cert/missing.cer` returned 404",
        "not signed by the issuer that it names",
        "body is an array",
        "the body is empty although the headers have a signature",
    ] {
        receiver.wait_for_log(reason);
    }
    receiver.signal("TERM");
    let ended = receiver.end();
    assert_eq!((ended.code, ended.stdout), (Some(0), expected), "{}", ended.stderr);
}

#[test]
fn replaced_files_are_read_again_without_a_restart() {
    let directory = Directory::new();
    let host = certificates();
    let mut receiver = start(&directory, &host, &[]);
    let genuine = signer_at(&host, DOCUMENTED).callback(BODY).unwrap();
    assert_eq!(post(receiver.address, &genuine).status, 200);
    receiver.line();

    directory.write("anchors.pem", "nothing");
    receiver.signal("HUP");
    receiver.wait_for_log("the certificate files stay as they were: --anchors ");
    assert_eq!(post(receiver.address, &genuine).status, 200);
    receiver.line();

    directory.write("anchors.pem", FOREIGN_ISSUER.root_pem());
    receiver.signal("HUP");
    receiver.wait_for_log("the certificate files were read again");
    assert_eq!(post(receiver.address, &genuine).status, 503);

    receiver.signal("TERM");
    let ended = receiver.end();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
}

#[test]
fn what_is_no_callback_is_answered_and_never_a_line() {
    let directory = Directory::new();
    let host = certificates();
    let receiver = start(&directory, &host, &[]);
    let genuine = signer_at(&host, DOCUMENTED).callback(BODY).unwrap();
    let answer = |request: &[u8]| send(receiver.address, request).status;

    // Refused by its announcement: no byte of the body is sent.
    assert_eq!(answer(head(&genuine, "content-length: 262145\r\n").as_bytes()), 413);
    let chunked =
        head(&genuine, "transfer-encoding: chunked\r\n") + "40001\r\n" + &" ".repeat(262_145);
    assert_eq!(answer(chunked.as_bytes()), 413);
    let whole = format!("{}{BODY}", head(&genuine, &format!("content-length: {}\r\n", BODY.len())));
    assert_eq!(answer(whole.replace("POST /webhooks/callback", "POST /elsewhere").as_bytes()), 404);
    let get = b"GET /webhooks/callback HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert_eq!(answer(get), 405);
    assert_eq!(answer(whole.as_bytes()), 200);

    receiver.signal("INT");
    let ended = receiver.end();
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(0), 1));
    let told = ended.stderr.matches("the body is longer than 262144 bytes");
    assert_eq!(told.count(), 2, "{}", ended.stderr);
}

#[test]
fn a_callback_in_flight_when_the_signal_comes_is_answered() {
    let directory = Directory::new();
    let (asked, was_asked) = channel();
    let (release, released) = channel::<()>();
    let held = Mutex::new((asked, released));
    let host = serve(move |path| {
        if path == "/cert/slow.cer" {
            let held = held.lock().unwrap();
            held.0.send(()).unwrap();
            held.1.recv().unwrap();
        }
        Some(SIGNER.certificate().to_vec())
    });
    let receiver = start(&directory, &host, &[]);
    let address = receiver.address;
    let slow = signer_at(&host, "slow").callback(BODY).unwrap();
    let sender = thread::spawn(move || post(address, &slow).status);

    was_asked.recv().unwrap();
    receiver.signal("TERM");
    receiver.wait_for_log("stopping");
    receiver.wait_for_refusal();
    assert!(!sender.is_finished());
    release.send(()).unwrap();

    assert_eq!(sender.join().unwrap(), 200);
    let ended = receiver.end();
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(0), 1), "{}", ended.stderr);
}

#[test]
fn an_event_that_cannot_be_written_is_left_to_partner_center() {
    let directory = Directory::new();
    let host = certificates();
    let mut receiver = start(&directory, &host, &[]);
    receiver.close_stdout();
    let answer = post(receiver.address, &signer_at(&host, DOCUMENTED).callback(BODY).unwrap());
    assert_eq!(answer.status, 503);
    receiver.wait_for_log("the event could not be written: Broken pipe");
}

#[test]
fn certificate_urls_that_never_verified_share_the_quota() {
    let directory = Directory::new();
    let host = certificates();
    let receiver = start(&directory, &host, &["--new-certificate-downloads-per-minute", "1"]);
    let post = |name| post(receiver.address, &signer_at(&host, name).callback(BODY).unwrap());

    assert_eq!(post("foreign-1").status, 503);
    let answer = post("foreign-2");
    assert_eq!(answer.status, 503);
    let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    receiver.wait_for_log("the quota of 1 downloads a minute");
    assert_eq!(post(DOCUMENTED).status, 200);
}

#[test]
fn the_signer_name_can_be_another() {
    let directory = Directory::new();
    let other = ISSUER.signing_certificate().dns_names(["metadata.azure.com"]).issue().unwrap();
    let der = other.certificate().to_vec();
    let host = serve(move |_| Some(der.clone()));
    let callback = other.with_certificate_url(format!("{host}cert/a.cer")).callback(BODY).unwrap();

    let strict = start(&directory, &host, &[]);
    assert_eq!(post(strict.address, &callback).status, 503);
    let lenient = start(&directory, &host, &["--signer-name", "metadata.azure.com"]);
    assert_eq!(post(lenient.address, &callback).status, 200);
}

#[test]
fn warm_up_says_what_it_could_not_have_and_nobody_waits_for_it() {
    let directory = Directory::new();
    let host = certificates();
    let receiver = start(&directory, &host, &[]);
    // The default location is out of reach, the other one is not.
    receiver.wait_for_log("warm-up failed; callbacks will try again url=https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-dispatch.microsoft.com.cer");
    assert_eq!(receiver.log().matches("warm-up").count(), 1, "{}", receiver.log());
    assert_eq!(
        post(receiver.address, &signer_at(&host, DOCUMENTED).callback(BODY).unwrap()).status,
        200
    );
}

#[test]
fn requests_for_something_else_are_told_once_a_minute() {
    let directory = Directory::new();
    let host = certificates();
    let receiver = start(&directory, &host, &[]);
    let get = |path: &str| {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        send(receiver.address, request.as_bytes()).status
    };
    assert_eq!(get("/webhook/callback"), 404);
    assert_eq!(get("/webhook/callback"), 404);
    receiver.wait_for_log("GET `/webhook/callback` is not for callbacks");
    receiver.signal("TERM");
    assert_eq!(receiver.end().stderr.matches("is not for callbacks").count(), 1);
}

#[test]
fn operators_are_told_what_came_in() {
    let directory = Directory::new();
    let host = certificates();
    let admin = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap()
    };
    let url = format!("http://{admin}");
    let health = |more: &[&str]| run("health", &[&["--receiver", &url], more].concat());
    let silent = health(&[]);
    assert_eq!((silent.code, &*silent.stdout), (Some(3), ""));
    assert!(
        silent.stderr.starts_with(&format!("error: no receiver responds at {url}\n  because: ")),
        "{}",
        silent.stderr
    );
    let receiver = start(&directory, &host, &["--admin-listen", &admin.to_string()]);
    let ready = health(&["--wait"]);
    assert_eq!((ready.code, &*ready.stdout), (Some(0), "ready\n"));
    let alive = health(&["--live"]);
    assert_eq!((alive.code, &*alive.stdout), (Some(0), "alive\n"));

    let doctor = || run("doctor", &["--only", "receiver", "--receiver", &url]);
    assert_eq!(
        doctor().stdout,
        "ok: nothing is wrong\n  receiver      ok       0 callbacks accepted, 0 refused since its start\n"
    );
    let genuine = signer_at(&host, DOCUMENTED).callback(BODY).unwrap();
    assert_eq!(
        post(receiver.address, &genuine.clone().without_header("authorization")).status,
        401
    );
    let failing = doctor();
    assert_eq!(failing.code, Some(1));
    let start = "FAIL: receiver: 0 callbacks accepted, 1 refused since its start (1 × envelope); the last one: envelope: no signature: ";
    assert!(failing.stdout.starts_with(start), "{}", failing.stdout);
    let remedy = "\n    try: partner-center register ensure --ms-signature\n";
    assert!(format!("{}\n", failing.stdout).contains(remedy), "{}", failing.stdout);
    // A stranger is not a refusal of a callback.
    let stranger =
        genuine.clone().without_header("authorization").without_header("x-ms-certificate-url");
    assert_eq!(post(receiver.address, &stranger).status, 401);
    assert_eq!(post(receiver.address, &genuine).status, 200);
    let state: serde_json::Value = serde_json::from_str(&health(&["--json"]).stdout).unwrap();
    assert_eq!((&state["accepted"], &state["refused"]), (&1.into(), &1.into()));
    assert_eq!(state["refused_by_kind"]["envelope"], 1);
    assert_eq!(state["unsigned"], 1);
    assert_eq!((&state["ready"], &state["emulator_trusted"]), (&true.into(), &false.into()));

    let other = run("doctor", &["--only", "receiver", "--receiver", "http://127.0.0.1:1"]);
    assert_eq!(other.code, Some(3));
    assert_eq!(run("health", &["--receiver", &host]).code, Some(3), "not a receiver");
}

#[test]
fn what_the_doctor_advises_is_understood() {
    let host = certificates();
    let directory = Directory::new();
    let url = format!("{host}cert/{DOCUMENTED}.cer");
    let ended = run("doctor", &["--certificate-url", &url, "--only", "certificate", "--json"]);
    let examined: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let mut flags: Vec<String> = Vec::new();
    for advice in examined["advice"].as_array().unwrap() {
        flags.extend(advice["flag"].as_str().unwrap().split(' ').map(str::to_owned));
    }
    assert_eq!(flags, ["--danger-certificate-location", &format!("{host}cert/")]);
    for (flag, value) in [
        ("--issuer-location", host.as_str()),
        ("--revocation-list-location", &host),
        ("--revocation", "best-effort"),
        ("--signer-name", "metadata.azure.com"),
    ] {
        flags.extend([flag.to_owned(), value.to_owned()]);
    }
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    drop(start(&directory, &host, &flags[2..]));
}

#[test]
fn a_service_manager_is_told_when_it_is_ready_and_when_it_ends() {
    let directory = Directory::new();
    let path = directory.path("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let mut notice = [0; 64];
    let mut next = || {
        let length = manager.recv(&mut notice).unwrap();
        String::from_utf8(notice[..length].to_vec()).unwrap()
    };
    let mut command = crate::process::program();
    let usual = ["receive", "--print", "--listen", "127.0.0.1:0", "--admin-listen", "none"];
    let receiver = Running::spawn(command.args(usual).env("NOTIFY_SOCKET", &path));
    assert_eq!(next(), "READY=1");
    receiver.signal("TERM");
    assert_eq!(next(), "STOPPING=1");
    assert_eq!(receiver.end().code, Some(0));

    // A manager that has gone away is not an error of the receiver.
    let mut command = crate::process::program();
    let receiver = Running::spawn(command.args(usual).env("NOTIFY_SOCKET", directory.missing()));
    receiver.wait_for_log("NOTIFY_SOCKET: No such file or directory");
}

#[test]
fn the_url_is_written_to_a_file() {
    let directory = Directory::new();
    let host = certificates();
    let file = directory.path("ready");
    let receiver = start(&directory, &host, &["--ready-file", &file, "--path", "/hook"]);
    let url = format!("http://{}/hook", receiver.address);
    assert_eq!(receiver.url, url);
    assert_eq!(std::fs::read_to_string(file).unwrap(), format!("{url}\n"));
}

#[test]
fn faults_of_the_command_line_end_with_exit_code_2() {
    let directory = Directory::new();
    let no_pem = directory.write("no.pem", "no certificate");
    let missing = directory.missing();
    let cases: &[(&[&str], &str)] = &[
        (&["--unknown"], "unexpected argument '--unknown' found\n"),
        (&["file"], "unexpected argument 'file' found\n"),
        (&["--listen"], "a value is required for '--listen <ADDR>' but none was supplied\n"),
        (
            &["--listen", "here"],
            "invalid value 'here' for '--listen <ADDR>': invalid socket address syntax\n",
        ),
        (&["--anchors", &missing], &format!("--anchors {missing}: ")),
        (
            &["--anchors", &no_pem],
            &format!("--anchors {no_pem}: the PEM text holds no `CERTIFICATE` block"),
        ),
        (
            &["--intermediates", &no_pem],
            &format!("--intermediates {no_pem}: the PEM text holds no"),
        ),
        (
            &["--signer-name", "*"],
            "invalid value '*' for '--signer-name <PATTERN>': `*` is not a signer name",
        ),
        (
            &["--danger-certificate-location", "http://host.example/"],
            "--danger-certificate-location: `http://host.example/` is not on a loopback address",
        ),
        (
            &["--danger-certificate-location", "https://host.example/cert?"],
            "--danger-certificate-location: `https://host.example/cert?` cannot be an allowed URL prefix",
        ),
        (
            &["--new-certificate-downloads-per-minute", "0"],
            "invalid value '0' for '--new-certificate-downloads-per-minute <N>': number would be zero for non-zero type\n",
        ),
        (
            &["--danger-trust-emulator", "http://127.0.0.1:1", "--anchors", &missing],
            "the argument '--danger-trust-emulator <URL>' cannot be used with '--anchors <FILE>'\n",
        ),
    ];
    for (arguments, message) in cases {
        let ended = run("receive --print", arguments);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{arguments:?}");
        let expected = format!("error: {message}");
        assert!(ended.stderr.starts_with(&expected), "{}", ended.stderr);
    }
    let ended = run::<&str>("receive", &[]);
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.stderr,
        "error: --print is missing\n  because: accepted events have no other destination yet\n  try: partner-center receive --print\n"
    );
}

#[test]
fn an_address_that_is_taken_ends_with_exit_code_3() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run("receive --print", &["--listen", &address]);
    assert_eq!((ended.code, &*ended.stdout), (Some(3), ""));
    let reason = format!("error: cannot listen on {address}: ");
    assert!(ended.stderr.starts_with(&reason), "{}", ended.stderr);
}

#[test]
fn help_names_every_option() {
    let ended = run("receive", &["--help"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    for option in [
        "--listen <ADDR>",
        "--anchors <FILE>",
        "--intermediates <FILE>",
        "--signer-name <PATTERN>",
        "--danger-certificate-location <URL-PREFIX>",
        "--danger-trust-emulator <URL>",
        "--new-certificate-downloads-per-minute <N>",
    ] {
        assert!(ended.stdout.contains(option), "{option}");
    }
}

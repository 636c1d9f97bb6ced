//! `event-grid receive`. It is stopped with a signal, so these tests are for Unix.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::http::{Answer, send, serve};
use crate::process::{Directory, program, run};
use crate::running::Running;

const TENANT: &str = "6b2c2a3e-2c0f-4a4e-9d7e-0f3f7f6b8a11";
const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/a","type":"Contoso.Ordered","data":{"n":1.50,
"b":[]}}"#;

/// A token as Event Grid takes it from the authority at `host`.
fn token(key: &KeyPair, host: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let claims = json!({
        "iss": format!("{host}{TENANT}/v2.0"),
        "tid": TENANT,
        "aud": "api://contoso.example/events",
        "azp": "4962773b-9cdb-44cf-a8bf-237846a00ab7",
        "roles": ["AzureEventGridSecureWebhookSubscriber"],
        "exp": now.as_secs() + 3600,
    });
    let parts = [json!({"alg": "RS256", "kid": "1"}), claims];
    let message = parts.map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let mut signature = vec![0; key.public_modulus_len()];
    let (encoding, random) = (&RSA_PKCS1_SHA256, SystemRandom::new());
    key.sign(encoding, &random, message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Starts it on a free port.
fn start(arguments: &[&str]) -> Running {
    let usual = ["event-grid", "receive", "--listen", "127.0.0.1:0"];
    Running::spawn(program().args(usual).args(arguments))
}

fn request(address: SocketAddr, method: &str, query: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "{method} /events{query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    send(address, request.as_bytes())
}

#[test]
fn events_of_the_authentic_are_lines_and_handshakes_are_answered() {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let public: PublicKeyComponents<Vec<u8>> = key.public_key().into();
    let [n, e] = [public.n, public.e].map(|number| URL_SAFE_NO_PAD.encode(number));
    let keys = json!({"keys": [{"kty": "RSA", "use": "sig", "kid": "1", "n": n, "e": e}]});
    let is_up = Arc::new(AtomicBool::new(false));
    let host = serve({
        let is_up = Arc::clone(&is_up);
        move |path| {
            assert_eq!(path, format!("/{TENANT}/discovery/v2.0/keys"));
            is_up.load(Ordering::SeqCst).then(|| keys.to_string().into())
        }
    });
    let arguments = [
        ["--tenant", TENANT],
        ["--audience", "11111111-2222-4333-8444-555555555555"],
        ["--audience", "api://contoso.example/events"],
        ["--danger-authority", &host],
    ];
    let start = || start(arguments.as_flattened());
    let authorization = format!("authorization: Bearer {}\r\n", token(&key, &host));

    // While the keys cannot be had, nothing is lost.
    let receiver = start();
    let answer = request(receiver.address, "POST", "", &authorization, EVENT);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("10")));
    receiver.wait_for_log("returned 404 (expected 200 with keys");
    receiver.signal("INT");
    assert_eq!(receiver.end().code, Some(0));

    is_up.store(true, Ordering::SeqCst);
    let mut receiver = start();
    let post = |headers: &str, body| request(receiver.address, "POST", "", headers, body).status;
    assert_eq!(post(&authorization, EVENT), 204);
    let binary = r#"{"specversion":"1.0","id":"3","source":"/a","type":"b","data_base64":"AP8Q"}"#;
    assert_eq!(post(&authorization, binary), 204);
    assert_eq!(post("", EVENT), 401);
    assert_eq!(post("authorization: Bearer a.b.c\r\n", EVENT), 401);
    assert_eq!(post(&authorization, "garbage"), 400);
    assert_eq!(
        post(&authorization, r#"[{"eventType":"b","id":"2","topic":"/t"},{"n":1.50}]"#),
        204
    );

    let origin = "webhook-request-origin: eventgrid.azure.net\r\n";
    let answer = request(receiver.address, "OPTIONS", "", origin, "");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("webhook-allowed-origin"), Some("eventgrid.azure.net"));
    let kind = "aeg-event-type: SubscriptionValidation\r\n";
    let validation = r#"[{"topic":"/t","data":{"validationCode":"c0de"}}]"#;
    let answer = request(receiver.address, "POST", "", kind, validation);
    assert_eq!((answer.status, &*answer.body), (200, r#"{"validationResponse":"c0de"}"#));

    for line in [
        r#"{"schema":"cloud-event","id":"1","source":"/a","type":"Contoso.Ordered","data":{"n":1.50, "b":[]}}"#,
        r#"{"schema":"cloud-event","id":"3","source":"/a","type":"b","data_base64":"AP8Q"}"#,
        r#"{"schema":"event-grid","id":"2","source":"/t","type":"b"}"#,
        r#"{"schema":"unrecognized","data":{"n":1.50},"reason":"it has none of `specversion`, `type`, `source` and `eventType` (expected a CloudEvent or an event of Event Grid's schema; with the schema `CustomInputSchema` this is normal)"}"#,
    ] {
        assert_eq!(receiver.line(), format!("{line}\n"));
    }
    for log in [
        "the token is missing",
        "its header is not a JSON object in base64url",
        "it is not JSON at line 1",
    ] {
        receiver.wait_for_log(log);
    }
    receiver.signal("INT");
    let ended = receiver.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("eyJ"), "{}", ended.stderr);
}

#[test]
fn a_secret_in_the_query() {
    let directory = Directory::new();
    let arguments = [
        ["--query-secret-file", &directory.write("old", "kGZ4vN0mS2rQ8xTb\n")],
        ["--query-secret-file", &directory.write("new", "xTbkGZ4vN0mS2rQ8")],
    ];
    let receiver = start(arguments.as_flattened());
    for (query, status) in [
        ("?code=kGZ4vN0mS2rQ8xTb", 204),
        ("?code=xTbkGZ4vN0mS2rQ8", 204),
        ("?code=xTbkGZ4vN0mS2rQ9", 401),
        ("", 401),
    ] {
        let answer = request(receiver.address, "POST", query, "", "[]");
        assert_eq!(answer.status, status, "{query}");
    }
}

#[test]
fn faults_of_the_command_line() {
    let directory = Directory::new();
    let short = directory.write("short", "guess");
    for (arguments, fault) in [
        (&[][..], "nothing authenticates deliveries"),
        (&["--tenant", "common", "--audience", "a"], "`common` is not a tenant id"),
        (&["--tenant", TENANT], "the audience is empty"),
        (&["--query-secret-file", &short], "the secret has 5 bytes (expected 16 or more)"),
        (&["--query-secret-file", &directory.missing()], "missing: "),
        (&["--tenant"], "a value is required for '--tenant <ID>' but none was supplied"),
        (&["--audience", "a"], "--tenant <ID> is missing"),
        (&["--unknown"], "unexpected argument '--unknown' found"),
    ] {
        let ended = run("event-grid receive", arguments);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(fault), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
    let ended = run("event-grid receive", &["--help"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
}

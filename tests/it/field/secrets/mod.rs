//! Secrets, in every place where one can be, and everything that is printed, logged, formatted and serialized.

mod adapters;
mod clients;
mod forms;
mod receivers;
mod successes;

use std::sync::LazyLock;

use partner_center_webhooks::event::EventName;
use partner_center_webhooks::registration::{Plan, Registration};
use serde_json::json as value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::{Peer, fetching_from, http, json, quick, read, response};
use crate::event_grid::receive_tokens::{FIRST, claims};
use crate::receiver::logs::lines_of;
use crate::support::ISSUER;

const SECRET: &str = "SECRETSECRET";
const LOGIC_APP: &str = "https://prod-27.westeurope.logic.azure.com:443/workflows/0123456789abcdef/triggers/manual/paths/invoke?api-version=2016-10-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=SECRETSECRET";
const FUNCTION: &str = "https://contoso.azurewebsites.net/api/callback?code=SECRETSECRET";
const BARE: &str = "https://contoso.example/hook?SECRETSECRET";

fn registration(url: &str) -> Registration {
    Registration::new(url, [EventName::TestCreated]).unwrap()
}

#[test]
fn plans_and_debug_show_names_and_no_values() {
    for (url, shown) in [
        (FUNCTION, "https://contoso.azurewebsites.net/api/callback?code=..."),
        (BARE, "https://contoso.example/hook?..."),
    ] {
        let (new, old) = (registration(url), registration("https://old.example/?key=SECRETSECRET"));
        let create = Plan::new(&new, None);
        assert_eq!(create.to_string(), format!("register `{shown}` for test-created"));
        let update = Plan::new(&new, Some(&old));
        let texts = [
            create.to_string(),
            update.to_string(),
            format!("{create:?}"),
            format!("{update:?}"),
            format!("{new:?}"),
        ];
        for text in texts {
            assert!(!text.contains(SECRET), "{text}");
        }
        // It is sent, and read, whole.
        assert!(serde_json::to_string(&new).unwrap().contains(url));
        assert_eq!(new.webhook_url(), url);
    }
}

#[test]
fn errors_about_a_url_do_not_show_its_values() {
    for url in [
        "http://contoso.example/hook?code=SECRETSECRET",
        "https://user:SECRETSECRET@contoso.example/hook",
        "https://contoso.example/hook#SECRETSECRET",
        "contoso.example/hook?code=SECRETSECRET",
        "contoso.example/hook?SECRETSECRET",
        "/contoso.example/hook?SECRETSECRET",
        "https://user:pass/SECRETSECRET@contoso.example/hook",
        "https://user:SECRETSECRET/pass@contoso.example/hook",
        "user:SECRETSECRET@contoso.example/hook",
    ] {
        let error = Registration::new(url, []).unwrap_err();
        assert!(error.to_string().contains("contoso.example/hook"), "{error}");
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}

#[tokio::test]
async fn a_service_that_quotes_the_url_does_not_show_it() {
    let encoded =
        LOGIC_APP.replace('%', "%25").replace('&', "%26").replace('=', "%3D").replace('?', "%3F");
    for (url, description) in [
        (LOGIC_APP, format!("The WebhookUrl {LOGIC_APP} is not valid.")),
        (FUNCTION, format!("The WebhookUrl '{FUNCTION}', of the tenant, is not valid.")),
        (FUNCTION, "code SECRETSECRET is not valid".to_owned()),
        (LOGIC_APP, format!("The WebhookUrl {encoded} is not valid.")),
        (BARE, format!("The WebhookUrl {BARE} is not valid.")),
    ] {
        let body = serde_json::json!({"code": "800002", "description": description});
        let peer = Peer::saying([json("400 Bad Request", &body.to_string())]).await;
        let error = peer.registration().create(&registration(url)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("code 800002: ") && text.contains("is not valid"), "{text}");
        for text in [text, format!("{error:?}")] {
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}

/// A value below eight characters guards nothing, and is a word of the peer's text: it is hidden in its URL alone.
#[tokio::test]
async fn short_values_do_not_make_words_unreadable() {
    for (url, words, shown) in [
        (
            "https://contoso.example/hook?env=test&source=partner",
            "A test of the partner failed: https://contoso.example/hook?env=test&source=partner",
            "A test of the partner failed: https://contoso.example/hook?env=...&source=...",
        ),
        (
            "https://contoso.example/hook?code=12345678",
            "code 12345678 is wrong, 1234567 is not",
            "code [hidden] is wrong, 1234567 is not",
        ),
        (
            "https://contoso.example/hook?MTIzNDU2Nzg=",
            "key MTIzNDU2Nzg= is wrong",
            "key [hidden] is wrong",
        ),
    ] {
        let body = value!({"code": "800002", "description": words});
        let peer = Peer::saying([json("400 Bad Request", &body.to_string())]).await;
        let created = peer.registration().create(&registration(url)).await;
        let text = created.unwrap_err().to_string();
        assert!(text.contains(&format!(" 800002: {shown} (")), "{text}");
    }
}

/// A peer that quotes each request in its answer, in every place where words may stand.
async fn echo(status: &'static str, shape: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = read(&mut stream).await;
            let words = request.replace("\r\n", " ");
            let answer = match shape {
                0 => json(
                    status,
                    &value!({"code": words, "description": words, "error": words, "error_description": words,
                             "trace_id": words})
                    .to_string(),
                ),
                1 => json(
                    status,
                    &value!({"error": {"code": "x", "message": words, "details": [{"code": words, "message": words}]}})
                        .to_string(),
                ),
                2 => response(
                    status,
                    "content-type: text/html\r\n",
                    &format!("<html><title>{words}</title><p>{words}</p></html>"),
                ),
                3 => response(
                    status,
                    &format!("x-ms-error-code: {words}\r\nms-requestid: {words}\r\nx-ms-request-id: {words}\r\nms-correlationid: {words}\r\n"),
                    "",
                ),
                _ => response(status, "", &words),
            };
            // The client may have gone.
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    base
}

/// A certificate and its private key.
static CERTIFIED: LazyLock<(String, String)> = LazyLock::new(|| {
    let signer = ISSUER.signer().unwrap();
    let key = signer.private_key_pem().unwrap();
    (signer.certificate_pem(), key)
});

const TOKEN: &str = "TOKEN-TOKEN-TOKEN";
const CLIENT_SECRET: &str = "CLIENT+SECRET/CLIENT";
const REFRESH_TOKEN: &str = "REFRESH-TOKEN-0.AXo";
const ASSERTION: &str = "ASSERTION.ASSERTION.ASSERTION";
const URL_KEY: &str = "URLKEYURLKEYURLKEY+/=";
const HOOK_HEADER: &str = "HOOKHEADERHOOKHEADER";
const SAS_KEY: &str = "U0FTS0VZU0FTS0VZU0FTS0VZU0FTS0VZ";
const SAS_SIGNATURE: &str = "SASSIGNATURESASSIGNATURE";
const USER: &str = "PASSWORD/PASSWORD";
const DATA: &str = "DATADATADATA";

fn said<T, E: ToString>(outcome: &Result<T, E>) -> String {
    let error = outcome.as_ref().err();
    error.map(ToString::to_string).unwrap_or_default()
}

/// All secrets, in every form in which one could be shown.
fn secrets() -> Vec<String> {
    let encoded = |text: &str| text.replace('+', "%2B").replace('/', "%2F");
    let key = CERTIFIED.1.lines().filter(|line| line.len() == 64);
    let token = FIRST.token(&claims());
    let signature = token.rsplit('.').next().unwrap().to_owned();
    let texts = [
        TOKEN,
        CLIENT_SECRET,
        REFRESH_TOKEN,
        ASSERTION,
        URL_KEY,
        "URLKEYURLKEY",
        USER,
        HOOK_HEADER,
        "WRONGWRONGWRONG",
        SAS_KEY,
        SAS_SIGNATURE,
        DATA,
        SECRET,
    ];
    let texts = texts.into_iter().flat_map(|text| [text.to_owned(), encoded(text)]);
    texts.chain(key.map(str::to_owned)).chain([signature]).collect()
}

/// Looks for each of `secrets` in each of `texts`.
fn assert_hidden<'s>(what: &str, texts: impl IntoIterator<Item = &'s String>, secrets: &[String]) {
    let mut found = Vec::new();
    for text in texts {
        for secret in secrets {
            if let Some((before, _)) = text.split_once(secret) {
                let before: String = before.chars().rev().take(150).collect();
                let before: String = before.chars().rev().collect();
                found.push(format!("{before}{secret}"));
            }
        }
    }
    assert!(found.is_empty(), "{what}: {found:#?}");
}

/// Every client, receiver and adapter, against peers that quote everything, in every way.
#[actix_web::test]
async fn no_secret_is_shown_whoever_quotes_it() {
    let secrets = secrets();
    for status in [
        "200 OK",
        "400 Bad Request",
        "401 Unauthorized",
        "404 Not Found",
        "409 Conflict",
        "503 Service Unavailable",
    ] {
        for shape in 0..5 {
            let base = echo(status, shape).await;
            let mut shown = Vec::new();
            let lines = lines_of(async {
                shown = clients::refused(&base).await;
                shown.extend(receivers::refusing(&base).await);
                shown.extend(adapters::refusing(&base).await);
            })
            .await;
            assert!(shown.len() > 100, "{}", shown.len());
            for line in ["callback refused", "delivery refused"] {
                assert!(lines.iter().any(|it| it.contains(line)), "{line}");
            }
            // Otherwise nobody quoted anything.
            let is_quoted = shown.iter().any(|text| text.contains("[hidden]"));
            // A header is cut before the first secret.
            let what = format!("{status}, {shape}");
            assert!(is_quoted || shape == 3 || status == "200 OK", "{what}");
            assert_hidden(&what, shown.iter().chain(&lines), &secrets);
        }
    }
}

/// What succeeds shows no more.
#[actix_web::test]
async fn no_secret_is_shown_where_all_goes_well() {
    let mut secrets = secrets();
    let mut shown = Vec::new();
    let lines = lines_of(async {
        shown.extend(successes::registering(&mut secrets).await);
        shown.extend(successes::fetching(&mut secrets).await);
        shown.extend(successes::publishing(&mut secrets).await);
        shown.extend(successes::managing(&mut secrets).await);
        shown.extend(receivers::accepting().await);
        shown.extend(adapters::accepting().await);
    })
    .await;
    for line in ["callback accepted", "delivery accepted"] {
        assert!(lines.iter().any(|it| it.contains(line)), "{line}");
    }
    assert!(secrets.iter().all(|secret| secret.len() > 7));
    assert_hidden("success", shown.iter().chain(&lines), &secrets);
}

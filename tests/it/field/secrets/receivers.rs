//! What receivers say of requests with secrets in them: of the sender, of the receiver, and of others.

use http::{HeaderMap, Method};
use partner_center_webhooks::Receiver;
use partner_center_webhooks::cloud::{Cloud, CloudProfile};
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::event_grid::receive::{EntraTokens, ExpectedToken, WebhookReceiver};
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::testing::{SignedRequest, Signer};
use serde_json::{Value, json as value};
use time::OffsetDateTime;

use super::{
    DATA, HOOK_HEADER, SAS_KEY, SAS_SIGNATURE, TOKEN, URL_KEY, USER, fetching_from, http, said,
};
use crate::event_grid::receive_tokens::{
    AUDIENCE, FIRST, FOREIGN, KEYS, NOW, TENANT, claims, with,
};
use crate::support::{ISSUER, Scripted, Web, chain};

/// The body of a callback, with a secret in a URL.
fn event(name: &str) -> String {
    let uri = format!("https://api.example/v1/customers/1?sig={SAS_SIGNATURE}&v=1");
    value!({"EventName": name, "ResourceUri": uri, "AuditUri": uri}).to_string()
}

/// A receiver that gets its certificate, and its signer.
pub(super) fn at_hand() -> (Receiver, Signer) {
    let signer = ISSUER.signer().unwrap();
    let receiver = ReceiverBuilder::new(chain(), Scripted::serving(&signer))
        .clock(|| crate::support::NOW)
        .build()
        .unwrap();
    (receiver, signer)
}

/// A genuine callback with the secrets of others in its headers.
pub(super) fn genuine(signer: &Signer, name: &str) -> SignedRequest {
    let callback = signer.callback(event(name)).unwrap();
    [
        ("x-functions-key", HOOK_HEADER),
        ("x-api-key", SAS_KEY),
        ("cookie", TOKEN),
        ("referer", &format!("https://{USER}@contoso.example/")),
    ]
    .into_iter()
    .fold(callback, |callback, (name, value)| callback.with_header(name, value.as_bytes()).unwrap())
}

/// Callbacks that are refused.
pub(super) fn spoiled(signer: &Signer) -> Vec<SignedRequest> {
    let good = || genuine(signer, "test-created");
    let with = |name: &str, value: &[u8]| good().with_header(name, value).unwrap();
    let url = "x-ms-certificate-url";
    vec![
        good(),
        good().with_body(value!({"EventName": "x", "Key": DATA}).to_string()),
        good().with_body(""),
        good().without_header("x-ms-signature-algorithm"),
        signer.callback(format!(r#"{{"EventName":7,"Key":"{DATA}"}}"#)).unwrap(),
        signer.callback(format!(r#"{{"EventName":"x","Key":"{DATA}"#)).unwrap(),
        with("authorization", format!("Bearer {TOKEN}").as_bytes()),
        with("authorization", format!("Basic {SAS_KEY}").as_bytes()),
        with("authorization", TOKEN.as_bytes()),
        with("authorization", format!("Signature {TOKEN}").as_bytes()),
        with(url, format!("https://evil.example/cert/a.cer?sig={URL_KEY}").as_bytes()),
        with(url, format!("https://u:{USER}@evil.example/cert/a.cer").as_bytes()),
        with(url, format!("evil.example/cert/a.cer?{URL_KEY}").as_bytes()),
        with(url, &[format!("https://evil.example/?sig={URL_KEY}").as_bytes(), b"\xff"].concat()),
    ]
}

/// What the receivers show of requests that they refuse, where the peer at `base` has certificates and keys.
pub(super) async fn refusing(base: &str) -> Vec<String> {
    let mut shown = Vec::new();
    for (receiver, signer) in [fetching_from(base), at_hand()] {
        for callback in spoiled(&signer) {
            let outcome = receiver.receive(&callback.headers, &callback.body).await;
            shown.push(format!("{outcome:?} {} {receiver:?}", said(&outcome)));
        }
    }
    let mut profile = CloudProfile::new(base, base);
    profile.danger_plain_http_on_loopback = true;
    let expected = ExpectedToken::new(&Cloud::Custom(profile), TENANT, AUDIENCE);
    let keys = EntraTokens::new(expected.unwrap(), AwsLcRs::new(), http());
    for webhook in [hook(keys), grid()] {
        for (method, query, headers, body) in deliveries().into_iter().chain(strangers()) {
            let outcome = webhook.receive(&method, Some(&query), &headers, &body).await;
            shown.push(format!("{webhook:?} {outcome:?} {}", said(&outcome)));
        }
    }
    shown
}

/// What they show of requests that they accept.
pub(super) async fn accepting() -> Vec<String> {
    let (receiver, signer) = at_hand();
    let callback = genuine(&signer, "test-created");
    let received = receiver.receive(&callback.headers, &callback.body).await;
    let mut shown = vec![format!("{receiver:?} {:?}", received.unwrap())];
    let webhook = grid();
    for (method, query, headers, body) in deliveries() {
        let incoming = webhook.receive(&method, Some(&query), &headers, &body).await;
        shown.push(format!("{:?}", incoming.unwrap()));
    }
    shown
}

fn hook(keys: EntraTokens) -> WebhookReceiver {
    WebhookReceiver::builder()
        .entra(keys)
        .header_secret("x-key", HOOK_HEADER)
        .and_then(|builder| builder.query_secret("code", URL_KEY))
        .unwrap()
        .build()
        .unwrap()
}

/// A receiver of Event Grid's deliveries that has the keys of its tenant, and demands all that it can.
pub(super) fn grid() -> WebhookReceiver {
    let web = Web::default();
    web.page(KEYS, 200, value!({"keys": [FIRST.jwk()]}).to_string());
    let expected = ExpectedToken::new(&Cloud::Global, TENANT, AUDIENCE).unwrap();
    let clock = || OffsetDateTime::from_unix_timestamp(NOW).unwrap();
    hook(EntraTokens::new(expected, AwsLcRs::new(), web).with_clock(clock))
}

/// Method, query, headers and body.
pub(super) type Delivered = (Method, String, HeaderMap, Vec<u8>);

fn delivered(kind: &str, code: &str, key: &str, authorization: &str, body: &Value) -> Delivered {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("aeg-event-type", kind),
        ("content-type", "application/json"),
        ("x-key", key),
        ("authorization", authorization),
        ("x-functions-key", SAS_KEY),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let query = format!("code={}&sig={SAS_SIGNATURE}", code.replace('+', "%2B"));
    (Method::POST, query, headers, body.to_string().into_bytes())
}

fn bearer() -> String {
    format!("Bearer {}", FIRST.token(&claims()))
}

/// The URL that consents to a handshake, at this host.
fn consent(host: &str) -> String {
    format!("https://{host}/eventsubscriptions/a/validate?id=1&t=2&token={SAS_SIGNATURE}")
}

fn validation(host: &str) -> Value {
    let data = value!({"validationCode": "1", "validationUrl": consent(host)});
    value!([{
        "id": "1", "topic": "/a", "subject": "", "eventTime": "2026-11-21T00:00:00Z", "metadataVersion": "1", "dataVersion": "2",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": data,
    }])
}

/// The handshake of CloudEvents, with a URL to consent at.
fn handshake(host: &str) -> Delivered {
    let (_, query, mut headers, _) = delivered("", URL_KEY, HOOK_HEADER, &bearer(), &Value::Null);
    headers.remove("aeg-event-type");
    for (name, value) in [
        ("webhook-request-origin", "eventgrid.azure.net"),
        ("webhook-request-callback", &consent(host)),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    (Method::OPTIONS, query, headers, Vec::new())
}

/// What is accepted.
pub(super) fn deliveries() -> Vec<Delivered> {
    let event = value!({
        "specversion": "1.0", "id": "1", "type": "b", "data": {"key": DATA},
        "source": format!("https://contoso.example/?sig={SAS_SIGNATURE}"),
    });
    let events = value!([event, {"key": DATA}, {"id": 7, "source": "/a", "data": DATA}]);
    let host = "rp-westeurope.eventgrid.azure.net:553";
    let right = |kind, body: &Value| delivered(kind, URL_KEY, HOOK_HEADER, &bearer(), body);
    vec![
        right("Notification", &events),
        right("Notification", &event),
        right("SubscriptionValidation", &validation(host)),
        handshake(host),
    ]
}

/// What is refused.
pub(super) fn strangers() -> Vec<Delivered> {
    let body = value!([{"id": "1", "key": DATA}]);
    let foreign = FOREIGN.token(&claims());
    let old = FIRST.token(&with(claims(), "exp", value!(NOW - 10_000)));
    let other = FIRST.token(&with(
        claims(),
        "aud",
        value!(format!("https://a.example/?k={SAS_SIGNATURE}")),
    ));
    let wrong = "WRONGWRONGWRONG";
    let of = |code, key, authorization: &str, body| {
        delivered("Notification", code, key, authorization, body)
    };
    let text = value!(DATA);
    let mut strangers = vec![
        of(wrong, HOOK_HEADER, &bearer(), &body),
        of(URL_KEY, wrong, &bearer(), &body),
        of(URL_KEY, HOOK_HEADER, &format!("Bearer {TOKEN}"), &body),
        of(URL_KEY, HOOK_HEADER, &format!("Bearer {foreign}"), &body),
        of(URL_KEY, HOOK_HEADER, &format!("Bearer {old}"), &body),
        of(URL_KEY, HOOK_HEADER, &format!("Bearer {other}"), &body),
        of(URL_KEY, HOOK_HEADER, &format!("Basic {SAS_KEY}"), &body),
        of(URL_KEY, HOOK_HEADER, &bearer(), &text),
        handshake("evil.example"),
    ];
    let evil = validation("evil.example");
    strangers.push(delivered("SubscriptionValidation", URL_KEY, HOOK_HEADER, &bearer(), &evil));
    let (method, query, headers, _) = of(URL_KEY, HOOK_HEADER, &bearer(), &body);
    let cut = format!(r#"[{{"key":"{DATA}"#).into_bytes();
    strangers.push((method.clone(), query.clone(), headers.clone(), cut));
    let mut doubled = headers;
    doubled.append("x-key", HOOK_HEADER.parse().unwrap());
    strangers.push((method, format!("{query}&{query}"), doubled, b"[]".to_vec()));
    strangers
}

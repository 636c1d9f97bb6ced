//! Tokens without the app role, and tokens in handshakes: the responses to a delivery and to each handshake.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use partner_center_webhooks::cloud::{Cloud, CloudProfile};
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::event_grid::receive::{
    EntraTokens, ExpectedToken, WebhookReceiver, WebhookReceiverBuilder,
};
use partner_center_webhooks::http_client::{HttpClient as _, Limits, ReqwestClient};
use partner_center_webhooks::testing::event_grid::Outcome;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::TcpListener;

use super::{
    Hook, NOW, SCHEMAS, event, fake, orders, outcomes, serve, succeeded, the_delivery, with,
};
use crate::event_grid::receive_tokens::{FIRST, FOREIGN, SECOND};
use crate::receiver::logs::lines_of;

const TENANT: &str = "11111111-1111-1111-1111-111111111111";
const ROLE: &str = "AzureEventGridSecureWebhookSubscriber";

/// The claims of Event Grid's token if the role is not assigned.
const CLAIMS: &str = r#"{
  "aud": "api://contoso.example/events",
  "iss": "https://sts.windows.net/11111111-1111-1111-1111-111111111111/",
  "iat": "now", "nbf": "now", "exp": "now + 3600",
  "appid": "4962773b-9cdb-44cf-a8bf-237846a00ab7", "appidacr": "2",
  "oid": "33333333-3333-3333-3333-333333333333", "sub": "33333333-3333-3333-3333-333333333333",
  "tid": "11111111-1111-1111-1111-111111111111", "ver": "1.0"
}"#;

/// The handshakes of both schemas.
const HANDSHAKES: [&str; 2] = [
    "OPTIONS /events HTTP/1.1
Host: hooks.contoso.example
Authorization: Bearer <header>.<claims>.<signature>
WebHook-Request-Origin: eventgrid.azure.net
WebHook-Request-Rate: 120

",
    r#"POST /events HTTP/1.1
Host: hooks.contoso.example
Authorization: Bearer <header>.<claims>.<signature>
Aeg-Event-Type: SubscriptionValidation
Content-Type: application/json; charset=utf-8

[{"id":"1","topic":"/t","subject":"","data":{"validationCode":"ABC"},"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","eventTime":"2026-03-30T18:03:35.5Z","dataVersion":"2"}]"#,
];

const DELIVERY: &str = r#"POST /events HTTP/1.1
Host: hooks.contoso.example
Authorization: Bearer <header>.<claims>.<signature>
Aeg-Event-Type: Notification
Content-Type: application/cloudevents+json; charset=utf-8

{"specversion":"1.0","id":"1","source":"/a","type":"Contoso.Ordered"}"#;

fn claims(changes: Value) -> Value {
    let claims = CLAIMS.replace(r#""now""#, &NOW.to_string());
    let claims = claims.replace(r#""now + 3600""#, &(NOW + 3600).to_string());
    let mut claims: Value = serde_json::from_str(&claims).unwrap();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

/// An authority at this base URL.
fn cloud(base_url: &str) -> Cloud {
    let mut profile = CloudProfile::new(base_url, base_url);
    profile.danger_plain_http_on_loopback = true;
    Cloud::Custom(profile)
}

/// An authority with this response to each request, and the number of requests.
async fn authority(status: u16, body: &Value) -> (Cloud, Arc<AtomicUsize>) {
    let (requests, body) = (Arc::new(AtomicUsize::new(0)), body.to_string());
    let count = Arc::clone(&requests);
    let status = StatusCode::from_u16(status).unwrap();
    let route = any(move || async move {
        count.fetch_add(1, Ordering::SeqCst);
        (status, body)
    });
    let url = serve(Router::new().fallback(route)).await;
    (cloud(url.split("/events").next().unwrap()), requests)
}

async fn authority_with_keys() -> Cloud {
    authority(200, &json!({"keys": [FIRST.jwk()]})).await.0
}

/// An authority that accepts connections and never responds, and the number of connections.
async fn silent_authority() -> (Cloud, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok(connection) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            open.push(connection);
        }
    });
    (cloud(&base_url), connections)
}

type Change = fn(WebhookReceiverBuilder) -> WebhookReceiverBuilder;

/// Our webhook, which accepts tokens of this authority at [`NOW`].
async fn hook(cloud: &Cloud, change: Change) -> (Hook, String) {
    let expected = ExpectedToken::new(cloud, TENANT, "api://contoso.example/events").unwrap();
    let tokens = EntraTokens::new(expected, AwsLcRs::new(), ReqwestClient::new().unwrap());
    let tokens = tokens.with_clock(|| OffsetDateTime::from_unix_timestamp(NOW).unwrap());
    let builder = change(WebhookReceiver::builder().entra(tokens));
    Hook::of(builder.build().unwrap(), &[]).await
}

/// Sends such a request with this token.
async fn send(url: &str, request: &str, token: &str) -> Response<Bytes> {
    let request = request.replace("<header>.<claims>.<signature>", token);
    let (head, body) = request.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let method = lines.next().unwrap().split(' ').next().unwrap();
    let mut builder = Request::builder().method(method).uri(url);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        builder = builder.header(name, value);
    }
    let request = builder.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    let limits = Limits::new(Duration::from_secs(30), 1 << 20);
    ReqwestClient::new().unwrap().send(request, limits).await.unwrap()
}

/// The status of a delivery with this token, then of both handshakes.
async fn statuses(url: &str, token: &str) -> [u16; 3] {
    let [options, validation] = HANDSHAKES;
    let mut statuses = [0; 3];
    for (status, request) in statuses.iter_mut().zip([DELIVERY, options, validation]) {
        *status = send(url, request, token).await.status().as_u16();
    }
    statuses
}

#[tokio::test]
async fn a_missing_role_is_answered_503_with_instructions() {
    let cloud = authority_with_keys().await;
    let lacking = [
        (claims(json!({})), "it has no roles"),
        (claims(json!({"roles": []})), "it has no roles"),
        (claims(json!({"roles": ["Reader", "Writer"]})), "its roles are `Reader, Writer`"),
        (
            claims(json!({"roles": [ROLE.to_lowercase()]})),
            "its roles are `azureeventgridsecurewebhooksubscriber`",
        ),
    ];
    let settings: [(Change, [u16; 3]); 3] = [
        // The handshakes would succeed without the token. They succeed with it, because Event Grid does not retry them.
        (|it| it, [503, 200, 200]),
        (WebhookReceiverBuilder::handshakes_need_token, [503; 3]),
        (WebhookReceiverBuilder::missing_role_is_final, [403; 3]),
    ];
    for (change, expected) in settings {
        for (claims, roles) in &lacking {
            let (hook, url) = hook(&cloud, change).await;
            let token = FIRST.token(claims);
            let lines = lines_of(async {
                assert_eq!(statuses(&url, &token).await, expected, "{roles}");
            });
            let (level, consequence) = match expected[0] {
                503 => ("ERROR", "Event Grid keeps the event and retries for a day at most"),
                _ => (
                    "WARN",
                    "the delivery is refused permanently, because `missing_role_is_final` is set",
                ),
            };
            let refused = format!(
                "{level} partner_center_webhooks::event_grid: delivery refused outcome=\"refused\" status={} reason=the token \
                 is Event Grid's but lacks the app role `{ROLE}` ({roles}): {consequence}. To fix this: in Microsoft Entra, \
                 open Enterprise applications, select the webhook's application (`api://contoso.example/events`), and \
                 assign its app role `{ROLE}` to Event Grid's service principal (application \
                 `4962773b-9cdb-44cf-a8bf-237846a00ab7`); in PowerShell, use `New-MgServicePrincipalAppRoleAssignment`",
                expected[0]
            );
            assert_eq!(lines.await[0], refused);
            assert_eq!(hook.seen(), [], "{roles}");
        }
    }
    // The twin: with the role, all succeed.
    let (hook, url) = hook(&cloud, |it| it.handshakes_need_token()).await;
    let token = FIRST.token(&claims(json!({"roles": [ROLE]})));
    assert_eq!(statuses(&url, &token).await, [204, 200, 200]);
    assert_eq!(hook.seen().len(), 1);
}

/// A token of another application is refused permanently, also without the role.
#[tokio::test]
async fn tokens_of_other_applications_are_refused_permanently() {
    let cloud = authority_with_keys().await;
    let other = "22222222-2222-2222-2222-222222222222";
    let with = |changes| FIRST.token(&claims(changes));
    for (what, token, status) in [
        ("audience", with(json!({"aud": "api://fabrikam.example"})), 401),
        ("tenant", with(json!({"tid": other})), 401),
        ("issuer", with(json!({"iss": format!("https://sts.windows.net/{other}/")})), 401),
        ("application", with(json!({"appid": other})), 403),
        ("key", FOREIGN.token(&claims(json!({}))), 401),
    ] {
        let (hook, url) = hook(&cloud, |it| it).await;
        assert_eq!(statuses(&url, &token).await, [status; 3], "{what}");
        assert_eq!(hook.seen(), [], "{what}");
    }
    // A delivery with an unpublished key is refused. A handshake does not fetch keys.
    let (_, url) = hook(&cloud, |it| it).await;
    let unknown = SECOND.token(&claims(json!({"roles": [ROLE]})));
    assert_eq!(statuses(&url, &unknown).await, [401, 200, 200]);
}

/// From the handshake to the delivery, with the role assigned after two attempts.
#[tokio::test]
async fn an_event_is_kept_until_the_role_is_assigned() {
    for schema in SCHEMAS {
        let (fake, cloud) = (fake().await, authority_with_keys().await);
        let (hook, url) = hook(&cloud, |it| it).await;
        let asked = AtomicUsize::new(0);
        let subscription = with(orders(&url, schema), |it| {
            it.credentials_in_handshakes = true;
            it.token = Some(Arc::new(move || {
                let roles = match asked.fetch_add(1, Ordering::SeqCst) {
                    0..=2 => json!([]),
                    _ => json!([ROLE]),
                };
                FIRST.token(&claims(json!({"roles": roles})))
            }));
        });
        succeeded(&fake.subscribe(subscription).await.unwrap());
        fake.deliver("orders", [event(schema, 1)]).unwrap();
        let delivery = the_delivery(&fake).await;
        assert_eq!(outcomes(&delivery), ["Busy", "Busy", "Delivered"]);
        assert_eq!(delivery.outcome(), Outcome::Delivered);
        assert_eq!(hook.ids(), [["1"]]);
    }
}

/// A handshake with a token does not wait for the authority.
#[tokio::test]
async fn handshakes_succeed_while_keys_cannot_be_fetched() {
    let [options, validation] = HANDSHAKES;
    let (silent, connections) = silent_authority().await;
    let (failing, requests) = authority(500, &json!({})).await;
    let (keyless, _) = authority(200, &json!({"keys": []})).await;
    let nowhere = cloud("http://127.0.0.1:1");
    let good = FIRST.token(&claims(json!({"roles": [ROLE]})));
    for cloud in [&silent, &failing, &keyless, &nowhere] {
        let (_, url) = hook(cloud, |it| it).await;
        let response = send(&url, options, &good).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["webhook-allowed-origin"], "eventgrid.azure.net");
        let response = send(&url, validation, &good).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.body(), r#"{"validationResponse":"ABC"}"#);
    }
    let asked = [&connections, &requests].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(asked, [0, 0]);

    // The twin: if handshakes need a token, it must be verified.
    for cloud in [&failing, &keyless, &nowhere] {
        let (_, url) = hook(cloud, |it| it.handshakes_need_token()).await;
        for handshake in HANDSHAKES {
            let response = send(&url, handshake, &good).await;
            assert_eq!(response.status(), 503);
            assert!(response.headers().contains_key("retry-after"));
        }
    }
}

/// Wrong claims are detected without a key.
#[tokio::test]
async fn bad_tokens_of_handshakes_are_refused_while_keys_cannot_be_fetched() {
    let (silent, connections) = silent_authority().await;
    let (_, url) = hook(&silent, |it| it).await;
    let other = "22222222-2222-2222-2222-222222222222";
    let with = |changes| FIRST.token(&claims(changes));
    for (token, status) in [
        ("a.b.c".to_owned(), 401),
        ("<header>.<claims>.<signature>".to_owned(), 401),
        (with(json!({"aud": "api://fabrikam.example"})), 401),
        (with(json!({"tid": other})), 401),
        (with(json!({"appid": other})), 403),
    ] {
        for handshake in HANDSHAKES {
            let response = send(&url, handshake, &token).await;
            assert_eq!(response.status(), status, "{token}");
        }
    }
    // An expired token succeeds: a delivery would get 503.
    let early = with(json!({"nbf": NOW + 3600, "roles": [ROLE]}));
    let late = with(json!({"exp": NOW - 3600, "roles": [ROLE]}));
    for token in [early, late] {
        for handshake in HANDSHAKES {
            assert_eq!(send(&url, handshake, &token).await.status(), 200);
        }
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

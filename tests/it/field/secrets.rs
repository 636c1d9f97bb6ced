//! A callback URL with a key in it is a secret.

use std::sync::LazyLock;

use http::{HeaderMap, Method};
use partner_center_webhooks::cloud::{Cloud, CloudProfile};
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::event::{Event, EventName};
use partner_center_webhooks::event_grid::manage::{
    ArmResource, Endpoint, EventSubscription, ManagementClient, ResourceGroup, SubscriptionId,
};
use partner_center_webhooks::event_grid::receive::{EntraTokens, ExpectedToken, WebhookReceiver};
use partner_center_webhooks::event_grid::{
    AccessKey, CloudEvent, Credential, PublishEndpoint, Publisher, SasToken,
};
use partner_center_webhooks::registration::{
    Plan, Registration, RegistrationClient, RegistrationError, WhenLimited,
};
use partner_center_webhooks::resources::ResourceClient;
use partner_center_webhooks::testing::partner_center::PartnerCenter;
use partner_center_webhooks::token::{
    self, AccessToken, Application, ClientCredentials, RefreshToken, SecretString, StaticToken,
    TokenProvider, TokenRequest,
};
use serde_json::json as value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::{Peer, fetching_from, http, json, quick, read, response};
use crate::logs::lines_of;
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
        (
            FUNCTION,
            "https://contoso.azurewebsites.net/api/callback?code=...",
        ),
        (BARE, "https://contoso.example/hook?..."),
    ] {
        let (new, old) = (
            registration(url),
            registration("https://old.example/?key=SECRETSECRET"),
        );
        let create = Plan::new(&new, None);
        assert_eq!(
            create.to_string(),
            format!("register `{shown}` for test-created")
        );
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
    ] {
        let error = Registration::new(url, []).unwrap_err();
        assert!(
            error.to_string().contains("contoso.example/hook"),
            "{error}"
        );
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}

#[tokio::test]
async fn a_service_that_quotes_the_url_does_not_show_it() {
    let encoded = LOGIC_APP
        .replace('%', "%25")
        .replace('&', "%26")
        .replace('=', "%3D")
        .replace('?', "%3F");
    for (url, description) in [
        (
            LOGIC_APP,
            format!("The WebhookUrl {LOGIC_APP} is not valid."),
        ),
        (
            FUNCTION,
            format!("The WebhookUrl '{FUNCTION}', of the tenant, is not valid."),
        ),
        (FUNCTION, "code SECRETSECRET is not valid".to_owned()),
        (LOGIC_APP, format!("The WebhookUrl {encoded} is not valid.")),
        (BARE, format!("The WebhookUrl {BARE} is not valid.")),
    ] {
        let body = serde_json::json!({"code": "800002", "description": description});
        let peer = Peer::saying([json("400 Bad Request", &body.to_string())]).await;
        let error = peer
            .registration()
            .create(&registration(url))
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("code 800002: ") && text.contains("is not valid"),
            "{text}"
        );
        for text in [text, format!("{error:?}")] {
            assert!(!text.contains(SECRET), "{text}");
        }
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
const URL_KEY: &str = "URLKEYURLKEY+/=";
const HOOK_HEADER: &str = "HOOKHEADERHOOKHEADER";
const SAS_KEY: &str = "U0FTS0VZU0FTS0VZU0FTS0VZU0FTS0VZ";
const SAS_SIGNATURE: &str = "SASSIGNATURESASSIGNATURE";

fn said<T, E: ToString>(outcome: &Result<T, E>) -> String {
    let error = outcome.as_ref().err();
    error.map(ToString::to_string).unwrap_or_default()
}

/// Everything that one failing call of each client shows.
async fn shown_by_clients(base: &str) -> Vec<String> {
    let mut profile = CloudProfile::new(base, base);
    profile.danger_plain_http_on_loopback = true;
    profile.management_base = base.to_owned();
    profile.graph_base = base.to_owned();
    profile.referrals_base = base.to_owned();
    let cloud = Cloud::Custom(profile);
    let token = || StaticToken::new(AccessToken::new(TOKEN).unwrap());
    let mut shown = Vec::new();
    let mut show = |what: &dyn Fn() -> String| shown.push(what());

    let url = format!(
        "https://contoso.example/hook?code={}",
        URL_KEY.replace('+', "%2B").replace('/', "%2F")
    );
    let wanted = registration(&url);
    let client = RegistrationClient::new(&cloud, http(), token())
        .unwrap()
        .with_retries(quick());
    show(&|| {
        format!(
            "{client:?} {wanted:?} {:?} {}",
            Plan::new(&wanted, None),
            Plan::new(&wanted, None)
        )
    });
    for outcome in [
        client.create(&wanted).await.map(|_| ()),
        client.update(&wanted).await.map(|_| ()),
        client.ensure(&wanted).await.map(|_| ()),
        client
            .get()
            .await
            .map(|_| ())
            .map_err(RegistrationError::from),
        client
            .send_test_event(WhenLimited::Refuse)
            .await
            .map(|_| ()),
    ] {
        show(&|| format!("{outcome:?} {}", said(&outcome)));
    }

    let client = ResourceClient::new(&cloud, http(), token())
        .and_then(|client| client.with_graph(token()))
        .and_then(|client| client.with_referrals(token(), "scope"))
        .unwrap()
        .with_retries(quick());
    for uri in [
        format!("{base}/v1/customers/4cfba01c-47d4-4b91-9559-740129e7352b"),
        "https://partner.microsoft.com/granularAdminRelationships/33333333-3333-3333-3333-333333333333-44444444-4444-4444-4444-444444444444".to_owned(),
        "https://api.partner.microsoft.com/v1.0/engagements/referrals/22222222-2222-2222-2222-222222222222".to_owned(),
    ] {
        let event = value!({"EventName": "x", "ResourceUri": uri});
        let event = Event::from_slice(event.to_string().as_bytes()).unwrap();
        let outcome = client.fetch(&event).await.map(|_| ());
        show(&|| format!("{client:?} {outcome:?} {}", said(&outcome)));
    }

    let ours = SubscriptionId::new("11111111-1111-1111-1111-111111111111").unwrap();
    let topic = ResourceGroup::new(ours, "rg")
        .unwrap()
        .partner_topic("contoso")
        .unwrap();
    let id = topic.event_subscription("hook").unwrap();
    let mut hook = Endpoint::webhook(url.as_str());
    let headers = value!([{"name": "x-key", "type": "Static", "properties": {"value": HOOK_HEADER, "isSecret": true}}]);
    hook.properties
        .as_mut()
        .unwrap()
        .delivery_attribute_mappings = serde_json::from_value(headers).unwrap();
    let mut subscription = EventSubscription::default();
    subscription.destination = Some(hook);
    let resource = ArmResource::new(subscription);
    let client = ManagementClient::new(&cloud, http(), token())
        .unwrap()
        .with_retries(quick());
    let outcome = client.create_or_update(&id, &resource).await.map(|_| ());
    show(&|| format!("{client:?} {resource:?} {outcome:?} {}", said(&outcome)));

    let endpoint =
        || PublishEndpoint::danger_plain_http_on_loopback(&format!("{base}/api/events")).unwrap();
    let sas = format!("r=a&e=b&s={SAS_SIGNATURE}");
    for credential in [
        Credential::from(AccessKey::new(SAS_KEY).unwrap()),
        Credential::from(SasToken::new(sas.as_str()).unwrap()),
        Credential::bearer(token()),
    ] {
        let publisher = Publisher::by_source(endpoint(), credential, http()).with_retries(quick());
        let event = CloudEvent::new("/contoso", "x").unwrap();
        let outcome = publisher.publish([event]).await.map(|_| ());
        show(&|| format!("{publisher:?} {outcome:?} {}", said(&outcome)));
    }

    let (certificate, key) = (&CERTIFIED.0, &CERTIFIED.1);
    for credential in [
        token::Credential::from(CLIENT_SECRET),
        token::Credential::federated(|| async { Ok(SecretString::from(ASSERTION)) }),
        token::Credential::public_client(),
        token::Credential::certificate(&AwsLcRs::new(), certificate.as_bytes(), key.as_bytes())
            .unwrap(),
    ] {
        let application = Application::new(&cloud, "contoso.example", "id", credential).unwrap();
        let refresh = RefreshToken::new(application.clone(), REFRESH_TOKEN, http(), |_| async {
            Ok(())
        });
        let own = ClientCredentials::new(application.clone(), http());
        let outcomes = [
            refresh.token(TokenRequest::new("scope")).await.map(|_| ()),
            own.token(TokenRequest::new("scope")).await.map(|_| ()),
        ];
        show(&|| format!("{application:?} {refresh:?} {own:?}"));
        for outcome in outcomes {
            show(&|| format!("{outcome:?} {}", said(&outcome)));
        }
    }
    shown
}

/// What receivers say of requests with secrets of others in them.
async fn shown_by_receivers(base: &str) -> Vec<String> {
    let mut shown = Vec::new();
    let (receiver, _) = fetching_from(base);
    let url = format!("{base}/cert/a.cer");
    for (url, authorization) in [
        (url.as_str(), None),
        (url.as_str(), Some(format!("Bearer {TOKEN}"))),
        (
            &format!("https://evil.example/cert/a.cer?sig={URL_KEY}"),
            None,
        ),
    ] {
        let signer = ISSUER.signer().unwrap().with_certificate_url(url);
        let mut callback = signer.callback(r#"{"EventName":"test-created"}"#).unwrap();
        if let Some(authorization) = authorization {
            callback
                .headers
                .insert("authorization", authorization.parse().unwrap());
        }
        let error = receiver
            .receive(&callback.headers, &callback.body)
            .await
            .unwrap_err();
        shown.push(format!("{error} {error:?} {receiver:?}"));
    }

    let mut profile = CloudProfile::new(base, base);
    profile.danger_plain_http_on_loopback = true;
    let tenant = "11111111-1111-1111-1111-111111111111";
    let expected = ExpectedToken::new(
        &Cloud::Custom(profile),
        tenant,
        "api://contoso.example/events",
    );
    let keys = EntraTokens::new(expected.unwrap(), AwsLcRs::new(), http());
    let webhook = WebhookReceiver::builder()
        .entra(keys)
        .header_secret("x-key", HOOK_HEADER)
        .unwrap()
        .build()
        .unwrap();
    for value in [HOOK_HEADER, "WRONGWRONGWRONG"] {
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {TOKEN}");
        for (name, value) in [
            ("aeg-event-type", "Notification"),
            ("content-type", "application/json"),
            ("x-key", value),
            ("authorization", &bearer),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let query = format!("code={URL_KEY}");
        let outcome = webhook
            .receive(&Method::POST, Some(&query), &headers, b"[]")
            .await;
        shown.push(format!("{webhook:?} {outcome:?} {}", said(&outcome)));
    }
    shown
}

/// Every client and receiver, against peers that quote everything, in every way: what is printed, logged and formatted.
#[tokio::test]
async fn no_secret_is_shown_whoever_quotes_it() {
    let url_key = URL_KEY.replace('+', "%2B").replace('/', "%2F");
    let client_secret = CLIENT_SECRET.replace('+', "%2B").replace('/', "%2F");
    let key: Vec<&str> = CERTIFIED
        .1
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let secrets = [
        key[1],
        TOKEN,
        CLIENT_SECRET,
        &client_secret,
        REFRESH_TOKEN,
        ASSERTION,
        URL_KEY,
        &url_key,
        "URLKEYURLKEY",
        HOOK_HEADER,
        "WRONGWRONGWRONG",
        SAS_KEY,
        SAS_SIGNATURE,
    ];
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
                shown = shown_by_clients(&base).await;
                shown.extend(shown_by_receivers(&base).await);
            })
            .await;
            assert!(shown.len() > 20);
            // Otherwise nobody quoted anything.
            let is_quoted = shown.iter().any(|text| text.contains("[hidden]"));
            // A header is cut before the first secret.
            assert!(
                is_quoted || shape == 3 || status == "200 OK",
                "{status}, {shape}"
            );
            for text in shown.iter().chain(&lines) {
                for secret in secrets {
                    assert!(
                        !text.contains(secret),
                        "{status}, {shape}: {secret} in {text}"
                    );
                }
            }
        }
    }
}

/// What succeeds shows no more: only what is sent has the URL whole.
#[tokio::test]
async fn no_secret_is_shown_where_all_goes_well() {
    let fake = PartnerCenter::start().await.unwrap();
    let url = format!("https://contoso.example/hook?code={SECRET}");
    let secret = fake.client_secret();
    let mut shown = Vec::new();
    let lines = lines_of(async {
        let application = Application::new(
            &fake.cloud(),
            &fake.tenant_id(),
            fake.client_id(),
            secret.as_str(),
        );
        let tokens = ClientCredentials::new(application.unwrap(), http());
        let scope = format!("{}/.default", fake.base_url());
        let granted = tokens.token(TokenRequest::new(&scope)).await.unwrap();
        let client = RegistrationClient::new(&fake.cloud(), http(), tokens.clone()).unwrap();
        let plan = client.ensure(&registration(&url)).await.unwrap();
        let registered = client.get().await.unwrap().unwrap();
        assert_eq!(registered.webhook_url(), url);
        let again = client.ensure(&registration(&url)).await.unwrap();
        shown.push(format!(
            "{tokens:?} {granted:?} {client:?} {plan} {plan:?} {registered:?} {again} {again:?}"
        ));
        shown.push(granted.expose_secret().to_owned());
    })
    .await;
    let granted = shown.pop().unwrap();
    for text in shown.iter().chain(&lines) {
        for secret in [SECRET, &secret, &granted] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    let sent: Vec<_> = fake.requests();
    let sent = sent
        .iter()
        .filter(|request| String::from_utf8_lossy(request.body()).contains(SECRET));
    assert_eq!(sent.count(), 1);
}

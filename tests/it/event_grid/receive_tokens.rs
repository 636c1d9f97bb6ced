//! The tokens of Event Grid: accepted ones, their refused twins, and the tenant's keys during rotations and outages.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::Poll;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use partner_center_webhooks::cloud::{Cloud, CloudProfile};
use partner_center_webhooks::crypto::{AwsLcRs, Backend, RustCrypto};
use partner_center_webhooks::event_grid::receive::{
    EntraTokens, ExpectedToken, ReceiveError, TokenRefusal, WebhookReceiver,
    WebhookReceiverBuilder, WebhookRequest,
};
use partner_center_webhooks::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};
use partner_center_webhooks::spawn::CallerDriven;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::receiver::logs::lines_of;
use crate::support::{Web, background};

pub(crate) const TENANT: &str = "6b2c2a3e-2c0f-4a4e-9d7e-0f3f7f6b8a11";
const OTHER_TENANT: &str = "0f3f7f6b-2c0f-4a4e-9d7e-6b2c2a3e8a11";
pub(crate) const AUDIENCE: &str = "api://contoso.example/events";
pub(crate) const EVENT_GRID: &str = "4962773b-9cdb-44cf-a8bf-237846a00ab7";
pub(crate) const KEYS: &str =
    "https://login.microsoftonline.com/6b2c2a3e-2c0f-4a4e-9d7e-0f3f7f6b8a11/discovery/v2.0/keys";
/// 2026-11-21T00:00:00Z
pub(crate) const NOW: i64 = 1_795_219_200;

pub(crate) static FIRST: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate("first"));
pub(crate) static SECOND: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate("second"));
/// An unrelated tenant.
pub(crate) static FOREIGN: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate("first"));

pub(crate) struct SigningKey {
    id: &'static str,
    pair: KeyPair,
}

impl SigningKey {
    fn generate(id: &'static str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        Self { id, pair }
    }

    fn components(&self) -> (String, String) {
        let key: PublicKeyComponents<Vec<u8>> = self.pair.public_key().into();
        (base64(&key.n), base64(&key.e))
    }

    /// As Entra publishes it, without unused members.
    pub(crate) fn jwk(&self) -> Value {
        let (n, e) = self.components();
        json!({"kty": "RSA", "use": "sig", "kid": self.id, "x5t": self.id, "n": n, "e": e, "x5c": ["MII"]})
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        signed(header, claims, |message| {
            let mut signature = vec![0; self.pair.public_modulus_len()];
            let encoding = match header["alg"] == "RS384" {
                true => &RSA_PKCS1_SHA384,
                false => &RSA_PKCS1_SHA256,
            };
            let random = SystemRandom::new();
            self.pair.sign(encoding, &random, message, &mut signature).unwrap();
            signature
        })
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"typ": "JWT", "alg": "RS256", "kid": self.id}), claims)
    }
}

fn signed(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let parts = [header, claims].map(|part| base64(part.to_string().as_bytes()));
    let message = parts.join(".");
    let signature = base64(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The claims of a v1 token that is valid at `now`.
fn claims_at(now: i64) -> Value {
    json!({
        "aud": AUDIENCE,
        "iss": format!("https://sts.windows.net/{TENANT}/"),
        "iat": now - 300,
        "nbf": now - 300,
        "exp": now + 3600,
        "appid": EVENT_GRID,
        "appidacr": "2",
        "idp": format!("https://sts.windows.net/{TENANT}/"),
        "oid": "00000000-0000-0000-0000-000000000001",
        "roles": ["AzureEventGridSecureWebhookSubscriber"],
        "sub": "00000000-0000-0000-0000-000000000001",
        "tid": TENANT,
        "ver": "1.0",
    })
}

pub(crate) fn claims() -> Value {
    claims_at(NOW)
}

/// The claims of a v2 token.
fn claims_v2() -> Value {
    let mut claims = with(claims(), "azp", json!(EVENT_GRID));
    claims.as_object_mut().unwrap().remove("appid");
    let claims =
        with(claims, "iss", json!(format!("https://login.microsoftonline.com/{TENANT}/v2.0")));
    with(claims, "ver", json!("2.0"))
}

pub(crate) fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name).unwrap();
    claims
}

/// A tenant whose keys are served, and a manual clock.
struct Scene {
    web: Web,
    seconds: Arc<AtomicI64>,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { web: Web::default(), seconds: Arc::new(AtomicI64::new(NOW)) };
        scene.publish(&[&FIRST]);
        scene
    }

    fn publish(&self, keys: &[&SigningKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        self.web.page(KEYS, 200, json!({ "keys": keys }).to_string());
    }

    fn set(&self, seconds: i64) {
        self.seconds.store(seconds, Ordering::SeqCst);
    }

    fn tokens_by(&self, backend: impl Backend + 'static) -> EntraTokens {
        let seconds = Arc::clone(&self.seconds);
        let expected = ExpectedToken::new(&Cloud::Global, TENANT, AUDIENCE).unwrap();
        EntraTokens::new(expected, backend, self.web.clone()).with_clock(move || {
            OffsetDateTime::from_unix_timestamp(seconds.load(Ordering::SeqCst)).unwrap()
        })
    }

    fn tokens(&self) -> EntraTokens {
        self.tokens_by(AwsLcRs::new())
    }

    fn receiver(&self) -> WebhookReceiver {
        WebhookReceiver::builder().entra(self.tokens()).build().unwrap()
    }
}

fn authorized(authorization: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(authorization).unwrap();
    headers.insert("authorization", value);
    headers
}

async fn deliver(receiver: &WebhookReceiver, headers: &HeaderMap) -> Result<(), ReceiveError> {
    let event = br#"{"specversion":"1.0","id":"1","source":"/a","type":"b"}"#;
    let request = receiver.receive(&Method::POST, None, headers, event).await?;
    assert!(matches!(request, WebhookRequest::Notification(_)));
    Ok(())
}

async fn verdict(
    receiver: &WebhookReceiver,
    token: &str,
) -> Result<(), (u16, Option<u64>, String)> {
    let outcome = deliver(receiver, &authorized(&format!("Bearer {token}"))).await;
    outcome.map_err(|error| {
        let retry_after = error.retry_after().map(|wait| wait.as_secs());
        (error.status().as_u16(), retry_after, error.to_string())
    })
}

#[tokio::test]
async fn tokens_of_event_grid() {
    let scene = Scene::new();
    let keyless_purpose = {
        let mut jwk = FIRST.jwk();
        jwk.as_object_mut().unwrap().remove("use");
        with(jwk, "alg", json!("RS256"))
    };
    for jwk in [FIRST.jwk(), keyless_purpose] {
        // Keys of other types, unknown types and invalid keys are skipped.
        let keys = json!({"keys": [
            {"kty": "EC", "use": "sig", "kid": "e", "crv": "P-256", "x": "AA", "y": "AA"},
            {"kty": "RSA", "use": "sig", "kid": "short", "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "use": "sig", "kid": "garbage", "n": "?", "e": "AQAB"},
            7, null, {}, jwk,
        ]});
        scene.web.page(KEYS, 200, keys.to_string());
        for receiver in [
            scene.receiver(),
            WebhookReceiver::builder().entra(scene.tokens_by(RustCrypto::new())).build().unwrap(),
        ] {
            assert_eq!(verdict(&receiver, &FIRST.token(&claims())).await, Ok(()));
            assert_eq!(verdict(&receiver, &FIRST.token(&claims_v2())).await, Ok(()));
            let many = with(claims(), "roles", json!(["Other", ExpectedToken::ROLE]));
            assert_eq!(verdict(&receiver, &FIRST.token(&many)).await, Ok(()));
            let scheme = authorized(&format!("bearer  {} ", FIRST.token(&claims())));
            assert!(deliver(&receiver, &scheme).await.is_ok());
        }
    }
    let verified = scene.tokens().verify(&FIRST.token(&claims())).await.unwrap();
    assert_eq!(verified.application(), EVENT_GRID);
    assert_eq!(verified.expires_at().unix_timestamp(), NOW + 3600);
}

/// Each differs from an accepted token in one detail.
#[tokio::test]
async fn refused_twins() {
    let scene = Scene::new();
    let good = FIRST.token(&claims());
    let (_, public_key) = (FIRST.id, FIRST.components().0);
    let header = |alg: &str| json!({"typ": "JWT", "alg": alg, "kid": "first"});
    let hmac_key = hmac::Key::new(hmac::HMAC_SHA256, public_key.as_bytes());
    let hs256 = |message: &[u8]| hmac::sign(&hmac_key, message).as_ref().to_vec();
    let issuer_v2 = format!("https://login.microsoftonline.com/{OTHER_TENANT}/v2.0");
    let flipped = {
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        format!("{signed}.{first}{}", &signature[1..])
    };
    let re_claimed = {
        let parts: Vec<_> = good.split('.').collect();
        let claims = with(claims(), "exp", json!(NOW + 99_999));
        format!("{}.{}.{}", parts[0], base64(claims.to_string()), parts[2])
    };
    let sign = |claims: Value| FIRST.token(&claims);
    let expected_issuers = "(expected https://sts.windows.net/6b2c2a3e-2c0f-4a4e-9d7e-0f3f7f6b8a11/ or \
         https://login.microsoftonline.com/6b2c2a3e-2c0f-4a4e-9d7e-0f3f7f6b8a11/v2.0)";
    let malformed = |problem: &str| format!("the token is malformed: {problem}");
    let unknown = format!("the token's key `unknown` is not in the key set at `{KEYS}`");
    let parts = malformed("it does not have three parts");
    let no_json = malformed("its header is not a JSON object in base64url");
    let no_claims = malformed("its claims are not a JSON object of Microsoft Entra in base64url");
    let no_match = "the token's signature does not match key `first`";

    for (what, token, status, message) in [
        // Twelve defects and their variants.
        ("tenant", sign(with(claims(), "tid", json!(OTHER_TENANT))), 401,
            format!("the token's `tid` is `{OTHER_TENANT}` (expected {TENANT})")),
        ("no tenant", sign(without("tid")), 401,
            format!("the token's `tid` is `` (expected {TENANT})")),
        ("issuer", sign(with(claims(), "iss", json!(issuer_v2))), 401,
            format!("the token's `iss` is `{issuer_v2}` {expected_issuers}")),
        ("issuer without its slash", sign(with(claims(), "iss", json!(format!("https://sts.windows.net/{TENANT}")))), 401,
            format!("the token's `iss` is `https://sts.windows.net/{TENANT}` {expected_issuers}")),
        ("no issuer", sign(without("iss")), 401,
            format!("the token's `iss` is `` {expected_issuers}")),
        ("audience", sign(with(claims(), "aud", json!("https://management.azure.com"))), 401,
            "the token's `aud` is `https://management.azure.com` (expected api://contoso.example/events)".to_owned()),
        ("no audience", sign(without("aud")), 401,
            "the token's `aud` is `` (expected api://contoso.example/events)".to_owned()),
        ("audiences", sign(with(claims(), "aud", json!([AUDIENCE]))), 401, no_claims.clone()),
        ("application", sign(with(claims(), "appid", json!(OTHER_TENANT))), 403,
            format!("the token was issued to application `{OTHER_TENANT}` (expected {EVENT_GRID})")),
        ("two applications", sign(with(claims(), "azp", json!(OTHER_TENANT))), 403,
            format!("the token was issued to application `{OTHER_TENANT}` (expected {EVENT_GRID})")),
        ("no application", sign(without("appid")), 403,
            format!("the token was issued to application `` (expected {EVENT_GRID})")),
        ("no expiry", sign(without("exp")), 401, malformed("its `exp` is missing or is not a time")),
        ("alg none", signed(&header("none"), &claims(), |_| Vec::new()), 401,
            "the token's algorithm is `none` (expected `RS256`)".to_owned()),
        ("alg None, with a signature", FIRST.sign(&header("None"), &claims()), 401,
            "the token's algorithm is `None` (expected `RS256`)".to_owned()),
        ("HS256 with the public key", signed(&header("HS256"), &claims(), hs256), 401,
            "the token's algorithm is `HS256` (expected `RS256`)".to_owned()),
        ("an HMAC under the name RS256", signed(&header("RS256"), &claims(), hs256), 401, no_match.to_owned()),
        ("RS384", FIRST.sign(&header("RS384"), &claims()), 401,
            "the token's algorithm is `RS384` (expected `RS256`)".to_owned()),
        ("unknown kid", SECOND.sign(&json!({"alg": "RS256", "kid": "unknown"}), &claims()), 401, unknown),
        ("no kid", FIRST.sign(&json!({"alg": "RS256"}), &claims()), 401, malformed("its header does not name a key")),
        ("another key with that id", FOREIGN.token(&claims()), 401, no_match.to_owned()),
        ("a key of its own", FOREIGN.sign(&with(header("RS256"), "jwk", FOREIGN.jwk()), &claims()), 401, no_match.to_owned()),
        ("critical extensions", FIRST.sign(&with(header("RS256"), "crit", json!(["b64"])), &claims()), 401,
            malformed("its header has critical extensions")),
        ("a bit of the signature", flipped, 401, no_match.to_owned()),
        ("other claims", re_claimed, 401, no_match.to_owned()),
        ("garbage", "garbage".to_owned(), 401, parts.clone()),
        ("garbage in three parts", "a.b.c".to_owned(), 401, no_json.clone()),
        ("two parts", good.rsplit_once('.').unwrap().0.to_owned(), 401, parts.clone()),
        ("four parts", format!("{good}.AA"), 401, parts.clone()),
        ("padding", format!("{good}="), 401, malformed("its signature is not base64url")),
        ("nothing", String::new(), 401, parts),
        ("claims that are not an object", sign(json!([1])), 401, no_claims),
        ("an endless one", format!("{}.b.c", "a".repeat(16 * 1024)), 401, malformed("it is longer than 16 KiB")),
    ] {
        let receiver = scene.receiver();
        let refusal = verdict(&receiver, &token).await.unwrap_err();
        assert_eq!(refusal, (status, None, message), "{what}");
        assert_eq!(verdict(&receiver, &good).await, Ok(()), "after {what}");
    }
}

#[tokio::test]
async fn missing_and_duplicate_tokens() {
    let scene = Scene::new();
    let receiver = scene.receiver();
    let good = FIRST.token(&claims());
    let mut twice = authorized(&format!("Bearer {good}"));
    twice.append("authorization", twice["authorization"].clone());
    let mut elsewhere = HeaderMap::new();
    elsewhere.insert("x-authorization", HeaderValue::from_str(&good).unwrap());
    for headers in [
        HeaderMap::new(),
        twice,
        elsewhere,
        authorized(&good),
        authorized(&format!("Basic {good}")),
        authorized("Bearer"),
    ] {
        let error = deliver(&receiver, &headers).await.unwrap_err();
        assert!(matches!(error, ReceiveError::Token(TokenRefusal::Missing)));
        assert_eq!(error.status(), 401);
        assert_eq!(
            error.to_string(),
            "the token is missing (expected one header `authorization: Bearer …`)"
        );
    }
    assert_eq!(scene.web.requests(), [""; 0], "nothing was fetched for them");
}

/// A genuine token that is expired or not yet valid must not lose an event: a retry has another token.
#[tokio::test]
async fn expired_and_early_tokens() {
    let scene = Scene::new();
    let receiver = scene.receiver();
    let end = NOW + 3600;
    let begin = NOW - 300;
    let token = FIRST.token(&claims());
    for (now, expected) in [
        (begin - 61, Some((61, "the token is not valid before"))),
        (begin - 60, None),
        (NOW, None),
        (end + 59, None),
        (end + 60, Some((10, "the token expired at"))),
    ] {
        // The clock moves back and forth, and so do the ages of the keys.
        scene.set(now);
        let outcome = verdict(&receiver, &token).await;
        match expected {
            None => assert_eq!(outcome, Ok(()), "{}", now - NOW),
            Some((retry_after, words)) => {
                let (status, retry, message) = outcome.unwrap_err();
                assert_eq!((status, retry), (503, Some(retry_after)));
                assert!(message.starts_with(words), "{message}");
            }
        }
    }
    // A forged token or one for another audience is refused for that, even if it is expired.
    scene.set(end + 60);
    for (token, status) in [
        (FOREIGN.token(&claims()), 401),
        (FIRST.token(&with(claims(), "tid", json!(OTHER_TENANT))), 401),
        (FIRST.token(&with(claims(), "roles", json!([]))), 503),
    ] {
        assert_eq!(verdict(&receiver, &token).await.unwrap_err().0, status);
    }
    let endless = with(claims(), "exp", json!(i64::MAX));
    assert_eq!(verdict(&receiver, &FIRST.token(&endless)).await.unwrap_err().0, 401);
}

#[tokio::test]
async fn expectations_can_be_configured() {
    let scene = Scene::new();
    let accepts = async |expected: ExpectedToken, claims: &Value| {
        let tokens = EntraTokens::new(expected, AwsLcRs::new(), scene.web.clone());
        let tokens = tokens.with_clock(|| OffsetDateTime::from_unix_timestamp(NOW).unwrap());
        tokens.verify(&FIRST.token(claims)).await.is_ok()
    };
    let expected = || ExpectedToken::new(&Cloud::Global, &TENANT.to_uppercase(), AUDIENCE).unwrap();
    let id = "11111111-2222-4333-8444-555555555555";
    let for_id = with(claims(), "aud", json!(id));
    assert!(accepts(expected(), &claims()).await);
    assert!(!accepts(expected(), &for_id).await);
    assert!(accepts(expected().or_audience(id).unwrap(), &for_id).await);
    assert!(accepts(expected().or_audience(id).unwrap(), &claims()).await);

    let of_other = with(claims(), "appid", json!(id));
    let of = |ids: &[&str]| expected().with_applications(ids.iter().copied()).unwrap();
    assert!(accepts(of(&[EVENT_GRID, id]), &of_other).await);
    assert!(!accepts(of(&[id]), &claims()).await);

    // Surrounding whitespace, for instance from files, is ignored.
    let untrimmed = ExpectedToken::new(&Cloud::Global, TENANT, format!(" {AUDIENCE}\r\n"));
    let untrimmed = untrimmed.unwrap().or_audience(format!("\t{id} ")).unwrap();
    let untrimmed = untrimmed.with_applications([format!(" {EVENT_GRID}\n")]);
    let untrimmed = untrimmed.unwrap();
    assert!(accepts(untrimmed.clone(), &claims()).await);
    assert!(accepts(untrimmed, &for_id).await);

    let other_role = with(claims(), "roles", json!(["Deliver"]));
    assert!(accepts(expected().with_role("Deliver"), &other_role).await);
    assert!(!accepts(expected().with_role("Deliver"), &claims()).await);
    assert!(accepts(expected().danger_without_role(), &without("roles")).await);

    let expired = with(claims(), "exp", json!(NOW - 300));
    assert!(!accepts(expected(), &expired).await);
    assert!(accepts(expected().with_leeway(Duration::from_secs(301)), &expired).await);
    assert!(accepts(expected().with_leeway(Duration::MAX), &expired).await);
    assert!(!accepts(expected().with_leeway(Duration::ZERO), &expired).await);

    let issuer = format!("https://sts.chinacloudapi.cn/{TENANT}/");
    let elsewhere = with(claims(), "iss", json!(issuer));
    assert!(accepts(expected().with_v1_issuer(&*issuer), &elsewhere).await);
    assert!(!accepts(expected().with_v1_issuer(&*issuer), &claims()).await);

    // Azure Government has another authority and another id of Event Grid.
    let keys = KEYS.replace(".com", ".us");
    scene.web.page(&keys, 200, json!({"keys": [FIRST.jwk()]}).to_string());
    let expected = || ExpectedToken::new(&Cloud::UsGovernment, TENANT, AUDIENCE).unwrap();
    let government = with(claims_v2(), "azp", json!("54316b56-3481-47f9-8f30-0300f5542a7b"));
    let issuer = format!("https://login.microsoftonline.us/{TENANT}/v2.0");
    let government = with(government, "iss", json!(issuer));
    assert!(accepts(expected(), &government).await);
    assert!(!accepts(expected(), &with(government.clone(), "azp", json!(EVENT_GRID))).await);
    assert!(!accepts(expected(), &claims_v2()).await);
}

#[test]
fn invalid_expectations() {
    let refused = |cloud: &Cloud, tenant, audience| {
        let expected = ExpectedToken::new(cloud, tenant, audience);
        expected.unwrap_err().to_string()
    };
    for tenant in [
        "contoso.onmicrosoft.com",
        "common",
        "",
        "6b2c2a3e-2c0f-4a4e-9d7e-0f3f7f6b8a1/",
        "6b2c2a3e2c0f4a4e9d7e0f3f7f6b8a11aaaa",
    ] {
        assert_eq!(
            refused(&Cloud::Global, tenant, AUDIENCE),
            format!("`{tenant}` is not a tenant id (expected a UUID)")
        );
    }
    assert_eq!(
        refused(&Cloud::Global, TENANT, " "),
        "the audience is empty (expected an application id or an application ID URI)"
    );
    for ids in [&[][..], &[""], &[EVENT_GRID, " "]] {
        let expected = ExpectedToken::new(&Cloud::Global, TENANT, AUDIENCE).unwrap();
        let expected = expected.with_applications(ids.iter().copied());
        assert_eq!(
            expected.unwrap_err().to_string(),
            "the list of application ids is empty or contains an empty id (expected the ids of the applications that may \
             deliver)"
        );
    }
    assert_eq!(
        refused(&Cloud::China, TENANT, AUDIENCE),
        "the id of Event Grid's application in Azure China is not known (expected another cloud, or `Cloud::Custom` with \
         `with_applications`)"
    );
    let insecure = Cloud::Custom(CloudProfile::new("https://a.example", "http://login.example"));
    assert!(
        refused(&insecure, TENANT, AUDIENCE).starts_with("`http://login.example` is plain http")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_first_deliveries_fetch_the_keys_once() {
    let scene = Scene::new();
    let token = FIRST.token(&claims());
    let all = async |receiver: &WebhookReceiver| {
        let checks: Vec<_> = (0..1000)
            .map(|_| {
                let (receiver, token) = (receiver.clone(), token.clone());
                tokio::spawn(async move { verdict(&receiver, &token).await })
            })
            .collect();
        join_all(checks).await.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    let receiver = scene.receiver();
    assert!(all(&receiver).await.iter().all(Result::is_ok));
    assert_eq!(scene.web.requests(), [KEYS]);
    assert!(all(&receiver).await.iter().all(Result::is_ok));
    assert_eq!(scene.web.requests(), [""; 0]);

    // A failure also takes one request, and is remembered for ten seconds.
    scene.web.go_down(true);
    let receiver = scene.receiver();
    for _ in 0..2 {
        for outcome in all(&receiver).await {
            let (status, retry_after, message) = outcome.unwrap_err();
            assert_eq!((status, retry_after), (503, Some(10)));
            assert_eq!(
                message,
                format!(
                    "the keys at `{KEYS}` could not be fetched: no complete response within 5s"
                )
            );
        }
    }
    assert_eq!(scene.web.requests(), [KEYS]);
    scene.web.go_down(false);
    scene.set(NOW + 9);
    assert_eq!(verdict(&receiver, &token).await.unwrap_err().0, 503);
    assert_eq!(scene.web.requests(), [""; 0]);
    scene.set(NOW + 10);
    assert!(all(&receiver).await.iter().all(Result::is_ok));
    assert_eq!(scene.web.requests(), [KEYS]);
}

#[tokio::test]
async fn responses_without_keys_are_transient_errors() {
    let no_keys = format!(
        "the response of `{KEYS}` has no signing key (expected a JSON object whose `keys` include an RSA key for \
         signatures)"
    );
    let status = |status| {
        format!("`{KEYS}` returned {status} (expected 200 with keys; redirects are not followed)")
    };
    let long = format!(
        "the keys at `{KEYS}` could not be fetched: the response is longer than 262144 bytes"
    );
    let encryption = json!({"keys": [with(FIRST.jwk(), "use", json!("enc"))]}).to_string();
    let pss = json!({"keys": [with(FIRST.jwk(), "alg", json!("PS256"))]}).to_string();
    for (code, page, message) in [
        (404, String::new(), status(404)),
        (302, String::new(), status(302)),
        (500, json!({"keys": [FIRST.jwk()]}).to_string(), status(500)),
        (200, "<html>".to_owned(), no_keys.clone()),
        (200, "{}".to_owned(), no_keys.clone()),
        (200, r#"{"keys":[]}"#.to_owned(), no_keys.clone()),
        (200, encryption, no_keys.clone()),
        (200, pss, no_keys),
        (200, " ".repeat(262_145), long),
    ] {
        let scene = Scene::new();
        scene.web.page(KEYS, code, page);
        let receiver = scene.receiver();
        let token = FIRST.token(&claims());
        let refusal = verdict(&receiver, &token).await.unwrap_err();
        assert_eq!(refusal, (503, Some(10), message));
        scene.publish(&[&FIRST]);
        scene.set(NOW + 10);
        assert_eq!(verdict(&receiver, &token).await, Ok(()));
    }
}

#[tokio::test]
async fn keys_rotate_under_load() {
    let scene = Scene::new();
    let receiver = scene.receiver();
    let (old, new) = (FIRST.token(&claims()), SECOND.token(&claims()));
    assert_eq!(verdict(&receiver, &old).await, Ok(()));
    assert_eq!(scene.web.requests(), [KEYS]);

    // During the rotation both are published; the first token with the new key causes one fetch.
    scene.publish(&[&SECOND, &FIRST]);
    let mixed = |index| if index % 2 == 0 { &old } else { &new };
    let checks = (0..1000).map(|index| verdict(&receiver, mixed(index)));
    for outcome in join_all(checks).await {
        assert_eq!(outcome, Ok(()));
    }
    assert_eq!(scene.web.requests(), [KEYS]);

    // The old key is withdrawn. The next fetch, a day later, detects it; no delivery is refused meanwhile.
    scene.publish(&[&SECOND]);
    let day = 24 * 60 * 60;
    let later = |key: &SigningKey| key.token(&claims_at(NOW + day));
    scene.set(NOW + day - 1);
    assert_eq!(verdict(&receiver, &later(&FIRST)).await, Ok(()));
    assert_eq!(scene.web.requests(), [""; 0]);
    scene.set(NOW + day);
    let (old, new) = (later(&FIRST), later(&SECOND));
    let mixed = |index| if index % 2 == 0 { &old } else { &new };
    let checks = (0..1000).map(|index| verdict(&receiver, mixed(index)));
    for outcome in join_all(checks).await {
        // No delivery waits for the refresh while its key is cached.
        assert_eq!(outcome, Ok(()));
    }
    background().await;
    assert_eq!(scene.web.requests(), [KEYS]);
    assert_eq!(verdict(&receiver, &new).await, Ok(()));
    let (status, _, message) = verdict(&receiver, &later(&FIRST)).await.unwrap_err();
    assert_eq!(status, 401);
    assert!(message.contains("key `first` is not in the key set"), "{message}");
}

#[tokio::test]
async fn unknown_keys_cause_one_request_a_minute() {
    let scene = Scene::new();
    let receiver = scene.receiver();
    let (known, made_up) = (FIRST.token(&claims()), SECOND.token(&claims()));
    assert_eq!(verdict(&receiver, &known).await, Ok(()));
    assert_eq!(verdict(&receiver, &made_up).await.unwrap_err().0, 401);
    assert_eq!(scene.web.requests(), [KEYS, KEYS]);
    for second in [0, 1, 59] {
        scene.set(NOW + second);
        let checks = (0..1000).map(|_| verdict(&receiver, &made_up));
        for outcome in join_all(checks).await {
            // The keys may have been rotated, so this is not final.
            let retry_after = u64::try_from(60 - second).unwrap();
            let message = "the token's key `second` is not known, and the last fetch of the keys was less than a minute ago";
            assert_eq!(outcome.unwrap_err(), (503, Some(retry_after), message.to_owned()));
        }
        assert_eq!(verdict(&receiver, &known).await, Ok(()));
    }
    assert_eq!(scene.web.requests(), [""; 0]);
    scene.set(NOW + 60);
    scene.publish(&[&FIRST, &SECOND]);
    assert_eq!(verdict(&receiver, &made_up).await, Ok(()));
    assert_eq!(scene.web.requests(), [KEYS]);

    // A failing host does not receive more requests.
    scene.set(NOW + 120);
    scene.web.go_down(true);
    let other = SECOND.sign(&json!({"alg": "RS256", "kid": "third"}), &claims());
    for second in [120, 129, 131, 179] {
        scene.set(NOW + second);
        assert_eq!(verdict(&receiver, &other).await.unwrap_err().0, 503);
        assert_eq!(verdict(&receiver, &known).await, Ok(()));
    }
    assert_eq!(scene.web.requests(), [KEYS]);
}

#[tokio::test]
async fn keys_outlive_an_outage_for_a_week() {
    let scene = Scene::new();
    let receiver = scene.receiver();
    assert_eq!(verdict(&receiver, &FIRST.token(&claims())).await, Ok(()));
    assert_eq!(scene.web.requests(), [KEYS]);
    scene.web.go_down(true);
    let day = 24 * 60 * 60;
    let at = async |seconds: i64| {
        scene.set(NOW + seconds);
        verdict(&receiver, &FIRST.token(&claims_at(NOW + seconds))).await
    };
    let lines = lines_of(async { assert_eq!(at(day).await, Ok(())) }).await;
    let warning = format!(
        "WARN partner_center_webhooks::event_grid: keys of Microsoft Entra not renewed reason=the keys at `{KEYS}` could \
         not be fetched: no complete response within 5s"
    );
    // The delivery is checked first.
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[1], warning);
    assert_eq!(scene.web.requests(), [KEYS]);
    for (seconds, requests) in [(day + 1, 0), (day + 59, 0), (day + 60, 1), (7 * day - 1, 1)] {
        assert_eq!(at(seconds).await, Ok(()), "{seconds}");
        background().await;
        assert_eq!(scene.web.requests().len(), requests, "{seconds}");
    }
    // The second consecutive failure is remembered for twice as long.
    let outcome = at(7 * day + 10).await.unwrap_err();
    assert_eq!((outcome.0, outcome.1), (503, Some(20)));
    scene.web.go_down(false);
    let outcome = at(7 * day + 29).await.unwrap_err();
    assert_eq!((outcome.0, outcome.1), (503, Some(1)));
    assert_eq!(at(7 * day + 30).await, Ok(()));
    assert_eq!(scene.web.requests(), [KEYS, KEYS]);
    // A clock that was set back costs only one request.
    assert_eq!(at(0).await, Ok(()));
    assert_eq!(scene.web.requests(), [KEYS]);
}

#[tokio::test]
async fn a_cancelled_delivery_does_not_stop_the_fetch() {
    let scene = Scene::new();
    let token = FIRST.token(&claims());
    // On a runtime the fetch completes without any delivery; otherwise the next delivery drives it.
    for (tokens, seconds) in [
        (scene.tokens(), 0),
        (scene.tokens(), 3600),
        (scene.tokens().with_spawn(CallerDriven::new()), 0),
        (scene.tokens().with_spawn(CallerDriven::new()), 6),
    ] {
        scene.set(NOW);
        let receiver = WebhookReceiver::builder().entra(tokens).build().unwrap();
        let mut first = Box::pin(verdict(&receiver, &token));
        assert!(futures_util::poll!(&mut first).is_pending());
        drop(first);
        background().await;
        scene.set(NOW + seconds);
        assert_eq!(verdict(&receiver, &token).await, Ok(()));
        assert_eq!(scene.web.requests(), [KEYS]);
    }

    // The twin: a fetch that was not driven until its deadline has failed. The next may start after the cool-down.
    scene.set(NOW);
    let tokens = scene.tokens().with_spawn(CallerDriven::new());
    let receiver = WebhookReceiver::builder().entra(tokens).build().unwrap();
    let mut first = Box::pin(verdict(&receiver, &token));
    assert!(futures_util::poll!(&mut first).is_pending());
    drop(first);
    scene.set(NOW + 7);
    let message =
        format!("the keys at `{KEYS}` could not be fetched: no complete response within 5s");
    assert_eq!(verdict(&receiver, &token).await, Err((503, Some(3), message)));
    scene.set(NOW + 10);
    assert_eq!(verdict(&receiver, &token).await, Ok(()));
    assert_eq!(scene.web.requests(), [KEYS, KEYS]);
}

/// A client that serves keys until it misbehaves on demand.
#[derive(Clone, Debug, Default)]
struct Moody {
    mood: Arc<Mutex<Mood>>,
    asked: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Mood {
    #[default]
    Serves,
    /// Never answers, whatever its deadline.
    Hangs,
    Panics,
}

impl Moody {
    fn switch_to(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn requests(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }

    fn receiver(&self, seconds: &Arc<AtomicI64>) -> WebhookReceiver {
        let seconds = Arc::clone(seconds);
        let expected = ExpectedToken::new(&Cloud::Global, TENANT, AUDIENCE).unwrap();
        let tokens = EntraTokens::new(expected, AwsLcRs::new(), self.clone());
        let tokens = tokens.with_clock(move || {
            OffsetDateTime::from_unix_timestamp(seconds.load(Ordering::SeqCst)).unwrap()
        });
        WebhookReceiver::builder().entra(tokens).build().unwrap()
    }
}

impl HttpClient for Moody {
    fn send(
        &self,
        _: Request<Bytes>,
        _: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mood = *self.mood.lock().unwrap();
        Box::pin(async move {
            match mood {
                Mood::Serves => {
                    let keys = json!({"keys": [FIRST.jwk()]}).to_string();
                    Ok(Response::new(Bytes::from(keys)))
                }
                Mood::Hangs => std::future::pending().await,
                Mood::Panics => panic!("on demand"),
            }
        })
    }
}

const TIMEOUT: &str = "could not be fetched: no complete response within 5s";
const PANIC: &str =
    "panicked (expected an HTTP client and a cryptographic backend that return their errors)";

#[tokio::test(start_paused = true)]
async fn a_client_that_ignores_its_deadline_or_panics_blocks_no_delivery() {
    for (mood, waited, message) in [
        (Mood::Hangs, 5, format!("the keys at `{KEYS}` {TIMEOUT}")),
        (Mood::Panics, 0, format!("the fetch of the keys at `{KEYS}` {PANIC}")),
    ] {
        let (client, seconds) = (Moody::default(), Arc::new(AtomicI64::new(NOW)));
        client.switch_to(mood);
        let receiver = client.receiver(&seconds);
        let token = FIRST.token(&claims());
        let begin = tokio::time::Instant::now();
        let outcome = join_all((0..100).map(|_| verdict(&receiver, &token))).await;
        assert_eq!(begin.elapsed(), Duration::from_secs(waited));
        for outcome in outcome {
            assert_eq!(outcome, Err((503, Some(10), message.clone())));
        }
        assert_eq!(client.requests(), 1);
        // The failure is remembered, with the remaining wait.
        seconds.store(NOW + 8, Ordering::SeqCst);
        let outcome = verdict(&receiver, &token).await;
        assert_eq!(outcome, Err((503, Some(2), message.clone())));
        assert_eq!(client.requests(), 0);
        client.switch_to(Mood::Serves);
        seconds.store(NOW + 10, Ordering::SeqCst);
        assert_eq!(verdict(&receiver, &token).await, Ok(()));
    }
}

/// The cool-down counts from the start of the fetch; the error has the wait that remains when the fetch failed.
#[tokio::test(start_paused = true)]
async fn the_cool_down_counts_from_the_start_of_the_fetch() {
    let (client, seconds) = (Moody::default(), Arc::new(AtomicI64::new(NOW)));
    client.switch_to(Mood::Hangs);
    let receiver = client.receiver(&seconds);
    let token = FIRST.token(&claims());
    let (outcome, ()) = futures_util::join!(verdict(&receiver, &token), async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        seconds.store(NOW + 4, Ordering::SeqCst);
    });
    assert_eq!(outcome.unwrap_err().1, Some(6));
}

#[tokio::test(start_paused = true)]
async fn old_keys_are_refreshed_in_the_background_whatever_the_client_does() {
    let day = 24 * 60 * 60;
    for mood in [Mood::Serves, Mood::Hangs, Mood::Panics] {
        let (client, seconds) = (Moody::default(), Arc::new(AtomicI64::new(NOW)));
        let receiver = client.receiver(&seconds);
        assert_eq!(verdict(&receiver, &FIRST.token(&claims())).await, Ok(()));
        assert_eq!(client.requests(), 1);

        client.switch_to(mood);
        seconds.store(NOW + day, Ordering::SeqCst);
        let token = FIRST.token(&claims_at(NOW + day));
        let begin = tokio::time::Instant::now();
        for outcome in join_all((0..100).map(|_| verdict(&receiver, &token))).await {
            assert_eq!(outcome, Ok(()), "{mood:?}");
        }
        background().await;
        assert_eq!((client.requests(), begin.elapsed()), (1, Duration::ZERO));

        // A failed refresh is retried after a minute; new keys are fresh for a day.
        seconds.store(NOW + day + 60, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let begin = tokio::time::Instant::now();
        assert_eq!(verdict(&receiver, &token).await, Ok(()));
        background().await;
        let again = usize::from(!matches!(mood, Mood::Serves));
        assert_eq!((client.requests(), begin.elapsed()), (again, Duration::ZERO));

        // The twin: a token with a key that is not cached waits for the fetch.
        seconds.store(NOW + day + 200, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let unknown = SECOND.token(&claims_at(NOW + day));
        let begin = tokio::time::Instant::now();
        let (status, retry_after, _) = verdict(&receiver, &unknown).await.unwrap_err();
        let waited = begin.elapsed().as_secs();
        let expected = match mood {
            Mood::Serves => (401, None, 0),
            // The third consecutive failure.
            Mood::Hangs => (503, Some(30), 5),
            Mood::Panics => (503, Some(30), 0),
        };
        assert_eq!((status, retry_after, waited), expected, "{mood:?}");
        assert_eq!(client.requests(), 1);
    }
}

/// Without a runtime one delivery drives the fetch, and no other waits for it.
#[tokio::test(start_paused = true)]
async fn without_a_runtime_one_delivery_drives_the_fetch_of_new_keys() {
    let scene = Scene::new();
    let tokens = scene.tokens().with_spawn(CallerDriven::new());
    let receiver = WebhookReceiver::builder().entra(tokens).build().unwrap();
    assert_eq!(verdict(&receiver, &FIRST.token(&claims())).await, Ok(()));
    assert_eq!(scene.web.requests(), [KEYS]);
    let day = 24 * 60 * 60;
    scene.set(NOW + day);
    let token = FIRST.token(&claims_at(NOW + day));
    let mut driver = Box::pin(verdict(&receiver, &token));
    assert!(futures_util::poll!(&mut driver).is_pending());
    assert_eq!(futures_util::poll!(Box::pin(verdict(&receiver, &token))), Poll::Ready(Ok(())));
    assert_eq!(driver.await, Ok(()));
    assert_eq!(scene.web.requests(), [KEYS]);
}

#[tokio::test]
async fn handshakes_may_lack_a_token_but_not_have_a_wrong_one() {
    let scene = Scene::new();
    let lenient = scene.receiver();
    let strict = WebhookReceiver::builder().entra(scene.tokens()).handshakes_need_token();
    let strict = strict.build().unwrap();
    // Handshakes are checked with cached keys.
    assert_eq!(verdict(&lenient, &FIRST.token(&claims())).await, Ok(()));
    let good = format!("Bearer {}", FIRST.token(&claims()));
    let bad = format!("Bearer {}", FOREIGN.token(&claims()));
    let validation = br#"{"data":{"validationCode":"1"}}"#.as_slice();
    for (method, name, value, body) in [
        (Method::OPTIONS, "webhook-request-origin", "eventgrid.azure.net", b"".as_slice()),
        (Method::POST, "aeg-event-type", "SubscriptionValidation", validation),
    ] {
        for (receiver, authorization, status) in [
            (&lenient, None, 200),
            (&lenient, Some(&good), 200),
            (&lenient, Some(&bad), 401),
            (&strict, None, 401),
            (&strict, Some(&good), 200),
            (&strict, Some(&bad), 401),
        ] {
            let mut headers = authorization.map_or_else(HeaderMap::new, |it| authorized(it));
            headers.insert(name, HeaderValue::from_static(value));
            let outcome = receiver.receive(&method, None, &headers, body).await;
            let response =
                outcome.map_or_else(|error| error.response(), |it| it.response().unwrap());
            assert_eq!(response.status(), status);
        }
    }
    // A notice of deletion is not a handshake.
    let mut headers = HeaderMap::new();
    headers.insert("aeg-event-type", HeaderValue::from_static("Unsubscribe"));
    let outcome = lenient.receive(&Method::POST, None, &headers, b"").await;
    assert_eq!(outcome.unwrap_err().status(), 401);
}

/// `jsonwebtoken` agrees on everything that it checks: signature, algorithm, issuer, audience, time.
#[tokio::test]
async fn another_library_agrees() {
    let scene = Scene::new();
    let now = OffsetDateTime::now_utc().unix_timestamp();
    scene.set(now);
    let receiver = scene.receiver();
    let (n, e) = FIRST.components();
    let key = DecodingKey::from_rsa_components(&n, &e).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_nbf = true;
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[
        format!("https://sts.windows.net/{TENANT}/"),
        format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
    ]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);

    let claims = || claims_at(now);
    let good = FIRST.token(&claims());
    let sign = |name: &str, value: Value| FIRST.token(&with(claims(), name, value));
    let secret = hmac::Key::new(hmac::HMAC_SHA256, n.as_bytes());
    let hs256 = |message: &[u8]| hmac::sign(&secret, message).as_ref().to_vec();
    for (token, accepted) in [
        (good.clone(), true),
        (sign("iss", json!(format!("https://login.microsoftonline.com/{TENANT}/v2.0"))), true),
        (sign("exp", json!(now - 30)), true),
        (sign("nbf", json!(now + 30)), true),
        (sign("exp", json!(now - 120)), false),
        (sign("nbf", json!(now + 120)), false),
        (sign("iss", json!("https://contoso.example")), false),
        (sign("iss", json!(7)), false),
        (sign("aud", json!("https://contoso.example")), false),
        (sign("exp", json!("soon")), false),
        (sign("exp", json!(null)), false),
        (FOREIGN.token(&claims()), false),
        (FIRST.sign(&json!({"alg": "RS384", "kid": "first"}), &claims()), false),
        (FIRST.sign(&json!({"alg": "PS256", "kid": "first"}), &claims()), false),
        (signed(&json!({"alg": "none", "kid": "first"}), &claims(), |_| Vec::new()), false),
        (signed(&json!({"alg": "HS256", "kid": "first"}), &claims(), hs256), false),
        (good.replacen('.', "..", 1), false),
        (format!("{good}A"), false),
        ("garbage".to_owned(), false),
    ] {
        let theirs = jsonwebtoken::decode::<Value>(&token, &key, &validation).is_ok();
        let ours = verdict(&receiver, &token).await.is_ok();
        assert_eq!((ours, theirs), (accepted, accepted), "{token}");
    }
}

#[test]
fn debug_does_not_show_a_token() {
    let scene = Scene::new();
    let shown = format!("{:?} {:?}", scene.receiver(), scene.tokens());
    assert!(shown.contains("discovery/v2.0/keys"), "{shown}");
}

/// A builder of a receiver that requires tokens, and a genuine token with this claim changed.
pub(crate) fn builder_and_token(claim: &str, value: Value) -> (WebhookReceiverBuilder, String) {
    let token = FIRST.token(&with(claims(), claim, value));
    let builder = WebhookReceiver::builder().entra(Scene::new().tokens());
    (builder, token)
}

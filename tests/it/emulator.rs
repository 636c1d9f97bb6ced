//! The emulated Partner Center delivers as documented, over real HTTP, to services that verify with this crate and to
//! services that misbehave.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use partner_center_webhooks::axum::Callback;
use partner_center_webhooks::chain::Revocation;
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::event::Event;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::resources::ResourceClient;
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::partner_center::{
    Delivery, Forgery, Origin, Outcome, PartnerCenterError, ResponseCode,
};
use partner_center_webhooks::{EventName, Receiver};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::TcpListener;

use crate::registration::tokens;
use crate::support::{ISSUER, NOW};

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A partner's service that verifies, and keeps what it accepted.
#[derive(Clone)]
struct Verifying {
    receiver: Receiver,
    accepted: Arc<Mutex<Vec<String>>>,
}

impl axum::extract::FromRef<Verifying> for Receiver {
    fn from_ref(service: &Verifying) -> Self {
        service.receiver.clone()
    }
}

impl Verifying {
    async fn start(receiver: Receiver) -> (Self, String) {
        let service = Self {
            receiver,
            accepted: Arc::default(),
        };
        let accept = async |State(service): State<Self>, Callback(received): Callback| {
            let name = received.event().name().as_str().to_owned();
            service.accepted.lock().unwrap().push(name);
        };
        let router = Router::new()
            .route("/callback", post(accept))
            .with_state(service.clone());
        let address = serve(router).await;
        (service, format!("http://{address}/callback?tenant=a"))
    }

    fn accepted(&self) -> usize {
        self.accepted.lock().unwrap().len()
    }
}

/// A service that believes everything, and answers what it was told to.
#[derive(Clone, Default)]
struct Credulous {
    seen: Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Credulous {
    async fn start(answers: impl IntoIterator<Item = u16>) -> (Self, String) {
        let service = Self::default();
        service.answers.lock().unwrap().extend(answers);
        let answer =
            async |State(service): State<Self>, uri: http::Uri, headers: HeaderMap, body: Bytes| {
                let mut seen = service.seen.lock().unwrap();
                seen.push((uri.to_string(), headers, body));
                let next = service.answers.lock().unwrap().pop_front();
                StatusCode::from_u16(next.unwrap_or(200)).unwrap()
            };
        let router = Router::new()
            .route("/callback", post(answer))
            .with_state(service.clone());
        let address = serve(router).await;
        (service, format!("http://{address}/callback?tenant=a"))
    }

    fn seen(&self) -> Vec<(String, HeaderMap, Bytes)> {
        self.seen.lock().unwrap().clone()
    }
}

/// An emulator in a hurry, with a registration for everything.
async fn registered(url: &str) -> PartnerCenter {
    let partner_center = PartnerCenter::start().await.unwrap();
    partner_center.configure(|quirks| quirks.first_pause = Duration::from_millis(1));
    register(&partner_center, url, &json!({}));
    partner_center
}

fn register(partner_center: &PartnerCenter, url: &str, more: &Value) {
    let names: Vec<_> = EventName::ALL.iter().map(EventName::as_str).collect();
    let mut registration = json!({"webhookUrl": url, "webhookEvents": names});
    for (name, value) in more.as_object().unwrap() {
        registration[name] = value.clone();
    }
    partner_center.set_registration(&registration);
}

/// A verifying service, and an emulator that calls it.
async fn pair() -> (PartnerCenter, Verifying) {
    let partner_center = registered("http://127.0.0.1:1/").await;
    let receiver = partner_center.receiver_builder(AwsLcRs::new()).unwrap();
    let (service, url) = Verifying::start(receiver.build().unwrap()).await;
    register(&partner_center, &url, &json!({}));
    (partner_center, service)
}

fn statuses(delivery: &Delivery) -> Vec<Option<u16>> {
    let attempts = delivery.attempts().iter();
    attempts
        .map(|attempt| attempt.status().map(|status| status.as_u16()))
        .collect()
}

async fn ended(partner_center: &PartnerCenter, number: usize) -> Delivery {
    partner_center.settled().await;
    partner_center.delivery(number).unwrap()
}

#[tokio::test]
async fn every_documented_event_is_delivered_verified_and_points_to_something() {
    let (partner_center, service) = pair().await;
    for name in EventName::ALL {
        let number = partner_center.emit(name).unwrap();
        let delivery = ended(&partner_center, number).await;
        assert_eq!(statuses(&delivery), [Some(200)], "{delivery}");
        assert_eq!(delivery.event_name(), Some(name.as_str()));
    }
    let accepted = service.accepted.lock().unwrap().clone();
    let names: Vec<_> = EventName::ALL.iter().map(EventName::as_str).collect();
    assert_eq!(accepted, names);
    let certificates = partner_center
        .requests()
        .iter()
        .filter(|request| request.path().starts_with("/cert/"))
        .count();
    assert_eq!(certificates, 1, "fetched over HTTP, once");
}

#[tokio::test]
async fn events_have_the_members_of_their_samples() {
    let (_, url) = Credulous::start([]).await;
    let partner_center = registered(&url).await;
    let vectors = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/events");
    for name in EventName::ALL {
        let number = partner_center.emit(name).unwrap();
        let body = partner_center.delivery(number).unwrap().body().clone();
        let sample = std::fs::read(vectors.join(format!("{name}.json"))).unwrap();
        assert_eq!(shape(&body), shape(&sample), "{name}");
    }
}

/// Names in their order, and the value of `ResourceName`.
fn shape(body: &[u8]) -> (Vec<String>, Value) {
    let text = std::str::from_utf8(body).unwrap();
    let json: Value = serde_json::from_str(text).unwrap();
    let mut names: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    names.sort_by_key(|name| text.find(&format!("\"{name}\":")));
    (names, json["ResourceName"].clone())
}

#[tokio::test]
async fn what_an_event_is_about_can_be_read() {
    let (_, url) = Credulous::start([]).await;
    let partner_center = registered(&url).await;
    partner_center.configure(|quirks| quirks.app_only_refused = false);
    let http = ReqwestClient::new().unwrap();
    let referrals = format!("{}/referrals/.default", partner_center.base_url());
    let client = ResourceClient::new(&partner_center.cloud(), http, tokens(&partner_center))
        .unwrap()
        .with_graph(tokens(&partner_center))
        .unwrap()
        .with_referrals(tokens(&partner_center), &referrals)
        .unwrap();
    for name in EventName::ALL {
        let number = partner_center.emit(name).unwrap();
        let delivery = partner_center.delivery(number).unwrap();
        let event = Event::from_slice(delivery.body()).unwrap();
        let fetched = client.fetch(&event).await;
        match name {
            // It has no validation event behind it.
            EventName::TestCreated => assert!(fetched.is_err()),
            EventName::DapAdminRelationshipApproved
            | EventName::DapAdminRelationshipTerminated
            | EventName::DapAdminRelationshipTerminatedByMicrosoft => {
                assert!(fetched.is_err(), "{name} is about nothing that can be read");
            }
            _ => drop(fetched.unwrap_or_else(|error| panic!("{name}: {error}"))),
        }
        if event.audit_uri().is_some() {
            client.audit_record(&event).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_callback_is_as_in_the_documented_sample() {
    let (service, url) = Credulous::start([]).await;
    let partner_center = registered(&url).await;
    let body = r#"{"EventName":"test-created","ResourceUri":"http://localhost:16722/v1/webhooks/registration/test","ResourceName":"test","AuditUri":null,"ResourceChangeUtcDate":"2017-11-16T16:19:06.3520276+00:00"}"#;
    partner_center.emit_body(body).unwrap();
    partner_center.settled().await;
    let (uri, headers, received) = service.seen().remove(0);
    let header = |name: &str| headers[name].to_str().unwrap();
    assert_eq!(
        (uri.as_str(), received.as_ref()),
        ("/callback?tenant=a", body.as_bytes())
    );
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("accept-encoding"), "gzip, deflate");
    assert_eq!(header("content-length"), "195");
    assert_eq!(header("x-ms-signature-algorithm"), "rsa-sha256");
    assert_eq!(
        header("x-ms-certificate-url"),
        partner_center.certificate_url()
    );
    let signature = header("authorization").strip_prefix("Signature ").unwrap();
    assert_eq!(signature.len(), 344);
    assert!(!headers.contains_key("x-ms-signature"));
    assert_eq!(headers.len(), 7, "and the host: {headers:?}");
}

#[tokio::test]
async fn the_registration_chooses_the_header_of_the_signature() {
    let (service, url) = Credulous::start([]).await;
    let partner_center = registered(&url).await;
    register(
        &partner_center,
        &url,
        &json!({"signatureTokenToMsSignatureHeader": true}),
    );
    let event = EventName::InvoiceReady;
    partner_center.emit(&event).unwrap();
    partner_center.settled().await;
    partner_center.configure(|quirks| quirks.bare_ms_signature = true);
    partner_center.emit(&event).unwrap();
    partner_center.settled().await;
    let seen = service.seen();
    let values: Vec<_> = seen
        .iter()
        .map(|(_, headers, _)| headers["x-ms-signature"].to_str().unwrap())
        .collect();
    assert!(
        values[0].starts_with("Signature ") && values[0].len() == 354,
        "{values:?}"
    );
    assert_eq!(values[1].len(), 344, "{values:?}");
    assert!(
        seen.iter()
            .all(|(_, headers, _)| !headers.contains_key("authorization"))
    );
}

#[tokio::test]
async fn only_what_is_registered_is_delivered() {
    let (service, url) = Credulous::start([]).await;
    let partner_center = PartnerCenter::start().await.unwrap();
    let none = partner_center.emit(&EventName::InvoiceReady).unwrap_err();
    assert!(matches!(none, PartnerCenterError::NoRegistration));
    register(
        &partner_center,
        &url,
        &json!({"webhookEvents": ["Invoice-Ready"]}),
    );
    partner_center.emit(&EventName::InvoiceReady).unwrap();
    let refused = partner_center.emit(&EventName::TestCreated).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the event `test-created` is not registered (registered: Invoice-Ready)"
    );
    partner_center
        .emit_body(r#"{"EventName":"test-created"}"#)
        .unwrap_err();
    partner_center.emit_body(r#"["no event"]"#).unwrap();
    partner_center.settled().await;
    assert_eq!(service.seen().len(), 2);
}

#[tokio::test]
async fn ten_attempts_with_growing_pauses_and_then_none() {
    let (service, url) = Credulous::start([500; 20]).await;
    let partner_center = registered(&url).await;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    partner_center.on_attempt(move |delivery| kept.lock().unwrap().push(delivery.to_string()));
    let start = Instant::now();
    let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
    let delivery = ended(&partner_center, number).await;
    assert!(
        start.elapsed() >= Duration::from_millis(511),
        "1 + 2 + … + 256 ms"
    );
    assert_eq!(statuses(&delivery), [Some(500); 10]);
    assert_eq!(delivery.outcome(), Outcome::Offline);
    assert_eq!(partner_center.offline_queue().len(), 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let seen = service.seen();
    assert_eq!(seen.len(), 10);
    assert!(
        seen.iter().all(|one| one == &seen[0]),
        "the same bytes and signature each time"
    );
    let lines = lines.lock().unwrap();
    assert!(
        lines[0].starts_with("delivery 1 invoice-ready attempt 1: 500 in "),
        "{lines:?}"
    );
    assert!(lines[0].ends_with(" ms, pending"), "{lines:?}");
    assert!(lines[9].ends_with(" ms, offline"), "{lines:?}");
}

#[tokio::test]
async fn attempts_end_with_success_and_nothing_but_2xx_is_one() {
    let (service, url) = Credulous::start([503, 302, 404, 204]).await;
    let partner_center = registered(&url).await;
    let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
    let delivery = ended(&partner_center, number).await;
    assert_eq!(
        statuses(&delivery),
        [Some(503), Some(302), Some(404), Some(204)]
    );
    assert_eq!(delivery.outcome(), Outcome::Delivered);
    assert_eq!(
        (service.seen().len(), partner_center.offline_queue().len()),
        (4, 0)
    );
}

#[tokio::test]
async fn who_does_not_answer_is_told_from_who_cannot_be_reached() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok(connection) = silent.accept().await {
            kept.push(connection);
        }
    });
    for (url, reason) in [
        (
            format!("http://{address}/"),
            "no complete answer within 50ms",
        ),
        ("http://127.0.0.1:1/".to_owned(), "Connection refused"),
        (
            "https://127.0.0.1:1/".to_owned(),
            "is not plain http, and no other client was given",
        ),
    ] {
        let partner_center = registered(&url).await;
        partner_center.configure(|quirks| {
            quirks.callback_timeout = Duration::from_millis(50);
            quirks.delivery_attempts = 1;
        });
        let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
        let delivery = ended(&partner_center, number).await;
        let error = delivery.attempts()[0].error().unwrap();
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn validation_events_tell_what_really_happened() {
    let api = async |partner_center: &PartnerCenter, method, path: &str| {
        let url = format!(
            "{}/webhooks/v1/registration/validationEvents{path}",
            partner_center.base_url()
        );
        let request = reqwest::Client::new()
            .request(method, url)
            .bearer_auth(partner_center.access_token())
            .header("content-length", "0");
        let body = request.send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    let validate = async |partner_center: &PartnerCenter| {
        let id = api(partner_center, http::Method::POST, "").await;
        let id = id["correlationId"].as_str().unwrap().to_owned();
        partner_center.settled().await;
        let status = api(partner_center, http::Method::GET, &format!("/{id}")).await;
        (id, status)
    };
    let (service, url) = Credulous::start([503, 200]).await;
    let partner_center = registered(&url).await;
    let (id, status) = validate(&partner_center).await;
    assert_eq!(
        (&status["status"], &status["callbackUrl"]),
        (&json!("completed"), &json!(url))
    );
    let results = status["results"].as_array().unwrap();
    assert_eq!(results[0]["responseCode"], "ServiceUnavailable");
    assert_eq!(results[1]["responseCode"], "OK");
    assert_eq!(
        (&results[1]["responseMessage"], &results[1]["systemError"]),
        (&json!(""), &json!(false))
    );
    let body: Value = serde_json::from_slice(&service.seen()[1].2).unwrap();
    assert_eq!(body["EventName"], "test-created");
    assert!(body["ResourceUri"].as_str().unwrap().ends_with(&id));

    partner_center.configure(|quirks| quirks.response_code = ResponseCode::Number);
    let (_, status) = validate(&partner_center).await;
    assert_eq!(status["results"][0]["responseCode"], "200");

    let partner_center = registered("http://127.0.0.1:1/").await;
    partner_center.configure(|quirks| quirks.delivery_attempts = 2);
    let (_, status) = validate(&partner_center).await;
    assert_eq!(status["status"], "failed");
    assert_eq!(status["results"].as_array().unwrap().len(), 2);
    assert_eq!(status["results"][1]["systemError"], true);
}

#[tokio::test]
async fn forgeries_are_sent_once_and_refused() {
    let (partner_center, service) = pair().await;
    for forgery in Forgery::ALL.iter().copied() {
        let number = partner_center.forge(forgery).unwrap();
        let delivery = ended(&partner_center, number).await;
        let expected = match forgery {
            Forgery::WeakAlgorithm => 400,
            _ => 401,
        };
        assert_eq!(statuses(&delivery), [Some(expected)], "{delivery}");
        assert_eq!(delivery.outcome(), Outcome::Refused);
        assert_eq!(delivery.origin(), Origin::Forgery(forgery));
        assert_eq!(forgery.as_str().parse::<Forgery>().unwrap(), forgery);
    }
    assert_eq!(service.accepted(), 0);
    let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
    assert_eq!(statuses(&ended(&partner_center, number).await), [Some(200)]);

    let (_, url) = Credulous::start([]).await;
    register(&partner_center, &url, &json!({}));
    let number = partner_center.forge(Forgery::NoSignature).unwrap();
    assert_eq!(
        ended(&partner_center, number).await.outcome(),
        Outcome::Delivered,
        "a service that believes everything is found out"
    );
}

#[tokio::test]
async fn a_rotation_disturbs_nobody() {
    let (partner_center, service) = pair().await;
    let event = EventName::SubscriptionUpdated;
    let before = partner_center.emit(&event).unwrap();
    assert_eq!(statuses(&ended(&partner_center, before).await), [Some(200)]);
    let old = partner_center.signer().unwrap();
    partner_center.rotate().unwrap();
    partner_center.advance(MINUTE);
    assert_ne!(
        partner_center.signer().unwrap().certificate(),
        old.certificate()
    );
    let after = partner_center.emit(&event).unwrap();
    let again = partner_center.replay(before).unwrap();
    assert_eq!(statuses(&ended(&partner_center, after).await), [Some(200)]);
    assert_eq!(
        statuses(&ended(&partner_center, again).await),
        [Some(200)],
        "under way since before the rotation"
    );
    let body = |number| partner_center.delivery(number).unwrap().body().clone();
    assert_eq!(body(before), body(again));
    assert_ne!(body(before), body(after));
    assert_eq!(service.accepted(), 3);
}

#[tokio::test]
async fn each_attempt_can_be_signed_anew() {
    let (service, url) = Credulous::start([500, 200]).await;
    let partner_center = registered(&url).await;
    partner_center.configure(|quirks| {
        quirks.signs_each_attempt = true;
        quirks.first_pause = Duration::from_millis(300);
    });
    partner_center.emit(&EventName::InvoiceReady).unwrap();
    while service.seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    partner_center.rotate().unwrap();
    partner_center.settled().await;
    let seen = service.seen();
    assert_eq!(seen[0].2, seen[1].2);
    assert_ne!(seen[0].1["authorization"], seen[1].1["authorization"]);
}

#[tokio::test]
async fn what_is_revoked_is_refused_and_its_successor_accepted() {
    let (partner_center, _) = pair().await;
    let strict = async || {
        let receiver = partner_center.receiver_builder(AwsLcRs::new()).unwrap();
        let receiver = receiver.revocation(Revocation::Required).build().unwrap();
        let (_, url) = Verifying::start(receiver).await;
        register(&partner_center, &url, &json!({}));
    };
    partner_center.configure(|quirks| quirks.delivery_attempts = 1);
    let emit = async || {
        let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
        statuses(&ended(&partner_center, number).await)
    };
    strict().await;
    assert_eq!(emit().await, [Some(200)]);
    partner_center.revoke().unwrap();
    strict().await;
    assert_eq!(
        emit().await,
        [Some(401)],
        "by a receiver without older lists"
    );
    partner_center.rotate().unwrap();
    strict().await;
    assert_eq!(emit().await, [Some(200)]);
}

#[tokio::test]
async fn an_outage_of_the_certificate_host_loses_nothing() {
    let (partner_center, service) = pair().await;
    let receiver = partner_center.receiver_builder(AwsLcRs::new()).unwrap();
    let (cold, url) = Verifying::start(receiver.build().unwrap()).await;
    register(&partner_center, &url, &json!({}));
    partner_center.go_down();
    partner_center.configure(|quirks| quirks.first_pause = Duration::from_millis(50));
    let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
    while partner_center.delivery(number).unwrap().attempts().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    partner_center.come_up();
    // What could not be had is not asked for again for ten seconds.
    partner_center.advance(MINUTE);
    let delivery = ended(&partner_center, number).await;
    assert_eq!(
        statuses(&delivery)[..2],
        [Some(503), Some(503)],
        "{delivery}"
    );
    assert_eq!(delivery.outcome(), Outcome::Delivered);
    assert_eq!((cold.accepted(), service.accepted()), (1, 0));
}

#[tokio::test]
async fn it_can_live_in_another_time_with_another_issuer() {
    let now = OffsetDateTime::from_unix_timestamp(NOW.as_secs().try_into().unwrap()).unwrap();
    let builder = PartnerCenter::builder().issuer(ISSUER.clone());
    let partner_center = builder.clock(move || now).start().await.unwrap();
    assert_eq!(partner_center.anchors_pem().unwrap(), ISSUER.root_pem());
    let receiver = partner_center.receiver_builder(AwsLcRs::new()).unwrap();
    let (service, url) = Verifying::start(receiver.build().unwrap()).await;
    register(&partner_center, &url, &json!({}));
    let number = partner_center.emit(&EventName::InvoiceReady).unwrap();
    let delivery = ended(&partner_center, number).await;
    assert_eq!(
        (delivery.outcome(), service.accepted()),
        (Outcome::Delivered, 1),
        "{delivery}"
    );
    let body = std::str::from_utf8(delivery.body()).unwrap();
    assert!(
        body.contains(r#""ResourceChangeUtcDate":"2026-11-21T00:00:00+00:00""#),
        "{body}"
    );
}

#[tokio::test]
async fn services_in_any_language_can_drive_it() {
    let (partner_center, service) = pair().await;
    let url = service_url(&partner_center);
    partner_center.set_registration(&Value::Null);
    let client = reqwest::Client::new();
    let get = async |path: &str| {
        let request = client.get(format!("{}/emulator{path}", partner_center.base_url()));
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let command = async |line: &str| {
        let url = format!("{}/emulator/commands", partner_center.base_url());
        let answer = client.post(url).body(line.to_owned()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (_, configuration) = get("").await;
    let configuration: Value = serde_json::from_str(&configuration).unwrap();
    assert_eq!(
        configuration["clientSecret"],
        partner_center.client_secret()
    );
    assert_eq!(
        get("/anchors.pem").await,
        (200, partner_center.anchors_pem().unwrap())
    );
    assert_eq!(
        get("/intermediates.pem").await,
        (200, partner_center.intermediates_pem().unwrap())
    );
    assert_eq!(get("/nothing").await.0, 404);
    let page = client
        .post(format!("{}/emulator/commands", partner_center.base_url()))
        .header("origin", "https://page.example")
        .body("rotate");
    assert_eq!(page.send().await.unwrap().status(), 403);

    let none = r#"{"Message":"no webhook URL is registered"}"#.to_owned();
    assert_eq!(command("emit invoice-ready").await, (400, none));
    assert_eq!(
        command(&format!("register {url}")).await,
        (200, format!("33 events go to {url}"))
    );
    assert_eq!(command("signature-header x-ms-signature").await.0, 200);
    assert_eq!(
        command("emit invoice-ready").await,
        (200, "delivery 1".to_owned())
    );
    assert_eq!(
        command(r#"emit invoice-ready {"EventName":"test-created","a b":1}"#)
            .await
            .0,
        200
    );
    partner_center.settled().await;
    assert_eq!(command("rotate").await.0, 200);
    partner_center.advance(MINUTE);
    assert_eq!(command("replay 1").await, (200, "delivery 3".to_owned()));
    assert_eq!(
        command("forge another-body").await,
        (200, "delivery 4".to_owned())
    );
    assert!(command("test").await.1.starts_with("validation event "));
    for (line, reason) in [
        ("forge nonsense", "`nonsense` is no kind of forgery"),
        ("replay 99", "there is no delivery 99"),
        ("replay x", "`replay` lacks the number of a delivery"),
        ("rotate twice", "`twice` is one word too many"),
        ("", "`` is no command"),
    ] {
        let (status, text) = command(line).await;
        assert!(status == 400 && text.contains(reason), "{line}: {text}");
    }
    partner_center.settled().await;
    let (_, deliveries) = get("/deliveries").await;
    let deliveries: Value = serde_json::from_str(&deliveries).unwrap();
    let outcomes: Vec<_> = deliveries
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["outcome"])
        .collect();
    assert_eq!(
        outcomes,
        [
            "delivered",
            "delivered",
            "delivered",
            "refused",
            "delivered"
        ]
    );
    assert_eq!(deliveries[3]["attempts"][0]["status"], 401);
    assert_eq!(service.accepted(), 4);
    assert!(command("deliveries").await.1.lines().count() == 5);
    assert_eq!(command("revoke").await.0, 200);
    assert_eq!(command("down").await.0, 200);
    assert!(
        client
            .get(partner_center.certificate_url())
            .send()
            .await
            .is_err()
    );
    assert_eq!(command("up").await.0, 200);
    assert_eq!(
        client
            .get(partner_center.certificate_url())
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

/// A receiver asks for a certificate again once a minute.
const MINUTE: Duration = Duration::from_secs(60);

fn service_url(partner_center: &PartnerCenter) -> String {
    let registration = partner_center.registration().unwrap();
    registration["webhookUrl"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_genuine_and_forged_callbacks_with_a_rotation_inside() {
    let (partner_center, service) = pair().await;
    let mut genuine = Vec::new();
    for index in 0..300 {
        if index == 150 {
            partner_center.rotate().unwrap();
            partner_center.advance(MINUTE);
        }
        match index % 10 {
            0..3 => {
                let kinds = Forgery::ALL;
                partner_center.forge(kinds[index % kinds.len()]).unwrap();
            }
            _ => genuine.push(
                partner_center
                    .emit(&EventName::SubscriptionUpdated)
                    .unwrap(),
            ),
        }
        if index == 0 {
            // Whoever knows the old certificate before it is gone can accept what it signed.
            partner_center.emit(&EventName::InvoiceReady).unwrap();
            partner_center.settled().await;
        }
    }
    partner_center.settled().await;
    let deliveries = partner_center.deliveries();
    for delivery in &deliveries {
        match delivery.origin() {
            Origin::Event => assert_eq!(statuses(delivery), [Some(200)], "{delivery}"),
            _ => assert_eq!(delivery.outcome(), Outcome::Refused, "{delivery}"),
        }
    }
    assert_eq!((deliveries.len(), genuine.len()), (301, 210));
    assert_eq!(service.accepted(), 211);
}

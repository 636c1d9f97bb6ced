//! The registration API over real HTTP, on a fake with the quirks of the service.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::Method;
use partner_center_webhooks::api::{ApiErrorCause, RetryPolicy};
use partner_center_webhooks::event::{EventName, Id};
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::registration::{
    Plan, Registration, RegistrationClient, RegistrationError, TestEventStatus, WhenLimited,
};
use partner_center_webhooks::testing::partner_center::{
    Casing, ErrorBody, Fault, PartnerCenter, RecordedRequest, Validation,
};
use partner_center_webhooks::token::{Application, ClientCredentials};
use serde_json::{Value, json};
use time::OffsetDateTime;

const URL: &str = "https://contoso.example/webhooks/callback";
const PATH: &str = "/webhooks/v1/registration";

/// Short delays, for tests.
fn quick() -> RetryPolicy {
    RetryPolicy::default()
        .with_first_delay(Duration::from_millis(5))
        .with_attempt_deadline(Duration::from_millis(700))
        .with_deadline(Duration::from_secs(10))
}

fn application(partner_center: &PartnerCenter) -> Application {
    let tenant = partner_center.tenant_id();
    let (id, secret) = (partner_center.client_id(), partner_center.client_secret());
    Application::new(&partner_center.cloud(), &tenant, id, secret).unwrap()
}

pub(crate) fn tokens(partner_center: &PartnerCenter) -> ClientCredentials {
    ClientCredentials::new(application(partner_center), ReqwestClient::new().unwrap())
}

fn client_with(partner_center: &PartnerCenter, retries: RetryPolicy) -> RegistrationClient {
    let http = ReqwestClient::new().unwrap();
    RegistrationClient::new(&partner_center.cloud(), http, tokens(partner_center))
        .unwrap()
        .with_retries(retries)
        .with_poll_interval(Duration::from_millis(5))
}

async fn scene() -> (PartnerCenter, RegistrationClient) {
    let partner_center = PartnerCenter::start().await.unwrap();
    let client = client_with(&partner_center, quick());
    (partner_center, client)
}

fn wanted(events: &[&str]) -> Registration {
    Registration::new(URL, events.iter().map(|name| EventName::from(*name))).unwrap()
}

/// The requests, except those to the token endpoint.
fn calls(partner_center: &PartnerCenter) -> Vec<RecordedRequest> {
    let mut requests = partner_center.requests();
    requests.retain(|request| !request.path().contains("/oauth2/"));
    requests
}

fn register(partner_center: &PartnerCenter, events: &[&str]) {
    partner_center.set_registration(&json!({"webhookUrl": URL, "webhookEvents": events}));
}

fn registered_events(partner_center: &PartnerCenter) -> Value {
    partner_center.registration().unwrap()["webhookEvents"].clone()
}

fn refusal(error: &RegistrationError) -> (u16, String) {
    let error = error.api().unwrap();
    let code = error.code().map_or(String::new(), ToString::to_string);
    (error.status().unwrap().as_u16(), code)
}

/// Source: "Partner Center webhooks", request examples from "Get a list of events" on, and the REST reference's operation
/// group "Webhook".
#[tokio::test]
async fn requests_are_the_documented_ones() {
    let (partner_center, client) = scene().await;
    client.supported_events().await.unwrap();
    client.get().await.unwrap();
    client.create(&wanted(&["subscription-updated", "test-created"])).await.unwrap();
    client.update(&wanted(&["subscription-updated", "test-created"])).await.unwrap();
    let id = client.send_test_event(WhenLimited::Refuse).await.unwrap();
    client.test_event_status(&id).await.unwrap();

    let body = format!(
        r#"{{"WebhookUrl":"{URL}","WebhookEvents":["subscription-updated","test-created"]}}"#
    );
    let status_path = format!("/webhooks/v1/registration/validationEvents/{id}");
    let documented = [
        ("GET", "/webhooks/v1/registration/events", ""),
        ("GET", PATH, ""),
        ("POST", PATH, &*body),
        ("PUT", PATH, &*body),
        ("POST", "/webhooks/v1/registration/validationEvents", ""),
        ("GET", &status_path, ""),
    ];
    let calls = calls(&partner_center);
    assert_eq!(calls.len(), documented.len());
    let mut ids = std::collections::HashSet::new();
    for (call, (method, path, body)) in calls.iter().zip(documented) {
        assert_eq!((call.method().as_str(), call.path_and_query()), (method, path));
        assert_eq!(call.body(), body.as_bytes(), "{path}");
        let mut names: Vec<_> = call.headers().keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        let mut expected =
            vec!["accept", "authorization", "host", "ms-correlationid", "ms-requestid"];
        if !body.is_empty() {
            assert_eq!(call.header("content-type"), Some("application/json"));
            expected.push("content-type");
        }
        if method != "GET" {
            assert_eq!(call.header("content-length"), Some(&*body.len().to_string()), "{method}");
            expected.push("content-length");
        }
        expected.sort_unstable();
        assert_eq!(names, expected, "{method} {path}");
        assert_eq!(call.header("accept"), Some("application/json"));
        assert!(call.header("authorization").unwrap().starts_with("Bearer "));
        for name in ["ms-requestid", "ms-correlationid"] {
            let id = call.header(name).unwrap().to_owned();
            assert_eq!(id.len(), 36, "{id}");
            assert!(ids.insert(id), "each operation has ids of its own");
        }
    }
    assert_eq!(partner_center.token_requests(), 1);
}

/// Source: "Microsoft identity platform and the OAuth 2.0 client credentials flow".
#[tokio::test]
async fn the_token_request_is_the_documented_one() {
    let (partner_center, client) = scene().await;
    client.get().await.unwrap();
    let requests = partner_center.requests();
    let request = &requests[0];
    assert_eq!(request.method(), Method::POST);
    let path = format!("/{}/oauth2/v2.0/token", partner_center.tenant_id());
    assert_eq!(request.path_and_query(), path);
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    let form = request.form();
    let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(
        fields,
        [
            ("grant_type", "client_credentials"),
            ("client_id", &*partner_center.client_id()),
            ("client_secret", &*partner_center.client_secret()),
            ("scope", &*format!("{}/.default", partner_center.base_url())),
        ]
    );
}

#[tokio::test]
async fn only_404_reads_as_none() {
    let (partner_center, client) = scene().await;
    assert_eq!(client.get().await.unwrap(), None);
    for (status, code) in
        [(400, "800002"), (401, "800001"), (403, "900150"), (405, "1"), (409, "2")]
    {
        let body = ErrorBody::Standard { code: code.into(), description: "no".into() };
        // A rejected token is requested once more.
        for _ in 0..if status == 401 { 2 } else { 1 } {
            partner_center.inject_on(Method::GET, PATH, Fault::status(status, &body));
        }
        let error = client.get().await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(error.code().unwrap().to_string(), code);
        assert!(!error.is_transient());
        assert_eq!(partner_center.pending_faults(), 0);
    }
}

#[tokio::test]
async fn both_spellings_of_responses() {
    for casing in [Casing::Camel, Casing::Guide, Casing::Pascal] {
        for is_text in [false, true] {
            let (partner_center, client) = scene().await;
            partner_center.configure(|quirks| {
                quirks.casing = casing;
                quirks.text_correlation_id = is_text;
                quirks.validation = Validation::completed(2);
            });
            let names = ["test-created", "brand-new"];
            partner_center.configure(|quirks| {
                quirks.supported_events = names.map(str::to_owned).to_vec();
            });
            assert_eq!(client.supported_events().await.unwrap(), names.map(EventName::from));
            let created = client.create(&wanted(&names)).await.unwrap();
            assert_eq!(created.webhook_events(), names.map(EventName::from));
            assert!(created.subscriber_id().is_some());
            let read = client.get().await.unwrap().unwrap();
            assert_eq!(
                (read.webhook_url(), read.webhook_events()),
                (URL, created.webhook_events())
            );

            let id = client.send_test_event(WhenLimited::Refuse).await.unwrap();
            let mut seen = Vec::new();
            let event = client
                .wait_for_test_event(&id, Duration::from_secs(5), |event| {
                    seen.push(event.status().clone());
                })
                .await
                .unwrap();
            assert_eq!(
                seen,
                [
                    TestEventStatus::Submitted,
                    TestEventStatus::Submitted,
                    TestEventStatus::Completed
                ]
            );
            assert!(event.was_delivered());
            assert_eq!(event.correlation_id(), Some(&id));
        }
    }
}

#[tokio::test]
async fn ensure_creates_merges_and_keeps() {
    let (partner_center, client) = scene().await;
    let first = wanted(&["test-created"]);
    let plan = client.plan(&first).await.unwrap();
    assert!(matches!(plan, Plan::Create(_)));
    assert_eq!(partner_center.registration(), None, "a plan changes nothing");
    assert_eq!(client.ensure(&first).await.unwrap(), plan);
    assert_eq!(registered_events(&partner_center), json!(["test-created"]));

    // Nothing to change: one GET, and no write.
    let before = calls(&partner_center).len();
    let same =
        Registration::new("HTTPS://Contoso.Example/webhooks/callback", [EventName::TestCreated]);
    assert!(client.ensure(&same.unwrap()).await.unwrap().is_keep());
    let written = calls(&partner_center);
    assert_eq!(written.len(), before + 1);

    // Another product of the partner has registered an event, and requested x-ms-signature.
    partner_center.set_registration(&json!({
        "webhookUrl": URL, "webhookEvents": ["test-created", "referral-created"],
        "signatureTokenToMsSignatureHeader": true,
    }));
    let plan = client.ensure(&wanted(&["invoice-ready"])).await.unwrap();
    assert_eq!(plan.to_string(), "update the registration: add invoice-ready");
    let registration = partner_center.registration().unwrap();
    assert_eq!(
        registration["webhookEvents"],
        json!(["test-created", "referral-created", "invoice-ready"])
    );
    assert_eq!(registration["signatureTokenToMsSignatureHeader"], json!(true));

    // A plain update replaces everything, including the flag.
    client.update(&wanted(&["invoice-ready"])).await.unwrap();
    let registration = partner_center.registration().unwrap();
    assert_eq!(registration["webhookEvents"], json!(["invoice-ready"]));
    assert_eq!(registration["signatureTokenToMsSignatureHeader"], json!(false));
}

#[tokio::test]
async fn ensure_resolves_a_conflict() {
    for status in [409, 400] {
        let (partner_center, client) = scene().await;
        partner_center.configure(|quirks| quirks.conflict_status = status.try_into().unwrap());
        register(&partner_center, &["test-created"]);
        let error = client.create(&wanted(&["invoice-ready"])).await.unwrap_err();
        assert_eq!(refusal(&error).0, status);
        assert!(error.is_conflict(), "{error}");

        // Another client registers between our GET and our POST.
        partner_center.inject_on(Method::GET, PATH, Fault::status(404, &ErrorBody::Empty));
        let plan = client.ensure(&wanted(&["invoice-ready"])).await.unwrap();
        assert!(matches!(plan, Plan::Update { .. }));
        assert_eq!(registered_events(&partner_center), json!(["test-created", "invoice-ready"]));
    }
}

#[tokio::test]
async fn a_registration_survives_every_fault() {
    let html = ErrorBody::Html;
    let faults = || {
        [
            Fault::Drop,
            Fault::DropAfter,
            Fault::status(500, &ErrorBody::Empty),
            Fault::status(503, &html),
            Fault::Throttle { retry_after: None },
            Fault::Throttle { retry_after: Some("0".into()) },
            Fault::Slow(Duration::from_secs(2)),
            Fault::Truncated,
            Fault::CutJson,
        ]
    };
    for method in [Method::GET, Method::POST, Method::PUT] {
        for fault in faults() {
            for existing in [None, Some(["referral-created"])] {
                let (partner_center, client) = scene().await;
                if let Some(events) = existing {
                    register(&partner_center, &events);
                }
                partner_center.inject_on(method.clone(), PATH, fault.clone());
                let plan = client.ensure(&wanted(&["test-created"])).await;
                let what = format!("{method} {fault:?} {existing:?}: {plan:?}");
                assert!(plan.is_ok(), "{what}");
                let expected = match existing {
                    None => json!(["test-created"]),
                    Some(_) => json!(["referral-created", "test-created"]),
                };
                assert_eq!(registered_events(&partner_center), expected, "{what}");
                assert!(client.ensure(&wanted(&["test-created"])).await.unwrap().is_keep());
            }
        }
    }
}

#[tokio::test]
async fn a_post_that_may_have_succeeded_is_not_retried() {
    for (fault, requests) in [
        (Fault::Drop, 1),
        (Fault::DropAfter, 1),
        (Fault::status(500, &ErrorBody::Empty), 1),
        (Fault::status(503, &ErrorBody::Empty), 1),
        (Fault::status(408, &ErrorBody::Empty), 1),
        (Fault::CutJson, 1),
        (Fault::Truncated, 1),
        (Fault::Throttle { retry_after: Some("0".into()) }, 2),
    ] {
        let (partner_center, client) = scene().await;
        partner_center.inject_on(Method::POST, PATH, fault.clone());
        let created = client.create(&wanted(&["test-created"])).await;
        assert_eq!(created.is_ok(), requests == 2, "{fault:?} {created:?}");
        assert_eq!(calls(&partner_center).len(), requests, "{fault:?}");

        register(&partner_center, &["test-created"]);
        partner_center.clear_faults();
        partner_center.inject_on(Method::POST, PATH, fault.clone());
        // Retries count towards the limit on test events.
        assert!(client.send_test_event(WhenLimited::Refuse).await.is_err());
        assert_eq!(calls(&partner_center).len(), requests + 1, "{fault:?}");
    }
}

#[tokio::test]
async fn get_and_put_are_retried_with_the_same_request_id() {
    let (partner_center, client) = scene().await;
    register(&partner_center, &[]);
    for method in [Method::GET, Method::PUT] {
        let before = calls(&partner_center).len();
        partner_center.inject_on(method.clone(), PATH, Fault::Drop);
        for status in [408, 500, 502] {
            let fault = Fault::status(status, &ErrorBody::Empty);
            partner_center.inject_on(method.clone(), PATH, fault);
        }
        match method {
            Method::GET => drop(client.get().await.unwrap()),
            _ => drop(client.update(&wanted(&[])).await.unwrap()),
        }
        let calls = &calls(&partner_center)[before..];
        assert_eq!(calls.len(), 5);
        let ids = |name| -> std::collections::HashSet<_> {
            calls.iter().map(|call| call.header(name).unwrap()).collect()
        };
        assert_eq!((ids("ms-requestid").len(), ids("ms-correlationid").len()), (1, 5));
    }
    // Permanent failures are not retried, and transient ones only up to the limit.
    // An empty 404 without the service's ids is not from the service.
    for (status, attempts) in [(400, 1), (403, 1), (404, 6), (501, 1), (500, 6)] {
        let before = calls(&partner_center).len();
        for _ in 0..10 {
            let fault = Fault::status(status, &ErrorBody::Empty);
            partner_center.inject_on(Method::PUT, PATH, fault);
        }
        let error = client.update(&wanted(&[])).await.unwrap_err();
        partner_center.clear_faults();
        assert_eq!(u32::try_from(calls(&partner_center).len() - before), Ok(attempts), "{status}");
        assert_eq!(error.api().unwrap().attempts(), attempts);
        assert_eq!(error.is_transient(), [404, 500].contains(&status));
    }
}

#[tokio::test]
async fn retry_after_is_honored_within_the_deadline() {
    let (partner_center, client) = scene().await;
    partner_center.inject(Fault::Throttle { retry_after: Some("1".into()) });
    let start = Instant::now();
    client.get().await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));

    // A date in the past means now.
    let past = "Thu, 01 Jan 1970 00:00:00 GMT";
    partner_center.inject_on(Method::GET, PATH, Fault::Throttle { retry_after: Some(past.into()) });
    client.get().await.unwrap();

    let start = Instant::now();
    partner_center.inject_on(Method::GET, PATH, Fault::Throttle { retry_after: Some("57".into()) });
    let error = client.get().await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(57)));
    assert_eq!(error.attempts(), 1);
    assert!(error.is_transient());
    assert!(error.to_string().ends_with("; try again in 57 s"), "{error}");
}

#[tokio::test]
async fn huge_durations_do_not_overflow() {
    let partner_center = PartnerCenter::start().await.unwrap();
    let endless = quick().with_deadline(Duration::MAX).with_max_retries(0);
    let client = client_with(&partner_center, endless);
    register(&partner_center, &["test-created"]);
    partner_center.configure(|quirks| quirks.validation = Validation::completed(1));
    let id = client.send_test_event(WhenLimited::Wait).await.unwrap();
    client.wait_for_test_event(&id, Duration::MAX, |_| {}).await.unwrap();

    let client = client.with_retries(quick());
    for wait in [u64::MAX.to_string(), "Fri, 31 Dec 9999 23:59:59 GMT".to_owned()] {
        let fault = Fault::Throttle { retry_after: Some(wait) };
        partner_center.inject_on(Method::GET, PATH, fault);
        let error = client.get().await.unwrap_err();
        assert!(error.retry_after().unwrap() > Duration::from_secs(1 << 32));
        assert_eq!(error.attempts(), 1);
    }
}

#[tokio::test]
async fn every_call_ends_by_its_deadline() {
    let partner_center = PartnerCenter::start().await.unwrap();
    let deadline = Duration::from_millis(600);
    let mut client = client_with(&partner_center, quick().with_deadline(deadline));
    register(&partner_center, &["test-created"]);
    let id = Id::new("04af2aea-d413-42db-824e-f328001484d1").unwrap();
    let slow = || {
        for _ in 0..20 {
            partner_center.inject(Fault::Slow(Duration::from_secs(30)));
        }
    };
    // First with a slow token endpoint, then with a cached token.
    for round in 0..2 {
        if round == 1 {
            partner_center.clear_faults();
            // The token request continues after its callers are canceled, so this needs another client.
            client = client_with(&partner_center, quick().with_deadline(deadline));
            client.get().await.unwrap();
        }
        slow();
        let update = wanted(&["invoice-ready"]);
        let start = Instant::now();
        let (events, get, create, update, ensure, sent, status) = tokio::join!(
            client.supported_events(),
            client.get(),
            client.create(&update),
            client.update(&update),
            client.ensure(&update),
            client.send_test_event(WhenLimited::Refuse),
            client.test_event_status(&id),
        );
        let took = start.elapsed();
        assert!(took < deadline + Duration::from_millis(500), "{took:?}");
        let said = [
            events.unwrap_err().to_string(),
            get.unwrap_err().to_string(),
            create.unwrap_err().to_string(),
            update.unwrap_err().to_string(),
            ensure.unwrap_err().to_string(),
            sent.unwrap_err().to_string(),
            status.unwrap_err().to_string(),
        ];
        for said in said {
            let expected = [
                "no token was obtained within 600ms",
                "no complete response within 600ms over all attempts",
            ];
            assert!(said.contains(expected[round]), "{round}: {said}");
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_a_token() {
    let elsewhere = PartnerCenter::start().await.unwrap();
    let (partner_center, client) = scene().await;
    register(&partner_center, &["test-created"]);
    let redirect = || Fault::Redirect { location: format!("{}{PATH}", elsewhere.base_url()) };
    // For a call, and for a token request.
    partner_center.inject(redirect());
    let error = client.get().await.unwrap_err();
    assert!(matches!(error.cause(), ApiErrorCause::Token(_)), "{error}");
    for method in [Method::GET, Method::PUT, Method::POST] {
        partner_center.inject_on(method, PATH, redirect());
    }
    let error = client.get().await.unwrap_err();
    assert!(
        error.to_string().contains(
            "returned 307 Temporary Redirect (redirects are not followed, because the token would be sent along)"
        ),
        "{error}"
    );
    assert!(client.update(&wanted(&[])).await.is_err());
    assert!(client.create(&wanted(&[])).await.is_err());
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn a_rejected_token_is_replaced_once() {
    let (partner_center, client) = scene().await;
    client.get().await.unwrap();
    partner_center.revoke_tokens();
    client.get().await.unwrap();
    assert_eq!(partner_center.token_requests(), 2);

    for _ in 0..3 {
        let body =
            ErrorBody::Standard { code: "900420".into(), description: "wrong audience".into() };
        partner_center.inject_on(Method::GET, PATH, Fault::status(401, &body));
    }
    let error = client.get().await.unwrap_err();
    // Another token would have the same audience.
    assert_eq!(error.attempts(), 1);
    assert!(
        error.to_string().contains(
            "get registration: returned 401 Unauthorized, code 900420: wrong audience (the token has another audience: \
             request the scope of this API in this cloud)"
        ),
        "{error}"
    );
    assert_eq!(partner_center.token_requests(), 2);
}

#[tokio::test]
async fn a_thousand_calls_with_an_expired_token_cause_one_request() {
    let partner_center = PartnerCenter::start().await.unwrap();
    let seconds = Arc::new(AtomicI64::new(1_795_219_200));
    let clock = {
        let seconds = Arc::clone(&seconds);
        move || OffsetDateTime::from_unix_timestamp(seconds.load(Ordering::SeqCst)).unwrap()
    };
    partner_center.set_clock(clock.clone());
    let application = application(&partner_center).with_clock(clock);
    let http = ReqwestClient::new().unwrap();
    let tokens = ClientCredentials::new(application, http.clone());
    let client = RegistrationClient::new(&partner_center.cloud(), http, tokens).unwrap();
    client.get().await.unwrap();

    let thousand = async || {
        let before = partner_center.token_requests();
        let calls = (0..1000).map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.get().await })
        });
        for call in calls.collect::<Vec<_>>() {
            assert_eq!(call.await.unwrap().unwrap(), None);
        }
        partner_center.token_requests() - before
    };
    assert_eq!(thousand().await, 0);
    seconds.fetch_add(3600, Ordering::SeqCst);
    assert_eq!(thousand().await, 1, "expired");
    partner_center.revoke_tokens();
    assert_eq!(thousand().await, 1, "refused");
}

#[tokio::test]
async fn two_test_events_a_minute() {
    let (partner_center, client) = scene().await;
    register(&partner_center, &["test-created"]);
    let clone = client.clone();
    client.send_test_event(WhenLimited::Refuse).await.unwrap();
    clone.send_test_event(WhenLimited::Refuse).await.unwrap();
    let error = client.send_test_event(WhenLimited::Refuse).await.unwrap_err();
    let RegistrationError::TestEventLimit { retry_after } = error else { panic!("{error}") };
    assert!(retry_after > Duration::from_secs(55), "{retry_after:?}");
    // The wait would exceed the deadline of the call.
    let error = client.send_test_event(WhenLimited::Wait).await.unwrap_err();
    assert!(matches!(error, RegistrationError::TestEventLimit { .. }), "{error}");
    assert_eq!(calls(&partner_center).len(), 2);

    // Another client has also sent two: the service says so, and is not called again before its wait is over.
    let other = client_with(&partner_center, quick());
    let error = other.send_test_event(WhenLimited::Refuse).await.unwrap_err();
    let error = error.api().unwrap();
    assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (429, 1));
    assert!(error.retry_after().is_some());
}

#[tokio::test]
async fn a_test_event_that_is_not_delivered() {
    let (partner_center, client) = scene().await;
    // Without `test-created` there is no test event.
    register(&partner_center, &["invoice-ready"]);
    let error = client.send_test_event(WhenLimited::Refuse).await.unwrap_err();
    assert_eq!(refusal(&error).0, 400);

    register(&partner_center, &["test-created"]);
    partner_center.configure(|quirks| quirks.validation = Validation::Pending);
    let id = client.send_test_event(WhenLimited::Refuse).await.unwrap();
    let timeout = Duration::from_millis(100);
    let polls = Arc::new(Mutex::new(0));
    let count = Arc::clone(&polls);
    let error = client
        .wait_for_test_event(&id, timeout, move |_| *count.lock().unwrap() += 1)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "test event {id} did not finish within 100ms: its status is `submitted` (attempts: 0)"
        )
    );
    assert!(*polls.lock().unwrap() > 1);

    let unknown = Id::new("04af2aea-d413-42db-824e-f328001484d1").unwrap();
    assert_eq!(client.test_event_status(&unknown).await.unwrap(), None);
    let error = client.wait_for_test_event(&unknown, timeout, |_| panic!()).await.unwrap_err();
    assert!(error.to_string().ends_with("the service does not know it"), "{error}");

    // Finished does not mean delivered.
    partner_center.configure(|quirks| quirks.validation = Validation::failed(1));
    let other = client_with(&partner_center, quick());
    partner_center.configure(|quirks| quirks.validation_events_per_minute = 100);
    let id = other.send_test_event(WhenLimited::Refuse).await.unwrap();
    let event = other.wait_for_test_event(&id, Duration::from_secs(5), |_| {}).await.unwrap();
    assert_eq!((event.was_delivered(), event.results().len()), (false, 10));
}

#[tokio::test]
async fn plain_http_needs_the_danger_constructor() {
    let (partner_center, client) = scene().await;
    let url = "http://contoso.example/";
    partner_center.set_registration(&json!({"webhookUrl": url, "webhookEvents": []}));
    // A plain http URL that was read is not written back either.
    let read = client.get().await.unwrap().unwrap();
    for outcome in [client.update(&read).await, client.create(&read).await] {
        assert!(matches!(
            outcome,
            Err(RegistrationError::NotHttps { .. } | RegistrationError::MalformedUrl { .. })
        ));
    }
    assert!(client.ensure(&read).await.is_err());
    let danger = Registration::danger_plain_http(url, [EventName::TestCreated]).unwrap();
    client.ensure(&danger).await.unwrap();
    assert_eq!(registered_events(&partner_center), json!(["test-created"]));
}

#[tokio::test]
async fn an_error_has_what_a_support_case_needs() {
    let (partner_center, client) = scene().await;
    let body =
        ErrorBody::Standard { code: "900150".into(), description: "The role lacks rights.".into() };
    partner_center.inject_on(Method::GET, PATH, Fault::status(403, &body));
    let error = client.get().await.unwrap_err();
    let call = calls(&partner_center).pop().unwrap();
    assert_eq!(call.header("ms-requestid").unwrap(), error.request_id().to_string());
    assert_eq!(
        call.header("ms-correlationid").unwrap(),
        error.correlation_id().unwrap().to_string()
    );
    let received =
        error.correlation_id_received().map_or_else(|| "none".to_owned(), ToString::to_string);
    assert_eq!(
        error.to_string(),
        format!(
            "get registration: returned 403 Forbidden, code 900150: The role lacks rights. (the user or the application \
             lacks a role in Partner Center, such as Admin agent: assign it there) (request id {}, correlation id {} sent and {received} \
             received, 1 attempt)",
            error.request_id(),
            error.correlation_id().unwrap(),
        )
    );

    // No server at all.
    let address = partner_center.base_url().to_owned();
    let cloud = partner_center.cloud();
    let tokens = tokens(&partner_center);
    drop(partner_center);
    let http = ReqwestClient::new().unwrap();
    let client = RegistrationClient::new(&cloud, http, tokens)
        .unwrap()
        .with_retries(quick().with_max_retries(1));
    let error = client.get().await.unwrap_err();
    assert!(
        error.to_string().contains(&format!("`{address}/"))
            && error.to_string().contains("no connection could be made"),
        "{error}"
    );
}

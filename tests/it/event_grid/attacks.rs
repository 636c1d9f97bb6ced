//! Attacks on everything that communicates with Event Grid: losses, wrong reports, leaks, endless loops.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use partner_center_webhooks::api::RetryPolicy;
use partner_center_webhooks::cloud::Cloud;
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::event_grid::activation::{
    ActivationWatcher, ChannelState, ResourceEvent,
};
use partner_center_webhooks::event_grid::manage::{
    ArmResource, Channel, Endpoint, EventSubscription, ListQuery, ManagementClient,
    ManagementError, PartnerTopic, Update,
};
use partner_center_webhooks::event_grid::receive::{
    ConfirmationUrl, EntraTokens, ExpectedToken, ReceiveError, WebhookReceiver,
};
use partner_center_webhooks::event_grid::{
    AccessKey, ChannelName, CloudEvent, PublishEndpoint, Publisher,
};
use partner_center_webhooks::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};
use partner_center_webhooks::token::AccessToken;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::manage::group;
use super::receive_tokens::{
    AUDIENCE, EVENT_GRID, FIRST, NOW, SECOND, SigningKey, TENANT, claims, with,
};

type Outcome = Result<Response<Bytes>, HttpClientError>;
type Responses = dyn Fn(&Request<Bytes>, usize) -> Outcome + Send + Sync;

/// A service with a scripted response for each request, by its number.
#[derive(Clone)]
struct Script {
    responses: Arc<Responses>,
    count: Arc<AtomicUsize>,
}

impl Script {
    fn new(responses: impl Fn(&Request<Bytes>, usize) -> Outcome + Send + Sync + 'static) -> Self {
        Self { responses: Arc::new(responses), count: Arc::default() }
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}

impl HttpClient for Script {
    fn send(&self, request: Request<Bytes>, _: Limits) -> BoxFuture<'_, Outcome> {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let response = (self.responses)(&request, number);
        Box::pin(std::future::ready(response))
    }
}

fn response(status: u16, headers: &[(&str, &str)], body: &Value) -> Outcome {
    let body = match body {
        Value::Null => Bytes::new(),
        body => body.to_string().into(),
    };
    let response =
        headers.iter().fold(Response::builder().status(status), |response, (name, value)| {
            response.header(*name, *value)
        });
    Ok(response.body(body).unwrap())
}

fn no_response() -> Outcome {
    let deadline = Duration::from_secs(30);
    Err(HttpClientError::Timeout { deadline })
}

fn manager(service: &Script) -> ManagementClient {
    let tokens = AccessToken::new("token").unwrap();
    ManagementClient::new(&Cloud::Global, service.clone(), tokens).unwrap()
}

/// The resource does not exist.
fn absent() -> Outcome {
    not_found("ResourceNotFound")
}

fn not_found(code: &str) -> Outcome {
    response(404, &[], &json!({"error": {"code": code, "message": "m"}}))
}

fn state(word: &str) -> Value {
    json!({"properties": {"provisioningState": word}})
}

/// The service may have accepted the events at the first attempt, whatever it responds to the second.
#[tokio::test(start_paused = true)]
async fn events_that_may_have_been_accepted_are_not_reported_as_refused() {
    for last in [400, 401, 403, 404, 413, 429] {
        let service = Script::new(move |_, number| match number {
            0 => no_response(),
            _ => response(last, &[], &Value::Null),
        });
        let endpoint =
            PublishEndpoint::new("https://contoso.westeurope-1.eventgrid.azure.net/api/events");
        let key = AccessKey::new("dGhpcyBpcyBub3QgYSByZWFsIEV2ZW50R3JpZCBrZXk=").unwrap();
        let publisher = Publisher::new(endpoint.unwrap(), key, service);
        let event = CloudEvent::new("/contoso", "Contoso.Ordered").unwrap();
        let channel = ChannelName::new("fabrikam").unwrap();
        let error = publisher.publish(&channel, [event]).await.unwrap_err();
        let error = &error.failures()[0].error;
        assert!(error.may_have_been_accepted(), "{last}: {error}");
    }
}

/// The parser of times accepts any character between date and time, including a line feed. A service would refuse the whole
/// batch for it.
#[test]
fn a_time_that_is_not_of_rfc_3339_is_not_serialized() {
    for (separator, is_fit) in
        [("T", true), ("t", true), (" ", false), ("\\n", false), ("x", false), ("", false)]
    {
        let event = format!(
            r#"{{"id":"1","source":"/a","type":"b","time":"2026-11-21{separator}01:02:03.1234567Z"}}"#
        );
        let event = CloudEvent::from_slice(event.as_bytes()).unwrap();
        assert_eq!(event.check().is_ok(), is_fit, "{separator:?}");
    }
}

/// The limit holds even if the client exceeds it.
#[tokio::test]
async fn responses_that_are_too_long_are_not_parsed() {
    let body = || Bytes::from(" ".repeat(9 * 1024 * 1024) + r#"{"value":[]}"#);
    let service = Script::new(move |_, _| Ok(Response::new(body())));
    let listed =
        manager(&service).list::<PartnerTopic>(&group("ours"), &ListQuery::default()).await;
    let error = listed.unwrap_err().to_string();
    assert!(error.contains("longer than 8388608 bytes"), "{error}");

    let keys = json!({"keys": [FIRST.jwk()], "filler": "x".repeat(256 * 1024)});
    let service = Script::new(move |_, _| response(200, &[], &keys));
    let expected = ExpectedToken::new(&Cloud::Global, TENANT, AUDIENCE).unwrap();
    let receiver = receiver_of(expected, service);
    let error = deliver(&receiver, &FIRST.token(&claims())).await;
    assert_eq!(error.unwrap_err().status(), 503);
}

/// The state before the deletion does not complete it.
#[tokio::test(start_paused = true)]
async fn a_deletion_is_complete_when_the_resource_is_gone() {
    let service = Script::new(|request, number| match (request.method(), number) {
        (&Method::DELETE, _) => response(202, &[], &Value::Null),
        (_, 1) => response(200, &[], &state("Succeeded")),
        (_, 2) => response(200, &[], &state("Deleting")),
        _ => absent(),
    });
    let topic = group("ours").partner_topic("contoso").unwrap();
    assert!(manager(&service).delete(&topic).await.unwrap());
    assert_eq!(service.count(), 4);
}

/// An earlier failure is often the reason for a deletion, so it must not fail the deletion.
#[tokio::test(start_paused = true)]
async fn a_failed_resource_can_be_deleted() {
    let deleted = async |states: &'static [&str]| {
        let service = Script::new(|request, number| match (request.method(), number) {
            (&Method::DELETE, _) => response(202, &[], &Value::Null),
            (_, number) => match states.get(number - 1).or_else(|| states.last()) {
                Some(&"") => absent(),
                word => response(200, &[], &state(word.unwrap())),
            },
        });
        let topic = group("ours").partner_topic("contoso").unwrap();
        manager(&service).delete(&topic).await
    };
    assert!(deleted(&["Failed", "Failed", ""]).await.unwrap());
    assert!(deleted(&["Failed", "Deleting", ""]).await.unwrap());
    assert!(deleted(&["Canceled", "deleting", "Updating", ""]).await.unwrap());
    for states in [&["Failed", "Deleting", "Failed"][..], &["Deleting", "Canceled"]] {
        let error = deleted(states).await.unwrap_err();
        assert!(matches!(error, ManagementError::Failed { .. }), "{error}");
    }
    // It is unknown whether it has started.
    let error = deleted(&["Failed"]).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ManagementError::NotFinished { .. }), "{text}");
    assert!(text.contains("was still `Failed`"), "{text}");
}

/// Other 404 responses are about something else. Treating them as absence would lose the resource.
#[tokio::test(start_paused = true)]
async fn only_a_404_that_says_so_is_absence() {
    let topic = group("ours").partner_topic("contoso").unwrap();
    for (code, is_absence) in [
        ("ResourceNotFound", true),
        ("resourceNotFound", true),
        ("ParentResourceNotFound", true),
        ("ResourceGroupNotFound", true),
        ("NotFound", true),
        ("SubscriptionNotFound", false),
        ("InvalidResourceType", false),
        ("AuthorizationFailed", false),
        ("", false),
    ] {
        let missing = move || match code {
            "" => response(404, &[], &Value::Null),
            code => not_found(code),
        };
        let client = manager(&Script::new(move |_, _| missing()));
        let outcomes =
            [client.get(&topic).await.map(|found| found.is_some()), client.delete(&topic).await];
        for outcome in outcomes {
            match outcome {
                Ok(is_there) => assert!(is_absence && !is_there, "{code}"),
                Err(error) => {
                    assert!(!is_absence, "{error}");
                    assert_eq!(error.api().unwrap().status().unwrap(), 404);
                }
            }
        }
        // It does not complete a deletion either.
        let service = Script::new(move |request, _| match *request.method() {
            Method::DELETE => response(202, &[], &Value::Null),
            _ => missing(),
        });
        let deleted = manager(&service).delete(&topic).await;
        assert_eq!(deleted.is_ok(), is_absence, "{code}");
    }
}

/// Azure Resource Manager throttles for minutes.
#[tokio::test(start_paused = true)]
async fn a_throttled_poll_does_not_end_the_wait() {
    let service = Script::new(|request, number| match (request.method(), number) {
        (&Method::PUT, _) => {
            let headers = [("azure-asyncoperation", "https://management.azure.com/o")];
            response(201, &headers, &state("Creating"))
        }
        (_, 1) => response(429, &[("retry-after", "120")], &Value::Null),
        (_, 2) => response(200, &[], &json!({"status": "Succeeded"})),
        _ => response(200, &[], &state("Succeeded")),
    });
    let topic = group("ours").partner_topic("contoso").unwrap();
    let started = Instant::now();
    let made = manager(&service)
        .create_or_update(&topic, &ArmResource::new(PartnerTopic::default()))
        .await
        .unwrap();
    assert!(made.properties.provisioning_state.is_some());
    assert!(started.elapsed() >= Duration::from_secs(130));
}

/// The next poll would be after the deadline: the error is immediate, and is not a timeout.
#[tokio::test(start_paused = true)]
async fn a_poll_after_the_deadline_is_reported_immediately() {
    for (first, poll, wait) in [
        ("3600", "0", "was still `accepted` after 0 s (deadline: 900 s); try again in 3600 s"),
        ("10", "7200", "was still `InProgress` after 10 s (deadline: 900 s); try again in 7200 s"),
    ] {
        let service = Script::new(move |request, _| match *request.method() {
            Method::PUT => {
                let operation = ("azure-asyncoperation", "https://management.azure.com/o");
                response(201, &[operation, ("retry-after", first)], &state("Creating"))
            }
            _ => response(200, &[("retry-after", poll)], &json!({"status": "InProgress"})),
        });
        let topic = group("ours").partner_topic("contoso").unwrap();
        let error = manager(&service)
            .create_or_update(&topic, &ArmResource::new(PartnerTopic::default()))
            .await
            .unwrap_err();
        assert!(error.is_transient());
        let text = error.to_string();
        assert!(text.ends_with(wait), "{text}");
    }
}

/// Destinations do not exist in a stable version: it would refuse them.
#[tokio::test(start_paused = true)]
async fn destinations_use_a_preview_version() {
    let service = Script::new(|request, number| {
        let query = request.uri().query().unwrap();
        match (query.ends_with("-preview"), number) {
            (false, _) => response(400, &[], &Value::Null),
            (true, number) if number % 2 == 0 => response(201, &[], &state("Updating")),
            (true, _) => response(200, &[], &state("Succeeded")),
        }
    });
    let client = manager(&service);
    let namespace = group("ours").partner_namespace("contoso").unwrap();
    let id = namespace.channel("to-us").unwrap();
    let channel = |json: Value| serde_json::from_value::<Channel>(json).unwrap();
    for written in [
        json!({"channelType": "PartnerDestination"}),
        json!({"channelType": "partnerdestination"}),
        json!({"partnerDestinationInfo": {"name": "to-contoso"}}),
    ] {
        let resource = ArmResource::new(channel(written.clone()));
        client.create_or_update(&id, &resource).await.unwrap();
        let update = Update::of(channel(written));
        client.update(&id, &update).await.unwrap();
    }
    let topic = group("ours").partner_topic("contoso").unwrap();
    let hook = topic.event_subscription("orders").unwrap();
    let destination =
        json!({"endpointType": "PartnerDestination", "properties": {"resourceId": "/x"}});
    for written in [
        json!({"destination": destination}),
        json!({"deliveryWithResourceIdentity": {"destination": destination}}),
    ] {
        let written: EventSubscription = serde_json::from_value(written).unwrap();
        let resource = ArmResource::new(written.clone());
        client.create_or_update(&hook, &resource).await.unwrap();
        client.update(&hook, &written).await.unwrap();
    }
    // The twins.
    let to_topic = channel(json!({"channelType": "PartnerTopic", "partnerDestinationInfo": null}));
    let to_topic = ArmResource::new(to_topic).tagged("endpointType", "PartnerDestination");
    client.create_or_update(&id, &to_topic).await.unwrap_err();
    let mut to_hook = EventSubscription::default();
    to_hook.destination = Some(Endpoint::webhook("https://contoso.example/hook"));
    client.update(&hook, &to_hook).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_circular_list_terminates() {
    let service = Script::new(|_, number| {
        let next = format!("https://management.azure.com/page?n={}", number % 2);
        response(200, &[], &json!({"value": [{"name": "a"}], "nextLink": next}))
    });
    let listed =
        manager(&service).list::<PartnerTopic>(&group("ours"), &ListQuery::default()).await;
    assert!(listed.is_err());
    assert!(service.count() <= 4, "{} requests", service.count());
}

/// The error of a webhook whose validation failed: immediately, or at the end of the operation.
async fn error_of_a_refused_webhook(
    hook: EventSubscription,
    message: &str,
    is_at_once: bool,
) -> String {
    let refusal = json!({"code": "Url validation", "message": message, "details": [{"code": "x", "message": message}]});
    let service = Script::new(move |request, _| match (request.method(), is_at_once) {
        (&Method::PUT, true) => response(400, &[], &json!({"error": refusal})),
        (&Method::PUT, false) => {
            let headers = [("azure-asyncoperation", "https://management.azure.com/o")];
            response(201, &headers, &state("Creating"))
        }
        _ => response(200, &[], &json!({"status": "Failed", "error": refusal})),
    });
    let topic = group("ours").partner_topic("contoso").unwrap();
    let id = topic.event_subscription("orders").unwrap();
    let wanted = ArmResource::new(hook);
    let error = manager(&service).create_or_update(&id, &wanted).await;
    let error = error.unwrap_err();
    assert_eq!(is_at_once, error.api().is_some());
    format!("{error} {error:?}")
}

/// The service quotes the URL or a part of it, raw or decoded, and the configured headers.
#[tokio::test(start_paused = true)]
async fn errors_redact_the_secrets_of_a_webhook() {
    let url = "https://contoso.example/hook?v=1&code=kGZ4%2fN0mS2rQ8xTb#top";
    for is_at_once in [true, false] {
        for quoted in [
            url,
            "https://contoso.example:443/hook?v=1&code=kGZ4%2fN0mS2rQ8xTb",
            "code = kGZ4%2FN0mS2rQ8xTb",
            "kGZ4/N0mS2rQ8xTb",
            "x-key: s3cr3t-k3y",
        ] {
            let mut hook = Endpoint::webhook(url);
            let headers = json!([
                {"name": "x-key", "type": "Static", "properties": {"value": "s3cr3t-k3y", "isSecret": true}},
                {"name": "x-tenant", "type": "Static", "properties": {"value": "handshake", "isSecret": false}},
            ]);
            hook.properties.as_mut().unwrap().delivery_attribute_mappings =
                serde_json::from_value(headers).unwrap();
            let mut subscription = EventSubscription::default();
            subscription.destination = Some(hook);
            let message = format!("Webhook validation handshake 1 failed for {quoted}. Again.");
            let shown = error_of_a_refused_webhook(subscription, &message, is_at_once).await;
            for secret in ["N0mS2rQ8xTb", "s3cr3t-k3y"] {
                assert!(!shown.contains(secret), "{shown}");
            }
            // The operator needs the rest.
            assert!(shown.contains("validation handshake 1 failed for "), "{shown}");
            assert!(
                (shown.contains("...") || shown.contains("[hidden]")) && shown.contains(". Again."),
                "{shown}"
            );
        }
    }
}

/// A response that cannot be parsed is quoted, except where keys or URLs with secrets were requested.
#[tokio::test]
async fn errors_redact_requested_secrets() {
    let service = Script::new(|_, _| response(200, &[], &"s3cret".into()));
    let client = manager(&service);
    let topic = group("ours").partner_topic("contoso").unwrap();
    let hook = topic.event_subscription("orders").unwrap();
    let namespace = group("ours").partner_namespace("contoso").unwrap();
    for error in [
        client.keys(&namespace).await.unwrap_err(),
        client.full_url(&hook).await.unwrap_err(),
        client.delivery_attributes(&hook).await.unwrap_err(),
    ] {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(
            shown.contains("with an unreadable body: its shape is not the documented one"),
            "{shown}"
        );
    }
}

/// With and without an identity.
#[test]
fn debug_redacts_the_secrets_of_a_webhook() {
    let hook = json!({"endpointType": "WebHook", "properties": {
        "endpointUrl": "https://contoso.example/hook?code=s3cret",
        "deliveryAttributeMappings": [
            {"name": "key", "type": "Static", "properties": {"value": "s3cret", "isSecret": true}},
        ],
    }});
    let with_identity = json!({"identity": {"type": "SystemAssigned"}, "destination": hook});
    for properties in
        [json!({"destination": hook}), json!({"deliveryWithResourceIdentity": with_identity})]
    {
        let subscription: EventSubscription = serde_json::from_value(properties.clone()).unwrap();
        let shown = format!("{subscription:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert_eq!(serde_json::to_value(&subscription).unwrap(), properties);
    }
}

/// Responds to each request with the next key set, chosen when the request starts. A permit releases each response.
#[derive(Debug)]
struct Gated {
    responses: Mutex<VecDeque<Bytes>>,
    gate: Semaphore,
}

impl Gated {
    fn new(responses: &[&[&SigningKey]]) -> Arc<Self> {
        let keys = |keys: &&[&SigningKey]| {
            let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
            Bytes::from(json!({ "keys": keys }).to_string())
        };
        Arc::new(Self {
            responses: Mutex::new(responses.iter().map(keys).collect()),
            gate: Semaphore::new(0),
        })
    }
}

impl HttpClient for Gated {
    fn send(&self, _: Request<Bytes>, _: Limits) -> BoxFuture<'_, Outcome> {
        let response = self.responses.lock().unwrap().pop_front();
        Box::pin(async move {
            self.gate.acquire().await.unwrap().forget();
            Ok(Response::new(response.expect("another response")))
        })
    }
}

fn receiver_of(expected: ExpectedToken, client: impl HttpClient + 'static) -> WebhookReceiver {
    let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
    let tokens = EntraTokens::new(expected, AwsLcRs::new(), client).with_clock(move || now);
    let receiver = WebhookReceiver::builder().entra(tokens).build();
    receiver.unwrap()
}

async fn deliver(receiver: &WebhookReceiver, token: &str) -> Result<(), ReceiveError> {
    let mut headers = HeaderMap::new();
    let bearer = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    headers.insert("authorization", bearer);
    let received = receiver.receive(&Method::POST, None, &headers, b"{}");
    received.await.map(drop)
}

/// Another token starts a fetch. Before it completes, the tenant rotates its keys and Event Grid has a token with a new one.
/// Keys from before the delivery do not prove that its token is forged, and 401 would lose the event.
#[tokio::test]
async fn keys_fetched_before_a_delivery_do_not_refuse_it() {
    let keys = Gated::new(&[&[&FIRST], &[&FIRST], &[&FIRST, &SECOND]]);
    let expected = ExpectedToken::new(&Cloud::Global, TENANT, AUDIENCE).unwrap();
    let receiver = receiver_of(expected, Arc::clone(&keys));
    keys.gate.add_permits(1);
    deliver(&receiver, &FIRST.token(&claims())).await.unwrap();

    let forged = FIRST.sign(&json!({"alg": "RS256", "kid": "nobody's"}), &claims());
    let genuine = SECOND.token(&claims());
    let (forged, genuine, ()) =
        futures_util::join!(deliver(&receiver, &forged), deliver(&receiver, &genuine), async {
            keys.gate.add_permits(2)
        });
    assert_eq!(forged.unwrap_err().status(), 401);
    if let Err(error) = genuine {
        assert_eq!(error.status(), 503, "{error}");
    }
}

/// Tokens have ids in lower case, settings in any case. 401 and 403 would lose every event.
#[tokio::test]
async fn expected_ids_ignore_case() {
    let audience = "0d1a5c3e-7b7e-4a0e-8f0c-1d2b3c4d5e6f";
    let expected =
        ExpectedToken::new(&Cloud::Global, &TENANT.to_uppercase(), audience.to_uppercase());
    let expected = expected.unwrap().with_applications([EVENT_GRID.to_uppercase()]).unwrap();
    let keys = Gated::new(&[&[&FIRST]]);
    keys.gate.add_permits(1);
    let receiver = receiver_of(expected, keys);
    let token = FIRST.token(&with(claims(), "aud", json!(audience)));
    deliver(&receiver, &token).await.unwrap();
}

/// 401 is final: a secret that was read with its line feed would lose every event.
#[test]
fn a_secret_that_requests_cannot_carry_is_refused() {
    let secret = "kGZ4vN0mS2rQ8xTb";
    for odd in ["\n", "\r\n", " ", "\t", "\u{0}x"] {
        for value in [format!("{secret}{odd}"), format!("{odd}{secret}")] {
            let in_query = WebhookReceiver::builder().query_secret("code", value.clone());
            assert!(in_query.is_err(), "{value:?}");
            let in_header = WebhookReceiver::builder().header_secret("x-key", value.clone());
            assert!(in_header.is_err(), "{value:?}");
        }
    }
    let good = WebhookReceiver::builder().query_secret("code", "kGZ4 vN0m/S2rQ+8xTb=");
    assert!(good.is_ok());
}

/// A sender that aborts leaves a partial body if no proxy detects it. 400 would lose the events.
#[tokio::test]
async fn a_body_shorter_than_its_content_length_is_retried() {
    let receiver = WebhookReceiver::builder().danger_without_authentication();
    let receiver = receiver.build().unwrap();
    let whole = r#"[{"specversion":"1.0","id":"1","source":"/a","type":"b"}]"#;
    let announced = HeaderMap::from_iter([(http::header::CONTENT_LENGTH, whole.len().into())]);
    let status = async |headers: &HeaderMap, body: &str| {
        let received = receiver.receive(&Method::POST, None, headers, body.as_bytes());
        received.await.err().map(|error| error.status().as_u16())
    };
    assert_eq!(status(&announced, whole).await, None);
    assert_eq!(status(&announced, &whole[..20]).await, Some(503));
    assert_eq!(status(&announced, "").await, Some(503));
    assert_eq!(status(&HeaderMap::new(), &whole[..20]).await, Some(503));
    // The twin: the sender sent the complete body.
    let other = "{".repeat(whole.len());
    assert_eq!(status(&announced, &other).await, Some(400));
}

/// The data of events must not be logged, in any schema.
#[tokio::test]
async fn debug_and_errors_do_not_show_data() {
    let receiver = WebhookReceiver::builder().danger_without_authentication();
    let receiver = receiver.build().unwrap();
    for event in [
        r#"{"specversion":"1.0","id":"1","source":"/a","type":"b","data":"s3cret"}"#,
        r#"{"id":"1","eventType":"b","subject":"","data":"s3cret"}"#,
        r#"{"specversion":"0.3","id":"1","source":"/a","type":"b","data":"s3cret"}"#,
        r#"{"customer":"s3cret"}"#,
    ] {
        let headers = HeaderMap::new();
        let received = receiver.receive(&Method::POST, None, &headers, event.as_bytes());
        let shown = format!("{:?}", received.await.unwrap());
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

/// A request to the URL confirms. A URL of another cloud is refused here, but is still Event Grid's.
#[test]
fn a_refused_url_does_not_show_its_token() {
    let url =
        "https://rp-usgov.eventgrid.azure.us:553/eventsubscriptions/a/validate?id=1&token=s3cret";
    let error = ConfirmationUrl::parse(url, "eventgrid.azure.net").unwrap_err();
    assert!(error.to_string().contains("rp-usgov"), "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
}

/// A URI allows such hosts, and a client may parse another host from them.
#[test]
fn a_host_that_is_not_a_name_is_not_event_grids() {
    for host in [
        "contoso.example;x.eventgrid.azure.net",
        "169.254.169.254,x.eventgrid.azure.net",
        "contoso.example&x.eventgrid.azure.net",
        "$(x).eventgrid.azure.net",
        "a..eventgrid.azure.net",
    ] {
        let url = format!("https://{host}:553/validate?id=1");
        let parsed = ConfirmationUrl::parse(&url, "eventgrid.azure.net");
        assert!(parsed.is_err(), "{url}");
    }
}

/// A channel that waits for activation, with other responses to the reads of these numbers.
fn channels(
    others: impl Fn(usize) -> Option<Outcome> + Send + Sync + 'static,
) -> (Script, ActivationWatcher) {
    let service = Script::new(move |_, number| {
        let waiting = json!({"properties": {"readinessState": "NeverActivated"}});
        others(number).unwrap_or_else(|| response(200, &[], &waiting))
    });
    let client = manager(&service).with_retries(RetryPolicy::default().with_max_retries(0));
    let namespace = group("ours").partner_namespace("contoso").unwrap();
    let watcher = ActivationWatcher::new(client, [namespace.channel("fabrikam").unwrap()]);
    (service, watcher)
}

fn activated() -> Outcome {
    let activated = json!({"properties": {"readinessState": "Activated"}});
    response(200, &[], &activated)
}

fn written() -> ResourceEvent {
    let namespace = group("ours").partner_namespace("contoso").unwrap();
    let channel = namespace.channel("fabrikam").unwrap();
    ResourceEvent::new(
        "Microsoft.Resources.ResourceWriteSuccess",
        Some(channel.as_str()),
        &Value::Null,
    )
}

/// The event may arrive before the channel shows the change, or the read may fail. The next read must not be later than
/// without the event.
#[tokio::test(start_paused = true)]
async fn a_hint_without_a_change_does_not_delay_reads() {
    let waiting = || None;
    let trouble = || Some(response(503, &[], &Value::Null));
    for after_hint in [waiting, trouble] {
        // Read at 0, 30, 90, 210, 450, 930, and after the hint at 952.
        let others = move |number| match number {
            0..=5 => None,
            6 => after_hint(),
            _ => Some(activated()),
        };
        let (_, mut watcher) = channels(others);
        let started = Instant::now();
        let state = watcher.next().await.unwrap().unwrap().state;
        assert!(matches!(state, ChannelState::NeverActivated { .. }));
        let hints = watcher.hints();
        let feeder = async {
            tokio::time::sleep(Duration::from_secs(950)).await;
            assert_eq!(hints.record(&written()), 1);
        };
        let watching = async {
            loop {
                if let Ok(change) = watcher.next().await.unwrap() {
                    return (change.state, started.elapsed().as_secs());
                }
            }
        };
        let ((state, at), ()) = futures_util::join!(watching, feeder);
        assert_eq!(state, ChannelState::Activated);
        assert!(at <= 952 + 30, "reported after {at} s");
    }
}

#[tokio::test(start_paused = true)]
async fn delays_do_not_exceed_the_maximum() {
    let others = |number| (number == 1).then(activated);
    let (_, watcher) = channels(others);
    let mut watcher = watcher.with_longest_delay(Duration::from_secs(5));
    let started = Instant::now();
    watcher.next().await.unwrap().unwrap();
    watcher.next().await.unwrap().unwrap();
    assert_eq!(started.elapsed().as_secs(), 5);
}

/// A new channel is not visible everywhere immediately, and the report of a deletion is final.
#[tokio::test(start_paused = true)]
async fn one_missing_read_is_not_a_deletion() {
    let others = |number| match number {
        0 => Some(absent()),
        _ => Some(activated()),
    };
    let (_, mut watcher) = channels(others);
    let state = watcher.next().await.unwrap().unwrap().state;
    assert_eq!(state, ChannelState::Activated);

    // The twins: the second in a row, with or without errors in between, and the first for a channel that was found.
    for (looks, reads) in [
        (&[Some(404), Some(404)][..], 2),
        (&[Some(404), Some(503), Some(404)], 3),
        (&[None, Some(404)], 2),
    ] {
        let others = move |number: usize| match looks.get(number) {
            Some(None) => None,
            Some(Some(503)) => Some(response(503, &[], &Value::Null)),
            Some(_) => Some(absent()),
            None => Some(activated()),
        };
        let (service, mut watcher) = channels(others);
        let state = loop {
            match watcher.next().await.unwrap() {
                Ok(change) if change.state.is_final() => break change.state,
                _ => {}
            }
        };
        assert_eq!((state, service.count()), (ChannelState::Deleted, reads));
    }
}

/// A 404 for a subscription that the token cannot access is not about the channel.
#[tokio::test(start_paused = true)]
async fn a_404_about_something_else_is_not_a_deletion() {
    let others = |number| match number {
        1 | 2 => Some(not_found("SubscriptionNotFound")),
        3 => Some(activated()),
        _ => None,
    };
    let (_, mut watcher) = channels(others);
    let state = watcher.next().await.unwrap().unwrap().state;
    assert!(matches!(state, ChannelState::NeverActivated { .. }));
    for _ in 0..2 {
        let error = watcher.next().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("SubscriptionNotFound"), "{error}");
    }
    let state = watcher.next().await.unwrap().unwrap().state;
    assert_eq!(state, ChannelState::Activated);
}

/// Multi-threaded servers require it.
#[test]
fn all_futures_are_send() {
    fn is_send(future: impl Future + Send) {
        drop(future);
    }
    let service = Script::new(|_, _| no_response());
    let client = manager(&service);
    let topic = group("ours").partner_topic("contoso").unwrap();
    let (resource, query) = (ArmResource::new(PartnerTopic::default()), ListQuery::default());
    is_send(client.create_or_update(&topic, &resource));
    is_send(client.modify(&topic, |_| {}));
    is_send(client.delete(&topic));
    let group = group("ours");
    is_send(client.list::<PartnerTopic>(&group, &query));
    let mut watcher = ActivationWatcher::new(client.clone(), []);
    is_send(watcher.next());
    let endpoint = PublishEndpoint::new("https://a.example/api/events").unwrap();
    let publisher = Publisher::new(endpoint, AccessKey::new("a2V5").unwrap(), service);
    let event = CloudEvent::new("/contoso", "Contoso.Ordered").unwrap();
    is_send(publisher.publish_by_source([&event]));
    is_send(publisher.publish_by_source(vec![event.clone()]));
}

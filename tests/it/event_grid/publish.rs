//! Publishing over real HTTP, to a fake namespace that behaves as Event Grid is documented to.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Response};
use partner_center_webhooks::api::{ApiErrorCause, RetryPolicy};
use partner_center_webhooks::event_grid::{
    AccessKey, ChannelName, CloudEvent, CloudEventError, Credential, PublishEndpoint, PublishError,
    Publisher, SasToken,
};
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::testing::EventGrid;
use partner_center_webhooks::testing::event_grid::{ErrorBody, Fault};
use partner_center_webhooks::token::{AccessToken, from_fn};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::TcpListener;

/// Short delays, with a deadline that suits a busy machine.
fn quick() -> RetryPolicy {
    RetryPolicy::default().with_first_delay(Duration::from_millis(5))
}

/// The deadline of an attempt in tests of timeouts.
const IMPATIENT: Duration = Duration::from_millis(700);

fn endpoint(fake: &EventGrid) -> PublishEndpoint {
    PublishEndpoint::danger_plain_http_on_loopback(fake.endpoint()).unwrap()
}

fn key(fake: &EventGrid) -> AccessKey {
    AccessKey::new(fake.access_key()).unwrap()
}

fn to_channels(fake: &EventGrid, credential: impl Into<Credential>) -> Publisher {
    let http = ReqwestClient::new().unwrap();
    Publisher::new(endpoint(fake), credential, http).with_retries(quick())
}

async fn scene() -> (EventGrid, Publisher) {
    let fake = EventGrid::start().await.unwrap();
    let publisher = to_channels(&fake, key(&fake));
    (fake, publisher)
}

fn channel() -> ChannelName {
    ChannelName::new("fabrikam").unwrap()
}

fn event(id: usize) -> CloudEvent {
    CloudEvent::new("/contoso", "Contoso.Items.Created")
        .and_then(|event| event.with_id(&id.to_string()))
        .and_then(|event| event.with_json(&json!({"item": id})))
        .unwrap()
}

/// An event that parses but does not conform.
fn bad_event() -> CloudEvent {
    CloudEvent::from_slice(br#"{"id":"bad","source":"/a","type":"b","Not_A_Name":1}"#).unwrap()
}

fn accepted_ids(fake: &EventGrid) -> Vec<String> {
    let accepted = fake.accepted();
    let ids = accepted.iter().map(|it| it.event()["id"].as_str().unwrap().to_owned());
    ids.collect()
}

fn status(status: u16) -> Fault {
    let body = ErrorBody::Azure {
        code: "Code".into(),
        message: "In words.".into(),
        detail: "Detail".into(),
    };
    Fault::status(status, &body)
}

/// The error of a publish of which every event failed.
async fn failure(publisher: &Publisher) -> Arc<PublishError> {
    let error = publisher.publish(&channel(), [event(1)]).await.unwrap_err();
    assert_eq!(error.failures().len(), 1);
    Arc::clone(&error.failures()[0].error)
}

/// The status of such an error.
async fn refusal(publisher: &Publisher) -> u16 {
    let error = failure(publisher).await;
    error.api().unwrap().status().unwrap().as_u16()
}

/// Source: recorded requests of the client for .NET; `tests/interop.rs` compares with those for Python and Node.
#[tokio::test]
async fn the_request_is_the_documented_one() {
    let (fake, publisher) = scene().await;
    let accepted = publisher.publish(&channel(), &[event(1), event(2)]).await.unwrap();
    assert_eq!((accepted.events(), accepted.requests()), (2, 1));
    let requests = fake.requests();
    let request = &requests[0];
    assert_eq!(request.method(), http::Method::POST);
    assert_eq!(request.path_and_query(), "/api/events?api-version=2018-01-01");
    let names: BTreeSet<_> = request.headers().keys().map(http::HeaderName::as_str).collect();
    assert_eq!(
        names,
        BTreeSet::from([
            "accept",
            "aeg-channel-name",
            "aeg-sas-key",
            "content-length",
            "content-type",
            "host",
            "x-ms-client-request-id",
        ])
    );
    assert_eq!(
        request.header("content-type"),
        Some("application/cloudevents-batch+json; charset=utf-8")
    );
    assert_eq!(
        request.body(),
        r#"[{"specversion":"1.0","id":"1","source":"/contoso","type":"Contoso.Items.Created","datacontenttype":"application/json","data":{"item":1}}, {"specversion":"1.0","id":"2","source":"/contoso","type":"Contoso.Items.Created","datacontenttype":"application/json","data":{"item":2}}]"#
    );
    assert_eq!(fake.accepted()[1].channel(), Some("fabrikam"));

    let none = publisher.publish(&channel(), Vec::<CloudEvent>::new()).await.unwrap();
    assert_eq!((none.events(), none.requests()), (0, 0));
    assert_eq!(fake.requests().len(), 1, "an empty input sends no request");
}

#[tokio::test]
async fn every_credential_has_its_refused_twins() {
    let fake = EventGrid::start().await.unwrap();
    let now = OffsetDateTime::from_unix_timestamp(1_795_219_200).unwrap();
    fake.set_clock(move || now);
    let sas = |key: &AccessKey, endpoint: &PublishEndpoint, seconds| {
        SasToken::mint(key, endpoint, now + time::Duration::seconds(seconds)).unwrap()
    };
    let bearer = |token: String| Credential::bearer(AccessToken::new(token).unwrap());
    let second = AccessKey::new(fake.second_access_key()).unwrap();
    let stranger = AccessKey::new("bm90IG9uZSBvZiB0aGUga2V5cw==").unwrap();
    let here = endpoint(&fake);
    let there = PublishEndpoint::new("https://other.westeurope-1.eventgrid.azure.net/api/events");
    let tampered = sas(&key(&fake), &here, 60).expose_secret().replace("%3A", "%3a");

    let good: [Credential; 5] = [
        key(&fake).into(),
        second.clone().into(),
        sas(&key(&fake), &here, 1).into(),
        sas(&second, &here, 3600).into(),
        bearer(fake.access_token()),
    ];
    for credential in good {
        let publisher = to_channels(&fake, credential);
        publisher.publish(&channel(), [event(1)]).await.unwrap();
    }
    let bad: [(Credential, &str); 6] = [
        (stranger.clone().into(), "The key is not valid."),
        (sas(&stranger, &here, 60).into(), "The signature does not match."),
        (sas(&second, &here, 0).into(), "The signature has expired."),
        (sas(&second, &there.unwrap(), 60).into(), "The signature is for another resource."),
        (SasToken::new(tampered).unwrap().into(), "The signature does not match."),
        (bearer("not-given".into()), "The token is not valid."),
    ];
    let before = fake.requests().len();
    for (credential, message) in bad {
        let error = failure(&to_channels(&fake, credential)).await;
        let api = error.api().unwrap();
        assert_eq!(api.status().unwrap(), 401, "{message}");
        assert_eq!(api.description().unwrap().to_string(), message);
        assert!(!error.is_transient() && !error.may_have_been_accepted());
    }
    assert_eq!(fake.requests().len() - before, 6, "none is repeated");

    fake.configure(|settings| settings.disable_local_auth = true);
    assert_eq!(refusal(&to_channels(&fake, second)).await, 401);
    let publisher = to_channels(&fake, bearer(fake.access_token()));
    publisher.publish(&channel(), [event(1)]).await.unwrap();
    fake.configure(|settings| settings.disable_local_auth = false);
    fake.regenerate_keys();
    let old = sas(&key(&fake), &here, 60);
    fake.regenerate_keys();
    assert_eq!(refusal(&to_channels(&fake, old)).await, 401);
}

#[tokio::test]
async fn a_refused_token_is_refreshed_once() {
    let fake = Arc::new(EventGrid::start().await.unwrap());
    let requested = Arc::new(AtomicUsize::new(0));
    let (source, count) = (Arc::clone(&fake), Arc::clone(&requested));
    let tokens = from_fn(move |scope: String| {
        assert_eq!(scope, "https://eventgrid.azure.net/.default");
        let token = match count.fetch_add(1, Ordering::SeqCst) {
            0 => "ended".to_owned(),
            _ => source.access_token(),
        };
        async move { AccessToken::new(token) }
    });
    let publisher = to_channels(&fake, Credential::bearer(tokens));
    publisher.publish(&channel(), [event(1)]).await.unwrap();
    assert_eq!((requested.load(Ordering::SeqCst), fake.requests().len()), (2, 2));
    assert_eq!(accepted_ids(&fake), ["1"]);
}

/// The statuses that Microsoft's own clients retry, and broken connections.
#[tokio::test]
async fn retries_send_the_same_request() {
    let faults = [408, 429, 500, 502, 503, 504].map(status);
    let breaks = [Fault::Drop, Fault::DropAfter, Fault::Slow(3 * IMPATIENT)];
    for fault in faults.into_iter().chain(breaks) {
        let (fake, publisher) = scene().await;
        let publisher = match fault {
            Fault::Slow(_) => publisher.with_retries(quick().with_attempt_deadline(IMPATIENT)),
            _ => publisher,
        };
        fake.inject(fault.clone());
        fake.inject(fault.clone());
        let accepted = publisher.publish(&channel(), [event(1), event(2)]).await.unwrap();
        assert_eq!((accepted.events(), accepted.requests()), (2, 1), "{fault:?}");
        let requests = fake.requests();
        assert_eq!(requests.len(), 3, "{fault:?}");
        for request in &requests[1..] {
            assert_eq!(request.body(), requests[0].body(), "ids are those of the first attempt");
            assert_eq!(request.headers(), requests[0].headers());
        }
    }
    // Events that were accepted without a response are duplicated, with the same id.
    let (fake, publisher) = scene().await;
    fake.inject(Fault::DropAfter);
    publisher.publish(&channel(), [event(1)]).await.unwrap();
    assert_eq!(accepted_ids(&fake), ["1", "1"]);
}

#[tokio::test]
async fn final_errors_are_not_retried_and_have_full_messages() {
    for code in [400, 401, 403, 404, 409, 413, 501] {
        let (fake, publisher) = scene().await;
        fake.inject(status(code));
        let error = failure(&publisher).await;
        let api = error.api().unwrap();
        assert_eq!(api.status().unwrap().as_u16(), code);
        assert_eq!(api.code().unwrap().to_string(), "Code");
        assert_eq!(api.description().unwrap().to_string(), "In words.");
        assert_eq!(api.details()[0].code.as_ref().unwrap().to_string(), "Detail");
        assert!(!error.is_transient());
        assert_eq!(fake.requests().len(), 1, "{code}");
    }
    // A path that does not exist, with the recorded message.
    let (fake, publisher) = scene().await;
    fake.configure(|settings| settings.channels = Some(vec![]));
    let error = publisher.publish(&channel(), [event(7)]).await.unwrap_err();
    let api = error.failures()[0].error.api().unwrap();
    let sent = fake.requests()[0].header("x-ms-client-request-id").unwrap().to_owned();
    assert_eq!(api.request_id().to_string(), sent);
    assert_eq!(api.correlation_id(), None);
    assert_eq!(
        error.to_string(),
        format!(
            "1 of 1 events were not accepted; event 0, `7`: publish events: returned 404 Not Found, code NotFound: The \
             channel fabrikam was not found. [ResourceNotFound: The channel fabrikam was not found.] (the namespace, \
             or something in it, does not exist) (request id {sent} sent and {} received, 1 attempt)",
            api.request_id_received().unwrap()
        )
    );
    // Only 200 is success.
    let (fake, publisher) = scene().await;
    let publisher = publisher.with_retries(quick().with_max_retries(0));
    let mut response = Response::default();
    *response.status_mut() = http::StatusCode::ACCEPTED;
    fake.inject(Fault::Status(response));
    let error = failure(&publisher).await;
    assert!(matches!(error.api().unwrap().cause(), ApiErrorCause::Unreadable { .. }));
    assert!(error.may_have_been_accepted());
}

#[tokio::test]
async fn retries_wait_for_retry_after() {
    let (fake, publisher) = scene().await;
    let mut response: Response<bytes::Bytes> = Response::default();
    *response.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
    let headers = [(http::header::RETRY_AFTER, HeaderValue::from_static("1"))];
    response.headers_mut().extend(headers.into_iter().collect::<HeaderMap>());
    fake.inject(Fault::Status(response));
    let start = std::time::Instant::now();
    publisher.publish(&channel(), [event(1)]).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
}

/// As in the tests of the clients for Python and Go. The other server must not even see a connection, because the events would
/// leak too.
#[tokio::test]
async fn a_redirect_leaks_nothing() {
    let other = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = other.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let watch = tokio::spawn(async move {
        while let Ok(connection) = other.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            drop(connection);
        }
    });
    let redirect = |status: u16, location: &str| {
        let mut response = Response::default();
        *response.status_mut() = status.try_into().unwrap();
        let location = location.parse().unwrap();
        response.headers_mut().insert(http::header::LOCATION, location);
        Fault::Status(response)
    };
    for status in [300, 301, 302, 303, 307, 308] {
        for host in ["127.0.0.1", "localhost"] {
            let (fake, publisher) = scene().await;
            fake.inject(redirect(status, &format!("http://{host}:{port}/api/events")));
            let error = failure(&publisher).await;
            assert_eq!(error.api().unwrap().status().unwrap().as_u16(), status);
            assert!(
                error.to_string().contains(
                    "(redirects are not followed, because they would forward the credential and the events)"
                ),
                "{error}"
            );
            assert_eq!((fake.requests().len(), fake.accepted().len()), (1, 0));
        }
    }
    // Also after a retry, and to the same server.
    let (fake, publisher) = scene().await;
    fake.inject(status(503));
    fake.inject(redirect(307, &format!("http://127.0.0.1:{port}/")));
    failure(&publisher).await;
    fake.inject(redirect(308, fake.endpoint()));
    failure(&publisher).await;
    assert_eq!((fake.requests().len(), fake.accepted().len()), (3, 0));
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    assert!(!watch.is_finished());
}

#[tokio::test]
async fn events_that_the_service_would_refuse_are_not_sent() {
    let (fake, publisher) = scene().await;
    let long = |bytes: usize| {
        let around = serde_json::to_vec(&event(1).with_json("").unwrap()).unwrap().len();
        event(1).with_json(&"x".repeat(bytes - around)).unwrap()
    };
    let limit = 1024 * 1024;
    let events = [event(0), bad_event(), event(2), long(limit - 1), event(4), long(limit - 2)];
    let error = publisher.publish(&channel(), &events).await.unwrap_err();
    assert_eq!((error.accepted().events(), error.accepted().requests()), (4, 2));
    let reported: Vec<_> = error
        .failures()
        .iter()
        .map(|failure| (failure.index, failure.error.to_string(), failure.error.is_transient()))
        .collect();
    assert_eq!(
        reported,
        [
            (
                1,
                "the event does not conform to CloudEvents 1.0: `Not_A_Name` is not an extension name (expected \
                 lower-case letters and digits, and not an attribute of CloudEvents)"
                    .to_owned(),
                false
            ),
            (3, "the event is longer than 1048574 bytes of JSON".to_owned(), false),
        ]
    );
    assert!(std::ptr::eq(error.failures()[0].event, &events[1]), "the event comes back");
    let reported = error.to_string();
    let owned = error.into_owned();
    assert_eq!(owned.accepted().events(), 4);
    assert_eq!(owned.failures()[1].index, 3);
    assert_eq!(owned.failures()[1].event, events[3]);
    let boxed: Box<dyn std::error::Error + Send + Sync + 'static> = owned.into();
    assert_eq!(boxed.to_string(), reported);
    assert_eq!(accepted_ids(&fake), ["0", "2", "4", "1"]);
    assert_eq!(fake.requests()[1].body().len(), limit, "as long as may be");

    let unguarded = publisher.with_max_bytes(usize::MAX);
    let error = unguarded.publish(&channel(), [long(limit + 1)]).await.unwrap_err();
    assert_eq!(error.failures()[0].error.api().unwrap().status().unwrap(), 413);
}

#[tokio::test]
async fn an_event_that_nests_too_deeply_does_not_affect_others() {
    let (fake, publisher) = scene().await;
    let nested = |levels: usize| {
        let data = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        event(levels).with_raw_json(serde_json::value::RawValue::from_string(data).unwrap())
    };
    // The fake can parse the deepest event that is sent, inside the array of the batch.
    let events = [event(0), nested(400_000), nested(125), nested(126)];
    let error = publisher.publish(&channel(), &events).await.unwrap_err();
    let reported: Vec<_> =
        error.failures().iter().map(|failure| (failure.index, failure.error.to_string())).collect();
    let reason = "the event does not conform to CloudEvents 1.0: the data is nested too deeply (expected at most 125 levels)";
    assert_eq!(reported, [(1, reason.to_owned()), (3, reason.to_owned())]);
    assert!(matches!(*error.failures()[0].error, PublishError::Event(CloudEventError::TooDeep)));
    assert_eq!(accepted_ids(&fake), ["0", "125"]);
}

/// Counts how often each event is borrowed for serialization.
struct Watched<'a>(CloudEvent, &'a Cell<usize>);

impl std::borrow::Borrow<CloudEvent> for Watched<'_> {
    fn borrow(&self) -> &CloudEvent {
        self.1.set(self.1.get() + 1);
        &self.0
    }
}

#[tokio::test]
async fn ten_thousand_events_fill_batches() {
    for (most, requests) in [(None, 2), (Some(999), 11), (Some(100), 100)] {
        let (fake, publisher) = scene().await;
        let looks = Cell::new(0);
        let events = (0..10_000).map(|id| Watched(event(id), &looks));
        let publisher = match most {
            Some(most) => publisher.with_max_events(most),
            None => publisher,
        };
        let accepted = publisher.publish(&channel(), events).await.ok().unwrap();
        assert_eq!((accepted.events(), accepted.requests()), (10_000, requests));
        assert_eq!(looks.get(), 10_000, "each event is written once");
        let in_order: Vec<_> = (0..10_000).map(|id| id.to_string()).collect();
        assert_eq!(accepted_ids(&fake), in_order);
    }
    // By bytes: the first event of the next request does not fit.
    let (fake, publisher) = scene().await;
    let publisher = publisher.with_max_bytes(10_000);
    publisher.publish(&channel(), (0..2000).map(event)).await.unwrap();
    let bodies: Vec<_> = fake.requests().iter().map(|it| it.body().clone()).collect();
    for (body, next) in bodies.iter().zip(&bodies[1..]) {
        let first: Vec<Value> = serde_json::from_slice(next).unwrap();
        let first = serde_json::to_string(&first[0]).unwrap();
        assert!(body.len() <= 10_000 && body.len() + ", ".len() + first.len() > 10_000);
    }
    assert_eq!(accepted_ids(&fake).len(), 2000);

    let (_fake, publisher) = scene().await;
    let publisher = publisher.with_max_events(0);
    let accepted = publisher.publish(&channel(), (0..3).map(event)).await.unwrap();
    assert_eq!(accepted.requests(), 3, "one goes anyway");
}

/// Of ten requests, the service refuses the contents of the fourth, and fails the eighth for a reason that affects the next.
#[tokio::test]
async fn a_failed_batch_is_reported_event_by_event() {
    let (fake, publisher) = scene().await;
    let publisher = publisher.with_max_events(1000);
    let ok = || Fault::Slow(Duration::ZERO);
    for fault in [ok(), ok(), ok(), status(400), ok(), ok(), ok(), status(403)] {
        fake.inject(fault);
    }
    let events = (0..10_000).map(|id| if id == 9_500 { bad_event() } else { event(id) });
    let error = publisher.publish(&channel(), events).await.unwrap_err();
    assert_eq!((error.accepted().events(), error.accepted().requests()), (6000, 6));
    assert_eq!(fake.requests().len(), 8);

    let reason = |error: &PublishError| match error {
        PublishError::Api(error) => error.status().unwrap().as_u16().to_string(),
        PublishError::NotSent => "not sent".to_owned(),
        PublishError::Event(_) => "bad".to_owned(),
        other => panic!("{other}"),
    };
    for failure in error.failures() {
        let expected = match failure.index {
            3000..4000 => "400",
            7000..8000 => "403",
            9_500 => "bad",
            8000.. => "not sent",
            other => panic!("{other} was accepted"),
        };
        assert_eq!(reason(&failure.error), expected);
        assert_eq!(failure.error.is_transient(), expected == "not sent");
        let id = if expected == "bad" { "bad".to_owned() } else { failure.index.to_string() };
        assert_eq!(failure.event.id(), id, "the event itself comes back");
    }
    // Every event is either accepted or failed.
    let mut seen: Vec<usize> = error.failures().iter().map(|failure| failure.index).collect();
    seen.extend(accepted_ids(&fake).iter().map(|id| id.parse::<usize>().unwrap()));
    seen.sort_unstable();
    assert_eq!(seen, (0..10_000).collect::<Vec<_>>());
    let mut sent = BTreeSet::new();
    for request in fake.requests() {
        for event in request.json().unwrap().as_array().unwrap() {
            assert!(sent.insert(event["id"].as_str().unwrap().to_owned()), "sent twice: {event}");
        }
    }

    // The failed events can be published again.
    let again = error.into_failures().into_iter().map(|failure| failure.event);
    let error = publisher.publish(&channel(), again).await.unwrap_err();
    assert_eq!((error.accepted().events(), error.failures().len()), (3999, 1));
    assert_eq!(accepted_ids(&fake).len(), 9_999);
}

#[tokio::test]
async fn events_are_routed_by_source_without_a_channel_header() {
    let fake = EventGrid::start().await.unwrap();
    fake.configure(|settings| {
        settings.route_by_source = true;
        settings.channels = Some(vec!["/contoso".to_owned()]);
    });
    let elsewhere = event(2).with_source("/nobody").unwrap();
    let accepted =
        to_channels(&fake, key(&fake)).publish_by_source([event(1), elsewhere]).await.unwrap();
    assert_eq!(accepted.events(), 2, "accepted is not delivered");
    assert_eq!(fake.unmatched(), 1);
    assert_eq!(fake.requests()[0].header("aeg-channel-name"), None);

    // A namespace with the other routing mode.
    let error = failure(&to_channels(&fake, key(&fake))).await;
    assert_eq!(error.api().unwrap().status().unwrap(), 400);
}

#[tokio::test]
async fn secrets_are_redacted() {
    let fake = EventGrid::start().await.unwrap();
    let key = key(&fake);
    let sas = SasToken::mint(&key, &endpoint(&fake), OffsetDateTime::UNIX_EPOCH).unwrap();
    let signature = sas.expose_secret().split("&s=").nth(1).unwrap().to_owned();
    let token = fake.access_token();
    let bearer = Credential::bearer(AccessToken::new(token.clone()).unwrap());
    let secrets = [fake.access_key(), signature, token];
    for credential in [key.into(), sas.into(), bearer] {
        let publisher = to_channels(&fake, credential);
        // A service that echoes the request.
        let request_says = secrets.join(" and ");
        let body = ErrorBody::web_api(format!("bad: {request_says}"));
        fake.inject(Fault::status(400, &body));
        let error = publisher.publish(&channel(), [event(1)]).await.unwrap_err();
        let own = fake.requests().last().unwrap().clone();
        let shown = format!("{error} {error:?} {publisher:?} {own:?}");
        let headers = own.headers();
        let sent = ["aeg-sas-key", "aeg-sas-token", "authorization"];
        let sent = sent.iter().find_map(|name| headers.get(*name)).unwrap();
        let sent = sent.to_str().unwrap();
        let secret = secrets.iter().find(|secret| sent.contains(secret.as_str())).unwrap();
        assert!(!shown.contains(secret.as_str()), "{shown}");
        assert!(shown.contains("[hidden]"), "{shown}");
    }
}

#[tokio::test]
async fn an_unreachable_endpoint() {
    let (fake, publisher) = scene().await;
    let publisher = publisher.with_retries(quick().with_max_retries(1));
    drop(fake);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let error = failure(&publisher).await;
    assert!(matches!(error.api().unwrap().cause(), ApiErrorCause::Connection(_)), "{error}");
    assert!(error.is_transient() && !error.may_have_been_accepted());
    assert_eq!(error.api().unwrap().attempts(), 2);
}

/// Requests to the fake without our publisher: each differs from a valid one in one detail.
#[tokio::test]
async fn the_fake_refuses_what_the_service_refuses() {
    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/a","type":"b"}"#;
    const BATCH: &str = "application/cloudevents-batch+json; charset=utf-8";
    let (fake, _) = scene().await;
    fake.configure(|settings| settings.max_events = 2);
    let end = OffsetDateTime::now_utc() + Duration::from_secs(60);
    let sas = SasToken::mint(&key(&fake), &endpoint(&fake), end).unwrap();
    let shared = format!("SharedAccessSignature {}", sas.expose_secret());
    let (url, access_key) = (fake.endpoint().to_owned(), fake.access_key());
    let client = reqwest::Client::new();
    let ask = async |changes: &[(&str, &str)], body: &str| {
        let mut parts: std::collections::BTreeMap<&str, &str> = [
            ("method", "POST"),
            ("path", ""),
            ("query", "?api-version=2018-01-01"),
            ("content-type", BATCH),
            ("aeg-channel-name", "fabrikam"),
            ("aeg-sas-key", &*access_key),
        ]
        .into();
        parts.extend(changes.iter().copied());
        let mut part = |name| parts.remove(name).unwrap();
        let (method, path, query) = (part("method"), part("path"), part("query"));
        let url = format!("{url}{path}{query}");
        let mut request = client.request(method.parse().unwrap(), url);
        for (name, value) in parts.into_iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(name, value);
        }
        let response = request.body(body.to_owned()).send().await.unwrap();
        assert!(response.headers().contains_key("x-ms-request-id"));
        response.status().as_u16()
    };
    let batch = format!("[{EVENT}]");
    let single = ("content-type", "application/cloudevents+json");
    for (changes, body, status) in [
        (&[][..], &*batch, 200),
        (&[single], EVENT, 200),
        (&[("aeg-sas-key", ""), ("authorization", &shared)], &batch, 200),
        (&[("aeg-sas-key", "")], &batch, 401),
        (&[("authorization", &shared)], &batch, 401),
        (&[("aeg-sas-key", ""), ("aeg-sas-token", "r=a&e=b&s=%")], &batch, 401),
        (&[("aeg-sas-key", ""), ("aeg-sas-token", "s=c")], &batch, 401),
        (&[("aeg-channel-name", "")], &batch, 400),
        (&[("query", "")], &batch, 400),
        (&[("query", "?api-version=2017-01-01")], &batch, 400),
        (&[("method", "PUT")], &batch, 404),
        (&[("path", "/more")], &batch, 404),
        (&[("content-type", "application/json")], &batch, 400),
        (&[single], &batch, 400),
        (&[], EVENT, 400),
        (&[], "[1]", 400),
        (&[], "[", 400),
        (&[], &format!("[{EVENT},{EVENT},{EVENT}]"), 413),
        (&[], &batch.replace("1.0", "0.3"), 400),
        (&[], &batch.replace("/a", ""), 400),
        (&[], &batch.replace("}", ",\"Ext\":1}"), 400),
        (&[], &batch.replace("}", ",\"ext\":{}}"), 400),
    ] {
        assert_eq!(ask(changes, body).await, status, "{changes:?} {body}");
    }
    assert_eq!(fake.accepted().len(), 3);
    for (members, status) in [
        (r#""time":"2026-11-21T00:00:00.1234567Z""#, 200),
        (r#""time":"2026-11-21t01:00:00+01:00""#, 200),
        (r#""time":null,"datacontenttype":null"#, 200),
        (r#""time":"2026-11-21 00:00:00Z""#, 400),
        (r#""time":"2026-11-21T00:00:00""#, 400),
        (r#""time":"2026-13-21T00:00:00Z""#, 400),
        (r#""time":"yesterday""#, 400),
        (r#""time":"""#, 400),
        (r#""time":1795219200"#, 400),
        (r#""datacontenttype":"text/plain; charset=utf-8","data":"a""#, 200),
        (r#""datacontenttype":"application/vnd.a+json","data":1"#, 200),
        (r#""datacontenttype":"json""#, 400),
        (r#""datacontenttype":"a/""#, 400),
        (r#""datacontenttype":"a/b/c""#, 400),
        (r#""datacontenttype":"""#, 400),
        (r#""datacontenttype":1"#, 400),
        (r#""data":null,"data_base64":"AA==""#, 200),
        (r#""data":1,"data_base64":null"#, 200),
        (r#""data":1,"data_base64":"AA==""#, 400),
        (r#""data_base64":"%""#, 400),
        (r#""data_base64":1"#, 400),
    ] {
        let body = batch.replace('}', &format!(",{members}}}"));
        assert_eq!(ask(&[], &body).await, status, "{members}");
    }
    assert_eq!(fake.accepted().len(), 10);
}

//! Attacks on the registration client, tokens and resources. Each test states what must hold.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, Request, Response};
use partner_center_webhooks::api::{ApiErrorCause, RetryPolicy};
use partner_center_webhooks::cloud::{Cloud, CloudProfile};
use partner_center_webhooks::event::{EventName, Id};
use partner_center_webhooks::http_client::{
    BoxFuture, HttpClient, HttpClientError, Limits, ReqwestClient,
};
use partner_center_webhooks::registration::{
    Plan, Registration, RegistrationClient, RegistrationError, WhenLimited,
};
use partner_center_webhooks::testing::partner_center::{Fault, PartnerCenter};
use partner_center_webhooks::token::{
    AccessToken, Application, Cached, ClientCredentials, RefreshToken, SecretString, TokenError,
    TokenProvider, TokenRequest, from_fn,
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::registration::client::tokens;

const URL: &str = "https://contoso.example/webhooks/callback";

/// A response: status, `Retry-After`, body. Status 0 never responds.
type Said = (u16, Option<&'static str>, String);

/// Plays one response after the other, and repeats the last one.
#[derive(Clone, Debug, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Said>>>,
    requests: Arc<Mutex<Vec<(Method, String)>>>,
}

impl Script {
    fn new<S: Into<String>>(
        answers: impl IntoIterator<Item = (u16, Option<&'static str>, S)>,
    ) -> Self {
        let answers = answers.into_iter().map(|(status, wait, body)| (status, wait, body.into()));
        Self { answers: Arc::new(Mutex::new(answers.collect())), requests: Arc::default() }
    }

    fn requests(&self, method: &Method) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|(of, _)| of == method).map(|(_, body)| body.clone()).collect()
    }

    fn client(&self) -> RegistrationClient {
        let token = AccessToken::new("s3cret+token").unwrap();
        RegistrationClient::new(&Cloud::Global, self.clone(), token).unwrap().with_retries(quick())
    }
}

impl HttpClient for Script {
    fn send(
        &self,
        request: Request<Bytes>,
        _: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        self.requests.lock().unwrap().push((request.method().clone(), body));
        let mut answers = self.answers.lock().unwrap();
        let (status, wait, body) = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        };
        Box::pin(async move {
            if status == 0 {
                pending::<()>().await;
            }
            let mut answer = Response::builder().status(status).header("ms-requestid", "0b6f");
            if let Some(wait) = wait {
                answer = answer.header("retry-after", wait);
            }
            Ok(answer.body(body.into()).unwrap())
        })
    }
}

fn quick() -> RetryPolicy {
    RetryPolicy::default()
        .with_first_delay(Duration::from_millis(5))
        .with_deadline(Duration::from_secs(5))
}

fn wanted(events: &[&str]) -> Registration {
    Registration::new(URL, events.iter().map(|name| EventName::from(*name))).unwrap()
}

fn registered(events: &[&str]) -> String {
    json!({"webhookUrl": URL, "webhookEvents": events}).to_string()
}

/// A server must not be able to make the client panic. Its wait exceeds the deadline, so the client returns the refusal.
#[tokio::test]
async fn a_huge_retry_after_does_not_panic() {
    let script = Script::new([(429, Some("18446744073709551615"), "")]);
    let error = script.client().get().await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 429);
}

/// `Duration::MAX` commonly means "no deadline". It must not panic in a call.
#[tokio::test]
async fn a_deadline_of_duration_max() {
    let script = Script::new([(200, None, registered(&[]))]);
    let client = script.client().with_retries(quick().with_deadline(Duration::MAX));
    client.get().await.unwrap();
}

/// The same for waiting.
#[tokio::test]
async fn waiting_for_a_test_event_for_duration_max() {
    let script = Script::new([(200, None, r#"{"status":"completed"}"#)]);
    let id = Id::new("a").unwrap();
    script.client().wait_for_test_event(&id, Duration::MAX, |_| {}).await.unwrap();
}

/// The same for the interval.
#[tokio::test]
async fn polling_every_duration_max() {
    let script = Script::new([(200, None, r#"{"status":"submitted"}"#)]);
    let client = script.client().with_poll_interval(Duration::MAX);
    let id = Id::new("a").unwrap();
    let error = client.wait_for_test_event(&id, Duration::from_secs(1), |_| {}).await.unwrap_err();
    assert!(matches!(error, RegistrationError::TestEventNotFinished { .. }));
}

/// The same for the first delay: the call fails rather than wait beyond its deadline.
#[tokio::test]
async fn a_first_delay_of_duration_max() {
    let script = Script::new([(500, None, "")]);
    let client = script.client().with_retries(quick().with_first_delay(Duration::MAX));
    assert_eq!(client.get().await.unwrap_err().attempts(), 1);
}

/// A hundred clients that fail together must not retry together. (backon is built without `std`, and so uses the same seed each
/// time.)
#[tokio::test]
async fn jitter_differs_from_client_to_client() {
    let waits = join_all((0..10).map(|_| async {
        let script = Script::new([(500, None, ""), (404, None, "")]);
        let client =
            script.client().with_retries(quick().with_first_delay(Duration::from_millis(300)));
        let start = Instant::now();
        client.get().await.unwrap();
        start.elapsed()
    }))
    .await;
    let spread = *waits.iter().max().unwrap() - *waits.iter().min().unwrap();
    assert!(spread > Duration::from_millis(40), "{waits:?}");
}

/// The flag is always sent again, because an update without it turns it off. A flag of an unexpected type is read, kept or an
/// error, but never dropped.
#[tokio::test]
async fn a_flag_of_another_type_is_not_lost() {
    for flag in [json!("true"), json!("True"), json!(1)] {
        let current = json!({
            "webhookUrl": URL, "webhookEvents": ["a"], "signatureTokenToMsSignatureHeader": flag,
        });
        let script =
            Script::new([(200, None, current.to_string()), (200, None, registered(&["a", "b"]))]);
        if script.client().ensure(&wanted(&["b"])).await.is_ok() {
            let put = script.requests(&Method::PUT).pop().unwrap();
            assert!(
                put.to_ascii_lowercase().contains("signaturetokentomssignatureheader"),
                "{put}"
            );
        }
    }
}

/// A member is sent once. The service ignores case, so of two spellings either may win, even the old URL.
#[tokio::test]
async fn members_in_two_spellings_are_sent_once() {
    let current = r#"{"webhookUrl":"https://old.example/","WebhookUrl":"https://old.example/","webhookEvents":["a"],"WebhookEvents":["a"]}"#;
    let script =
        Script::new([(200, None, current.to_owned()), (200, None, registered(&["a", "b"]))]);
    let _ = script.client().ensure(&wanted(&["b"])).await;
    for put in script.requests(&Method::PUT) {
        let put = put.to_ascii_lowercase();
        assert_eq!(put.matches("\"webhookurl\"").count(), 1, "{put}");
        assert_eq!(put.matches("\"webhookevents\"").count(), 1, "{put}");
    }
}

/// An event is registered once, whatever its case, in updates and in creations.
#[tokio::test]
async fn a_creation_sends_an_event_once() {
    let script = Script::new([(404, None, String::new()), (200, None, registered(&["x"]))]);
    script.client().ensure(&wanted(&["x", "X", "x"])).await.unwrap();
    let post = script.requests(&Method::POST).pop().unwrap();
    let post: Value = serde_json::from_str(&post).unwrap();
    assert_eq!(post["WebhookEvents"].as_array().unwrap().len(), 1, "{post}");
}

/// "The event does not exist" is not a conflict, and not a reason to post the same body three times.
#[tokio::test]
async fn a_missing_event_is_not_a_conflict() {
    let refusal = r#"{"code":"800002","description":"The event 'brand-new' does not exist."}"#;
    let script = Script::new([
        (404, None, ""),
        (400, None, refusal),
        (404, None, ""),
        (400, None, refusal),
        (404, None, ""),
        (400, None, refusal),
    ]);
    let error = script.client().ensure(&wanted(&["brand-new"])).await.unwrap_err();
    assert_eq!(script.requests(&Method::POST).len(), 1);
    assert!(!error.is_conflict(), "{error}");
}

/// `ensure` returns what it did. Our POST was refused (409), because another client had registered the same: we did nothing.
#[tokio::test]
async fn ensure_does_not_claim_another_clients_change() {
    let script = Script::new([
        (404, None, String::new()),
        (409, None, String::new()),
        (200, None, registered(&["a"])),
    ]);
    let plan = script.client().ensure(&wanted(&["a"])).await.unwrap();
    assert!(!matches!(plan, Plan::Create(_)), "{plan}");
}

/// A write with an empty success response (204, or 200 without a body) is read back, not written six times.
#[tokio::test]
async fn a_write_with_an_empty_response_is_not_retried() {
    for status in [200, 204] {
        let script = Script::new([
            (200, None, registered(&["a"])),
            (status, None, String::new()),
            (200, None, registered(&["a", "b"])),
        ]);
        // A service that responds to each PUT in this way.
        let answers = Arc::clone(&script.answers);
        for _ in 0..8 {
            let answer = answers.lock().unwrap()[1].clone();
            answers.lock().unwrap().insert(1, answer);
        }
        let _ = script.client().ensure(&wanted(&["b"])).await;
        let puts = script.requests(&Method::PUT).len();
        assert!(puts <= 1, "{puts} writes for one change, status {status}");
    }
}

/// Two callers in one process add different events, and neither is lost. (Across processes the API has no way; clones of one
/// client take turns.)
#[tokio::test]
async fn two_ensures_of_one_client_lose_no_event() {
    let partner_center = PartnerCenter::start().await.unwrap();
    partner_center.set_registration(&json!({"webhookUrl": URL, "webhookEvents": ["test-created"]}));
    let http = ReqwestClient::new().unwrap();
    let client =
        RegistrationClient::new(&partner_center.cloud(), http, tokens(&partner_center)).unwrap();
    client.get().await.unwrap();
    let (a, b, c) = (
        wanted(&["invoice-ready"]),
        wanted(&["referral-created"]),
        wanted(&["subscription-updated"]),
    );
    let (a, b, c) = tokio::join!(client.ensure(&a), client.ensure(&b), client.ensure(&c));
    for outcome in [a, b, c] {
        outcome.unwrap();
    }
    let events = partner_center.registration().unwrap()["webhookEvents"].clone();
    assert_eq!(events.as_array().unwrap().len(), 4, "{events}");
}

/// A URL with another fragment is another URL. The registered one is malformed, and must be replaced.
#[tokio::test]
async fn a_registered_fragment_is_a_difference() {
    let current = json!({"webhookUrl": format!("{URL}#old"), "webhookEvents": ["a"]});
    let script = Script::new([(200, None, current.to_string())]);
    let plan = script.client().plan(&wanted(&["a"])).await.unwrap();
    assert!(!plan.is_keep(), "{plan}");
}

/// The client keeps to two a minute. Rejected requests count, and so do retries.
#[tokio::test]
async fn retries_count_towards_two_test_events_a_minute() {
    let script = Script::new([(429, Some("0"), "")]);
    let _ = script.client().send_test_event(WhenLimited::Wait).await;
    let posts = script.requests(&Method::POST).len();
    assert!(posts <= 2, "{posts} POSTs within {:?}", Duration::from_secs(5));
}

/// `WhenLimited::Refuse` fails with the wait, also if the service enforces the limit.
#[tokio::test]
async fn refuse_does_not_wait_for_the_service_either() {
    let script = Script::new([(429, Some("1"), r#""04af2aea-d413-42db-824e-f328001484d1""#)]);
    let start = Instant::now();
    assert!(script.client().send_test_event(WhenLimited::Refuse).await.is_err());
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
}

/// A request that was never sent does not count towards the limit.
#[tokio::test]
async fn without_a_token_no_slot_is_taken() {
    let script = Script::new([(200, None, r#""04af2aea-d413-42db-824e-f328001484d1""#)]);
    let fails = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&fails);
    let tokens = from_fn(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move {
            match number {
                0 | 1 => Err(TokenError::NoAlternative),
                _ => AccessToken::new("token"),
            }
        }
    });
    let client = RegistrationClient::new(&Cloud::Global, script.clone(), tokens).unwrap();
    for _ in 0..2 {
        assert!(client.send_test_event(WhenLimited::Refuse).await.is_err());
    }
    assert_eq!(script.requests(&Method::POST).len(), 0);
    client.send_test_event(WhenLimited::Refuse).await.unwrap();
}

/// The first attempt was refused (429), and the second is under way at the deadline. The service may have processed it, and a
/// caller that hears otherwise sends it again.
#[tokio::test]
async fn a_deadline_during_a_retried_post() {
    for status in [429, 401] {
        let script = Script::new([(status, Some("0"), ""), (0, None, "")]);
        let tokens = Arc::new(AtomicUsize::new(0));
        let tokens = from_fn(move |_| {
            let number = tokens.fetch_add(1, Ordering::SeqCst);
            async move { AccessToken::new(format!("token-{number}")) }
        });
        let client = RegistrationClient::new(&Cloud::Global, script.clone(), tokens)
            .unwrap()
            .with_retries(quick().with_deadline(Duration::from_millis(300)));
        let error = client.create(&wanted(&[])).await.unwrap_err();
        assert_eq!(script.requests(&Method::POST).len(), 2);
        assert!(error.api().unwrap().may_have_succeeded(), "{error}");
    }
}

/// The token provider hangs, so no request was sent. The error must say so, and not that the service did not respond.
#[tokio::test]
async fn a_hanging_token_provider_is_named() {
    let script = Script::new([(200, None, "")]);
    let tokens = from_fn(|_| pending());
    let client = RegistrationClient::new(&Cloud::Global, script.clone(), tokens)
        .unwrap()
        .with_retries(quick().with_deadline(Duration::from_millis(100)));
    let error = client.create(&wanted(&[])).await.unwrap_err();
    let error = error.api().unwrap();
    assert_eq!(script.requests(&Method::POST).len(), 0);
    assert!(!error.may_have_succeeded(), "{error}");
    assert!(matches!(error.cause(), ApiErrorCause::Token(_)), "{error}");
}

/// A token was revoked and Entra is briefly unavailable: a GET is retried, or the error is at least transient.
#[tokio::test]
async fn entra_is_away_for_a_moment_after_a_401() {
    let script = Script::new([(401, None, String::new()), (200, None, registered(&[]))]);
    let asked = Arc::new(AtomicUsize::new(0));
    let tokens = from_fn(move |_| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        async move {
            match number {
                1 => Err(TokenError::provider("Entra returned 503")),
                _ => AccessToken::new(format!("token-{number}")),
            }
        }
    });
    let client =
        RegistrationClient::new(&Cloud::Global, script, tokens).unwrap().with_retries(quick());
    let outcome = client.get().await;
    assert!(outcome.as_ref().is_ok_and(Option::is_some), "{}", outcome.unwrap_err());
}

/// Secrets never appear in errors: a response of a token endpoint, or of the proxy before it, is shown without the secrets of the
/// request.
#[tokio::test]
async fn a_secret_echoed_by_entra_is_not_shown() {
    let refusal = r#"{"error":"invalid_client","error_description":"bad form: client_secret=s3cret-value&refresh_token=r3fresh-token","trace_id":"s3cret-value"}"#;
    let script = Script::new([(401, None, refusal)]);
    let application =
        || Application::new(&Cloud::Global, "contoso.example", "id", "s3cret-value").unwrap();
    let own = ClientCredentials::new(application(), script.clone());
    let user = RefreshToken::new(application(), "r3fresh-token", script, async |_| Ok(()));
    let providers: [&dyn TokenProvider; 2] = [&own, &user];
    for (provider, secret) in providers.into_iter().zip(["s3cret-value", "r3fresh-token"]) {
        let error = provider.token(TokenRequest::new("scope")).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// .NET writes `+` as `\u002B` in JSON, so the token is redacted after parsing.
#[tokio::test]
async fn an_echoed_token_with_escapes_is_not_shown() {
    let script = Script::new([(
        400,
        None,
        r#"{"code":"s3cret\u002Btoken","description":"bad header: Bearer s3cret\u002Btoken"}"#,
    )]);
    let error = script.client().get().await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("s3cret+token"), "{shown}");
}

/// An empty refresh token must not replace the valid one.
#[tokio::test]
async fn an_empty_refresh_token_is_not_saved() {
    let script =
        Script::new([(200, None, r#"{"access_token":"a","expires_in":3600,"refresh_token":""}"#)]);
    let application = Application::new(&Cloud::Global, "contoso.example", "id", "s3cret").unwrap();
    let saved = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&saved);
    let tokens = RefreshToken::new(application, "good", script, move |_: SecretString| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }
    });
    tokens.token(TokenRequest::new("scope")).await.unwrap();
    assert_eq!(saved.load(Ordering::SeqCst), 0);
}

/// A vault is slower than the rest of a call: the save continues, or the second call finishes it. It must not be dropped midway
/// (while it writes a file) and restarted forever.
#[tokio::test]
async fn a_started_save_is_finished() {
    let script = Script::new([(
        200,
        None,
        r#"{"access_token":"a","expires_in":3600,"refresh_token":"new"}"#,
    )]);
    let application = Application::new(&Cloud::Global, "contoso.example", "id", "s3cret").unwrap();
    let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (begin, end) = (Arc::clone(&begun), Arc::clone(&ended));
    let tokens = RefreshToken::new(application, "good", script, move |_: SecretString| {
        begin.fetch_add(1, Ordering::SeqCst);
        let end = Arc::clone(&end);
        async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            end.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    });
    let api = Script::new([(200, None, registered(&[]))]);
    let client = RegistrationClient::new(&Cloud::Global, api, tokens)
        .unwrap()
        .with_retries(quick().with_deadline(Duration::from_millis(200)));
    for _ in 0..4 {
        let _ = client.get().await;
    }
    let (begun, ended) = (begun.load(Ordering::SeqCst), ended.load(Ordering::SeqCst));
    assert!(ended > 0, "begun {begun} times, ended {ended} times");
}

/// The rejected token with another expiry is still the rejected token.
#[tokio::test]
async fn expiry_does_not_make_another_token() {
    let seconds = Arc::new(AtomicUsize::new(1));
    let tokens = from_fn(move |_| {
        let seconds = seconds.fetch_add(1, Ordering::SeqCst).try_into().unwrap();
        let end = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        async move { AccessToken::new("one").map(|token| token.expiring_at(end)) }
    });
    let refused = tokens.token(TokenRequest::new("s")).await.unwrap();
    let again = tokens.token(TokenRequest::new("s").after_refusal_of(&refused)).await;
    assert!(matches!(again, Err(TokenError::NoAlternative)), "{again:?}");
}

/// A provider that counts requests, and returns numbered or identical tokens with this lifetime.
fn counted(
    lifetime: Duration,
    is_same: bool,
) -> (Arc<AtomicUsize>, Arc<Cached<impl TokenProvider>>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let provider = from_fn(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let name = if is_same { "same".to_owned() } else { format!("token-{number}") };
            AccessToken::new(name)
                .map(|token| token.expiring_at(OffsetDateTime::now_utc() + lifetime))
        }
    });
    (asked, Arc::new(Cached::new(provider)))
}

/// 1,000 concurrent calls with an expired token cause one token request, even if the new token lives at most five minutes or has
/// no lifetime: all waiting callers can use it.
#[tokio::test]
async fn a_thousand_wait_for_one_short_lived_token() {
    for lifetime in [Duration::from_secs(240), Duration::ZERO] {
        let (asked, cached) = counted(lifetime, false);
        for outcome in join_all((0..1000).map(|_| cached.token(TokenRequest::new("s")))).await {
            outcome.unwrap();
        }
        let asked = asked.load(Ordering::SeqCst);
        assert!(asked < 5, "{asked} token requests, lifetime {lifetime:?}");
    }
}

/// The same if the provider returns the rejected token again (with a later `expires_at`, so that `FromFn` does not notice).
#[tokio::test]
async fn a_thousand_rejections_of_an_unchanged_token() {
    let (asked, cached) = counted(Duration::from_secs(3600), true);
    let refused = cached.token(TokenRequest::new("s")).await.unwrap();
    let request = TokenRequest::new("s").after_refusal_of(&refused);
    let outcomes = join_all((0..1000).map(|_| cached.token(request))).await;
    let given = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let asked = asked.load(Ordering::SeqCst);
    assert!(
        asked < 5 && given == 0,
        "{asked} token requests, the refused token was given again {given} times"
    );
}

/// A scope whose token does not arrive must not block another scope.
#[tokio::test]
async fn a_slow_scope_does_not_block_another() {
    let provider = from_fn(|scope: String| async move {
        if scope == "slow" {
            pending::<()>().await;
        }
        AccessToken::new("token")
    });
    let cached = Cached::new(provider);
    let mut slow = cached.token(TokenRequest::new("slow"));
    assert!(futures_util::poll!(&mut slow).is_pending());
    let other = cached.token(TokenRequest::new("other"));
    let other = tokio::time::timeout(Duration::from_millis(300), other).await;
    assert!(other.is_ok(), "the other scope waits");
}

/// A base URL that no request can be sent to is refused.
#[test]
fn malformed_base_urls_are_refused() {
    let accepted: Vec<_> = [
        "https://:443",
        "https://api.example:99999",
        "https://api.example:",
        "https://api.example?",
        "https://api.example/?",
        "https://api.example:+443",
        "https://[::1].evil.example",
        "http://[::1].evil.example",
        "http://[127.0.0.1]",
        "http://[::1]evil.example:80",
    ]
    .into_iter()
    .filter(|base| {
        let mut profile = CloudProfile::new("https://api.example", *base);
        profile.danger_plain_http_on_loopback = true;
        Application::new(&Cloud::Custom(profile), "contoso.example", "id", "secret").is_ok()
    })
    .collect();
    assert!(accepted.is_empty(), "{accepted:?}");
}

/// A trailing slash does not change the base: `aud//.default` would be another audience.
#[tokio::test]
async fn a_trailing_slash_does_not_change_the_audience() {
    let scopes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&scopes);
    let tokens = from_fn(move |scope: String| {
        seen.lock().unwrap().push(scope);
        async { AccessToken::new("token") }
    });
    let cloud = Cloud::Custom(CloudProfile::new("https://api.example/", "https://login.example/"));
    let script = Script::new([(404, None, "")]);
    RegistrationClient::new(&cloud, script, tokens).unwrap().get().await.unwrap();
    assert_eq!(*scopes.lock().unwrap(), ["https://api.example/.default"]);
}

/// A message is bounded, even if the service returns a huge id.
#[tokio::test]
async fn a_huge_id_is_refused() {
    assert_eq!(Id::new(&"a".repeat(60_000)), None);
    let id = Id::new(&"a".repeat(512)).unwrap();
    let client =
        Script::new([(404, None, "")]).client().with_poll_interval(Duration::from_millis(1));
    let timeout = Duration::from_millis(20);
    let error = client.wait_for_test_event(&id, timeout, |_| {}).await;
    assert!(error.unwrap_err().to_string().len() < 1024);
    let script = Script::new([(200, None, json!("a".repeat(513)).to_string())]);
    let error = script.client().send_test_event(WhenLimited::Refuse).await;
    let said = error.unwrap_err().to_string();
    assert!(said.contains("the response has no correlation id"), "{said}");
}

/// `unwrap` and `main` print `{:?}`, so it is bounded like `Display`.
#[test]
fn the_debug_of_an_error_is_bounded() {
    let error = TokenError::provider("line\nforged".repeat(10_000));
    let shown = format!("{error:?}");
    assert!(error.to_string().len() < 4096 && shown.len() < 4096, "{} bytes", shown.len());
}

/// The `Debug` of a client never shows tokens, although most providers derive `Debug`.
#[test]
fn the_debug_of_a_client_does_not_show_its_provider() {
    #[derive(Debug)]
    struct Own {
        #[expect(dead_code, reason = "shown by Debug")]
        token: &'static str,
    }
    impl TokenProvider for Own {
        fn token<'a>(
            &'a self,
            _: TokenRequest<'a>,
        ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
            Box::pin(pending())
        }
    }
    let script = Script::new([(404, None, "")]);
    let client = RegistrationClient::new(&Cloud::Global, script, Own { token: "s3cret" }).unwrap();
    assert!(!format!("{client:?}").contains("s3cret"), "{client:?}");
}

/// A response of another shape is not retried; a truncated one is.
#[tokio::test]
async fn a_complete_response_of_another_shape_is_not_retried() {
    let script = Script::new([(200, None, r#"{"webhookUrl":[],"webhookEvents":[]}"#)]);
    let error = script.client().get().await.unwrap_err();
    assert_eq!(error.attempts(), 1, "{error}");
    // A null URL may be what remains after a registration was withdrawn.
    let script = Script::new([
        (200, None, r#"{"webhookUrl":null,"webhookEvents":[]}"#.to_owned()),
        (200, None, registered(&["x"])),
    ]);
    let plan = script.client().ensure(&wanted(&["x"])).await.unwrap();
    assert!(matches!(plan, Plan::Update { .. }), "{plan}");
}

/// A URL that no client can call is not a callback URL.
#[test]
fn malformed_callback_urls_are_refused() {
    let accepted: Vec<_> = [
        "https://contoso.example:99999/",
        "https://[::1].evil.example/",
        "https://contoso.example:+443/",
        "https://contoso.example:/",
    ]
    .into_iter()
    .filter(|url| Registration::new(url, []).is_ok())
    .collect();
    assert!(accepted.is_empty(), "{accepted:?}");
}

/// The client waits for the whole timeout, and polls once more at its end: "did not finish within 600ms" must not come after 400.
#[tokio::test]
async fn the_whole_timeout_is_used() {
    let status = |status: &str| (200, None, json!({"status": status}).to_string());
    let script = Script::new([status("submitted"), status("submitted"), status("completed")]);
    let client = script.client().with_poll_interval(Duration::from_millis(400));
    let start = Instant::now();
    let outcome = client
        .wait_for_test_event(&Id::new("a").unwrap(), Duration::from_millis(600), |_| {})
        .await;
    assert!(outcome.is_ok(), "{} after {:?}", outcome.unwrap_err(), start.elapsed());
}

/// Plain http is for loopback: it must not go through a proxy on another host from `HTTP_PROXY` (which reqwest reads by default,
/// without an exception for loopback). The test sets the proxy by hand. From a shell,
/// `HTTP_PROXY=http://proxy:3128 registration --base-url http://127.0.0.1:1 show` would send the token to the proxy in clear text.
#[tokio::test]
async fn plain_http_on_loopback_does_not_go_through_a_proxy() {
    let (partner_center, proxy) =
        (PartnerCenter::start().await.unwrap(), PartnerCenter::start().await.unwrap());
    let http = ReqwestClient::customized(|builder| {
        builder.proxy(reqwest::Proxy::http(proxy.base_url()).unwrap())
    });
    let token = AccessToken::new("token").unwrap();
    let client = RegistrationClient::new(&partner_center.cloud(), http.unwrap(), token)
        .unwrap()
        .with_retries(quick());
    let _ = client.get().await;
    let seen = proxy.requests();
    assert!(
        seen.iter().all(|request| request.header("authorization").is_none()),
        "the proxy saw the token"
    );
}

/// A wait that overflows is a long wait (RFC 9110 sets no limit), not none.
#[tokio::test]
async fn a_retry_after_that_overflows_is_long() {
    let script = Script::new([(503, Some("99999999999999999999999"), "")]);
    let error = script.client().get().await.unwrap_err();
    assert_eq!(error.attempts(), 1, "{error}");
}

/// A refusal by Graph has nothing to do with enrollment in Partner Center.
#[tokio::test]
async fn advice_is_about_the_service_that_refused() {
    let script = Script::new([(401, None, "")]);
    let token = || AccessToken::new("token").unwrap();
    let client =
        partner_center_webhooks::resources::ResourceClient::new(&Cloud::Global, script, token())
            .unwrap()
            .with_graph(token())
            .unwrap();
    let event = json!({"EventName": "x", "ResourceUri": "https://partner.microsoft.com/granularAdminRelationships/R-1"});
    let event = partner_center_webhooks::Event::from_slice(event.to_string().as_bytes()).unwrap();
    let error = client.fetch(&event).await.unwrap_err().to_string();
    assert!(!error.contains("Partner Center"), "{error}");
}

/// The service accepts the registration, and returns another one: the client reads and writes again, and finally fails.
#[tokio::test]
async fn a_partially_applied_registration_is_an_error() {
    let script = Script::new([(200, None, registered(&["x"]))]);
    let error = script.client().ensure(&wanted(&["x", "y"])).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the service applied only a part of the registration; still to do: update the registration: add y"
    );
    assert_eq!(script.requests(&Method::PUT).len(), 3);

    // A response without the signature flag does not mean another flag.
    let script = Script::new([(200, None, registered(&["x"]))]);
    let signed = wanted(&["x"]).with_signature_token_to_ms_signature_header(true);
    let plan = script.client().ensure(&signed).await.unwrap();
    assert_eq!(plan.to_string(), "update the registration: the signature in x-ms-signature");
    assert_eq!(script.requests(&Method::PUT).len(), 1);

    // Only a later write is reported as done.
    let script = Script::new([
        (404, None, String::new()),
        (500, None, String::new()),
        (200, None, registered(&["x"])),
    ]);
    let plan = script.client().ensure(&wanted(&["x"])).await.unwrap();
    assert!(matches!(plan, Plan::Create(_)), "{plan}");
}

/// Reading stops at the limit. A byte order mark does not count.
#[tokio::test]
async fn responses_are_bounded_and_may_have_a_byte_order_mark() {
    let script = Script::new([(200, None, format!("\u{feff}{}", registered(&["x"])))]);
    assert!(script.client().get().await.unwrap().is_some());

    let partner_center = PartnerCenter::start().await.unwrap();
    let long = "x".repeat(9 * 1024 * 1024);
    partner_center.set_registration(&json!({"webhookUrl": URL, "webhookEvents": [long]}));
    let http = ReqwestClient::new().unwrap();
    let client = RegistrationClient::new(&partner_center.cloud(), http, tokens(&partner_center));
    let client = client.unwrap().with_application_name("Contoso".try_into().unwrap());
    let error = client.get().await.unwrap_err();
    assert!(error.to_string().contains("the response is longer than 8388608 bytes"), "{error}");
    assert_eq!(error.attempts(), 1);
    let request = partner_center.requests().pop().unwrap();
    assert_eq!(request.header("ms-partnercenter-application"), Some("Contoso"));
}

/// A slow attempt does not use up the call.
#[tokio::test]
async fn an_attempt_has_its_own_deadline() {
    let partner_center = PartnerCenter::start().await.unwrap();
    let http = ReqwestClient::new().unwrap();
    let client = RegistrationClient::new(&partner_center.cloud(), http, tokens(&partner_center))
        .unwrap()
        .with_retries(quick().with_attempt_deadline(Duration::from_millis(100)));
    client.get().await.unwrap();
    partner_center.inject(Fault::Slow(Duration::from_secs(60)));
    let start = Instant::now();
    client.get().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

/// Entra's v1 endpoint writes numbers as text. A huge lifetime is capped.
#[tokio::test]
async fn token_lifetimes() {
    for (expires_in, seconds) in [(r#""3599""#, 3599), ("3599", 3599), ("99999999999", 604_800)] {
        let answer = format!(r#"{{"access_token":"a","expires_in":{expires_in}}}"#);
        let script = Script::new([(200, None, answer)]);
        let application = Application::new(&Cloud::Global, "contoso.example", "id", "s3cret");
        let application = application.unwrap().with_clock(|| OffsetDateTime::UNIX_EPOCH);
        let tokens = ClientCredentials::new(application, script);
        let token = tokens.token(TokenRequest::new("scope")).await.unwrap();
        assert_eq!(token.expires_at().unwrap().unix_timestamp(), seconds);
    }
    for tenant in ["", "a/b", "a?b", "a#b", "..", "a b", "ä", "%2e"] {
        assert!(Application::new(&Cloud::Global, tenant, "id", "s").is_err(), "{tenant:?}");
    }
}

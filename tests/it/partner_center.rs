//! The fake Partner Center does as the service is documented or reported to, over real HTTP; beside each answer, its
//! refusals.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::partner_center::{
    Casing, CorrelationIdShape, Delay, ErrorBody, Fault, NoResults, Validation, samples,
};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;

const REGISTRATION: &str = "/webhooks/v1/registration";
const EVENTS: &str = "/webhooks/v1/registration/events";
const VALIDATION: &str = "/webhooks/v1/registration/validationEvents";

/// A fake, and a client that knows its secrets.
struct Desk {
    fake: PartnerCenter,
    client: Client,
}

impl Desk {
    async fn new() -> Self {
        Self {
            fake: PartnerCenter::start().await.unwrap(),
            client: Client::builder().redirect(Policy::none()).build().unwrap(),
        }
    }

    /// One with a registration of `test-created`.
    async fn registered() -> Self {
        let desk = Self::new().await;
        desk.fake.set_registration(&json!({
            "webhookUrl": "https://partner.example/callback",
            "webhookEvents": ["test-created"],
        }));
        desk.fake
            .configure(|quirks| quirks.validation = Validation::Pending);
        desk
    }

    /// 2026-11-21T00:00:00Z, until it is advanced.
    fn stop_the_clock(&self) {
        let now = OffsetDateTime::from_unix_timestamp(1_795_219_200).unwrap();
        self.fake.set_clock(move || now);
    }

    fn advance(&self, seconds: u64) {
        self.fake.advance(Duration::from_secs(seconds));
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.fake.base_url());
        self.client.request(method, url)
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path)
            .bearer_auth(self.fake.access_token())
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.call(Method::GET, path)
    }

    fn send(&self, method: Method, body: &Value) -> RequestBuilder {
        self.call(method, REGISTRATION)
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    fn validate(&self) -> RequestBuilder {
        // reqwest leaves it out for a body of nothing.
        self.call(Method::POST, VALIDATION)
            .header("content-length", "0")
    }

    /// Asks for a token at either endpoint, with some fields in place of the right ones.
    async fn token(&self, version: &str, changes: &[(&str, &str)]) -> (u16, Value) {
        let fake = &self.fake;
        let (tenant, id, secret) = (fake.tenant_id(), fake.client_id(), fake.client_secret());
        let (refresh, scope) = (
            fake.refresh_token(),
            format!("{}/.default", fake.base_url()),
        );
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", &id),
            ("client_secret", &secret),
            ("scope", &scope),
            ("resource", fake.base_url()),
            ("refresh_token", &refresh),
        ];
        for (name, value) in changes {
            form.retain(|(field, _)| field != name);
            if !value.is_empty() {
                form.push((name, value));
            }
        }
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = self
            .request(Method::POST, &format!("/{tenant}/oauth2/{version}token"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        answer(request).await
    }
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    read(request.send().await.unwrap()).await
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn tokens_of_both_versions_open_the_api() {
    let desk = Desk::new().await;
    for (version, grant) in [
        ("", "client_credentials"),
        ("v2.0/", "client_credentials"),
        ("", "refresh_token"),
        ("v2.0/", "refresh_token"),
    ] {
        let (status, token) = desk.token(version, &[("grant_type", grant)]).await;
        assert_eq!(status, 200, "{token}");
        assert_eq!(token["token_type"], "Bearer");
        match version {
            "" => assert_eq!(token["expires_in"], "3599"),
            _ => assert_eq!(token["expires_in"], 3599),
        }
        assert_eq!(token["expires_on"].is_string(), version.is_empty());
        assert_eq!(token["refresh_token"].is_string(), grant == "refresh_token");
        let bearer = token["access_token"].as_str().unwrap();
        let request = desk.request(Method::GET, EVENTS).bearer_auth(bearer);
        assert_eq!(answer(request).await.0, 200);
    }
    assert_eq!(desk.fake.token_requests(), 4);
}

#[tokio::test]
async fn refresh_tokens_rotate_and_the_old_ones_keep_working() {
    let desk = Desk::new().await;
    let refresh = async |token: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let (status, answer) = desk.token("v2.0/", &form).await;
        assert_eq!(status, 200, "{answer}");
        answer["refresh_token"].as_str().unwrap().to_owned()
    };
    let first = desk.fake.refresh_token();
    let second = refresh(&first).await;
    let third = refresh(&second).await;
    assert!(first != second && second != third && first != third);
    refresh(&first).await;
}

#[tokio::test]
async fn wrong_token_requests_are_refused_as_by_entra() {
    let desk = Desk::new().await;
    let graph = "https://graph.microsoft.com/User.Read";
    for (changes, status, error, code) in [
        (
            vec![("client_secret", "wrong")],
            401,
            "invalid_client",
            7_000_215,
        ),
        (
            vec![("client_id", "wrong")],
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            vec![("grant_type", "password")],
            400,
            "unsupported_grant_type",
            70_003,
        ),
        (vec![("client_secret", "")], 400, "invalid_request", 900_144),
        (vec![("scope", graph)], 400, "invalid_scope", 1_002_012),
        (
            vec![("grant_type", "refresh_token"), ("refresh_token", "wrong")],
            400,
            "invalid_grant",
            70_000,
        ),
    ] {
        let (found, body) = desk.token("v2.0/", &changes).await;
        assert_eq!(
            (found, body["error"].as_str()),
            (status, Some(error)),
            "{body}"
        );
        assert_eq!(body["error_codes"], json!([code]));
        let description = body["error_description"].as_str().unwrap();
        assert!(
            description.starts_with(&format!("AADSTS{code}: ")),
            "{description}"
        );
        for member in ["timestamp", "trace_id", "correlation_id", "error_uri"] {
            assert!(body[member].is_string(), "{member}");
        }
    }
}

#[tokio::test]
async fn tokens_end_are_revoked_and_are_for_one_audience() {
    let desk = Desk::new().await;
    desk.stop_the_clock();
    let ask = async |bearer: &str| {
        let request = desk.request(Method::GET, EVENTS).bearer_auth(bearer);
        let (status, body) = answer(request).await;
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    let missing = answer(desk.request(Method::GET, EVENTS)).await;
    assert_eq!((missing.0, &missing.1["code"]), (401, &json!("800001")));
    assert_eq!(ask("made up").await, (401, "800001".to_owned()));

    let token = desk.fake.access_token();
    assert_eq!(ask(&token).await.0, 200);
    desk.advance(3598);
    assert_eq!(ask(&token).await.0, 200);
    desk.advance(1);
    assert_eq!(ask(&token).await.0, 401);

    let token = desk.fake.access_token();
    desk.fake.revoke_tokens();
    assert_eq!(ask(&token).await.0, 401);
    assert_eq!(ask(&desk.fake.access_token()).await.0, 200);

    let scope = format!("{}/graph/.default", desk.fake.base_url());
    let (_, token) = desk.token("v2.0/", &[("scope", &scope)]).await;
    let token = token["access_token"].as_str().unwrap();
    assert_eq!(ask(token).await, (401, "900420".to_owned()));
}

#[tokio::test]
async fn a_registration_is_made_once_and_then_replaced() {
    let desk = Desk::new().await;
    let (status, none) = answer(desk.get(REGISTRATION)).await;
    assert_eq!((status, &none["code"]), (404, &json!("1000")), "{none}");
    for member in ["code", "description", "source"] {
        assert!(none[member].is_string(), "{member}");
    }
    let url = "https://partner.example/callback?a=b";
    let new = json!({
        "WebhookUrl": url,
        "WEBHOOKEVENTS": ["subscription-updated", "test-created"],
        "signaturetokentomssignatureheader": true,
    });
    let (status, none) = answer(desk.send(Method::PUT, &new)).await;
    assert_eq!((status, &none["code"]), (404, &json!("1000")));

    let (status, created) = answer(desk.send(Method::POST, &new)).await;
    assert_eq!(status, 200, "{created}");
    assert_eq!(created["webhookUrl"], url);
    assert_eq!(
        created["webhookEvents"],
        json!(["subscription-updated", "test-created"])
    );
    assert_eq!(created["signatureTokenToMsSignatureHeader"], true);
    assert_eq!(answer(desk.get(REGISTRATION)).await, (200, created.clone()));

    assert_eq!(answer(desk.send(Method::POST, &new)).await.0, 409);
    desk.fake
        .configure(|quirks| quirks.conflict_status = StatusCode::BAD_REQUEST);
    assert_eq!(answer(desk.send(Method::POST, &new)).await.0, 400);

    let without_flag = json!({"webhookUrl": url, "webhookEvents": ["invoice-ready"]});
    let (status, replaced) = answer(desk.send(Method::PUT, &without_flag)).await;
    assert_eq!(
        (status, &replaced["webhookEvents"]),
        (200, &json!(["invoice-ready"]))
    );
    assert_eq!(replaced["signatureTokenToMsSignatureHeader"], false);
    assert_eq!(replaced["subscriberId"], created["subscriberId"]);
    assert_eq!(desk.fake.registration().unwrap(), replaced);
}

#[tokio::test]
async fn what_is_no_registration_is_refused_and_changes_nothing() {
    let desk = Desk::registered().await;
    let before = desk.fake.registration();
    let url = "https://partner.example/callback";
    for wrong in [
        json!([]),
        json!({"webhookEvents": ["test-created"]}),
        json!({"webhookUrl": "callback", "webhookEvents": []}),
        json!({"webhookUrl": url, "webhookEvents": "test-created"}),
        json!({"webhookUrl": url, "webhookEvents": [1]}),
        json!({"webhookUrl": url, "webhookEvents": ["no-such-event"]}),
        json!({"webhookUrl": url, "signatureTokenToMsSignatureHeader": "true"}),
    ] {
        let (status, body) = answer(desk.send(Method::PUT, &wrong)).await;
        assert_eq!((status, &body["code"]), (400, &json!("800002")), "{wrong}");
    }
    let no_type = desk.call(Method::PUT, REGISTRATION).body("{}");
    let (status, body) = answer(no_type).await;
    assert_eq!((status, body["Message"].is_string()), (415, true), "{body}");
    assert_eq!(answer(desk.call(Method::DELETE, REGISTRATION)).await.0, 405);
    assert_eq!(desk.fake.registration(), before);
}

#[tokio::test]
async fn answers_are_written_in_either_case() {
    let desk = Desk::registered().await;
    desk.fake.configure(|quirks| quirks.casing = Casing::Guide);
    let (_, registration) = answer(desk.get(REGISTRATION)).await;
    let guide = json!({
        "WebhookUrl": "https://partner.example/callback",
        "WebhookEvents": ["test-created"],
    });
    assert_eq!(registration, guide, "as in the guide's sample of GET");
    let (_, registration) = answer(desk.send(Method::PUT, &guide)).await;
    assert!(
        registration["SubscriberId"].is_string(),
        "as in that of PUT"
    );

    let (_, id) = answer(desk.validate()).await;
    let path = format!("{VALIDATION}/{}", id["correlationId"].as_str().unwrap());
    assert!(answer(desk.get(&path)).await.1["callbackUrl"].is_string());
    desk.fake.configure(|quirks| {
        quirks.casing = Casing::Pascal;
        quirks.validation = Validation::completed(Delay::Polls(0));
    });
    let (_, status) = answer(desk.get(&path)).await;
    assert_eq!(status["CallbackUrl"], "https://partner.example/callback");
    assert_eq!(status["Results"][0]["ResponseCode"], "OK");
}

#[tokio::test]
async fn all_documented_events_are_supported() {
    let desk = Desk::new().await;
    let (status, events) = answer(desk.get(EVENTS)).await;
    let events = events.as_array().unwrap();
    assert_eq!((status, events.len()), (200, 33));
    assert!(events.contains(&json!("usagerecords-thresholdExceeded")));
    desk.fake
        .configure(|quirks| quirks.supported_events = vec!["test-created".to_owned()]);
    assert_eq!(answer(desk.get(EVENTS)).await.1, json!(["test-created"]));
}

#[tokio::test]
async fn a_validation_event_needs_a_registration_of_it() {
    let desk = Desk::new().await;
    assert_eq!(answer(desk.validate()).await.0, 404);
    desk.fake.set_registration(&json!({
        "webhookUrl": "https://partner.example/", "webhookEvents": ["invoice-ready"],
    }));
    let (status, body) = answer(desk.validate()).await;
    assert_eq!((status, &body["code"]), (400, &json!("800002")));
    let unknown = format!("{VALIDATION}/04af2aea-d413-42db-824e-f328001484d1");
    assert_eq!(answer(desk.get(&unknown)).await.0, 404);
}

#[tokio::test]
async fn the_id_of_a_validation_event_is_that_of_the_answer() {
    let desk = Desk::registered().await;
    let sent = "9f6a5c7e-0000-4000-8000-000000000001";
    for shape in [CorrelationIdShape::Object, CorrelationIdShape::Text] {
        desk.fake.configure(|quirks| quirks.correlation_id = shape);
        let request = desk
            .validate()
            .header("MS-CorrelationId", sent)
            .header("MS-RequestId", "1");
        let response = request.send().await.unwrap();
        let answered = header(&response, "ms-correlationid").to_owned();
        assert_eq!(header(&response, "ms-requestid"), "1");
        let (_, body) = read(response).await;
        let id = match shape {
            CorrelationIdShape::Object => &body["correlationId"],
            _ => &body,
        };
        assert_eq!(id.as_str(), Some(answered.as_str()));
        assert_ne!(answered, sent);
        let status = answer(desk.get(&format!("{VALIDATION}/{answered}"))).await;
        assert_eq!(status.1["correlationId"], answered.as_str());
    }
    let response = desk.get(REGISTRATION).header("MS-CorrelationId", sent);
    let response = response.send().await.unwrap();
    assert_eq!(header(&response, "ms-correlationid"), sent);
}

#[tokio::test]
async fn two_validation_events_a_minute() {
    let desk = Desk::registered().await;
    desk.stop_the_clock();
    assert_eq!(answer(desk.validate()).await.0, 200);
    desk.advance(4);
    assert_eq!(answer(desk.validate()).await.0, 200);
    let response = desk.validate().send().await.unwrap();
    let wait: u64 = header(&response, "retry-after").parse().unwrap();
    assert!((56..=57).contains(&wait), "{wait}");
    let (status, body) = read(response).await;
    assert_eq!((status, &body["statusCode"]), (429, &json!(429)));
    let message = format!("Rate limit is exceeded. Try again in {wait} seconds.");
    assert_eq!(body["message"], message);
    desk.advance(wait - 2);
    assert_eq!(answer(desk.validate()).await.0, 429);
    desk.advance(2);
    assert_eq!(answer(desk.validate()).await.0, 200);
    desk.fake
        .configure(|quirks| quirks.validation_events_per_minute = 3);
    assert_eq!(answer(desk.validate()).await.0, 200);
    assert_eq!(answer(desk.validate()).await.0, 200);
    assert_eq!(answer(desk.validate()).await.0, 429);
}

#[tokio::test]
async fn results_come_when_they_are_due() {
    let desk = Desk::registered().await;
    desk.stop_the_clock();
    let (_, id) = answer(desk.validate()).await;
    let path = format!("{VALIDATION}/{}", id["correlationId"].as_str().unwrap());
    let poll = async || answer(desk.get(&path)).await.1;
    let status = poll().await;
    assert_eq!(status["partnerId"], desk.fake.tenant_id().as_str());
    assert_eq!(
        (&status["status"], &status["results"]),
        (&json!("Submitted"), &Value::Null)
    );

    desk.fake.configure(|quirks| {
        quirks.validation = Validation::completed(Delay::Polls(2));
        quirks.no_results = NoResults::Empty;
    });
    let status = poll().await;
    assert_eq!(
        (&status["status"], &status["results"]),
        (&json!("Submitted"), &json!([]))
    );
    let status = poll().await;
    assert_eq!(status["status"], "completed");
    assert_eq!(
        status["results"],
        json!([{
            "responseCode": "OK",
            "responseMessage": "",
            "systemError": false,
            "dateTimeUtc": "2026-11-21T00:00:00.0000000",
        }])
    );
    let after = Delay::Time(Duration::from_secs(30));
    desk.fake
        .configure(|quirks| quirks.validation = Validation::failed(after));
    assert_eq!(poll().await["status"], "Submitted");
    desk.advance(30);
    let status = poll().await;
    assert_eq!(status["status"], "failed");
    assert_eq!(status["results"].as_array().unwrap().len(), 10);
    desk.advance(7 * 24 * 60 * 60);
    assert_eq!(answer(desk.get(&path)).await.0, 404, "kept for seven days");
}

#[tokio::test]
async fn resources_are_for_those_with_the_right_token() {
    let desk = Desk::new().await;
    let customer = "4b2a6e33-8791-4386-bd2b-0d55baf25039";
    let everybodys = [
        samples::subscription(customer, "s-1"),
        samples::customer(customer),
        samples::audit_record("a_b_c_1"),
    ];
    for (path, resource) in everybodys {
        assert_eq!(answer(desk.get(&path)).await.0, 404);
        desk.fake.put_resource(&path, resource.clone());
        assert_eq!(answer(desk.get(&path)).await, (200, resource));
        assert_eq!(answer(desk.request(Method::GET, &path)).await.0, 401);
    }
    let (_, users) = desk
        .token("v2.0/", &[("grant_type", "refresh_token")])
        .await;
    let users = users["access_token"].as_str().unwrap();
    for (path, resource) in [samples::invoice("G1"), samples::fraud_events("s-1")] {
        desk.fake.put_resource(&path, resource.clone());
        let (status, body) = answer(desk.get(&path)).await;
        assert_eq!((status, &body["code"]), (403, &json!("900329")), "{path}");
        let request = desk.request(Method::GET, &path).bearer_auth(users);
        assert_eq!(answer(request).await, (200, resource));
    }
    let graph = "/graph/v1.0/tenantRelationships/delegatedAdminRelationships/1";
    desk.fake.put_resource(graph, json!({"id": "1"}));
    assert_eq!(answer(desk.get(graph)).await.0, 401, "another audience");
    let scope = format!("{}/graph/.default", desk.fake.base_url());
    let (_, token) = desk.token("v2.0/", &[("scope", &scope)]).await;
    let token = token["access_token"].as_str().unwrap();
    let request = desk.request(Method::GET, graph).bearer_auth(token);
    assert_eq!(answer(request).await, (200, json!({"id": "1"})));
}

#[tokio::test]
async fn faults_that_process_nothing() {
    let desk = Desk::new().await;
    let new = json!({"webhookUrl": "https://partner.example/", "webhookEvents": []});
    let other = "https://elsewhere.example/";
    let bodies = [
        ErrorBody::standard("800003", "Unexpected."),
        ErrorBody::Throttled { seconds: 3 },
        ErrorBody::OData {
            code: "c".into(),
            message: "m".into(),
        },
        ErrorBody::Entra {
            error: "invalid_grant",
            code: 1,
            description: "d".into(),
        },
        ErrorBody::web_api("m"),
        ErrorBody::Html,
        ErrorBody::Empty,
    ];
    for body in bodies {
        desk.fake.inject(Fault::status(503, &body));
        let response = desk.send(Method::POST, &new).send().await.unwrap();
        assert_eq!(response.status(), 503);
        let text = response.text().await.unwrap();
        if !matches!(body, ErrorBody::Entra { .. }) {
            assert_eq!(text, body.text());
        }
    }
    for retry_after in [None, Some("7"), Some("Sat, 21 Nov 2026 00:00:07 GMT")] {
        let retry_after = retry_after.map(str::to_owned);
        desk.fake.inject(Fault::Throttle {
            retry_after: retry_after.clone(),
        });
        let response = desk.send(Method::POST, &new).send().await.unwrap();
        assert_eq!(response.status(), 429);
        assert_eq!(
            header(&response, "retry-after"),
            retry_after.unwrap_or_default()
        );
    }
    desk.fake.inject(Fault::Redirect {
        location: other.into(),
    });
    let response = desk.send(Method::POST, &new).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), header(&response, "location")),
        (307, other)
    );
    desk.fake.inject(Fault::Drop);
    assert!(desk.send(Method::POST, &new).send().await.is_err());
    assert_eq!(desk.fake.registration(), None);
    assert_eq!(desk.fake.requests().len(), 12);
}

#[tokio::test]
async fn faults_of_requests_that_are_processed() {
    let new = json!({"webhookUrl": "https://partner.example/", "webhookEvents": []});
    for fault in [Fault::DropAfter, Fault::Truncated, Fault::CutJson] {
        let desk = Desk::new().await;
        desk.fake.inject(fault.clone());
        let sent = desk.send(Method::POST, &new).send().await;
        match fault {
            Fault::DropAfter => assert!(sent.is_err()),
            Fault::Truncated => {
                let response = sent.unwrap();
                assert_eq!(response.status(), 200);
                assert!(response.bytes().await.is_err(), "less than announced");
            }
            _ => {
                let body = sent.unwrap().text().await.unwrap();
                assert!(body.starts_with('{') && !body.ends_with('}'), "{body}");
            }
        }
        assert!(desk.fake.registration().is_some());
    }
    let desk = Desk::new().await;
    desk.fake.inject(Fault::Slow(Duration::from_millis(200)));
    let start = Instant::now();
    assert_eq!(answer(desk.send(Method::POST, &new)).await.0, 200);
    assert!(start.elapsed() >= Duration::from_millis(200));
    desk.fake.set_registration(&Value::Null);
    desk.fake.inject(Fault::Slow(Duration::from_secs(60)));
    let impatient = desk
        .send(Method::POST, &new)
        .timeout(Duration::from_millis(300));
    assert!(impatient.send().await.unwrap_err().is_timeout());
    assert!(
        desk.fake.registration().is_some(),
        "who waits too short has registered nevertheless"
    );
}

#[tokio::test]
async fn faults_happen_in_order_to_whom_they_were_meant_for() {
    let desk = Desk::registered().await;
    desk.fake.inject(Fault::status(500, &ErrorBody::Empty));
    desk.fake.inject(Fault::status(502, &ErrorBody::Empty));
    desk.fake
        .inject_on(Method::GET, EVENTS, Fault::status(503, &ErrorBody::Empty));
    assert_eq!(desk.fake.pending_faults(), 3);
    assert_eq!(answer(desk.get(REGISTRATION)).await.0, 500);
    assert_eq!(answer(desk.get(EVENTS)).await.0, 503);
    assert_eq!(answer(desk.get(EVENTS)).await.0, 502);
    assert_eq!(answer(desk.get(EVENTS)).await.0, 200);
    desk.fake.inject(Fault::Drop);
    desk.fake.clear_faults();
    assert_eq!(answer(desk.get(EVENTS)).await.0, 200);
}

#[tokio::test]
async fn a_post_says_how_long_it_is() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let desk = Desk::registered().await;
    let address = desk.fake.base_url().trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let token = desk.fake.access_token();
    let request = format!(
        "POST {VALIDATION} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 411 "), "{answer}");
}

#[tokio::test]
async fn requests_are_kept_and_shown_without_secrets() {
    let desk = Desk::new().await;
    desk.token("v2.0/", &[]).await;
    answer(desk.get(&format!("{EVENTS}?a=b"))).await;
    let requests = desk.fake.requests();
    assert_eq!(requests[1].path_and_query(), format!("{EVENTS}?a=b"));
    assert_eq!(requests[1].method(), Method::GET);
    assert!(
        requests[1]
            .header("authorization")
            .unwrap()
            .starts_with("Bearer ey")
    );
    let shown = format!("{requests:?}{:?}", desk.fake);
    assert!(shown.contains("grant_type=client_credentials"), "{shown}");
    assert!(
        !shown.contains("Bearer") && !shown.contains(&desk.fake.client_secret()),
        "{shown}"
    );
}

#[tokio::test]
async fn it_stops_when_it_is_dropped() {
    let desk = Desk::new().await;
    let request = desk.get(EVENTS);
    assert_eq!(answer(desk.get(EVENTS)).await.0, 200);
    drop(desk.fake);
    assert!(request.send().await.is_err(), "kept connections end too");
}

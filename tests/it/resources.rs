//! From an event to its resource over real HTTP, and URIs for which no token is requested.

use std::sync::Arc;

use http::Method;
use partner_center_webhooks::api::RetryPolicy;
use partner_center_webhooks::event::{Event, Resource};
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::resources::{ResourceClient, ResourceError, ResourceModel};
use partner_center_webhooks::testing::partner_center::{ErrorBody, Fault, PartnerCenter, samples};
use partner_center_webhooks::token::{TokenError, TokenProvider, from_fn};
use serde_json::json;

use crate::registration::client::tokens;
use crate::support::{ISSUER, receiver};

const CUSTOMER: &str = "4cfba01c-47d4-4b91-9559-740129e7352b";
const OTHER: &str = "bf8c56ab-7094-4429-847e-73f019e4ab7c";

fn client(partner_center: &PartnerCenter, tokens: impl TokenProvider + 'static) -> ResourceClient {
    let http = ReqwestClient::new().unwrap();
    ResourceClient::new(&partner_center.cloud(), http, tokens).unwrap()
}

fn event(name: &str, resource_uri: &str, audit_uri: &str) -> Event {
    let event = json!({"EventName": name, "ResourceUri": resource_uri, "AuditUri": audit_uri});
    Event::from_slice(event.to_string().as_bytes()).unwrap()
}

/// A fake with a resource, and an event that names it as Partner Center would.
async fn scene((path, resource): (String, serde_json::Value)) -> (PartnerCenter, Event) {
    let partner_center = PartnerCenter::start().await.unwrap();
    partner_center.configure(|quirks| quirks.app_only_refused = false);
    let uri = format!("{}{path}", partner_center.base_url());
    partner_center.put_resource(path, resource);
    let event = event("x", &uri, &uri);
    (partner_center, event)
}

#[tokio::test]
async fn each_resource_is_read_with_its_model() {
    let (partner_center, event) = scene(samples::subscription(CUSTOMER, OTHER)).await;
    let fetched = client(&partner_center, tokens(&partner_center)).fetch(&event).await.unwrap();
    let ResourceModel::Subscription(subscription) = fetched.model() else { panic!() };
    assert_eq!(subscription.id.as_deref(), Some(OTHER));
    assert_eq!(subscription.quantity, Some(25.into()));
    let json: serde_json::Value = serde_json::from_str(fetched.json().get()).unwrap();
    assert_eq!(json["id"], OTHER);
    assert_eq!(fetched.etag(), None);

    let request = partner_center.requests().pop().unwrap();
    assert_eq!(request.method(), Method::GET);
    assert_eq!(request.header("ms-contract-version"), Some("v1"));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("x-neweventsmodel"), None);

    let answer = http::Response::builder().header("etag", "\"1\"").body("{}".into());
    partner_center.inject_on(Method::GET, "/v1", Fault::Status(answer.unwrap()));
    let client = client(&partner_center, tokens(&partner_center));
    assert_eq!(client.fetch(&event).await.unwrap().etag().unwrap(), "\"1\"");

    let (partner_center, event) = scene(samples::customer(CUSTOMER)).await;
    let fetched =
        self::client(&partner_center, tokens(&partner_center)).fetch(&event).await.unwrap();
    assert!(
        matches!(fetched.model(), ResourceModel::Customer(customer) if customer.id.as_deref() == Some(CUSTOMER))
    );

    let (partner_center, event) = scene(samples::invoice("G000024135")).await;
    let fetched =
        self::client(&partner_center, tokens(&partner_center)).fetch(&event).await.unwrap();
    assert!(
        matches!(fetched.model(), ResourceModel::Invoice(invoice) if invoice.id.as_deref() == Some("G000024135"))
    );
}

/// An event as Partner Center sends it, signed.
const SCHEDULE_EVENT: &str = r#"{"EventName":"new-commerce-migration-failed","ResourceUri":"https://api.partnercenter.microsoft.com/v1/customers/22222222-2222-2222-2222-222222222222/migrations/newcommerce/schedules/44444444-4444-4444-4444-444444444444","ResourceName":"newCommerceMigrationSchedule","AuditUri":null,"ResourceChangeUtcDate":"2026-01-12T14:44:18.627854+00:00"}"#;

#[tokio::test]
async fn a_genuine_event_under_a_customer_names_the_customer_whatever_follows() {
    let signer = ISSUER.signer().unwrap();
    let receive = async |body: &str| {
        let callback = signer.callback(body.to_owned()).unwrap();
        let received = receiver().receive(&callback.headers, &callback.body).await;
        received.unwrap().event().clone()
    };
    let event = receive(SCHEDULE_EVENT).await;
    let Resource::NewCommerceMigrationSchedule { customer, schedule } = event.resource() else {
        panic!("{event:?}")
    };
    assert_eq!(customer.as_str(), "22222222-2222-2222-2222-222222222222");
    assert_eq!(schedule.as_str(), "44444444-4444-4444-4444-444444444444");

    let schedules = "migrations/newcommerce/schedules/44444444-4444-4444-4444-444444444444";
    for other in [schedules, "relationships", "usagesummary", "brand/new?a=b"] {
        let body = SCHEDULE_EVENT.replace(schedules, other);
        for (from, to) in
            [("/v1/", "/v1/"), ("/v1/", "/webhooks/v1/"), ("/customers/", "/Customers/")]
        {
            let event = receive(&body.replacen(from, to, 1)).await;
            let customer = event.customer_tenant().map(|customer| customer.to_string());
            let expected = Some("22222222-2222-2222-2222-222222222222");
            assert_eq!(customer.as_deref(), expected, "{event:?}");
        }
        // The twin: not a UUID.
        let event = receive(&body.replace("22222222-2222", "2222222-2222")).await;
        assert_eq!(event.customer_tenant(), None, "{event:?}");
    }
}

#[tokio::test]
async fn resources_of_a_customer_are_read_with_their_models() {
    let schedule = json!([{"id": OTHER, "status": "Created", "targetDate": "2026-10-30T00:00:00"}]);
    let relationships = json!({"totalCount": 1, "items": [{"id": OTHER, "name": "First Up"}]});
    let usage = json!({"resourceId": CUSTOMER, "totalCost": 28.8, "budget": {"amount": null}});
    let path = format!("migrations/newcommerce/schedules/{OTHER}");
    for (path, resource) in [
        (&*path, schedule),
        ("relationships", relationships),
        ("usagesummary", usage),
        ("brand/new", json!({"id": OTHER})),
    ] {
        let path_and_query = format!("/v1/customers/{CUSTOMER}/{path}");
        let (partner_center, event) = scene((path_and_query, resource)).await;
        let client = client(&partner_center, tokens(&partner_center));
        let fetched = client.fetch(&event).await.unwrap();
        match (path, fetched.model()) {
            ("brand/new", ResourceModel::Untyped) => {}
            ("relationships", ResourceModel::CustomerRelationships(resellers)) => {
                assert_eq!(resellers[0].name.as_deref(), Some("First Up"));
            }
            ("usagesummary", ResourceModel::UsageSummary(usage)) => {
                assert_eq!(usage.resource_id.as_deref(), Some(CUSTOMER));
                assert_eq!(usage.budget.as_ref().unwrap().amount, None);
            }
            (_, ResourceModel::NewCommerceMigrationSchedule(schedule)) => {
                assert_eq!(schedule.id.as_deref(), Some(OTHER));
                assert_eq!(schedule.target_date.unwrap().unix_timestamp(), 1_793_318_400);
            }
            (path, model) => panic!("{path}: {model:?}"),
        }
    }
}

#[tokio::test]
async fn documented_prefixes_lead_to_the_resource() {
    let (partner_center, _) = scene(samples::subscription(CUSTOMER, OTHER)).await;
    let client = client(&partner_center, tokens(&partner_center));
    let base = partner_center.base_url();
    for path in ["webhooks/v1", "WebHooks/V1", "v1"] {
        let uri = format!("{base}/{path}/customers/{CUSTOMER}/subscriptions/{OTHER}");
        client.fetch(&event("subscription-updated", &uri, "")).await.unwrap();
        let called = partner_center.requests().pop().unwrap();
        assert_eq!(
            called.path_and_query(),
            format!("/v1/customers/{CUSTOMER}/subscriptions/{OTHER}")
        );
    }
}

#[tokio::test]
async fn a_header_requests_newer_fraud_events() {
    let path = format!("/v1/fraudEvents?SubscriptionId={OTHER}&EventStatus=Active");
    let (partner_center, event) =
        scene((path.clone(), json!([{"eventId": "1", "severity": "High"}]))).await;
    let client = client(&partner_center, tokens(&partner_center)).with_new_fraud_events();
    let (path_of_other, other) = samples::customer(CUSTOMER);
    let uri = format!("{}{path_of_other}", partner_center.base_url());
    partner_center.put_resource(path_of_other, other);
    client.fetch(&self::event("x", &uri, "")).await.unwrap();
    let request = partner_center.requests().pop().unwrap();
    assert_eq!(request.header("x-neweventsmodel"), None);
    let fetched = client.fetch(&event).await.unwrap();
    assert!(
        matches!(fetched.model(), ResourceModel::FraudEvents(events) if events[0].severity.as_deref() == Some("High"))
    );
    let request = partner_center.requests().pop().unwrap();
    assert_eq!(request.path_and_query(), path);
    assert_eq!(request.header("x-neweventsmodel"), Some("true"));
}

#[tokio::test]
async fn an_audit_record_is_read() {
    let audit_id = format!(
        "b7d51f66-66a6-4e15-8244-e69bfd3344e2_{CUSTOMER}_{OTHER}_createtransfer_638696114586278540"
    );
    let path = format!("/auditactivity/v1/auditrecords/{audit_id}");
    let (partner_center, event) =
        scene((path, json!({"id": audit_id, "resourceNewValue": null}))).await;
    let client = client(&partner_center, tokens(&partner_center));
    let fetched = client.audit_record(&event).await.unwrap();
    assert!(
        matches!(fetched.model(), ResourceModel::AuditRecord(record) if record.id.as_deref() == Some(&*audit_id))
    );
}

#[tokio::test]
async fn other_hosts_have_their_own_tokens() {
    let partner_center = PartnerCenter::start().await.unwrap();
    partner_center.configure(|quirks| quirks.app_only_refused = false);
    partner_center.put_resource(
        "/graph/v1.0/tenantRelationships/delegatedAdminRelationships/R-1",
        json!({"id": "R-1"}),
    );
    partner_center.put_resource("/referrals/v1.0/engagements/referrals/R", json!({"id": "R"}));
    let relationship =
        event("x", "https://partner.microsoft.com/granularAdminRelationships/R-1", "");
    let referral = format!("{}/engagements/v1/referrals/R", partner_center.base_url());
    let referral = event("referral-created", &referral, "");

    let scope = format!("{}/referrals/.default", partner_center.base_url());
    let client = client(&partner_center, tokens(&partner_center))
        .with_graph(tokens(&partner_center))
        .unwrap()
        .with_referrals(tokens(&partner_center), &scope)
        .unwrap();
    for event in [&relationship, &referral] {
        let fetched = client.fetch(event).await.unwrap();
        assert_eq!(*fetched.model(), ResourceModel::Untyped);
    }
    let requests = partner_center.requests();
    let graph = requests.iter().find(|request| request.path().starts_with("/graph")).unwrap();
    for name in ["ms-contract-version", "ms-correlationid", "x-neweventsmodel"] {
        assert_eq!(graph.header(name), None);
    }
    let scopes: Vec<_> = partner_center
        .requests()
        .iter()
        .flat_map(|request| request.form())
        .filter(|(name, _)| name == "scope")
        .map(|(_, scope)| scope)
        .collect();
    assert_eq!(scopes, [format!("{}/graph/.default", partner_center.base_url()), scope]);
}

/// Events about resources on other hosts, and the path of each on the fake.
const ELSEWHERE: [(&str, &str, &str); 5] = [
    (
        r#"{"EventName":"granular-admin-relationship-approved","ResourceUri":"https://partner.microsoft.com/granularAdminRelationships/33333333-3333-3333-3333-333333333333-44444444-4444-4444-4444-444444444444","ResourceName":"GranularAdminRelationship","AuditUri":null,"ResourceChangeUtcDate":"2026-01-12T14:44:18.627854+00:00"}"#,
        "/graph/v1.0/tenantRelationships/delegatedAdminRelationships/33333333-3333-3333-3333-333333333333-44444444-4444-4444-4444-444444444444",
        GRAPH,
    ),
    (
        r#"{"EventName":"granular-admin-access-assignment-created","ResourceUri":"https://partner.microsoft.com/granularAdminRelationships/33333333-3333-3333-3333-333333333333-44444444-4444-4444-4444-444444444444/accessAssignments/55555555-5555-5555-5555-555555555555","ResourceName":"GranularAdminAccessAssignment","AuditUri":null}"#,
        "/graph/v1.0/tenantRelationships/delegatedAdminRelationships/33333333-3333-3333-3333-333333333333-44444444-4444-4444-4444-444444444444/accessAssignments/55555555-5555-5555-5555-555555555555",
        GRAPH,
    ),
    (
        r#"{"EventName":"referral-created","ResourceUri":"https://api.partner.microsoft.com/v1.0/engagements/referrals/22222222-2222-2222-2222-222222222222","ResourceName":"referral","AuditUri":null,"ResourceChangeUtcDate":"2026-01-12T14:44:18.627854+00:00"}"#,
        "/referrals/v1.0/engagements/referrals/22222222-2222-2222-2222-222222222222",
        REFERRALS,
    ),
    (
        r#"{"EventName":"related-referral-updated","ResourceUri":"https://api.partnercenter.microsoft.com/engagements/v1/referrals/66666666-6666-6666-6666-666666666666","ResourceName":"referral"}"#,
        "/referrals/v1.0/engagements/referrals/66666666-6666-6666-6666-666666666666",
        REFERRALS,
    ),
    (
        r#"{"EventName":"referral-updated","ResourceUri":"HTTP://API.PARTNER.MICROSOFT.COM/V1.0/Engagements/Referrals/77777777-7777-7777-7777-777777777777/"}"#,
        "/referrals/v1.0/engagements/referrals/77777777-7777-7777-7777-777777777777",
        REFERRALS,
    ),
];

/// The error without a provider.
const GRAPH: &str = "the resource is read from Microsoft Graph, and the client has no token provider for it: this is not a missing permission in Entra, but a missing call to `ResourceClient::with_graph` in the program";
const REFERRALS: &str = "the resource is read from the referrals API, and the client has no token provider for it: this is not a missing permission in Entra, but a missing call to `ResourceClient::with_referrals` in the program";

#[tokio::test]
async fn events_are_followed_to_graph_and_to_referrals() {
    let partner_center = PartnerCenter::start().await.unwrap();
    partner_center.configure(|quirks| quirks.app_only_refused = false);
    let scope = format!("{}/referrals/.default", partner_center.base_url());
    let without = client(&partner_center, tokens(&partner_center));
    let provider = Arc::new(tokens(&partner_center));
    let with = client(&partner_center, provider.clone())
        .with_graph(provider.clone())
        .unwrap()
        .with_referrals(provider, &scope)
        .unwrap();
    for (body, path, missing) in ELSEWHERE {
        partner_center.put_resource(path, json!({"id": "R", "status": "active"}));
        let event = Event::from_slice(body.as_bytes()).unwrap();

        let before = partner_center.requests().len();
        let error = without.fetch(&event).await.unwrap_err();
        assert_eq!(error.to_string(), missing, "{body}");
        let expected = match missing {
            GRAPH => "with_graph",
            _ => "with_referrals",
        };
        assert!(
            matches!(error, ResourceError::NoTokenProvider { method, .. } if method == expected)
        );
        assert_eq!(partner_center.requests().len(), before, "{body}");

        let fetched = with.fetch(&event).await.unwrap();
        assert_eq!(fetched.json().get(), r#"{"id":"R","status":"active"}"#);
        let called = partner_center.requests().pop().unwrap();
        assert_eq!(called.path_and_query(), path, "{body}");
    }
}

#[tokio::test]
async fn a_refusal_by_the_provider_or_by_the_service_is_an_error() {
    let partner_center = PartnerCenter::start().await.unwrap();
    let refusing = from_fn(async |_| Err(TokenError::NoAlternative));
    let base = client(&partner_center, tokens(&partner_center));
    let scope = format!("{}/referrals/.default", partner_center.base_url());
    let by_provider = base.clone().with_graph(refusing.clone()).unwrap();
    let by_provider = by_provider.with_referrals(refusing, &scope).unwrap();
    let by_service = base.with_graph(tokens(&partner_center)).unwrap();
    let by_service = by_service.with_referrals(tokens(&partner_center), &scope).unwrap();
    for (body, path, _) in ELSEWHERE {
        let event = Event::from_slice(body.as_bytes()).unwrap();
        let before = partner_center.requests().len();
        let error = by_provider.fetch(&event).await.unwrap_err();
        assert!(matches!(error, ResourceError::Api(_)), "{error}");
        let said = "the only available token was rejected";
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(partner_center.requests().len(), before, "{body}");

        let refusal = ErrorBody::OData {
            code: "Authorization_RequestDenied".into(),
            message: "Insufficient privileges to complete the operation.".into(),
        };
        partner_center.inject_on(Method::GET, path, Fault::status(403, &refusal));
        let error = by_service.fetch(&event).await.unwrap_err().to_string();
        let said = "returned 403 Forbidden, code Authorization_RequestDenied: Insufficient privileges to complete the operation.";
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn no_token_is_requested_for_a_refused_uri() {
    let partner_center = PartnerCenter::start().await.unwrap();
    let elsewhere = PartnerCenter::start().await.unwrap();
    let asked = from_fn(async |_| -> Result<_, TokenError> { panic!("a token was asked for") });
    let client = client(&partner_center, asked.clone())
        .with_graph(asked.clone())
        .unwrap()
        .with_referrals(asked, "scope")
        .unwrap();
    let base = partner_center.base_url();
    let port = base.rsplit(':').next().unwrap();
    for uri in [
        format!("{}/v1/invoices/I", elsewhere.base_url()),
        format!("http://user@127.0.0.1:{port}/v1/invoices/I"),
        format!("http://localhost:{port}/v1/invoices/I"),
        "https://api.partnercenter.microsoft.com/v1/invoices/I".to_owned(),
        "https://partner.microsoft.com/v1/invoices/I".to_owned(),
        "https://graph.microsoft.com/granularAdminRelationships/R".to_owned(),
        "https://api.partner.microsoft.com.evil.example/v1.0/engagements/referrals/R".to_owned(),
        format!("{base}/v1/../token"),
        format!("{base}/{}/oauth2/token", partner_center.tenant_id()),
        format!("{base}/graph/v1.0/me"),
        base.to_owned(),
    ] {
        let event = event("x", &uri, &uri);
        let error = client.fetch(&event).await.unwrap_err();
        assert!(matches!(error, ResourceError::NotAllowed { .. }), "{uri}: {error}");
        let error = client.audit_record(&event).await.unwrap_err();
        assert!(matches!(error, ResourceError::NotAllowed { .. }), "{uri}: {error}");
    }
    assert_eq!(partner_center.requests().len() + elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn failures_are_errors() {
    let (partner_center, event) = scene(samples::customer(CUSTOMER)).await;
    let elsewhere = PartnerCenter::start().await.unwrap();
    let client = client(&partner_center, tokens(&partner_center));
    let client = client.with_graph(tokens(&partner_center)).unwrap();
    let client = client.with_retries(RetryPolicy::default().with_max_retries(0));
    client.fetch(&event).await.unwrap();
    partner_center.inject_on(Method::GET, "/graph", Fault::status(500, &ErrorBody::Empty));
    let relationship =
        self::event("x", "https://partner.microsoft.com/granularAdminRelationships/R-1", "");
    let error = client.fetch(&relationship).await.unwrap_err();
    assert!(error.to_string().contains("returned 500"), "{error}");
    let redirect = Fault::Redirect { location: format!("{}/v1/customers/1", elsewhere.base_url()) };
    for (fault, said) in [
        (redirect, "returned 307"),
        (Fault::status(404, &ErrorBody::Empty), "get resource: returned 404 Not Found"),
        (Fault::CutJson, "returned 200 OK with an unreadable body: EOF"),
        (Fault::Truncated, "the connection failed"),
    ] {
        partner_center.inject(fault.clone());
        let error = client.fetch(&event).await.unwrap_err();
        assert!(error.to_string().contains(said), "{fault:?}: {error}");
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

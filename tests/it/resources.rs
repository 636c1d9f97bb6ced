//! From an event to its resource, over real HTTP; and what no token is asked for.

use http::Method;
use partner_center_webhooks::api::RetryPolicy;
use partner_center_webhooks::event::Event;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::resources::{ResourceClient, ResourceError, ResourceModel};
use partner_center_webhooks::testing::partner_center::{ErrorBody, Fault, PartnerCenter, samples};
use partner_center_webhooks::token::{TokenError, TokenProvider, from_fn};
use serde_json::json;

use crate::registration::tokens;

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
    let fetched = client(&partner_center, tokens(&partner_center))
        .fetch(&event)
        .await
        .unwrap();
    let ResourceModel::Subscription(subscription) = fetched.model() else {
        panic!()
    };
    assert_eq!(subscription.id.as_deref(), Some(OTHER));
    assert_eq!(subscription.quantity, Some(25.into()));
    let json: serde_json::Value = serde_json::from_str(fetched.json().get()).unwrap();
    assert_eq!(json["id"], OTHER);

    let request = partner_center.requests().pop().unwrap();
    assert_eq!(request.method(), Method::GET);
    assert_eq!(request.header("ms-contract-version"), Some("v1"));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("x-neweventsmodel"), None);

    let (partner_center, event) = scene(samples::customer(CUSTOMER)).await;
    let fetched = client(&partner_center, tokens(&partner_center))
        .fetch(&event)
        .await
        .unwrap();
    assert!(
        matches!(fetched.model(), ResourceModel::Customer(customer) if customer.id.as_deref() == Some(CUSTOMER))
    );

    let (partner_center, event) = scene(samples::invoice("G000024135")).await;
    let fetched = client(&partner_center, tokens(&partner_center))
        .fetch(&event)
        .await
        .unwrap();
    assert!(
        matches!(fetched.model(), ResourceModel::Invoice(invoice) if invoice.id.as_deref() == Some("G000024135"))
    );
}

#[tokio::test]
async fn documented_prefixes_lead_to_the_resource() {
    let (partner_center, _) = scene(samples::subscription(CUSTOMER, OTHER)).await;
    let client = client(&partner_center, tokens(&partner_center));
    let base = partner_center.base_url();
    for path in ["webhooks/v1", "WebHooks/V1", "v1"] {
        let uri = format!("{base}/{path}/customers/{CUSTOMER}/subscriptions/{OTHER}");
        client
            .fetch(&event("subscription-updated", &uri, ""))
            .await
            .unwrap();
        let called = partner_center.requests().pop().unwrap();
        assert_eq!(
            called.path_and_query(),
            format!("/v1/customers/{CUSTOMER}/subscriptions/{OTHER}")
        );
    }
}

#[tokio::test]
async fn newer_fraud_events_are_asked_for_by_a_header() {
    let path = format!("/v1/fraudEvents?SubscriptionId={OTHER}&EventStatus=Active");
    let (partner_center, event) =
        scene((path.clone(), json!([{"eventId": "1", "severity": "High"}]))).await;
    let client = client(&partner_center, tokens(&partner_center)).with_new_fraud_events();
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
async fn other_hosts_have_tokens_of_their_own() {
    let partner_center = PartnerCenter::start().await.unwrap();
    partner_center.configure(|quirks| quirks.app_only_refused = false);
    partner_center.put_resource(
        "/graph/v1.0/tenantRelationships/delegatedAdminRelationships/R-1",
        json!({"id": "R-1"}),
    );
    partner_center.put_resource(
        "/referrals/v1.0/engagements/referrals/R",
        json!({"id": "R"}),
    );
    let relationship = event(
        "x",
        "https://partner.microsoft.com/granularAdminRelationships/R-1",
        "",
    );
    let referral = format!("{}/engagements/v1/referrals/R", partner_center.base_url());
    let referral = event("referral-created", &referral, "");

    let client = client(&partner_center, tokens(&partner_center));
    for (event, said) in [
        (
            &relationship,
            "the resource is read from Microsoft Graph, for which there is no token provider",
        ),
        (
            &referral,
            "the resource is read from the referrals API, for which there is no token provider",
        ),
    ] {
        assert_eq!(client.fetch(event).await.unwrap_err().to_string(), said);
    }
    assert_eq!(partner_center.requests().len(), 0);

    let scope = format!("{}/referrals/.default", partner_center.base_url());
    let client = client
        .with_graph(tokens(&partner_center))
        .unwrap()
        .with_referrals(tokens(&partner_center), &scope)
        .unwrap();
    for event in [&relationship, &referral] {
        let fetched = client.fetch(event).await.unwrap();
        assert_eq!(*fetched.model(), ResourceModel::Untyped);
    }
    let scopes: Vec<_> = partner_center
        .requests()
        .iter()
        .flat_map(|request| request.form())
        .filter(|(name, _)| name == "scope")
        .map(|(_, scope)| scope)
        .collect();
    assert_eq!(
        scopes,
        [
            format!("{}/graph/.default", partner_center.base_url()),
            scope
        ]
    );
}

#[tokio::test]
async fn no_token_is_asked_for_what_is_not_called() {
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
        format!("{base}/v1/../token"),
        format!("{base}/{}/oauth2/token", partner_center.tenant_id()),
        format!("{base}/graph/v1.0/me"),
        base.to_owned(),
    ] {
        let event = event("x", &uri, &uri);
        let error = client.fetch(&event).await.unwrap_err();
        assert!(
            matches!(error, ResourceError::NotAllowed { .. }),
            "{uri}: {error}"
        );
        let error = client.audit_record(&event).await.unwrap_err();
        assert!(
            matches!(error, ResourceError::NotAllowed { .. }),
            "{uri}: {error}"
        );
    }
    assert_eq!(
        partner_center.requests().len() + elsewhere.requests().len(),
        0
    );
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let (partner_center, event) = scene(samples::customer(CUSTOMER)).await;
    let elsewhere = PartnerCenter::start().await.unwrap();
    let client = client(&partner_center, tokens(&partner_center));
    let client = client.with_retries(RetryPolicy::default().with_max_repeats(0));
    client.fetch(&event).await.unwrap();
    let redirect = Fault::Redirect {
        location: format!("{}/v1/customers/1", elsewhere.base_url()),
    };
    for (fault, said) in [
        (redirect, "answered 307"),
        (
            Fault::status(404, &ErrorBody::Empty),
            "get resource: answered 404 Not Found",
        ),
        (
            Fault::CutJson,
            "answered 200 OK with what cannot be read: EOF",
        ),
        (Fault::Truncated, "the connection failed"),
    ] {
        partner_center.inject(fault.clone());
        let error = client.fetch(&event).await.unwrap_err();
        assert!(error.to_string().contains(said), "{fault:?}: {error}");
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

//! Resources, recorded requests, and shutdown.

use http::Method;
use partner_center_webhooks::testing::partner_center::samples;
use serde_json::json;

use super::{EVENTS, Fixture, fetch};

#[tokio::test]
async fn resources_need_the_right_token() {
    let fixture = Fixture::new().await;
    let customer = "4b2a6e33-8791-4386-bd2b-0d55baf25039";
    let any_token = [
        samples::subscription(customer, "s-1"),
        samples::customer(customer),
        samples::audit_record("a_b_c_1"),
    ];
    for (path, resource) in any_token {
        assert_eq!(fetch(fixture.get(&path)).await.0, 404);
        fixture.fake.put_resource(&path, resource.clone());
        assert_eq!(fetch(fixture.get(&path)).await, (200, resource));
        assert_eq!(fetch(fixture.request(Method::GET, &path)).await.0, 401);
    }
    let (_, delegated) = fixture.token("v2.0/", &[("grant_type", "refresh_token")]).await;
    let delegated = delegated["access_token"].as_str().unwrap();
    for (path, resource) in [samples::invoice("G1"), samples::fraud_events("s-1")] {
        fixture.fake.put_resource(&path, resource.clone());
        let (status, body) = fetch(fixture.get(&path)).await;
        assert_eq!((status, &body["code"]), (403, &json!("900329")), "{path}");
        let request = fixture.request(Method::GET, &path).bearer_auth(delegated);
        assert_eq!(fetch(request).await, (200, resource));
    }
    let graph = "/graph/v1.0/tenantRelationships/delegatedAdminRelationships/1";
    fixture.fake.put_resource(graph, json!({"id": "1"}));
    assert_eq!(fetch(fixture.get(graph)).await.0, 401, "another audience");
    let scope = format!("{}/graph/.default", fixture.fake.base_url());
    let (_, token) = fixture.token("v2.0/", &[("scope", &scope)]).await;
    let token = token["access_token"].as_str().unwrap();
    let request = fixture.request(Method::GET, graph).bearer_auth(token);
    assert_eq!(fetch(request).await, (200, json!({"id": "1"})));
}

#[tokio::test]
async fn requests_are_recorded_and_debug_hides_secrets() {
    let fixture = Fixture::new().await;
    fixture.token("v2.0/", &[]).await;
    fetch(fixture.get(&format!("{EVENTS}?a=b"))).await;
    let requests = fixture.fake.requests();
    assert_eq!(requests[1].path_and_query(), format!("{EVENTS}?a=b"));
    assert_eq!(requests[1].method(), Method::GET);
    assert!(requests[1].header("authorization").unwrap().starts_with("Bearer ey"));
    let shown = format!("{requests:?}{:?}", fixture.fake);
    assert!(shown.contains("grant_type=client_credentials"), "{shown}");
    assert!(!shown.contains("Bearer") && !shown.contains(&fixture.fake.client_secret()), "{shown}");
}

#[tokio::test]
async fn it_stops_when_it_is_dropped() {
    let fixture = Fixture::new().await;
    let request = fixture.get(EVENTS);
    assert_eq!(fetch(fixture.get(EVENTS)).await.0, 200);
    drop(fixture.fake);
    assert!(request.send().await.is_err(), "open connections are closed too");
}

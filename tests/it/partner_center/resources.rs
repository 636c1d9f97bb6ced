//! Resources, what is recorded, and the end.

use http::Method;
use partner_center_webhooks::testing::partner_center::samples;
use serde_json::json;

use super::{Desk, EVENTS, answer};

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

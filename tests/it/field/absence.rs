//! Only the service's own 404 means that a resource does not exist.

use partner_center_webhooks::event::{Event, Id};
use partner_center_webhooks::event_grid::manage::{PartnerNamespace, ResourceId};
use serde_json::json as value;

use super::{Peer, json, response, wanted};

/// The page of a missing web application, as a front end of Partner Center sometimes returns it.
const PAGE: &str = "<!DOCTYPE html><html><head><title>Microsoft Azure Web App - Error 404</title></head><body></body></html>";

fn page() -> String {
    response("404 Not Found", "content-type: text/html\r\n", PAGE)
}

/// 404s that are not from the service.
fn foreign() -> Vec<String> {
    vec![
        page(),
        json("404 Not Found", r#"{ "statusCode": 404, "message": "Resource not found" }"#),
        json("404 Not Found", r#"{"message":"no Route matched with those values"}"#),
        json(
            "404 Not Found",
            r#"{"error":{"code":"404","message":"The resource you are looking for has been removed."}}"#,
        ),
        json("404 Not Found", r#"{"code":5,"message":"Not Found","details":[]}"#),
        json("404 Not Found", r#"{"status":404,"error":"Not Found","path":"/webhooks"}"#),
        response("404 Not Found", "", ""),
        response("404 Not Found", "ms-requestid: 1\r\ncontent-type: text/html\r\n", PAGE),
    ]
}

/// The service's own 404s.
fn own() -> Vec<String> {
    vec![
        json(
            "404 Not Found",
            r#"{"code":"1000","description":"Not found","data":[],"source":"PartnerFD"}"#,
        ),
        json("404 Not Found", r#"{"code":1000,"description":"Not found"}"#),
        response("404 Not Found", "MS-RequestId: 0b6f\r\n", ""),
        response("404 Not Found", "MS-RequestId: 0b6f\r\n", "\r\n"),
        response("404 Not Found", "MS-CorrelationId: 0b6f\r\n", ""),
        response(
            "404 Not Found",
            "MS-RequestId: 0b6f\r\n",
            r#"{"code":"NotFound","description":"Not found"}"#,
        ),
    ]
}

#[tokio::test]
async fn only_the_services_404_means_no_registration() {
    for answer in own() {
        let peer = Peer::saying([answer.clone()]).await;
        let registered = peer.registration().get().await;
        assert_eq!(registered.unwrap(), None, "{answer}");
        assert_eq!(peer.requests().len(), 1, "{answer}");
    }
    for answer in foreign() {
        let peer = Peer::saying([answer.clone()]).await;
        let error = peer.registration().get().await.unwrap_err();
        assert!(error.is_transient() && !error.is_not_found(), "{answer}");
        assert_eq!(peer.requests().len(), 3, "{answer}");
        let text = error.to_string();
        assert!(text.contains("this is not the service's own 404"), "{text}");
    }
}

#[tokio::test]
async fn nothing_is_posted_after_a_foreign_404() {
    for answer in foreign() {
        let peer = Peer::saying([answer]).await;
        assert!(peer.registration().ensure(&wanted()).await.is_err());
        assert!(peer.registration().plan(&wanted()).await.is_err());
        let requests = peer.requests();
        assert!(requests.iter().all(|it| it.starts_with("GET ")), "{requests:?}");
    }
    // The twin: the page once, and then the service's own 404.
    let registered =
        r#"{"WebhookUrl":"https://contoso.example/callback","WebhookEvents":["test-created"]}"#;
    let answers = [page(), own()[0].clone(), json("200 OK", registered)];
    let peer = Peer::saying(answers).await;
    peer.registration().ensure(&wanted()).await.unwrap();
    let requests: Vec<_> = peer.requests().iter().map(|it| it[..4].to_owned()).collect();
    assert_eq!(requests, ["GET ", "GET ", "POST"]);
}

#[tokio::test]
async fn only_the_services_404_means_no_test_event_resource_or_record() {
    let id = Id::new("7b2e").unwrap();
    let uri = |peer: &Peer, path: &str| format!("{}{path}", peer.base);
    for (answers, is_said) in [(own(), true), (foreign(), false)] {
        for answer in answers {
            let peer = Peer::saying([answer.clone()]).await;
            let status = peer.registration().test_event_status(&id).await;
            assert_eq!(status.is_ok_and(|it| it.is_none()), is_said, "{answer}");

            let event = value!({
                "EventName": "subscription-updated",
                "ResourceUri": uri(&peer, "/v1/customers/4cfba01c-47d4-4b91-9559-740129e7352b"),
                "AuditUri": uri(&peer, "/auditactivity/v1/auditrecords/a"),
            });
            let event = Event::from_slice(event.to_string().as_bytes()).unwrap();
            let client = peer.resources();
            for error in [client.fetch(&event).await, client.audit_record(&event).await] {
                let error = error.unwrap_err();
                let api = error.api().unwrap();
                assert_eq!(
                    (api.is_not_found(), api.is_transient()),
                    (is_said, !is_said),
                    "{answer}"
                );
            }
        }
    }
}

#[tokio::test]
async fn only_resource_managers_404_means_no_namespace() {
    let id = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.EventGrid/partnerNamespaces/contoso";
    let id: ResourceId<PartnerNamespace> = ResourceId::parse(id).unwrap();
    let missing = r#"{"error":{"code":"ResourceNotFound","message":"It was not found."}}"#;
    let other = r#"{"error":{"code":"SubscriptionNotFound","message":"The subscription could not be found."}}"#;
    for (answer, is_missing, is_transient) in [
        (json("404 Not Found", missing), true, false),
        (json("404 Not Found", other), false, false),
        (page(), false, true),
        (response("404 Not Found", "x-ms-request-id: 1\r\n", ""), false, true),
    ] {
        let peer = Peer::saying([answer.clone()]).await;
        match peer.management().get(&id).await {
            Ok(found) => assert!(is_missing && found.is_none(), "{answer}"),
            Err(error) => {
                assert!(!is_missing, "{answer}");
                assert_eq!(error.is_transient(), is_transient, "{answer}: {error}");
            }
        }
    }
}

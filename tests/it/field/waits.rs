//! Waits, deadlines, and partial responses.

use std::time::Duration;

use partner_center_webhooks::api::{ApiErrorCause, RetryPolicy};
use partner_center_webhooks::event_grid::manage::{ArmResource, PartnerNamespace, ResourceId};
use partner_center_webhooks::http_client::HttpClientError;
use tokio::time::Instant;

use super::{Peer, http, json, quick, response, token};

const REGISTERED: &str = r#"{"WebhookUrl":"https://contoso.example/webhooks/callback","WebhookEvents":["test-created"]}"#;

#[tokio::test]
async fn a_wait_in_the_message_counts() {
    for (answer, seconds) in [
        (
            json(
                "429 Too Many Requests",
                r#"{ "statusCode": 429, "message": "Rate limit exceeded. Try again in 57 seconds." }"#,
            ),
            57,
        ),
        (
            json(
                "503 Service Unavailable",
                r#"{"code":"800003","description":"Retry after 2 minutes."}"#,
            ),
            120,
        ),
        (
            response(
                "503 Service Unavailable",
                "",
                "<html><title>Busy</title><p>Please wait 90 seconds.</p></html>",
            ),
            90,
        ),
        (json("429 Too Many Requests", r#"{"message":"Blocked for 2000 seconds"}"#), 300),
    ] {
        let peer = Peer::saying([answer.clone()]).await;
        let client =
            peer.registration().with_retries(quick().with_deadline(Duration::from_secs(50)));
        let error = client.get().await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)), "{answer}");
        // It exceeds the deadline, so there is no retry.
        assert_eq!(peer.requests().len(), 1, "{answer}");
    }
    // The twins: a header comes first, and other refusals have no wait.
    for (answer, wait, requests) in [
        (
            response("429 Too Many Requests", "retry-after: 70\r\n", "Try again in 57 seconds."),
            Some(70),
            1,
        ),
        (json("400 Bad Request", r#"{"message":"Try again in 57 seconds."}"#), None, 1),
        (json("429 Too Many Requests", r#"{"message":"Slow down."}"#), None, 3),
    ] {
        let peer = Peer::saying([answer.clone()]).await;
        let client =
            peer.registration().with_retries(quick().with_deadline(Duration::from_secs(50)));
        let error = client.get().await.unwrap_err();
        assert_eq!(error.retry_after(), wait.map(Duration::from_secs), "{answer}");
        assert_eq!(peer.requests().len(), requests, "{answer}");
    }
}

#[tokio::test]
async fn a_truncated_or_empty_response_is_retried() {
    let cut = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{body}"
        )
    };
    for first in [
        cut("\u{feff}{\"WebhookUrl\":\"https://contoso.example/w"),
        cut("{\"WebhookUrl\":\"https://contoso.example/w"),
        cut("\u{feff}"),
        cut(""),
        response("204 No Content", "", ""),
    ] {
        let peer =
            Peer::saying([first.clone(), json("200 OK", &format!("\u{feff}{REGISTERED}"))]).await;
        let registered = peer.registration().get().await.unwrap().unwrap();
        assert_eq!(registered.webhook_url(), "https://contoso.example/webhooks/callback");
        assert_eq!(peer.requests().len(), 2, "{first}");
    }
    let peer = Peer::saying([cut("")]).await;
    let error = peer.registration().get().await.unwrap_err();
    assert!(error.is_transient());
    let text = error.to_string();
    assert!(text.contains("the response is empty (expected JSON)"), "{text}");
    // The twin: complete, and of another shape.
    for (whole, said) in [
        (cut("[]"), "invalid type"),
        (cut("<html><title>Sign in</title></html>"), "a page that says: Sign in"),
    ] {
        let peer = Peer::saying([whole]).await;
        let error = peer.registration().get().await.unwrap_err();
        assert_eq!((error.attempts(), error.is_transient()), (1, false));
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_error_has_the_total_time() {
    #[derive(Debug)]
    struct Silent;
    impl partner_center_webhooks::http_client::HttpClient for Silent {
        fn send(
            &self,
            _: http::Request<bytes::Bytes>,
            limits: partner_center_webhooks::http_client::Limits,
        ) -> partner_center_webhooks::http_client::BoxFuture<
            '_,
            Result<http::Response<bytes::Bytes>, HttpClientError>,
        > {
            Box::pin(async move {
                tokio::time::sleep(limits.deadline).await;
                Err(HttpClientError::Timeout { deadline: limits.deadline })
            })
        }
    }
    let cloud = partner_center_webhooks::cloud::Cloud::Global;
    let client =
        partner_center_webhooks::registration::RegistrationClient::new(&cloud, Silent, token())
            .unwrap();
    let start = Instant::now();
    let error = client.get().await.unwrap_err();
    assert!(start.elapsed() <= Duration::from_secs(101), "{:?}", start.elapsed());
    let text = error.to_string();
    assert!(
        text.starts_with("get registration: no complete response within 100s over all attempts; the previous attempt: no complete response within 30s ("),
        "{text}"
    );
    assert!(text.ends_with(", 4 attempts)"), "{text}");
    assert!(matches!(error.cause(), ApiErrorCause::Deadline { .. }) && error.is_transient());
    // The twin: one attempt with its own deadline.
    let client = client.with_retries(RetryPolicy::default().with_max_retries(0));
    let text = client.get().await.unwrap_err().to_string();
    assert!(
        text.contains("no complete response within 30s (") && text.ends_with(", 1 attempt)"),
        "{text}"
    );
}

const NAMESPACE: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.EventGrid/partnerNamespaces/contoso";

/// Creates a namespace whose operation fails with `failed`.
async fn failure(failed: &str) -> partner_center_webhooks::event_grid::manage::ManagementError {
    let id: ResourceId<PartnerNamespace> = ResourceId::parse(NAMESPACE).unwrap();
    // The address is known only after the peer listens, so the URL is a path.
    let created = response(
        "201 Created",
        "content-type: application/json\r\nazure-asyncoperation: /subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.EventGrid/locations/westeurope/operationsStatus/X?api-version=2025-02-15\r\n",
        r#"{"id":"/x","name":"contoso","location":"westeurope","properties":{"provisioningState":"Creating","endpoint":null}}"#,
    );
    let accepted = response("202 Accepted", "", "");
    let peer = Peer::saying([created, accepted, json("200 OK", failed)]).await;
    let mut namespace = ArmResource::<PartnerNamespace>::default().at("westeurope");
    namespace.properties.partner_topic_routing_mode = Some("ChannelNameHeader".into());
    let client = partner_center_webhooks::event_grid::manage::ManagementClient::new(
        &peer.cloud(),
        http(),
        token(),
    )
    .unwrap()
    .with_retries(quick())
    .with_poll_interval(Duration::from_millis(5));
    client.create_or_update(&id, &namespace).await.unwrap_err()
}

#[tokio::test]
async fn an_operation_that_failed_with_an_internal_error_is_transient() {
    for (failed, is_transient) in [
        (
            r#"{"status":"Failed","error":{"code":"Internal error","message":"It failed for an internal error, and the resources are as they were. Try again in a few minutes."}}"#,
            true,
        ),
        (r#"{"status":"Failed","error":{"code":"InternalServerError","message":"x"}}"#, true),
        (r#"{"status":"Failed","error":{"code":"ServiceUnavailable"}}"#, true),
        (r#"{"status":"Failed","error":{"code":"Url validation","message":"x"}}"#, false),
        (
            r#"{"status":"Failed","error":{"code":"Internal error","details":[{"code":"Url validation","message":"x"}]}}"#,
            false,
        ),
        (r#"{"status":"Failed","error":{"message":"internal error"}}"#, false),
        (r#"{"status":"Canceled"}"#, false),
    ] {
        let error = failure(failed).await;
        assert_eq!(error.is_transient(), is_transient, "{failed}: {error}");
    }
}

//! Errors of the certificate storage, or of a proxy before it, in place of a certificate.

use std::time::Duration;

use super::{Peer, fetching_from, response};

/// The text and the wait of the refusal of a genuine callback while the certificate host sends `message`.
async fn refusal(message: String) -> (String, u64) {
    let peer = Peer::saying([message]).await;
    let (receiver, signer) = fetching_from(&peer.base);
    let callback = signer.callback(r#"{"EventName":"test-created"}"#).unwrap();
    let error = receiver.receive(&callback.headers, &callback.body).await.unwrap_err();
    assert_eq!(error.status(), 503);
    (error.to_string(), error.retry_after().map_or(0, |wait: Duration| wait.as_secs()))
}

#[tokio::test]
async fn the_code_of_storage_comes_with_advice() {
    const XML: &str = "content-type: application/xml\r\n";
    for (status, headers, body, said) in [
        (
            "409 Conflict",
            format!("{XML}x-ms-error-code: PublicAccessNotPermitted\r\n"),
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>PublicAccessNotPermitted</Code></Error>",
            " returned 409, code PublicAccessNotPermitted (expected 200; the storage account refuses anonymous reads",
        ),
        (
            "404 Not Found",
            format!("{XML}x-ms-error-code: BlobNotFound\r\n"),
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>BlobNotFound</Code></Error>",
            " returned 404, code BlobNotFound (expected 200; the file does not exist",
        ),
        (
            "403 Forbidden",
            "x-ms-error-code: AuthorizationFailure\r\n".to_owned(),
            "",
            " returned 403, code AuthorizationFailure (expected 200; a firewall of the storage account",
        ),
        (
            "409 Conflict",
            XML.to_owned(),
            "<Error><Code>AccountIsDisabled</Code><Message>The specified account is disabled.</Message></Error>",
            " returned 409, code AccountIsDisabled: The specified account is disabled. (expected 200; the storage account is disabled",
        ),
        (
            "400 Bad Request",
            "x-ms-error-code: BrandNewCode\r\n".to_owned(),
            "",
            " returned 400, code BrandNewCode (expected 200; this is the response of Azure Storage itself)",
        ),
    ] {
        let (text, _) = refusal(response(status, &headers, body)).await;
        assert!(text.contains(said), "{text}");
        assert!(!text.contains("proxy"), "{text}");
    }
}

#[tokio::test]
async fn a_proxy_is_suspected_only_without_a_code_of_storage() {
    for (message, said) in [
        (
            response(
                "403 Forbidden",
                "content-type: text/html\r\n",
                "<html><title>Blocked</title><p>Ask the <b>network</b> team.</p></html>",
            ),
            " returned 403: Blocked: Ask the network team. (expected 200; the response may not be from the host itself",
        ),
        (
            response("502 Bad Gateway", "", "upstream error"),
            " returned 502: upstream error (expected 200; the response may not be from the host itself",
        ),
        (
            response("302 Found", "location: https://login.example/\r\n", ""),
            " returned 302 (expected 200; redirects are not followed)",
        ),
    ] {
        let (text, _) = refusal(message).await;
        assert!(text.contains(said), "{text}");
    }
}

#[tokio::test]
async fn the_wait_of_storage_is_passed_on() {
    let busy = |headers: &str| {
        let headers = format!("x-ms-error-code: ServerBusy\r\n{headers}");
        response("503 Service Unavailable", &headers, "<Error><Code>ServerBusy</Code></Error>")
    };
    for (headers, seconds) in [
        ("retry-after: 7\r\n", 7),
        ("retry-after: 86400\r\n", 300),
        ("retry-after: 1\r\n", 5),
        ("", 5),
    ] {
        let (text, wait) = refusal(busy(headers)).await;
        assert!(text.contains("code ServerBusy"), "{text}");
        assert_eq!(wait, seconds, "{headers}");
    }
}

//! Refused requests are kept, bounded and masked.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use partner_center_webhooks::Error;
use partner_center_webhooks::body::BodyError;
use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
use partner_center_webhooks::inbox::{
    InboxEndpoint, RefusedRequest, RefusedRing, VerifiedCallback,
};
use partner_center_webhooks::testing::MemoryInbox;

use crate::server;
use crate::support::{Folder, receiver, request};

const MANY: NonZeroU32 = NonZeroU32::new(1000).unwrap();

fn refused(body: &[u8]) -> RefusedRequest {
    let error = Error::from(BodyError::TooLong { limit: 1 });
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Signature AAAA"));
    headers.insert("cookie", HeaderValue::from_static("session=s3cret-cookie"));
    headers.insert("x-odd", HeaderValue::from_bytes(b"s3cret-\xff").unwrap());
    RefusedRequest::new(&headers, Bytes::copy_from_slice(body), &error).with_remote("192.0.2.7")
}

async fn is_a_ring(ring: &dyn RefusedRing, capacity: usize) {
    for number in 0..capacity + 3 {
        ring.keep(&refused(format!("body {number}\0").as_bytes())).await.unwrap();
    }
    let kept = ring.refused(MANY).await.unwrap();
    assert_eq!(kept.len(), capacity);
    for (index, request) in kept.iter().enumerate() {
        let number = capacity + 2 - index;
        assert_eq!(request.body, format!("body {number}\0"));
        let expected = RefusedRequest::clone(&refused(&request.body));
        assert_eq!((&request.headers, &request.reason), (&expected.headers, &expected.reason));
        assert_eq!((request.kind.as_str(), request.status), ("body", 413));
        assert_eq!(request.remote.as_deref(), Some("192.0.2.7"));
        assert!(request.refused_at.unix_timestamp() > 0 && request.is_whole());
        assert!(!format!("{request:?}").contains("s3cret"));
    }
    let two = ring.refused(NonZeroU32::new(2).unwrap()).await.unwrap();
    assert_eq!(two, kept[..2]);
    assert_eq!(ring.clear_refused().await, Ok(capacity as u64));
    assert_eq!(ring.refused(MANY).await, Ok(Vec::new()));
}

#[tokio::test]
async fn each_engine_keeps_a_ring() {
    is_a_ring(&MemoryInbox::new(), MemoryInbox::REFUSED).await;
    let folder = Folder::new();
    let options = SqliteOptions::new(folder.file()).with_refused(7);
    is_a_ring(&SqliteInbox::connect(options).await.unwrap(), 7).await;
    if let Some(inbox) = server::inbox().await {
        is_a_ring(&inbox, 100).await;
    }
}

#[test]
fn only_signatures_are_shown() {
    let error = Error::from(BodyError::Empty);
    let shown = |name: &'static str, value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        RefusedRequest::new(&headers, Bytes::new(), &error).headers[0].1.clone()
    };
    assert_eq!(shown("authorization", "Signature abc"), "Signature abc");
    assert_eq!(shown("authorization", "signature abc"), "signature abc");
    for secret in ["Bearer abc", "Basic abc", "abc"] {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static(secret));
        let kept = RefusedRequest::new(&headers, Bytes::new(), &error);
        assert_eq!(kept.headers[0].1, "...", "{secret}");
    }
    // Frameworks that keep the case of names.
    for (name, value, expected) in [
        ("Authorization", "Bearer abc", "..."),
        ("Authorization", "Signature abc", "Signature abc"),
        ("X-MS-Certificate-Url", "https://h.example/a?sig=s3cret", "https://h.example/a?sig=..."),
    ] {
        let kept = RefusedRequest::new([(name, value)], Bytes::new(), &error);
        assert_eq!(kept.headers[0].1, expected, "{name}: {value}");
    }
    assert_eq!(
        shown("x-ms-certificate-url", "https://h.example/a?sig=s3cret"),
        "https://h.example/a?sig=..."
    );
    assert_eq!(shown("x-functions-key", "s3cret"), "...");
    let long = RefusedRequest::new(&HeaderMap::new(), vec![b'x'; 70_000].into(), &error);
    assert_eq!((long.body.len(), long.body_length, long.is_whole()), (65_536, 70_000, false));
}

/// A request can be judged afterwards from what was kept of it.
#[tokio::test]
async fn what_was_refused_can_be_verified_again() {
    let inbox = Arc::new(MemoryInbox::new());
    let endpoint = InboxEndpoint::new(receiver(), inbox.clone()).with_refused_ring(inbox.clone());
    let genuine = request(r#"{"EventName":"invoice-ready"}"#);
    let deliver = async |headers: &HeaderMap, body: &'static str| {
        let body = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(body))]);
        endpoint.accept(headers, body).await
    };
    // Not kept: it has no signature.
    assert_eq!(deliver(&HeaderMap::new(), "{}").await.unwrap_err().status(), 401);
    assert_eq!(deliver(&genuine.headers, "{}").await.unwrap_err().status(), 401);
    let kept = loop {
        match inbox.refused(MANY).await.unwrap().as_slice() {
            [] => tokio::task::yield_now().await,
            [kept] => break kept.clone(),
            more => panic!("{more:?}"),
        }
    };
    let pairs = || kept.headers.iter().map(|(name, value)| (name, value));
    let again = VerifiedCallback::receive(&receiver(), pairs(), kept.body.clone()).await;
    // It may also say when the certificate was fetched.
    let again = again.unwrap_err().to_string();
    assert!(again.starts_with(&kept.reason), "{again}");
    let right = VerifiedCallback::receive(&receiver(), pairs(), genuine.body).await;
    assert!(right.is_ok());
}

//! Truncated bodies: a callback that may succeed at the next delivery is never refused for good.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use partner_center_webhooks::Verdict;
use partner_center_webhooks::body::BodyError;
use partner_center_webhooks::duplicates::InMemory;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::source::CertificateLocation;
use partner_center_webhooks::testing::SignedRequest;
use partner_center_webhooks::{Error, ErrorKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::fronts::{Answer, Front, Handler, chunked, deliver, head};
use crate::support::{EVENT, ISSUER, NOW, Scripted, chain, receiver};

fn good() -> SignedRequest {
    ISSUER.signer().unwrap().callback(EVENT).unwrap()
}

fn announcing(callback: SignedRequest, length: impl ToString) -> SignedRequest {
    let length = length.to_string();
    let callback = callback.with_header("content-length", length.as_bytes());
    callback.unwrap()
}

fn pieces(body: &[u8]) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let pieces = body.chunks(50).map(Bytes::copy_from_slice).map(Ok);
    stream::iter(pieces.collect::<Vec<_>>())
}

/// Why the body is refused; `None` if the signature does not match.
fn reason(error: Error) -> Option<BodyError> {
    let response = (error.status().as_u16(), error.retry_after(), error.verdict());
    match error {
        Error::Body(error @ BodyError::TooLong { .. }) => {
            assert_eq!(response, (413, None, Verdict::Forged));
            Some(error)
        }
        Error::Body(BodyError::Empty) => {
            assert_eq!(response, (400, None, Verdict::Forged));
            Some(BodyError::Empty)
        }
        Error::Body(error) => {
            let wait = Duration::from_secs(10);
            assert_eq!(response, (503, Some(wait), Verdict::Undecided));
            Some(error)
        }
        error => {
            assert_eq!(response, (401, None, Verdict::Forged), "{error}");
            None
        }
    }
}

/// Through every entry point; all must agree.
async fn refused(callback: &SignedRequest) -> Option<BodyError> {
    let receiver = receiver();
    let SignedRequest { headers, body, .. } = callback;
    let pairs = || headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let whole = receiver.receive(headers, body).await.map(drop);
    let verified = receiver.verify(headers, body).await.map(drop);
    let streamed = receiver.receive_stream(headers, pieces(body)).await;
    let paired = receiver.receive_stream(pairs(), pieces(body)).await;
    let mut reasons = Vec::new();
    for outcome in [whole, verified, streamed.map(drop), paired.map(drop)] {
        reasons.push(reason(outcome.unwrap_err()));
    }
    reasons.dedup();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    reasons.remove(0)
}

#[tokio::test]
async fn a_body_that_breaks_off_must_be_delivered_again() {
    let (receiver, good) = (receiver(), good());
    let breaks = || Err::<Bytes, _>(io::Error::other("the proxy gave up"));
    for length in [0, 20, good.body.len()] {
        let pieces = [Ok(good.body.slice(..length)), breaks()];
        let error = receiver.receive_stream(&good.headers, stream::iter(pieces)).await;
        assert_eq!(reason(error.unwrap_err()), Some(BodyError::Unreadable));
    }
    // The twins: a complete body is accepted, and a stranger's is refused before it is read.
    let whole = [Ok::<_, io::Error>(good.body.clone())];
    assert!(receiver.receive_stream(&good.headers, stream::iter(whole)).await.is_ok());
    let unsigned = good.without_header("authorization");
    let error = receiver.receive_stream(&unsigned.headers, stream::iter([breaks()])).await;
    assert_eq!(reason(error.unwrap_err()), None);
}

#[tokio::test]
async fn a_body_that_is_shorter_than_announced_is_refused_only_for_now() {
    let length = EVENT.len();
    for received in [1, 20, length - 1] {
        let cut = good().with_body(EVENT[..received].to_owned());
        let expected = BodyError::CutShort { announced: length, received };
        assert_eq!(refused(&announcing(cut.clone(), length)).await, Some(expected));
        // The twins: without a `Content-Length`, or at least that long, it is a forgery.
        assert_eq!(refused(&cut).await, None);
        for announced in [received, received - 1, 0] {
            assert_eq!(refused(&announcing(cut.clone(), announced)).await, None);
        }
        for no_number in ["", "x", "-1", "1.0", "99999999999999999999999"] {
            assert_eq!(refused(&announcing(cut.clone(), no_number)).await, None);
        }
    }
    let altered = good().with_body(EVENT.replace("test", "tset"));
    assert_eq!(refused(&announcing(altered, length)).await, None);
}

/// The `Content-Length` is not signed, so it never refuses a verified body.
#[tokio::test]
async fn a_body_that_verifies_is_accepted_whatever_was_announced() {
    let receiver = receiver();
    for announced in ["0", "1", "1000", "262144", "x"] {
        let callback = announcing(good(), announced);
        let received = receiver.receive(&callback.headers, &callback.body).await;
        assert!(received.is_ok(), "{announced}");
        let verified = receiver.verify(&callback.headers, &callback.body).await;
        assert!(verified.is_ok(), "{announced}");
        let streamed = receiver.receive_stream(&callback.headers, pieces(&callback.body));
        assert!(streamed.await.is_ok(), "{announced}");
    }
    let callback = announcing(good(), 1_000_000);
    let received = receiver.receive(&callback.headers, &callback.body).await;
    assert!(received.is_ok(), "it is here, and short enough");
    // Before the body arrives, the limit applies to its `Content-Length`.
    let streamed = receiver.receive_stream(&callback.headers, pieces(&callback.body));
    let too_long = BodyError::TooLong { limit: 256 * 1024 };
    assert_eq!(reason(streamed.await.unwrap_err()), Some(too_long.clone()));
    let admitted = receiver.admit(&callback.headers).unwrap();
    assert_eq!(admitted.announced_length(), Some(1_000_000));
    assert!(admitted.receive(&callback.body).await.is_ok());
    let streamed = admitted.receive_stream(pieces(&callback.body)).await;
    assert_eq!(reason(streamed.unwrap_err()), Some(too_long));
}

/// A truncated body explains only a mismatch; all other refusals keep their reason.
#[tokio::test]
async fn a_truncated_body_hides_no_other_refusal() {
    let expired = ISSUER.signing_certificate().expired().issue().unwrap();
    let source = Scripted::serving(&expired);
    let receiver = ReceiverBuilder::new(chain(), source).clock(|| NOW);
    let receiver = receiver.build().unwrap();
    let cut = announcing(expired.callback(EVENT).unwrap(), EVENT.len() + 1);
    let error = receiver.receive(&cut.headers, "{}").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Chain);
    let foreign_url = cut.with_header("x-ms-certificate-url", b"https://evil.example/cert/a.cer");
    let foreign_url = foreign_url.unwrap();
    let error = receiver.receive(&foreign_url.headers, "{}").await.unwrap_err();
    assert_eq!((error.kind(), error.status().as_u16()), (ErrorKind::Location, 401));
}

/// An empty body is never signed: with a signature it was lost in transit, without one it is refused.
#[tokio::test]
async fn an_empty_body_with_and_without_a_signature() {
    let empty = good().with_body("");
    assert_eq!(refused(&empty).await, Some(BodyError::Lost));
    for announced in [0, 5, EVENT.len()] {
        let announced = announcing(empty.clone(), announced);
        assert_eq!(refused(&announced).await, Some(BodyError::Lost));
        let in_other_header = announced.in_signature_header();
        assert_eq!(refused(&in_other_header).await, Some(BodyError::Lost));
    }
    let unsigned = announcing(empty.without_header("authorization"), 0);
    assert_eq!(refused(&unsigned).await, Some(BodyError::Empty));
}

/// The admission by one receiver cannot be used with another.
#[tokio::test]
async fn headers_are_admitted_for_one_receiver() {
    let signer = ISSUER.signer().unwrap();
    let signer = signer.with_certificate_url("http://127.0.0.1:9/x/a.cer");
    let source = Scripted::serving(&signer);
    let build = || ReceiverBuilder::new(chain(), source.clone()).clock(|| NOW);
    let strict = build().build().unwrap();
    let location = CertificateLocation::none();
    let location = location.danger_also_allow_loopback_http("http://127.0.0.1:9/x/");
    let lax = build().certificate_location(location.unwrap()).build().unwrap();

    let callback = signer.callback(EVENT).unwrap();
    let error = strict.admit(&callback.headers).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Location);
    let error = strict.receive(&callback.headers, &callback.body).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Location);
    assert_eq!(source.fetches(), 0);

    let admitted = lax.admit(&callback.headers).unwrap();
    assert_eq!(admitted.certificate_url().as_str(), "http://127.0.0.1:9/x/a.cer");
    assert!(admitted.receive(&callback.body).await.is_ok());
    assert!(admitted.verify(&callback.body).await.is_ok());
    assert!(admitted.receive_stream(pieces(&callback.body)).await.is_ok());
    let error = admitted.verify("{}").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Signature);
}

/// Over HTTP, from a sender that stops in the middle of the body and waits for the response.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_adapter_refuses_a_broken_off_body_for_good() {
    for front in Front::ALL {
        let handler = Handler::new();
        let guard = Arc::new(InMemory::new());
        let address = front.serve(receiver(), guard, &handler).await;
        let good = good();
        let announced = format!("content-length: {}\r\n\r\n", good.body.len());
        let announced = [head(&good), announced.into_bytes(), good.body[..20].to_vec()].concat();
        let mut in_chunks = chunked(&good, 20);
        in_chunks.truncate(in_chunks.len() - 30);
        for request in [announced, in_chunks] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&request).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut response = Vec::new();
            stream.read_to_end(&mut response).await.unwrap();
            let response = String::from_utf8(response).unwrap();
            let status = response.lines().next().unwrap_or_default();
            // Some servers close the connection without a response, which has the same effect.
            assert!(status.is_empty() || status.starts_with("HTTP/1.1 503"), "{front:?}: {status}");
        }
        assert_eq!(handler.begun(), 0, "{front:?}");
    }
}

/// A byte order mark is signed with the rest. Each entry point reads the event behind it, also as JSON into a handler's type.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_byte_order_mark_is_part_of_the_signed_body() {
    let marked = format!("\u{feff}{EVENT}");
    let signed = ISSUER.signer().unwrap().callback(marked.clone()).unwrap();
    for front in Front::ALL {
        let handler = Handler::new();
        let guard = Arc::new(InMemory::new());
        let address = front.serve(receiver(), guard, &handler).await;
        let expected =
            Answer { body: format!("test-created {}", marked.len()), ..Answer::status(200) };
        assert_eq!(deliver(address, &signed).await, expected, "{front:?}");

        // The twins: the mark is removed or added in transit.
        let removed = signed.clone().with_body(EVENT);
        let added = good().with_body(marked.clone());
        for altered in [removed, added] {
            let response = deliver(address, &altered).await;
            assert_eq!(response, Answer::status(401), "{front:?}");
        }
        assert_eq!(handler.begun(), 1, "{front:?}");
    }
}

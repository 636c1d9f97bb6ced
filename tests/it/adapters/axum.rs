//! Over HTTP on loopback: the axum adapter, and a certificate host that misbehaves in every way.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http::StatusCode;
use partner_center_webhooks::axum::Callback;
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::http_client::{Limits, ReqwestClient};
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::source::{CertificateLocation, Download};
use partner_center_webhooks::testing::{SignedRequest, Signer};
use partner_center_webhooks::{ErrorKind, Receiver};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{EVENT, ISSUER, NOW, chain_of};

/// A host that sends the same raw bytes to each connection, and then `endless` repeatedly, at most every `pause`.
struct CertificateHost {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl CertificateHost {
    async fn answering(raw: Vec<u8>) -> Self {
        Self::start(raw, None).await
    }

    async fn start(raw: Vec<u8>, endless: Option<(&'static [u8], Duration)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = Self { address: listener.local_addr().unwrap(), connections: Arc::default() };
        let connections = Arc::clone(&host.connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let raw = raw.clone();
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    let _ = stream.read(&mut request).await;
                    let _ = stream.write_all(&raw).await;
                    while let Some((more, pause)) = endless {
                        if stream.write_all(more).await.is_err() {
                            break;
                        }
                        tokio::time::sleep(pause).await;
                    }
                });
            }
        });
        host
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn url(&self) -> String {
        format!("http://{}/cert/pcnotifications-dispatch.microsoft.com.cer", self.address)
    }

    fn receiver(&self, limits: Limits) -> Receiver {
        let location = CertificateLocation::none()
            .danger_also_allow_loopback_http(&format!("http://{}/cert/", self.address))
            .unwrap();
        let source = Download::new(ReqwestClient::new().unwrap()).with_limits(limits);
        ReceiverBuilder::new(chain_of(AwsLcRs::new(), &ISSUER), source)
            .certificate_location(location)
            .clock(|| NOW)
            .build()
            .unwrap()
    }

    async fn fetch(&self, limits: Limits) -> Result<(), (ErrorKind, u16, String)> {
        let callback =
            ISSUER.signer().unwrap().with_certificate_url(self.url()).callback(EVENT).unwrap();
        match self.receiver(limits).receive(&callback.headers, &callback.body).await {
            Ok(_) => Ok(()),
            Err(error) => Err((error.kind(), error.status().as_u16(), error.to_string())),
        }
    }
}

fn response(head: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn leaf() -> Signer {
    ISSUER.signer().unwrap()
}

const LIMITS: Limits = Limits::new(Duration::from_millis(700), 64 * 1024);

#[tokio::test]
async fn forms_of_a_certificate() {
    let (leaf, ca) = (leaf(), ISSUER.intermediate_pem());
    for body in [
        leaf.certificate().to_vec(),
        leaf.certificate_pem().into_bytes(),
        format!("{}{ca}", leaf.certificate_pem()).into_bytes(),
    ] {
        let host = CertificateHost::answering(response("200 OK", &body)).await;
        assert_eq!(host.fetch(LIMITS).await, Ok(()));
        assert_eq!(host.connections(), 1);
    }
    // The intermediate first: it is mistaken for the signing certificate.
    let body = format!("{ca}{}", leaf.certificate_pem());
    let host = CertificateHost::answering(response("200 OK", body.as_bytes())).await;
    let (kind, status, reason) = host.fetch(LIMITS).await.unwrap_err();
    assert_eq!((kind, status), (ErrorKind::Chain, 503));
    assert!(
        reason.contains("it is a CA certificate (expected an end-entity certificate)"),
        "{reason}"
    );
}

#[tokio::test]
async fn responses_that_are_not_certificates() {
    let der = leaf().certificate().to_vec();
    let short = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", der.len());
    let cases: [(Vec<u8>, &str); 11] = [
        (
            response("404 Not Found", b"<html>"),
            "returned 404 (expected 200; the response may not be from the host itself",
        ),
        (response("500 Oops", b""), "returned 500"),
        (response("204 No Content", b""), "returned 204"),
        (response("301 Moved\r\nlocation: http://169.254.169.254/", b""), "returned 301"),
        (
            response("200 OK", b"<!DOCTYPE html>"),
            "it is neither DER, PEM nor base64; it begins with `<!DOCTYPE html>`",
        ),
        (response("200 OK", b""), "it is empty"),
        (response("200 OK", &der[..der.len() - 1]), "it is not exactly one DER certificate"),
        (response("200 OK", &vec![b'A'; 64 * 1024 + 1]), "the response is longer than 65536 bytes"),
        (response("200 OK\r\ncontent-encoding: gzip", &der), "returned content encoding `gzip`"),
        ([short.as_bytes(), &der[..100]].concat(), "the connection failed"),
        (b"SSH-2.0-OpenSSH\r\n\r\n".to_vec(), "the connection failed"),
    ];
    for (raw, expected) in cases {
        let host = CertificateHost::answering(raw).await;
        let (kind, status, reason) = host.fetch(LIMITS).await.unwrap_err();
        assert_eq!((kind, status), (ErrorKind::Source, 503), "{reason}");
        assert!(reason.contains(expected), "{expected}: {reason}");
        assert!(reason.contains(&host.url()), "{reason}");
        assert_eq!(host.connections(), 1);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = CertificateHost::answering(response("200 OK", leaf().certificate())).await;
    for status in [301, 302, 303, 307, 308] {
        let head = format!("{status} Elsewhere\r\nlocation: {}", target.url());
        let host = CertificateHost::answering(response(&head, b"")).await;
        let (kind, _, reason) = host.fetch(LIMITS).await.unwrap_err();
        assert_eq!(kind, ErrorKind::Source);
        assert!(reason.contains(&format!("returned {status}")), "{reason}");
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn slow_and_endless_responses_are_cut_off() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let drip = Duration::from_millis(50);
    let timeout = "no complete response within 700ms";
    let too_long = "the response is longer than 65536 bytes";
    for (raw, more, pause, expected) in [
        (Vec::new(), b"".as_slice(), drip, timeout),
        (head.clone(), b"A", drip, timeout),
        (head, &[b'A'; 4096], Duration::ZERO, too_long),
    ] {
        let host = CertificateHost::start(raw, Some((more, pause))).await;
        let started = Instant::now();
        let (kind, status, reason) = host.fetch(LIMITS).await.unwrap_err();
        assert_eq!((kind, status), (ErrorKind::Source, 503));
        assert!(reason.contains(expected), "{expected}: {reason}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

/// An HTTP client that ignores limits and records its requests.
#[derive(Clone, Debug)]
struct Careless(Bytes, Arc<std::sync::Mutex<Vec<http::HeaderMap>>>);

impl partner_center_webhooks::http_client::HttpClient for Careless {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: Limits,
    ) -> partner_center_webhooks::http_client::BoxFuture<
        '_,
        Result<http::Response<Bytes>, partner_center_webhooks::http_client::HttpClientError>,
    > {
        self.1.lock().unwrap().push(request.headers().clone());
        Box::pin(std::future::ready(Ok(http::Response::new(self.0.clone()))))
    }
}

#[tokio::test]
async fn limits_hold_for_a_client_that_ignores_them() {
    use partner_center_webhooks::source::CertificateSource as _;
    let location = CertificateLocation::default();
    let url = location.check(crate::support::DISPATCH_URL).unwrap();
    let long = [leaf().certificate_pem().into_bytes(), vec![b'\n'; 64 * 1024]].concat();
    let client = Careless(long.into(), Arc::default());
    let error = Download::new(client.clone()).fetch(&url).await.unwrap_err();
    assert!(error.to_string().ends_with("the response is longer than 65536 bytes"), "{error}");
    let client = Careless(Bytes::copy_from_slice(leaf().certificate()), Arc::default());
    Download::new(client.clone()).fetch(&url).await.unwrap();
    let asked = client.1.lock().unwrap().remove(0);
    assert_eq!(asked["accept-encoding"], "identity");
    assert!(!asked.contains_key("authorization"));
}

#[tokio::test]
async fn a_host_that_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host =
        CertificateHost { address: listener.local_addr().unwrap(), connections: Arc::default() };
    drop(listener);
    let (kind, status, reason) = host.fetch(LIMITS).await.unwrap_err();
    assert_eq!((kind, status), (ErrorKind::Source, 503));
    assert!(
        reason.ends_with("no connection could be made: Connection refused (os error 111)"),
        "{reason}"
    );
}

/// An axum service with the extractor that responds with the digest of the body.
async fn serve(receiver: Receiver) -> SocketAddr {
    async fn handler(Callback(received): Callback) -> String {
        format!("{} {}", received.event().name(), received.body().as_bytes().len())
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/webhooks/callback", post(handler)).with_state(receiver);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// POSTs, and returns status, headers and body of the response.
async fn post_to(
    address: SocketAddr,
    callback: &SignedRequest,
) -> (StatusCode, http::HeaderMap, Bytes) {
    use partner_center_webhooks::http_client::HttpClient as _;
    let mut request = http::Request::post(format!("http://{address}/webhooks/callback"))
        .body(callback.body.clone())
        .unwrap();
    *request.headers_mut() = callback.headers.clone();
    let limits = Limits::new(Duration::from_secs(20), 1 << 20);
    let response = ReqwestClient::new().unwrap().send(request, limits).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body)
}

#[tokio::test]
async fn the_extractor_passes_genuine_callbacks_and_does_not_reveal_reasons() {
    let host = CertificateHost::answering(response("200 OK", leaf().certificate())).await;
    let address = serve(host.receiver(Download::LIMITS)).await;
    let signer = leaf().with_certificate_url(host.url());
    let good = signer.callback(EVENT).unwrap();

    let (status, _, body) = post_to(address, &good).await;
    assert_eq!(
        (status, body),
        (StatusCode::OK, Bytes::from(format!("test-created {}", EVENT.len())))
    );
    let (status, _, _) = post_to(address, &good.clone().in_signature_header()).await;
    assert_eq!(status, StatusCode::OK);

    for (callback, expected) in [
        (good.clone().with_body("{}"), StatusCode::UNAUTHORIZED),
        (good.clone().without_header("authorization"), StatusCode::UNAUTHORIZED),
        (good.clone().without_header("x-ms-certificate-url"), StatusCode::BAD_REQUEST),
        (good.clone().with_body(vec![b'x'; 256 * 1024 + 1]), StatusCode::PAYLOAD_TOO_LARGE),
        (
            good.clone()
                .with_header("x-ms-certificate-url", b"https://evil.example/a.cer")
                .unwrap(),
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        let (status, headers, body) = post_to(address, &callback).await;
        assert_eq!((status, body), (expected, Bytes::new()));
        assert_eq!(headers.get("retry-after"), None);
    }
    for (callback, seconds) in
        [(good.clone().with_body(""), "10"), (signer.callback("[]").unwrap(), "300")]
    {
        let (status, headers, body) = post_to(address, &callback).await;
        assert_eq!((status, body), (StatusCode::SERVICE_UNAVAILABLE, Bytes::new()));
        assert_eq!(headers["retry-after"], seconds);
    }
    assert_eq!(host.connections(), 1, "one download for all of them");
}

#[tokio::test]
async fn transient_failures_get_retry_after() {
    let host = CertificateHost::answering(response("500 Oops", b"")).await;
    let address = serve(host.receiver(Download::LIMITS)).await;
    let callback = leaf().with_certificate_url(host.url()).callback(EVENT).unwrap();
    for _ in 0..3 {
        let (status, headers, body) = post_to(address, &callback).await;
        assert_eq!((status, body), (StatusCode::SERVICE_UNAVAILABLE, Bytes::new()));
        assert_eq!(headers["retry-after"], "5");
    }
    assert_eq!(host.connections(), 1);
}

/// Sends raw bytes, and reads the first line of the response.
async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut response = vec![0; 256];
    let length = stream.read(&mut response).await.unwrap();
    let response = String::from_utf8_lossy(&response[..length]).into_owned();
    response.lines().next().unwrap_or_default().to_owned()
}

fn head_of(callback: &SignedRequest) -> Vec<u8> {
    let mut head = b"POST /webhooks/callback HTTP/1.1\r\nhost: x\r\n".to_vec();
    for (name, value) in &callback.headers {
        write!(head, "{name}: ").unwrap();
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head
}

#[tokio::test]
async fn bodies_are_read_no_further_than_needed() {
    let host = CertificateHost::answering(response("200 OK", leaf().certificate())).await;
    let address = serve(host.receiver(Download::LIMITS)).await;
    let good = leaf().with_certificate_url(host.url()).callback(EVENT).unwrap();

    // Announced as too long: refused before the body is sent.
    let request = [head_of(&good), b"content-length: 10000000\r\n\r\n".to_vec()].concat();
    assert_eq!(raw(address, &request).await, "HTTP/1.1 413 Payload Too Large");
    // Headers refused: the body is not awaited.
    let bad = good.clone().with_header("x-ms-signature-algorithm", b"rsa-md5").unwrap();
    let request = [head_of(&bad), b"content-length: 100\r\n\r\n".to_vec()].concat();
    assert_eq!(raw(address, &request).await, "HTTP/1.1 400 Bad Request");
    // Unannounced: cut off at the limit.
    let mut request = [head_of(&good), b"transfer-encoding: chunked\r\n\r\n".to_vec()].concat();
    for _ in 0..5 {
        request.extend_from_slice(b"10000\r\n");
        request.extend_from_slice(&[b' '; 0x10000]);
        request.extend_from_slice(b"\r\n");
    }
    assert_eq!(raw(address, &request).await, "HTTP/1.1 413 Payload Too Large");
    // Chunked and good.
    let mut request = [head_of(&good), b"transfer-encoding: chunked\r\n\r\n".to_vec()].concat();
    write!(request, "{:x}\r\n{EVENT}\r\n0\r\n\r\n", EVENT.len()).unwrap();
    assert_eq!(raw(address, &request).await, "HTTP/1.1 200 OK");
    // Two signatures.
    let mut request = head_of(&good);
    let again = good.headers["authorization"].as_bytes();
    request.extend_from_slice(b"authorization: ");
    request.extend_from_slice(again);
    write!(request, "\r\ncontent-length: {}\r\n\r\n{EVENT}", EVENT.len()).unwrap();
    assert_eq!(raw(address, &request).await, "HTTP/1.1 400 Bad Request");
}

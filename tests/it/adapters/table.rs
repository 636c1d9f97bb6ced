//! One table for every adapter: refusals, and the life of claims. All adapters respond alike.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use partner_center_webhooks::Receiver;
use partner_center_webhooks::chain::Revocation;
use partner_center_webhooks::duplicates::{
    Claim, DuplicateGuard, GuardError, InMemory, Lease, Settled,
};
use partner_center_webhooks::http_client::BoxFuture;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::signature::BodyDigest;
use partner_center_webhooks::source::{
    CertificateBundle, CertificateSource, CertificateUrl, SourceError,
};
use partner_center_webhooks::testing::{SignedRequest, Signer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::fronts::{
    Answer, Calls, FAIL, Front, HOLD, Handler, PANIC, chunked, deliver, eventually, head, request,
    send, send_and_count,
};
use crate::support::{DISPATCH_URL, EVENT, ISSUER, NOW, bundle, chain, event, outage};

const LOCATION: &str = "https://3psostorageacct.blob.core.windows.net/cert/";

/// Certificates by file name; all others are unreachable.
#[derive(Debug)]
struct Files(HashMap<String, CertificateBundle>);

impl Files {
    fn holding<'s>(files: impl IntoIterator<Item = (&'s str, Signer)>) -> Self {
        let files = files
            .into_iter()
            .map(|(name, signer)| (format!("{LOCATION}{name}.cer"), bundle(&signer)));
        let documented = (DISPATCH_URL.to_owned(), bundle(&signer()));
        Self(files.chain([documented]).collect())
    }
}

impl CertificateSource for Files {
    fn fetch<'a>(
        &'a self,
        url: &'a CertificateUrl<'a>,
    ) -> BoxFuture<'a, Result<CertificateBundle, SourceError>> {
        let file = self.0.get(url.as_str()).cloned();
        Box::pin(async move { file.map_or_else(outage, Ok) })
    }
}

fn signer() -> Signer {
    ISSUER.signer().unwrap()
}

fn named(signer: Signer, name: &str) -> SignedRequest {
    let signer = signer.with_certificate_url(format!("{LOCATION}{name}.cer"));
    signer.callback(EVENT).unwrap()
}

/// Requests and their responses.
struct Table(Vec<(String, Vec<u8>, Answer)>);

impl Table {
    fn add(&mut self, what: impl fmt::Display, request: Vec<u8>, response: Answer) {
        self.0.push((what.to_string(), request, response));
    }

    fn refused(&mut self, what: impl fmt::Display, callback: &SignedRequest, status: u16) {
        self.add(what, request(callback), Answer::status(status));
    }

    fn accepted(&mut self, what: impl fmt::Display, callback: &SignedRequest, request: Vec<u8>) {
        let event: serde_json::Value = serde_json::from_slice(&callback.body).unwrap();
        let response = Answer {
            body: format!("{} {}", event["EventName"].as_str().unwrap(), callback.body.len()),
            ..Answer::status(200)
        };
        self.add(what, request, response);
    }
}

fn table(expired: &Signer, foreign: &Signer) -> Table {
    let mut table = Table(Vec::new());
    let good = signer().callback(EVENT).unwrap();
    let with = |name: &str, value: &[u8]| good.clone().with_header(name, value).unwrap();

    // Genuine, in every framing. Bodies differ, so that none is a duplicate of another.
    table.accepted("announced", &good, request(&good));
    let in_other_header = event("in-signature-header").in_signature_header();
    table.accepted("x-ms-signature", &in_other_header, request(&in_other_header));
    for size in [1, 7, 1000] {
        let callback = event(&format!("in-chunks-of-{size}"));
        table.accepted(format_args!("chunks of {size}"), &callback, chunked(&callback, size));
    }
    let spaces = " ".repeat(256 * 1024 - 23);
    let long = signer().callback(format!(r#"{{"EventName":"longest"{spaces}}}"#)).unwrap();
    assert_eq!(long.body.len(), 256 * 1024);
    table.accepted("as long as can be", &long, request(&long));
    let long = signer().callback(format!(r#"{{"EventName": "longest"{}}}"#, &spaces[1..])).unwrap();
    table.accepted("as long as the limit, in chunks", &long, chunked(&long, 10_000));
    let unknown = event("never-heard-of");
    table.accepted("an unknown event", &unknown, request(&unknown));

    // Bodies.
    let too_long = good.clone().with_body(vec![b' '; 256 * 1024 + 1]);
    let lost = || Answer::status(503).retry_after(10);
    let nothing = [head(&good), b"\r\n".to_vec()].concat();
    table.add("no content-length: no body", nothing, lost());
    let empty = good.clone().with_body("");
    table.add("a signed body that is empty", request(&empty), lost());
    table.add("the same, in chunks", chunked(&empty, 1), lost());
    let unsigned = empty.without_header("authorization");
    table.refused("an empty and unsigned body", &unsigned, 400);
    let announced = [head(&good), b"content-length: 262145\r\n\r\n".to_vec()].concat();
    table.add("announced as too long, nothing sent", announced, Answer::status(413));
    table.refused("too long", &too_long, 413);
    table.add("too long, in chunks", chunked(&too_long, 10_000), Answer::status(413));
    let long_and_wrong = too_long.without_header("authorization");
    table.refused("announced as too long, and no signature", &long_and_wrong, 413);
    let wrong_and_absent = with("x-ms-signature-algorithm", b"rsa-md5");
    let absent = [head(&wrong_and_absent), b"content-length: 100\r\n\r\n".to_vec()].concat();
    table.add("refused headers: the body is not awaited", absent, Answer::status(400));

    // Envelopes.
    for (header, status) in
        [("authorization", 401), ("x-ms-certificate-url", 400), ("x-ms-signature-algorithm", 400)]
    {
        let without = good.clone().without_header(header);
        table.refused(format_args!("no {header}"), &without, status);
        let mut doubled = head(&good);
        doubled.extend_from_slice(format!("{header}: ").as_bytes());
        doubled.extend_from_slice(good.headers[header].as_bytes());
        let body = format!("\r\ncontent-length: {}\r\n\r\n{EVENT}", EVENT.len());
        doubled.extend_from_slice(body.as_bytes());
        table.add(format_args!("{header} doubled"), doubled, Answer::status(400));
    }
    for (name, value, status) in [
        ("authorization", &b"Bearer abc"[..], 401),
        ("authorization", b"Signature abc", 400),
        ("authorization", b"Signature ?", 400),
        ("x-ms-signature", b"Signature abc", 400),
        ("x-ms-signature-algorithm", b"rsa-sha1", 400),
        ("x-ms-signature-algorithm", b"none", 400),
        ("x-ms-certificate-url", b"https://3psostorageacct\xff", 400),
        ("x-ms-certificate-url", b"https://evil.example/cert/a.cer", 401),
        ("x-ms-certificate-url", b"http://169.254.169.254/cert/a.cer", 401),
    ] {
        let what = format!("{name}: {}", value.escape_ascii());
        table.refused(what, &with(name, value), status);
    }
    let other = signer().callback("{}").unwrap();
    let two = with("x-ms-signature", other.headers["authorization"].as_bytes());
    table.refused("two signatures", &two, 400);

    // Source, chain, signature, event.
    let absent = named(signer(), "absent");
    let passing = Answer::status(503).retry_after(5);
    table.add("certificate not reachable", request(&absent), passing.clone());
    table.add("again", request(&absent), passing.clone());
    let expired = request(&named(expired.clone(), "expired"));
    table.add("an expired signer", expired, passing.clone());
    let foreign = request(&named(foreign.clone(), "foreign"));
    table.add("a foreign signer", foreign, passing);
    table.refused("a changed body", &good.clone().with_body(EVENT.replace("test", "tset")), 401);
    table.refused("another's signature", &other.with_body(EVENT), 401);
    let unreadable = || Answer::status(503).retry_after(300);
    for body in ["[]", "{}", "not json", "{\"EventName\":\"\u{0}\"}"] {
        let callback = signer().callback(body).unwrap();
        let what = format_args!("no event: {body}");
        table.add(what, request(&callback), unreadable());
    }
    let callback = signer().callback(&b"{\"EventName\":\"\xe4\"}"[..]).unwrap();
    table.add("not UTF-8", request(&callback), unreadable());
    table
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_adapters_respond_alike() {
    let foreign = partner_center_webhooks::testing::Issuer::at(NOW).unwrap();
    let foreign = foreign.signer().unwrap();
    let expired = ISSUER.signing_certificate().expired().issue().unwrap();
    let table = table(&expired, &foreign);
    for front in Front::ALL {
        let files = Files::holding([("expired", expired.clone()), ("foreign", foreign.clone())]);
        let receiver = ReceiverBuilder::new(chain(), files).clock(|| NOW);
        let handler = Handler::new();
        let guard = Arc::new(InMemory::new());
        let address = front.serve(receiver.build().unwrap(), guard, &handler).await;
        for (what, request, expected) in &table.0 {
            let before = handler.begun();
            let response = send(address, request).await;
            assert_eq!(response.as_ref(), Some(expected), "{front:?}: {what}");
            let is_handled = handler.begun() - before;
            assert_eq!(is_handled, usize::from(expected.status == 200), "{front:?}: {what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transient_failures_have_a_retry_after() {
    let required =
        || ReceiverBuilder::new(chain().with_revocation(Revocation::Required), Files::holding([]));
    let quota = || {
        let one = NonZeroU32::MIN;
        ReceiverBuilder::new(chain(), Files::holding([])).new_certificate_downloads_per_minute(one)
    };
    let builders: [(&dyn Fn() -> ReceiverBuilder, _, _); 2] =
        [(&required, "pcnotifications-dispatch.microsoft.com", 5), (&quota, "second", 60)];
    for front in Front::ALL {
        for (builder, name, seconds) in builders {
            let receiver = builder().clock(|| NOW).build().unwrap();
            let handler = Handler::new();
            let address = front.serve(receiver, Arc::new(InMemory::new()), &handler).await;
            if name == "second" {
                deliver(address, &named(signer(), "first")).await;
            }
            let expected = Answer::status(503).retry_after(seconds);
            let response = deliver(address, &named(signer(), name)).await;
            assert_eq!(response, expected, "{front:?}");
            assert_eq!(handler.begun(), 0);
        }
    }
}

/// A service with a guard.
struct Service {
    address: SocketAddr,
    handler: Handler,
}

impl Service {
    async fn open(front: Front, guard: Arc<dyn DuplicateGuard>) -> Self {
        let receiver = ReceiverBuilder::new(chain(), Files::holding([])).clock(|| NOW);
        let receiver: Receiver = receiver.build().unwrap();
        let handler = Handler::new();
        let address = front.serve(receiver, guard, &handler).await;
        Self { address, handler }
    }

    async fn deliver(&self, callback: &SignedRequest) -> Answer {
        deliver(self.address, callback).await
    }
}

fn digest(callback: &SignedRequest) -> String {
    use partner_center_webhooks::crypto::{AwsLcRs, Backend as _};
    BodyDigest::from_bytes(AwsLcRs::new().sha256(&callback.body)).to_string()
}

const SEEN: fn() -> Answer = || Answer::status(200);
/// In progress, under the default lease, part of which may have passed.
fn is_busy(response: &Answer) -> bool {
    let seconds = response.retry_after.as_deref().and_then(|s| s.parse().ok());
    let is_left = seconds.is_some_and(|seconds: u64| (90..=120).contains(&seconds));
    (response.status, response.body.as_str(), is_left) == (503, "", true)
}

/// The guard failed.
const UNKNOWN: fn() -> Answer = || Answer::status(503).retry_after(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_body_is_cut_off_and_a_broken_one_is_not_handled() {
    for front in Front::ALL {
        let service = Service::open(front, Arc::new(InMemory::new())).await;
        let good = event("good");

        // 64 MiB in chunks. Unread bytes fill the socket buffers and stop the sender.
        let endless = good.clone().with_body(vec![b' '; 64 << 20]);
        let endless = chunked(&endless, 64 << 10);
        let (response, sent) = send_and_count(service.address, &endless).await;
        assert_eq!(response, Some(Answer::status(413)), "{front:?}");
        assert!(sent < 16 << 20, "{front:?}: {sent}");

        for request in [request(&good), chunked(&good, 5)] {
            let mut stream = TcpStream::connect(service.address).await.unwrap();
            stream.write_all(&request[..request.len() - 8]).await.unwrap();
            drop(stream);
        }
        assert_eq!(service.handler.begun(), 0, "{front:?}");
        assert_eq!(service.deliver(&good).await.status, 200, "{front:?}");
        assert_eq!(service.handler.begun(), 1, "{front:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_is_handled_once_and_every_delivery_gets_a_response() {
    for front in Front::CLAIMING {
        let service = Service::open(front, Arc::new(InMemory::new())).await;
        let good = event("good");
        assert_eq!(service.deliver(&good).await.body, "good 20", "{front:?}");
        for _ in 0..3 {
            assert_eq!(service.deliver(&good).await, SEEN(), "{front:?}");
        }
        // Unsigned parts do not make it another callback, and a forged twin does not mark it as seen.
        let other_headers = good.clone().in_signature_header().with_header("x-request-id", b"7");
        assert_eq!(service.deliver(&other_headers.unwrap()).await, SEEN(), "{front:?}");
        let other = event("other");
        let forged = good.clone().with_body(other.body.clone());
        assert_eq!(service.deliver(&forged).await, Answer::status(401), "{front:?}");
        assert_eq!(service.deliver(&other).await.body, "other 21", "{front:?}");
        assert_eq!(service.handler.begun(), 2, "{front:?}");
    }
    // The twin: without a guard, every delivery is handled.
    for front in [Front::ActixCallback, Front::AxumCallback] {
        let service = Service::open(front, Arc::new(InMemory::new())).await;
        for _ in 0..3 {
            assert_eq!(service.deliver(&event("good")).await.body, "good 20");
        }
        assert_eq!(service.handler.begun(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_fails_or_panics_releases_its_claim() {
    for front in Front::CLAIMING {
        let service = Service::open(front, Arc::new(InMemory::new())).await;
        let failing = event(FAIL);
        assert_eq!(service.deliver(&failing).await, Answer::status(500), "{front:?}");
        let panicking = event(PANIC);
        let response = send(service.address, &request(&panicking)).await;
        assert!(response.is_none_or(|response| response.status >= 500), "{front:?}");
        for callback in [&failing, &panicking] {
            assert_ne!(service.deliver(callback).await, SEEN(), "{front:?}");
            assert_eq!(service.deliver(callback).await, SEEN(), "{front:?}");
            let twice = Calls { begun: 2, succeeded: 1 };
            assert_eq!(service.handler.calls_of(&digest(callback)), twice, "{front:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_in_progress_never_gets_a_success() {
    for front in Front::CLAIMING {
        let service = Service::open(front, Arc::new(InMemory::new())).await;
        let held = event(HOLD);
        let (address, first) = (service.address, held.clone());
        let first = tokio::spawn(async move { deliver(address, &first).await });
        eventually("it is being handled", || service.handler.begun() == 1).await;
        for _ in 0..3 {
            let response = service.deliver(&held).await;
            assert!(is_busy(&response), "{front:?}: {response:?}");
        }
        service.handler.open();
        assert_eq!(first.await.unwrap().body, "hold 20", "{front:?}");
        assert_eq!(service.deliver(&held).await, SEEN(), "{front:?}");
        assert_eq!(service.handler.begun(), 1, "{front:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_disconnects_during_handling_leaves_no_claim() {
    for front in Front::CLAIMING {
        let service = Service::open(front, Arc::new(InMemory::new())).await;
        let held = event(HOLD);
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        stream.write_all(&request(&held)).await.unwrap();
        eventually("it is being handled", || service.handler.begun() == 1).await;
        drop(stream);
        // actix-web does not cancel handlers: this one completes, and its result counts.
        let goes_on = front.is_actix();
        if goes_on {
            service.handler.open();
        }
        let mut response = service.deliver(&held).await;
        while is_busy(&response) {
            response = service.deliver(&held).await;
        }
        let handled_again = Answer { body: "hold 20".to_owned(), ..SEEN() };
        let expected = if goes_on { SEEN() } else { handled_again };
        assert_eq!(response, expected, "{front:?}");
        let begun = if goes_on { 1 } else { 2 };
        let calls = service.handler.calls_of(&digest(&held));
        assert_eq!(calls, Calls { begun, succeeded: 1 }, "{front:?}");
    }
}

/// A guard whose database is down for some of its methods.
#[derive(Debug, Default)]
struct Down {
    guard: InMemory,
    claim: bool,
    rest: bool,
    abandoned: AtomicU8,
}

impl Down {
    fn or<T>(is_down: bool, response: T) -> Result<T, GuardError> {
        match is_down {
            true => Err(GuardError::new("no route to\nhost")),
            false => Ok(response),
        }
    }
}

impl DuplicateGuard for Down {
    fn claim(&self, digest: BodyDigest) -> BoxFuture<'_, Result<Claim, GuardError>> {
        Box::pin(async move {
            Self::or(self.claim, ())?;
            self.guard.claim(digest).await
        })
    }

    fn complete<'a>(&'a self, _: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(async { Self::or(self.rest, Settled::Current) })
    }

    fn release<'a>(&'a self, _: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(async { Self::or(self.rest, Settled::Current) })
    }

    fn abandon(&self, _: &Lease) {
        self.abandoned.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_outage_loses_nothing_and_passes_nothing() {
    for front in Front::CLAIMING {
        let down = Down { claim: true, ..Down::default() };
        let service = Service::open(front, Arc::new(down)).await;
        assert_eq!(service.deliver(&event("good")).await, UNKNOWN(), "{front:?}");
        assert_eq!(service.handler.begun(), 0, "{front:?}");

        // Down after the handler has run: its response is kept, and the callback is not handled again until the lease expires.
        let down = Arc::new(Down { rest: true, ..Down::default() });
        let guard = Arc::<Down>::clone(&down);
        let service = Service::open(front, guard).await;
        let (good, failing) = (event("good"), event(FAIL));
        assert_eq!(service.deliver(&good).await.body, "good 20", "{front:?}");
        let response = service.deliver(&good).await;
        assert!(is_busy(&response), "{front:?}: {response:?}");
        assert_eq!(service.deliver(&failing).await, Answer::status(500), "{front:?}");
        let response = service.deliver(&failing).await;
        assert!(is_busy(&response), "{front:?}: {response:?}");
        assert_eq!(service.handler.begun(), 2, "{front:?}");
        // An attempt that was completed, even in vain, is not abandoned.
        assert!(down.abandoned.load(Ordering::SeqCst) <= 1, "{front:?}");
    }
}

/// The closure's error, and the sender's response.
fn detail(error: &partner_center_webhooks::Error) -> String {
    format!("{} {}", error.kind(), error.status())
}

#[tokio::test]
async fn the_response_to_refusals_can_be_replaced() {
    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::{BodyExt as _, Full};
    use partner_center_webhooks::Error;
    use partner_center_webhooks::tower::VerifyLayer;
    use tower::{Layer as _, ServiceExt as _, service_fn};

    let receiver = ReceiverBuilder::new(chain(), Files::holding([])).clock(|| NOW);
    let guard: Arc<dyn DuplicateGuard> = Arc::new(InMemory::new());
    let service = VerifyLayer::new(receiver.build().unwrap())
        .with_duplicates(Arc::clone(&guard))
        .with_refusal(|error: &Error| Response::new(Full::<Bytes>::from(detail(error))))
        .layer(service_fn(|request: Request<Full<Bytes>>| async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            match body.ends_with(b"\"fail\"}") {
                true => Err("the service is broken"),
                false => Ok(Response::new(Full::<Bytes>::from("handled"))),
            }
        }));
    let response = async |callback: &SignedRequest| {
        let mut request = Request::new(Full::new(callback.body.clone()));
        request.headers_mut().clone_from(&callback.headers);
        let response = service.clone().oneshot(request).await?;
        Ok::<_, &str>(response.into_body().collect().await.unwrap().to_bytes())
    };
    let good = event("good");
    assert_eq!(response(&good).await.unwrap(), "handled");
    assert_eq!(response(&good).await.unwrap(), "duplicate 200 OK");
    let forged = good.with_body("{}");
    assert_eq!(response(&forged).await.unwrap(), "signature 401 Unauthorized");
    // An error of the service is neither a response nor a success.
    for _ in 0..2 {
        assert_eq!(response(&event(FAIL)).await, Err("the service is broken"));
    }
}

#[test]
fn actix_refusals_can_be_replaced_and_missing_data_is_logged() {
    use actix_web::test::{TestRequest, call_and_read_body, call_service, init_service};
    use actix_web::{App, HttpResponse, web};
    use partner_center_webhooks::actix_web::{Callback, VerifyCallbacks};

    let request = |callback: &SignedRequest| {
        let mut request = TestRequest::post().uri("/").set_payload(callback.body.clone());
        for (name, value) in &callback.headers {
            request = request.insert_header((name.as_str(), value.as_bytes()));
        }
        request.to_request()
    };
    actix_web::rt::System::new().block_on(async {
        let receiver = ReceiverBuilder::new(chain(), Files::holding([])).clock(|| NOW);
        let layer = VerifyCallbacks::new(receiver.build().unwrap())
            .with_refusal(|error| HttpResponse::Ok().body(detail(error)));
        let handler = || async { HttpResponse::Ok().body("handled") };
        let app = App::new().route("/", web::post().to(handler).wrap(layer));
        let service = init_service(app).await;
        let good = event("good");
        assert_eq!(call_and_read_body(&service, request(&good)).await, "handled");
        let forged = request(&good.clone().with_body("{}"));
        assert_eq!(call_and_read_body(&service, forged).await, "signature 401 Unauthorized");

        let handler = |_: Callback| async { HttpResponse::Ok().finish() };
        let service = init_service(App::new().route("/", web::post().to(handler))).await;
        assert_eq!(call_service(&service, request(&good)).await.status().as_u16(), 500);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_is_read_from_the_signed_bytes_whatever_the_headers_claim() {
    for front in [Front::ActixClaimedVerified, Front::AxumClaimedVerified] {
        let service = Service::open(front, Arc::new(InMemory::new())).await;
        for (name, content_type) in [("html", Some("text/html")), ("untyped", None)] {
            let callback = event(name).without_header("content-type");
            let callback = match content_type {
                Some(value) => callback.with_header("content-type", value.as_bytes()),
                None => Ok(callback),
            };
            let callback = callback
                .and_then(|callback| callback.with_header("content-encoding", b"gzip"))
                .unwrap();
            let response = service.deliver(&callback).await;
            let body = format!("{name} {}", callback.body.len());
            assert_eq!((response.status, response.body), (200, body), "{front:?}");
        }
    }
}

/// JSON that does not fit the handler's type is neither handled nor claimed, so that a repaired handler can handle it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_genuine_body_that_does_not_fit_the_type_is_neither_handled_nor_claimed() {
    for front in [Front::ActixTyped, Front::AxumTyped] {
        let guard: Arc<dyn DuplicateGuard> = Arc::new(InMemory::new());
        let service = Service::open(front, Arc::clone(&guard)).await;
        let unfit = signer().callback(r#"{"EventName":"typed","Number":"seven"}"#);
        let unfit = unfit.unwrap();
        let expected = Answer::status(503).retry_after(300);
        for _ in 0..2 {
            assert_eq!(service.deliver(&unfit).await, expected, "{front:?}");
        }
        assert_eq!(service.handler.begun(), 0, "{front:?}");
        let fit = signer().callback(r#"{"EventName":"typed","Number":7}"#);
        let fit = fit.unwrap();
        assert_eq!(service.deliver(&fit).await.body, "typed 32", "{front:?}");
        assert_eq!(service.deliver(&fit).await, SEEN(), "{front:?}");
        assert_eq!(service.handler.begun(), 1, "{front:?}");
        // A forged body is refused before its type matters.
        let forged = fit.with_body(unfit.body.clone());
        assert_eq!(service.deliver(&forged).await, Answer::status(401), "{front:?}");
        let repaired = Front::AxumClaimed;
        let service = Service::open(repaired, guard).await;
        assert_eq!(service.deliver(&unfit).await.body, "typed 38", "{front:?}");
    }
}

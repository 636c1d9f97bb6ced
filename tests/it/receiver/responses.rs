//! The table of responses: each error of a receiver with its status, verdict and wait.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use partner_center_webhooks::ErrorKind::{self, *};
use partner_center_webhooks::Verdict::{self, Forged, Handled, Undecided};
use partner_center_webhooks::chain::Revocation;
use partner_center_webhooks::duplicates::{
    Claim, DuplicateGuard, GuardError, InMemory, Lease, Settled,
};
use partner_center_webhooks::http_client::BoxFuture;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::signature::BodyDigest;
use partner_center_webhooks::source::{
    Authorities, BundleError, CertificateBundle, DistributionLocation, SourceError,
};
use partner_center_webhooks::testing::{Issuer, SignedRequest, Signer, SigningCertificate};
use partner_center_webhooks::{Error, Excerpt, Receiver};

use crate::support::fronts::{Answer, Front, HOLD, Handler, deliver, eventually};
use crate::support::pki::small_key;
use crate::support::{
    EVENT, ISSUER, NOW, Scripted, Web, background, bundle, chain, event, later, outage,
};

/// Kind, status, verdict, and `Retry-After` in seconds.
type Row = (ErrorKind, u16, Verdict, Option<u64>);

fn row(error: &Error) -> Row {
    let wait = error.retry_after().map(|wait| wait.as_secs());
    let status = error.status().as_u16();
    (error.kind(), status, error.verdict(), wait)
}

#[track_caller]
fn is(what: &str, error: Error, expected: Row) {
    assert_eq!(row(&error), expected, "{what}: {error}");
    let response: http::Response<()> = error.to_response();
    let header = response.headers().get("retry-after");
    let header = header.map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(response.status().as_u16(), expected.1, "{what}");
    assert_eq!(header, expected.3.map(|wait| wait.to_string()), "{what}");
}

fn builder(source: &Scripted) -> ReceiverBuilder {
    ReceiverBuilder::new(chain(), source.clone()).clock(|| NOW)
}

fn serving(signer: &Signer) -> Receiver {
    builder(&Scripted::serving(signer)).build().unwrap()
}

fn good() -> SignedRequest {
    ISSUER.signer().unwrap().callback(EVENT).unwrap()
}

fn with(name: &str, value: &[u8]) -> SignedRequest {
    good().with_header(name, value).unwrap()
}

async fn refused(receiver: &Receiver, callback: &SignedRequest) -> Error {
    let outcome = receiver.receive(&callback.headers, &callback.body).await;
    outcome.expect_err("a refusal")
}

/// Refusals by headers and bodies.
#[tokio::test]
async fn requests() {
    let receiver = serving(&ISSUER.signer().unwrap());
    let elsewhere = b"https://evil.example/cert/a.cer".as_slice();
    let unsigned = good().without_header("authorization");
    let cut = good().with_body(&EVENT.as_bytes()[..20]);
    let cut = cut.with_header("content-length", b"300").unwrap();
    let rows = [
        (
            "malformed signature",
            with("authorization", b"Signature x"),
            (Envelope, 400, Forged, None),
        ),
        (
            "no certificate URL",
            good().without_header("x-ms-certificate-url"),
            (Envelope, 400, Forged, None),
        ),
        (
            "algorithm refused",
            with("x-ms-signature-algorithm", b"rsa-md5"),
            (Envelope, 400, Forged, None),
        ),
        ("no signature", unsigned.clone(), (Envelope, 401, Forged, None)),
        ("another scheme", with("authorization", b"Bearer x"), (Envelope, 401, Forged, None)),
        ("URL not allowed", with("x-ms-certificate-url", elsewhere), (Location, 401, Forged, None)),
        ("cut short", cut, (Body, 503, Undecided, Some(10))),
        ("empty and unsigned", unsigned.with_body(""), (Body, 400, Forged, None)),
        ("empty and signed", good().with_body(""), (Body, 503, Undecided, Some(10))),
        ("over the limit", good().with_body(vec![b' '; 256 * 1024 + 1]), (Body, 413, Forged, None)),
        (
            "mismatch under a fresh certificate",
            good().with_body("{}"),
            (Signature, 401, Forged, None),
        ),
    ];
    for (what, callback, expected) in rows {
        is(what, refused(&receiver, &callback).await, expected);
    }
    let breaks = [Err::<Bytes, _>(io::Error::other("gone"))];
    let good = good();
    let unreadable = receiver.receive_stream(&good.headers, stream::iter(breaks));
    let expected = (Body, 503, Undecided, Some(10));
    is("unreadable", unreadable.await.unwrap_err(), expected);
    // The twins: whole, at the limit, and in chunks.
    assert!(receiver.receive(&good.headers, &good.body).await.is_ok());
    let pieces = [Ok::<_, Infallible>(good.body.clone())];
    let streamed = receiver.receive_stream(&good.headers, stream::iter(pieces));
    assert!(streamed.await.is_ok());
    let exact = good.body.len();
    let exact = builder(&Scripted::serving(&ISSUER.signer().unwrap())).body_limit(exact);
    let exact = exact.build().unwrap();
    assert!(exact.receive(&good.headers, &good.body).await.is_ok());
}

/// Certificates that cannot be fetched, or are not trusted.
#[tokio::test(start_paused = true)]
async fn certificates() {
    let not_a_certificate =
        SourceError::NotACertificate { url: Excerpt::of("u"), error: BundleError::Empty };
    let issue = |change: fn(SigningCertificate<'_>) -> SigningCertificate<'_>| {
        let signer = change(ISSUER.signing_certificate()).issue();
        Ok(bundle(&signer.unwrap()))
    };
    let (unavailable, untrusted) =
        ((Source, 503, Undecided, Some(5)), (Chain, 503, Undecided, Some(5)));
    let begins = |recipe: SigningCertificate<'_>, seconds| {
        let recipe = recipe.valid(later(seconds), later(9_000_000));
        Ok(bundle(&recipe.issue().unwrap()))
    };
    let stranger = Issuer::at(NOW).unwrap().signer().unwrap();
    let rows: [(&str, Result<CertificateBundle, SourceError>, Row); 9] = [
        ("outage", outage(), unavailable),
        ("not a certificate", Err(not_a_certificate), unavailable),
        ("path", Ok(bundle(&stranger)), untrusted),
        ("policy", issue(|it| it.without_digital_signature()), untrusted),
        ("key", issue(|it| it.public_key(&small_key())), untrusted),
        ("name", issue(|it| it.dns_names(["other.microsoft.com"])), untrusted),
        ("expired", issue(|it| it.expired()), untrusted),
        (
            "valid in a minute",
            begins(ISSUER.signing_certificate(), 60),
            (Chain, 503, Undecided, Some(60)),
        ),
        (
            "valid in a day",
            begins(ISSUER.signing_certificate(), 86_400),
            (Chain, 503, Undecided, Some(300)),
        ),
    ];
    for (what, served, expected) in rows {
        let receiver = builder(&Scripted::new([served])).build().unwrap();
        is(what, refused(&receiver, &good()).await, expected);
    }
    let late = Scripted::serving(&ISSUER.signer().unwrap()).held_back();
    let receiver = builder(&late).certificate_wait(Duration::from_secs(1));
    let receiver = receiver.build().unwrap();
    is("late", refused(&receiver, &good()).await, unavailable);
    // The twin: the late fetch goes on and succeeds.
    late.open();
    background().await;
    let good = good();
    assert!(receiver.receive(&good.headers, &good.body).await.is_ok());
    assert_eq!(late.fetches(), 1);
}

#[tokio::test]
async fn a_revoked_signer() {
    let base = "http://pki.example/";
    let issuer = ISSUER.published_at(base).unwrap();
    let signer = issuer.signer().unwrap();
    let location = DistributionLocation::none().also_allow(base).unwrap();
    let callback = signer.callback(EVENT).unwrap();
    for mode in [Revocation::BestEffort, Revocation::Required, Revocation::DangerOff] {
        let web = Web::default().publishing(&issuer.with_revoked(signer.certificate()), base);
        let authorities = Authorities::new(Arc::new(web))
            .with_issuer_location(location.clone())
            .with_revocation_list_location(location.clone());
        let receiver = builder(&Scripted::serving(&signer))
            .intermediates(issuer.intermediates())
            .revocation(mode)
            .authorities(authorities)
            .build()
            .unwrap();
        if mode == Revocation::DangerOff {
            let received = receiver.receive(&callback.headers, &callback.body).await;
            assert!(received.is_ok(), "the twin: no list was fetched");
        } else {
            let error = refused(&receiver, &callback).await;
            is("revoked", error, (Chain, 401, Forged, None));
        }
    }
}

/// A signature that does not match, while its certificate cannot be renewed and after that.
#[tokio::test]
async fn a_mismatch_under_an_old_certificate() {
    let clock = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let seconds = Arc::clone(&clock);
    let source = Scripted::serving(&ISSUER.signer().unwrap());
    let read = move || later(seconds.load(std::sync::atomic::Ordering::SeqCst));
    let receiver = builder(&source).clock(read).build().unwrap();
    let (good, forged) = (good(), good().with_body("{}"));
    assert!(receiver.receive(&good.headers, &good.body).await.is_ok());
    source.now_answers(outage());
    let (final_, stale) =
        ((Signature, 401, Forged, None), |wait| (Stale, 503, Undecided, Some(wait)));
    for (second, expected) in [(4, final_), (5, stale(5)), (9, stale(4)), (10, stale(10))] {
        clock.store(second, std::sync::atomic::Ordering::SeqCst);
        let error = refused(&receiver, &forged).await;
        is(&format!("second {second}"), error, expected);
    }
    source.now_answers(Ok(bundle(&ISSUER.signer().unwrap())));
    clock.store(20, std::sync::atomic::Ordering::SeqCst);
    is("renewed", refused(&receiver, &forged).await, final_);
}

/// Genuine, but not an event: the next release may read it, and `verify` accepts it.
#[tokio::test]
async fn a_genuine_body_that_is_not_an_event() {
    let signer = ISSUER.signer().unwrap();
    let receiver = serving(&signer);
    for body in ["[]", "{}", "hello", r#"{"EventName":7}"#] {
        let callback = signer.callback(body).unwrap();
        let error = refused(&receiver, &callback).await;
        is(body, error, (Event, 503, Undecided, Some(300)));
        let verified = receiver.verify(&callback.headers, &callback.body).await;
        assert_eq!(verified.unwrap().as_bytes(), body.as_bytes());
    }
}

/// A guard whose database is down.
#[derive(Debug)]
struct Down;

impl DuplicateGuard for Down {
    fn claim(&self, _: BodyDigest) -> BoxFuture<'_, Result<Claim, GuardError>> {
        Box::pin(async { Err(GuardError::new("no route to host")) })
    }

    fn complete<'a>(&'a self, _: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(async { Err(GuardError::new("no route to host")) })
    }

    fn release<'a>(&'a self, _: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(async { Err(GuardError::new("no route to host")) })
    }

    fn abandon(&self, _: &Lease) {}
}

/// Duplicates, over HTTP: done, in progress, and unknown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates() {
    assert_eq!(Handled.as_str(), "handled");
    for front in Front::CLAIMING {
        let handler = Handler::new();
        // A stopped clock, so that the whole lease remains.
        let guard =
            InMemory::new().with_lease(Duration::from_secs(90)).with_clock(|| Duration::ZERO);
        let receiver = serving(&ISSUER.signer().unwrap());
        let address = front.serve(receiver.clone(), Arc::new(guard), &handler).await;
        let (done, held) = (event("done"), event(HOLD));
        assert_eq!(deliver(address, &done).await.body, "done 20", "{front:?}");
        assert_eq!(deliver(address, &done).await, Answer::status(200), "done");

        let delivered = held.clone();
        let first = tokio::spawn(async move { deliver(address, &delivered).await });
        eventually("the handler", || handler.begun() == 2).await;
        let busy = Answer::status(503).retry_after(90);
        assert_eq!(deliver(address, &held).await, busy, "{front:?}");
        handler.open();
        assert_eq!(first.await.unwrap().status, 200, "{front:?}");
        assert_eq!(deliver(address, &held).await, Answer::status(200), "then");
        assert_eq!(handler.begun(), 2, "{front:?}");

        let address = front.serve(receiver, Arc::new(Down), &handler).await;
        let unknown = Answer::status(503).retry_after(30);
        assert_eq!(deliver(address, &event("new")).await, unknown, "{front:?}");
        assert_eq!(handler.begun(), 2, "{front:?}");
    }
}

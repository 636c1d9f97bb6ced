//! All stages together, with both backends: one table of callbacks and their responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderMap;
use partner_center_webhooks::cloud::{Cloud, CloudProfile};
use partner_center_webhooks::crypto::{AwsLcRs, Backend, RustCrypto};
use partner_center_webhooks::envelope::SignatureAlgorithm;
use partner_center_webhooks::event::EventName;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::testing::partner_center::PartnerCenter;
use partner_center_webhooks::testing::{Issuer, SignedRequest};
use partner_center_webhooks::{ErrorKind, Receiver};
use rustls_pki_types::UnixTime;

use crate::support::{DISPATCH_URL, EVENT, ISSUER, NOW, Scripted, bundle, chain_of, outage};

fn receiver_of(backend: impl Backend + 'static, source: &Scripted) -> Receiver {
    ReceiverBuilder::new(chain_of(backend, &ISSUER), source.clone()).clock(|| NOW).build().unwrap()
}

fn good() -> SignedRequest {
    ISSUER.signer().unwrap().callback(EVENT).unwrap()
}

/// Kind and status of the response, by both backends, and the number of fetches of the certificate.
async fn verdict(callback: &SignedRequest) -> (Option<ErrorKind>, u16, usize) {
    let mut verdicts = Vec::new();
    for rustcrypto in [false, true] {
        let source = Scripted::serving(&ISSUER.signer().unwrap());
        let receiver = match rustcrypto {
            false => receiver_of(AwsLcRs::new(), &source),
            true => receiver_of(RustCrypto::new(), &source),
        };
        verdicts.push(match receiver.receive(&callback.headers, &callback.body).await {
            Ok(_) => (None, 200, source.fetches()),
            Err(error) => (Some(error.kind()), error.status().as_u16(), source.fetches()),
        });
    }
    assert_eq!(verdicts[0], verdicts[1], "the backends agree");
    verdicts[0]
}

#[track_caller]
fn header(name: &str, value: impl AsRef<[u8]>) -> SignedRequest {
    good().with_header(name, value.as_ref()).unwrap()
}

#[tokio::test]
async fn genuine_callbacks() {
    let signer = ISSUER.signer().unwrap();
    assert_eq!(verdict(&good()).await, (None, 200, 1));
    assert_eq!(verdict(&good().in_signature_header()).await, (None, 200, 1));
    assert_eq!(
        verdict(
            &good().in_signature_header().with_header("authorization", b"Bearer token").unwrap()
        )
        .await,
        (None, 200, 1)
    );
    for algorithm in SignatureAlgorithm::ALL {
        let callback = signer.callback_with(*algorithm, EVENT).unwrap();
        assert_eq!(verdict(&callback).await, (None, 200, 1), "{algorithm}");
    }
    for name in EventName::ALL {
        let body = format!(r#"{{"EventName":"{}"}}"#, name.as_str());
        assert_eq!(verdict(&signer.callback(body).unwrap()).await, (None, 200, 1), "{name}");
    }
    let unknown =
        signer.callback(r#"{"EventName":"never-heard-of","More":[1,{"a":null}]}"#).unwrap();
    assert_eq!(verdict(&unknown).await, (None, 200, 1));
}

#[tokio::test]
async fn refused_before_anything_is_fetched() {
    use ErrorKind::{Body, Envelope, Location};
    let no_signature = good().without_header("authorization");
    let cases = [
        (no_signature, Envelope, 401),
        (header("authorization", "Bearer abc"), Envelope, 401),
        (header("authorization", "Signature abc"), Envelope, 400),
        (header("x-ms-signature", "A".repeat(342) + "=="), Envelope, 400),
        (good().without_header("x-ms-certificate-url"), Envelope, 400),
        (good().without_header("x-ms-signature-algorithm"), Envelope, 400),
        (header("x-ms-signature-algorithm", "rsa-sha1"), Envelope, 400),
        (header("x-ms-signature-algorithm", "none"), Envelope, 400),
        (header("x-ms-certificate-url", "https://evil.example/cert/a.cer"), Location, 401),
        (header("x-ms-certificate-url", "http://127.0.0.1/cert/a.cer"), Location, 401),
        (header("x-ms-certificate-url", format!("{DISPATCH_URL}?x")), Location, 401),
        (
            header(
                "x-ms-certificate-url",
                "https://3psostorageacct.blob.core.windows.net\u{ff0e}evil/",
            ),
            Location,
            401,
        ),
        (header("x-ms-certificate-url", "x".repeat(100_000)), Location, 401),
        (good().with_body(""), Body, 503),
        (good().with_body("").without_header("authorization"), Body, 400),
        // An empty body does not change why headers are refused.
        (header("authorization", "Bearer abc").with_body(""), Envelope, 401),
        (header("x-ms-signature-algorithm", "none").with_body(""), Envelope, 400),
        (good().with_body(vec![b' '; 256 * 1024 + 1]), Body, 413),
        (good().with_body(vec![b' '; 10_000_000]), Body, 413),
        (good().with_body(vec![b' '; 10_000_000]).without_header("authorization"), Body, 413),
    ];
    for (callback, kind, status) in cases {
        assert_eq!(verdict(&callback).await, (Some(kind), status, 0), "{:?}", callback.headers);
    }
}

#[tokio::test]
async fn refused_by_the_signature() {
    let compact = EVENT;
    let pretty = EVENT.replace(",\"", ", \"");
    for body in [
        pretty.as_str(),
        &compact.replace("test-created", "test-createe"),
        &format!("{compact}\n"),
        &format!("\u{feff}{compact}"),
        &compact[..compact.len() - 1],
    ] {
        let callback = good().with_body(body.to_owned());
        assert_eq!(verdict(&callback).await, (Some(ErrorKind::Signature), 401, 1), "{body}");
    }
    let utf16: Vec<u8> = compact.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(verdict(&good().with_body(utf16)).await, (Some(ErrorKind::Signature), 401, 1));
    for (signed, claimed) in [
        (SignatureAlgorithm::RsaSha256, "rsa-sha384"),
        (SignatureAlgorithm::RsaSha256, "rsa-sha512"),
        (SignatureAlgorithm::RsaSha512, "rsa-sha256"),
    ] {
        let callback = ISSUER
            .signer()
            .unwrap()
            .callback_with(signed, EVENT)
            .unwrap()
            .with_header("x-ms-signature-algorithm", claimed.as_bytes())
            .unwrap();
        assert_eq!(verdict(&callback).await, (Some(ErrorKind::Signature), 401, 1), "{claimed}");
    }
    // A foreign signature of the right length, and one longer than the key.
    let foreign = Issuer::at(NOW).unwrap().signer().unwrap().callback(EVENT).unwrap();
    assert_eq!(verdict(&foreign).await, (Some(ErrorKind::Signature), 401, 1));
    let longer = header("authorization", format!("Signature {}", "AAAA".repeat(128)));
    assert_eq!(verdict(&longer).await, (Some(ErrorKind::Signature), 401, 1));
}

#[tokio::test]
async fn a_flipped_bit_anywhere_is_refused() {
    let source = Scripted::serving(&ISSUER.signer().unwrap());
    let receiver = receiver_of(AwsLcRs::new(), &source);
    let good = good();
    for at in 0..good.body.len() {
        let mut body = good.body.to_vec();
        body[at] ^= 1;
        let error = receiver.receive(&good.headers, body).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Signature, "byte {at}");
    }
    assert_eq!(source.fetches(), 1);
    assert!(receiver.receive(&good.headers, good.body).await.is_ok());
}

#[tokio::test]
async fn genuine_bodies_that_are_not_events() {
    let signer = ISSUER.signer().unwrap();
    let deep = format!(r#"{{"EventName":"a","b":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    for body in [
        b" ".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        br#"{"EventName":null}"#.to_vec(),
        br#"{"EventName":"a","EventName":"b"}"#.to_vec(),
        b"\xff\xfe{\0}\0".to_vec(),
        b"{\"EventName\":\"\xff\"}".to_vec(),
        "[".repeat(10_000).into_bytes(),
        deep.into_bytes(),
    ] {
        let callback = signer.callback(body).unwrap();
        assert_eq!(
            verdict(&callback).await,
            (Some(ErrorKind::Event), 503, 1),
            "{:?}",
            callback.body
        );
        // It is genuine nevertheless, for applications with a model of their own.
        let receiver = receiver_of(AwsLcRs::new(), &Scripted::serving(&signer));
        let verified = receiver.verify(&callback.headers, &callback.body).await.unwrap();
        assert_eq!(verified.as_bytes(), callback.body);
    }
}

#[tokio::test]
async fn failures_of_the_certificate() {
    let callback = good();
    let receiver = receiver_of(AwsLcRs::new(), &Scripted::new([outage()]));
    let error = receiver.receive(&callback.headers, &callback.body).await.unwrap_err();
    assert_eq!((error.kind(), error.status().as_u16()), (ErrorKind::Source, 503));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));

    let expired = ISSUER.signing_certificate().expired().issue().unwrap();
    let receiver = receiver_of(AwsLcRs::new(), &Scripted::serving(&expired));
    let error = receiver.receive(&callback.headers, &callback.body).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.status().as_u16(), error.retry_after()),
        (ErrorKind::Chain, 503, Some(Duration::from_secs(5)))
    );
}

/// A receiver whose clock can be moved.
fn with_clock(source: &Scripted) -> (Receiver, Arc<AtomicU64>) {
    let seconds = Arc::new(AtomicU64::new(NOW.as_secs()));
    let clock = Arc::clone(&seconds);
    let receiver = ReceiverBuilder::new(chain_of(AwsLcRs::new(), &ISSUER), source.clone())
        .clock(move || {
            UnixTime::since_unix_epoch(Duration::from_secs(clock.load(Ordering::SeqCst)))
        })
        .build()
        .unwrap();
    (receiver, seconds)
}

#[tokio::test]
async fn a_rotated_certificate_is_found_and_the_former_one_stays_good() {
    let (first, second) = (
        ISSUER.signing_certificate().valid(NOW, crate::support::later(3_600)).issue().unwrap(),
        ISSUER.signing_certificate().new_key().unwrap().issue().unwrap(),
    );
    let source = Scripted::serving(&first);
    let (receiver, clock) = with_clock(&source);
    let (old, new) = (first.callback(EVENT).unwrap(), second.callback(EVENT).unwrap());
    let accepts = async |callback: &SignedRequest| {
        receiver.receive(&callback.headers, &callback.body).await.is_ok()
    };

    assert!(accepts(&old).await);
    assert!(!accepts(&new).await, "not the certificate that is served");
    clock.fetch_add(60, Ordering::SeqCst);
    source.now_answers(Ok(bundle(&second)));
    assert!(accepts(&new).await);
    assert!(accepts(&old).await, "a repeated delivery under the former certificate");
    assert_eq!(source.fetches(), 2);

    // At most one fetch, whatever forgers send.
    let forged = good().with_body("{}");
    for _ in 0..100 {
        assert!(!accepts(&forged).await);
    }
    assert_eq!(source.fetches(), 2);

    clock.fetch_add(3_600, Ordering::SeqCst);
    assert!(accepts(&new).await);
    assert!(!accepts(&old).await, "the former certificate has ended");
}

/// Until the receiver asks again, the log says that it has not, and when it will.
#[tokio::test]
async fn a_mismatch_right_after_a_rotation_says_when_the_certificate_was_fetched() {
    let (first, second) = (
        ISSUER.signer().unwrap(),
        ISSUER.signing_certificate().new_key().unwrap().issue().unwrap(),
    );
    let source = Scripted::serving(&first);
    let (receiver, clock) = with_clock(&source);
    let (old, new) = (first.callback(EVENT).unwrap(), second.callback(EVENT).unwrap());
    assert!(receiver.receive(&old.headers, &old.body).await.is_ok());
    source.now_answers(Ok(bundle(&second)));
    let end = "or it is not Partner Center's";
    for (ago, next) in [(0, 5), (3, 2), (4, 1)] {
        clock.store(NOW.as_secs() + ago, Ordering::SeqCst);
        let error = receiver.receive(&new.headers, &new.body).await.unwrap_err();
        let said = format!(
            "{end}; or the certificate was replaced after it was fetched {ago} s ago: a callback that arrives in {next} s causes \
             another fetch"
        );
        assert!(error.to_string().ends_with(&said), "{error}");
    }
    assert_eq!(source.fetches(), 1);
    clock.store(NOW.as_secs() + 5, Ordering::SeqCst);
    assert!(receiver.receive(&new.headers, &new.body).await.is_ok());
    assert_eq!(source.fetches(), 2);

    // The twin: under a certificate that was fetched for this callback, there is no third cause.
    clock.store(NOW.as_secs() + 60, Ordering::SeqCst);
    let forged = good().with_body("{}");
    let error = receiver.receive(&forged.headers, &forged.body).await.unwrap_err();
    assert!(error.to_string().ends_with(end), "{error}");
    assert_eq!(source.fetches(), 3);
}

#[tokio::test]
async fn an_outage_after_a_first_success() {
    let signer = ISSUER.signer().unwrap();
    let source = Scripted::serving(&signer);
    let (receiver, clock) = with_clock(&source);
    let (genuine, forged) = (good(), good().with_body("{}"));
    assert!(receiver.receive(&genuine.headers, &genuine.body).await.is_ok());
    source.now_answers(outage());
    for _ in 0..90 {
        clock.fetch_add(86_400, Ordering::SeqCst);
        assert!(receiver.receive(&genuine.headers, &genuine.body).await.is_ok());
        // It is unknown whether the certificate was replaced: undecided, and not accepted.
        let error = receiver.receive(&forged.headers, &forged.body).await.unwrap_err();
        assert_eq!(error.status().as_u16(), 503);
    }
}

#[tokio::test]
async fn warming_up_reports_failures() {
    let source = Scripted::serving(&ISSUER.signer().unwrap());
    assert!(receiver_of(AwsLcRs::new(), &source).warm_up().await.is_empty());
    assert_eq!(source.fetches(), 1);

    let receiver =
        ReceiverBuilder::new(chain_of(AwsLcRs::new(), &ISSUER), Scripted::new([outage()]))
            .warm_up_url(DISPATCH_URL)
            .warm_up_url("https://elsewhere.example/a.cer")
            .build()
            .unwrap();
    let failures = receiver.warm_up().await;
    let kinds: Vec<_> = failures.iter().map(|failure| failure.error.kind()).collect();
    assert_eq!(kinds, [ErrorKind::Location, ErrorKind::Source]);
}

#[tokio::test]
async fn settings() {
    let signer = ISSUER.signer().unwrap();
    let build = || {
        ReceiverBuilder::new(chain_of(AwsLcRs::new(), &ISSUER), Scripted::serving(&signer))
            .clock(|| NOW)
    };
    let callback = signer.callback_with(SignatureAlgorithm::RsaSha512, EVENT).unwrap();
    let kind = async |receiver: Receiver| {
        receiver.receive(&callback.headers, &callback.body).await.err().map(|error| error.kind())
    };
    assert_eq!(kind(build().build().unwrap()).await, None);
    let narrow = build().algorithms([SignatureAlgorithm::RsaSha256]).build().unwrap();
    assert_eq!(kind(narrow).await, Some(ErrorKind::Envelope));
    let short = build().body_limit(EVENT.len() - 1).build().unwrap();
    assert_eq!(kind(short).await, Some(ErrorKind::Body));
    let exact = build().body_limit(EVENT.len()).build().unwrap();
    assert_eq!(kind(exact).await, None);
    let other = build().signer_name("other.example".parse().unwrap()).build().unwrap();
    assert_eq!(kind(other).await, Some(ErrorKind::Chain));
}

#[tokio::test]
async fn the_cloud_sets_the_certificate_locations() {
    let mut profile = CloudProfile::new("https://api.example", "https://login.example");
    profile.certificate_locations = vec!["https://certificates.example/a/".into()];
    let url = "https://certificates.example/a/b.cer";
    let signer = ISSUER.signer().unwrap().with_certificate_url(url);
    let callback = signer.callback(EVENT).unwrap();
    let build = || {
        ReceiverBuilder::new(chain_of(AwsLcRs::new(), &ISSUER), Scripted::serving(&signer))
            .clock(|| NOW)
    };
    let custom = build().cloud(&Cloud::Custom(profile.clone())).unwrap().build().unwrap();
    assert!(custom.receive(&callback.headers, &callback.body).await.is_ok());
    for cloud in Cloud::ALL {
        let receiver = build().cloud(cloud).unwrap().build().unwrap();
        let error = receiver.receive(&callback.headers, &callback.body).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Location);
        assert!(receiver.receive(&good().headers, &good().body).await.is_ok());
    }
    // Plain http needs a loopback address and the explicit setting.
    profile.certificate_locations = vec!["http://127.0.0.1:8080/".into()];
    assert!(build().cloud(&Cloud::Custom(profile.clone())).is_err());
    profile.danger_plain_http_on_loopback = true;
    assert!(build().cloud(&Cloud::Custom(profile.clone())).is_ok());
    profile.certificate_locations = vec!["http://certificates.example/".into()];
    assert!(build().cloud(&Cloud::Custom(profile)).is_err());
}

#[tokio::test]
async fn headers_of_another_framework() {
    let source = Scripted::serving(&ISSUER.signer().unwrap());
    let receiver = receiver_of(AwsLcRs::new(), &source);
    let callback = good();
    let pairs = callback.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let admitted = receiver.admit(pairs).unwrap();
    assert_eq!(admitted.certificate_url().as_str(), DISPATCH_URL);
    assert!(admitted.receive(&callback.body).await.is_ok());
    assert!(receiver.admit(&HeaderMap::new()).is_err());
    // The limit applies here, too.
    let error = admitted.receive(vec![0; 300_000]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Body);
}

#[test]
fn receivers_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    fn sent<T: Send>(_: T) {}
    shared::<Receiver>();
    let receiver = receiver_of(AwsLcRs::new(), &Scripted::new([outage()]));
    let headers = HeaderMap::new();
    sent(receiver.receive(&headers, b"".as_slice()));
    sent(receiver.warm_up());
}

#[tokio::test]
async fn another_http_client_keeps_the_locations_that_were_set() {
    let fake = PartnerCenter::start().await.unwrap();
    let builder = fake.receiver_builder(AwsLcRs::new()).unwrap();
    let builder = builder.http_client(ReqwestClient::new().unwrap());
    let failures = builder.build().unwrap().warm_up().await;
    let failures: Vec<_> = failures.iter().map(|it| it.error.to_string()).collect();
    assert_eq!(failures, [""; 0]);
}

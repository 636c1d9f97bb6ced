//! Log lines: one for each callback, and warnings of certificates and lists that expire soon.

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, Once};

use partner_center_webhooks::chain::{ChainVerifier, Revocation};
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::signers::Signers;
use partner_center_webhooks::source::{Authorities, CertificateLocation, DistributionLocation};

use crate::support::{
    DISPATCH_URL, EVENT, ISSUER, NOW, Scripted, Web, background, chain, later, outage,
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The log lines of `run`.
pub(crate) async fn lines_of(run: impl Future) -> Vec<String> {
    // While there is only one subscriber, `tracing` caches the interest of the thread that first reaches an event. The thread of
    // another test would have no subscriber.
    static EVERYWHERE: Once = Once::new();
    EVERYWHERE.call_once(|| tracing_subscriber::fmt().with_writer(io::sink).init());
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .without_time()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // For the whole thread: fetches run in tasks of their own, on the same one.
    let here = tracing::subscriber::set_default(subscriber);
    run.await;
    background().await;
    drop(here);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| line.trim_start().to_owned()).collect()
}

#[tokio::test]
async fn one_line_a_callback() {
    let signer = ISSUER.signer().unwrap();
    let receiver =
        ReceiverBuilder::new(chain(), Scripted::serving(&signer)).clock(|| NOW).build().unwrap();
    let callback = signer.callback(EVENT).unwrap();
    let mut digest = String::new();
    let lines = lines_of(async {
        let received = receiver.receive(&callback.headers, &callback.body).await.unwrap();
        digest = format!("digest={} signer={}", received.digest(), received.signer().fingerprint());
        let _ = receiver.receive(&callback.headers, "{}").await;
        let bearer = callback.clone().with_header("authorization", b"Bearer eyJ-secret").unwrap();
        let _ = receiver.receive(&bearer.headers, &bearer.body).await;
    })
    .await;
    assert_eq!(
        lines[0],
        format!(
            "INFO partner_center_webhooks: callback accepted outcome=\"accepted\" event=test-created {digest}"
        )
    );
    assert!(
        lines[1].starts_with(
            "WARN partner_center_webhooks: callback refused outcome=\"refused\" kind=\"signature\" status=401 verdict=\"forged\" reason=the rsa-sha256 signature does not match the body (2 bytes,"
        ),
        "{}",
        lines[1]
    );
    assert_eq!(
        lines[2],
        format!(
            "WARN partner_center_webhooks: callback refused outcome=\"refused\" kind=\"envelope\" status=401 verdict=\"forged\" reason=header `authorization` does not use the scheme `Signature`{}",
            crate::envelope::remedy("replaced")
        )
    );
    assert_eq!(lines.len(), 3);
}

/// Scanners do not make a line that somebody looks at; a gateway that removes the signature does.
#[tokio::test]
async fn a_request_without_a_signature_is_not_a_warning() {
    let signer = ISSUER.signer().unwrap();
    let receiver =
        ReceiverBuilder::new(chain(), Scripted::serving(&signer)).clock(|| NOW).build().unwrap();
    let mut gateway = signer.callback(EVENT).unwrap();
    gateway.headers.remove("authorization");
    let mut bearer = http::HeaderMap::new();
    bearer.insert("authorization", "Bearer eyJ-secret".parse().unwrap());
    let lines = lines_of(async {
        let _ = receiver.receive(&http::HeaderMap::new(), "{}").await.unwrap_err();
        let _ = receiver.receive(&bearer, "{}").await.unwrap_err();
        let _ = receiver.receive(&http::HeaderMap::new(), "").await.unwrap_err();
        let _ = receiver.receive(&gateway.headers, &gateway.body).await.unwrap_err();
    })
    .await;
    let levels: Vec<_> = lines.iter().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(levels, ["INFO", "INFO", "INFO", "WARN"], "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("callback refused")), "{lines:?}");
}

/// An error if only a repair on this side helps, with the digest of a genuine body; otherwise a warning.
#[tokio::test]
async fn errors_that_need_a_repair_are_logged_as_errors() {
    let signer = ISSUER.signer().unwrap();
    let receiver = |chain, source| {
        let builder = ReceiverBuilder::new(chain, source).clock(|| NOW);
        builder.build().unwrap()
    };
    let good = signer.callback(EVENT).unwrap();
    let unreadable = signer.callback("[]").unwrap();
    let required = chain().with_revocation(Revocation::Required);
    let lines = lines_of(async {
        let receiver = receiver(chain(), Scripted::serving(&signer));
        let read = receiver.receive(&unreadable.headers, &unreadable.body);
        let _ = read.await.unwrap_err();
        let _ = receiver.receive(&good.headers, "").await.unwrap_err();
    })
    .await;
    let digest = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945";
    let refused = "partner_center_webhooks: callback refused outcome=\"refused\"";
    assert_eq!(
        lines,
        [
            format!(
                "ERROR {refused} kind=\"event\" status=503 verdict=\"undecided\" digest={digest} reason=the callback is genuine but its body is not an event: body is an array (expected a JSON object)"
            ),
            format!(
                "WARN {refused} kind=\"body\" status=503 verdict=\"undecided\" reason=the body is empty although the headers have a signature (expected the signed body): it was lost in transit; deliver it again, and check the proxies and middleware in between"
            ),
        ]
    );
    for (receiver, level, kind) in [
        (receiver(required, Scripted::serving(&signer)), "ERROR", "chain"),
        (receiver(chain(), Scripted::new([outage()])), "WARN", "source"),
    ] {
        let lines = lines_of(async {
            let received = receiver.receive(&good.headers, &good.body);
            let _ = received.await.unwrap_err();
        })
        .await;
        let expected =
            format!("{level} {refused} kind=\"{kind}\" status=503 verdict=\"undecided\" reason=");
        let last = lines.last().unwrap();
        assert!(last.starts_with(&expected), "{lines:?}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_fit_the_type_is_an_error_with_no_more_of_it_than_an_excerpt() {
    use ::axum::Json;
    use ::axum::extract::FromRequest as _;
    use partner_center_webhooks::axum::Verified;

    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Typed {
        #[expect(dead_code, reason = "no body of this test gets that far")]
        secret: u8,
    }
    let signer = ISSUER.signer().unwrap();
    let receiver = ReceiverBuilder::new(chain(), Scripted::serving(&signer)).clock(|| NOW);
    let receiver = receiver.build().unwrap();
    let body = format!(r#"{{"EventName":"a","Secret":"\nb{}"}}"#, "x".repeat(10_000));
    let callback = signer.callback(body).unwrap();
    let lines = lines_of(async {
        let mut request = http::Request::new(::axum::body::Body::from(callback.body.clone()));
        request.headers_mut().clone_from(&callback.headers);
        let extracted = Verified::<Json<Typed>>::from_request(request, &receiver).await;
        assert_eq!(extracted.err().unwrap().0.status(), 503);
    })
    .await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("INFO partner_center_webhooks: callback accepted"));
    let (head, reason) = lines[1].split_once(" digest=").unwrap();
    assert_eq!(
        head,
        "ERROR partner_center_webhooks: callback refused outcome=\"refused\" kind=\"format\" status=503 verdict=\"undecided\""
    );
    let (_, reason) = reason.split_once(" reason=").unwrap();
    let start = r#"the callback is genuine but its body does not fit the handler's type: invalid type: string \"\\nbxxx"#;
    assert!(reason.starts_with(start), "{reason}");
    assert!(reason.len() < 300, "{reason}");
}

#[tokio::test]
async fn attempts_are_logged_with_the_digest() {
    use partner_center_webhooks::duplicates::{Attempt, DuplicateGuard, InMemory};
    use partner_center_webhooks::signature::BodyDigest;
    use partner_center_webhooks::testing::TestClock;

    let clock = TestClock::default();
    let time = clock.clone();
    let one = std::num::NonZeroUsize::MIN;
    let guard = InMemory::new().with_capacity(one).with_clock(move || time.now());
    let guard: Arc<dyn DuplicateGuard> = Arc::new(guard);
    let digest = BodyDigest::from_bytes([1; 32]);
    let lines = lines_of(async {
        let attempt = Attempt::claim(&guard, digest).await.unwrap();
        let _ = Attempt::claim(&guard, digest).await.unwrap_err();
        let _ = Attempt::claim(&guard, BodyDigest::from_bytes([2; 32])).await.unwrap_err();
        attempt.release().await.unwrap();
        drop(Attempt::claim(&guard, digest).await.unwrap());
        let attempt = Attempt::claim(&guard, digest).await.unwrap();
        clock.advance(InMemory::LEASE);
        let successor = Attempt::claim(&guard, digest).await.unwrap();
        attempt.complete().await.unwrap();
        successor.complete().await.unwrap();
        let _ = Attempt::claim(&guard, digest).await.unwrap_err();
    })
    .await;
    let logged = |outcome: &str| {
        format!(
            "INFO partner_center_webhooks: attempt {outcome} outcome=\"{outcome}\" digest={digest}"
        )
    };
    let expected = [
        logged("in_progress"),
        format!(
            "WARN partner_center_webhooks: duplicate guard failed outcome=\"unknown\" step=\"claim\" digest={} reason=the duplicate guard failed: it is full, and every remembered callback is in progress (capacity: 1)",
            "02".repeat(32)
        ),
        logged("released"),
        logged("abandoned"),
        format!(
            "WARN partner_center_webhooks: attempt settled too late outcome=\"stale\" step=\"complete\" digest={digest}"
        ),
        logged("completed"),
        logged("duplicate"),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn names_cannot_forge_lines() {
    let signer = ISSUER.signer().unwrap();
    let receiver =
        ReceiverBuilder::new(chain(), Scripted::serving(&signer)).clock(|| NOW).build().unwrap();
    let body = format!(r#"{{"EventName":"a\\n\\u001b[31mINFO forged{}"}}"#, "x".repeat(10_000))
        .replace("\\\\", "\\");
    let callback = signer.callback(body).unwrap();
    let lines =
        lines_of(async { receiver.receive(&callback.headers, &callback.body).await.unwrap() })
            .await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(r"event=a\n\x1b[31mINFO forgedxxx"), "{}", lines[0]);
    assert!(lines[0].len() < 600, "{}", lines[0]);
}

#[tokio::test]
async fn certificates_that_expire_within_a_week_and_lists_within_a_day_are_warned_of() {
    let base = "http://pki.example/";
    let issuer = ISSUER.published_at(base).unwrap();
    let location = DistributionLocation::none().also_allow(base).unwrap();
    let authorities = Authorities::new(Arc::new(Web::default().publishing(&issuer, base)))
        .with_issuer_location(location.clone())
        .with_revocation_list_location(location);
    let find = async |days: u64, seconds_later: u64| {
        let valid_to = later(days * 86_400 + seconds_later);
        let signer = issuer.signing_certificate().valid(NOW, valid_to).issue().unwrap();
        let chain = ChainVerifier::new(AwsLcRs::new(), issuer.anchors().unwrap())
            .with_revocation(Revocation::BestEffort);
        let source = Arc::new(Scripted::serving(&signer));
        let signers = Signers::build(source, Some(authorities.clone()), chain, NonZeroU32::MAX);
        let url = CertificateLocation::default().check(DISPATCH_URL).unwrap();
        lines_of(async { signers.find(&url, later(seconds_later)).await.unwrap() }).await
    };
    let leaf = "what=C=US, ST=WA, L=Redmond, O=Microsoft Corporation, CN=pcnotifications-dispatch.microsoft.com days_left=6";
    let count =
        |lines: &[String], text: &str| lines.iter().filter(|line| line.contains(text)).count();
    let list = "what=the revocation list for";
    // The lists expire six days after NOW, as Microsoft's do after their publication: that is not worth a warning.
    let lines = find(6, 0).await;
    assert_eq!((count(&lines, leaf), count(&lines, list)), (1, 0), "{lines:?}");
    assert_eq!(count(&lines, "expires soon and has not been renewed"), 1, "{lines:?}");
    let lines = find(8, 0).await;
    assert_eq!((count(&lines, leaf), count(&lines, list)), (0, 0), "{lines:?}");
    // Five days and a minute later, each of the two lists has less than a day left.
    let lines = find(8, 5 * 86_400 + 60).await;
    assert_eq!((count(&lines, leaf), count(&lines, list)), (0, 2), "{lines:?}");
    assert_eq!(count(&lines, "days_left=0"), 2, "{lines:?}");
}

#[tokio::test]
async fn the_warning_is_logged_during_an_outage_too() {
    let signer = ISSUER.signing_certificate().valid(NOW, later(9 * 86_400)).issue().unwrap();
    let source = Scripted::serving(&signer);
    let signers = Signers::new(source.clone(), chain());
    let url = CertificateLocation::default().check(DISPATCH_URL).unwrap();
    let find = async |days: u64| {
        lines_of(async { signers.find(&url, later(days * 86_400)).await.unwrap() }).await
    };
    assert_eq!(find(0).await, [""; 0]);
    source.now_answers(outage());
    let renewed = |line: &String| line.contains("signing certificate not renewed reason=");
    let lines = find(1).await;
    assert_eq!((lines.len(), renewed(&lines[0])), (1, true), "{lines:?}");
    let lines = find(4).await;
    assert_eq!((lines.len(), renewed(&lines[0])), (2, true), "{lines:?}");
    assert!(
        lines[1].ends_with("CN=pcnotifications-dispatch.microsoft.com days_left=5"),
        "{lines:?}"
    );
}

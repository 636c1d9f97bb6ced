//! Dropped signers: by new rules, by a revoked issuer, by late lists.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use partner_center_webhooks::chain::{
    Anchors, Certificate, CertificatePolicy, ChainVerifier, PolicyError, Revocation,
};
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::source::{
    Authorities, CertificateBundle, CertificateSource, CertificateUrl, DistributionLocation,
    SourceError,
};
use partner_center_webhooks::testing::Issuer;
use partner_center_webhooks::{ErrorKind, Receiver};
use tokio::time::sleep;

use super::{
    ACCEPTED, BASE, Clock, DAY, HOUR, MINUTE, MISMATCH, REVOKED, authorities, callback, chain_of,
    forged, published, response, successor, wait, with_tokio,
};
use crate::support::{ISSUER, NOW, Scripted, Web, background, bundle, chain, later};

const OTHER: &str = "http://pki.example/two/";

/// Trusts both issuers, and has their intermediates.
fn chain_of_both(other: &Issuer) -> ChainVerifier {
    let pem = format!("{}{}", ISSUER.root_pem(), other.root_pem());
    let intermediates = ISSUER.intermediates().into_iter();
    ChainVerifier::new(AwsLcRs::new(), Anchors::from_pem(pem.as_bytes()).unwrap())
        .with_intermediates(intermediates.chain(other.intermediates()))
}

/// After the signer that the URL serves is dropped, no mismatch is final under those that it replaced.
#[tokio::test]
async fn a_current_signer_dropped_by_new_rules_is_not_a_mismatch_under_its_former() {
    let other = Issuer::at(NOW).unwrap();
    let (old, new) = (ISSUER.signer().unwrap(), successor(&other));
    let (source, clock) = (Scripted::serving(&old), Clock::default());
    let receiver = ReceiverBuilder::new(chain_of_both(&other), source.clone())
        .clock(clock.reader())
        .build()
        .unwrap();
    assert_eq!(response(&receiver, &callback(&old)).await, ACCEPTED);
    clock.set(MINUTE);
    source.now_answers(Ok(bundle(&new)));
    assert_eq!(response(&receiver, &callback(&new)).await, ACCEPTED);
    clock.set(MINUTE + 2);
    receiver.replace_chain(|chain| chain.with_anchors(ISSUER.anchors().unwrap()));
    assert_eq!(response(&receiver, &callback(&new)).await.status, 503);
    assert_eq!(response(&receiver, &callback(&old)).await, ACCEPTED);
}

/// The issuer of a signer that was just fetched turns out revoked: the same response, whether a former signer is kept or not.
#[tokio::test]
async fn a_current_signer_dropped_by_its_check_is_not_a_mismatch_under_its_former() {
    let one = published();
    let two = Issuer::at(NOW).unwrap().published_at(OTHER).unwrap();
    let (old, new) = (successor(&one), successor(&two));
    let chain = chain_of_both(&two);
    let two = two.with_revoked(two.intermediate());
    let web = Web::default().publishing(&one, BASE).publishing(&two, OTHER);
    let location = DistributionLocation::none().also_allow(BASE).unwrap();
    let location = location.also_allow(OTHER).unwrap();
    let authorities = Authorities::new(Arc::new(web))
        .with_issuer_location(location.clone())
        .with_revocation_list_location(location);
    for has_former in [false, true] {
        let (source, clock) = (Scripted::serving(&old), Clock::default());
        let receiver = ReceiverBuilder::new(chain.clone(), source.clone())
            .authorities(authorities.clone())
            .clock(clock.reader())
            .build()
            .unwrap();
        if has_former {
            assert_eq!(response(&receiver, &callback(&old)).await, ACCEPTED);
        }
        source.now_answers(Ok(bundle(&new)));
        for second in 0..7 {
            clock.set(MINUTE + second);
            let seen = response(&receiver, &callback(&new)).await;
            background().await;
            // The first callback is accepted before the lists arrive.
            let expected = if second == 0 { 200 } else { 503 };
            assert_eq!(seen.status, expected, "former: {has_former}, {second}");
        }
    }
}

/// A policy that panics has accepted nothing.
#[tokio::test]
async fn rules_that_panic_drop_the_signers_of_the_previous_rules() {
    #[derive(Debug)]
    struct Panics;
    impl CertificatePolicy for Panics {
        fn check(&self, _: &Certificate<'_>) -> Result<(), PolicyError> {
            panic!("a policy that panics")
        }
    }
    let signer = ISSUER.signer().unwrap();
    let receiver = ReceiverBuilder::new(chain(), Scripted::serving(&signer))
        .clock(|| later(0))
        .build()
        .unwrap();
    assert_eq!(response(&receiver, &callback(&signer)).await, ACCEPTED);
    receiver.replace_chain(|chain| chain.require(Panics));
    let seen = response(&receiver, &callback(&signer)).await;
    assert_eq!((seen.status, seen.kind), (503, Some(ErrorKind::Source)));
    receiver.replace_chain(|_| chain());
    assert_eq!(response(&receiver, &callback(&signer)).await, ACCEPTED);
}

/// Takes some seconds to respond.
#[derive(Clone, Debug)]
struct Slow<T> {
    inner: T,
    seconds: Arc<AtomicU64>,
}

impl<T> Slow<T> {
    fn by(inner: T, seconds: u64) -> Self {
        Self { inner, seconds: Arc::new(AtomicU64::new(seconds)) }
    }

    async fn dawdle(&self) {
        wait(self.seconds.load(Ordering::SeqCst)).await;
    }
}

impl HttpClient for Slow<Web> {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        Box::pin(async move {
            self.dawdle().await;
            self.inner.send(request, limits).await
        })
    }
}

impl CertificateSource for Slow<Scripted> {
    fn fetch<'a>(
        &'a self,
        url: &'a CertificateUrl<'a>,
    ) -> BoxFuture<'a, Result<CertificateBundle, SourceError>> {
        Box::pin(async move {
            // Its content is read when the request arrives.
            let served = self.inner.fetch(url).await;
            self.dawdle().await;
            served
        })
    }
}

fn with_lists_of(web: Slow<Web>, issuer: &Issuer, source: Scripted, mode: Revocation) -> Receiver {
    ReceiverBuilder::new(chain_of(issuer, mode), source)
        .authorities(authorities(web))
        .clock(with_tokio())
        .build()
        .unwrap()
}

/// A list that takes longer than callbacks wait applies when it arrives, also beside an older one in force.
#[tokio::test(start_paused = true)]
async fn a_list_that_arrives_late_applies_when_it_arrives() {
    for mode in [Revocation::BestEffort, Revocation::Required] {
        let issuer = published();
        let signer = successor(&issuer);
        let web = Web::default().publishing(&issuer, BASE);
        let slow = Slow::by(web.clone(), 0);
        let source = Scripted::serving(&signer);
        let receiver = with_lists_of(slow.clone(), &issuer, source, mode);
        assert_eq!(response(&receiver, &callback(&signer)).await, ACCEPTED);
        let _ = web.publishing(&issuer.with_revoked(signer.certificate()), BASE);
        slow.seconds.store(4, Ordering::SeqCst);
        wait(13 * HOUR).await;
        assert_eq!(response(&receiver, &callback(&signer)).await, ACCEPTED);
        wait(5).await;
        assert_eq!(response(&receiver, &callback(&signer)).await, REVOKED, "{mode:?}");
    }
}

/// A callback that joins a fetch which started long before is not refused for good under the result of that fetch.
#[tokio::test(start_paused = true)]
async fn a_fetch_joined_late_is_not_fresh() {
    let other = Issuer::at(NOW).unwrap().published_at(BASE).unwrap();
    let (first, second, third) = (ISSUER.signer().unwrap(), successor(&other), successor(&ISSUER));
    let pem = format!("{}{}", ISSUER.root_pem(), other.root_pem());
    let chain = ChainVerifier::new(AwsLcRs::new(), Anchors::from_pem(pem.as_bytes()).unwrap())
        .with_intermediates(ISSUER.intermediates());
    let source = Scripted::serving(&first);
    let web = Web::default().publishing(&other, BASE);
    let receiver = ReceiverBuilder::new(chain, Slow::by(source.clone(), 4))
        .authorities(authorities(Slow::by(web, 4)))
        .certificate_wait(Duration::from_secs(20))
        .clock(with_tokio())
        .build()
        .unwrap();
    assert_eq!(response(&receiver, &callback(&first)).await, ACCEPTED);
    wait(60).await;
    source.now_answers(Ok(bundle(&second)));
    let (one, wrong) = (receiver.clone(), forged(&first));
    let joined = tokio::spawn(async move { response(&one, &wrong).await });
    wait(1).await;
    source.now_answers(Ok(bundle(&third)));
    wait(6).await;
    assert_eq!(response(&receiver, &callback(&third)).await, ACCEPTED);
    assert_ne!(joined.await.unwrap(), ACCEPTED, "it is not signed");
}

/// The list of the signing certificates takes four seconds, and that of their issuers never arrives.
#[derive(Debug)]
struct Uneven(Web);

impl HttpClient for Uneven {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        Box::pin(async move {
            if request.uri().path().contains("Root") {
                std::future::pending::<()>().await;
            }
            wait(4).await;
            self.0.send(request, limits).await
        })
    }
}

/// A late list concerns the certificate that was fetched then, and not the one that is served since.
#[tokio::test(start_paused = true)]
async fn a_revocation_detected_late_is_not_final_for_the_successor() {
    let issuer = published();
    let old = successor(&issuer);
    // Serial numbers are derived from dates.
    let recipe = issuer.signing_certificate().new_key().unwrap();
    let new = recipe.valid(NOW, later(91 * DAY)).issue().unwrap();
    let issuer = issuer.with_revoked(old.certificate());
    let source = Scripted::serving(&old);
    let web = Uneven(Web::default().publishing(&issuer, BASE));
    let receiver = ReceiverBuilder::new(chain_of(&issuer, Revocation::BestEffort), source.clone())
        .authorities(authorities(web))
        .clock(with_tokio())
        .build()
        .unwrap();
    assert_eq!(response(&receiver, &callback(&old)).await, ACCEPTED);
    source.now_answers(Ok(bundle(&new)));
    sleep(Duration::from_millis(4_500)).await;
    assert_eq!(response(&receiver, &callback(&old)).await, REVOKED);
    wait(4).await;
    assert_eq!(response(&receiver, &callback(&new)).await, ACCEPTED);
    assert_eq!(response(&receiver, &callback(&old)).await, MISMATCH);
}

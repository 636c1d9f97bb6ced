//! Issuers and revocation lists that are fetched when they are missing: what is requested, accepted and kept.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use partner_center_webhooks::chain::{
    Certificate, CertificatePolicy, ChainError, ChainVerifier, PathError, PolicyError, Revocation,
    RevocationStatus, UnixTime, certificates_from_pem,
};
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::signers::{SignerError, Signers};
use partner_center_webhooks::source::{
    Authorities, CertificateLocation, CertificateUrl, DistributionLocation,
};
use partner_center_webhooks::testing::{Issuer, Signer};
use partner_center_webhooks::{Error, ErrorKind, Excerpt};

use crate::support::{DISPATCH_URL, EVENT, ISSUER, NOW, Scripted, Web, find_settled, later};

pub(crate) const BASE: &str = "http://pki.example/";
pub(crate) const INTERMEDIATE: &str =
    "http://pki.example/certs/Throw-away%20TLS%20G2%20RSA%20CA%20OCSP%2002.crt";
const ROOT_LIST: &str = "http://pki.example/crl/Throw-away_Root.crl";
pub(crate) const LIST: &str = "http://pki.example/crl/partition/Throw-away_Partition00000.crl";

fn published() -> Issuer {
    ISSUER.published_at(BASE).unwrap()
}

fn web(issuer: &Issuer) -> Web {
    Web::default().publishing(issuer, BASE)
}

pub(crate) fn authorities(web: &Web) -> Authorities {
    let location = DistributionLocation::none().also_allow(BASE).unwrap();
    Authorities::new(Arc::new(web.clone()))
        .with_issuer_location(location.clone())
        .with_revocation_list_location(location)
}

/// Trusts the root, without any intermediate.
fn chain(revocation: Revocation) -> ChainVerifier {
    ChainVerifier::new(AwsLcRs::new(), ISSUER.anchors().unwrap()).with_revocation(revocation)
}

fn signers(source: &Scripted, web: &Web, revocation: Revocation) -> Signers {
    Signers::build(
        Arc::new(source.clone()),
        Some(authorities(web)),
        chain(revocation),
        NonZeroU32::MAX,
    )
}

fn dispatch() -> CertificateUrl<'static> {
    CertificateLocation::default().check(DISPATCH_URL).unwrap()
}

async fn find(
    web: &Web,
    signer: &Signer,
    revocation: Revocation,
) -> Result<Vec<RevocationStatus>, ChainError> {
    let signers = signers(&Scripted::serving(signer), web, revocation);
    match find_settled(&signers, NOW).await {
        Ok(found) => Ok(found.current().revocation().iter().map(|(_, status)| *status).collect()),
        Err(SignerError::Chain { error, .. }) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_receiver_without_the_issuer_fetches_it() {
    let issuer = published();
    let web = web(&issuer);
    let signer = issuer.signer().unwrap();
    assert_eq!(
        find(&web, &signer, Revocation::DangerOff).await.unwrap(),
        [RevocationStatus::NotChecked; 2]
    );
    assert_eq!(web.requests(), [INTERMEDIATE]);
    assert_eq!(
        find(&web, &signer, Revocation::BestEffort).await.unwrap(),
        [RevocationStatus::Good; 2]
    );
    assert_eq!(web.requests(), [INTERMEDIATE, LIST, ROOT_LIST]);
    assert_eq!(
        find(&web, &signer, Revocation::Required).await.unwrap(),
        [RevocationStatus::Good; 2]
    );
}

#[tokio::test]
async fn issuers_are_read_in_every_served_format() {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    let der = issuer.intermediate().to_vec();
    for body in [
        der.clone(),
        issuer.intermediate_pem().into_bytes(),
        pkcs7(&[&der]),
        pkcs7(&[ISSUER.root(), &der]),
    ] {
        let web = web(&issuer);
        web.page(INTERMEDIATE, 200, body);
        find(&web, &signer, Revocation::DangerOff).await.unwrap();
    }
    let mut other_body = pkcs7(&[&der]);
    other_body.push(0);
    for body in [
        Vec::new(),
        b"<html>".to_vec(),
        der[..100].to_vec(),
        pkcs7(&[]),
        other_body,
        vec![0x30; 17 * 1024],
        signer.certificate().to_vec(),
        ISSUER.root().to_vec(),
    ] {
        let web = web(&issuer);
        web.page(INTERMEDIATE, 200, body);
        let error = find(&web, &signer, Revocation::DangerOff).await.unwrap_err();
        assert!(matches!(error, ChainError::UnknownIssuer { .. }), "{error}");
    }
}

/// A certs-only PKCS#7 (RFC 2315, 9.1).
fn pkcs7(certificates: &[&[u8]]) -> Vec<u8> {
    let wrap = |tag: u8, parts: &[&[u8]]| {
        let contents = parts.concat();
        let mut der = vec![tag, 0x82];
        der.extend(u16::try_from(contents.len()).unwrap().to_be_bytes());
        der.extend(contents);
        der
    };
    let data = b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
    let signed =
        wrap(0x30, &[b"\x02\x01\x01", b"\x31\x00", data, &wrap(0xa0, certificates), b"\x31\x00"]);
    let oid = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
    wrap(0x30, &[oid, &wrap(0xa0, &[&signed])])
}

#[tokio::test]
async fn a_fetched_certificate_is_not_an_anchor() {
    // The whole hierarchy of a stranger can be fetched, including its root.
    let stranger = Issuer::at(NOW).unwrap().published_at(BASE).unwrap();
    let web = web(&stranger);
    let error = find(&web, &stranger.signer().unwrap(), Revocation::DangerOff).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    assert!(web.requests().len() <= 4);
}

#[tokio::test]
async fn a_cross_signature_is_found_two_steps_away() {
    let top = Issuer::at(NOW).unwrap();
    let bottom = ISSUER
        .with_root_name("CN=Throw-away Bridge,O=Microsoft Corporation,L=Redmond,ST=WA,C=US")
        .unwrap()
        .published_at(BASE)
        .unwrap();
    let web = web(&bottom);
    web.page(
        &format!("{BASE}certs/Throw-away%20TLS%20RSA%20Root%20G2.crt"),
        200,
        bottom.cross_signed_by(&top).unwrap().to_vec(),
    );
    let chain = ChainVerifier::new(AwsLcRs::new(), top.anchors().unwrap());
    let source = Scripted::serving(&bottom.signer().unwrap());
    let signers = Signers::build(Arc::new(source), Some(authorities(&web)), chain, NonZeroU32::MAX);
    let found = find_settled(&signers, NOW).await.unwrap();
    assert_eq!(found.current().path().len(), 3);
    assert_eq!(signers.learned_issuers().len(), 2);
}

#[tokio::test]
async fn urls_in_certificates_are_not_followed_elsewhere() {
    for url in [
        "http://169.254.169.254/certs/a.crt",
        "http://127.0.0.1/a.crt",
        "http://pki.example.evil/a.crt",
        "https://pki.example/a.crt",
        "http://pki.example@evil/a.crt",
        "ldap://pki.example/a",
        "file:///etc/passwd",
        "http://pki.example/%2e%2e/a.crt",
        "http://pki.example/a.crt?x",
        "http://pki.example:8080/a.crt",
        "",
    ] {
        let web = web(&published());
        let signer = published()
            .signing_certificate()
            .issuer_urls([url])
            .revocation_list_urls([url])
            .issue()
            .unwrap();
        let source = Scripted::serving(&signer);
        let signers = signers(&source, &web, Revocation::DangerOff);
        let error = find_settled(&signers, NOW).await.unwrap_err();
        assert!(
            matches!(error, SignerError::Chain { error: ChainError::UnknownIssuer { .. }, .. }),
            "{url}: {error}"
        );
        assert_eq!(web.requests(), [""; 0], "{url}");
    }
    // Only the first URLs of many are tried.
    let web = web(&published());
    let many = (0..1_000).map(|n| format!("{BASE}{n}.crt"));
    let signer = published().signing_certificate().issuer_urls(many).issue().unwrap();
    find(&web, &signer, Revocation::DangerOff).await.unwrap_err();
    assert_eq!(web.requests().len(), 4);
}

#[tokio::test]
async fn what_the_network_does_to_an_unknown_issuer() {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    let web = web(&issuer);
    web.go_down(true);
    let source = Scripted::serving(&signer);
    let signers = signers(&source, &web, Revocation::BestEffort);
    let error: Error = signers.find(&dispatch(), NOW).await.unwrap_err().into();
    assert_eq!((error.kind(), error.status().as_u16()), (ErrorKind::Chain, 503));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
    assert!(
        error.to_string().ends_with(&format!(
            "; fetching it failed: `{INTERMEDIATE}` could not be downloaded: no complete response within 5s"
        )),
        "{error}"
    );
    web.go_down(false);
    find_settled(&signers, later(10)).await.unwrap();
}

#[tokio::test]
async fn only_a_danger_setting_accepts_a_revoked_certificate() {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    let callback = signer.callback(EVENT).unwrap();
    let web = web(&issuer.with_revoked(signer.certificate()));
    let builder = || {
        ReceiverBuilder::new(chain(Revocation::BestEffort), Scripted::serving(&signer))
            .authorities(authorities(&web))
            .intermediates(issuer.intermediates())
            .clock(|| NOW)
    };
    for (builder, is_accepted) in [
        (builder(), false),
        (builder().revocation(Revocation::Required), false),
        (builder().danger_revocation_off(), true),
        (builder().danger_without_authorities(), true),
        (builder().danger_without_authorities().revocation(Revocation::Required), false),
    ] {
        let receiver = builder.build().unwrap();
        let received = receiver.receive(&callback.headers, &callback.body).await;
        assert_eq!(received.is_ok(), is_accepted, "{:?}", received.err());
    }
}

#[tokio::test]
async fn learned_issuers_are_kept_and_survive_a_restart() {
    let issuer = published();
    let web = web(&issuer);
    let callback = issuer.signer().unwrap().callback(EVENT).unwrap();
    let start = |pem: Option<String>| {
        let source = Scripted::serving(&issuer.signer().unwrap());
        let intermediates = pem.map(|pem| certificates_from_pem(pem.as_bytes()).unwrap());
        ReceiverBuilder::new(chain(Revocation::DangerOff), source)
            .authorities(authorities(&web))
            .intermediates(intermediates.unwrap_or_default())
            .clock(|| NOW)
            .build()
            .unwrap()
    };
    let receiver = start(None);
    assert_eq!(receiver.learned_issuers_pem(), "");
    let received = receiver.receive(&callback.headers, &callback.body).await;
    assert!(received.is_ok());
    assert_eq!(receiver.learned_issuers_pem(), issuer.intermediate_pem());
    assert_eq!(web.requests(), [INTERMEDIATE]);

    web.go_down(true);
    let receiver = start(Some(receiver.learned_issuers_pem()));
    let received = receiver.receive(&callback.headers, &callback.body).await;
    assert!(received.is_ok());
    assert_eq!(web.requests(), [""; 0]);
}

#[tokio::test]
async fn revoked_is_refused_in_every_mode_but_off() {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    for (revoking, leaf) in [
        (issuer.with_revoked(signer.certificate()), true),
        (issuer.with_revoked(issuer.intermediate()), false),
    ] {
        let web = web(&revoking);
        for mode in [Revocation::BestEffort, Revocation::Required] {
            let error = find(&web, &signer, mode).await.unwrap_err();
            match &error {
                ChainError::Revoked { .. } => assert!(leaf),
                ChainError::Path { error, .. } => {
                    assert_eq!((error, leaf), (&PathError::Revoked, false));
                }
                other => panic!("{other}"),
            }
            // A revoked issuer may have a twin, which is configured or fetched later.
            let status = if leaf { 401 } else { 503 };
            assert_eq!(Error::from(error).status().as_u16(), status);
        }
        find(&web, &signer, Revocation::DangerOff).await.unwrap();
    }
    // The serial number of another certificate in the list does not matter.
    let other = issuer.signing_certificate().valid(NOW, later(60)).issue().unwrap();
    let web = web(&issuer.with_revoked(other.certificate()));
    assert_eq!(
        find(&web, &signer, Revocation::Required).await.unwrap(),
        [RevocationStatus::Good; 2]
    );
}

#[tokio::test]
async fn lists_that_cannot_be_fetched_or_trusted() {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    let revoking = issuer.with_revoked(signer.certificate());
    let other =
        Issuer::at(NOW).unwrap().published_at(BASE).unwrap().with_revoked(signer.certificate());
    let page = |issuer: &Issuer, path: &str| {
        let mut published = issuer.publications().unwrap();
        published.retain(|(at, _)| format!("{BASE}{at}") == path);
        published.remove(0).1
    };
    let part_1 = LIST.replace("00000", "00001");
    for (what, list) in [
        ("missing", None),
        ("html", Some(b"<html>".to_vec())),
        ("cut short", Some(page(&revoking, LIST)[..50].to_vec())),
        ("of another issuer of the same name", Some(page(&other, LIST))),
        ("another part", Some(page(&revoking, &part_1))),
        ("too long", Some(vec![0; 4 * 1024 * 1024 + 1])),
        ("of the root", Some(page(&revoking, ROOT_LIST))),
    ] {
        let web = web(&issuer);
        match list {
            Some(list) => web.page(LIST, 200, list),
            None => web.page(LIST, 404, ""),
        }
        let status = find(&web, &signer, Revocation::BestEffort).await.unwrap();
        assert_eq!(status, [RevocationStatus::Unknown, RevocationStatus::Good], "{what}");
        let error = find(&web, &signer, Revocation::Required).await.unwrap_err();
        assert!(matches!(error, ChainError::RevocationUnknown { .. }), "{what}: {error}");
        assert_eq!(Error::from(error).status().as_u16(), 503);
    }
}

#[tokio::test]
async fn the_reissued_twin_of_a_revoked_intermediate_is_found() {
    let old = published();
    let new = old.reissued().unwrap();
    assert_ne!(old.intermediate(), new.intermediate());
    let signer = old.signer().unwrap();
    // The URL serves the new one; the configured old one is revoked.
    let web = web(&new.with_revoked(old.intermediate()));
    let chain = chain(Revocation::Required).with_intermediates(old.intermediates());
    let source = Scripted::serving(&signer);
    let signers = Signers::build(Arc::new(source), Some(authorities(&web)), chain, NonZeroU32::MAX);
    let found = find_settled(&signers, NOW).await.unwrap();
    assert_eq!(found.current().issuers(), new.intermediates());
}

#[tokio::test]
async fn the_current_twin_of_an_expired_intermediate_is_found() {
    let issuer = published();
    let expired = issuer.with_expired_intermediate().unwrap();
    let web = web(&issuer);
    let chain = chain(Revocation::DangerOff).with_intermediates(expired.intermediates());
    let source = Scripted::serving(&issuer.signer().unwrap());
    let signers = Signers::build(Arc::new(source), Some(authorities(&web)), chain, NonZeroU32::MAX);
    let found = find_settled(&signers, NOW).await.unwrap();
    assert_eq!(found.current().issuers(), issuer.intermediates());
}

#[tokio::test]
async fn a_revocation_is_noticed_at_the_next_refresh() {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    let web = web(&issuer);
    let source = Scripted::serving(&signer);
    let signers = signers(&source, &web, Revocation::BestEffort);
    find_settled(&signers, NOW).await.unwrap();

    let _ = web.clone().publishing(&issuer.with_revoked(signer.certificate()), BASE);
    find_settled(&signers, later(3_600)).await.unwrap();
    let tomorrow = later(Signers::REFRESH_AGE_SECONDS);
    let error = find_settled(&signers, tomorrow).await.unwrap_err();
    assert!(
        matches!(error, SignerError::Chain { error: ChainError::Revoked { .. }, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn an_outage_refuses_nothing_until_something_expires() {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    for (mode, days) in [(Revocation::BestEffort, 99), (Revocation::Required, 7)] {
        let web = web(&issuer);
        let source = Scripted::serving(&signer);
        let signers = signers(&source, &web, mode);
        find_settled(&signers, NOW).await.unwrap();
        web.go_down(true);
        for hour in 0..days * 24 {
            find_settled(&signers, later(hour * 3_600))
                .await
                .unwrap_or_else(|error| panic!("{mode:?}, hour {hour}: {error}"));
        }
        let error = find_settled(&signers, later(days * 86_400 + 1)).await.unwrap_err();
        assert!(matches!(error, SignerError::Chain { .. }), "{mode:?}: {error}");
    }
}

#[tokio::test]
async fn one_fetch_at_a_time_for_each_url() {
    let issuer = published();
    let web = web(&issuer);
    let source = Scripted::serving(&issuer.signer().unwrap());
    let signers = signers(&source, &web, Revocation::BestEffort);
    let location = CertificateLocation::default();
    let waiting: Vec<_> = (0..8)
        .map(|n| {
            let url = format!("https://3psostorageacct.blob.core.windows.net/cert/{n}.cer");
            let url = location.check(&url).unwrap().into_owned();
            let signers = signers.clone();
            tokio::spawn(async move { signers.find(&url, NOW).await.map(drop) })
        })
        .collect();
    for each in waiting {
        each.await.unwrap().unwrap();
    }
    let mut requests = web.requests();
    requests.sort();
    requests.dedup();
    assert_eq!(requests.len(), 3);
    assert_eq!(source.fetches(), 8);
}

#[tokio::test]
async fn replacing_the_chain_during_callbacks() {
    let issuer = published();
    let signer = issuer.signer().unwrap();
    let callback = signer.callback(EVENT).unwrap();
    let source = Scripted::serving(&signer);
    let receiver = ReceiverBuilder::new(
        chain(Revocation::DangerOff).with_intermediates(issuer.intermediates()),
        source.clone(),
    )
    .clock(|| NOW)
    .build()
    .unwrap();
    let handle = receiver.clone();
    let kind = async || {
        receiver.receive(&callback.headers, &callback.body).await.err().map(|error| error.kind())
    };

    assert_eq!(kind().await, None);
    let stranger = Issuer::at(NOW).unwrap();
    handle.replace_chain(|chain| chain.with_anchors(stranger.anchors().unwrap()));
    assert_eq!(kind().await, Some(ErrorKind::Chain), "what is kept counts no more");
    handle.replace_chain(|chain| chain.with_anchors(ISSUER.anchors().unwrap()));
    assert_eq!(kind().await, None, "and is fetched again, although it failed a moment ago");
    let fetches = source.fetches();
    handle.replace_chain(|chain| {
        chain.with_signer_name("pcnotifications-dispatch.microsoft.com".parse().unwrap())
    });
    assert_eq!(
        (kind().await, source.fetches()),
        (None, fetches),
        "what still passes needs no fetch"
    );
    handle.replace_chain(|chain| chain.with_signer_name("other.example".parse().unwrap()));
    assert_eq!(kind().await, Some(ErrorKind::Chain));
}

#[tokio::test]
async fn a_chain_replaced_during_a_fetch_applies_to_it() {
    let issuer = published();
    let source = Scripted::serving(&issuer.signer().unwrap()).held_back();
    let signers = Signers::new(
        source.clone(),
        chain(Revocation::DangerOff).with_intermediates(issuer.intermediates()),
    );
    let under_way = tokio::spawn({
        let signers = signers.clone();
        async move { find_settled(&signers, NOW).await.map(drop) }
    });
    while source.fetches() == 0 {
        tokio::task::yield_now().await;
    }
    signers.replace_chain(|chain| chain.with_signer_name("other.example".parse().unwrap()), NOW);
    source.open();
    let error = under_way.await.unwrap().unwrap_err();
    assert!(
        matches!(error, SignerError::Chain { error: ChainError::Policy { .. }, .. }),
        "{error}"
    );
}

/// A policy of the application: limits the validity of the certificate, in seconds.
#[derive(Debug)]
struct Lifetime(u64);

impl CertificatePolicy for Lifetime {
    fn check(&self, certificate: &Certificate<'_>) -> Result<(), PolicyError> {
        // Both ends are included.
        let seconds = certificate.not_after().as_secs() - certificate.not_before().as_secs() + 1;
        match seconds > self.0 {
            true => Err(PolicyError::Other(Excerpt::of(format!(
                "it is valid for {seconds} seconds (expected at most {})",
                self.0
            )))),
            false => Ok(()),
        }
    }
}

#[test]
fn a_limit_on_lifetimes() {
    let issuer = published();
    // From a day ago to 99 days ahead, both ends included.
    let signer = issuer.signer().unwrap();
    let chain = || chain(Revocation::DangerOff).with_intermediates(issuer.intermediates());
    let verify = |chain: ChainVerifier, now: UnixTime| {
        chain.verify(signer.certificate(), &[], now).map(drop)
    };
    verify(chain().require(Lifetime(8_640_001)), NOW).unwrap();
    let error = verify(chain().require(Lifetime(8_640_000)), NOW).unwrap_err();
    assert!(
        error.to_string().contains("it is valid for 8640001 seconds (expected at most 8640000)"),
        "{error}"
    );
}

//! An examination and a receiver agree: the same verdict, from the same places.

use std::num::NonZeroU32;
use std::sync::Arc;

use partner_center_webhooks::chain::{
    CertificateDer, ChainError, ChainVerifier, Revocation, UnixTime,
};
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::diagnosis::{Examination, Examiner};
use partner_center_webhooks::signers::{SignerError, Signers};
use partner_center_webhooks::source::{Authorities, CertificateBundle, SourceError};
use partner_center_webhooks::spawn::TokioSpawn;
use partner_center_webhooks::testing::{Issuer, Signer};

use crate::signers::evidence::{BASE, INTERMEDIATE, LIST, authorities};
use crate::support::{ISSUER, NOW, Scripted, Web, find_settled};

fn chain(revocation: Revocation) -> ChainVerifier {
    ChainVerifier::new(AwsLcRs::new(), ISSUER.anchors().unwrap()).with_revocation(revocation)
}

async fn examine(web: &Web, certificate: &CertificateDer<'_>, chain: ChainVerifier) -> Examination {
    let served = CertificateBundle::from_bytes(certificate).unwrap();
    Examiner::new(chain, Arc::new(TokioSpawn::new()))
        .with_authorities(authorities(web))
        .examine("signing.cer", Ok(served), NOW)
        .await
}

/// The receiver's verdict, and the URLs that it fetched from authorities.
async fn receive(
    web: &Web,
    signer: &Signer,
    chain: ChainVerifier,
) -> (Result<UnixTime, ChainError>, Vec<String>) {
    let source = Arc::new(Scripted::serving(signer));
    let signers = Signers::build(source, Some(authorities(web)), chain, NonZeroU32::MAX);
    let verdict = match find_settled(&signers, NOW).await {
        Ok(set) => Ok(set.current().valid_until()),
        Err(SignerError::Chain { error, .. }) => Err(error),
        Err(other) => panic!("{other}"),
    };
    (verdict, sorted(web.requests()))
}

fn seconds(rfc3339: &str) -> u64 {
    let time = time::OffsetDateTime::parse(rfc3339, &time::format_description::well_known::Rfc3339);
    time.unwrap().unix_timestamp().try_into().unwrap()
}

fn sorted(mut urls: Vec<String>) -> Vec<String> {
    urls.sort();
    urls
}

#[tokio::test]
async fn an_examination_and_a_receiver_agree() {
    let issuer = ISSUER.published_at(BASE).unwrap();
    let signer = issuer.signer().unwrap();
    let expired = issuer.signing_certificate().expired().issue().unwrap();
    let foreign = Issuer::new().unwrap().published_at(BASE).unwrap().signer().unwrap();
    let well = || Web::default().publishing(&issuer, BASE);
    let revoking = Web::default().publishing(&issuer.with_revoked(signer.certificate()), BASE);
    let without = |url: &str, body: &'static str, status| {
        let web = well();
        web.page(url, status, body);
        web
    };
    let down = well();
    down.go_down(true);
    let wrong_name = chain(Revocation::Required).with_signer_name("other.example".parse().unwrap());
    let all = [Revocation::DangerOff, Revocation::BestEffort, Revocation::Required];
    let mut trusted = Vec::new();
    for (what, web, signer) in [
        ("well", well(), &signer),
        ("revoked", revoking, &signer),
        ("expired", well(), &expired),
        ("foreign", well(), &foreign),
        ("no issuer", without(INTERMEDIATE, "", 404), &signer),
        ("a page for the issuer", without(INTERMEDIATE, "<html>", 200), &signer),
        ("no list", without(LIST, "", 404), &signer),
        ("a page for the list", without(LIST, "<html>", 200), &signer),
        ("down", down, &signer),
    ] {
        for mode in all {
            let (verdict, received) = receive(&web, signer, chain(mode)).await;
            let examined = examine(&web, signer.certificate(), chain(mode)).await;
            let error = verdict.as_ref().err().map(ToString::to_string);
            let name = format!("{what}, {mode:?}");
            assert_eq!(examined.error().map(ToString::to_string), error, "{name}");
            assert_eq!(examined.is_trusted(), verdict.is_ok(), "{name}");
            assert_eq!(examined.advice().is_empty(), verdict.is_ok(), "{name}");
            let until = verdict.ok().map(|until| until.as_secs());
            let json = examined.to_json();
            assert_eq!(json["valid_until"].as_str().map(seconds), until, "{name}");
            // A receiver gives up on an expired certificate without a fetch, and so does an examination.
            assert_eq!(sorted(web.requests()), received, "{name}");
            if examined.is_trusted() {
                trusted.push(name);
            }
        }
    }
    assert_eq!(
        trusted,
        [
            "well, DangerOff",
            "well, BestEffort",
            "well, Required",
            "revoked, DangerOff",
            "no list, DangerOff",
            "no list, BestEffort",
            "a page for the list, DangerOff",
            "a page for the list, BestEffort",
        ]
    );

    // Of another name: refused without a fetch there, examined to the end here.
    let web = well();
    let (verdict, received) = receive(&web, &signer, wrong_name.clone()).await;
    let examined = examine(&web, signer.certificate(), wrong_name).await;
    assert_eq!(examined.error().unwrap().to_string(), verdict.unwrap_err().to_string());
    assert_eq!((received.len(), web.requests().len()), (0, 3));
    assert_eq!(examined.issuers().len(), 1);
}

#[tokio::test]
async fn each_failure_has_its_advice() {
    let issuer = ISSUER.published_at(BASE).unwrap();
    let signer = issuer.signer().unwrap();
    let certificate = signer.certificate();
    let well = || Web::default().publishing(&issuer, BASE);
    let flags = |examined: &Examination| -> Vec<_> {
        examined.advice().iter().map(|advice| advice.flag.clone().unwrap_or_default()).collect()
    };
    // The location is not allowed.
    let served = CertificateBundle::from_bytes(certificate).unwrap();
    let examiner = Examiner::new(chain(Revocation::Required), Arc::new(TokioSpawn::new()))
        .with_authorities(Authorities::new(Arc::new(well())));
    let examined = examiner.examine("signing.cer", Ok(served.clone()), NOW).await;
    assert_eq!(
        flags(&examined),
        ["--issuer-location http://pki.example/certs/", "--intermediates FILE", "--anchors FILE"]
    );
    let required = chain(Revocation::Required).with_intermediates(issuer.intermediates());
    let examiner = Examiner::new(required, Arc::new(TokioSpawn::new()))
        .with_authorities(Authorities::new(Arc::new(well())));
    let examined = examiner.examine("signing.cer", Ok(served.clone()), NOW).await;
    let places = ["crl/partition/", "crl/"];
    let places =
        places.map(|place| format!("--revocation-list-location http://pki.example/{place}"));
    assert_eq!(flags(&examined), [&places[..], &["--revocation best-effort".to_owned()]].concat());
    // The host is down.
    let web = well();
    web.go_down(true);
    let examined = examine(&web, certificate, chain(Revocation::BestEffort)).await;
    let advice = &examined.advice()[0].action;
    assert_eq!(advice, &format!("try again, or let this machine reach the issuer: {INTERMEDIATE}"));
    // The certificate was not fetched.
    let examiner = Examiner::new(chain(Revocation::BestEffort), Arc::new(TokioSpawn::new()));
    let failed = SourceError::Disabled;
    let examined = examiner.examine("https://a.example/a.cer", Err(failed.clone()), NOW).await;
    assert_eq!(examined.reason(), Some(&*failed.to_string()));
    assert!(examined.error().is_none() && !examined.is_trusted());
    assert_eq!(flags(&examined), [""]);
}

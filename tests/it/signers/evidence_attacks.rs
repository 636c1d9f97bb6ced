//! Attackers on the network path to issuers and lists, which is plain http: what they can forge, hide and delay.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use partner_center_webhooks::Error;
use partner_center_webhooks::chain::{
    Anchors, CertificateDer, ChainError, ChainVerifier, PathError, Revocation, RevocationStatus,
    certificate_to_pem,
};
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};
use partner_center_webhooks::signers::{SignerError, SignerSet, Signers};
use partner_center_webhooks::source::{
    Authorities, CertificateBundle, CertificateLocation, CertificateUrl, DistributionLocation,
};
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::asn1::Ia5String;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{AccessDescription, AuthorityInfoAccessSyntax};

use crate::support::pki::{Ca, at, set, set_distribution_point, validity};
use crate::support::{DISPATCH_URL, ISSUER, NOW, Scripted, Web, find_settled, later};

const BASE: &str = "http://pki.example/";
const DAY: u64 = 86_400;

fn u(name: &str) -> String {
    format!("{BASE}{name}")
}
fn aia(cert: &mut TbsCertificate, urls: &[&str]) {
    let v = urls
        .iter()
        .map(|url| AccessDescription {
            access_method: x509_cert::der::asn1::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2"),
            access_location: GeneralName::UniformResourceIdentifier(
                Ia5String::new(&u(url)).unwrap(),
            ),
        })
        .collect();
    set(cert, "1.3.6.1.5.5.7.1.1", false, &AuthorityInfoAccessSyntax(v));
}
fn dps(cert: &mut TbsCertificate, urls: &[&str]) {
    let names = urls
        .iter()
        .map(|url| GeneralName::UniformResourceIdentifier(Ia5String::new(&u(url)).unwrap()))
        .collect();
    set_distribution_point(
        cert,
        DistributionPoint {
            distribution_point: Some(DistributionPointName::FullName(names)),
            reasons: None,
            crl_issuer: None,
        },
    );
}
fn long(cert: &mut TbsCertificate) {
    cert.validity = validity(NOW.as_secs() - DAY, NOW.as_secs() + 90 * DAY);
}
fn pem(certs: &[CertificateDer<'static>]) -> Vec<u8> {
    certs.iter().map(certificate_to_pem).collect::<String>().into_bytes()
}
fn authorities(client: Arc<dyn HttpClient>) -> Authorities {
    let l = DistributionLocation::none().also_allow(BASE).unwrap();
    Authorities::new(client).with_issuer_location(l.clone()).with_revocation_list_location(l)
}
fn signers(
    leaf: &CertificateDer<'static>,
    root: &CertificateDer<'static>,
    web: &Web,
    mode: Revocation,
) -> Signers {
    let chain = ChainVerifier::new(
        AwsLcRs::new(),
        Anchors::from_certificates(std::slice::from_ref(root)).unwrap(),
    )
    .with_revocation(mode);
    Signers::build(
        Arc::new(Scripted::new([Ok(CertificateBundle::new(leaf.clone(), vec![]))])),
        Some(authorities(Arc::new(web.clone()))),
        chain,
        NonZeroU32::MAX,
    )
}
fn dispatch() -> CertificateUrl<'static> {
    CertificateLocation::default().check(DISPATCH_URL).unwrap()
}
/// The revocation status of each certificate of the path, or the error.
async fn find(signers: &Signers, seconds: u64) -> Result<Vec<RevocationStatus>, ChainError> {
    let statuses = |found: SignerSet| {
        let known = found.current().revocation();
        known.iter().map(|(_, status)| *status).collect()
    };
    match find_settled(signers, later(seconds)).await {
        Ok(found) => Ok(statuses(found)),
        Err(SignerError::Chain { error, .. }) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

fn week(list: &mut x509_cert::crl::TbsCertList) {
    list.next_update = Some(at(NOW.as_secs() + 7 * DAY));
}

#[tokio::test]
async fn forged_issuers_leave_nothing_behind() {
    let (root, ca) = (Ca::new("Root"), Ca::new("CA"));
    let (x, y) = (Ca::new("X"), Ca::new("Y"));
    let root_der = root.certify_with(&root, long);
    let leaf = ca.issue_with(|leaf| {
        long(leaf);
        aia(leaf, &["i.crt"]);
    });
    let five = |issuer: &Ca, subject: &Ca, url: &str| -> Vec<_> {
        let forged = |_| {
            issuer.certify_with(&subject.rekeyed(), |certificate| {
                long(certificate);
                aia(certificate, &[url]);
            })
        };
        (0..5).map(forged).collect()
    };
    let web = Web::default();
    web.page(&u("i.crt"), 200, pem(&five(&x, &ca, "x.crt")));
    web.page(&u("x.crt"), 200, pem(&five(&y, &x, "y.crt")));
    web.page(&u("y.crt"), 200, pem(&five(&root.rekeyed(), &y, "z.crt")));
    let signers = signers(&leaf, &root_der, &web, Revocation::DangerOff);
    find(&signers, 0).await.unwrap_err();
    assert!(signers.learned_issuers().is_empty());
    assert_eq!(web.requests(), [u("i.crt")], "what did not sign the leaf leads nowhere");

    // The attacker has left.
    let genuine = root.certify_with(&ca, long);
    web.page(&u("i.crt"), 200, genuine.to_vec());
    find(&signers, 60).await.unwrap();
    assert_eq!(signers.learned_issuers(), [genuine]);
}

#[tokio::test]
async fn a_foreign_list_does_not_displace_the_genuine_one() {
    for mode in [Revocation::BestEffort, Revocation::Required] {
        let (root, ca) = (Ca::new("Root"), Ca::new("CA"));
        let root_der = root.certify_with(&root, long);
        let impostor = ca.rekeyed();
        let genuine = root.certify_with(&ca, |certificate| {
            long(certificate);
            dps(certificate, &["root.crl"]);
        });
        let fake = impostor.certify_with(&impostor, long);
        let leaf = ca.issue_with(|leaf| {
            long(leaf);
            aia(leaf, &["i.crt"]);
            dps(leaf, &["l.crl"]);
        });
        let web = Web::default();
        web.page(&u("i.crt"), 200, pem(&[genuine, fake]));
        web.page(&u("root.crl"), 200, root.list_der(&[], week));
        let newest = |list: &mut x509_cert::crl::TbsCertList| {
            week(list);
            list.this_update = at(NOW.as_secs() - 1);
        };
        web.page(&u("l.crl"), 200, impostor.list_der(&[], newest));
        let signers = signers(&leaf, &root_der, &web, mode);
        let under_attack = find(&signers, 0).await;
        match mode {
            Revocation::Required => assert!(under_attack.unwrap_err().is_transient()),
            _ => assert_eq!(
                under_attack.unwrap(),
                [RevocationStatus::Unknown, RevocationStatus::Good]
            ),
        }
        // The attack is over. The genuine list was issued before it.
        web.page(&u("l.crl"), 200, ca.list_der(&[], week));
        let good = find(&signers, DAY + 1).await.unwrap();
        assert_eq!(good, [RevocationStatus::Good; 2], "{mode:?}");
        web.page(&u("l.crl"), 200, ca.list_der(&[&leaf], week));
        let error = find(&signers, 2 * DAY + 2).await.unwrap_err();
        assert!(matches!(error, ChainError::Revoked { .. }), "{mode:?}: {error}");
    }
}

#[tokio::test]
async fn an_older_list_elsewhere_does_not_hide_a_kept_one() {
    let (root, ca) = (Ca::new("Root"), Ca::new("CA"));
    let root_der = root.certify_with(&root, long);
    let genuine = root.certify_with(&ca, long);
    let leaf = ca.issue_with(|leaf| {
        long(leaf);
        aia(leaf, &["i.crt"]);
        dps(leaf, &["l1.crl", "l2.crl"]);
    });
    let web = Web::default();
    web.page(&u("i.crt"), 200, genuine.to_vec());
    web.page(&u("l1.crl"), 200, ca.list_der(&[&leaf], week));
    let signers = signers(&leaf, &root_der, &web, Revocation::BestEffort);
    find(&signers, 0).await.unwrap_err();
    // The attacker blocks the first URL and replays last week's list at the second.
    web.page(&u("l1.crl"), 404, Vec::new());
    let old = |list: &mut x509_cert::crl::TbsCertList| {
        week(list);
        list.this_update = at(NOW.as_secs() - 3 * DAY);
    };
    web.page(&u("l2.crl"), 200, ca.list_der(&[], old));
    for seconds in [60, DAY - 60, DAY + 60, 6 * DAY] {
        let error = find(&signers, seconds).await.unwrap_err();
        assert!(matches!(error, ChainError::Revoked { .. }), "+{seconds}: {error}");
    }
}

#[tokio::test]
async fn an_expired_issuer_without_a_network_is_transient() {
    let issuer = ISSUER.published_at(BASE).unwrap();
    let expired = issuer.with_expired_intermediate().unwrap();
    let web = Web::default();
    web.go_down(true);
    let chain = ChainVerifier::new(AwsLcRs::new(), ISSUER.anchors().unwrap())
        .with_intermediates(expired.intermediates());
    let source = Arc::new(Scripted::serving(&issuer.signer().unwrap()));
    let authorities = Some(authorities(Arc::new(web)));
    let signers = Signers::build(source, authorities, chain, NonZeroU32::MAX);
    let error = signers.find(&dispatch(), NOW).await.unwrap_err();
    assert!(
        matches!(
            *error.error,
            SignerError::Chain {
                error: ChainError::Path { error: PathError::IssuerExpired { .. }, .. },
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("; fetching it failed: "));
    assert_eq!(Error::from(error).status().as_u16(), 503);
}

#[tokio::test]
async fn required_revocation_can_be_set_at_run_time() {
    let issuer = ISSUER.published_at(BASE).unwrap();
    let web = Web::default().publishing(&issuer, BASE);
    for path in ["crl/Throw-away_Root.crl", "crl/partition/Throw-away_Partition00000.crl"] {
        web.page(&u(path), 503, Vec::new());
    }
    let chain = ChainVerifier::new(AwsLcRs::new(), ISSUER.anchors().unwrap());
    let source = Arc::new(Scripted::serving(&issuer.signer().unwrap()));
    let authorities = Some(authorities(Arc::new(web)));
    let signers = Signers::build(source, authorities, chain, NonZeroU32::MAX);
    assert_eq!(find(&signers, 0).await.unwrap(), [RevocationStatus::Unknown; 2]);
    signers.replace_chain(|chain| chain.with_revocation(Revocation::Required), NOW);
    for seconds in [0, 60, DAY + 60, 30 * DAY] {
        assert!(find(&signers, seconds).await.unwrap_err().is_transient());
    }
}

/// Never answers for lists (like a firewall that drops packets), and answers everything else at once.
#[derive(Debug)]
struct Dropping(Web);
impl HttpClient for Dropping {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        let url = request.uri().to_string();
        Box::pin(async move {
            if url.ends_with(".crl") {
                tokio::time::sleep(limits.deadline).await;
                return Err(HttpClientError::Timeout { deadline: limits.deadline });
            }
            self.0.send(request, limits).await
        })
    }
}

#[tokio::test]
async fn lists_that_never_arrive_delay_a_callback_only_by_seconds() {
    let (root, ca) = (Ca::new("Root"), Ca::new("CA"));
    let root_der = root.certify_with(&root, long);
    let genuine = root.certify_with(&ca, |certificate| {
        long(certificate);
        dps(certificate, &["r1.crl", "r2.crl"]);
    });
    let leaf = ca.issue_with(|leaf| {
        long(leaf);
        aia(leaf, &["i.crt"]);
        dps(leaf, &["l1.crl", "l2.crl"]);
    });
    let web = Web::default();
    web.page(&u("i.crt"), 200, genuine.to_vec());
    let anchors = Anchors::from_certificates(std::slice::from_ref(&root_der)).unwrap();
    let signers = Signers::build(
        Arc::new(Scripted::new([Ok(CertificateBundle::new(leaf, vec![]))])),
        Some(authorities(Arc::new(Dropping(web)))),
        ChainVerifier::new(AwsLcRs::new(), anchors),
        NonZeroU32::MAX,
    );
    let started = Instant::now();
    assert_eq!(find(&signers, 0).await.unwrap(), [RevocationStatus::Unknown; 2]);
    let once = Authorities::REVOCATION_LIST_LIMITS.deadline;
    assert!(started.elapsed() < 2 * once, "{:?}", started.elapsed());
}

#[tokio::test]
async fn refusals_of_a_replaced_chain_are_forgotten() {
    let issuer = ISSUER.published_at(BASE).unwrap();
    let source = Scripted::serving(&issuer.signer().unwrap()).held_back();
    let good = ChainVerifier::new(AwsLcRs::new(), ISSUER.anchors().unwrap())
        .with_intermediates(issuer.intermediates())
        .with_revocation(Revocation::DangerOff);
    let other = good.clone().with_signer_name("other.example".parse().unwrap());
    let signers = Signers::new(source.clone(), other);
    let under_way = tokio::spawn({
        let signers = signers.clone();
        async move { find_settled(&signers, NOW).await }
    });
    while source.fetches() == 0 {
        tokio::task::yield_now().await;
    }
    signers.replace_chain(|_| good, NOW);
    source.open();
    // The new rules apply to the certificate fetched meanwhile.
    under_way.await.unwrap().unwrap();
    find(&signers, 1).await.unwrap();
}

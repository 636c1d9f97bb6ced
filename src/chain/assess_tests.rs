//! The missing evidence and the revocations of an assessment.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::assess::Assessment;
use super::path::RevokedCertificate;
use super::signer::Fingerprint;
use super::{
    Certificate, CertificateDer, ChainError, ChainVerifier, Evidence, MissingEvidence, PathError,
    Revocation, RevocationList, UnixTime,
};
use crate::crypto::{AwsLcRs, Backend as _};
use crate::testing::{Issuer, Signer};

/// An issuer that publishes, and a certificate that it signed.
struct World {
    issuer: Issuer,
    signer: Signer,
}

impl World {
    fn new() -> Self {
        let issuer = Issuer::new().unwrap();
        let issuer = issuer.published_at("http://pki.example/").unwrap();
        let signer = issuer.signer().unwrap();
        Self { issuer, signer }
    }

    fn assess(&self, mode: Revocation, evidence: &Evidence) -> Assessment {
        self.assess_at(self.issuer.now(), mode, evidence)
    }

    fn assess_at(&self, now: UnixTime, mode: Revocation, evidence: &Evidence) -> Assessment {
        ChainVerifier::new(AwsLcRs::new(), self.issuer.anchors().unwrap())
            .with_revocation(mode)
            .assess(self.signer.certificate(), evidence, now)
    }

    /// The issuer's certificate, and all lists, with `revoked` on them.
    fn evidence(&self, revoked: &[&CertificateDer<'_>]) -> Evidence {
        let issuer =
            revoked.iter().fold(self.issuer.clone(), |issuer, each| issuer.with_revoked(each));
        let published = issuer.publications().unwrap().into_iter();
        let lists = published.filter(|(path, _)| path.ends_with(".crl"));
        Evidence::new(
            self.issuer.intermediates().to_vec(),
            lists.map(|(_, der)| RevocationList::from_der(&der).unwrap()).collect(),
        )
    }
}

fn revoked(der: &CertificateDer<'_>) -> RevokedCertificate {
    RevokedCertificate {
        fingerprint: fingerprint(der),
        not_after: Certificate::parse(der).unwrap().not_after(),
    }
}

fn fingerprint(der: &CertificateDer<'_>) -> Fingerprint {
    Fingerprint::from_bytes(AwsLcRs::new().sha256(der))
}

/// The missing evidence: `issuer` or `list`, and the certificate that it is for.
fn missing(assessment: &Assessment) -> Vec<(&'static str, String)> {
    let told = assessment.missing.iter().map(|each| match each {
        MissingEvidence::Issuer { of, .. } => ("issuer", of.to_string()),
        MissingEvidence::RevocationList { of, .. } => ("list", of.to_string()),
    });
    told.collect()
}

fn subject(der: &CertificateDer<'_>) -> String {
    Certificate::parse(der).unwrap().subject().excerpt().to_string()
}

const CHECKED: [Revocation; 2] = [Revocation::BestEffort, Revocation::Required];

#[test]
fn issuers_are_missing_first_and_then_lists() {
    let world = World::new();
    let leaf = subject(world.signer.certificate());
    let ca = subject(world.issuer.intermediate());
    for mode in CHECKED {
        let nothing = world.assess(mode, &Evidence::default());
        assert!(matches!(nothing.verdict, Err(ChainError::UnknownIssuer { .. })));
        assert_eq!(missing(&nothing), [("issuer", leaf.clone())]);

        let issuers = Evidence::new(world.issuer.intermediates().to_vec(), Vec::new());
        let without_lists = world.assess(mode, &issuers);
        assert_eq!(missing(&without_lists), [("list", leaf.clone()), ("list", ca.clone())]);
        assert_eq!(without_lists.verdict.is_ok(), mode == Revocation::BestEffort);

        let complete = world.assess(mode, &world.evidence(&[]));
        assert!(complete.verdict.is_ok());
        assert_eq!(missing(&complete), []);
        assert_eq!(complete.revoked, []);
    }
}

#[test]
fn a_new_list_is_missing_when_the_old_one_has_expired() {
    const DAY: u64 = 24 * 60 * 60;
    let world = World::new();
    let evidence = world.evidence(&[]);
    let next_update = world.issuer.now().as_secs() + 6 * DAY;
    for (now, is_wanted) in
        [(next_update - 1, false), (next_update, true), (next_update + 60, true)]
    {
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now));
        let found = world.assess_at(at, Revocation::BestEffort, &evidence);
        assert_eq!(!missing(&found).is_empty(), is_wanted, "{now}: {found:?}");
        let signer = found.verdict.unwrap();
        assert_eq!(signer.misses_lists(), is_wanted);
        let seconds = |time: Option<UnixTime>| time.map(|time| time.as_secs());
        assert_eq!(seconds(signer.revocation_lists_end()), Some(next_update));
        assert_eq!(seconds(signer.evidence_ends()), Some(next_update + DAY));
    }
}

#[test]
fn a_revoked_signing_certificate_is_final() {
    let world = World::new();
    let leaf = world.signer.certificate();
    for mode in CHECKED {
        let found = world.assess(mode, &world.evidence(&[leaf]));
        assert!(matches!(found.verdict, Err(ChainError::Revoked { .. })));
        assert_eq!(missing(&found), []);
        assert_eq!(found.revoked, [revoked(leaf)]);
    }
}

#[test]
fn the_twin_of_a_revoked_issuer_is_missing() {
    let world = World::new();
    let (leaf, ca) = (world.signer.certificate(), world.issuer.intermediate());
    let twin = world.issuer.reissued().unwrap();
    for mode in CHECKED {
        let mut evidence = world.evidence(&[ca]);
        let found = world.assess(mode, &evidence);
        assert!(matches!(found.verdict, Err(ChainError::Path { error: PathError::Revoked, .. })));
        // Nothing above the revoked issuer: it would not help.
        assert_eq!(missing(&found), [("issuer", subject(leaf))]);
        assert_eq!(found.revoked, [revoked(ca)]);

        evidence.issuers.extend(twin.intermediates());
        let found = world.assess(mode, &evidence);
        let signer = found.verdict.unwrap();
        assert_eq!(signer.issuers(), twin.intermediates());
        assert_eq!(found.revoked, [revoked(ca)]);
    }
}

#[test]
fn both_revoked_certificates_are_reported() {
    let world = World::new();
    let (leaf, ca) = (world.signer.certificate(), world.issuer.intermediate());
    let found = world.assess(Revocation::BestEffort, &world.evidence(&[leaf, ca]));
    assert!(matches!(found.verdict, Err(ChainError::Revoked { .. })));
    assert_eq!(found.revoked, [revoked(leaf), revoked(ca)]);
}

#[test]
fn a_known_revocation_does_not_need_its_list() {
    let world = World::new();
    let (leaf, ca) = (world.signer.certificate(), world.issuer.intermediate());
    for mode in CHECKED {
        let mut evidence = world.evidence(&[]);
        evidence.revoked = vec![fingerprint(leaf)];
        let found = world.assess(mode, &evidence);
        assert!(matches!(found.verdict, Err(ChainError::Revoked { .. })));
        assert_eq!(missing(&found), []);

        evidence.revoked = vec![fingerprint(ca)];
        let found = world.assess(mode, &evidence);
        assert!(matches!(found.verdict, Err(ChainError::Path { error: PathError::Revoked, .. })));
        assert_eq!(missing(&found), [("issuer", subject(leaf))]);
        // No list of this search names it.
        assert_eq!(found.revoked, []);

        let twin = world.issuer.reissued().unwrap();
        evidence.issuers.extend(twin.intermediates());
        assert!(world.assess(mode, &evidence).verdict.is_ok());

        evidence.revoked = vec![fingerprint(world.issuer.root())];
        assert!(world.assess(mode, &evidence).verdict.is_ok(), "not on the path");
    }
    let mut evidence = world.evidence(&[]);
    evidence.revoked = vec![fingerprint(leaf), fingerprint(ca)];
    assert!(world.assess(Revocation::DangerOff, &evidence).verdict.is_ok());
}

#[test]
fn no_evidence_helps_a_refused_certificate() {
    let issuer = Issuer::new().unwrap();
    let issuer = issuer.published_at("http://pki.example/").unwrap();
    for signer in [
        issuer.signing_certificate().expired().issue().unwrap(),
        issuer.signing_certificate().not_yet_valid().issue().unwrap(),
        issuer.signing_certificate().dns_names(["other.example"]).issue().unwrap(),
    ] {
        let world = World { issuer: issuer.clone(), signer };
        let found = world.assess(Revocation::BestEffort, &Evidence::default());
        assert!(found.verdict.is_err());
        assert_eq!(missing(&found), []);
    }
}

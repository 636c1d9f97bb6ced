//! Public path validation suites: x509-limbo's own cases and BetterTLS's path building, from `../shared/suites` beside this
//! repository, or from the folder in `PARTNER_CENTER_WEBHOOKS_SHARED`. Without the folder the tests are skipped with a
//! message.
//!
//! A case is accepted if a path is found and the certificate is for the expected DNS name, provided that this can be a signer
//! name. `suites/divergences.txt` has the reason for every difference from the suite; both directions are checked.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests are tests too, and what cannot be tested is skipped aloud"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use partner_center_webhooks::chain::{
    Anchors, Certificate, CertificatePolicy as _, ChainVerifier, Evidence, PublicKey,
    RevocationList, SignerName, certificates_from_pem,
};
use partner_center_webhooks::crypto::{AwsLcRs, Backend, RustCrypto};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// 2026-11-21T00:00:00Z, the time of cases without one.
const NOW: i64 = 1_795_219_200;

const DIVERGENCES: &str = include_str!("suites/divergences.txt");

#[derive(Deserialize)]
struct Suite {
    testcases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    trusted_certs: Vec<String>,
    untrusted_intermediates: Vec<String>,
    peer_certificate: String,
    validation_time: Option<String>,
    expected_result: Expected,
    expected_peer_name: Option<PeerName>,
    #[serde(default)]
    crls: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum Expected {
    Failure,
    Success,
}

#[derive(Deserialize)]
struct PeerName {
    kind: String,
    value: String,
}

/// How this crate's verdict on a case differs from the suite.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Direction {
    /// Accepted, although the suite refuses.
    Lenient,
    /// A path is found although the suite expects none, and the key policy refuses.
    Key,
    /// The same, and the expected name cannot be a signer name.
    Name,
    /// Refused, although the suite accepts.
    Strict,
}

#[test]
fn limbo_core() {
    run("limbo-core.json", 208);
}

#[test]
fn bettertls_path_building() {
    run("limbo-bettertls-pathbuilding.json", 81);
}

#[test]
fn every_divergence_has_a_reason() {
    for (id, (_, reason)) in divergences() {
        assert!(reason.len() > 40, "{id} has no reason");
    }
}

fn run(file: &str, count: usize) {
    let Some(path) = suites().map(|folder| folder.join(file)) else {
        return;
    };
    let suite: Suite = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(suite.testcases.len(), count);
    let listed = divergences();
    let mut wrong = Vec::new();
    let mut counts = BTreeMap::<String, usize>::new();
    for case in &suite.testcases {
        let found = case.check();
        let direction = listed.get(case.id.as_str()).map(|(direction, _)| *direction);
        let expected = case.expected_result == Expected::Success;
        let diverges = match (found.is_ok(), expected) {
            (true, false) => Some(match direction {
                Some(Direction::Key) if case.leaf_has_a_refused_key() => Direction::Key,
                Some(Direction::Name) if !case.has_a_signer_name() => Direction::Name,
                _ => Direction::Lenient,
            }),
            (false, true) => Some(Direction::Strict),
            _ => None,
        };
        let label = diverges.map_or_else(|| "as expected".to_owned(), |each| format!("{each:?}"));
        *counts.entry(label).or_default() += 1;
        if diverges != direction {
            wrong.push(format!(
                "{}: listed as {direction:?}, found to be {diverges:?} ({})",
                case.id,
                found.err().unwrap_or_else(|| "accepted".to_owned())
            ));
        }
        case.is_refused_by_default();
    }
    println!("{file}: {counts:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let known: BTreeSet<_> = suite.testcases.iter().map(|case| case.id.as_str()).collect();
    let of_this_suite = |id: &&str| id.starts_with("bettertls::") == file.contains("bettertls");
    for id in listed.into_keys().filter(of_this_suite) {
        assert!(known.contains(id), "{id} is listed and does not exist");
    }
}

impl Case {
    fn leaf(&self) -> CertificateDer<'static> {
        certificate(&self.peer_certificate)
    }

    fn time(&self) -> UnixTime {
        let parse = |text: &String| OffsetDateTime::parse(text, &Rfc3339).unwrap();
        let seconds =
            self.validation_time.as_ref().map_or(NOW, |text| parse(text).unix_timestamp());
        UnixTime::since_unix_epoch(Duration::from_secs(seconds.try_into().unwrap()))
    }

    /// An unusable list is treated like a list that could not be fetched.
    fn evidence(&self) -> Evidence {
        let list = |pem: &String| {
            let der = CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).unwrap();
            RevocationList::from_der(&der).ok()
        };
        let issuers = self.untrusted_intermediates.iter();
        Evidence::new(
            issuers.map(|pem| certificate(pem)).collect(),
            self.crls.iter().filter_map(list).collect(),
        )
    }

    fn anchors(&self) -> Result<Anchors, String> {
        let anchors = self.trusted_certs.iter().map(|pem| certificate(pem));
        Anchors::from_certificates(&anchors.collect::<Vec<_>>()).map_err(|error| error.to_string())
    }

    /// Whether a path is found, for the expected name; both backends must give the same result.
    fn check(&self) -> Result<(), String> {
        let one = self.check_with(AwsLcRs::new());
        let other = self.check_with(RustCrypto::new());
        assert_eq!(one, other, "{}", self.id);
        one
    }

    fn check_with(&self, backend: impl Backend + 'static) -> Result<(), String> {
        let leaf = self.leaf();
        ChainVerifier::new(backend, self.anchors()?)
            .find_path(&leaf, &self.evidence(), self.time())
            .map_err(|error| error.to_string())?;
        let Some(name) = self.signer_name() else {
            return Ok(());
        };
        let leaf = Certificate::parse(&leaf).expect("a path leads from it");
        name.check(&leaf).map_err(|error| error.to_string())
    }

    fn signer_name(&self) -> Option<SignerName> {
        let name = self.expected_peer_name.as_ref();
        let name = name.filter(|name| name.kind == "DNS")?;
        name.value.parse().ok()
    }

    /// Whether the expected name, of any kind, can be a signer name.
    fn has_a_signer_name(&self) -> bool {
        let name = self.expected_peer_name.as_ref();
        name.is_none_or(|name| name.value.parse::<SignerName>().is_ok())
    }

    fn leaf_has_a_refused_key(&self) -> bool {
        let leaf = self.leaf();
        Certificate::parse(&leaf).is_ok_and(|leaf| match leaf.public_key() {
            PublicKey::Rsa { bits, exponent: Some(exponent), .. } => {
                let is_odd = exponent % 2 == 1;
                !((2048..=8192).contains(bits) && is_odd && (65_537..1 << 33).contains(exponent))
            }
            _ => true,
        })
    }

    /// The default verifier accepts only Partner Center, with any path. It also refuses with the name that the case expects.
    fn is_refused_by_default(&self) {
        let Ok(anchors) = self.anchors() else { return };
        let verifier = ChainVerifier::new(AwsLcRs::new(), anchors);
        let named = self.signer_name().map(|name| verifier.clone().with_signer_name(name));
        let own = ["online::microsoft.com", "online::bing.com"].contains(&self.id.as_str());
        for (verifier, may_accept) in [(Some(verifier), false), (named, own)] {
            let Some(verifier) = verifier else { continue };
            let verdict = verifier.verify_with(&self.leaf(), &self.evidence(), self.time());
            assert_eq!(verdict.is_ok(), may_accept, "{}: {verdict:?}", self.id);
        }
    }
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    certificates_from_pem(pem.as_bytes()).unwrap().remove(0)
}

/// The direction and the reason of each listed case.
fn divergences() -> BTreeMap<&'static str, (Direction, String)> {
    let mut listed = BTreeMap::new();
    for group in DIVERGENCES.split("\n\n") {
        let (reason, entries): (Vec<_>, Vec<_>) =
            group.lines().filter(|line| !line.is_empty()).partition(|line| line.starts_with('#'));
        let reason = reason.concat();
        for entry in entries {
            let (direction, id) = entry.split_once(' ').expect("a direction and an id");
            let direction = match direction {
                "lenient" => Direction::Lenient,
                "key" => Direction::Key,
                "name" => Direction::Name,
                "strict" => Direction::Strict,
                other => panic!("{other} is no direction"),
            };
            let before = listed.insert(id, (direction, reason.clone()));
            assert!(before.is_none(), "{id} is listed twice");
        }
    }
    listed
}

fn suites() -> Option<PathBuf> {
    let shared = std::env::var_os("PARTNER_CENTER_WEBHOOKS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let suites = shared.join("suites");
    if suites.is_dir() {
        return Some(suites);
    }
    println!(
        "SKIPPED: {} is absent, so the suites of path validation are not run",
        suites.display()
    );
    None
}

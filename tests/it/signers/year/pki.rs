//! Keys, certificates, signed bodies and revocation lists. Slow ones are made once for all years.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use partner_center_webhooks::chain::{
    CertificateDer, ChainVerifier, Revocation, RevocationList, UnixTime,
};
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::source::CertificateBundle;
use partner_center_webhooks::testing::{Issuer, SignedRequest, SigningCertificate};

use crate::support::{ISSUER, NOW};

pub(crate) const BASE: &str = "http://pki.example/";
/// The number of Microsoft's keys in a simulated year. A key is used again, unless it was revoked.
pub(crate) const KEYS: usize = 12;
/// The parts of the revocation list that the test kit publishes.
pub(crate) const PARTS: u32 = 3;
pub(crate) const DAY: u64 = 86_400;

pub(crate) static AUTHORITY: LazyLock<Issuer> =
    LazyLock::new(|| ISSUER.published_at(BASE).unwrap());
pub(crate) static POOL: LazyLock<Pool> = LazyLock::new(Pool::new);

/// Small signed bodies.
const BODIES: [&str; 2] = [r#"{"EventName":"test-created"}"#, r#"{"EventName":"invoice-ready"}"#];
/// An unsigned body.
const ALTERED: &str = r#"{"EventName":"subscription-updated"}"#;

pub(crate) struct Pool {
    recipes: Vec<SigningCertificate<'static>>,
    messages: Vec<Vec<SignedRequest>>,
    strangers: Vec<SignedRequest>,
    /// Certificates that a host may serve by mistake.
    pub(crate) expired: CertificateBundle,
    pub(crate) wrong_name: CertificateBundle,
    pub(crate) of_a_stranger: CertificateBundle,
}

impl Pool {
    fn new() -> Self {
        let recipe = || AUTHORITY.signing_certificate().new_key().unwrap();
        let recipes: Vec<_> = (0..KEYS).map(|_| recipe()).collect();
        let messages = recipes.iter().map(|recipe| {
            let signer = recipe.clone().issue().unwrap();
            BODIES.map(|body| signer.callback(body).unwrap()).to_vec()
        });
        let stranger = Issuer::at(NOW).unwrap().signer().unwrap();
        let strangers = BODIES.map(|body| stranger.callback(body).unwrap());
        let bundle = |recipe: SigningCertificate<'static>| {
            CertificateBundle::new(recipe.issue().unwrap().certificate().clone(), Vec::new())
        };
        let year = unix(NOW.as_secs() + 400 * DAY);
        Self {
            messages: messages.collect(),
            strangers: strangers.to_vec(),
            // For longer than a receiver's clock can be wrong: by a slow one, a certificate of yesterday is good.
            expired: bundle(
                recipe().valid(unix(NOW.as_secs() - 30 * DAY), unix(NOW.as_secs() - DAY)),
            ),
            wrong_name: bundle(
                recipe().valid(unix(NOW.as_secs() - DAY), year).dns_names(["other.microsoft.com"]),
            ),
            of_a_stranger: CertificateBundle::new(stranger.certificate().clone(), Vec::new()),
            recipes,
        }
    }

    /// A certificate for one of the keys.
    pub(crate) fn issue(
        &self,
        key: usize,
        part: u32,
        not_before: u64,
        not_after: u64,
    ) -> CertificateDer<'static> {
        let recipe = self.recipes[key].clone().partition(part);
        let signer = recipe.valid(unix(not_before), unix(not_after)).issue();
        signer.unwrap().certificate().clone()
    }

    /// A genuine callback under a key.
    pub(crate) fn genuine(&self, key: usize, which: usize, url: &str) -> SignedRequest {
        at_url(&self.messages[key][which % BODIES.len()], url)
    }

    /// The signature of a key over another body.
    pub(crate) fn altered(&self, key: usize, url: &str) -> SignedRequest {
        at_url(&self.messages[key][0], url).with_body(ALTERED)
    }

    /// A callback under an uncertified key.
    pub(crate) fn strangers(&self, which: usize, url: &str) -> SignedRequest {
        at_url(&self.strangers[which % BODIES.len()], url)
    }
}

pub(crate) fn unix(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

pub(crate) fn chain(revocation: Revocation, knows_intermediates: bool) -> ChainVerifier {
    let chain = ChainVerifier::new(AwsLcRs::new(), AUTHORITY.anchors().unwrap());
    let chain = chain.with_revocation(revocation);
    match knows_intermediates {
        true => chain.with_intermediates(AUTHORITY.intermediates()),
        false => chain,
    }
}

fn at_url(callback: &SignedRequest, url: &str) -> SignedRequest {
    let callback = callback.clone();
    callback.with_header("x-ms-certificate-url", url.as_bytes()).unwrap()
}

/// The content of an authority, by URL.
pub(crate) type Pages = Arc<BTreeMap<String, Bytes>>;

/// The content of the authority at a time, in Unix seconds. The lists are in force for six days from then on.
pub(crate) fn pages(at: u64, revoked: &[CertificateDer<'static>]) -> Pages {
    static KEPT: LazyLock<Mutex<HashMap<u64, Pages>>> = LazyLock::new(Mutex::default);
    let make = || {
        let issuer = AUTHORITY.at_time(unix(at));
        let issuer =
            revoked.iter().fold(issuer, |issuer, certificate| issuer.with_revoked(certificate));
        let pages = issuer.publications().unwrap().into_iter();
        Arc::new(pages.map(|(path, bytes)| (format!("{BASE}{path}"), bytes.into())).collect())
    };
    match revoked.is_empty() {
        true => Pages::clone(KEPT.lock().unwrap().entry(at).or_insert_with(make)),
        false => make(),
    }
}

/// The part of the leaf certificates' list that a URL serves.
pub(crate) fn part_of(url: &str) -> Option<u32> {
    (0..PARTS).find(|part| url.ends_with(&format!("Partition{part:05}.crl")))
}

/// The fakes publish what the model states.
#[test]
fn lists_are_of_their_time() {
    let at = NOW.as_secs() + 100 * DAY;
    let revoked = POOL.issue(KEYS - 1, 1, at, at + DAY);
    for (pages, names_it) in [(pages(at, &[revoked]), true), (pages(at, &[]), false)] {
        let (url, der) = pages.iter().find(|(url, _)| part_of(url) == Some(1)).unwrap();
        assert!(url.starts_with(BASE));
        let list = RevocationList::from_der(der).unwrap();
        assert_eq!(list.next_update(), unix(at + 6 * DAY));
        assert!(list.is_current(unix(at)) && !list.is_current(NOW));
        let unrevoked = pages_without(at);
        assert_eq!(*der != unrevoked, names_it);
    }
}

fn pages_without(at: u64) -> Bytes {
    let pages = pages(at, &[]);
    let (_, der) = pages.iter().find(|(url, _)| part_of(url) == Some(1)).unwrap();
    der.clone()
}

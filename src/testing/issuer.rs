//! The throw-away certificate authority.

use rustls_pki_types::{CertificateDer, UnixTime};
use x509_cert::ext::pkix::KeyUsages;

use super::certificate::{Name, Recipe, SERVER_AUTH, SigningCertificate};
use super::key::{IssuerError, Key};
use super::revocation_list::RevocationListRecipe;
use super::signer::Signer;
use crate::chain::{Anchors, CertificatesError, ChainVerifier, certificate_to_pem};
use crate::crypto::Backend;
use crate::receiver::ReceiverBuilder;
use crate::source::{CertificateBundle, Pinned};

/// A root and an intermediate CA with keys of their own, made for the occasion.
///
/// Making one costs some tenths of a second for its three RSA keys; issuing a certificate costs a millisecond.
///
/// An issuer is a value: what changes it gives another one, and what was issued before stays as it is.
#[derive(Clone, Debug)]
pub struct Issuer {
    now: UnixTime,
    root_name: Name,
    root: CertificateDer<'static>,
    root_key: Key,
    /// What the intermediate's certificate was made of.
    intermediate_recipe: Recipe,
    intermediate: CertificateDer<'static>,
    intermediate_key: Key,
    signing_key: Key,
    /// Where it publishes its certificates and lists; nowhere if empty.
    base_url: String,
    revoked: Vec<CertificateDer<'static>>,
}

impl Issuer {
    /// An issuer of the present.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if its keys could not be made.
    pub fn new() -> Result<Self, IssuerError> {
        Self::at(UnixTime::now())
    }

    /// An issuer of another time: what it issues is valid around `now`.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if its keys could not be made.
    pub fn at(now: UnixTime) -> Result<Self, IssuerError> {
        let root_key = Key::generate()?;
        let root_name = name(ROOT_NAME);
        let intermediate_key = Key::generate()?;
        let intermediate_recipe = authority(INTERMEDIATE_NAME, now);
        Ok(Self {
            now,
            root: authority(ROOT_NAME, now).issue(&root_key, &root_name, &root_key)?,
            intermediate: intermediate_recipe.issue(&intermediate_key, &root_name, &root_key)?,
            root_name,
            root_key,
            intermediate_recipe,
            intermediate_key,
            signing_key: Key::generate()?,
            base_url: String::new(),
            revoked: Vec::new(),
        })
    }

    /// The same issuer, root and keys, with another name on its intermediate.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if the name does not fit into a certificate.
    pub fn with_intermediate_name(&self, name: Name) -> Result<Self, IssuerError> {
        self.with_intermediate(Recipe {
            subject: name,
            ..self.intermediate_recipe.clone()
        })
    }

    /// The same issuer with its intermediate's certificate issued anew: one name and one key, another serial number. As
    /// Microsoft did with five CAs in 2025.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if it could not be made.
    pub fn reissued(&self) -> Result<Self, IssuerError> {
        self.with_intermediate(Recipe {
            not_before: self.intermediate_recipe.not_before.saturating_add(1),
            ..self.intermediate_recipe.clone()
        })
    }

    /// The same issuer with an intermediate that ended a second ago.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if it could not be made.
    pub fn with_expired_intermediate(&self) -> Result<Self, IssuerError> {
        self.with_intermediate(Recipe {
            not_after: self.now.as_secs().saturating_sub(1),
            ..self.intermediate_recipe.clone()
        })
    }

    /// The same issuer, publishing under `base_url`, which ends in `/`: its certificates name where their issuers'
    /// certificates and revocation lists can be had. See [`publications`](Self::publications).
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if the URL does not fit into a certificate.
    pub fn published_at(&self, base_url: impl Into<String>) -> Result<Self, IssuerError> {
        let base_url = base_url.into();
        let recipe = Recipe {
            issuer_urls: vec![format!("{base_url}{ROOT_FILE}")],
            revocation_list_urls: vec![format!("{base_url}{ROOT_LIST}")],
            ..self.intermediate_recipe.clone()
        };
        Self {
            base_url,
            ..self.clone()
        }
        .with_intermediate(recipe)
    }

    /// The same issuer at another time: what the returned issuer issues and publishes is valid around `now`.
    ///
    /// Keys and CA certificates stay the same. The CA certificates are valid for five years before and after the time
    /// that the issuer was made for.
    ///
    /// # Example: the revocation lists of next month
    ///
    /// ```
    /// use std::time::Duration;
    /// use partner_center_webhooks::chain::{RevocationList, UnixTime};
    /// use partner_center_webhooks::testing::Issuer;
    ///
    /// let issuer = Issuer::new()?;
    /// let month = Duration::from_secs(30 * 24 * 60 * 60);
    /// let later = UnixTime::since_unix_epoch(Duration::from_secs(issuer.now().as_secs()) + month);
    /// for (path, bytes) in issuer.at_time(later).publications()? {
    ///     if path.ends_with(".crl") {
    ///         assert!(RevocationList::from_der(&bytes)?.is_current(later));
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn at_time(&self, now: UnixTime) -> Self {
        Self {
            now,
            ..self.clone()
        }
    }

    /// The same issuer having revoked `certificate`, of a signer or of its intermediate.
    #[must_use]
    pub fn with_revoked(&self, certificate: &CertificateDer<'_>) -> Self {
        let mut issuer = self.clone();
        issuer.revoked.push(certificate.clone().into_owned());
        issuer
    }

    /// This issuer's root as an intermediate of `other`'s: a cross-signature.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if it could not be made.
    pub fn cross_signed_by(&self, other: &Self) -> Result<CertificateDer<'static>, IssuerError> {
        let recipe = Recipe {
            subject: self.root_name.clone(),
            ..authority(ROOT_NAME, self.now)
        };
        recipe.issue(&self.root_key, &other.root_name, &other.root_key)
    }

    /// The same issuer with another name on its root.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if the name does not fit into a certificate.
    pub fn with_root_name(&self, name: Name) -> Result<Self, IssuerError> {
        let recipe = Recipe {
            subject: name.clone(),
            ..authority(ROOT_NAME, self.now)
        };
        Self {
            root: recipe.issue(&self.root_key, &name, &self.root_key)?,
            root_name: name,
            ..self.clone()
        }
        .with_intermediate(self.intermediate_recipe.clone())
    }

    fn with_intermediate(&self, recipe: Recipe) -> Result<Self, IssuerError> {
        Ok(Self {
            intermediate: recipe.issue(&self.intermediate_key, &self.root_name, &self.root_key)?,
            intermediate_recipe: recipe,
            ..self.clone()
        })
    }

    /// What it publishes: paths under its base URL, and the bytes to serve there. The certificates of root and intermediate
    /// in DER, the root's revocation list, and the parts of the intermediate's, each valid from a day ago for a week.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if a list could not be made.
    pub fn publications(&self) -> Result<Vec<(String, Vec<u8>)>, IssuerError> {
        let day = 24 * 60 * 60;
        let now = self.now.as_secs();
        let list = |issuer: &Name, key: &Key, path: &str, partitioned: bool| {
            let list = RevocationListRecipe {
                issuer,
                this_update: now.saturating_sub(day),
                next_update: now.saturating_add(6 * day),
                revoked: &self.revoked,
                partition: partitioned.then(|| format!("{}{path}", self.base_url)),
            };
            Ok::<_, IssuerError>((path.to_owned(), list.issue(key)?))
        };
        let mut published = vec![
            (ROOT_FILE.to_owned(), self.root.to_vec()),
            (INTERMEDIATE_FILE.to_owned(), self.intermediate.to_vec()),
            list(&self.root_name, &self.root_key, ROOT_LIST, false)?,
        ];
        for part in 0..PARTITIONS {
            let (name, key) = (self.intermediate_name(), &self.intermediate_key);
            published.push(list(name, key, &partition_path(part), true)?);
        }
        Ok(published)
    }

    pub(super) fn issuer_urls(&self) -> Vec<String> {
        match self.base_url.is_empty() {
            true => Vec::new(),
            false => vec![format!("{}{INTERMEDIATE_FILE}", self.base_url)],
        }
    }

    pub(super) fn revocation_list_urls(&self, part: u32) -> Vec<String> {
        match self.base_url.is_empty() {
            true => Vec::new(),
            false => vec![format!("{}{}", self.base_url, partition_path(part))],
        }
    }

    /// The time around which its certificates are valid.
    pub fn now(&self) -> UnixTime {
        self.now
    }

    /// The root's certificate.
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// The root's certificate as PEM.
    pub fn root_pem(&self) -> String {
        certificate_to_pem(&self.root)
    }

    /// The intermediate's certificate.
    pub fn intermediate(&self) -> &CertificateDer<'static> {
        &self.intermediate
    }

    /// The intermediate's certificate as PEM.
    pub fn intermediate_pem(&self) -> String {
        certificate_to_pem(&self.intermediate)
    }

    /// The certificates between the root and what it issues.
    pub fn intermediates(&self) -> [CertificateDer<'static>; 1] {
        [self.intermediate.clone()]
    }

    /// The root, as somebody who trusts it needs it.
    ///
    /// # Errors
    ///
    /// None in practice: a root that this issuer made can be an anchor.
    pub fn anchors(&self) -> Result<Anchors, CertificatesError> {
        Anchors::from_certificates(std::slice::from_ref(&self.root))
    }

    /// A good signing certificate and its key.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if it could not be made.
    pub fn signer(&self) -> Result<Signer, IssuerError> {
        self.signing_certificate().issue()
    }

    /// A signing certificate to be changed before it is issued.
    pub fn signing_certificate(&self) -> SigningCertificate<'_> {
        SigningCertificate::new(self, self.signing_key.clone())
    }

    /// A receiver that trusts this issuer, lives in its time, and finds `signer`'s certificate without a network.
    ///
    /// `backend` is the crypto library to test with, as in `DefaultBackend::new()`.
    ///
    /// # Errors
    ///
    /// As [`anchors`](Self::anchors).
    pub fn receiver(
        &self,
        backend: impl Backend + 'static,
        signer: &Signer,
    ) -> Result<ReceiverBuilder, CertificatesError> {
        let chain =
            ChainVerifier::new(backend, self.anchors()?).with_intermediates(self.intermediates());
        let source = Pinned::new(CertificateBundle::new(
            signer.certificate().clone(),
            Vec::new(),
        ));
        let now = self.now;
        Ok(ReceiverBuilder::new(chain, source).clock(move || now))
    }

    pub(super) fn intermediate_name(&self) -> &Name {
        &self.intermediate_recipe.subject
    }

    pub(super) fn intermediate_key(&self) -> &Key {
        &self.intermediate_key
    }
}

/// A CA's certificate, valid for ten years around `now`.
fn authority(common_name: &str, now: UnixTime) -> Recipe {
    let five_years = 5 * 365 * 24 * 60 * 60;
    Recipe {
        subject: name(common_name),
        not_before: now.as_secs().saturating_sub(five_years),
        not_after: now.as_secs().saturating_add(five_years),
        dns_names: Vec::new(),
        is_ca: true,
        key_usage: Some(KeyUsages::KeyCertSign | KeyUsages::CRLSign),
        purposes: Some(vec![SERVER_AUTH]),
        unknown_critical: false,
        issuer_urls: Vec::new(),
        revocation_list_urls: Vec::new(),
    }
}

/// As Microsoft's CAs are named.
fn name(common_name: &str) -> Name {
    Name::new()
        .country("US")
        .organization("Microsoft Corporation")
        .common_name(common_name)
}

fn partition_path(part: u32) -> String {
    format!("crl/partition/Throw-away_Partition{part:05}.crl")
}

const ROOT_FILE: &str = "certs/Throw-away%20TLS%20RSA%20Root%20G2.crt";
const INTERMEDIATE_FILE: &str = "certs/Throw-away%20TLS%20G2%20RSA%20CA%20OCSP%2002.crt";
const ROOT_LIST: &str = "crl/Throw-away_Root.crl";
/// Microsoft's lists have about a hundred parts.
const PARTITIONS: u32 = 3;
const ROOT_NAME: &str = "Throw-away TLS RSA Root G2";
const INTERMEDIATE_NAME: &str = "Throw-away TLS G2 RSA CA OCSP 02";

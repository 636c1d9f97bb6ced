//! The throw-away CA.

use rustls_pki_types::{CertificateDer, UnixTime};

use super::key::Key;
use super::signer::Signer;
use super::x509::{Recipe, RevocationListRecipe};
use crate::chain::{Anchors, ChainVerifier, ParseError, certificate_to_pem};
use crate::crypto::Backend;
use crate::receiver::ReceiverBuilder;
use crate::source::CertificateBundle;
use crate::testing::error::TestKitError;

/// A throw-away root and intermediate CA with fresh keys.
///
/// Creating one takes a few tenths of a second, because it generates three RSA keys; issuing a certificate takes a millisecond.
///
/// An issuer is a value: methods that change it return a new issuer, and issued certificates stay as they are.
///
/// # Example: an intermediate that is reissued
///
/// ```
/// use partner_center_webhooks::chain::ChainVerifier;
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::testing::Issuer;
///
/// let issuer = Issuer::new()?;
/// let reissued = issuer.reissued()?;
/// assert_ne!(issuer.intermediate(), reissued.intermediate());
///
/// // Name and key are the same, so either leads from the signing certificate to the root.
/// let signer = issuer.signer()?;
/// for issuer in [&issuer, &reissued] {
///     let chain = ChainVerifier::new(DefaultBackend::new(), issuer.anchors()?)
///         .with_intermediates(issuer.intermediates());
///     assert!(chain.verify(signer.certificate(), &[], issuer.now()).is_ok());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Issuer {
    now: UnixTime,
    /// The time that CA certificates are valid around.
    created: UnixTime,
    root_name: String,
    root: CertificateDer<'static>,
    root_key: Key,
    /// The content of the intermediate certificate.
    intermediate_recipe: Recipe,
    intermediate: CertificateDer<'static>,
    intermediate_key: Key,
    signing_key: Key,
    /// Where certificates and revocation lists are published; empty if they are not.
    base_url: String,
    revoked: Vec<CertificateDer<'static>>,
}

impl Issuer {
    /// Creates an issuer whose certificates are valid now.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if a key could not be generated.
    pub fn new() -> Result<Self, TestKitError> {
        Self::at(UnixTime::now())
    }

    /// Creates an issuer whose certificates are valid around `now`.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if a key could not be generated.
    pub fn at(now: UnixTime) -> Result<Self, TestKitError> {
        Self::with_keys(now, [Key::generate()?, Key::generate()?, Key::generate()?])
    }

    /// Restores the issuer that was created at `created`, from its [private keys](Self::private_keys).
    pub(in crate::testing) fn restored(
        created: UnixTime,
        [root, intermediate, signing]: &[Vec<u8>; 3],
    ) -> Result<Self, TestKitError> {
        let key = |pkcs8: &[u8]| Key::from_private_key(pkcs8);
        Self::with_keys(created, [key(root)?, key(intermediate)?, key(signing)?])
    }

    fn with_keys(
        now: UnixTime,
        [root_key, intermediate_key, signing_key]: [Key; 3],
    ) -> Result<Self, TestKitError> {
        let root_name = name(ROOT_NAME);
        let intermediate_recipe = Recipe::authority(name(INTERMEDIATE_NAME), now);
        Ok(Self {
            now,
            root: Recipe::authority(root_name.clone(), now)
                .issue(&root_key, &root_name, &root_key)?,
            intermediate: intermediate_recipe.issue(&intermediate_key, &root_name, &root_key)?,
            root_name,
            root_key,
            intermediate_recipe,
            intermediate_key,
            signing_key,
            created: now,
            base_url: String::new(),
            revoked: Vec::new(),
        })
    }

    /// Returns the issuer with another name on its intermediate; root and keys stay the same.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the name cannot be encoded.
    pub fn with_intermediate_name(&self, name: &str) -> Result<Self, TestKitError> {
        self.with_intermediate(Recipe {
            subject: name.to_owned(),
            ..self.intermediate_recipe.clone()
        })
    }

    /// Returns the issuer with its intermediate certificate reissued: same name and key, another serial number. Microsoft
    /// did this with five CAs in 2025.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the certificate could not be issued.
    pub fn reissued(&self) -> Result<Self, TestKitError> {
        self.with_intermediate(Recipe {
            not_before: self.intermediate_recipe.not_before.saturating_add(1),
            ..self.intermediate_recipe.clone()
        })
    }

    /// Returns the issuer with an intermediate that expired a second ago.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the certificate could not be issued.
    pub fn with_expired_intermediate(&self) -> Result<Self, TestKitError> {
        self.with_intermediate(Recipe {
            not_after: self.now.as_secs().saturating_sub(1),
            ..self.intermediate_recipe.clone()
        })
    }

    /// Returns the issuer publishing under `base_url`, which ends in `/`: its certificates name the URLs of issuer
    /// certificates and revocation lists. See [`publications`](Self::publications).
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the URL cannot be encoded.
    pub fn published_at(&self, base_url: impl Into<String>) -> Result<Self, TestKitError> {
        let base_url = base_url.into();
        let recipe = Recipe {
            issuer_urls: vec![format!("{base_url}{ROOT_FILE}")],
            revocation_list_urls: vec![format!("{base_url}{ROOT_LIST}")],
            ..self.intermediate_recipe.clone()
        };
        Self { base_url, ..self.clone() }.with_intermediate(recipe)
    }

    /// Returns the issuer at another time: its certificates and revocation lists are valid around `now`.
    ///
    /// Keys and CA certificates stay the same. CA certificates are valid for five years before and after the time the
    /// issuer was created for.
    ///
    /// # Example: next month's revocation lists
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
        Self { now, ..self.clone() }
    }

    /// Returns the issuer with `certificate`, of a signer or of its intermediate, revoked.
    ///
    /// # Example
    ///
    /// ```
    /// use partner_center_webhooks::testing::Issuer;
    ///
    /// let issuer = Issuer::new()?.published_at("http://pki.example/")?;
    /// let signer = issuer.signer()?;
    /// let revoked = issuer.with_revoked(signer.certificate());
    /// assert_ne!(revoked.publications()?, issuer.publications()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_revoked(&self, certificate: &CertificateDer<'_>) -> Self {
        let mut issuer = self.clone();
        issuer.revoked.push(certificate.clone().into_owned());
        issuer
    }

    /// Issues this issuer's root as an intermediate of `other`'s root: a cross-certificate.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the certificate could not be issued.
    pub fn cross_signed_by(&self, other: &Self) -> Result<CertificateDer<'static>, TestKitError> {
        let recipe = Recipe::authority(self.root_name.clone(), self.now);
        Ok(recipe.issue(&self.root_key, &other.root_name, &other.root_key)?)
    }

    /// Returns the issuer with another name on its root.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the name cannot be encoded.
    pub fn with_root_name(&self, name: &str) -> Result<Self, TestKitError> {
        let recipe = Recipe::authority(name.to_owned(), self.now);
        Self {
            root: recipe.issue(&self.root_key, name, &self.root_key)?,
            root_name: name.to_owned(),
            ..self.clone()
        }
        .with_intermediate(self.intermediate_recipe.clone())
    }

    /// Reissues the intermediate from `recipe`.
    fn with_intermediate(&self, recipe: Recipe) -> Result<Self, TestKitError> {
        Ok(Self {
            intermediate: recipe.issue(&self.intermediate_key, &self.root_name, &self.root_key)?,
            intermediate_recipe: recipe,
            ..self.clone()
        })
    }

    /// Returns the files to serve, as paths under the base URL and their bytes: the root and intermediate certificates in DER,
    /// the root's revocation list and the partitions of the intermediate's. Each list is valid from a day ago for a week.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if a list could not be issued.
    ///
    /// # Example
    ///
    /// ```
    /// use partner_center_webhooks::testing::Issuer;
    ///
    /// let issuer = Issuer::new()?.published_at("http://pki.example/")?;
    /// let files = issuer.publications()?;
    /// let lists = files.iter().filter(|(path, _)| path.ends_with(".crl"));
    /// assert_eq!((files.len(), lists.count()), (6, 4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn publications(&self) -> Result<Vec<(String, Vec<u8>)>, TestKitError> {
        let day = 24 * 60 * 60;
        let now = self.now.as_secs();
        let list = |issuer: &str, key: &Key, path: &str, partitioned: bool| {
            let list = RevocationListRecipe {
                issuer,
                this_update: now.saturating_sub(day),
                next_update: now.saturating_add(6 * day),
                revoked: &self.revoked,
                partition: partitioned.then(|| format!("{}{path}", self.base_url)),
            };
            Ok::<_, TestKitError>((path.to_owned(), list.issue(key)?))
        };
        let mut published = vec![
            (ROOT_FILE.to_owned(), self.root.to_vec()),
            (INTERMEDIATE_FILE.to_owned(), self.intermediate.to_vec()),
            list(&self.root_name, &self.root_key, ROOT_LIST, false)?,
        ];
        for number in 0..PARTITIONS {
            let (name, key) = (self.intermediate_name(), &self.intermediate_key);
            published.push(list(name, key, &partition_path(number), true)?);
        }
        Ok(published)
    }

    /// Where the intermediate is published, as signing certificates name it.
    pub(super) fn issuer_urls(&self) -> Vec<String> {
        match self.base_url.is_empty() {
            true => Vec::new(),
            false => vec![format!("{}{INTERMEDIATE_FILE}", self.base_url)],
        }
    }

    /// Where a partition of the intermediate's revocation list is published.
    pub(super) fn revocation_list_urls(&self, number: u32) -> Vec<String> {
        match self.base_url.is_empty() {
            true => Vec::new(),
            false => vec![format!("{}{}", self.base_url, partition_path(number))],
        }
    }

    /// The time around which certificates are valid.
    pub fn now(&self) -> UnixTime {
        self.now
    }

    /// The time that CA certificates are valid around.
    pub(in crate::testing) fn created(&self) -> UnixTime {
        self.created
    }

    /// The private keys of root, intermediate and signer, as PKCS#8.
    pub(in crate::testing) fn private_keys(&self) -> Result<[Vec<u8>; 3], TestKitError> {
        let key = |key: &Key| Ok::<_, TestKitError>(key.private_key()?.as_ref().to_vec());
        Ok([key(&self.root_key)?, key(&self.intermediate_key)?, key(&self.signing_key)?])
    }

    /// The root certificate.
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// The root certificate as PEM.
    pub fn root_pem(&self) -> String {
        certificate_to_pem(&self.root)
    }

    /// The intermediate certificate.
    pub fn intermediate(&self) -> &CertificateDer<'static> {
        &self.intermediate
    }

    /// The intermediate certificate as PEM.
    pub fn intermediate_pem(&self) -> String {
        certificate_to_pem(&self.intermediate)
    }

    /// The certificates between the root and signing certificates.
    pub fn intermediates(&self) -> [CertificateDer<'static>; 1] {
        [self.intermediate.clone()]
    }

    /// The root as a trust anchor.
    ///
    /// # Errors
    ///
    /// None in practice: an issuer's root is a valid anchor.
    pub fn anchors(&self) -> Result<Anchors, ParseError> {
        Anchors::from_certificates(std::slice::from_ref(&self.root))
    }

    /// Builds a receiver that trusts this issuer, uses its clock, and has `signer`'s certificate pinned.
    ///
    /// `backend` is the crypto backend, such as `DefaultBackend::new()`.
    ///
    /// # Errors
    ///
    /// As [`anchors`](Self::anchors).
    pub fn receiver(
        &self,
        backend: impl Backend + 'static,
        signer: &Signer,
    ) -> Result<ReceiverBuilder, ParseError> {
        let chain =
            ChainVerifier::new(backend, self.anchors()?).with_intermediates(self.intermediates());
        let source = CertificateBundle::new(signer.certificate().clone(), Vec::new());
        let now = self.now;
        Ok(ReceiverBuilder::new(chain, source).clock(move || now))
    }

    pub(super) fn intermediate_name(&self) -> &str {
        &self.intermediate_recipe.subject
    }

    pub(super) fn intermediate_key(&self) -> &Key {
        &self.intermediate_key
    }

    pub(super) fn signing_key(&self) -> &Key {
        &self.signing_key
    }
}

/// A name in the form of Microsoft's CAs.
fn name(common_name: &str) -> String {
    format!("CN={common_name},O=Microsoft Corporation,C=US")
}

/// The path of a partition, in the form of Microsoft's.
fn partition_path(number: u32) -> String {
    format!("crl/partition/Throw-away_Partition{number:05}.crl")
}

const ROOT_FILE: &str = "certs/Throw-away%20TLS%20RSA%20Root%20G2.crt";
const INTERMEDIATE_FILE: &str = "certs/Throw-away%20TLS%20G2%20RSA%20CA%20OCSP%2002.crt";
const ROOT_LIST: &str = "crl/Throw-away_Root.crl";
/// Microsoft's lists have about a hundred partitions.
const PARTITIONS: u32 = 3;
const ROOT_NAME: &str = "Throw-away TLS RSA Root G2";
const INTERMEDIATE_NAME: &str = "Throw-away TLS G2 RSA CA OCSP 02";

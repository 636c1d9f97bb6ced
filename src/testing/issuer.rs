//! The throw-away certificate authority.

use rustls_pki_types::{CertificateDer, UnixTime};
use x509_cert::ext::pkix::KeyUsages;

use super::certificate::{Name, Recipe, SERVER_AUTH, SigningCertificate};
use super::key::{IssuerError, Key};
use super::signer::Signer;
use crate::chain::{Anchors, AnchorsError, ChainVerifier, certificate_to_pem};
use crate::crypto::Backend;
use crate::receiver::ReceiverBuilder;
use crate::source::{CertificateBundle, Pinned};

/// A root and an intermediate CA with keys of their own, made for the occasion.
///
/// Making one costs some tenths of a second for its three RSA keys; issuing a certificate costs a millisecond.
#[derive(Clone, Debug)]
pub struct Issuer {
    now: UnixTime,
    root: CertificateDer<'static>,
    root_key: Key,
    intermediate: CertificateDer<'static>,
    intermediate_name: Name,
    intermediate_key: Key,
    signing_key: Key,
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
        let root = authority(ROOT_NAME, now).issue(&root_key, &name(ROOT_NAME), &root_key)?;
        let intermediate_key = Key::generate()?;
        let intermediate = authority(INTERMEDIATE_NAME, now).issue(
            &intermediate_key,
            &name(ROOT_NAME),
            &root_key,
        )?;
        Ok(Self {
            now,
            root,
            root_key,
            intermediate,
            intermediate_name: name(INTERMEDIATE_NAME),
            intermediate_key,
            signing_key: Key::generate()?,
        })
    }

    /// The same issuer, root and keys, with another name on its intermediate.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if the name does not fit into a certificate.
    pub fn with_intermediate_name(&self, name: Name) -> Result<Self, IssuerError> {
        let recipe = Recipe {
            subject: name.clone(),
            ..authority(INTERMEDIATE_NAME, self.now)
        };
        Ok(Self {
            intermediate: recipe.issue(
                &self.intermediate_key,
                &self::name(ROOT_NAME),
                &self.root_key,
            )?,
            intermediate_name: name,
            ..self.clone()
        })
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
    pub fn anchors(&self) -> Result<Anchors, AnchorsError> {
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
    ) -> Result<ReceiverBuilder, AnchorsError> {
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
        &self.intermediate_name
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
    }
}

/// As Microsoft's CAs are named.
fn name(common_name: &str) -> Name {
    Name::new()
        .country("US")
        .organization("Microsoft Corporation")
        .common_name(common_name)
}

const ROOT_NAME: &str = "Throw-away TLS RSA Root G2";
const INTERMEDIATE_NAME: &str = "Throw-away TLS G2 RSA CA OCSP 02";

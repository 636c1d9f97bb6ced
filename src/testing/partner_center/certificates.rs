//! The certificate host: signing certificates under `/cert/`, and what their issuer publishes under `/pki/`.

use std::collections::HashMap;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};

use super::forgery::Forgery;
use crate::testing::{Issuer, IssuerError, Signer};

/// Whose certificates callbacks are signed with.
#[derive(Debug)]
pub(super) struct Certificates {
    issuer: Issuer,
    signer: Signer,
    location: String,
    /// How many other certificates were asked for, and which of them is in place.
    rotations: u64,
    rotated: u64,
    /// What lies beside the signing certificate, by file name.
    others: HashMap<String, CertificateDer<'static>>,
    /// Making a signer costs an RSA key for some of them.
    forgers: HashMap<Forgery, Signer>,
}

impl Certificates {
    pub(super) fn new(issuer: &Issuer, base_url: &str) -> Result<Self, IssuerError> {
        let issuer = issuer.published_at(format!("{base_url}{PKI}"))?;
        let location = format!("{base_url}{CERT}");
        Ok(Self {
            signer: issuer
                .signer()?
                .with_certificate_url(format!("{location}{FILE}")),
            issuer,
            location,
            rotations: 0,
            rotated: 0,
            others: HashMap::new(),
            forgers: HashMap::new(),
        })
    }

    pub(super) fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.signer
    }

    /// What another signing certificate is to be made of. Making it takes a while, for it has another key.
    pub(super) fn next(&mut self) -> Next {
        // Certificates of an issuer are told by their dates, and so are revoked ones.
        self.rotations = self.rotations.saturating_add(1);
        let (now, day) = (self.issuer.now().as_secs(), 24 * 60 * 60);
        let not_before = now.saturating_sub(day).saturating_add(self.rotations);
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        Next {
            issuer: self.issuer.clone(),
            valid: [at(not_before), at(now.saturating_add(99 * day))],
            number: self.rotations,
        }
    }

    /// Puts another certificate in the signing certificate's place, unless one that is newer was there first.
    pub(super) fn rotate(&mut self, number: u64, next: Signer) {
        if number > self.rotated {
            self.rotated = number;
            self.signer = next.with_certificate_url(format!("{}{FILE}", self.location));
        }
    }

    /// Puts the signing certificate on its issuer's list.
    pub(super) fn revoke(&mut self) {
        self.issuer = self.issuer.with_revoked(self.signer.certificate());
    }

    /// Whoever forges in this way, with his certificate lying where genuine ones do.
    pub(super) fn forger(
        &mut self,
        forgery: Forgery,
        make: impl FnOnce(&Issuer) -> Result<Signer, IssuerError>,
    ) -> Result<Signer, IssuerError> {
        if let Some(forger) = self.forgers.get(&forgery) {
            return Ok(forger.clone());
        }
        let name = format!("{forgery}.cer");
        let forger = make(&self.issuer)?.with_certificate_url(format!("{}{name}", self.location));
        self.others.insert(name, forger.certificate().clone());
        self.forgers.insert(forgery, forger.clone());
        Ok(forger)
    }

    /// What is served at `path`.
    pub(super) fn file(&self, path: &str) -> Result<Option<Vec<u8>>, IssuerError> {
        if let Some(path) = path.strip_prefix(PKI) {
            let published = self.issuer.publications()?;
            let file = published.into_iter().find(|(at, _)| at == path);
            return Ok(file.map(|(_, bytes)| bytes));
        }
        let certificate = match path.strip_prefix(CERT) {
            Some(FILE) => Some(self.signer.certificate()),
            Some(name) => self.others.get(name),
            None => None,
        };
        Ok(certificate.map(|certificate| certificate.to_vec()))
    }
}

/// A signing certificate that is not made yet.
pub(super) struct Next {
    issuer: Issuer,
    valid: [UnixTime; 2],
    pub(super) number: u64,
}

impl Next {
    pub(super) fn make(&self) -> Result<Signer, IssuerError> {
        let [not_before, not_after] = self.valid;
        let certificate = self.issuer.signing_certificate();
        let certificate = certificate.valid(not_before, not_after);
        certificate.new_key()?.issue()
    }
}

/// Whether `path` is the certificate host's.
pub(super) fn is_hosted(path: &str) -> bool {
    path.starts_with(CERT) || path.starts_with(PKI)
}

/// Where signing certificates are.
pub(super) const CERT: &str = "/cert/";
/// Where issuers' certificates and revocation lists are.
pub(super) const PKI: &str = "/pki/";
/// Source: "Partner Center webhooks", "How to authenticate the callback".
pub(super) const FILE: &str = "pcnotifications-dispatch.microsoft.com.cer";

//! The certificate host: signing certificates under `/cert/`, issuer certificates and revocation lists under `/pki/`.
//!
//! A rotation replaces the certificate and its key under the same URL, as Microsoft does. A receiver that
//! still has the old certificate must fetch the new one.

use std::collections::HashMap;
use std::time::Duration;

use rustls_pki_types::UnixTime;

use crate::testing::authority::{Issuer, Signer};
use crate::testing::error::TestKitError;

/// The signer of callbacks, its issuer, and the signers of forgeries.
pub(super) struct Certificates {
    issuer: Issuer,
    signer: Signer,
    location: String,
    /// How many rotations began, and the number of the one in effect.
    rotations: u64,
    current_rotation: u64,
    /// Whether the certificate in effect is on the revocation list. A rotation replaces it by one that is not.
    is_revoked: bool,
    /// Signers of forgeries by file name. They are kept because some need a new RSA key.
    forgers: HashMap<String, Signer>,
}

impl Certificates {
    /// Publishes `issuer` at this fake, and issues the first signing certificate.
    pub(super) fn new(issuer: &Issuer, base_url: &str) -> Result<Self, TestKitError> {
        let issuer = issuer.published_at(format!("{base_url}{PKI}"))?;
        let location = format!("{base_url}{CERT}");
        Ok(Self {
            signer: issuer.signer()?.with_certificate_url(format!("{location}{FILE}")),
            issuer,
            location,
            rotations: 0,
            current_rotation: 0,
            is_revoked: false,
            forgers: HashMap::new(),
        })
    }

    pub(super) fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Begins a rotation. Issuing its certificate is slow, because it generates a key.
    pub(super) fn next(&mut self) -> Rotation {
        // Certificates of an issuer, including revoked ones, are distinguished by their dates.
        self.rotations = self.rotations.saturating_add(1);
        let (now, day) = (self.issuer.now().as_secs(), 24 * 60 * 60);
        let not_before = now.saturating_sub(day).saturating_add(self.rotations);
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        Rotation {
            issuer: self.issuer.clone(),
            valid: [at(not_before), at(now.saturating_add(99 * day))],
            number: self.rotations,
        }
    }

    /// Completes a rotation, unless a later one is in effect.
    pub(super) fn rotate(&mut self, number: u64, next: Signer) {
        if number > self.current_rotation {
            self.current_rotation = number;
            self.is_revoked = false;
            self.signer = next.with_certificate_url(format!("{}{FILE}", self.location));
        }
    }

    /// Adds the signing certificate to its issuer's revocation list.
    pub(super) fn revoke(&mut self) {
        self.issuer = self.issuer.with_revoked(self.signer.certificate());
        self.is_revoked = true;
    }

    /// Whether the signing certificate is revoked.
    pub(super) fn is_revoked(&self) -> bool {
        self.is_revoked
    }

    /// The signer of a forgery, whose certificate is served at `name` beside the genuine one.
    pub(super) fn forger(
        &mut self,
        name: String,
        create: impl FnOnce(&Issuer) -> Result<Signer, TestKitError>,
    ) -> Result<Signer, TestKitError> {
        if let Some(forger) = self.forgers.get(&name) {
            return Ok(forger.clone());
        }
        let url = format!("{}{name}", self.location);
        let forger = create(&self.issuer)?.with_certificate_url(url);
        self.forgers.insert(name, forger.clone());
        Ok(forger)
    }

    /// The file served at `path`.
    pub(super) fn file(&self, path: &str) -> Result<Option<Vec<u8>>, TestKitError> {
        if let Some(path) = path.strip_prefix(PKI) {
            let published = self.issuer.publications()?;
            let file = published.into_iter().find(|(at, _)| at == path);
            return Ok(file.map(|(_, bytes)| bytes));
        }
        let certificate = match path.strip_prefix(CERT) {
            Some(FILE) => Some(self.signer.certificate()),
            Some(name) => self.forgers.get(name).map(Signer::certificate),
            None => None,
        };
        Ok(certificate.map(|certificate| certificate.to_vec()))
    }
}

/// A rotation whose certificate is not issued yet.
pub(super) struct Rotation {
    issuer: Issuer,
    valid: [UnixTime; 2],
    pub(super) number: u64,
}

impl Rotation {
    /// Generates the key and issues the certificate. Slow: call it without the lock.
    pub(super) fn issue(&self) -> Result<Signer, TestKitError> {
        let [not_before, not_after] = self.valid;
        let certificate = self.issuer.signing_certificate();
        let certificate = certificate.valid(not_before, not_after);
        certificate.new_key()?.issue()
    }
}

/// Whether `path` belongs to the certificate host.
pub(super) fn is_hosted(path: &str) -> bool {
    path.starts_with(CERT) || path.starts_with(PKI)
}

/// The path prefix of signing certificates.
pub(super) const CERT: &str = "/cert/";
/// The path prefix of issuer certificates and revocation lists.
pub(super) const PKI: &str = "/pki/";
/// The file name of the signing certificate. Source: "Partner Center webhooks", "How to authenticate the callback".
pub(super) const FILE: &str = "pcnotifications-dispatch.microsoft.com.cer";

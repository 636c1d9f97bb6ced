//! The decision: one search gives the verdict on a certificate and the missing evidence.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};

use super::certificate::Certificate;
use super::error::ChainError;
use super::evidence::{Evidence, MissingEvidence, needed_issuers};
use super::path::{Link, Path, RevokedCertificate, Search, Searched};
use super::path_error::PathError;
use super::policy::PolicyError;
use super::public_key::PublicKey;
use super::revocation::{Revocation, RevocationStatus};
use super::revocation_list::after_grace;
use super::signer::{Fingerprint, VerifiedSigner};
use super::summary::{CertificateSummary, rfc3339};
use super::verifier::ChainVerifier;
use crate::crypto::RsaKey;

/// The verdict on a certificate, with the missing evidence.
#[derive(Debug)]
pub(crate) struct Assessment {
    pub(crate) verdict: Result<VerifiedSigner, ChainError>,
    /// Evidence that may change the verdict. Empty if no evidence can.
    #[cfg_attr(
        not(feature = "receiver"),
        expect(dead_code, reason = "used by feature `receiver`")
    )]
    pub(crate) missing: Vec<MissingEvidence>,
    /// The certificates, signing or issuing, that this search found on a list of their issuer.
    #[cfg_attr(
        not(feature = "receiver"),
        expect(dead_code, reason = "used by feature `receiver`")
    )]
    pub(crate) revoked: Vec<RevokedCertificate>,
}

impl Assessment {
    /// A verdict that no evidence can change.
    fn of(verdict: Result<VerifiedSigner, ChainError>) -> Self {
        Self { verdict, missing: Vec::new(), revoked: Vec::new() }
    }
}

impl ChainVerifier {
    /// Verifies that `certificate` is a trusted signing certificate at the time `now`.
    ///
    /// `served` are certificates that came with it: untrusted links, in any order. Pure: no I/O, and no clock is read.
    /// Validity has no tolerance. There are no revocation lists, so with [`Revocation::Required`] use
    /// [`verify_with`](Self::verify_with).
    ///
    /// # Errors
    ///
    /// [`ChainError`]. The order of the checks is policies, validity, path, revocation.
    pub fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        served: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<VerifiedSigner, ChainError> {
        let served = served.iter().map(|each| each.clone().into_owned());
        let evidence = Evidence::new(served.collect(), Vec::new());
        self.verify_with(certificate, &evidence, now)
    }

    /// Verifies `certificate` with all evidence: issuers' certificates, revocation lists, and known revocations.
    ///
    /// # Errors
    ///
    /// [`ChainError`].
    pub fn verify_with(
        &self,
        certificate: &CertificateDer<'_>,
        evidence: &Evidence,
        now: UnixTime,
    ) -> Result<VerifiedSigner, ChainError> {
        self.assess(certificate, evidence, now).verdict
    }

    /// Finds a path from `certificate` to an anchor without known revocations; policies are not checked.
    ///
    /// For diagnosis. The result is not a proof: it cannot verify a body.
    ///
    /// # Errors
    ///
    /// [`PathError`], the most specific one of several paths.
    pub fn find_path(
        &self,
        certificate: &CertificateDer<'_>,
        evidence: &Evidence,
        now: UnixTime,
    ) -> Result<Path, PathError> {
        let issuers = self.issuers(evidence);
        self.search(&issuers, evidence, now).run(certificate).path
    }

    /// Checks the certificate by itself, then searches for a path once, then checks revocation.
    pub(crate) fn assess(
        &self,
        certificate: &CertificateDer<'_>,
        evidence: &Evidence,
        now: UnixTime,
    ) -> Assessment {
        let parsed = match self.check_alone(certificate, now) {
            Ok(parsed) => parsed,
            Err(error) => return Assessment::of(Err(error)),
        };
        let fingerprint = Fingerprint::of(certificate, &*self.backend);
        let refused =
            || ChainError::Revoked { certificate: Box::new(CertificateSummary::of(&parsed)) };
        if self.known_revoked(evidence).contains(&fingerprint) {
            return Assessment::of(Err(refused()));
        }
        let issuers = self.issuers(evidence);
        let Searched { path, revoked } = self.search(&issuers, evidence, now).run(certificate);
        // Even if another path is valid, for example over a twin of the issuer that may not sign lists.
        if revoked.iter().any(|each| each.fingerprint == fingerprint) {
            return Assessment { revoked, ..Assessment::of(Err(refused())) };
        }
        let (verdict, missing) = match path {
            Ok(path) => {
                let missing = self.missing_lists(&path, now);
                (self.accept(certificate, &parsed, path, now), missing)
            }
            Err(error) => {
                // A revoked issuer is useless: its twin may help, and nothing above it can.
                let usable = self.usable(&issuers, evidence, &revoked);
                let missing = needed_issuers(certificate, &usable);
                (Err(self.no_path(error, &parsed, issuers.len())), missing)
            }
        };
        let is_open = match &verdict {
            Ok(_) => true,
            Err(error) => error.depends_on_evidence(),
        };
        Assessment { verdict, missing: if is_open { missing } else { Vec::new() }, revoked }
    }

    /// Checks the certificate by itself: policies, then validity.
    fn check_alone<'c>(
        &self,
        certificate: &'c CertificateDer<'_>,
        now: UnixTime,
    ) -> Result<Certificate<'c>, ChainError> {
        let parsed = Certificate::parse(certificate).map_err(ChainError::Malformed)?;
        let about = || Box::new(CertificateSummary::of(&parsed));
        let refused = |error| ChainError::Policy { error, certificate: about() };
        for policy in &self.policies {
            policy.check(&parsed).map_err(refused)?;
        }
        if let Some(name) = &self.signer_name {
            super::policy::CertificatePolicy::check(name, &parsed).map_err(refused)?;
        }
        let not_before = parsed.not_before();
        if now < not_before {
            let wait = not_before.as_secs().saturating_sub(now.as_secs());
            return Err(ChainError::NotYetValid {
                now: rfc3339(now),
                not_before,
                wait: Duration::from_secs(wait),
                certificate: about(),
            });
        }
        if now > parsed.not_after() {
            return Err(ChainError::Expired { now: rfc3339(now), certificate: about() });
        }
        Ok(parsed)
    }

    /// The configured intermediates, then those of the evidence.
    fn issuers<'e>(&'e self, evidence: &'e Evidence) -> Vec<CertificateDer<'e>> {
        let known = self.intermediates.iter().chain(&evidence.issuers);
        known.map(|each| CertificateDer::from(each.as_ref())).collect()
    }

    /// `issuers` without the revoked ones.
    fn usable<'e>(
        &self,
        issuers: &[CertificateDer<'e>],
        evidence: &Evidence,
        revoked: &[RevokedCertificate],
    ) -> Vec<CertificateDer<'e>> {
        let known = self.known_revoked(evidence);
        let is_revoked = |issuer: &CertificateDer<'_>| {
            let fingerprint = Fingerprint::of(issuer, &*self.backend);
            known.contains(&fingerprint)
                || revoked.iter().any(|each| each.fingerprint == fingerprint)
        };
        let mut usable = issuers.to_vec();
        if !(known.is_empty() && revoked.is_empty()) {
            usable.retain(|issuer| !is_revoked(issuer));
        }
        usable
    }

    fn known_revoked<'e>(&self, evidence: &'e Evidence) -> &'e [Fingerprint] {
        match self.revocation {
            Revocation::DangerOff => &[],
            Revocation::BestEffort | Revocation::Required => &evidence.revoked,
        }
    }

    fn search<'s>(
        &'s self,
        issuers: &'s [CertificateDer<'s>],
        evidence: &'s Evidence,
        now: UnixTime,
    ) -> Search<'s> {
        Search {
            anchors: &self.anchors,
            issuers,
            lists: match self.revocation {
                Revocation::DangerOff => &[],
                Revocation::BestEffort | Revocation::Required => &evidence.revocation_lists,
            },
            revoked: self.known_revoked(evidence),
            backend: &*self.backend,
            now,
        }
    }

    fn no_path(&self, error: PathError, parsed: &Certificate<'_>, links: usize) -> ChainError {
        let certificate = Box::new(CertificateSummary::of(parsed));
        match error {
            PathError::UnknownIssuer => {
                ChainError::UnknownIssuer { links, anchors: self.anchors.len(), certificate }
            }
            error => ChainError::Path { error, certificate },
        }
    }

    fn missing_lists(&self, path: &Path, now: UnixTime) -> Vec<MissingEvidence> {
        if self.revocation == Revocation::DangerOff {
            return Vec::new();
        }
        let uncovered = path.links.iter().filter(|link| link.misses_list(now));
        uncovered
            .map(|link| MissingEvidence::RevocationList {
                of: link.subject.clone(),
                urls: link.revocation_list_urls.clone(),
                issuer_key: link.issuer_key.clone(),
            })
            .collect()
    }

    /// The verdict on a certificate with a valid path.
    fn accept(
        &self,
        certificate: &CertificateDer<'_>,
        parsed: &Certificate<'_>,
        path: Path,
        now: UnixTime,
    ) -> Result<VerifiedSigner, ChainError> {
        let status = |link: &Link| (link.subject.clone(), link.status(self.revocation));
        let revocation = path.links.iter().map(status);
        let revocation: Vec<_> = revocation.collect();
        let mut unknown =
            revocation.iter().filter(|(_, status)| *status == RevocationStatus::Unknown);
        if let (Revocation::Required, Some((subject, _))) = (self.revocation, unknown.next()) {
            return Err(ChainError::RevocationUnknown {
                subject: subject.clone(),
                certificate: Box::new(CertificateSummary::of(parsed)),
            });
        }
        let lists_end = path.links.iter().filter_map(|link| link.list_ends).min();
        let ends = path.links.iter().map(|link| link.not_after);
        let ends = match self.revocation {
            // The lists are part of the proof.
            Revocation::Required => ends.chain(lists_end.map(after_grace)).min(),
            Revocation::BestEffort | Revocation::DangerOff => ends.min(),
        };
        let begins = path.links.iter().map(|link| link.not_before).max();
        let issuers = || path.links.iter().skip(1);
        Ok(VerifiedSigner {
            key: self.key(parsed)?,
            fingerprint: Fingerprint::of(certificate, &*self.backend),
            summary: CertificateSummary::of(parsed),
            dns_names: parsed.dns_names().iter().map(ToString::to_string).collect(),
            valid_from: begins.unwrap_or(now),
            valid_until: ends.unwrap_or(now),
            certificate: certificate.clone().into_owned(),
            issuers: issuers().map(|link| link.der.clone()).collect(),
            expiries: path.links.iter().flat_map(Link::expiries).collect(),
            misses_lists: !self.missing_lists(&path, now).is_empty(),
            revocation_lists_end: lists_end,
            path: issuers().map(|link| &link.subject).chain([&path.anchor]).cloned().collect(),
            revocation,
            backend: Arc::clone(&self.backend),
        })
    }

    fn key(&self, parsed: &Certificate<'_>) -> Result<Box<dyn RsaKey>, ChainError> {
        let about = || Box::new(CertificateSummary::of(parsed));
        let PublicKey::Rsa { der, .. } = parsed.public_key() else {
            return Err(ChainError::Policy {
                error: PolicyError::NotRsa { found: parsed.public_key().algorithm() },
                certificate: about(),
            });
        };
        self.backend.rsa_key(der).map_err(|error| ChainError::Key { error, certificate: about() })
    }
}

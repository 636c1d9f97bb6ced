//! The decision: one look at a certificate says whether it is trusted, and what could be fetched to say more.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};

use super::certificate::{Certificate, CertificateSummary, PublicKey, rfc3339};
use super::error::ChainError;
use super::evidence::{Evidence, MissingEvidence, needed_issuers};
use super::path::{Link, Path, RevokedCertificate, Search, Searched};
use super::path_error::PathError;
use super::policy::PolicyError;
use super::revocation::{Revocation, RevocationStatus};
use super::revocation_list::after_grace;
use super::signer::{Fingerprint, VerifiedSigner};
use super::verifier::ChainVerifier;
use crate::crypto::RsaKey;

/// What one look at a certificate comes to.
#[derive(Debug)]
pub(crate) struct Assessment {
    pub(crate) verdict: Result<VerifiedSigner, ChainError>,
    /// What could be fetched so that the next assessment can say more. Empty if nothing helps.
    pub(crate) missing: Vec<MissingEvidence>,
    /// The certificates (the signing certificate, issuers) that a list of their issuer names as revoked, as far as this
    /// search came across them.
    #[cfg_attr(
        not(feature = "receiver"),
        expect(dead_code, reason = "used by feature `receiver`")
    )]
    pub(crate) revoked: Vec<RevokedCertificate>,
}

impl Assessment {
    /// A verdict that nothing which could be fetched will change.
    fn of(verdict: Result<VerifiedSigner, ChainError>) -> Self {
        Self {
            verdict,
            missing: Vec::new(),
            revoked: Vec::new(),
        }
    }
}

impl ChainVerifier {
    /// Verifies that `certificate` is a signing certificate to trust at the time `now`.
    ///
    /// `served` are certificates that came with it; they are untrusted links, in any order. No I/O, and no clock
    /// is read; validity is compared without tolerance. There are no revocation lists, so with
    /// [`Revocation::Required`] use [`verify_with`](Self::verify_with).
    ///
    /// # Errors
    ///
    /// [`ChainError`]. The certificate itself is judged first, in the order policies, validity; then the path.
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

    /// Verifies `certificate` with everything that was found beside it: issuers' certificates, revocation lists, and
    /// what is known to be revoked.
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

    /// What could be fetched so that [`verify_with`](Self::verify_with) can say more: issuers' certificates if no path
    /// holds, revocation lists if one does and a list is missing. Pure. Empty if nothing that can be fetched helps.
    pub fn needs(
        &self,
        certificate: &CertificateDer<'_>,
        evidence: &Evidence,
        now: UnixTime,
    ) -> Vec<MissingEvidence> {
        self.assess(certificate, evidence, now).missing
    }

    /// Finds a path from `certificate` to an anchor on which nothing is known to be revoked, and asks no policy.
    ///
    /// For diagnosis. The result is not a proof: no body can be verified with it.
    ///
    /// # Errors
    ///
    /// [`PathError`], the most telling one if there are several paths.
    pub fn find_path(
        &self,
        certificate: &CertificateDer<'_>,
        evidence: &Evidence,
        now: UnixTime,
    ) -> Result<Path, PathError> {
        let issuers = self.issuers(evidence);
        self.search(&issuers, evidence, now).run(certificate).path
    }

    /// Judges `certificate`: the certificate by itself, then one search for a path, then its revocation.
    pub(crate) fn assess(
        &self,
        certificate: &CertificateDer<'_>,
        evidence: &Evidence,
        now: UnixTime,
    ) -> Assessment {
        let parsed = match self.judge(certificate, now) {
            Ok(parsed) => parsed,
            Err(error) => return Assessment::of(Err(error)),
        };
        let fingerprint = Fingerprint::of(certificate, &*self.backend);
        let refused = || ChainError::Revoked {
            certificate: Box::new(CertificateSummary::of(&parsed)),
        };
        if self.known_as_revoked(evidence).contains(&fingerprint) {
            return Assessment::of(Err(refused()));
        }
        let issuers = self.issuers(evidence);
        let Searched { path, revoked } = self.search(&issuers, evidence, now).run(certificate);
        // Even if another path holds, over a twin of the issuer that may not sign lists, say.
        if revoked.iter().any(|each| each.fingerprint == fingerprint) {
            return Assessment {
                revoked,
                ..Assessment::of(Err(refused()))
            };
        }
        let (verdict, missing) = match path {
            Ok(path) => {
                let missing = self.missing_lists(&path, now);
                (self.conclude(certificate, &parsed, path, now), missing)
            }
            Err(error) => {
                // A revoked issuer is as good as none: its twin is wanted, and nothing above it.
                let usable = self.usable(&issuers, evidence, &revoked);
                let missing = needed_issuers(certificate, &usable);
                (Err(self.no_path(error, &parsed, issuers.len())), missing)
            }
        };
        let is_open = match &verdict {
            Ok(_) => true,
            Err(error) => error.depends_on_evidence(),
        };
        Assessment {
            verdict,
            missing: if is_open { missing } else { Vec::new() },
            revoked,
        }
    }

    /// The certificate by itself: policies, then validity.
    fn judge<'c>(
        &self,
        certificate: &'c CertificateDer<'_>,
        now: UnixTime,
    ) -> Result<Certificate<'c>, ChainError> {
        let parsed = Certificate::parse(certificate).map_err(ChainError::Malformed)?;
        let about = || Box::new(CertificateSummary::of(&parsed));
        let refused = |error| ChainError::Policy {
            error,
            certificate: about(),
        };
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
            return Err(ChainError::Expired {
                now: rfc3339(now),
                certificate: about(),
            });
        }
        Ok(parsed)
    }

    /// The intermediates that were configured, then those that were found.
    fn issuers<'e>(&'e self, evidence: &'e Evidence) -> Vec<CertificateDer<'e>> {
        let known = self.intermediates.iter().chain(&evidence.issuers);
        known
            .map(|each| CertificateDer::from(each.as_ref()))
            .collect()
    }

    /// `issuers` without those that are revoked.
    fn usable<'e>(
        &self,
        issuers: &[CertificateDer<'e>],
        evidence: &Evidence,
        revoked: &[RevokedCertificate],
    ) -> Vec<CertificateDer<'e>> {
        let known = self.known_as_revoked(evidence);
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

    fn known_as_revoked<'e>(&self, evidence: &'e Evidence) -> &'e [Fingerprint] {
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
            revoked: self.known_as_revoked(evidence),
            backend: &*self.backend,
            now,
        }
    }

    fn no_path(&self, error: PathError, parsed: &Certificate<'_>, links: usize) -> ChainError {
        let certificate = Box::new(CertificateSummary::of(parsed));
        match error {
            PathError::UnknownIssuer => ChainError::UnknownIssuer {
                links,
                anchors: self.anchors.len(),
                certificate,
            },
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

    /// The verdict on a certificate whose path holds.
    fn conclude(
        &self,
        certificate: &CertificateDer<'_>,
        parsed: &Certificate<'_>,
        path: Path,
        now: UnixTime,
    ) -> Result<VerifiedSigner, ChainError> {
        let status = |link: &Link| match (self.revocation, link.list_ends) {
            (Revocation::DangerOff, _) => RevocationStatus::NotChecked,
            (_, Some(_)) => RevocationStatus::Good,
            (_, None) => RevocationStatus::Unknown,
        };
        let revocation = path
            .links
            .iter()
            .map(|link| (link.subject.clone(), status(link)));
        let revocation: Vec<_> = revocation.collect();
        let mut unknown = revocation
            .iter()
            .filter(|(_, status)| *status == RevocationStatus::Unknown);
        if let (Revocation::Required, Some((subject, _))) = (self.revocation, unknown.next()) {
            return Err(ChainError::RevocationUnknown {
                subject: subject.clone(),
                certificate: Box::new(CertificateSummary::of(parsed)),
            });
        }
        let lists_end = path.links.iter().filter_map(|link| link.list_ends).min();
        let ends = path.links.iter().map(|link| link.not_after);
        let ends = match self.revocation {
            // What proves that nothing is revoked is part of the proof.
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
            ends: path.links.iter().flat_map(Link::ends).collect(),
            misses_lists: !self.missing_lists(&path, now).is_empty(),
            revocation_lists_end: lists_end,
            path: issuers()
                .map(|link| &link.subject)
                .chain([&path.anchor])
                .cloned()
                .collect(),
            revocation,
            backend: Arc::clone(&self.backend),
        })
    }

    fn key(&self, parsed: &Certificate<'_>) -> Result<Box<dyn RsaKey>, ChainError> {
        let about = || Box::new(CertificateSummary::of(parsed));
        let PublicKey::Rsa { der, .. } = parsed.public_key() else {
            return Err(ChainError::Policy {
                error: PolicyError::NotRsa {
                    found: parsed.public_key().algorithm(),
                },
                certificate: about(),
            });
        };
        self.backend.rsa_key(der).map_err(|error| ChainError::Key {
            error,
            certificate: about(),
        })
    }
}

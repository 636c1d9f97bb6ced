//! The decision.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::EndEntityCert;

use super::certificate::{is_signed_with, rfc3339};
use super::evidence::needed_issuers;
use super::path::Search;
use super::{
    Anchors, Certificate, CertificatePolicy, CertificateSummary, ChainError, Evidence, Fingerprint,
    Link, Need, Path, PathError, PolicyError, PublicKey, Revocation, RevocationList,
    RevocationStatus, SignerName, VerifiedSigner, policy,
};
use crate::crypto::Backend;

/// Decides which signing certificates are trusted.
///
/// # Example
///
/// ```
/// # #[cfg(all(feature = "testing", feature = "aws-lc-rs"))] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use partner_center_webhooks::chain::{Anchors, ChainError, ChainVerifier};
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::testing::Issuer;
///
/// let issuer = Issuer::new()?;
/// let signer = issuer.signer()?;
/// let chain = ChainVerifier::new(DefaultBackend::new(), Anchors::from_pem(issuer.root_pem().as_bytes())?)
///     .with_intermediates(issuer.intermediates());
///
/// let verified = chain.verify(signer.certificate(), &[], issuer.now())?;
/// assert_eq!(verified.dns_names(), ["pcnotifications-dispatch.microsoft.com"]);
///
/// // The same certificate, for somebody who trusts other roots.
/// let chain = ChainVerifier::microsoft(DefaultBackend::new());
/// let error = chain.verify(signer.certificate(), &[], issuer.now()).unwrap_err();
/// assert!(matches!(error, ChainError::UnknownIssuer { .. }));
/// # Ok(()) }
/// # #[cfg(not(all(feature = "testing", feature = "aws-lc-rs")))] fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct ChainVerifier {
    backend: Arc<dyn Backend>,
    anchors: Anchors,
    intermediates: Vec<CertificateDer<'static>>,
    policies: Vec<Arc<dyn CertificatePolicy>>,
    revocation: Revocation,
    signer_name: Option<SignerName>,
}

impl ChainVerifier {
    /// Trusts `anchors`, with the default policies and the default [`SignerName`].
    pub fn new(backend: impl Backend + 'static, anchors: Anchors) -> Self {
        Self {
            backend: Arc::new(backend),
            anchors,
            intermediates: Vec::new(),
            policies: policy::defaults(),
            revocation: Revocation::default(),
            signer_name: Some(SignerName::default()),
        }
    }

    /// Trusts [`Anchors::microsoft`].
    pub fn microsoft(backend: impl Backend + 'static) -> Self {
        let anchors = Anchors::microsoft(&backend);
        Self::new(backend, anchors)
    }

    /// Replaces the trust anchors.
    #[must_use]
    pub fn with_anchors(mut self, anchors: Anchors) -> Self {
        self.anchors = anchors;
        self
    }

    /// Knows these CA certificates too. They are untrusted links: each still needs a path to an anchor.
    #[must_use]
    pub fn with_intermediates(
        mut self,
        certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Self {
        self.intermediates.extend(certificates);
        self
    }

    /// Forgets the intermediates, to give others in their place.
    #[must_use]
    pub fn without_intermediates(mut self) -> Self {
        self.intermediates.clear();
        self
    }

    /// Replaces every policy but the signer name: key, organization, usage, and those that were
    /// [required](Self::require).
    ///
    /// Dangerous: each of the default ones stands against something real.
    #[must_use]
    pub fn danger_replace_policies(
        mut self,
        policies: impl IntoIterator<Item = Arc<dyn CertificatePolicy>>,
    ) -> Self {
        self.policies = policies.into_iter().collect();
        self
    }

    /// Replaces the signer name pin.
    #[must_use]
    pub fn with_signer_name(mut self, name: SignerName) -> Self {
        self.signer_name = Some(name);
        self
    }

    /// Accepts a certificate for any name, as Microsoft's sample does.
    ///
    /// Dangerous: whatever any holder of any Microsoft TLS certificate signs will pass as Partner Center's.
    #[must_use]
    pub fn danger_accept_any_signer_name(mut self) -> Self {
        self.signer_name = None;
        self
    }

    /// Replaces how much is asked of revocation. Default: [`Revocation::BestEffort`].
    #[must_use]
    pub fn with_revocation(mut self, revocation: Revocation) -> Self {
        self.revocation = revocation;
        self
    }

    /// Asks `policy` too.
    #[must_use]
    pub fn require(mut self, policy: impl CertificatePolicy + 'static) -> Self {
        self.policies.push(Arc::new(policy));
        self
    }

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
        let evidence = Evidence {
            issuers: served
                .iter()
                .map(|each| each.clone().into_owned())
                .collect(),
            revocation_lists: Vec::new(),
        };
        self.verify_with(certificate, &evidence, now)
    }

    /// The same with whatever was found that may help: issuers' certificates, and revocation lists.
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
        let parsed = self.judge(certificate, now)?;
        let about = || Box::new(CertificateSummary::of(&parsed));
        let issuers = self.issuers(evidence);
        let path = self
            .search(&issuers, evidence, now)
            .run(certificate)
            .map_err(|error| match error {
                PathError::UnknownIssuer => ChainError::UnknownIssuer {
                    links: issuers.len(),
                    anchors: self.anchors.len(),
                    certificate: about(),
                    problems: Vec::new(),
                    may_pass: false,
                },
                PathError::Revoked => ChainError::Revoked {
                    certificate: about(),
                },
                error => ChainError::Path {
                    error,
                    certificate: about(),
                    problems: Vec::new(),
                    may_pass: false,
                },
            })?;
        let status = |link: &Link| match (self.revocation, link.list_ends) {
            (Revocation::Off, _) => RevocationStatus::NotChecked,
            (_, Some(_)) => RevocationStatus::Good,
            (_, None) => RevocationStatus::Unknown,
        };
        let revocation: Vec<_> = path
            .links
            .iter()
            .map(|link| (link.subject.clone(), status(link)))
            .collect();
        let unknown = revocation
            .iter()
            .find(|(_, status)| *status == RevocationStatus::Unknown);
        if let (Revocation::Required, Some((subject, _))) = (self.revocation, unknown) {
            return Err(ChainError::RevocationUnknown {
                subject: subject.clone(),
                certificate: about(),
            });
        }
        let PublicKey::Rsa { der, .. } = parsed.public_key() else {
            return Err(ChainError::Policy {
                error: PolicyError::NotRsa {
                    found: parsed.public_key().algorithm(),
                },
                certificate: about(),
            });
        };
        let key = self.backend.rsa_key(der).map_err(|error| ChainError::Key {
            error,
            certificate: about(),
        })?;
        let lists_end = path.links.iter().filter_map(|link| link.list_ends).min();
        let ends = path.links.iter().map(|link| link.not_after);
        let ends = match self.revocation {
            // What proves that nothing is revoked is part of the proof.
            Revocation::Required => ends.chain(lists_end).min(),
            Revocation::BestEffort | Revocation::Off => ends.min(),
        };
        let begins = path.links.iter().map(|link| link.not_before).max();
        let issuers = path.links.iter().skip(1).map(|link| link.subject.clone());
        Ok(VerifiedSigner {
            key,
            fingerprint: Fingerprint(self.backend.sha256(certificate)),
            summary: CertificateSummary::of(&parsed),
            dns_names: parsed
                .dns_names()
                .iter()
                .map(|&name| name.to_owned())
                .collect(),
            valid_from: begins.unwrap_or(now),
            valid_until: ends.unwrap_or(now),
            certificate: certificate.clone().into_owned(),
            issuers: path
                .links
                .iter()
                .skip(1)
                .map(|link| link.der.clone())
                .collect(),
            ends: path.links.iter().flat_map(Link::ends).collect(),
            misses_lists: self.revocation != Revocation::Off
                && path.links.iter().any(Link::misses_list),
            revocation_lists_end: lists_end,
            path: issuers.chain([path.anchor]).collect(),
            revocation,
            backend: Arc::clone(&self.backend),
        })
    }

    /// Finds a path from `certificate` to an anchor on which nothing is known to be revoked, and asks no policy.
    ///
    /// For diagnosis: the result is no proof of anything that a body could be verified with.
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
        self.search(&issuers, evidence, now).run(certificate)
    }

    /// The verdict of each policy by its name, the signer name last.
    pub fn policy_verdicts(
        &self,
        certificate: &Certificate<'_>,
    ) -> Vec<(String, Result<(), PolicyError>)> {
        let policies = self.policies.iter().map(|policy| &**policy);
        let name = self
            .signer_name
            .iter()
            .map(|name| -> &dyn CertificatePolicy { name });
        policies
            .chain(name)
            .map(|policy| (policy.name(), policy.check(certificate)))
            .collect()
    }

    /// The intermediates that are configured.
    pub fn intermediates(&self) -> &[CertificateDer<'static>] {
        &self.intermediates
    }

    /// The trust anchors.
    pub fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    /// How much is asked of revocation.
    pub fn revocation(&self) -> Revocation {
        self.revocation
    }

    /// Whether `issuer` is the certificate of a CA that `need` asks for: of the right name, and with the key that signed the
    /// certificate in question. A stranger's certificate of that name is worth nothing, and dear to search with.
    pub fn is_needed_issuer(&self, need: &Need, issuer: &CertificateDer<'_>) -> bool {
        let Need::Issuer { child, .. } = need else {
            return false;
        };
        let (Ok(raw), Ok(parsed), Ok(raw_child)) = (
            EndEntityCert::try_from(issuer),
            Certificate::parse(issuer),
            EndEntityCert::try_from(child),
        ) else {
            return false;
        };
        let key = raw.subject_public_key_info();
        parsed.is_ca()
            && raw.subject() == raw_child.issuer()
            && is_signed_with(child, &key, &*self.backend)
    }

    /// Whether `list` is one that `need` asks for: signed with the key of the issuer on the path. Another one is worth
    /// nothing, and not worth keeping.
    pub fn is_needed_list(&self, need: &Need, list: &RevocationList) -> bool {
        let Need::RevocationList { issuer_key, .. } = need else {
            return false;
        };
        list.is_signed_with(&issuer_key.to_vec().into(), &*self.backend)
    }

    /// What might be fetched so that [`verify_with`](Self::verify_with) can say more: issuers' certificates where no path
    /// holds, revocation lists where one does and is not covered. Pure; nothing if the certificate itself is refused.
    pub fn needs(
        &self,
        certificate: &CertificateDer<'_>,
        evidence: &Evidence,
        now: UnixTime,
    ) -> Vec<Need> {
        if self.judge(certificate, now).is_err() {
            return Vec::new();
        }
        let issuers = self.issuers(evidence);
        match self.search(&issuers, evidence, now).run(certificate) {
            Ok(_) if self.revocation == Revocation::Off => Vec::new(),
            Ok(path) => path
                .links
                .iter()
                .filter(|link| link.misses_list())
                .map(|link| Need::RevocationList {
                    of: link.subject.clone(),
                    urls: link.revocation_list_urls.clone(),
                    issuer_key: link.issuer_key.clone(),
                })
                .collect(),
            Err(_) => needed_issuers(certificate, &issuers),
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
            name.check(&parsed).map_err(refused)?;
        }
        if now < parsed.not_before() {
            return Err(ChainError::NotYetValid {
                now: rfc3339(now),
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
                Revocation::Off => &[],
                Revocation::BestEffort | Revocation::Required => &evidence.revocation_lists,
            },
            backend: &*self.backend,
            now,
        }
    }
}

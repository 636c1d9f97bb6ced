//! Stage 3: certificates become a [`VerifiedSigner`]. Pure: anchors, intermediates, policies and the time are
//! arguments.
//!
//! A signing certificate is accepted when a path of valid signatures leads from it to a trust anchor
//! ([`Anchors`], by default the roots that Microsoft's TLS CAs chain to) and when every [`CertificatePolicy`]
//! agrees. Microsoft's own sample stops at "the chain is valid and the issuer is Microsoft Corporation", which
//! *every* certificate that a Microsoft TLS CA issued meets, that of `metadata.azure.com` among them, with which
//! Azure signs JSON for any virtual machine that asks. So the certificate's own name is checked too:
//! [`SignerName`].

mod anchors;
mod certificate;
mod path;
pub mod policy;
mod revocation;

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use webpki::EndEntityCert;

use crate::Excerpt;
use crate::crypto::{Backend, KeyRejected, RsaKey, write_hex};

pub use anchors::{Anchors, AnchorsError, PemError, certificate_to_pem, certificates_from_pem};
pub use certificate::{
    Attribute, Certificate, CertificateSummary, DistinguishedName, Malformed, PublicKey,
};
pub use path::{Link, Path, PathError};
pub use rustls_pki_types::{CertificateDer, UnixTime};

pub use policy::{CertificatePolicy, PolicyError, SignerName};
pub use revocation::{Revocation, RevocationList, RevocationListError, RevocationStatus};

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
                .filter(|link| link.list_ends.is_none() && !link.revocation_list_urls.is_empty())
                .map(|link| Need::RevocationList {
                    of: link.subject.clone(),
                    urls: link.revocation_list_urls.clone(),
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
                now: instant(now),
                certificate: about(),
            });
        }
        if now > parsed.not_after() {
            return Err(ChainError::Expired {
                now: instant(now),
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
    ) -> path::Search<'s> {
        path::Search {
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

/// What was found beside a signing certificate. None of it is trusted.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers put it together")]
pub struct Evidence {
    /// Certificates of CAs, in any order.
    pub issuers: Vec<CertificateDer<'static>>,
    /// Revocation lists.
    pub revocation_lists: Vec<RevocationList>,
}

/// Something that may help to verify a signing certificate, and where it can be had.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Need {
    /// The certificate of an issuer.
    Issuer {
        /// Whose issuer.
        of: Excerpt,
        /// Where, as that certificate says (authority information access).
        urls: Vec<Box<str>>,
        /// The issuer's name, in DER.
        name: Box<[u8]>,
    },
    /// A revocation list.
    RevocationList {
        /// Whose list.
        of: Excerpt,
        /// Where, as that certificate says (CRL distribution points).
        urls: Vec<Box<str>>,
    },
}

impl Need {
    /// Whether `certificate` is what an issuer is needed for: the certificate of a CA of that name.
    pub fn accepts(&self, certificate: &CertificateDer<'_>) -> bool {
        let Self::Issuer { name, .. } = self else {
            return false;
        };
        EndEntityCert::try_from(certificate).is_ok_and(|raw| raw.subject() == &**name)
            && Certificate::parse(certificate).is_ok_and(|parsed| parsed.is_ca())
    }
}

/// The certificates that name their issuers' URLs, among those that can be reached over names: from the signing
/// certificate on, those without a known issuer first.
fn needed_issuers(certificate: &CertificateDer<'_>, known: &[CertificateDer<'_>]) -> Vec<Need> {
    let mut reached = vec![(0, CertificateDer::from(certificate.as_ref()))];
    let mut needs = Vec::new();
    let mut at = 0;
    while let Some((depth, der)) = reached.get(at).cloned() {
        at = at.saturating_add(1);
        let (Ok(parsed), Ok(raw)) = (Certificate::parse(&der), EndEntityCert::try_from(&der))
        else {
            continue;
        };
        let is_issuer = |each: &&CertificateDer<'_>| {
            EndEntityCert::try_from(*each).is_ok_and(|each| each.subject() == raw.issuer())
        };
        let issuers: Vec<_> = known.iter().filter(is_issuer).collect();
        if !parsed.issuer_urls().is_empty() && depth < MAX_DEPTH {
            let need = Need::Issuer {
                of: parsed.subject().excerpt(),
                urls: parsed.issuer_urls().to_vec(),
                name: raw.issuer().into(),
            };
            match issuers.is_empty() {
                true => needs.insert(0, need),
                false => needs.push(need),
            }
        }
        for issuer in issuers {
            let is_new = !reached.iter().any(|(_, each)| each == issuer);
            if is_new && reached.len() < MAX_REACHED {
                reached.push((depth.saturating_add(1), issuer.clone()));
            }
        }
    }
    needs
}

/// How far from the signing certificate an issuer is still fetched: the live path has two intermediates.
const MAX_DEPTH: usize = 3;
/// More certificates than any path of Microsoft's has, with every twin and cross-signature.
const MAX_REACHED: usize = 32;

/// A signing certificate that is trusted, and its key, ready to verify. Holding one is the proof.
///
/// The proof ends: see [`valid_until`](Self::valid_until).
#[must_use]
pub struct VerifiedSigner {
    key: Box<dyn RsaKey>,
    backend: Arc<dyn Backend>,
    fingerprint: Fingerprint,
    summary: CertificateSummary,
    dns_names: Vec<String>,
    valid_from: UnixTime,
    valid_until: UnixTime,
    certificate: CertificateDer<'static>,
    issuers: Vec<CertificateDer<'static>>,
    ends: Vec<(Excerpt, UnixTime)>,
    revocation_lists_end: Option<UnixTime>,
    path: Vec<Excerpt>,
    revocation: Vec<(Excerpt, RevocationStatus)>,
}

impl VerifiedSigner {
    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The certificate's names, its issuer and its validity, for people to read.
    pub fn summary(&self) -> &CertificateSummary {
        &self.summary
    }

    /// Every DNS name of the certificate, as it stands there.
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// When the last certificate of the path began to be valid.
    pub fn valid_from(&self) -> UnixTime {
        self.valid_from
    }

    /// When the first certificate of the path ends: at the latest then the proof is worth nothing.
    pub fn valid_until(&self) -> UnixTime {
        self.valid_until
    }

    /// Whether the proof holds at the time `now`.
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        self.valid_from <= now && now <= self.valid_until
    }

    /// The subjects of the path, from the issuer of the signing certificate to the trust anchor.
    pub fn path(&self) -> &[Excerpt] {
        &self.path
    }

    /// What is known about the revocation of each certificate of the path but the anchor, beginning with the signing
    /// certificate.
    pub fn revocation(&self) -> &[(Excerpt, RevocationStatus)] {
        &self.revocation
    }

    /// When the first of the revocation lists that cover the path ends, if there are any.
    pub fn revocation_lists_end(&self) -> Option<UnixTime> {
        self.revocation_lists_end
    }

    /// What ends when: the certificates of the path without the anchor, and the revocation lists that cover them.
    pub fn ends(&self) -> Vec<(Excerpt, UnixTime)> {
        self.ends.clone()
    }

    /// The certificates of its issuers on the path, without the anchor.
    pub fn issuers(&self) -> &[CertificateDer<'static>] {
        &self.issuers
    }

    /// The signing certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The key of the signing certificate.
    pub(crate) fn key(&self) -> &dyn RsaKey {
        &*self.key
    }

    /// The backend that parsed it.
    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.backend
    }
}

impl fmt::Debug for VerifiedSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedSigner")
            .field("fingerprint", &self.fingerprint)
            .field("summary", &self.summary)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The SHA-256 of a certificate, written in hexadecimal.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Why a signing certificate is not trusted.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// It has ended.
    #[error("the signing certificate has expired (it is {now}); it is: {certificate}")]
    Expired {
        /// The time of the check (RFC 3339, UTC).
        now: String,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// The backend does not take its key.
    #[error("{error}; the signing certificate is: {certificate}")]
    Key {
        /// What the backend says.
        error: KeyRejected,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// It is no X.509 certificate that can be read.
    #[error("the signing certificate cannot be read: {0}")]
    Malformed(Malformed),
    /// It has not begun.
    #[error("the signing certificate is not valid yet (it is {now}); it is: {certificate}")]
    NotYetValid {
        /// The time of the check (RFC 3339, UTC).
        now: String,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// There are paths, and each has a fault.
    #[error("no path to a trust anchor holds: {error}; the signing certificate is: {certificate}")]
    Path {
        /// The most telling fault.
        error: PathError,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// A policy refused it.
    #[error("the signing certificate is refused: {error}; it is: {certificate}")]
    Policy {
        /// Which, and why.
        error: PolicyError,
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// It, or every issuer over which a path leads, is revoked.
    #[error("the signing certificate, or its issuer, is revoked; it is: {certificate}")]
    Revoked {
        /// The certificate.
        certificate: Box<CertificateSummary>,
    },
    /// Revocation is required, and no list tells about a certificate of the path. A later attempt may succeed.
    #[error(
        "no revocation list in force covers `{subject}`, and revocation is required; the signing certificate is: {certificate}"
    )]
    RevocationUnknown {
        /// Which certificate of the path.
        subject: Excerpt,
        /// The signing certificate.
        certificate: Box<CertificateSummary>,
    },
    /// Nothing leads from it to a trust anchor: an intermediate is missing, or the anchor is.
    #[error(
        "no path leads from the signing certificate to one of {anchors} trust anchors over {links} known \
         intermediates: configure its issuer's certificate as an intermediate, or another anchor; it is: \
         {certificate}{}",
        fetching(.problems)
    )]
    UnknownIssuer {
        /// How many intermediates were known.
        links: usize,
        /// How many trust anchors there are.
        anchors: usize,
        /// The certificate.
        certificate: Box<CertificateSummary>,
        /// What went wrong when issuers' certificates were fetched.
        problems: Vec<Excerpt>,
        /// Whether a later attempt to fetch them may succeed.
        may_pass: bool,
    },
}

impl ChainError {
    /// Whether it is passing trouble: an issuer's certificate or a required revocation list could not be had.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::RevocationUnknown { .. } | Self::UnknownIssuer { may_pass: true, .. }
        )
    }

    /// The same after attempts to fetch issuers' certificates.
    #[must_use]
    pub fn after_fetching(mut self, tried: Vec<Excerpt>, issuer_may_come: bool) -> Self {
        if let Self::UnknownIssuer {
            problems, may_pass, ..
        } = &mut self
        {
            *problems = tried;
            *may_pass = issuer_may_come;
        }
        self
    }
}

fn fetching(problems: &[Excerpt]) -> String {
    let problems: Vec<_> = problems.iter().take(4).map(ToString::to_string).collect();
    match problems.is_empty() {
        true => String::new(),
        false => format!("; fetching it failed: {}", problems.join("; ")),
    }
}

/// A time as people write it.
fn instant(time: UnixTime) -> String {
    certificate::rfc3339(time)
}

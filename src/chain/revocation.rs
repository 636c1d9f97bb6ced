//! Revocation: which lists are believed, and what they say.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{SubjectPublicKeyInfoDer, UnixTime};
use thiserror::Error;
use webpki::{Cert, CertRevocationList, OwnedCertRevocationList, RawPublicKeyEntity};
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::certificate::Certificate;
use crate::Excerpt;
use crate::crypto::Backend;

/// How much a [`ChainVerifier`](super::ChainVerifier) asks of revocation.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Revocation {
    /// What a list revokes is refused; what no list tells about is accepted, and [`VerifiedSigner::revocation`] says so.
    ///
    /// [`VerifiedSigner::revocation`]: super::VerifiedSigner::revocation
    #[default]
    BestEffort,
    /// Nothing is checked, and no list is fetched.
    Off,
    /// What no list tells about is refused too, as passing trouble: the list may be there again in a minute.
    Required,
}

/// What is known about one certificate of a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RevocationStatus {
    /// A list that covers it is in force and does not name it.
    Good,
    /// Nobody asked.
    NotChecked,
    /// No list that covers it could be had.
    Unknown,
}

impl fmt::Display for RevocationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::NotChecked => "not checked",
            Self::Unknown => "unknown",
        })
    }
}

/// A certificate revocation list (RFC 5280, 5), read. Nothing about it is proven.
#[derive(Clone)]
pub struct RevocationList {
    list: Arc<CertRevocationList<'static>>,
    signed: Arc<[u8]>,
    signature: Arc<[u8]>,
    issuer: Excerpt,
    this_update: UnixTime,
    next_update: UnixTime,
    /// What its issuing distribution point says, if it has one.
    part: Option<Part>,
}

/// The certificates that a part of a list is about.
#[derive(Clone, Debug)]
struct Part {
    /// Where it is: certificates name the same place.
    uris: Vec<Box<str>>,
    only_authorities: bool,
    only_end_entities: bool,
}

/// What a list can tell about a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Coverage {
    /// Everything: were it revoked, the list would name it.
    Full,
    /// Only that it is revoked.
    Partial,
}

impl RevocationList {
    /// Reads a DER list.
    ///
    /// # Errors
    ///
    /// [`RevocationListError`], also for lists without an end, and for those that a verifier may not take for complete:
    /// deltas, indirect ones, and those for some reasons only.
    pub fn from_der(der: &[u8]) -> Result<Self, RevocationListError> {
        let malformed = |problem: String| RevocationListError {
            problem: Excerpt::of(problem),
        };
        let list = OwnedCertRevocationList::from_der(der)
            .map_err(|error| malformed(format!("{error:?}")))?;
        let (_, parsed) = CertificateRevocationList::from_der(der)
            .map_err(|error| malformed(error.to_string()))?;
        let next_update = parsed
            .next_update()
            .ok_or_else(|| malformed("it has no nextUpdate".to_owned()))?;
        let time = |seconds: i64| {
            UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
        };
        let part =
            parsed
                .extensions()
                .iter()
                .find_map(|extension| match extension.parsed_extension() {
                    ParsedExtension::IssuingDistributionPoint(point) => Some(Part {
                        uris: point
                            .distribution_point
                            .as_ref()
                            .map(uris)
                            .unwrap_or_default(),
                        only_authorities: point.only_contains_ca_certs,
                        only_end_entities: point.only_contains_user_certs,
                    }),
                    _ => None,
                });
        Ok(Self {
            issuer: Excerpt::of(parsed.issuer().to_string()),
            this_update: time(parsed.last_update().timestamp()),
            next_update: time(next_update.timestamp()),
            part,
            signed: parsed.tbs_cert_list.as_ref().into(),
            signature: parsed.signature_value.data.as_ref().into(),
            list: Arc::new(list.into()),
        })
    }

    /// Who issued it.
    pub fn issuer(&self) -> &Excerpt {
        &self.issuer
    }

    /// When it was made.
    pub fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// Until when it is believed: at this second it no longer is.
    pub fn next_update(&self) -> UnixTime {
        self.next_update
    }

    /// Whether it is in force at the time `now`.
    pub fn is_current(&self, now: UnixTime) -> bool {
        self.this_update <= now && now < self.next_update
    }

    /// How much it tells about `certificate`, if anything: the same issuer, the same sort of certificate and, if it is a part
    /// of a list, the part that the certificate names.
    pub(super) fn coverage(&self, raw: &Cert<'_>, parsed: &Certificate<'_>) -> Option<Coverage> {
        if raw.issuer() != self.list.issuer() {
            return None;
        }
        let Some(part) = &self.part else {
            return Some(Coverage::Full);
        };
        let excluded = if parsed.is_ca() {
            part.only_end_entities
        } else {
            part.only_authorities
        };
        let named = parsed.revocation_list_urls();
        if excluded {
            None
        } else if named.is_empty() {
            // It may be on any part.
            Some(Coverage::Partial)
        } else {
            let is_named = part.uris.iter().any(|uri| named.contains(uri));
            is_named.then_some(Coverage::Full)
        }
    }

    /// Whether `certificate` is on it. Serial numbers are compared byte by byte.
    pub(super) fn names(&self, certificate: &Cert<'_>) -> bool {
        !matches!(self.list.find_serial(certificate.serial()), Ok(None))
    }

    /// Whether it was signed with `key`.
    pub(super) fn is_signed_with(
        &self,
        key: &SubjectPublicKeyInfoDer<'_>,
        backend: &dyn Backend,
    ) -> bool {
        let Ok(key) = RawPublicKeyEntity::try_from(key) else {
            return false;
        };
        backend.certificate_algorithms().iter().any(|algorithm| {
            key.verify_signature(*algorithm, &self.signed, &self.signature)
                .is_ok()
        })
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("issuer", &self.issuer)
            .field("next_update", &self.next_update)
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

/// A revocation list that cannot be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("it is no revocation list that can be used: {problem}")]
#[non_exhaustive]
pub struct RevocationListError {
    /// Why.
    pub problem: Excerpt,
}

/// The URIs of a distribution point.
pub(super) fn uris(point: &DistributionPointName<'_>) -> Vec<Box<str>> {
    let DistributionPointName::FullName(names) = point else {
        return Vec::new();
    };
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some(Box::from(*uri)),
        _ => None,
    };
    names.iter().filter_map(uri).collect()
}

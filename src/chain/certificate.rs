//! Certificates: the fields that policies and operators need.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use webpki::RawPublicKeyEntity;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::oid_registry as oid;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use super::name::DistinguishedName;
use super::parse_error::ParseError;
use super::public_key::PublicKey;
use crate::crypto::Backend;

/// A parsed certificate. Its signature is not verified.
///
/// Policies see this type. It borrows names from the DER.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::chain::{Certificate, PublicKey};
/// use partner_center_webhooks::testing::Issuer;
///
/// let signer = Issuer::new()?.signer()?;
/// let certificate = Certificate::parse(signer.certificate())?;
/// assert_eq!(certificate.dns_names(), ["pcnotifications-dispatch.microsoft.com"]);
/// assert!(!certificate.is_ca());
/// assert!(matches!(certificate.public_key(), PublicKey::Rsa { bits: 2048, .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    subject: DistinguishedName<'a>,
    issuer: DistinguishedName<'a>,
    dns_names: Vec<&'a str>,
    not_before: UnixTime,
    not_after: UnixTime,
    public_key: PublicKey,
    is_ca: bool,
    digital_signature: Option<bool>,
    /// Whether the key usage allows signatures over certificates; `None` without a key usage.
    pub(super) signs_certificates: Option<bool>,
    /// Whether the key usage allows signatures over revocation lists; `None` without a key usage.
    pub(super) signs_lists: Option<bool>,
    purposes: Option<Vec<Box<str>>>,
    issuer_urls: Vec<Box<str>>,
    revocation_list_urls: Vec<Box<str>>,
}

impl<'a> Certificate<'a> {
    /// Reads a DER certificate.
    ///
    /// # Errors
    ///
    /// [`ParseError`], also for trailing bytes, and for an extension that occurs twice or is malformed.
    pub fn parse(der: &'a CertificateDer<'_>) -> Result<Self, ParseError> {
        let (rest, parsed) = X509Certificate::from_der(der)
            .map_err(|error| ParseError::of_certificate("structure", error))?;
        if !rest.is_empty() {
            return Err(ParseError::of_certificate(
                "structure",
                "trailing bytes after the certificate",
            ));
        }
        let mut certificate = Self {
            subject: DistinguishedName::new(&parsed.tbs_certificate.subject),
            issuer: DistinguishedName::new(&parsed.tbs_certificate.issuer),
            dns_names: Vec::new(),
            not_before: unix(parsed.validity().not_before)?,
            not_after: unix(parsed.validity().not_after)?,
            public_key: PublicKey::new(&parsed.tbs_certificate.subject_pki)?,
            is_ca: false,
            digital_signature: None,
            signs_certificates: None,
            signs_lists: None,
            purposes: None,
            issuer_urls: Vec::new(),
            revocation_list_urls: Vec::new(),
        };
        for extension in parsed.extensions() {
            parsed
                .get_extension_unique(&extension.oid)
                .map_err(|error| ParseError::of_certificate("extensions", error))?;
            certificate.read_extension(extension.parsed_extension())?;
        }
        Ok(certificate)
    }

    /// Extensions that no check needs are ignored here: webpki refuses unknown critical ones on the path.
    fn read_extension(&mut self, extension: &ParsedExtension<'a>) -> Result<(), ParseError> {
        match extension {
            ParsedExtension::BasicConstraints(constraints) => self.is_ca = constraints.ca,
            ParsedExtension::KeyUsage(usage) => {
                self.digital_signature = Some(usage.digital_signature());
                self.signs_certificates = Some(usage.key_cert_sign());
                self.signs_lists = Some(usage.crl_sign());
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                let named = [
                    (usage.any, ANY_PURPOSE),
                    (usage.server_auth, SERVER_AUTH),
                    (usage.client_auth, CLIENT_AUTH),
                    (usage.code_signing, "1.3.6.1.5.5.7.3.3"),
                    (usage.email_protection, "1.3.6.1.5.5.7.3.4"),
                    (usage.time_stamping, "1.3.6.1.5.5.7.3.8"),
                    (usage.ocsp_signing, "1.3.6.1.5.5.7.3.9"),
                ];
                let named = named.iter().filter(|(set, _)| *set).map(|(_, oid)| Box::from(*oid));
                let other = usage.other.iter().map(|oid| oid.to_id_string().into());
                self.purposes = Some(named.chain(other).collect());
            }
            ParsedExtension::SubjectAlternativeName(names) => {
                let dns = |name: &GeneralName<'a>| match name {
                    GeneralName::DNSName(name) => Some(*name),
                    _ => None,
                };
                self.dns_names = names.general_names.iter().filter_map(dns).collect();
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                let ca_issuers = access.accessdescs.iter().filter(|each| {
                    each.access_method == oid::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS
                });
                self.issuer_urls =
                    ca_issuers.filter_map(|each| uri(&each.access_location)).collect();
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                // Lists for some reasons only, and lists of other issuers, are incomplete.
                let names = points
                    .iter()
                    .filter(|each| each.reasons.is_none() && each.crl_issuer.is_none())
                    .filter_map(|each| each.distribution_point.as_ref());
                self.revocation_list_urls = names.flat_map(uris).collect();
            }
            ParsedExtension::ParseError { error } => {
                return Err(ParseError::of_certificate("extensions", error));
            }
            _ => {}
        }
        Ok(())
    }

    /// The subject.
    ///
    /// Its organizations are compared by a policy; its text is for display.
    pub fn subject(&self) -> &DistinguishedName<'a> {
        &self.subject
    }

    /// The issuer.
    ///
    /// A claim, until the path is verified.
    pub fn issuer(&self) -> &DistinguishedName<'a> {
        &self.issuer
    }

    /// The DNS names in the subject alternative name.
    ///
    /// As they are in the certificate: wildcards are not expanded, and the case is kept. The common name is not among them.
    pub fn dns_names(&self) -> &[&'a str] {
        &self.dns_names
    }

    /// The first second of the validity.
    ///
    /// Inclusive: the certificate is valid in this second.
    pub fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// The last second of the validity.
    ///
    /// Inclusive: the certificate is still valid in this second.
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// The public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Whether the basic constraints mark a CA certificate.
    pub fn is_ca(&self) -> bool {
        self.is_ca
    }

    /// Whether the key usage allows signatures over data; `None` without a key usage.
    pub fn digital_signature(&self) -> Option<bool> {
        self.digital_signature
    }

    /// The object identifiers of the extended key usage; `None` without one.
    ///
    /// In dotted form, such as `1.3.6.1.5.5.7.3.1` for TLS servers, known ones first.
    pub fn purposes(&self) -> Option<&[Box<str>]> {
        self.purposes.as_deref()
    }

    /// The URLs of the revocation list that covers the certificate (CRL distribution points).
    ///
    /// Not checked: a certificate can name any URL. [`DistributionLocation`](crate::source::DistributionLocation) decides what is
    /// fetched.
    pub fn revocation_list_urls(&self) -> &[Box<str>] {
        &self.revocation_list_urls
    }

    /// The URLs of the issuer's certificate (authority information access, `caIssuers`).
    ///
    /// Not checked, like those of revocation lists.
    pub fn issuer_urls(&self) -> &[Box<str>] {
        &self.issuer_urls
    }
}

/// Whether `signature` was made over `signed` with `key`, by an accepted algorithm.
///
/// All accepted algorithms are tried, so that the name of the algorithm, which a forger can choose, decides nothing.
pub(super) fn is_signature(
    key: &SubjectPublicKeyInfoDer<'_>,
    signed: &[u8],
    signature: &[u8],
    backend: &dyn Backend,
) -> bool {
    RawPublicKeyEntity::try_from(key).is_ok_and(|key| {
        let mut algorithms = backend.certificate_algorithms().iter();
        algorithms.any(|algorithm| key.verify_signature(*algorithm, signed, signature).is_ok())
    })
}

/// The URIs of a distribution point.
fn uris(point: &DistributionPointName<'_>) -> Vec<Box<str>> {
    match point {
        DistributionPointName::FullName(names) => names.iter().filter_map(uri).collect(),
        _ => Vec::new(),
    }
}

fn uri(name: &GeneralName<'_>) -> Option<Box<str>> {
    match name {
        GeneralName::URI(uri) => Some(Box::from(*uri)),
        _ => None,
    }
}

/// A validity that begins or ends before 1970 is malformed.
fn unix(time: ASN1Time) -> Result<UnixTime, ParseError> {
    u64::try_from(time.timestamp())
        .map(|seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
        .map_err(|_| ParseError::of_certificate("validity", "it begins or ends before 1970"))
}

/// RFC 5280, section 4.2.1.12, as are the other two.
pub(super) const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
pub(super) const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
const ANY_PURPOSE: &str = "2.5.29.37.0";

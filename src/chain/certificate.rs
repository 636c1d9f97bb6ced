//! The few fields of a certificate that policies look at and that an operator needs to see.

use std::fmt;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use webpki::RawPublicKeyEntity;
use x509_parser::asn1_rs::Tag;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::oid_registry::{self as oid, Oid};
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

use crate::crypto::Backend;
use crate::excerpt::Excerpt;

/// A certificate, read. Nothing about it is proven.
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
    signs_certificates: Option<bool>,
    signs_lists: Option<bool>,
    purposes: Option<Vec<Box<str>>>,
    issuer_urls: Vec<Box<str>>,
    revocation_list_urls: Vec<Box<str>>,
}

impl<'a> Certificate<'a> {
    /// Reads a DER certificate.
    ///
    /// # Errors
    ///
    /// [`ParseError`], also for bytes that follow the certificate and for an extension that occurs twice or cannot
    /// be read.
    pub fn parse(der: &'a CertificateDer<'_>) -> Result<Self, ParseError> {
        let (rest, parsed) =
            X509Certificate::from_der(der).map_err(|error| ParseError::new("structure", error))?;
        if !rest.is_empty() {
            return Err(ParseError::new("structure", "bytes follow the certificate"));
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
                .map_err(|error| ParseError::new("extensions", error))?;
            certificate.note(extension.parsed_extension())?;
        }
        Ok(certificate)
    }

    fn note(&mut self, extension: &ParsedExtension<'a>) -> Result<(), ParseError> {
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
                let named = named
                    .iter()
                    .filter(|(set, _)| *set)
                    .map(|(_, oid)| Box::from(*oid));
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
                let url = |name: &GeneralName<'_>| match name {
                    GeneralName::URI(url) => Some(Box::from(*url)),
                    _ => None,
                };
                self.issuer_urls = ca_issuers
                    .filter_map(|each| url(&each.access_location))
                    .collect();
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                // Neither lists for some reasons nor those of other issuers are complete.
                let names = points
                    .iter()
                    .filter(|each| each.reasons.is_none() && each.crl_issuer.is_none())
                    .filter_map(|each| each.distribution_point.as_ref());
                self.revocation_list_urls = names.flat_map(uris).collect();
            }
            ParsedExtension::ParseError { error } => {
                return Err(ParseError::new("extensions", error));
            }
            _ => {}
        }
        Ok(())
    }

    /// Whom it is for.
    pub fn subject(&self) -> &DistinguishedName<'a> {
        &self.subject
    }

    /// Who issued it.
    pub fn issuer(&self) -> &DistinguishedName<'a> {
        &self.issuer
    }

    /// The DNS names of its subject alternative name.
    pub fn dns_names(&self) -> &[&'a str] {
        &self.dns_names
    }

    /// When it begins.
    pub fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// When it ends: this second is the last.
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// Its key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Whether its basic constraints say that it is a CA's.
    pub fn is_ca(&self) -> bool {
        self.is_ca
    }

    /// Whether its key usage allows signatures over data; nothing if it has no key usage.
    pub fn digital_signature(&self) -> Option<bool> {
        self.digital_signature
    }

    /// Whether its key usage allows signatures over certificates; nothing if it has no key usage.
    pub(super) fn signs_certificates(&self) -> Option<bool> {
        self.signs_certificates
    }

    /// Whether its key usage allows signatures over revocation lists; nothing if it has no key usage.
    pub(super) fn signs_lists(&self) -> Option<bool> {
        self.signs_lists
    }

    /// The object identifiers of its extended key usage; nothing if it has none.
    pub fn purposes(&self) -> Option<&[Box<str>]> {
        self.purposes.as_deref()
    }

    /// Where the list that would name it, were it revoked, can be had (CRL distribution points).
    pub fn revocation_list_urls(&self) -> &[Box<str>] {
        &self.revocation_list_urls
    }

    /// Where its issuer's certificate can be had (authority information access, `caIssuers`).
    pub fn issuer_urls(&self) -> &[Box<str>] {
        &self.issuer_urls
    }
}

/// Whether `child` was signed with `key`.
pub(super) fn is_signed_with(
    child: &CertificateDer<'_>,
    key: &SubjectPublicKeyInfoDer<'_>,
    backend: &dyn Backend,
) -> bool {
    let (Ok((_, child)), Ok(key)) = (
        X509Certificate::from_der(child),
        RawPublicKeyEntity::try_from(key),
    ) else {
        return false;
    };
    let (signed, signature) = (child.tbs_certificate.as_ref(), &child.signature_value.data);
    backend
        .certificate_algorithms()
        .iter()
        .any(|algorithm| key.verify_signature(*algorithm, signed, signature).is_ok())
}

/// A certificate that cannot be read.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("its {part} is malformed: {problem}")]
#[non_exhaustive]
pub struct ParseError {
    /// Which part.
    pub part: &'static str,
    /// What is wrong with it.
    pub problem: Excerpt,
}

impl ParseError {
    fn new(part: &'static str, problem: impl ToString) -> Self {
        Self {
            part,
            problem: Excerpt::of(problem.to_string()),
        }
    }
}

/// A subject or an issuer.
#[derive(Clone, Debug)]
pub struct DistinguishedName<'a> {
    der: &'a [u8],
    text: Excerpt,
    organizations: Vec<Attribute<'a>>,
}

impl<'a> DistinguishedName<'a> {
    fn new(name: &X509Name<'a>) -> Self {
        let organizations = name.iter_rdn().flat_map(|rdn| {
            let alone = rdn.iter().count() == 1;
            rdn.iter()
                .filter(|attribute| *attribute.attr_type() == oid::OID_X509_ORGANIZATION_NAME)
                .map(move |attribute| {
                    let value = attribute.attr_value();
                    match (alone, value.tag(), str::from_utf8(value.data)) {
                        (true, Tag::PrintableString | Tag::Utf8String, Ok(text)) => {
                            Attribute::Text(text)
                        }
                        _ => Attribute::Other(Excerpt::of(value.data)),
                    }
                })
        });
        Self {
            der: name.as_raw(),
            text: Excerpt::of(name.to_string()),
            organizations: organizations.collect(),
        }
    }

    /// The name in DER: equal bytes are one name.
    pub fn as_der(&self) -> &'a [u8] {
        self.der
    }

    /// Every organization attribute (`O`), in order.
    pub fn organizations(&self) -> &[Attribute<'a>] {
        &self.organizations
    }

    /// The name, as in `C=US, O=Microsoft Corporation, CN=…`, for people to read and never to compare.
    pub fn excerpt(&self) -> Excerpt {
        self.text.clone()
    }
}

/// The value of a name's attribute.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Attribute<'a> {
    /// A value of another string type, or one that shares its relative distinguished name with others: the forms in
    /// which readers of certificates disagree.
    Other(Excerpt),
    /// A PrintableString or UTF8String that stands alone.
    Text(&'a str),
}

/// A certificate's key.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PublicKey {
    /// Any other.
    Other {
        /// Its algorithm's object identifier.
        algorithm: Box<str>,
    },
    /// An RSA key (`rsaEncryption`, RFC 8017).
    Rsa {
        /// Length of the modulus, in bits.
        bits: usize,
        /// The public exponent, if it fits.
        exponent: Option<u64>,
        /// The DER `RSAPublicKey`.
        der: Box<[u8]>,
    },
}

impl PublicKey {
    fn new(info: &SubjectPublicKeyInfo<'_>) -> Result<Self, ParseError> {
        let algorithm = &info.algorithm.algorithm;
        if *algorithm != oid::OID_PKCS1_RSAENCRYPTION {
            return Ok(Self::Other {
                algorithm: algorithm_name(algorithm),
            });
        }
        let malformed = || ParseError::new("public key", "it is no DER RSAPublicKey");
        let parsed = info.parsed().map_err(|_| malformed())?;
        let x509_parser::public_key::PublicKey::RSA(key) = parsed else {
            return Err(malformed());
        };
        let bits = key
            .modulus
            .iter()
            .position(|byte| *byte != 0)
            .and_then(|start| key.modulus.get(start..))
            .map_or(0, |significant| {
                let zeros = significant.first().map_or(0, |byte| byte.leading_zeros());
                significant
                    .len()
                    .saturating_mul(8)
                    .saturating_sub(usize::try_from(zeros).unwrap_or_default())
            });
        Ok(Self::Rsa {
            bits,
            exponent: key.try_exponent().ok(),
            der: info.subject_public_key.data.as_ref().into(),
        })
    }

    /// Its algorithm, as people call it or as an object identifier.
    pub fn algorithm(&self) -> Box<str> {
        match self {
            Self::Other { algorithm } => algorithm.clone(),
            Self::Rsa { .. } => "RSA".into(),
        }
    }
}

/// What is worth telling of a certificate in an error message or a log: all of it bounded and escaped.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CertificateSummary {
    /// Whom it is for.
    pub subject: Excerpt,
    /// Who issued it.
    pub issuer: Excerpt,
    /// Its first DNS names, ten at most.
    pub dns_names: Vec<Excerpt>,
    /// How many more there are.
    pub more_dns_names: usize,
    /// When it begins (RFC 3339, UTC).
    pub not_before: String,
    /// When it ends (RFC 3339, UTC).
    pub not_after: String,
    /// Where its issuer's certificate can be had, two URLs at most.
    pub issuer_urls: Vec<Excerpt>,
}

impl CertificateSummary {
    /// Summarizes `certificate`.
    pub fn of(certificate: &Certificate<'_>) -> Self {
        let names = certificate.dns_names.iter().take(10).map(Excerpt::of);
        let urls = certificate.issuer_urls.iter().take(2);
        Self {
            subject: certificate.subject.excerpt(),
            issuer: certificate.issuer.excerpt(),
            dns_names: names.collect(),
            more_dns_names: certificate.dns_names.len().saturating_sub(10),
            not_before: rfc3339(certificate.not_before),
            not_after: rfc3339(certificate.not_after),
            issuer_urls: urls.map(|url| Excerpt::of_url(url.as_bytes())).collect(),
        }
    }
}

impl fmt::Display for CertificateSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subject `{}`, DNS names ", self.subject)?;
        list(f, &self.dns_names)?;
        if self.more_dns_names > 0 {
            write!(f, " and {} more", self.more_dns_names)?;
        }
        let Self {
            issuer,
            not_before,
            not_after,
            ..
        } = self;
        write!(
            f,
            ", issuer `{issuer}`, valid from {not_before} to {not_after}"
        )?;
        if !self.issuer_urls.is_empty() {
            f.write_str(", issuer's certificate at ")?;
            list(f, &self.issuer_urls)?;
        }
        Ok(())
    }
}

fn list(f: &mut fmt::Formatter<'_>, items: &[Excerpt]) -> fmt::Result {
    if items.is_empty() {
        return f.write_str("(none)");
    }
    items.iter().enumerate().try_for_each(|(index, item)| {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}`{item}`")
    })
}

/// A name for people to read, from its DER without the outer SEQUENCE.
pub(super) fn distinguished_name(contents: &[u8]) -> Option<Excerpt> {
    let der = sequence(contents)?;
    let (rest, name) = X509Name::from_der(&der).ok()?;
    rest.is_empty().then(|| Excerpt::of(name.to_string()))
}

/// A DER SEQUENCE with these contents, of less than 64 KiB.
pub(super) fn sequence(contents: &[u8]) -> Option<Vec<u8>> {
    let mut der = vec![0x30];
    match (u8::try_from(contents.len()), u16::try_from(contents.len())) {
        (Ok(short @ ..0x80), _) => der.push(short),
        (Ok(length), _) => der.extend([0x81, length]),
        (_, Ok(length)) => {
            der.push(0x82);
            der.extend(length.to_be_bytes());
        }
        _ => return None,
    }
    der.extend_from_slice(contents);
    Some(der)
}

/// The URIs of a distribution point.
fn uris(point: &DistributionPointName<'_>) -> Vec<Box<str>> {
    let DistributionPointName::FullName(names) = point else {
        return Vec::new();
    };
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some(Box::from(*uri)),
        _ => None,
    };
    names.iter().filter_map(uri).collect()
}

/// A time as RFC 3339 has it, in UTC.
pub(super) fn rfc3339(time: UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{} s after 1970", time.as_secs()))
}

fn unix(time: ASN1Time) -> Result<UnixTime, ParseError> {
    u64::try_from(time.timestamp())
        .map(|seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
        .map_err(|_| ParseError::new("validity", "it begins or ends before 1970"))
}

fn algorithm_name(algorithm: &Oid<'_>) -> Box<str> {
    let known = [
        (oid::OID_KEY_TYPE_EC_PUBLIC_KEY, "EC"),
        (oid::OID_SIG_ED25519, "Ed25519"),
        (oid::OID_KEY_TYPE_DSA, "DSA"),
        (oid::OID_PKCS1_RSASSAPSS, "RSASSA-PSS"),
    ];
    known
        .iter()
        .find(|(oid, _)| oid == algorithm)
        .map_or_else(|| algorithm.to_id_string(), |(_, name)| (*name).to_owned())
        .into()
}

pub(super) const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
pub(super) const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
const ANY_PURPOSE: &str = "2.5.29.37.0";

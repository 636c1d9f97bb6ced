//! X.509 as bytes: certificates, names and the parts they share with revocation lists.

use std::time::Duration;

use rustls_pki_types::CertificateDer;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::{CertificateInner, TbsCertificateInner, Version};
use x509_cert::der::asn1::{
    Any, BitString, GeneralizedTime, Ia5String, Null, ObjectIdentifier, OctetString, SetOfVec,
    UtcTime,
};
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::{Encode as _, Tag};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, BasicConstraints, CrlDistributionPoints,
    ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
};
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::{Time, Validity};

use super::key::{IssuerError, Key};
use crate::crypto::SignatureAlgorithm;

/// The content of a certificate.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) subject: Name,
    pub(super) not_before: u64,
    pub(super) not_after: u64,
    pub(super) dns_names: Vec<String>,
    pub(super) is_ca: bool,
    pub(super) key_usage: Option<FlagSet<KeyUsages>>,
    pub(super) purposes: Option<Vec<ObjectIdentifier>>,
    pub(super) unknown_critical: bool,
    pub(super) issuer_urls: Vec<String>,
    pub(super) revocation_list_urls: Vec<String>,
}

impl Recipe {
    pub(super) fn issue(
        &self,
        key: &Key,
        issuer: &Name,
        issuer_key: &Key,
    ) -> Result<CertificateDer<'static>, IssuerError> {
        let algorithm = sha256_with_rsa();
        let subject_public_key_info = key.public_key()?;
        // Certificates of one subject differ in their dates, so the dates make a unique serial number.
        let serial = [self.not_before.to_be_bytes(), self.not_after.to_be_bytes()].concat();
        let tbs_certificate = TbsCertificateInner {
            version: Version::V3,
            serial_number: SerialNumber::new(&serial)?,
            signature: algorithm.clone(),
            issuer: issuer.encode()?,
            validity: Validity {
                not_before: time(self.not_before)?,
                not_after: time(self.not_after)?,
            },
            subject: self.subject.encode()?,
            subject_public_key_info,
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(self.extensions()?),
        };
        let signature =
            issuer_key.sign(SignatureAlgorithm::RsaSha256, &tbs_certificate.to_der()?)?;
        let certificate: CertificateInner = CertificateInner {
            tbs_certificate,
            signature_algorithm: algorithm,
            signature: BitString::from_bytes(&signature)?,
        };
        Ok(CertificateDer::from(certificate.to_der()?))
    }

    fn extensions(&self) -> Result<Vec<Extension>, IssuerError> {
        let mut extensions = vec![extension(
            "2.5.29.19",
            true,
            BasicConstraints { ca: self.is_ca, path_len_constraint: None }.to_der()?,
        )?];
        if let Some(usages) = self.key_usage {
            extensions.push(extension("2.5.29.15", true, KeyUsage(usages).to_der()?)?);
        }
        if let Some(purposes) = &self.purposes {
            let purposes = ExtendedKeyUsage(purposes.clone()).to_der()?;
            extensions.push(extension("2.5.29.37", false, purposes)?);
        }
        if !self.dns_names.is_empty() {
            let name = |name: &String| Ia5String::new(name).map(GeneralName::DnsName);
            let names = self.dns_names.iter().map(name).collect::<Result<_, _>>()?;
            let names = SubjectAltName(names).to_der()?;
            extensions.push(extension("2.5.29.17", false, names)?);
        }
        if !self.issuer_urls.is_empty() {
            let access = |url: &String| {
                uri(url).map(|access_location| AccessDescription {
                    access_method: CA_ISSUERS,
                    access_location,
                })
            };
            let access = self.issuer_urls.iter().map(access).collect::<Result<_, _>>()?;
            let access = AuthorityInfoAccessSyntax(access).to_der()?;
            extensions.push(extension("1.3.6.1.5.5.7.1.1", false, access)?);
        }
        if !self.revocation_list_urls.is_empty() {
            let names = self.revocation_list_urls.iter().map(|url| uri(url));
            let points = CrlDistributionPoints(vec![DistributionPoint {
                distribution_point: Some(DistributionPointName::FullName(
                    names.collect::<Result<_, _>>()?,
                )),
                reasons: None,
                crl_issuer: None,
            }]);
            extensions.push(extension("2.5.29.31", false, points.to_der()?)?);
        }
        if self.unknown_critical {
            extensions.push(extension("1.3.6.1.4.1.99999.1", true, vec![0x05, 0x00])?);
        }
        Ok(extensions)
    }
}

/// A distinguished name, attribute by attribute.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Name(Vec<Vec<(ObjectIdentifier, StringType, Vec<u8>)>>);

impl Name {
    /// An empty name.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// `C=US, ST=WA, L=Redmond, O=Microsoft Corporation` and a common name, all PrintableStrings, as in Microsoft's
    /// certificates.
    pub fn microsoft(common_name: &str) -> Self {
        Self::new()
            .country("US")
            .attribute(STATE, StringType::Printable, "WA")
            .attribute(LOCALITY, StringType::Printable, "Redmond")
            .organization("Microsoft Corporation")
            .common_name(common_name)
    }

    /// Adds a country (`C`).
    pub fn country(self, value: &str) -> Self {
        self.attribute(COUNTRY, StringType::Printable, value)
    }

    /// Adds an organization (`O`).
    pub fn organization(self, value: &str) -> Self {
        self.attribute(ORGANIZATION, StringType::Printable, value)
    }

    /// Adds an organization with a given string type.
    pub fn organization_as(self, string_type: StringType, value: impl Into<Vec<u8>>) -> Self {
        self.attribute(ORGANIZATION, string_type, value)
    }

    /// Adds an organizational unit (`OU`).
    pub fn organizational_unit(self, value: &str) -> Self {
        self.attribute(ORGANIZATIONAL_UNIT, StringType::Printable, value)
    }

    /// Adds a common name (`CN`).
    pub fn common_name(self, value: &str) -> Self {
        self.attribute(COMMON_NAME, StringType::Printable, value)
    }

    /// Moves the last attribute into the relative distinguished name before it.
    pub fn joined(mut self) -> Self {
        if let Some(last) = self.0.pop() {
            match self.0.last_mut() {
                Some(before) => before.extend(last),
                None => self.0.push(last),
            }
        }
        self
    }

    fn attribute(
        mut self,
        oid: ObjectIdentifier,
        string_type: StringType,
        value: impl Into<Vec<u8>>,
    ) -> Self {
        self.0.push(vec![(oid, string_type, value.into())]);
        self
    }

    pub(super) fn encode(&self) -> Result<RdnSequence, IssuerError> {
        let attribute = |(oid, string_type, value): &(ObjectIdentifier, StringType, Vec<u8>)| {
            Ok(AttributeTypeAndValue {
                oid: *oid,
                value: Any::new(string_type.tag(), value.as_slice())?,
            })
        };
        let rdn = |attributes: &Vec<_>| {
            let set: Result<Vec<_>, x509_cert::der::Error> =
                attributes.iter().map(attribute).collect();
            Ok(RelativeDistinguishedName(SetOfVec::try_from(set?)?))
        };
        let rdns: Result<_, x509_cert::der::Error> = self.0.iter().map(rdn).collect();
        Ok(RdnSequence(rdns?))
    }
}

impl Default for Name {
    fn default() -> Self {
        Self::new()
    }
}

/// The ASN.1 type of an attribute value in a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StringType {
    /// BMPString: UTF-16, big endian.
    Bmp,
    /// IA5String.
    Ia5,
    /// PrintableString.
    Printable,
    /// TeletexString.
    Teletex,
    /// UTF8String.
    Utf8,
}

impl StringType {
    fn tag(self) -> Tag {
        match self {
            Self::Bmp => Tag::BmpString,
            Self::Ia5 => Tag::Ia5String,
            Self::Printable => Tag::PrintableString,
            Self::Teletex => Tag::TeletexString,
            Self::Utf8 => Tag::Utf8String,
        }
    }
}

pub(super) fn uri(url: &str) -> Result<GeneralName, IssuerError> {
    Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(url)?))
}

pub(super) fn extension(
    oid: &str,
    critical: bool,
    value: Vec<u8>,
) -> Result<Extension, IssuerError> {
    Ok(Extension {
        extn_id: ObjectIdentifier::new(oid).map_err(x509_cert::der::Error::from)?,
        critical,
        extn_value: OctetString::new(value)?,
    })
}

pub(super) fn sha256_with_rsa() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: SHA256_WITH_RSA, parameters: Some(Any::from(Null)) }
}

/// UTCTime until 2049, then GeneralizedTime (RFC 5280, 4.1.2.5).
pub(super) fn time(seconds: u64) -> Result<Time, IssuerError> {
    let since_epoch = Duration::from_secs(seconds);
    Ok(match UtcTime::from_unix_duration(since_epoch) {
        Ok(time) => Time::UtcTime(time),
        Err(_) => Time::GeneralTime(GeneralizedTime::from_unix_duration(since_epoch)?),
    })
}

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const LOCALITY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.7");
const STATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.8");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const ORGANIZATIONAL_UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");
pub(super) const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CA_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

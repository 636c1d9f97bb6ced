//! Certificates, right and wrong.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::{CertificateInner, TbsCertificateInner, Version};
use x509_cert::der::asn1::{
    Any, BitString, GeneralizedTime, Ia5String, Null, ObjectIdentifier, OctetString, SetOfVec,
    UtcTime,
};
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

use super::issuer::Issuer;
use super::key::{IssuerError, Key};
use super::signer::Signer;
use crate::crypto::SignatureAlgorithm;

/// A signing certificate to be: good unless told otherwise.
///
/// Made by [`Issuer::signing_certificate`]; every method takes it one step away from what a verifier should accept.
#[derive(Clone, Debug)]
#[must_use]
pub struct SigningCertificate<'i> {
    issuer: &'i Issuer,
    key: Key,
    recipe: Recipe,
}

impl<'i> SigningCertificate<'i> {
    pub(super) fn new(issuer: &'i Issuer, key: Key) -> Self {
        let day = 24 * 60 * 60;
        let now = issuer.now().as_secs();
        Self {
            issuer,
            key,
            recipe: Recipe {
                subject: Name::microsoft(DNS_NAME),
                not_before: now.saturating_sub(day),
                not_after: now.saturating_add(99 * day),
                dns_names: vec![DNS_NAME.into()],
                is_ca: false,
                key_usage: Some(KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment),
                purposes: Some(vec![SERVER_AUTH]),
                unknown_critical: false,
                issuer_urls: issuer.issuer_urls(),
                revocation_list_urls: issuer.revocation_list_urls(0),
            },
        }
    }

    /// Valid from `not_before` to `not_after`, both included. Default: from a day ago, for 100 days.
    pub fn valid(mut self, not_before: UnixTime, not_after: UnixTime) -> Self {
        self.recipe.not_before = not_before.as_secs();
        self.recipe.not_after = not_after.as_secs();
        self
    }

    /// Ended a second ago.
    pub fn expired(mut self) -> Self {
        self.recipe.not_after = self.issuer.now().as_secs().saturating_sub(1);
        self
    }

    /// Begins in a second.
    pub fn not_yet_valid(mut self) -> Self {
        self.recipe.not_before = self.issuer.now().as_secs().saturating_add(1);
        self
    }

    /// For another subject. Default: `C=US, ST=WA, L=Redmond, O=Microsoft Corporation, CN=…`, as Microsoft's are.
    pub fn subject(mut self, subject: Name) -> Self {
        self.recipe.subject = subject;
        self
    }

    /// For other DNS names. Default: `pcnotifications-dispatch.microsoft.com`.
    pub fn dns_names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.recipe.dns_names = names.into_iter().map(Into::into).collect();
        self
    }

    /// A CA's certificate.
    pub fn certificate_authority(mut self) -> Self {
        self.recipe.is_ca = true;
        self
    }

    /// With a key usage that does not allow signatures over data.
    pub fn without_digital_signature(mut self) -> Self {
        self.recipe.key_usage = Some(KeyUsages::KeyEncipherment.into());
        self
    }

    /// Without any key usage, which is allowed.
    pub fn without_key_usage(mut self) -> Self {
        self.recipe.key_usage = None;
        self
    }

    /// For other purposes, as object identifiers (`1.3.6.1.5.5.7.3.3` is code signing), or without an extended key usage.
    /// Default: TLS servers.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if one is no object identifier.
    pub fn purposes(mut self, purposes: Option<&[&str]>) -> Result<Self, IssuerError> {
        let oids = |oids: &[&str]| oids.iter().map(|oid| ObjectIdentifier::new(oid)).collect();
        self.recipe.purposes = purposes
            .map(oids)
            .transpose()
            .map_err(x509_cert::der::Error::from)?;
        Ok(self)
    }

    /// In another part of the revocation list. Default: part 0. Nothing unless the issuer is
    /// [published](Issuer::published_at).
    pub fn partition(mut self, number: u32) -> Self {
        self.recipe.revocation_list_urls = self.issuer.revocation_list_urls(number);
        self
    }

    /// Names these URLs of its issuer's certificate (authority information access).
    pub fn issuer_urls<U: Into<String>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.recipe.issuer_urls = urls.into_iter().map(Into::into).collect();
        self
    }

    /// Names these URLs of the revocation list that covers it (CRL distribution points).
    pub fn revocation_list_urls<U: Into<String>>(
        mut self,
        urls: impl IntoIterator<Item = U>,
    ) -> Self {
        self.recipe.revocation_list_urls = urls.into_iter().map(Into::into).collect();
        self
    }

    /// With a critical extension that nobody knows.
    pub fn unknown_critical_extension(mut self) -> Self {
        self.recipe.unknown_critical = true;
        self
    }

    /// With a key of 1024 bits, which is published in this crate's source. Signs with SHA-256 only.
    pub fn small_key(mut self) -> Self {
        self.key = Key::Small;
        self
    }

    /// With a key on P-256. Signs nothing but zeros.
    pub fn elliptic_key(mut self) -> Self {
        self.key = Key::elliptic();
        self
    }

    /// With another exponent in its RSA key than 65537. Signs nothing but zeros.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if the key cannot be encoded.
    pub fn exponent(mut self, exponent: u32) -> Result<Self, IssuerError> {
        self.key = self.key.with_exponent(exponent)?;
        Ok(self)
    }

    /// With a key of its own, as after a rotation. By default every certificate of an issuer has the same key.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if none could be made.
    pub fn new_key(mut self) -> Result<Self, IssuerError> {
        self.key = Key::generate()?;
        Ok(self)
    }

    /// Issues it.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if a value does not fit into a certificate.
    pub fn issue(self) -> Result<Signer, IssuerError> {
        let certificate = self.recipe.issue(
            &self.key,
            self.issuer.intermediate_name(),
            self.issuer.intermediate_key(),
        )?;
        Ok(Signer::new(certificate, self.key))
    }

    /// Issues it to itself.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if a value does not fit into a certificate.
    pub fn self_signed(self) -> Result<Signer, IssuerError> {
        let certificate = self
            .recipe
            .issue(&self.key, &self.recipe.subject, &self.key)?;
        Ok(Signer::new(certificate, self.key))
    }
}

/// What goes into a certificate.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) subject: Name,
    pub(super) not_before: u64,
    pub(super) not_after: u64,
    pub(super) dns_names: Vec<String>,
    pub(super) is_ca: bool,
    pub(super) key_usage: Option<x509_cert::der::flagset::FlagSet<KeyUsages>>,
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
        // Certificates of one subject differ in their dates, which is serial enough here.
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
        let certificate = CertificateInner {
            tbs_certificate,
            signature_algorithm: algorithm,
            signature: BitString::from_bytes(&signature)?,
        };
        let certificate: CertificateInner = certificate;
        Ok(CertificateDer::from(certificate.to_der()?))
    }

    fn extensions(&self) -> Result<Vec<Extension>, IssuerError> {
        let mut extensions = vec![extension(
            "2.5.29.19",
            true,
            BasicConstraints {
                ca: self.is_ca,
                path_len_constraint: None,
            }
            .to_der()?,
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
            let access = self
                .issuer_urls
                .iter()
                .map(access)
                .collect::<Result<_, _>>()?;
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
    /// A name without attributes.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// `C=US, ST=WA, L=Redmond, O=Microsoft Corporation` and a common name, all of them PrintableStrings, as in
    /// Microsoft's certificates.
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

    /// Adds an organization of a string type of one's choice.
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

    /// Moves the last attribute into the relative distinguished name of the one before.
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

/// The ASN.1 type of a name's value.
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
    AlgorithmIdentifierOwned {
        oid: SHA256_WITH_RSA,
        parameters: Some(Any::from(Null)),
    }
}

/// UTCTime until 2049, then GeneralizedTime (RFC 5280, 4.1.2.5).
pub(super) fn time(seconds: u64) -> Result<Time, IssuerError> {
    let since_epoch = Duration::from_secs(seconds);
    Ok(match UtcTime::from_unix_duration(since_epoch) {
        Ok(time) => Time::UtcTime(time),
        Err(_) => Time::GeneralTime(GeneralizedTime::from_unix_duration(since_epoch)?),
    })
}

/// The name in the file name of Microsoft's signing certificate.
const DNS_NAME: &str = "pcnotifications-dispatch.microsoft.com";

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const LOCALITY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.7");
const STATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.8");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const ORGANIZATIONAL_UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");
pub(super) const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CA_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

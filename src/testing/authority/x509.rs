//! X.509 as bytes: certificates and revocation lists, each signed from a recipe.

use std::str::FromStr as _;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::{CertificateInner, TbsCertificateInner, Version};
use x509_cert::crl::{CertificateList, RevokedCert, TbsCertList};
use x509_cert::der::asn1::{
    Any, BitString, GeneralizedTime, Ia5String, Null, ObjectIdentifier, OctetString, Uint, UtcTime,
};
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::{self, Decode as _, Encode as _, Tag};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, BasicConstraints, CrlDistributionPoints,
    ExtendedKeyUsage, IssuingDistributionPoint, KeyUsage, KeyUsages, SubjectAltName,
};
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::{Time, Validity};

use super::fault::Fault;
use super::key::Key;
use crate::crypto::SignatureAlgorithm;

/// The content of a certificate.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    /// In the notation of [`name`].
    pub(super) subject: String,
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
    /// Builds the certificate of `key`, signed by `issuer_key` in the name of `issuer`.
    pub(super) fn issue(
        &self,
        key: &Key,
        issuer: &str,
        issuer_key: &Key,
    ) -> Result<CertificateDer<'static>, Fault> {
        let algorithm = sha256_with_rsa();
        let subject_public_key_info = key.public_key()?;
        // Certificates of one subject differ in their dates, so the dates make a unique serial number.
        let serial = [self.not_before.to_be_bytes(), self.not_after.to_be_bytes()].concat();
        let tbs_certificate = TbsCertificateInner {
            version: Version::V3,
            serial_number: SerialNumber::new(&serial)?,
            signature: algorithm.clone(),
            issuer: name(issuer)?,
            validity: Validity {
                not_before: time(self.not_before)?,
                not_after: time(self.not_after)?,
            },
            subject: name(&self.subject)?,
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

    /// Writes the extensions in the order of RFC 5280, section 4.2. Empty lists omit their extension.
    fn extensions(&self) -> Result<Vec<Extension>, Fault> {
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

/// The content of a revocation list.
pub(super) struct RevocationListRecipe<'r> {
    pub(super) issuer: &'r str,
    pub(super) this_update: u64,
    pub(super) next_update: u64,
    pub(super) revoked: &'r [CertificateDer<'static>],
    /// Its URL, if it is one partition of a list (issuing distribution point).
    pub(super) partition: Option<String>,
}

/// RFC 5280, section 5: version 2, with a CRL number, and the issuing distribution point if it is a partition.
impl RevocationListRecipe<'_> {
    /// Builds the list, signed by `key`. Its number is the time of its issue, so a later list has a higher number.
    pub(super) fn issue(&self, key: &Key) -> Result<Vec<u8>, Fault> {
        let entry = |der: &CertificateDer<'_>| {
            let certificate: CertificateInner = CertificateInner::from_der(der)?;
            Ok::<_, Fault>(RevokedCert {
                serial_number: certificate.tbs_certificate.serial_number,
                revocation_date: time(self.this_update)?,
                crl_entry_extensions: None,
            })
        };
        let revoked: Vec<_> = self.revoked.iter().map(entry).collect::<Result<_, _>>()?;
        let number = Uint::new(&self.this_update.to_be_bytes())?.to_der()?;
        let mut extensions = vec![extension("2.5.29.20", false, number)?];
        if let Some(url) = &self.partition {
            let point = IssuingDistributionPoint {
                distribution_point: Some(DistributionPointName::FullName(vec![uri(url)?])),
                only_contains_user_certs: false,
                only_contains_ca_certs: false,
                only_some_reasons: None,
                indirect_crl: false,
                only_contains_attribute_certs: false,
            };
            extensions.push(extension("2.5.29.28", true, point.to_der()?)?);
        }
        let tbs_cert_list = TbsCertList {
            version: Version::V2,
            signature: sha256_with_rsa(),
            issuer: name(self.issuer)?,
            this_update: time(self.this_update)?,
            next_update: Some(time(self.next_update)?),
            revoked_certificates: (!revoked.is_empty()).then_some(revoked),
            crl_extensions: Some(extensions),
        };
        let signature = key.sign(SignatureAlgorithm::RsaSha256, &tbs_cert_list.to_der()?)?;
        let list = CertificateList {
            tbs_cert_list,
            signature_algorithm: sha256_with_rsa(),
            signature: BitString::from_bytes(&signature)?,
        };
        Ok(list.to_der()?)
    }
}

/// Parses a distinguished name in the notation of RFC 4514, such as `CN=x,O=Microsoft Corporation`: the attributes in reverse
/// order, the commas in values escaped, `+` between attributes of one relative name.
///
/// Text becomes a PrintableString, as in Microsoft's certificates, unless a value is given in DER (`O=#0c0141`).
fn name(text: &str) -> Result<RdnSequence, Fault> {
    let parsed = RdnSequence::from_str(text)?;
    if text.contains("=#") {
        return Ok(parsed);
    }
    let printable = |attribute: &AttributeTypeAndValue| {
        let value = Any::new(Tag::PrintableString, attribute.value.value())?;
        Ok(AttributeTypeAndValue { oid: attribute.oid, value })
    };
    let relative = |name: &RelativeDistinguishedName| {
        let attributes = name.0.iter().map(printable).collect::<der::Result<Vec<_>>>()?;
        attributes.try_into().map(RelativeDistinguishedName)
    };
    let names = parsed.0.iter().map(relative).collect::<der::Result<_>>();
    Ok(RdnSequence(names?))
}

/// A URL as a general name.
fn uri(url: &str) -> Result<GeneralName, Fault> {
    Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(url)?))
}

/// An extension with this object identifier, whose value is DER already.
fn extension(oid: &str, critical: bool, value: Vec<u8>) -> Result<Extension, Fault> {
    Ok(Extension {
        extn_id: ObjectIdentifier::new(oid).map_err(der::Error::from)?,
        critical,
        extn_value: OctetString::new(value)?,
    })
}

/// RFC 4055, section 5: the parameters are NULL, not absent.
fn sha256_with_rsa() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: SHA256_WITH_RSA, parameters: Some(Any::from(Null)) }
}

/// UTCTime until 2049, then GeneralizedTime (RFC 5280, 4.1.2.5).
fn time(seconds: u64) -> Result<Time, Fault> {
    let since_epoch = Duration::from_secs(seconds);
    Ok(match UtcTime::from_unix_duration(since_epoch) {
        Ok(time) => Time::UtcTime(time),
        Err(_) => Time::GeneralTime(GeneralizedTime::from_unix_duration(since_epoch)?),
    })
}

/// The purpose of TLS servers (RFC 5280, section 4.2.1.12).
pub(super) const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
/// The method of authority information access (RFC 5280, section 4.2.2.1).
const CA_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

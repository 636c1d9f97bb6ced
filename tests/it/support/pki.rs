//! A CA for certificates and revocation lists that no honest CA issues: every field can be altered before it is signed.

use std::str::FromStr as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use partner_center_webhooks::chain::{
    Anchors, ChainError, ChainVerifier, Evidence, Revocation, RevocationList, VerifiedSigner,
};
use partner_center_webhooks::crypto::{AwsLcRs, RustCrypto};
use rustls_pki_types::CertificateDer;
use x509_cert::certificate::{Certificate, TbsCertificate, Version};
use x509_cert::crl::{CertificateList, RevokedCert, TbsCertList};
use x509_cert::der::asn1::{BitString, Ia5String, ObjectIdentifier, OctetString, Uint, UtcTime};
use x509_cert::der::{Decode as _, Encode};
use x509_cert::ext::pkix::crl::dp::{DistributionPoint, IssuingDistributionPoint};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    BasicConstraints, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

use crate::support::{ISSUER, NOW};

pub(crate) const BASIC_CONSTRAINTS: &str = "2.5.29.19";
pub(crate) const KEY_USAGE: &str = "2.5.29.15";
pub(crate) const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
pub(crate) const CRL_DISTRIBUTION_POINTS: &str = "2.5.29.31";
pub(crate) const ISSUING_DISTRIBUTION_POINT: &str = "2.5.29.28";

/// A CA: a name and a key.
#[derive(Clone)]
pub(crate) struct Ca {
    name: Name,
    key: Arc<EcdsaKeyPair>,
}

impl Ca {
    /// A CA with Microsoft's organization and a new key.
    pub(crate) fn new(common_name: &str) -> Self {
        Self::named(&format!("CN={common_name},O=Microsoft Corporation,C=US"))
    }

    /// A CA, with a new key.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: Name::from_str(name).unwrap(),
            key: Arc::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()),
        }
    }

    /// A CA with the same name and a new key.
    pub(crate) fn rekeyed(&self) -> Self {
        Self::new("x").renamed(self.name.clone())
    }

    /// A CA with the same key and another name.
    pub(crate) fn renamed(&self, name: Name) -> Self {
        Self { name, key: Arc::clone(&self.key) }
    }

    /// Issues a certificate for another CA, or for this one.
    pub(crate) fn certify(&self, other: &Self) -> CertificateDer<'static> {
        self.certify_with(other, |_| {})
    }

    /// The same, altered before it is signed.
    pub(crate) fn certify_with(
        &self,
        other: &Self,
        alter: impl FnOnce(&mut TbsCertificate),
    ) -> CertificateDer<'static> {
        let mut certificate = self.certificate(
            other.name.clone(),
            SubjectPublicKeyInfoOwned::from_der(other.key.public_key().as_der().unwrap().as_ref())
                .unwrap(),
        );
        set_basic_constraints(&mut certificate, true, None);
        set_key_usage(&mut certificate, KeyUsages::KeyCertSign | KeyUsages::CRLSign);
        alter(&mut certificate);
        self.sign(certificate)
    }

    /// Issues a valid signing certificate.
    pub(crate) fn issue(&self) -> CertificateDer<'static> {
        self.issue_with(|_| {})
    }

    /// The same, altered before it is signed.
    pub(crate) fn issue_with(
        &self,
        alter: impl FnOnce(&mut TbsCertificate),
    ) -> CertificateDer<'static> {
        let mut certificate = self.certificate(
            Name::from_str("CN=x,O=Microsoft Corporation,C=US").unwrap(),
            RSA_KEY.clone(),
        );
        set_basic_constraints(&mut certificate, false, None);
        set_key_usage(&mut certificate, KeyUsages::DigitalSignature.into());
        set_purposes(&mut certificate, &["1.3.6.1.5.5.7.3.1"]);
        let name = Ia5String::new("pcnotifications-dispatch.microsoft.com").unwrap();
        let names = SubjectAltName(vec![GeneralName::DnsName(name)]);
        set(&mut certificate, "2.5.29.17", false, &names);
        alter(&mut certificate);
        self.sign(certificate)
    }

    /// A list in force that names these certificates.
    pub(crate) fn list(&self, revoked: &[&CertificateDer<'_>]) -> RevocationList {
        self.list_with(revoked, |_| {})
    }

    /// The same, altered before it is signed.
    pub(crate) fn list_with(
        &self,
        revoked: &[&CertificateDer<'_>],
        alter: impl FnOnce(&mut TbsCertList),
    ) -> RevocationList {
        RevocationList::from_der(&self.list_der(revoked, alter)).unwrap()
    }

    /// The same in DER.
    pub(crate) fn list_der(
        &self,
        revoked: &[&CertificateDer<'_>],
        alter: impl FnOnce(&mut TbsCertList),
    ) -> Vec<u8> {
        let entry = |certificate: &&CertificateDer<'_>| RevokedCert {
            serial_number: parse(certificate).tbs_certificate.serial_number,
            revocation_date: at(NOW.as_secs() - 3_600),
            crl_entry_extensions: None,
        };
        let entries: Vec<_> = revoked.iter().map(entry).collect();
        let mut list = TbsCertList {
            version: Version::V2,
            signature: ECDSA_WITH_SHA256,
            issuer: self.name.clone(),
            this_update: at(NOW.as_secs() - 3_600),
            next_update: Some(at(NOW.as_secs() + 86_400)),
            revoked_certificates: (!entries.is_empty()).then_some(entries),
            // Its number.
            crl_extensions: Some(vec![extension("2.5.29.20", false, vec![2, 1, 1])]),
        };
        alter(&mut list);
        let signature = self.signature(&list.to_der().unwrap());
        let list = CertificateList {
            signature_algorithm: list.signature.clone(),
            tbs_cert_list: list,
            signature,
        };
        list.to_der().unwrap()
    }

    fn certificate(&self, subject: Name, key: SubjectPublicKeyInfoOwned) -> TbsCertificate {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        TbsCertificate {
            version: Version::V3,
            serial_number: SerialNumber::new(&serial.to_be_bytes()).unwrap(),
            signature: ECDSA_WITH_SHA256,
            issuer: self.name.clone(),
            validity: validity(NOW.as_secs() - 86_400, NOW.as_secs() + 86_400),
            subject,
            subject_public_key_info: key,
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(Vec::new()),
        }
    }

    fn sign(&self, certificate: TbsCertificate) -> CertificateDer<'static> {
        let certificate = Certificate {
            signature: self.signature(&certificate.to_der().unwrap()),
            signature_algorithm: certificate.signature.clone(),
            tbs_certificate: certificate,
        };
        CertificateDer::from(certificate.to_der().unwrap())
    }

    fn signature(&self, message: &[u8]) -> BitString {
        let signature = self.key.sign(&SystemRandom::new(), message).unwrap();
        BitString::from_bytes(signature.as_ref()).unwrap()
    }
}

/// Verifies with both backends, which must give the same result.
#[track_caller]
pub(crate) fn verify(
    root: &CertificateDer<'_>,
    certificate: &CertificateDer<'_>,
    evidence: &Evidence,
    revocation: Revocation,
) -> Result<VerifiedSigner, ChainError> {
    let anchors = Anchors::from_certificates(std::slice::from_ref(root)).unwrap();
    let verify = |verifier: ChainVerifier| {
        verifier.with_revocation(revocation).verify_with(certificate, evidence, NOW)
    };
    let one = verify(ChainVerifier::new(AwsLcRs::new(), anchors.clone()));
    let other = verify(ChainVerifier::new(RustCrypto::new(), anchors));
    let text = |verdict: &Result<VerifiedSigner, ChainError>| match verdict {
        Ok(signer) => format!("{signer:?} {:?}", signer.revocation()),
        Err(error) => error.to_string(),
    };
    assert_eq!(text(&one), text(&other));
    one
}

pub(crate) fn evidence<const N: usize>(
    issuers: [&CertificateDer<'static>; N],
    lists: &[&RevocationList],
) -> Evidence {
    Evidence::new(issuers.into_iter().cloned().collect(), lists.iter().copied().cloned().collect())
}

pub(crate) fn parse(der: &CertificateDer<'_>) -> Certificate {
    Certificate::from_der(der).unwrap()
}

pub(crate) fn at(seconds: u64) -> Time {
    Time::UtcTime(UtcTime::from_unix_duration(Duration::from_secs(seconds)).unwrap())
}

pub(crate) fn validity(not_before: u64, not_after: u64) -> Validity {
    Validity { not_before: at(not_before), not_after: at(not_after) }
}

pub(crate) fn extension(oid: &str, critical: bool, value: Vec<u8>) -> Extension {
    Extension {
        extn_id: ObjectIdentifier::new(oid).unwrap(),
        critical,
        extn_value: OctetString::new(value).unwrap(),
    }
}

/// Sets an extension, or replaces it.
pub(crate) fn set(
    certificate: &mut TbsCertificate,
    oid: &str,
    critical: bool,
    value: &impl Encode,
) {
    unset(certificate, oid);
    let value = extension(oid, critical, value.to_der().unwrap());
    extensions(certificate).push(value);
}

pub(crate) fn unset(certificate: &mut TbsCertificate, oid: &str) {
    let oid = ObjectIdentifier::new(oid).unwrap();
    extensions(certificate).retain(|each| each.extn_id != oid);
}

pub(crate) fn extensions(certificate: &mut TbsCertificate) -> &mut Extensions {
    certificate.extensions.get_or_insert_default()
}

pub(crate) fn set_basic_constraints(
    certificate: &mut TbsCertificate,
    ca: bool,
    path_len_constraint: Option<u8>,
) {
    let constraints = BasicConstraints { ca, path_len_constraint };
    set(certificate, BASIC_CONSTRAINTS, true, &constraints);
}

pub(crate) fn set_key_usage(
    certificate: &mut TbsCertificate,
    usages: x509_cert::der::flagset::FlagSet<KeyUsages>,
) {
    set(certificate, KEY_USAGE, true, &KeyUsage(usages));
}

pub(crate) fn set_purposes(certificate: &mut TbsCertificate, oids: &[&str]) {
    let oids = oids.iter().map(|oid| ObjectIdentifier::new(oid).unwrap());
    let purposes = ExtendedKeyUsage(oids.collect());
    set(certificate, EXTENDED_KEY_USAGE, false, &purposes);
}

/// Sets the URL of a certificate's list.
pub(crate) fn set_list_url(certificate: &mut TbsCertificate, url: &str) {
    set_distribution_point(
        certificate,
        DistributionPoint {
            distribution_point: Some(full_name(url)),
            reasons: None,
            crl_issuer: None,
        },
    );
}

pub(crate) fn set_distribution_point(certificate: &mut TbsCertificate, point: DistributionPoint) {
    let points = CrlDistributionPoints(vec![point]);
    set(certificate, CRL_DISTRIBUTION_POINTS, false, &points);
}

/// Sets the URL that a list gives for itself.
pub(crate) fn set_partition(list: &mut TbsCertList, point: &IssuingDistributionPoint) {
    let value = extension(ISSUING_DISTRIBUTION_POINT, true, point.to_der().unwrap());
    list.crl_extensions.get_or_insert_default().push(value);
}

pub(crate) fn partition(url: &str) -> IssuingDistributionPoint {
    IssuingDistributionPoint {
        distribution_point: Some(full_name(url)),
        only_contains_user_certs: false,
        only_contains_ca_certs: false,
        only_some_reasons: None,
        indirect_crl: false,
        only_contains_attribute_certs: false,
    }
}

pub(crate) fn full_name(url: &str) -> DistributionPointName {
    let url = Ia5String::new(url).unwrap();
    DistributionPointName::FullName(vec![GeneralName::UniformResourceIdentifier(url)])
}

/// A SubjectPublicKeyInfo with a complete RSA key of 1024 bits, which aws-lc-rs does not generate.
pub(crate) fn small_key() -> Vec<u8> {
    const MODULUS: &str = "00bffa13d2e49ad29bd45dc31c2cf0ecf3c9846d3f85ea817e6fb607e5b7682a79623640dd40202c8d1b34a1b92ee69f73\
        b42d2e91db37423f01a336d75d3a507949c198e2b64059d0031a7900bb27cbc51b7c91fec5053f47797e12b9f445a2b3\
        bd16e090e1d52c8fe9cc713d10fca353be97ca2eee8ba9fac0a2b78bc2b90329";
    let pair = |at| u8::from_str_radix(&MODULUS[at..at + 2], 16).unwrap();
    let modulus: Vec<u8> = (0..MODULUS.len()).step_by(2).map(pair).collect();
    rsa_key(&modulus, 65_537)
}

/// The key of the signing certificate, with another exponent.
pub(crate) fn key_with_exponent(exponent: u32) -> Vec<u8> {
    let key = Vec::<Uint>::from_der(RSA_KEY.subject_public_key.raw_bytes()).unwrap();
    rsa_key(key[0].as_bytes(), exponent)
}

/// RFC 3279, section 2.3.1: `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }`.
fn rsa_key(modulus: &[u8], exponent: u32) -> Vec<u8> {
    let key = [modulus, &exponent.to_be_bytes()].map(|number| Uint::new(number).unwrap());
    let key = SubjectPublicKeyInfoOwned {
        algorithm: RSA_KEY.algorithm.clone(),
        subject_public_key: BitString::from_bytes(&key.to_vec().to_der().unwrap()).unwrap(),
    };
    key.to_der().unwrap()
}

/// A SubjectPublicKeyInfo with a key on P-256.
pub(crate) fn elliptic_key() -> Vec<u8> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    key.public_key().as_der().unwrap().as_ref().to_vec()
}

static RSA_KEY: LazyLock<SubjectPublicKeyInfoOwned> = LazyLock::new(|| {
    let signer = ISSUER.signer().unwrap();
    parse(signer.certificate()).tbs_certificate.subject_public_key_info
});

const ECDSA_WITH_SHA256: AlgorithmIdentifierOwned = AlgorithmIdentifierOwned {
    oid: ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"),
    parameters: None,
};

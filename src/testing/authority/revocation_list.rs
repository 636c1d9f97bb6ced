//! Revocation lists.

use rustls_pki_types::CertificateDer;
use x509_cert::certificate::{CertificateInner, Version};
use x509_cert::crl::{CertificateList, RevokedCert, TbsCertList};
use x509_cert::der::asn1::{BitString, Uint};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::IssuingDistributionPoint;
use x509_cert::ext::pkix::name::DistributionPointName;

use super::key::{IssuerError, Key};
use super::x509::{Name, extension, sha256_with_rsa, time, uri};
use crate::crypto::SignatureAlgorithm;

/// The content of a revocation list.
pub(super) struct RevocationListRecipe<'r> {
    pub(super) issuer: &'r Name,
    pub(super) this_update: u64,
    pub(super) next_update: u64,
    pub(super) revoked: &'r [CertificateDer<'static>],
    /// Its URL, if it is one partition of a list (issuing distribution point).
    pub(super) partition: Option<String>,
}

impl RevocationListRecipe<'_> {
    pub(super) fn issue(&self, key: &Key) -> Result<Vec<u8>, IssuerError> {
        let entry = |der: &CertificateDer<'_>| {
            let certificate: CertificateInner = CertificateInner::from_der(der)?;
            Ok::<_, IssuerError>(RevokedCert {
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
            issuer: self.issuer.encode()?,
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

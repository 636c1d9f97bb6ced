//! Checks of a verifier that the gatherer and the diagnosis use.

use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use webpki::EndEntityCert;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::certificate::{Certificate, is_signature};
use super::evidence::MissingEvidence;
use super::policy::{CertificatePolicy, PolicyError};
use super::revocation_list::RevocationList;
use super::signer::Fingerprint;
use super::verifier::ChainVerifier;
use crate::crypto::Backend;

impl ChainVerifier {
    /// Whether `issuer` is the missing CA certificate: it has the right name, and its key signed the issued certificate. A
    /// stranger's certificate of the same name is useless, and expensive to search with.
    pub(crate) fn is_needed_issuer(
        &self,
        missing: &MissingEvidence,
        issuer: &CertificateDer<'_>,
    ) -> bool {
        let MissingEvidence::Issuer { child, .. } = missing else {
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

    /// Whether `list` is the missing list: signed with the key of the issuer on the path. Any other list is useless.
    pub(crate) fn is_needed_list(&self, missing: &MissingEvidence, list: &RevocationList) -> bool {
        let MissingEvidence::RevocationList { issuer_key, .. } = missing else {
            return false;
        };
        list.is_signed_with(&issuer_key.to_vec().into(), &*self.backend)
    }

    /// The name and the verdict of each policy; the signer name comes last.
    pub(crate) fn policy_verdicts(
        &self,
        certificate: &Certificate<'_>,
    ) -> Vec<(String, Result<(), PolicyError>)> {
        let policies = self.policies.iter().map(|policy| &**policy);
        let name = self.signer_name.iter().map(|name| -> &dyn CertificatePolicy { name });
        policies.chain(name).map(|policy| (policy.name(), policy.check(certificate))).collect()
    }

    /// The fingerprint of a certificate, by this verifier's backend.
    pub(crate) fn fingerprint(&self, certificate: &CertificateDer<'_>) -> Fingerprint {
        Fingerprint::of(certificate, &*self.backend)
    }
}

/// Whether `child` was signed with `key`.
fn is_signed_with(
    child: &CertificateDer<'_>,
    key: &SubjectPublicKeyInfoDer<'_>,
    backend: &dyn Backend,
) -> bool {
    X509Certificate::from_der(child).is_ok_and(|(_, child)| {
        let signed = child.tbs_certificate.as_ref();
        is_signature(key, signed, &child.signature_value.data, backend)
    })
}

//! Certificates: only those that an anchor signed are trusted; if signatures are not checked, the policies still are.
//!
//! The input is a certificate. If it is not DER, it is edits to a valid one: a place of two bytes, and the new byte.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use partner_center_webhooks::chain::{Certificate, ChainVerifier, PublicKey, SignerName};
use partner_center_webhooks::crypto::{AwsLcRs, Backend, CryptoError, RsaKey, RsaSigningKey};
use partner_center_webhooks::testing::{Issuer, Signer};
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, PrivateKeyDer,
    SignatureVerificationAlgorithm, UnixTime, alg_id,
};

fuzz_target!(|data: &[u8]| {
    let (issuer, signer) = &*ISSUER;
    let good = signer.certificate();
    let certificate = match data.first() {
        Some(0x30) => CertificateDer::from(data),
        _ => CertificateDer::from(edited(good, data)),
    };
    let verify = |chain: ChainVerifier| {
        chain.with_intermediates(issuer.intermediates()).verify(&certificate, &[], issuer.now())
    };

    let trusted = verify(ChainVerifier::new(AwsLcRs::new(), issuer.anchors().unwrap()));
    assert_eq!(trusted.is_ok(), &certificate == good);

    match verify(ChainVerifier::new(Gullible, issuer.anchors().unwrap())) {
        Ok(signer) => {
            assert!(signer.is_valid_at(issuer.now()));
            assert!(signer.dns_names().iter().any(|name| SignerName::default().matches(name)));
            let certificate = Certificate::parse(&certificate).unwrap();
            assert!(!certificate.is_ca());
            assert_ne!(certificate.digital_signature(), Some(false));
            assert!(matches!(certificate.public_key(), PublicKey::Rsa { bits: 2048..=8192, .. }));
            assert_eq!(certificate.issuer().organizations().len(), 1);
        }
        Err(error) => {
            assert!(!error.to_string().contains(|character: char| character.is_control()))
        }
    }
});

fn edited(good: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut der = good.to_vec();
    for edit in edits.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % der.len();
        der[place] = edit[2];
    }
    der
}

static ISSUER: LazyLock<(Issuer, Signer)> = LazyLock::new(|| {
    let issuer =
        Issuer::at(UnixTime::since_unix_epoch(Duration::from_secs(1_750_000_000))).unwrap();
    let signer = issuer.signer().unwrap();
    (issuer, signer)
});

/// A backend that accepts every signature on a certificate.
#[derive(Debug)]
struct Gullible;

impl Backend for Gullible {
    fn certificate_algorithms(&self) -> &'static [&'static dyn SignatureVerificationAlgorithm] {
        &[&Self]
    }

    fn sha256(&self, data: &[u8]) -> [u8; 32] {
        AwsLcRs::new().sha256(data)
    }

    fn rsa_key(&self, public_key: &[u8]) -> Result<Box<dyn RsaKey>, CryptoError> {
        AwsLcRs::new().rsa_key(public_key)
    }

    fn rsa_signing_key(
        &self,
        private_key: &PrivateKeyDer<'_>,
    ) -> Result<Box<dyn RsaSigningKey>, CryptoError> {
        AwsLcRs::new().rsa_signing_key(private_key)
    }
}

impl SignatureVerificationAlgorithm for Gullible {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_PKCS1_SHA256
    }

    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        Ok(())
    }
}

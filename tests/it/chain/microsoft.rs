//! Microsoft's real certificates and signatures, from `../shared/certs` beside this repository, or from the folder in
//! `PARTNER_CENTER_WEBHOOKS_SHARED`. Without the folder the tests are skipped with a message.
//!
//! The signed JSON comes from the Azure instance metadata service. Microsoft's sample would accept its signing certificate:
//! it proves that the cryptography works, and it is the reason for the signer name pin.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use partner_center_webhooks::chain::{
    Anchors, Certificate, ChainError, ChainVerifier, PolicyError, certificates_from_pem,
};
use partner_center_webhooks::crypto::{AwsLcRs, Backend, RustCrypto};
use partner_center_webhooks::envelope::SignatureEnvelope;
use partner_center_webhooks::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};
use partner_center_webhooks::signature::{SignatureError, VerifiedBody};
use partner_center_webhooks::signers::{SignerError, Signers};
use partner_center_webhooks::source::{Authorities, CertificateBundle, CertificateLocation};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::support::DISPATCH_URL;

fn certs() -> Option<PathBuf> {
    let shared = std::env::var_os("PARTNER_CENTER_WEBHOOKS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let certs = shared.join("certs");
    if certs.is_dir() {
        return Some(certs);
    }
    println!("SKIPPED: {} is absent, so real certificates are not tested", certs.display());
    None
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn intermediates(certs: &Path) -> Vec<CertificateDer<'static>> {
    ["current", "expired"]
        .iter()
        .flat_map(|folder| files(&certs.join("intermediates").join(folder)))
        .flat_map(|file| certificates_from_pem(&fs::read(file).unwrap()).unwrap())
        .collect()
}

struct Vector {
    name: String,
    leaf: CertificateDer<'static>,
    body: Vec<u8>,
    signature: String,
    at: UnixTime,
    end: UnixTime,
}

fn vectors(certs: &Path) -> Vec<Vector> {
    let read = |folder: &PathBuf| {
        let leaf =
            CertificateBundle::from_bytes(&fs::read(folder.join("leaf.cer")).unwrap()).unwrap();
        let text =
            CertificateBundle::from_bytes(&fs::read(folder.join("leaf.pem")).unwrap()).unwrap();
        assert_eq!(leaf, text);
        let leaf = leaf.signing().clone();
        let parsed = Certificate::parse(&leaf).unwrap();
        let begin = parsed.not_before().as_secs();
        let end = parsed.not_after();
        Vector {
            name: folder.file_name().unwrap().to_string_lossy().into_owned(),
            body: fs::read(folder.join("body.json")).unwrap(),
            signature: fs::read_to_string(folder.join("signature.b64")).unwrap().trim().to_owned(),
            at: UnixTime::since_unix_epoch(Duration::from_secs(begin + 2 * 86_400)),
            end,
            leaf,
        }
    };
    files(&certs.join("signed_json_vectors")).iter().map(read).collect()
}

/// The paths of 2019-12 and 2022-01 lead to Baltimore, which is not a default anchor.
fn chain(backend: impl Backend + Clone + 'static, certs: &Path, vector: &Vector) -> ChainVerifier {
    let chain = ChainVerifier::microsoft(backend).with_intermediates(intermediates(certs));
    match vector.name.contains("_2019") || vector.name.contains("_20220103") {
        true => {
            let pem = fs::read(certs.join("roots/baltimore_cybertrust_root.pem")).unwrap();
            chain.with_anchors(Anchors::from_pem(&pem).unwrap())
        }
        false => chain,
    }
}

fn verifies<'b>(
    backend: impl Backend + Clone + 'static,
    certs: &Path,
    vector: &Vector,
    signature: &str,
    body: &'b [u8],
) -> Result<VerifiedBody<&'b [u8]>, SignatureError> {
    let chain =
        chain(backend, certs, vector).with_signer_name("metadata.azure.com".parse().unwrap());
    let signer = Arc::new(chain.verify(&vector.leaf, &[], vector.at).unwrap());
    let envelope = SignatureEnvelope::from_headers([
        ("x-ms-signature", signature),
        ("x-ms-certificate-url", DISPATCH_URL),
        ("x-ms-signature-algorithm", "rsa-sha256"),
    ])
    .unwrap();
    VerifiedBody::verify(body, &envelope, &signer, vector.at)
}

#[test]
fn every_signed_json_verifies_unless_it_was_altered() {
    let Some(certs) = certs() else { return };
    let vectors = vectors(&certs);
    assert_eq!(vectors.len(), 6);
    for vector in &vectors {
        let by = |signature: &str, body: &[u8]| {
            let one = verifies(AwsLcRs::new(), &certs, vector, signature, body).map(|_| ());
            let other = verifies(RustCrypto::new(), &certs, vector, signature, body).map(|_| ());
            assert_eq!(one, other, "{}", vector.name);
            one
        };
        assert_eq!(by(&vector.signature, &vector.body), Ok(()), "{}", vector.name);

        for at in [0, vector.body.len() / 2, vector.body.len() - 1] {
            let mut body = vector.body.clone();
            body[at] ^= 1;
            assert!(matches!(by(&vector.signature, &body), Err(SignatureError::Mismatch { .. })));
        }
        let longer = [vector.body.as_slice(), b"\n"].concat();
        assert!(matches!(by(&vector.signature, &longer), Err(SignatureError::Mismatch { .. })));
        for at in [0, 171, 340] {
            let mut signature = vector.signature.clone().into_bytes();
            signature[at] = if signature[at] == b'A' { b'B' } else { b'A' };
            let signature = String::from_utf8(signature).unwrap();
            assert!(matches!(by(&signature, &vector.body), Err(SignatureError::Mismatch { .. })));
        }
    }
}

#[test]
fn the_default_signer_name_refuses_every_certificate_and_shows_its_names() {
    let Some(certs) = certs() else { return };
    for vector in vectors(&certs) {
        let error = chain(AwsLcRs::new(), &certs, &vector)
            .verify(&vector.leaf, &[], vector.at)
            .unwrap_err();
        assert!(
            matches!(&error, ChainError::Policy { error: PolicyError::SignerName { .. }, .. }),
            "{}: {error}",
            vector.name
        );
        let message = error.to_string();
        let certificate = Certificate::parse(&vector.leaf).unwrap();
        for part in [
            "none of its DNS names matches the signer name `pcnotifications*.microsoft.com`",
            "`metadata.azure.com`",
            &format!("issuer `{}`", certificate.issuer().excerpt()),
            "valid from 20",
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}

#[test]
fn each_proof_expires_with_its_certificate() {
    let Some(certs) = certs() else { return };
    for vector in vectors(&certs) {
        let chain = chain(AwsLcRs::new(), &certs, &vector)
            .with_signer_name("metadata.azure.com".parse().unwrap());
        let next_day =
            UnixTime::since_unix_epoch(Duration::from_secs(vector.end.as_secs() + 86_400));
        let error = chain.verify(&vector.leaf, &[], next_day).unwrap_err();
        assert!(matches!(error, ChainError::Expired { .. }), "{}: {error}", vector.name);
    }
}

#[test]
fn every_real_leaf_has_a_path() {
    let Some(certs) = certs() else { return };
    let leaves = files(&certs.join("leaves"));
    assert_eq!(leaves.len(), 17);
    for file in leaves {
        let leaf = certificates_from_pem(&fs::read(&file).unwrap()).unwrap().remove(0);
        let parsed = Certificate::parse(&leaf).unwrap();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(
            parsed.not_before().as_secs() + 2 * 86_400,
        ));
        let name = parsed.dns_names().iter().find(|name| !name.contains('*')).unwrap();
        let chain = ChainVerifier::microsoft(RustCrypto::new())
            .with_intermediates(intermediates(&certs))
            .with_signer_name(name.parse().unwrap());
        let verified = chain
            .verify(&leaf, &[], at)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(verified.is_valid_at(at));
    }
}

/// The issuers' certificates on Microsoft's and DigiCert's web sites: one for each URL, found by the name in it.
#[derive(Debug)]
struct Sites {
    certificates: Vec<CertificateDer<'static>>,
    now: UnixTime,
}

impl Sites {
    fn serve(&self, url: &str) -> Option<Bytes> {
        let file = url.rsplit('/').next()?.strip_suffix(".crt")?.replace("%20", " ");
        let (name, cross_signed) = match file.strip_suffix(" - xsign") {
            Some(name) => (name, true),
            None => (file.as_str(), false),
        };
        let is_issuer = |der: &&CertificateDer<'static>| {
            let parsed = Certificate::parse(der).unwrap();
            let is_current = parsed.not_before() <= self.now && self.now <= parsed.not_after();
            let subject = parsed.subject().excerpt().to_string();
            let issuer = parsed.issuer().excerpt().to_string();
            subject.ends_with(&format!("CN={name}"))
                && issuer.contains("DigiCert") == cross_signed
                && is_current
        };
        let found = self.certificates.iter().find(is_issuer)?;
        Some(Bytes::copy_from_slice(found))
    }
}

impl HttpClient for Sites {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: Limits,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, HttpClientError>> {
        let mut response = http::Response::new(Bytes::new());
        match self.serve(&request.uri().to_string()) {
            Some(body) => *response.body_mut() = body,
            None => *response.status_mut() = http::StatusCode::NOT_FOUND,
        }
        Box::pin(std::future::ready(Ok(response)))
    }
}

#[tokio::test]
async fn without_configuration_issuers_are_fetched_for_every_real_leaf() {
    let Some(certs) = certs() else { return };
    let read = |file: &PathBuf| certificates_from_pem(&fs::read(file).unwrap()).unwrap().remove(0);
    let mut leaves: Vec<_> = files(&certs.join("leaves")).iter().map(read).collect();
    let recent = |vector: &Vector| !vector.name.contains("_2019") && !vector.name.contains("_2022");
    leaves.extend(vectors(&certs).into_iter().filter(recent).map(|vector| vector.leaf));
    assert_eq!(leaves.len(), 17 + 3);
    for leaf in leaves {
        let parsed = Certificate::parse(&leaf).unwrap();
        let name = parsed.dns_names().iter().find(|name| !name.contains('*')).unwrap();
        let find = async |now: UnixTime| {
            let sites = Sites { certificates: intermediates(&certs), now };
            let chain =
                ChainVerifier::microsoft(AwsLcRs::new()).with_signer_name(name.parse().unwrap());
            let bundle = CertificateBundle::new(leaf.clone(), Vec::new());
            let signers = Signers::build(
                Arc::new(bundle),
                Some(Authorities::new(Arc::new(sites))),
                chain,
                Signers::NEW_DOWNLOADS_PER_MINUTE,
            );
            let url = CertificateLocation::default().check(DISPATCH_URL).unwrap();
            signers.find(&url, now).await
        };
        let at = |seconds: u64| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let found = find(at(parsed.not_before().as_secs() + 2 * 86_400)).await.unwrap();
        assert!(!found.current().issuers().is_empty());
        let error = find(at(parsed.not_after().as_secs() + 86_400)).await.unwrap_err();
        assert!(
            matches!(*error.error, SignerError::Chain { error: ChainError::Expired { .. }, .. }),
            "{error}"
        );
    }
}

#[test]
fn malformed_ca_certificates_do_not_panic() {
    let Some(certs) = certs() else { return };
    for file in files(&certs.join("intermediates/malformed")) {
        let ca = certificates_from_pem(&fs::read(&file).unwrap()).unwrap().remove(0);
        let error = ChainVerifier::microsoft(AwsLcRs::new())
            .verify(
                &ca,
                std::slice::from_ref(&ca),
                UnixTime::since_unix_epoch(Duration::from_secs(1_650_000_000)),
            )
            .unwrap_err();
        assert!(matches!(error, ChainError::Malformed(_)), "{}: {error}", file.display());
    }
}

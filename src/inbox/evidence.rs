//! Evidence that a body is Partner Center's.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::{CertificateDer, UnixTime};
use thiserror::Error;

use crate::chain::{
    ChainError, ChainVerifier, ParseError, certificate_to_pem, certificates_from_pem,
};
use crate::envelope::{
    ALGORITHM_HEADER, AUTHORIZATION_HEADER, CERTIFICATE_URL_HEADER, EnvelopeError,
    SignatureAlgorithm, SignatureEnvelope,
};
use crate::signature::{SignatureError, VerifiedBody};

/// The evidence for one callback: its signature, the certificates of its signer, and when it was verified.
///
/// With the body, it can be verified again offline, years later: [`verify`](Self::verify) needs only a trust anchor.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SignatureEvidence {
    /// The signature, decoded: 256 to 1024 bytes.
    pub signature: Vec<u8>,
    /// The signature algorithm.
    pub algorithm: SignatureAlgorithm,
    /// The URL of the signing certificate, as the sender wrote it.
    pub certificate_url: String,
    /// The signing certificate, then the issuers' certificates of its path without the anchor.
    pub certificates: Vec<CertificateDer<'static>>,
    /// When the signature was verified, by the receiver's clock.
    pub verified_at: UnixTime,
}

impl SignatureEvidence {
    /// Evidence from a store. It proves nothing until it is [verified](Self::verify).
    pub fn new(
        signature: Vec<u8>,
        algorithm: SignatureAlgorithm,
        certificate_url: String,
        certificates: Vec<CertificateDer<'static>>,
        verified_at: UnixTime,
    ) -> Self {
        Self { signature, algorithm, certificate_url, certificates, verified_at }
    }

    /// Verifies `body` again, at the time of the first verification. Pure: no I/O, and no clock is read.
    ///
    /// There are no revocation lists, so `chain` must not be [`Required`](crate::chain::Revocation::Required).
    ///
    /// # Errors
    ///
    /// [`EvidenceError`].
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use partner_center_webhooks::chain::ChainVerifier;
    /// use partner_center_webhooks::crypto::DefaultBackend;
    /// use partner_center_webhooks::inbox::VerifiedCallback;
    /// use partner_center_webhooks::testing::Issuer;
    ///
    /// let issuer = Issuer::new()?;
    /// let signer = issuer.signer()?;
    /// let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    /// let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
    /// let callback = VerifiedCallback::receive(&receiver, &request.headers, request.body.clone()).await?;
    ///
    /// // Years later: the anchor and what was stored are enough.
    /// let chain = ChainVerifier::new(DefaultBackend::new(), issuer.anchors()?);
    /// let evidence = callback.evidence();
    /// assert!(evidence.verify(&request.body, &chain).is_ok());
    /// assert!(evidence.verify("{}", &chain).is_err());
    /// # Ok(()) }) }
    /// ```
    pub fn verify<B: AsRef<[u8]>>(
        &self,
        body: B,
        chain: &ChainVerifier,
    ) -> Result<VerifiedBody<B>, EvidenceError> {
        let (certificate, issuers) =
            self.certificates.split_first().ok_or(EvidenceError::NoCertificate)?;
        let headers = self.headers();
        let pairs = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let envelope = SignatureEnvelope::from_headers(pairs)?;
        let signer = chain.verify(certificate, issuers, self.verified_at)?;
        let signer = Arc::new(signer);
        Ok(VerifiedBody::verify(body, &envelope, &signer, self.verified_at)?)
    }

    /// The signature headers of the callback, in the form in which Partner Center sends them.
    ///
    /// Spellings are not kept: a signature that came in `x-ms-signature` is in `Authorization` here.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use partner_center_webhooks::envelope::SignatureAlgorithm;
    /// use partner_center_webhooks::inbox::SignatureEvidence;
    /// use rustls_pki_types::UnixTime;
    ///
    /// let algorithm = SignatureEvidence::algorithm_named("rsa-sha256").unwrap();
    /// let url = "https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-dispatch.microsoft.com.cer";
    /// let evidence = SignatureEvidence::new(vec![0; 256], algorithm, url.into(), Vec::new(), UnixTime::now());
    /// let [signature, location, name] = evidence.headers();
    /// assert_eq!(signature.0, "authorization");
    /// assert!(signature.1.starts_with("Signature AAAA"));
    /// assert_eq!((location.1.as_str(), name.1.as_str()), (url, "rsa-sha256"));
    /// # Ok(()) }
    /// ```
    pub fn headers(&self) -> [(&'static str, String); 3] {
        let signature = format!("Signature {}", STANDARD.encode(&self.signature));
        [
            (AUTHORIZATION_HEADER, signature),
            (CERTIFICATE_URL_HEADER, self.certificate_url.clone()),
            (ALGORITHM_HEADER, self.algorithm.as_str().to_owned()),
        ]
    }

    /// The certificates as PEM, the signing certificate first: for `openssl`, or to pin them.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # use partner_center_webhooks::{crypto::DefaultBackend, inbox::*, testing::Issuer};
    /// # let issuer = Issuer::new()?;
    /// # let signer = issuer.signer()?;
    /// # let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    /// # let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
    /// # let callback = VerifiedCallback::receive(&receiver, &request.headers, request.body).await?;
    /// let pem = callback.evidence().certificates_pem();
    /// assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
    /// let read = SignatureEvidence::read_certificates(&pem)?;
    /// assert_eq!(read, callback.evidence().certificates);
    /// assert!(SignatureEvidence::read_certificates("").is_err());
    /// # Ok(()) }) }
    /// ```
    pub fn certificates_pem(&self) -> String {
        self.certificates.iter().map(certificate_to_pem).collect()
    }

    /// Reads [`certificates_pem`](Self::certificates_pem).
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the text is not PEM of at least one certificate.
    pub fn read_certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, ParseError> {
        certificates_from_pem(pem.as_bytes())
    }

    /// The algorithm with this name, as [`SignatureAlgorithm::as_str`] writes it.
    pub fn algorithm_named(name: &str) -> Option<SignatureAlgorithm> {
        SignatureAlgorithm::ALL.iter().copied().find(|algorithm| algorithm.as_str() == name)
    }
}

/// The reason why stored evidence does not prove its body.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The signing certificate was not trusted at that time.
    #[error("the stored signing certificate is not trusted: {0}")]
    Chain(#[from] ChainError),
    /// The signature is malformed.
    #[error("the stored signature is malformed: {0}")]
    Envelope(#[from] EnvelopeError),
    /// There is no certificate.
    #[error("no certificate is stored with the callback")]
    NoCertificate,
    /// The signature does not match the body.
    #[error("the stored body is not the signed one: {0}")]
    Signature(#[from] SignatureError),
}

//! Signed callbacks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use rustls_pki_types::CertificateDer;

use super::key::Key;
use crate::chain::certificate_to_pem;
use crate::cloud::DOCUMENTED_CERTIFICATE_LOCATION;
use crate::crypto::SignatureAlgorithm;
use crate::envelope::{ALGORITHM_HEADER, CERTIFICATE_URL_HEADER, SIGNATURE_HEADER};
use crate::testing::error::TestKitError;

/// A signing certificate and its private key.
///
/// # Example: a body that was altered on its way
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use partner_center_webhooks::ErrorKind;
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::testing::Issuer;
///
/// let issuer = Issuer::new()?;
/// let signer = issuer.signer()?;
/// let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
///
/// let callback = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
/// let altered = callback.with_body(r#"{"EventName":"test-created"}"#);
/// let error = receiver.receive(&altered.headers, &altered.body).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Signature);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Signer {
    certificate: CertificateDer<'static>,
    key: Key,
    certificate_url: String,
}

impl Signer {
    pub(super) fn new(certificate: CertificateDer<'static>, key: Key) -> Self {
        Self {
            certificate,
            key,
            certificate_url: format!(
                "{DOCUMENTED_CERTIFICATE_LOCATION}pcnotifications-dispatch.microsoft.com.cer"
            ),
        }
    }

    /// Sets the certificate URL that callbacks name. Default: the documented one.
    #[must_use]
    pub fn with_certificate_url(mut self, url: impl Into<String>) -> Self {
        self.certificate_url = url.into();
        self
    }

    /// The certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The certificate as PEM.
    pub fn certificate_pem(&self) -> String {
        certificate_to_pem(&self.certificate)
    }

    /// The private key as PEM (PKCS#8), for an application that authenticates with this certificate.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] unless it is an RSA key of 2048 bits.
    pub fn private_key_pem(&self) -> Result<String, TestKitError> {
        let text = STANDARD.encode(self.key.private_key()?.as_ref());
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        Ok(pem)
    }

    /// Signs `body` with `rsa-sha256`, as Partner Center does.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the signature could not be created.
    pub fn callback(&self, body: impl Into<Bytes>) -> Result<SignedRequest, TestKitError> {
        self.callback_with(SignatureAlgorithm::RsaSha256, body)
    }

    /// Signs `body` with `algorithm`.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the signature could not be created, or the certificate URL is not a header value.
    pub fn callback_with(
        &self,
        algorithm: SignatureAlgorithm,
        body: impl Into<Bytes>,
    ) -> Result<SignedRequest, TestKitError> {
        let body = body.into();
        let signature = STANDARD.encode(self.key.sign(algorithm, &body)?);
        let header = |text: &str| {
            HeaderValue::from_str(text)
                .map_err(|error| TestKitError::creating("a header")(error.into()))
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, header(&format!("Signature {signature}"))?);
        headers.insert(CERTIFICATE_URL_HEADER, header(&self.certificate_url)?);
        headers.insert(ALGORITHM_HEADER, HeaderValue::from_static(algorithm.as_str()));
        Ok(SignedRequest { headers, body })
    }
}

/// A complete callback, ready to POST or to pass to a [`Receiver`](crate::Receiver).
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "tests take it apart and rebuild it")]
pub struct SignedRequest {
    /// Content type, signature, certificate URL and algorithm.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl SignedRequest {
    /// Replaces the body and keeps the signature.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a header, replacing any value.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the name or value is invalid in HTTP.
    pub fn with_header(mut self, name: &str, value: &[u8]) -> Result<Self, TestKitError> {
        let name = http::HeaderName::from_bytes(name.as_bytes())
            .map_err(|error| TestKitError::creating("a header name")(error.into()))?;
        let value = HeaderValue::from_bytes(value)
            .map_err(|error| TestKitError::creating("a header")(error.into()))?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Removes a header.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Moves the signature to `x-ms-signature`, as a registration can ask for.
    ///
    /// # Example
    ///
    /// ```
    /// use partner_center_webhooks::testing::Issuer;
    ///
    /// let callback = Issuer::new()?.signer()?.callback("{}")?.in_signature_header();
    /// assert!(callback.headers["x-ms-signature"].to_str()?.starts_with("Signature "));
    /// assert!(!callback.headers.contains_key("authorization"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn in_signature_header(mut self) -> Self {
        if let Some(signature) = self.headers.remove(AUTHORIZATION) {
            self.headers.insert(SIGNATURE_HEADER, signature);
        }
        self
    }
}

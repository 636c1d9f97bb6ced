//! Client assertions signed with a certificate's key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::zeroize::Zeroizing;
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::application::ApplicationError;
use super::credential::{AssertionError, ClientAssertion, Credential};
use crate::crypto::{Backend, CryptoError, RsaSigningKey};
use crate::http_client::BoxFuture;
use crate::mask::Excerpt;
use crate::mask::secret::SecretString;

impl Credential {
    /// A certificate that is uploaded to the application's registration, and its private key, which signs each request.
    ///
    /// `certificate` is an X.509 certificate in DER, or the first one in PEM. `private_key` is an RSA key of 2048 to 8192 bits,
    /// unencrypted PKCS#8 or PKCS#1, in DER or the first one in PEM. A PEM file with both can be passed twice.
    ///
    /// `backend` keeps the key, and it is wiped from memory when the credential is dropped. The expiry of the certificate is not
    /// checked: Microsoft Entra refuses an expired one (AADSTS700027).
    ///
    /// # Errors
    ///
    /// [`ApplicationError::Certificate`], [`ApplicationError::PrivateKey`] or [`ApplicationError::KeyMismatch`].
    ///
    /// # Source
    ///
    /// "Microsoft identity platform application authentication certificate credentials"; RFC 7523, sections 2.2 and 3.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use partner_center_webhooks::crypto::DefaultBackend;
    /// use partner_center_webhooks::testing::Issuer;
    /// use partner_center_webhooks::token::Credential;
    ///
    /// let signer = Issuer::new()?.signer()?;
    /// let (certificate, key) = (signer.certificate_pem(), signer.private_key_pem()?);
    /// let backend = DefaultBackend::new();
    /// let credential = Credential::certificate(&backend, certificate.as_bytes(), key.as_bytes())?;
    /// assert_eq!(format!("{credential:?}"), "Credential(certificate)");
    /// # Ok(()) }
    /// ```
    pub fn certificate(
        backend: &dyn Backend,
        certificate: &[u8],
        private_key: &[u8],
    ) -> Result<Self, ApplicationError> {
        let certificate = match is_der(certificate) {
            true => CertificateDer::from(certificate),
            false => CertificateDer::from_pem_slice(certificate)
                .map_err(|_| ApplicationError::Certificate)?,
        };
        let Ok((&[], parsed)) = X509Certificate::from_der(&certificate) else {
            return Err(ApplicationError::Certificate);
        };
        let key = signing_key(backend, private_key).map_err(|_| ApplicationError::PrivateKey)?;
        if *parsed.public_key().subject_public_key.data != *key.public_key() {
            return Err(ApplicationError::KeyMismatch {
                subject: Excerpt::of(parsed.subject().to_string()),
            });
        }
        Ok(Self::assertion(Certificate {
            thumbprint: URL_SAFE_NO_PAD.encode(backend.sha256(&certificate)),
            key,
        }))
    }
}

/// PEM is decoded into memory that is wiped; DER is the caller's.
fn signing_key(
    backend: &dyn Backend,
    private_key: &[u8],
) -> Result<Box<dyn RsaSigningKey>, CryptoError> {
    if is_der(private_key) {
        let key = PrivateKeyDer::try_from(private_key).map_err(|_| CryptoError::PrivateKey)?;
        return backend.rsa_signing_key(&key);
    }
    let key = PrivateKeyDer::from_pem_slice(private_key).map_err(|_| CryptoError::PrivateKey)?;
    backend.rsa_signing_key(&Zeroizing::new(key))
}

/// Whether it begins with a SEQUENCE of 128 bytes or more. Otherwise it may be PEM.
fn is_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x80..=0xff, ..])
}

/// It signs a JSON Web Token for each request, with the certificate's thumbprint in its header.
struct Certificate {
    /// SHA-256, base64url.
    thumbprint: String,
    key: Box<dyn RsaSigningKey>,
}

impl ClientAssertion for Certificate {
    fn kind(&self) -> &'static str {
        "certificate"
    }

    fn assert<'a>(
        &'a self,
        client_id: &'a str,
        token_endpoint: &'a str,
        now: OffsetDateTime,
    ) -> BoxFuture<'a, Result<SecretString, AssertionError>> {
        Box::pin(async move {
            let now = now.unix_timestamp();
            let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
            let claims = json!({
                "aud": token_endpoint,
                "exp": now.saturating_add(LIFETIME),
                "iat": now,
                "iss": client_id,
                "jti": Uuid::new_v4().to_string(),
                "nbf": now,
                "sub": client_id,
            });
            let encode = |part: &dyn fmt::Display| URL_SAFE_NO_PAD.encode(part.to_string());
            let signed = format!("{}.{}", encode(&header), encode(&claims));
            let signature = self.key.sign_ps256(signed.as_bytes());
            let signature = signature.map_err(|_| AssertionError::NotSigned)?;
            Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
        })
    }
}

/// In seconds. Microsoft's page says "5-10 minutes after nbf at most"; the longer one tolerates a slow clock.
const LIFETIME: i64 = 10 * 60;

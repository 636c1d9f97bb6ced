//! Signing certificates, valid and defective.

use rustls_pki_types::UnixTime;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::KeyUsages;

use super::fault::Fault;
use super::issuer::Issuer;
use super::key::Key;
use super::signer::Signer;
use super::x509::{Recipe, SERVER_AUTH};
use crate::testing::error::TestKitError;

impl Issuer {
    /// Issues a valid signing certificate.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if it could not be issued.
    pub fn signer(&self) -> Result<Signer, TestKitError> {
        self.signing_certificate().issue()
    }

    /// Builds a signing certificate.
    pub fn signing_certificate(&self) -> SigningCertificate<'_> {
        SigningCertificate::new(self, self.signing_key().clone())
    }
}

/// Builds a signing certificate, valid by default.
///
/// Created by [`Issuer::signing_certificate`]. Most methods introduce one defect that a verifier should reject.
///
/// # Example: a certificate for another service
///
/// ```
/// use partner_center_webhooks::chain::{ChainError, ChainVerifier};
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::testing::Issuer;
///
/// let issuer = Issuer::new()?;
/// let chain = ChainVerifier::new(DefaultBackend::new(), issuer.anchors()?)
///     .with_intermediates(issuer.intermediates());
/// let signer = issuer.signing_certificate().dns_names(["metadata.azure.com"]).issue()?;
/// let refused = chain.verify(signer.certificate(), &[], issuer.now()).unwrap_err();
/// assert!(matches!(refused, ChainError::Policy { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SigningCertificate<'i> {
    issuer: &'i Issuer,
    key: Key,
    recipe: Recipe,
}

impl<'i> SigningCertificate<'i> {
    /// A certificate like Microsoft's: issued a day ago, for 100 days.
    fn new(issuer: &'i Issuer, key: Key) -> Self {
        let day = 24 * 60 * 60;
        let now = issuer.now().as_secs();
        Self {
            issuer,
            key,
            recipe: Recipe {
                subject: format!("CN={DNS_NAME},O=Microsoft Corporation,L=Redmond,ST=WA,C=US"),
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

    /// Sets the validity period; both ends are included. Default: from one day ago, for 100 days.
    pub fn valid(mut self, not_before: UnixTime, not_after: UnixTime) -> Self {
        self.recipe.not_before = not_before.as_secs();
        self.recipe.not_after = not_after.as_secs();
        self
    }

    /// Makes it expire a second ago.
    pub fn expired(mut self) -> Self {
        self.recipe.not_after = self.issuer.now().as_secs().saturating_sub(1);
        self
    }

    /// Makes it valid from one second in the future.
    pub fn not_yet_valid(mut self) -> Self {
        self.recipe.not_before = self.issuer.now().as_secs().saturating_add(1);
        self
    }

    /// Sets the subject, in the notation of RFC 4514. Default: `CN=…,O=Microsoft Corporation,L=Redmond,ST=WA,C=US`, as in
    /// Microsoft's certificates.
    ///
    /// Values are PrintableStrings. To give any other ASN.1 type, write all values in hexadecimal DER: `O=#0c0141` is `A` as
    /// UTF8String. [`issue`](Self::issue) fails if the name is malformed.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.recipe.subject = subject.into();
        self
    }

    /// Sets the DNS names. Default: `pcnotifications-dispatch.microsoft.com`.
    pub fn dns_names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.recipe.dns_names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Makes it a CA certificate.
    pub fn certificate_authority(mut self) -> Self {
        self.recipe.is_ca = true;
        self
    }

    /// Removes `digitalSignature` from the key usage.
    pub fn without_digital_signature(mut self) -> Self {
        self.recipe.key_usage = Some(KeyUsages::KeyEncipherment.into());
        self
    }

    /// Removes the key usage extension, which is optional.
    pub fn without_key_usage(mut self) -> Self {
        self.recipe.key_usage = None;
        self
    }

    /// Sets the extended key usage, as object identifiers (`1.3.6.1.5.5.7.3.3` is code signing); `None` removes the
    /// extension. Default: TLS servers.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if a value is not an object identifier.
    pub fn purposes(mut self, purposes: Option<&[&str]>) -> Result<Self, TestKitError> {
        let oids = |oids: &[&str]| oids.iter().map(|oid| ObjectIdentifier::new(oid)).collect();
        self.recipe.purposes =
            purposes.map(oids).transpose().map_err(|error| Fault::Encoding(error.into()))?;
        Ok(self)
    }

    /// Selects the partition of the revocation list. Default: 0. Has no effect unless the issuer is
    /// [published](Issuer::published_at).
    pub fn partition(mut self, number: u32) -> Self {
        self.recipe.revocation_list_urls = self.issuer.revocation_list_urls(number);
        self
    }

    /// Sets the URLs of the issuer's certificate (authority information access).
    pub fn issuer_urls<U: Into<String>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.recipe.issuer_urls = urls.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the URLs of the revocation list (CRL distribution points).
    pub fn revocation_list_urls<U: Into<String>>(
        mut self,
        urls: impl IntoIterator<Item = U>,
    ) -> Self {
        self.recipe.revocation_list_urls = urls.into_iter().map(Into::into).collect();
        self
    }

    /// Adds an unknown critical extension.
    pub fn unknown_critical_extension(mut self) -> Self {
        self.recipe.unknown_critical = true;
        self
    }

    /// Sets the public key, for example a weak one: a SubjectPublicKeyInfo in DER (RFC 5280, section 4.1.2.7).
    /// [`issue`](Self::issue) fails if it is malformed.
    ///
    /// The private half is unknown, so each signature of its [`Signer`] is 256 zero bytes.
    pub fn public_key(mut self, der: &[u8]) -> Self {
        self.key = Key::PublicOnly(der.into());
        self
    }

    /// Generates a new key, as a rotation does. By default, all certificates of an issuer share one key.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the key could not be generated.
    pub fn new_key(mut self) -> Result<Self, TestKitError> {
        self.key = Key::generate()?;
        Ok(self)
    }

    /// Issues the certificate.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if a value cannot be encoded.
    pub fn issue(self) -> Result<Signer, TestKitError> {
        let certificate = self.recipe.issue(
            &self.key,
            self.issuer.intermediate_name(),
            self.issuer.intermediate_key(),
        )?;
        Ok(Signer::new(certificate, self.key))
    }

    /// Issues the certificate self-signed.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if a value cannot be encoded.
    pub fn self_signed(self) -> Result<Signer, TestKitError> {
        let certificate = self.recipe.issue(&self.key, &self.recipe.subject, &self.key)?;
        Ok(Signer::new(certificate, self.key))
    }
}

/// The name in the file name of Microsoft's signing certificate.
const DNS_NAME: &str = "pcnotifications-dispatch.microsoft.com";

//! Forged callbacks.

use std::fmt;
use std::str::FromStr;

use super::certificates::{Certificates, FILE};
use crate::envelope::{ALGORITHM_HEADER, AUTHORIZATION_HEADER};
use crate::mask::Excerpt;
use crate::testing::authority::{Issuer, SignedRequest};
use crate::testing::error::TestKitError;

/// A way to forge a callback. A receiver must refuse each of them.
///
/// | forgery | refused because of |
/// |---|---|
/// | `another-body`, `weak-algorithm` | the signature or its envelope |
/// | `another-service`, `expired` | the certificate |
/// | `elsewhere` | the location of the certificate |
/// | `foreign-issuer`, `self-signed` | the chain |
/// | `no-signature` | the missing header |
///
/// # Example
///
/// ```
/// use partner_center_webhooks::testing::partner_center::Forgery;
///
/// assert_eq!("self-signed".parse::<Forgery>()?, Forgery::SelfSigned);
/// assert_eq!(Forgery::ALL.len(), 8);
/// let error = "selfsigned".parse::<Forgery>().unwrap_err();
/// assert!(error.to_string().starts_with("`selfsigned` is not a kind of forgery (expected one of: "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Forgery {
    /// A genuine signature over another body.
    AnotherBody,
    /// Signed with a certificate of the right issuer for another service.
    AnotherService,
    /// Genuinely signed, with a certificate URL outside the allowed location.
    Elsewhere,
    /// Signed with an expired certificate.
    Expired,
    /// Signed with a certificate with the right names from an unknown issuer.
    ForeignIssuer,
    /// No signature.
    NoSignature,
    /// Signed with a self-signed certificate with the right names.
    SelfSigned,
    /// A genuine signature labelled `rsa-sha1`.
    WeakAlgorithm,
}

impl Forgery {
    /// All forgeries.
    pub const ALL: &'static [Self] = &[
        Self::AnotherBody,
        Self::AnotherService,
        Self::Elsewhere,
        Self::Expired,
        Self::ForeignIssuer,
        Self::NoSignature,
        Self::SelfSigned,
        Self::WeakAlgorithm,
    ];

    /// The name, for example `another-body`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AnotherBody => "another-body",
            Self::AnotherService => "another-service",
            Self::Elsewhere => "elsewhere",
            Self::Expired => "expired",
            Self::ForeignIssuer => "foreign-issuer",
            Self::NoSignature => "no-signature",
            Self::SelfSigned => "self-signed",
            Self::WeakAlgorithm => "weak-algorithm",
        }
    }

    /// Why a receiver must refuse it, as the rest of a sentence: "As it should be: …".
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::AnotherBody => "the signature is over another body",
            Self::AnotherService => "the certificate is issued for another service",
            Self::Elsewhere => "the certificate URL is outside the allowed location",
            Self::Expired => "the signing certificate has expired",
            Self::ForeignIssuer => "the certificate does not lead to a trusted root",
            Self::NoSignature => "there is no signature",
            Self::SelfSigned => "the certificate is self-signed",
            Self::WeakAlgorithm => "the algorithm `rsa-sha1` is too weak",
        }
    }

    /// Creates a forged callback with `body`.
    pub(super) fn callback(
        self,
        certificates: &mut Certificates,
        base_url: &str,
        body: String,
    ) -> Result<SignedRequest, TestKitError> {
        let (genuine, file) = (certificates.signer().clone(), format!("{self}.cer"));
        let forger = match self {
            Self::AnotherBody => {
                let forged = body.replacen(':', ": ", 1);
                return Ok(genuine.callback(body)?.with_body(forged));
            }
            Self::NoSignature => {
                return Ok(genuine.callback(body)?.without_header(AUTHORIZATION_HEADER));
            }
            Self::WeakAlgorithm => {
                return genuine.callback(body)?.with_header(ALGORITHM_HEADER, b"rsa-sha1");
            }
            Self::Elsewhere => genuine.with_certificate_url(format!("{base_url}/attacker/{FILE}")),
            Self::AnotherService => certificates.forger(file, |issuer| {
                let certificate = issuer.signing_certificate();
                certificate.dns_names(["metadata.azure.com"]).issue()
            })?,
            Self::Expired => certificates
                .forger(file, |issuer| issuer.signing_certificate().expired().issue())?,
            Self::ForeignIssuer => {
                certificates.forger(file, |issuer| Issuer::at(issuer.now())?.signer())?
            }
            Self::SelfSigned => certificates.forger(file, |issuer| {
                let certificate = issuer.signing_certificate().new_key()?;
                // A self-signed certificate names no issuer URL.
                certificate.issuer_urls(Vec::<String>::new()).self_signed()
            })?,
        };
        forger.callback(body)
    }
}

impl fmt::Display for Forgery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Forgery {
    type Err = TestKitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.iter().copied();
        all.find(|forgery| forgery.as_str() == text).ok_or_else(|| TestKitError::UnknownForgery {
            found: Excerpt::of(text),
            expected: Self::ALL.iter().map(|forgery| forgery.as_str()).collect(),
        })
    }
}

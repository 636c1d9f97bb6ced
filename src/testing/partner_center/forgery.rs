//! Callbacks that are not Partner Center's.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::certificates::{Certificates, FILE};
use crate::envelope::{ALGORITHM_HEADER, AUTHORIZATION_HEADER};
use crate::excerpt::Excerpt;
use crate::testing::{Issuer, IssuerError, SignedRequest};

/// A way to forge a callback. A receiver has to refuse each.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Forgery {
    /// A genuine signature, over another body.
    AnotherBody,
    /// Well signed with a certificate of the right issuer for another of its services.
    AnotherService,
    /// Well signed, with a certificate that lies at another place.
    Elsewhere,
    /// Well signed with a certificate that has ended.
    Expired,
    /// Well signed with a certificate of the right names from an unknown issuer.
    ForeignIssuer,
    /// No signature at all.
    NoSignature,
    /// Well signed with a certificate of the right names that was issued by itself.
    SelfSigned,
    /// A genuine signature, said to be by `rsa-sha1`.
    WeakAlgorithm,
}

impl Forgery {
    /// All ways.
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

    /// Its name, as in `another-body`.
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

    /// `body` under a signature of this kind.
    pub(super) fn callback(
        self,
        certificates: &mut Certificates,
        base_url: &str,
        body: String,
    ) -> Result<SignedRequest, IssuerError> {
        let genuine = certificates.signer().clone();
        let forger = match self {
            Self::AnotherBody => {
                let forged = body.replacen(':', ": ", 1);
                return Ok(genuine.callback(body)?.with_body(forged));
            }
            Self::NoSignature => {
                return Ok(genuine.callback(body)?.without_header(AUTHORIZATION_HEADER));
            }
            Self::WeakAlgorithm => {
                return genuine
                    .callback(body)?
                    .with_header(ALGORITHM_HEADER, b"rsa-sha1");
            }
            Self::Elsewhere => genuine.with_certificate_url(format!("{base_url}/attacker/{FILE}")),
            Self::AnotherService => certificates.forger(self, |issuer| {
                let certificate = issuer.signing_certificate();
                certificate.dns_names(["metadata.azure.com"]).issue()
            })?,
            Self::Expired => certificates.forger(self, |issuer| {
                issuer.signing_certificate().expired().issue()
            })?,
            Self::ForeignIssuer => {
                certificates.forger(self, |issuer| Issuer::at(issuer.now())?.signer())?
            }
            Self::SelfSigned => certificates.forger(self, |issuer| {
                let certificate = issuer.signing_certificate().new_key()?;
                // Whoever issues to himself names no issuer elsewhere.
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
    type Err = UnknownForgery;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.iter().copied();
        all.find(|forgery| forgery.as_str() == text)
            .ok_or_else(|| UnknownForgery {
                found: Excerpt::of(text),
            })
    }
}

/// A name of no [`Forgery`].
#[derive(Clone, Debug, Error)]
#[error("`{found}` is no kind of forgery (expected one of: {})", names())]
#[non_exhaustive]
pub struct UnknownForgery {
    /// The name.
    pub found: Excerpt,
}

fn names() -> String {
    let names: Vec<_> = Forgery::ALL.iter().map(|kind| kind.as_str()).collect();
    names.join(", ")
}

//! Stage 3: certificates become a [`VerifiedSigner`]. Pure: anchors, intermediates, policies and the time are
//! arguments.
//!
//! A signing certificate is accepted if a path of valid signatures leads from it to a trust anchor ([`Anchors`], by
//! default the roots of Microsoft's TLS CAs) and every [`CertificatePolicy`] accepts it. Microsoft's sample only checks
//! that the chain is valid and that the issuer is Microsoft Corporation. *Every* certificate of a Microsoft TLS CA passes
//! that check, including the one of `metadata.azure.com`, which signs JSON for any virtual machine. So the certificate's
//! own name is checked too, see [`SignerName`].
//!
//! [`ChainVerifier::verify`] checks in this order, and reports the first fault:
//!
//! | check | error | may change by itself |
//! |---|---|---|
//! | the certificate is valid X.509 | [`ChainError::Malformed`] | no |
//! | each policy, the signer name last | [`ChainError::Policy`] | no |
//! | validity at the given time | [`ChainError::Expired`], [`ChainError::NotYetValid`] | if valid within five minutes |
//! | the certificate is not known to be revoked | [`ChainError::Revoked`] | no |
//! | a path to an anchor, without revoked issuers | [`ChainError::UnknownIssuer`], [`ChainError::Path`] | with more evidence |
//! | a list for each certificate, if [required](Revocation::Required) | [`ChainError::RevocationUnknown`] | with more evidence |
//! | the backend accepts the key | [`ChainError::Key`] | no |
//!
//! [`Signers`](crate::signers::Signers) fetches missing issuers' certificates and [revocation lists](RevocationList).
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | signing certificate | the end-entity certificate whose key signs callbacks |
//! | intermediate | a CA certificate between it and an anchor; its source does not matter, because its signature is checked |
//! | anchor | a public key that is trusted by configuration, at the end of a path |
//! | path | the signing certificate, its intermediates, and the anchor: each signed the one before it |
//! | twin | another certificate of a CA with the same name and key, such as a cross-signature; it can have another path |
//! | revocation list | a signed list of the serial numbers that a CA has revoked (CRL) |
//! | evidence | intermediates, revocation lists, and certificates that are known to be revoked |
//!
//! # Example
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use partner_center_webhooks::chain::{
//!     ChainError, ChainVerifier, Evidence, RevocationStatus,
//! };
//! use partner_center_webhooks::crypto::DefaultBackend;
//! use partner_center_webhooks::testing::Issuer;
//!
//! let issuer = Issuer::new()?; // in production: ChainVerifier::microsoft
//! let (signer, now) = (issuer.signer()?, issuer.now());
//! let chain = ChainVerifier::new(DefaultBackend::new(), issuer.anchors()?);
//!
//! // Without the intermediate there is no path.
//! let error = chain.verify(signer.certificate(), &[], now).unwrap_err();
//! assert!(matches!(error, ChainError::UnknownIssuer { .. }));
//!
//! // With it there is one. No revocation list is known, and the default mode accepts that.
//! let evidence = Evidence::new(issuer.intermediates().to_vec(), Vec::new());
//! let verified = chain.verify_with(signer.certificate(), &evidence, now)?;
//! assert_eq!(verified.path().len(), 2); // the intermediate and the anchor
//! assert!(verified.revocation().iter().all(|(_, status)| *status == RevocationStatus::Unknown));
//! # Ok(()) }
//! ```
//!
//! # Policies
//!
//! The default policies refuse a certificate that is not fit to sign, whatever its path:
//!
//! | requirement | why |
//! |---|---|
//! | an end entity, whose key usage, if present, allows signatures, and whose extended key usage, if present, allows TLS servers or clients | Microsoft signs with a TLS certificate |
//! | an RSA key of 2048 to 8192 bits with an odd exponent from 65537 to 2³³ − 1 | Baseline Requirements, 6.1.5; FIPS 186-5, 5.1 |
//! | `Microsoft Corporation` as the issuer's only organization, and as the subject's if it has one | all certificates since 2019 |
//! | a DNS name that matches the [`SignerName`] | excludes Microsoft's other services |
//!
//! Except for the name, they cannot be removed. [`ChainVerifier::require`] adds others.
//!
//! # Source
//!
//! RFC 5280, sections 4, 5 and 6; "Partner Center webhooks", "How to authenticate the callback"; "Azure Certificate Authority
//! details".

mod anchors;
mod assess;
#[cfg(all(test, feature = "testing", feature = "aws-lc-rs"))]
mod assess_tests;
mod certificate;
mod der;
mod error;
mod evidence;
#[cfg(feature = "receiver")]
mod inspection;
mod list_reader;
mod name;
mod parse_error;
mod path;
mod path_error;
mod pem;
mod policy;
mod public_key;
mod revocation;
mod revocation_list;
mod signer;
mod summary;
mod verifier;

pub use anchors::Anchors;
#[cfg(feature = "receiver")]
pub(crate) use assess::Assessment;
pub use certificate::Certificate;
pub use error::ChainError;
pub use evidence::Evidence;
#[cfg(feature = "receiver")]
pub(crate) use evidence::MissingEvidence;
pub use name::{Attribute, DistinguishedName};
pub use parse_error::ParseError;
pub use path::Path;
#[cfg(feature = "receiver")]
pub(crate) use path::RevokedCertificate;
pub use path_error::PathError;
pub use pem::{certificate_to_pem, certificates_from_pem};
pub use policy::{CertificatePolicy, PolicyError, SignerName, SignerNameError};
pub use public_key::PublicKey;
pub use revocation::{Revocation, RevocationStatus};
pub use revocation_list::RevocationList;
pub use rustls_pki_types::{CertificateDer, UnixTime};
pub(crate) use signer::write_hex;
pub use signer::{Fingerprint, VerifiedSigner};
pub use summary::CertificateSummary;
#[cfg(feature = "receiver")]
pub(crate) use summary::rfc3339;
pub use verifier::ChainVerifier;

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
//! | the certificate is X.509 | [`ChainError::Malformed`] | no |
//! | each policy, the signer name last | [`ChainError::Policy`] | no |
//! | validity at the given time | [`ChainError::Expired`], [`ChainError::NotYetValid`] | if valid within five minutes |
//! | the certificate is not known to be revoked | [`ChainError::Revoked`] | no |
//! | a path to an anchor, without revoked issuers | [`ChainError::UnknownIssuer`], [`ChainError::Path`] | with more evidence |
//! | a list for each certificate, if [required](Revocation::Required) | [`ChainError::RevocationUnknown`] | with more evidence |
//! | the backend accepts the key | [`ChainError::Key`] | no |
//!
//! [`ChainVerifier::missing_evidence`] names the issuers' certificates and [revocation lists](RevocationList) to fetch.

mod anchors;
mod assess;
#[cfg(all(test, feature = "testing", feature = "aws-lc-rs"))]
mod assess_tests;
mod certificate;
mod der;
mod error;
mod evidence;
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
pub use evidence::{Evidence, MissingEvidence};
pub use name::{Attribute, DistinguishedName};
pub use parse_error::ParseError;
#[cfg(feature = "receiver")]
pub(crate) use path::RevokedCertificate;
pub use path::{Link, Path};
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
pub use verifier::ChainVerifier;

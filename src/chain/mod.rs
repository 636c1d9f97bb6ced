//! Stage 3: certificates become a [`VerifiedSigner`]. Pure: anchors, intermediates, policies and the time are
//! arguments.
//!
//! A signing certificate is accepted when a path of valid signatures leads from it to a trust anchor
//! ([`Anchors`], by default the roots that Microsoft's TLS CAs chain to) and when every [`CertificatePolicy`]
//! agrees. Microsoft's own sample stops at "the chain is valid and the issuer is Microsoft Corporation", which
//! *every* certificate that a Microsoft TLS CA issued meets, that of `metadata.azure.com` among them, with which
//! Azure signs JSON for any virtual machine that asks. So the certificate's own name is checked too:
//! [`SignerName`].

mod anchors;
mod assess;
#[cfg(all(test, feature = "testing", feature = "aws-lc-rs"))]
mod assess_tests;
mod certificate;
mod der;
mod error;
mod evidence;
mod list_reader;
mod path;
mod path_error;
pub mod policy;
mod revocation;
mod revocation_list;
mod signer;
mod verifier;

pub use anchors::{Anchors, AnchorsError, PemError, certificate_to_pem, certificates_from_pem};
#[cfg(feature = "receiver")]
pub(crate) use assess::Assessment;
pub use certificate::{
    Attribute, Certificate, CertificateSummary, DistinguishedName, ParseError, PublicKey,
};
pub use error::ChainError;
pub use evidence::{Evidence, MissingEvidence};
#[cfg(feature = "receiver")]
pub(crate) use path::RevokedCertificate;
pub use path::{Link, Path};
pub use path_error::PathError;
pub use policy::{CertificatePolicy, PolicyError, SignerName};
pub use revocation::{Revocation, RevocationStatus};
pub use revocation_list::{RevocationList, RevocationListError};
pub use rustls_pki_types::{CertificateDer, UnixTime};
pub(crate) use signer::write_hex;
pub use signer::{Fingerprint, VerifiedSigner};
pub use verifier::ChainVerifier;

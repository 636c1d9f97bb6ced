//! Microsoft is the issuer and the subject.

use super::{CertificatePolicy, PolicyError};
use crate::chain::certificate::Certificate;
use crate::chain::name::{Attribute, DistinguishedName};
use crate::mask::Excerpt;

/// Requires the issuer to have exactly one organization, `Microsoft Corporation`, and the subject to have the same one or
/// none.
///
/// Whole attributes are compared byte for byte. A string type other than PrintableString or UTF8String is refused, and so
/// is a value that shares its relative distinguished name. Microsoft's sample looks for the text
/// `O=Microsoft Corporation` anywhere in the issuer. Certificates of 2019 to 2022 have no organization in the subject.
#[derive(Debug)]
pub(in crate::chain) struct Organization;

impl CertificatePolicy for Organization {
    fn check(&self, certificate: &Certificate<'_>) -> Result<(), PolicyError> {
        let subject = certificate.subject();
        match subject.organizations().is_empty() {
            true => Ok(()),
            false => is_microsoft(subject, "subject"),
        }?;
        is_microsoft(certificate.issuer(), "issuer")
    }

    fn name(&self) -> String {
        "organization `Microsoft Corporation`".to_owned()
    }
}

fn is_microsoft(name: &DistinguishedName<'_>, of: &'static str) -> Result<(), PolicyError> {
    match name.organizations() {
        [Attribute::Text(MICROSOFT)] => Ok(()),
        others => Err(PolicyError::Organization {
            of,
            found: others
                .iter()
                .map(|each| match each {
                    Attribute::Other(value) => value.clone(),
                    Attribute::Text(text) => Excerpt::of(text),
                })
                .collect(),
            expected: MICROSOFT,
        }),
    }
}

const MICROSOFT: &str = "Microsoft Corporation";

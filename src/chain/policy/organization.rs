//! Microsoft issued the certificate, to itself.

use super::{CertificatePolicy, PolicyError};
use crate::chain::{Attribute, Certificate, DistinguishedName};
use crate::excerpt::Excerpt;

/// Asks that the issuer has exactly one organization, `Microsoft Corporation`, and that the subject, if it has any, has
/// that one too.
///
/// Compared byte for byte with a whole attribute; a value of another string type than PrintableString or UTF8String,
/// or one that shares its relative distinguished name, is refused. Microsoft's sample looks for the text
/// `O=Microsoft Corporation` anywhere in the issuer. Certificates of 2019 to 2022 have no organization in their
/// subject.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Organization;

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

//! Subjects and issuers.

use x509_parser::asn1_rs::Tag;
use x509_parser::oid_registry as oid;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use crate::crypto::der;
use crate::mask::Excerpt;

/// A subject or an issuer.
///
/// Only organizations are parsed, because no check uses anything else in a name. The text is escaped and cut.
#[derive(Clone, Debug)]
pub struct DistinguishedName<'a> {
    der: &'a [u8],
    text: Excerpt,
    organizations: Vec<Attribute<'a>>,
}

impl<'a> DistinguishedName<'a> {
    pub(super) fn new(name: &X509Name<'a>) -> Self {
        let organizations = name.iter_rdn().flat_map(|rdn| {
            let is_alone = rdn.iter().count() == 1;
            rdn.iter()
                .filter(|attribute| *attribute.attr_type() == oid::OID_X509_ORGANIZATION_NAME)
                .map(move |attribute| {
                    let value = attribute.attr_value();
                    match (is_alone, value.tag(), str::from_utf8(value.data)) {
                        (true, Tag::PrintableString | Tag::Utf8String, Ok(text)) => {
                            Attribute::Text(text)
                        }
                        _ => Attribute::Other(Excerpt::of(value.data)),
                    }
                })
        });
        Self {
            der: name.as_raw(),
            text: Excerpt::of(name.to_string()),
            organizations: organizations.collect(),
        }
    }

    /// The name in DER: names are the same if their bytes are.
    pub fn as_der(&self) -> &'a [u8] {
        self.der
    }

    /// Every organization attribute (`O`), in order.
    pub fn organizations(&self) -> &[Attribute<'a>] {
        &self.organizations
    }

    /// The name as text, such as `C=US, O=Microsoft Corporation, CN=…`: for display, never for comparison.
    pub fn excerpt(&self) -> Excerpt {
        self.text.clone()
    }
}

/// The value of a name's attribute.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Attribute<'a> {
    /// A value of another string type, or one that shares its relative distinguished name with others: X.509 parsers disagree
    /// about these forms.
    Other(Excerpt),
    /// A PrintableString or UTF8String, alone in its relative distinguished name.
    Text(&'a str),
}

/// A name as text, from its DER without the outer SEQUENCE.
///
/// Trust anchors have their names in this form. `None` if it cannot be parsed.
pub(super) fn distinguished_name(contents: &[u8]) -> Option<Excerpt> {
    let name = der::encode(der::SEQUENCE, contents)?;
    let (rest, name) = X509Name::from_der(&name).ok()?;
    rest.is_empty().then(|| Excerpt::of(name.to_string()))
}

//! Secrets that only the event subscription knows: in the query of the endpoint's URL, or in a header.

use std::fmt;

use form_urlencoded::parse;
use http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::{Choice, ConstantTimeEq as _};
use thiserror::Error;

use crate::excerpt::Excerpt;

/// Where a secret is, and what it may be: more than one while it is being replaced.
pub(super) struct SharedSecret {
    place: Place,
    values: Vec<SecretString>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Header(HeaderName),
    Query(Box<str>),
}

impl Place {
    fn words(&self) -> String {
        match self {
            Self::Header(name) => format!("header `{}`", Excerpt::of(name.as_str())),
            Self::Query(name) => format!("query parameter `{}`", Excerpt::of(&**name)),
        }
    }
}

impl SharedSecret {
    pub(super) fn new(place: Place) -> Self {
        let values = Vec::new();
        Self { place, values }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn or(&mut self, value: SecretString) -> Result<(), SecretError> {
        let text = value.expose_secret();
        if text.trim() != text || text.contains(char::is_control) {
            return Err(SecretError::Unsendable);
        }
        let found = text.len();
        if found < MIN_LENGTH {
            return Err(SecretError::TooShort { found });
        }
        self.values.push(value);
        Ok(())
    }

    pub(super) fn is_in_header(&self) -> bool {
        matches!(self.place, Place::Header(_))
    }

    /// Judges what a request has in this place.
    ///
    /// A value in a query is taken as it is written and as forms are decoded, for who configured the URL may not have thought
    /// of `+`.
    pub(super) fn check(
        &self,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(), SecretRefusal> {
        let (found, is_one, is_right) = match &self.place {
            Place::Header(name) => {
                let mut values = headers.get_all(name).iter();
                let value = values.next().map(|value| value.as_bytes());
                let is_right = value.map(|value| self.is_one_of(value));
                (value.is_some(), values.next().is_none(), is_right)
            }
            Place::Query(name) => {
                let query = query.unwrap_or_default();
                let named = |raw: &&str| parse(raw.as_bytes()).any(|(key, _)| *key == **name);
                let mut pairs = query.split('&').filter(named);
                let pair = pairs.next();
                let is_right = pair.map(|pair| {
                    let raw = pair.split_once('=').map_or("", |(_, value)| value);
                    let mut decoded = parse(pair.as_bytes()).map(|(_, value)| value);
                    let decoded = decoded.next().unwrap_or_default();
                    self.is_one_of(raw.as_bytes()) | self.is_one_of(decoded.as_bytes())
                });
                (pair.is_some(), pairs.next().is_none(), is_right)
            }
        };
        let place = || self.place.words();
        match (found, is_one) {
            (false, _) => Err(SecretRefusal::Missing { place: place() }),
            (true, false) => Err(SecretRefusal::Duplicate { place: place() }),
            (true, true) if is_right.is_some_and(bool::from) => Ok(()),
            (true, true) => Err(SecretRefusal::Mismatch { place: place() }),
        }
    }

    /// Compares with every value, and each in a time that depends on lengths alone.
    fn is_one_of(&self, found: &[u8]) -> Choice {
        let compare = |value: &SecretString| value.expose_secret().as_bytes().ct_eq(found);
        let none = Choice::from(0);
        self.values
            .iter()
            .map(compare)
            .fold(none, |one, other| one | other)
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSecret")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Why a value can be no secret, or its place none.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SecretError {
    /// Event Grid keeps these names to itself, or no header is called so.
    #[error(
        "`{found}` is no header for a secret (expected a header's name that does not begin with `aeg-`)"
    )]
    Header {
        /// The name.
        found: Excerpt,
    },
    /// It is soon guessed.
    #[error("the secret has {found} bytes (expected 16 or more)")]
    TooShort {
        /// Its length in bytes.
        found: usize,
    },
    /// No request can bring it as it is, and all would be refused for good: mostly the line feed at the end of a file.
    #[error(
        "the secret begins or ends with white space, or holds a control character (expected it as requests bring it)"
    )]
    Unsendable,
}

/// Why a request's secret was refused. What it said is not told, for it may nearly be the secret.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SecretRefusal {
    /// There are two, and nobody can say which one counts.
    #[error("{place} is present more than once")]
    Duplicate {
        /// Where.
        place: String,
    },
    /// It is another.
    #[error("{place} is not the shared secret")]
    Mismatch {
        /// Where.
        place: String,
    },
    /// There is none.
    #[error("{place} is missing (expected the shared secret)")]
    Missing {
        /// Where.
        place: String,
    },
}

/// In bytes: 64 bits of entropy even as hexadecimal digits.
const MIN_LENGTH: usize = 16;

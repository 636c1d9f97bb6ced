//! Shared secrets of the event subscription: in the query of the endpoint's URL, or in a header.

use std::fmt;

use form_urlencoded::parse;
use http::{HeaderMap, HeaderName};
use subtle::{Choice, ConstantTimeEq as _};
use thiserror::Error;

use super::config_error::WebhookConfigError;
use crate::excerpt::Excerpt;
use crate::mask::secret::SecretString;

/// The place of a secret and its accepted values: more than one during a rotation.
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
    fn description(&self) -> String {
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

    /// Accepts `value` too.
    pub(super) fn add(&mut self, value: SecretString) -> Result<(), WebhookConfigError> {
        let text = value.expose_secret();
        if text.trim() != text || text.contains(char::is_control) {
            return Err(WebhookConfigError::SecretUnsendable);
        }
        let found = text.len();
        if found < MIN_LENGTH {
            return Err(WebhookConfigError::SecretTooShort { found });
        }
        self.values.push(value);
        Ok(())
    }

    pub(super) fn is_in_header(&self) -> bool {
        matches!(self.place, Place::Header(_))
    }

    /// Checks the value that a request has in this place.
    ///
    /// A value in a query is compared both raw and form-decoded, because the configured URL may contain a literal `+`.
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
        let place = || self.place.description();
        match (found, is_one) {
            (false, _) => Err(SecretRefusal::Missing { place: place() }),
            (true, false) => Err(SecretRefusal::Duplicate { place: place() }),
            (true, true) if is_right.is_some_and(bool::from) => Ok(()),
            (true, true) => Err(SecretRefusal::Mismatch { place: place() }),
        }
    }

    /// Compares with every value. The time depends on the lengths alone.
    fn is_one_of(&self, found: &[u8]) -> Choice {
        let compare = |value: &SecretString| value.expose_secret().as_bytes().ct_eq(found);
        let none = Choice::from(0);
        self.values.iter().map(compare).fold(none, |one, other| one | other)
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSecret").field("place", &self.place).finish_non_exhaustive()
    }
}

/// Why a request's secret was refused. The value is not shown, because it may resemble the secret.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SecretRefusal {
    /// The place has more than one value.
    #[error("{place} is present more than once")]
    Duplicate {
        /// The header or query parameter.
        place: String,
    },
    /// The value is not the secret.
    #[error("{place} is not the shared secret")]
    Mismatch {
        /// The header or query parameter.
        place: String,
    },
    /// The place has no value.
    #[error("{place} is missing (expected the shared secret)")]
    Missing {
        /// The header or query parameter.
        place: String,
    },
}

/// In bytes: 64 bits of entropy if the secret is hexadecimal.
const MIN_LENGTH: usize = 16;

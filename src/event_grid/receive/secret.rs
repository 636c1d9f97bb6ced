//! Shared secrets of the event subscription: in the query of the endpoint's URL, or in a header.

use std::fmt;

use form_urlencoded::parse;
use http::HeaderName;
use subtle::{Choice, ConstantTimeEq as _};

use super::config_error::WebhookConfigError;
use super::error::ReceiveError;
use super::headers::Headers;
use crate::mask::Excerpt;
use crate::mask::secret::SecretString;

/// The place of a secret and its accepted values: more than one during a rotation.
///
/// One value per request only: a proxy that adds a second one would otherwise decide which of them counts.
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
    fn description(&self) -> Box<str> {
        let description = match self {
            Self::Header(name) => format!("header `{}`", Excerpt::of(name.as_str())),
            Self::Query(name) => format!("query parameter `{}`", Excerpt::of(&**name)),
        };
        description.into()
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
        headers: &Headers<'_>,
    ) -> Result<(), ReceiveError> {
        // Two are enough to refuse more than one.
        let verdicts: Vec<Choice> = match &self.place {
            Place::Header(name) => {
                let values = headers.all(name.as_str()).into_iter();
                values.take(2).map(|value| self.is_one_of(value)).collect()
            }
            Place::Query(name) => {
                let named = |raw: &&str| parse(raw.as_bytes()).any(|(key, _)| *key == **name);
                let pairs = query.unwrap_or_default().split('&').filter(named);
                let verdict = |pair: &str| {
                    let raw = pair.split_once('=').map_or("", |(_, value)| value);
                    let mut decoded = parse(pair.as_bytes()).map(|(_, value)| value);
                    let decoded = decoded.next().unwrap_or_default();
                    self.is_one_of(raw.as_bytes()) | self.is_one_of(decoded.as_bytes())
                };
                pairs.take(2).map(verdict).collect()
            }
        };
        let place = || self.place.description();
        match verdicts.as_slice() {
            [] => Err(ReceiveError::SecretMissing { place: place() }),
            [verdict] if bool::from(*verdict) => Ok(()),
            [_] => Err(ReceiveError::SecretMismatch { place: place() }),
            _ => Err(ReceiveError::SecretDuplicate { place: place() }),
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

/// In bytes: 64 bits of entropy if the secret is hexadecimal.
const MIN_LENGTH: usize = 16;

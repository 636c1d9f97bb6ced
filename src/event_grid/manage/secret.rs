//! What nobody may see: access keys, URLs with a secret in them.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::model::Lenient;

/// Text that does not show itself, and is wiped from memory when it is dropped.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::manage::Secret;
///
/// let url = Secret::from("https://contoso.example/hook?code=s3cret");
/// assert_eq!(format!("{url:?}"), "Secret(…)");
/// assert!(url.expose_secret().ends_with("s3cret"));
/// ```
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The text.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose_secret() == other.expose_secret()
    }
}

impl Lenient for Secret {
    fn read(value: Value) -> Option<Self> {
        value.as_str().map(Self::from)
    }

    fn write(&self) -> Value {
        self.expose_secret().into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

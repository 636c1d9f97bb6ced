//! Secret text, wiped from memory.

use std::fmt;

use secrecy::ExposeSecret as _;
use serde::Deserialize;

/// A secret text. It is wiped from memory when it is dropped, and `Debug` does not show it.
///
/// There is no `Display` and no `Serialize`, so that it cannot get into a log or a file by accident.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::token::SecretString;
///
/// let secret = SecretString::from("s3cret");
/// assert_eq!(format!("{secret:?}"), "SecretString");
/// assert_eq!(secret.expose_secret(), "s3cret");
/// ```
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct SecretString(secrecy::SecretString);

impl SecretString {
    /// The text. A copy of it is not wiped.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for SecretString {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for SecretString {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretString")
    }
}

//! The pin on Partner Center's name, which keeps out other Microsoft services.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::mask::Excerpt;

/// Requires one of the certificate's DNS names to match the signer's name.
///
/// The name is exact, or a pattern: a DNS name whose first label may end in one `*`, which stands for any letters, digits
/// and hyphens. A pattern must begin with `pcnotifications` and end in `.microsoft.com`: Microsoft names its services one
/// label below `microsoft.com`, so a shorter beginning, or another domain, also matches other services. For such patterns
/// there is [`danger_wide`](Self::danger_wide).
///
/// The default is `pcnotifications*.microsoft.com`, from the two file names that Microsoft documents for the certificate
/// (`pcnotifications.microsoft.com.cer` until 2019, then `pcnotifications-dispatch.microsoft.com.cer`). The names in the
/// certificate are not published, so a refusal shows the names found. Names match in any ASCII case. Wildcards in the
/// certificate never match, and its common name is ignored.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::chain::SignerName;
///
/// let name = SignerName::default();
/// assert!(name.matches("pcnotifications-dispatch.microsoft.com"));
/// assert!(!name.matches("pcnotifications.evil.microsoft.com"));
/// assert!(!name.matches("metadata.azure.com"));
///
/// assert!("metadata.azure.com".parse::<SignerName>().is_ok());
/// assert!("p*.microsoft.com".parse::<SignerName>().is_err());
/// assert!(SignerName::danger_wide("p*.microsoft.com").is_ok());
/// assert!(SignerName::danger_wide("*.microsoft.com").is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignerName {
    /// The first label without its `*`.
    label: Box<str>,
    open: bool,
    /// The other labels, with a leading dot.
    domain: Box<str>,
}

impl SignerName {
    /// Reads an exact name, or a pattern that begins with `pcnotifications` and ends in `.microsoft.com`.
    ///
    /// # Errors
    ///
    /// [`SignerNameError::Malformed`] unless it is a DNS name of at least two labels, with at most one `*`, which ends a
    /// longer first label. A name whose last label is a number is malformed, because it could be an IP address.
    /// [`SignerNameError::Wide`] if it is a wider pattern.
    pub fn new(pattern: &str) -> Result<Self, SignerNameError> {
        let name = Self::danger_wide(pattern)?;
        let narrowest = Self::default();
        let is_pin = !name.open
            || name.label.starts_with(&*narrowest.label) && name.domain == narrowest.domain;
        match is_pin {
            true => Ok(name),
            false => Err(SignerNameError::Wide { found: Excerpt::of(pattern) }),
        }
    }

    /// Reads a pattern that may match any number of names.
    ///
    /// Dangerous: the holder of each matching name can sign callbacks. `m*.azure.com`, for example, matches Azure's metadata
    /// service, which signs JSON for any virtual machine.
    ///
    /// # Errors
    ///
    /// [`SignerNameError::Malformed`], as for [`new`](Self::new).
    pub fn danger_wide(pattern: &str) -> Result<Self, SignerNameError> {
        let malformed = || SignerNameError::Malformed { found: Excerpt::of(pattern) };
        let (first, rest) = pattern.split_once('.').ok_or_else(malformed)?;
        let label = first.strip_suffix('*');
        let name = Self {
            label: label.unwrap_or(first).to_ascii_lowercase().into(),
            open: label.is_some(),
            domain: format!(".{}", rest.to_ascii_lowercase()).into(),
        };
        let good = |label: &str| !label.is_empty() && label.bytes().all(in_label);
        let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
        let numeric = rest.rsplit('.').next().is_some_and(is_number);
        match good(&name.label) && rest.split('.').all(good) && !numeric && pattern.len() <= 253 {
            true => Ok(name),
            false => Err(malformed()),
        }
    }

    /// Whether `name` matches.
    ///
    /// Without regard to ASCII case. A `*` in `name` is a character like any other, and never allowed.
    pub fn matches(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let Some(middle) =
            name.strip_suffix(&*self.domain).and_then(|label| label.strip_prefix(&*self.label))
        else {
            return false;
        };
        match self.open {
            true => middle.bytes().all(in_label),
            false => middle.is_empty(),
        }
    }
}

impl Default for SignerName {
    fn default() -> Self {
        Self { label: "pcnotifications".into(), open: true, domain: ".microsoft.com".into() }
    }
}

impl FromStr for SignerName {
    type Err = SignerNameError;

    fn from_str(pattern: &str) -> Result<Self, Self::Err> {
        Self::new(pattern)
    }
}

impl fmt::Display for SignerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.open { "*" } else { "" };
        write!(f, "{}{star}{}", self.label, self.domain)
    }
}

/// Why a text is not a signer name.
///
/// The message names what is expected, so that it can be shown to an operator unchanged.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SignerNameError {
    /// It is not a DNS name.
    #[error(
        "`{found}` is not a signer name (expected a DNS name, whose first label may end in `*` after at least one character)"
    )]
    Malformed {
        /// The text.
        found: Excerpt,
    },
    /// The pattern also matches names of other services.
    #[error(
        "the signer name `{found}` also matches names of other services (expected an exact name, or a pattern that \
         begins with `pcnotifications` and ends in `.microsoft.com`; give the exact name, or use `SignerName::danger_wide`)"
    )]
    Wide {
        /// The text.
        found: Excerpt,
    },
}

/// The characters of a DNS label, which the `*` of a pattern stands for.
fn in_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

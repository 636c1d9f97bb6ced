//! Access keys and shared access signatures.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::zeroize::Zeroizing;
use sha2::Sha256;
use time::format_description::parse_borrowed;
use time::{OffsetDateTime, UtcOffset};

use super::publish::{PublishConfigError, PublishEndpoint};
use crate::api::AuthHeader;
use crate::mask::secret::SecretString;
use crate::token::provider::secret_header;

/// One of the two keys of a partner namespace. Anyone who has it can publish to the namespace until it is regenerated.
///
/// Zeroized on drop; `Debug` does not show it.
///
/// # Source
///
/// "Authenticate publishing clients with access keys or shared access signatures": the header `aeg-sas-key`.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::AccessKey;
///
/// let key = AccessKey::new("dGhpcyBpcyBub3QgYSByZWFsIEV2ZW50R3JpZCBrZXk=")?;
/// assert_eq!(format!("{key:?}"), "AccessKey { .. }");
/// assert_eq!(
///     AccessKey::new("not base64!").unwrap_err().to_string(),
///     "the access key is empty or not base64 (expected the key as shown in the portal)"
/// );
/// # Ok::<(), partner_center_webhooks::event_grid::PublishConfigError>(())
/// ```
#[derive(Clone)]
pub struct AccessKey(HeaderValue);

impl AccessKey {
    /// Accepts a key in the form that the portal and `listKeys` return.
    ///
    /// # Errors
    ///
    /// [`PublishConfigError::Key`] if it is not base64.
    pub fn new(key: impl Into<SecretString>) -> Result<Self, PublishConfigError> {
        let key = Self(secret_header("", &key.into()).ok_or(PublishConfigError::Key)?);
        key.bytes()?;
        Ok(key)
    }

    fn text(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    fn bytes(&self) -> Result<Zeroizing<Vec<u8>>, PublishConfigError> {
        let bytes = STANDARD.decode(self.text()).map_err(|_| PublishConfigError::Key)?;
        Ok(Zeroizing::new(bytes))
    }

    pub(super) fn auth_header(&self) -> AuthHeader {
        AuthHeader {
            name: KEY,
            value: self.0.clone(),
            token: None,
            secrets: Arc::new([self.text().into()]),
        }
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").finish_non_exhaustive()
    }
}

/// A shared access signature: permission to publish to one endpoint until it expires, signed with an [`AccessKey`].
///
/// Zeroized on drop; `Debug` does not show it.
///
/// # Source
///
/// "Authenticate publishing clients with access keys or shared access signatures"; the test vector below is from the
/// JavaScript SDK.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::{AccessKey, PublishEndpoint, SasToken};
/// use time::OffsetDateTime;
///
/// let key = AccessKey::new("dGhpcyBpcyBub3QgYSByZWFsIEV2ZW50R3JpZCBrZXk=")?;
/// let endpoint = PublishEndpoint::new("https://eg-topic.westus-2.eventgrid.azure.net/api/events")?;
/// let expires_at = OffsetDateTime::from_unix_timestamp(1_577_836_800)?; // 2020-01-01T00:00:00Z
/// let token = SasToken::mint(&key, &endpoint, expires_at)?;
/// assert_eq!(
///     token.expose_secret(),
///     "r=https%3A%2F%2Feg-topic.westus-2.eventgrid.azure.net%2Fapi%2Fevents%3FapiVersion%3D2018-01-01\
///      &e=1%2F1%2F2020%2012%3A00%3A00%20AM&s=ZzvNAYRyvJwDrOJKYxbNAPNCoSqgOJVLFi4IMXOrW2Q%3D"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SasToken(HeaderValue);

impl SasToken {
    /// Accepts a signature that was created elsewhere.
    ///
    /// # Errors
    ///
    /// [`PublishConfigError::Token`] if it lacks one of its parts `r`, `e` and `s`, or contains characters that a header cannot have.
    pub fn new(token: impl Into<SecretString>) -> Result<Self, PublishConfigError> {
        let token = token.into();
        let mut parts = token.expose_secret().split('&');
        let has_all = ["r=", "e=", "s="]
            .into_iter()
            .all(|name| parts.any(|part| part.strip_prefix(name).is_some_and(|it| !it.is_empty())));
        let header = secret_header("", &token).filter(|_| has_all);
        header.map(Self).ok_or(PublishConfigError::Token)
    }

    /// Signs the permission to publish to `endpoint` until `expires_at`, in whole seconds.
    ///
    /// # Errors
    ///
    /// [`PublishConfigError::Expiry`] if the year is not within 1 to 9999.
    pub fn mint(
        key: &AccessKey,
        endpoint: &PublishEndpoint,
        expires_at: OffsetDateTime,
    ) -> Result<Self, PublishConfigError> {
        let expires_at = expires_at
            .checked_to_offset(UtcOffset::UTC)
            .filter(|at| (1..=9999).contains(&at.year()))
            .and_then(en_us)
            .ok_or(PublishConfigError::Expiry)?;
        // Other clients write `api-version`, or no query: the service accepts each.
        let resource = format!("{}?apiVersion=2018-01-01", endpoint.as_str());
        let unsigned = format!("r={}&e={}", encode(&resource), encode(&expires_at));
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&key.bytes()?).map_err(|_| PublishConfigError::Key)?;
        mac.update(unsigned.as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        Self::new(format!("{unsigned}&s={}", encode(&signature)))
    }

    /// The token: the value of the header `aeg-sas-token`.
    pub fn expose_secret(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(super) fn auth_header(&self) -> AuthHeader {
        let mut parts = self.expose_secret().split('&');
        let signature = parts.find_map(|part| part.strip_prefix("s="));
        let encoded = signature.unwrap_or_default();
        let decoded = percent_decode_str(encoded).decode_utf8_lossy();
        AuthHeader {
            name: TOKEN,
            value: self.0.clone(),
            token: None,
            // Only the signature is secret, and a service may echo it without the other parts.
            secrets: Arc::new([encoded.into(), decoded.as_ref().into()]),
        }
    }
}

impl fmt::Debug for SasToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SasToken").finish_non_exhaustive()
    }
}

/// Formats `time` as .NET does for en-US, which the service expects: `1/31/2020 12:00:00 AM`.
fn en_us(time: OffsetDateTime) -> Option<String> {
    let date = "[month padding:none]/[day padding:none]/[year padding:none]";
    let hour = "[hour repr:12 padding:none]:[minute]:[second] [period]";
    let format = format!("{date} {hour}");
    time.format(&parse_borrowed::<2>(&format).ok()?).ok()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

const KEY: HeaderName = HeaderName::from_static("aeg-sas-key");
const TOKEN: HeaderName = HeaderName::from_static("aeg-sas-token");

/// The characters that JavaScript's `encodeURIComponent` encodes.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::text::redact;

    const KEY: &str = "dGhpcyBpcyBub3QgYSByZWFsIEV2ZW50R3JpZCBrZXk=";

    #[test]
    fn times_are_en_us() {
        for (unix, text) in [
            (1_577_836_800, "1/1/2020 12:00:00 AM"),
            (1_577_840_399, "1/1/2020 12:59:59 AM"),
            (1_577_840_400, "1/1/2020 1:00:00 AM"),
            (1_577_879_999, "1/1/2020 11:59:59 AM"),
            (1_577_880_000, "1/1/2020 12:00:00 PM"),
            (1_609_459_199, "12/31/2020 11:59:59 PM"),
        ] {
            let time = OffsetDateTime::from_unix_timestamp(unix).unwrap();
            assert_eq!(en_us(time).as_deref(), Some(text));
        }
    }

    #[test]
    fn offsets_are_converted_and_years_out_of_range_refused() {
        let key = AccessKey::new(KEY).unwrap();
        let endpoint = PublishEndpoint::new("https://a.example/api/events").unwrap();
        let at = OffsetDateTime::from_unix_timestamp(1_577_836_800).unwrap();
        let offset = UtcOffset::from_hms(5, 30, 0).unwrap();
        let mint = |at| SasToken::mint(&key, &endpoint, at);
        assert_eq!(
            mint(at).unwrap().expose_secret(),
            mint(at.to_offset(offset)).unwrap().expose_secret()
        );
        let before_christ = time::PrimitiveDateTime::MIN.assume_utc();
        assert_eq!(mint(before_christ).unwrap_err(), PublishConfigError::Expiry);
    }

    #[test]
    fn keys_and_tokens_are_checked_and_never_shown() {
        let key = AccessKey::new(KEY).unwrap();
        assert_eq!(format!("{key:?}"), "AccessKey { .. }");
        for bad in ["", "a", "not base64!", "dGhp\n"] {
            assert_eq!(AccessKey::new(bad).unwrap_err(), PublishConfigError::Key, "{bad:?}");
        }
        let token = SasToken::new("r=a&e=b&s=c%2Bdefghi").unwrap();
        assert_eq!(format!("{token:?}"), "SasToken { .. }");
        let header = token.auth_header();
        let secrets = header.secrets.iter().map(|secret| secret.expose_secret());
        assert_eq!(
            redact("r=a&e=b&s=c%2Bdefghi is not c+defghi", secrets),
            "r=a&e=b&s=[hidden] is not [hidden]"
        );
        for bad in ["", "r=a&e=b", "e=b&s=c", "r=a&e= &s=c", "r=a&e=b&s=", "r=a&e=b&s=c\n"] {
            assert_eq!(SasToken::new(bad).unwrap_err(), PublishConfigError::Token, "{bad:?}");
        }
    }
}

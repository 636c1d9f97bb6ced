//! Secrets in resources: access keys, and URLs with a secret in the query.

use std::fmt;

use serde_json::Value;

use crate::api::model::Lenient;
use crate::mask::query_secrets;
use crate::mask::secret::SecretString;

/// Text that `Debug` does not show, and that is wiped from memory when it is dropped.
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

/// The secrets in a request body, redacted from errors because services quote requests.
///
/// They are found by name, because a model also keeps members without a field.
pub(super) fn secrets_of(body: &Value) -> Vec<SecretString> {
    let mut secrets = Vec::new();
    collect(body, &mut secrets);
    secrets
}

fn collect(value: &Value, secrets: &mut Vec<SecretString>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, secrets)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            match value {
                Value::String(url) if is("endpointUrl") => secrets.extend(query_secrets(url)),
                Value::Array(headers) if is("deliveryAttributeMappings") => {
                    let values = headers.iter().filter_map(header_value);
                    secrets.extend(values.map(SecretString::from));
                }
                value => collect(value, secrets),
            }
        }),
        _ => {}
    }
}

/// The value of a header, unless it is marked as not secret.
fn header_value(header: &Value) -> Option<&str> {
    let properties = header.get("properties")?;
    let is_public = properties.get("isSecret") == Some(&Value::Bool(false));
    properties.get("value")?.as_str().filter(|_| !is_public)
}

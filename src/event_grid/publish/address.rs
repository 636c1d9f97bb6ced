//! Publish endpoints and channel names.

use std::fmt;

use http::Uri;

use super::config_error::PublishConfigError;
use crate::event_grid::manage::NameRule;
use crate::http_client::endpoint::Endpoint;
use crate::mask::Excerpt;

/// The endpoint of a partner namespace: `https://{namespace}.{region}-1.eventgrid.azure.net/api/events`.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::PublishEndpoint;
///
/// let endpoint = PublishEndpoint::new("https://contoso.westeurope-1.eventgrid.azure.net/api/events")?;
/// assert_eq!(endpoint.as_str(), "https://contoso.westeurope-1.eventgrid.azure.net/api/events");
///
/// let error = PublishEndpoint::new("https://contoso.westeurope-1.eventgrid.azure.net").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "`https://contoso.westeurope-1.eventgrid.azure.net` has the path `/` (expected `/api/events`, as in the \
///      namespace's property `endpoint`)"
/// );
/// # Ok::<(), partner_center_webhooks::event_grid::PublishConfigError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublishEndpoint(Endpoint);

impl PublishEndpoint {
    /// Parses the property `endpoint` of a partner namespace.
    ///
    /// # Errors
    ///
    /// [`PublishConfigError::Endpoint`] if the URL is not https; [`PublishConfigError::Path`] if its path is not `/api/events`.
    pub fn new(url: &str) -> Result<Self, PublishConfigError> {
        Self::parse(url, Endpoint::new(url)?)
    }

    /// Also accepts plain http on loopback addresses, for tests.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn danger_plain_http_on_loopback(url: &str) -> Result<Self, PublishConfigError> {
        Self::parse(url, Endpoint::danger_plain_http_on_loopback(url)?)
    }

    fn parse(url: &str, endpoint: Endpoint) -> Result<Self, PublishConfigError> {
        let path: Option<Uri> = url.parse().ok();
        let path = path.as_ref().map_or("", Uri::path);
        match path {
            PATH => Ok(Self(endpoint)),
            _ => {
                Err(PublishConfigError::Path { url: Excerpt::of_url(url), path: Excerpt::of(path) })
            }
        }
    }

    /// The URL. It does not have a query.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(super) fn into_endpoint(self) -> Endpoint {
        self.0
    }
}

/// The name of a channel of a partner namespace: 3 to 50 letters, digits and hyphens.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::ChannelName;
///
/// assert_eq!(ChannelName::new("fabrikam-1")?.as_str(), "fabrikam-1");
/// assert_eq!(
///     ChannelName::new("a/b").unwrap_err().to_string(),
///     "`a/b` is not a channel name (expected 3 to 50 letters, digits and hyphens)"
/// );
/// # Ok::<(), partner_center_webhooks::event_grid::PublishConfigError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ChannelName(Box<str>);

impl ChannelName {
    /// Checks the length and the characters of `name`.
    ///
    /// # Errors
    ///
    /// [`PublishConfigError::ChannelName`] if one of them is wrong.
    pub fn new(name: &str) -> Result<Self, PublishConfigError> {
        match NameRule::PARTNER.allows(name) {
            true => Ok(Self(name.into())),
            false => Err(PublishConfigError::ChannelName { found: Excerpt::of(name) }),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Source: the property `endpoint` of partner namespaces.
const PATH: &str = "/api/events";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_have_the_path_and_nothing_after_it() {
        for (url, is_valid) in [
            ("https://a.westeurope-1.eventgrid.azure.net/api/events", true),
            ("https://a.example:8443/api/events", true),
            ("https://a.example", false),
            ("https://a.example/", false),
            ("https://a.example/api/events/", false),
            ("https://a.example/API/events", false),
            ("https://a.example/x/api/events", false),
            ("https://a.example/api/events?api-version=2018-01-01", false),
            ("https://a.example/api/events#x", false),
            ("https://key@a.example/api/events", false),
            ("http://a.example/api/events", false),
            ("http://127.0.0.1/api/events", false),
            ("a.example/api/events", false),
        ] {
            assert_eq!(PublishEndpoint::new(url).is_ok(), is_valid, "{url}");
        }
        let danger = PublishEndpoint::danger_plain_http_on_loopback;
        assert!(danger("http://127.0.0.1:1/api/events").is_ok());
        assert!(danger("http://a.example/api/events").is_err());
    }

    #[test]
    fn channel_names() {
        let long = "a".repeat(50);
        for name in ["abc", "A-1", &long] {
            assert_eq!(ChannelName::new(name).unwrap().to_string(), name);
        }
        let longer = "a".repeat(51);
        for name in ["", "ab", &longer, "a b", "a_b", "a\r\nb", "äöü"] {
            assert!(ChannelName::new(name).is_err(), "{name:?}");
        }
    }
}

//! Endpoints: base URLs that requests with secrets may go to.

use http::Uri;
use http::uri::{Authority, InvalidUri, Scheme};
use thiserror::Error;

use super::is_loopback;
use crate::cloud::Cloud;
use crate::mask::Excerpt;

/// Why a base URL is not an endpoint.
///
/// Only the URLs of a [`Cloud::Custom`](crate::cloud::Cloud::Custom) and those that the application passes can cause it.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum EndpointError {
    /// Plain http would expose tokens to the network.
    #[error(
        "`{found}` is plain http (expected https; http on a loopback address only with \
         `danger_plain_http_on_loopback`)"
    )]
    Insecure {
        /// The endpoint.
        found: Excerpt,
    },
    /// The text is not a base URL.
    #[error(
        "`{found}` is not an endpoint (expected `https://`, a host, optionally a port and a path, and no user, query or fragment)"
    )]
    Malformed {
        /// The endpoint.
        found: Excerpt,
    },
}

/// A base URL that secrets may be sent to: a scheme, a host, optionally a port and a path, without a trailing slash.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Endpoint {
    base: Box<str>,
    authority: Box<str>,
}

impl Endpoint {
    /// Checks `base`, which must be https.
    pub(crate) fn new(base: &str) -> Result<Self, EndpointError> {
        Self::parse(base, false)
    }

    /// Checks `base`, which must be https, or plain http on a loopback address. For tests: anything that listens there gets the
    /// secrets.
    pub(crate) fn danger_plain_http_on_loopback(base: &str) -> Result<Self, EndpointError> {
        Self::parse(base, true)
    }

    /// Checks `base`, an endpoint of `cloud`, which decides whether plain http is allowed on loopback addresses.
    pub(crate) fn of_cloud(cloud: &Cloud, base: &str) -> Result<Self, EndpointError> {
        match cloud.danger_plain_http_on_loopback() {
            true => Self::danger_plain_http_on_loopback(base),
            false => Self::new(base),
        }
    }

    fn parse(base: &str, allows_loopback: bool) -> Result<Self, EndpointError> {
        let malformed = || EndpointError::Malformed { found: Excerpt::of_url(base) };
        let uri: Uri = base.parse().map_err(|_: InvalidUri| malformed())?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(malformed());
        };
        if !is_host_and_port(authority) || uri.query().is_some() || base.contains('#') {
            return Err(malformed());
        }
        let is_secure = *scheme == Scheme::HTTPS;
        let is_loopback = *scheme == Scheme::HTTP && is_loopback(authority.host());
        if !(is_secure || is_loopback && allows_loopback) {
            return Err(EndpointError::Insecure { found: Excerpt::of_url(base) });
        }
        Ok(Self {
            base: base.trim_end_matches('/').into(),
            authority: canonical_authority(&uri).into(),
        })
    }

    /// The base URL, without a trailing slash.
    pub(crate) fn as_str(&self) -> &str {
        &self.base
    }

    /// The URI of `path`, which must begin with a slash.
    pub(crate) fn uri(&self, path: &str) -> Result<Uri, InvalidUri> {
        format!("{}{path}", self.base).parse()
    }

    /// Whether `uri` has the same host and port.
    pub(crate) fn is_host_of(&self, uri: &Uri) -> bool {
        canonical_authority(uri).eq_ignore_ascii_case(&self.authority)
    }

    /// The path and query of `url` below this base, if `url` has the same host and port, or none. The scheme of `url` is
    /// ignored, because [`uri`](Self::uri) uses the scheme of this base.
    pub(crate) fn path_of(&self, url: &str) -> Option<String> {
        let uri: Uri = url.parse().ok()?;
        let base: Uri = self.base.parse().ok()?;
        let is_here = uri.authority().is_none() || self.is_host_of(&uri);
        let path = uri.path_and_query().filter(|_| is_here)?.as_str();
        let rest = path.strip_prefix(base.path().trim_end_matches('/'))?;
        rest.starts_with('/').then(|| rest.to_owned())
    }
}

/// User, host and port of a URI, without the default port of its scheme.
///
/// Two URIs with the same one lead to the same server; letters are compared in any case by the callers.
pub(crate) fn canonical_authority(uri: &Uri) -> &str {
    let authority = uri.authority().map_or("", Authority::as_str);
    let default = match uri.scheme_str() {
        Some("http") => ":80",
        _ => ":443",
    };
    authority.strip_suffix(default).unwrap_or(authority)
}

/// Whether an authority is only a host, optionally with a port from 1 to 65535.
pub(crate) fn is_host_and_port(authority: &Authority) -> bool {
    let (host, text) = (authority.host(), authority.as_str());
    let port = match text.strip_prefix(host) {
        Some("") => return !host.is_empty(),
        Some(rest) => rest.strip_prefix(':'),
        None => None,
    };
    let is_port =
        |text: &str| text.parse().is_ok_and(|port: u16| port > 0 && port.to_string() == text);
    !host.is_empty() && port.is_some_and(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_on_loopback_only_if_allowed() {
        for (base, safe, danger) in [
            ("https://api.example", true, true),
            ("https://api.example:8443/base/", true, true),
            ("http://127.0.0.1:1234", false, true),
            ("http://localhost", false, true),
            ("http://[::1]:80", false, true),
            ("http://api.example", false, false),
            ("http://127.0.0.1.example", false, false),
            ("http://localhost.example", false, false),
            ("https://user@api.example", false, false),
            ("https://api.example?a=b", false, false),
            ("https://api.example/#a", false, false),
            ("ftp://api.example", false, false),
            ("api.example", false, false),
            ("/path", false, false),
            ("", false, false),
        ] {
            assert_eq!(Endpoint::new(base).is_ok(), safe, "{base}");
            let allowed = Endpoint::danger_plain_http_on_loopback(base);
            assert_eq!(allowed.is_ok(), danger, "{base}");
        }
        assert_eq!(
            Endpoint::danger_plain_http_on_loopback("http://api.example").unwrap_err().to_string(),
            "`http://api.example` is plain http (expected https; http on a loopback address only with \
             `danger_plain_http_on_loopback`)"
        );
        assert_eq!(
            Endpoint::danger_plain_http_on_loopback("api").unwrap_err().to_string(),
            "`api` is not an endpoint (expected `https://`, a host, optionally a port and a path, and no user, query or \
             fragment)"
        );
    }

    #[test]
    fn a_trailing_slash_is_dropped_and_hosts_match_in_any_case() {
        let endpoint = Endpoint::new("https://api.partnercenter.microsoft.com/").unwrap();
        assert_eq!(endpoint.as_str(), "https://api.partnercenter.microsoft.com");
        let uri = "https://API.partnercenter.microsoft.com:443/v1/invoices".parse().unwrap();
        assert!(endpoint.is_host_of(&uri));
        let http = "http://api.partnercenter.microsoft.com";
        assert!(Endpoint::danger_plain_http_on_loopback(http).is_err());

        let endpoint = Endpoint::new("https://management.azure.com").unwrap();
        let path = |url| endpoint.path_of(url);
        assert_eq!(path("https://management.azure.com:443/a?b=c").as_deref(), Some("/a?b=c"));
        assert_eq!(path("https://management.azure.com.example/a?b=c"), None);
    }

    #[test]
    fn hosts_are_compared_as_a_whole() {
        let endpoint = Endpoint::new("https://API.example").unwrap();
        for (uri, same) in [
            ("https://api.example/x", true),
            ("https://api.EXAMPLE:443/x", true),
            ("http://api.example:80/x", true),
            ("https://api.example:444/x", false),
            ("https://api.example:80/x", false),
            ("https://u@api.example/x", false),
            ("https://api.example./x", false),
            ("https://api.example.evil.example/x", false),
            ("https://evil.example/api.example", false),
            ("/x", false),
        ] {
            assert_eq!(endpoint.is_host_of(&uri.parse().unwrap()), same, "{uri}");
        }
    }

    #[test]
    fn a_url_is_followed_only_on_the_same_host() {
        let plain = Endpoint::new("https://api.example").unwrap();
        let deep = Endpoint::new("https://api.example/base/").unwrap();
        for (url, of_plain, of_deep) in [
            ("https://api.example/x?y", Some("/x?y"), None),
            ("https://API.example:443/base/x", Some("/base/x"), Some("/x")),
            ("https://api.example/baseless", Some("/baseless"), None),
            ("/base/x", Some("/base/x"), Some("/x")),
            ("https://api.example:444/base/x", None, None),
            ("https://api.example@evil.example/base/x", None, None),
            ("https://api.example.evil.example/base/x", None, None),
            ("api.example/x", None, None),
            ("*", None, None),
            ("", None, None),
        ] {
            assert_eq!(plain.path_of(url).as_deref(), of_plain, "{url}");
            assert_eq!(deep.path_of(url).as_deref(), of_deep, "{url}");
        }
    }
}

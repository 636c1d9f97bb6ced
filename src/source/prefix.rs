//! Where something may be fetched from: a scheme, a host and a path, compared as text.

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

use crate::excerpt::Excerpt;
use crate::http_client::is_loopback;

/// A prefix that cannot be allowed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PrefixError {
    /// It is not of the form that is asked for.
    #[error(
        "`{found}` is no location to allow (expected `{scheme}`, a lower-case host, perhaps a port, and a path \
         that ends in `/`)"
    )]
    Malformed {
        /// The prefix.
        found: Excerpt,
        /// The scheme that it should have.
        scheme: &'static str,
    },
    /// Plain http is allowed on loopback addresses only.
    #[error("`{0}` is not on a loopback address: plain http is allowed nowhere else")]
    NotLoopback(Excerpt),
}

/// An allowed prefix in canonical form: scheme, host, port if it is not the scheme's own, path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Prefix {
    text: Box<str>,
}

impl Prefix {
    pub(super) fn new(text: &str, scheme: &'static str) -> Result<Self, PrefixError> {
        let malformed = || PrefixError::Malformed {
            found: Excerpt::of(text),
            scheme,
        };
        let rest = text.strip_prefix(scheme).ok_or_else(malformed)?;
        let (authority, path) = rest.split_once('/').ok_or_else(malformed)?;
        let (host, port) = split_port(authority);
        let segment = |segment: &str| {
            !segment.is_empty()
                && !segment.starts_with('.')
                && segment
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-$".contains(&byte))
        };
        let good_path = path.is_empty()
            || path
                .strip_suffix('/')
                .is_some_and(|path| path.split('/').all(segment));
        let good_port = port.is_none_or(|text| {
            text.parse::<u16>()
                .is_ok_and(|port| port > 0 && port.to_string() == text)
        });
        if text.len() > MAX_LEN || !is_host(host) || !good_port || !good_path {
            return Err(malformed());
        }
        let authority = canonical_authority(scheme, authority);
        Ok(Self {
            text: format!("{scheme}{authority}/{path}").into(),
        })
    }

    /// A prefix of this crate's own, known to be canonical.
    pub(super) fn documented(text: &str) -> Self {
        Self { text: text.into() }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(self.host())
    }

    fn host(&self) -> &str {
        let (_, authority) = self.split_scheme();
        split_port(authority.split('/').next().unwrap_or_default()).0
    }

    fn split_scheme(&self) -> (&str, &str) {
        let end = self.text.find("://").map_or(0, |at| at + "://".len());
        self.text.split_at_checked(end).unwrap_or_default()
    }

    /// What follows this prefix in `url`.
    pub(super) fn strip<'u>(&self, url: &'u str) -> Option<&'u str> {
        let (scheme, location) = self.split_scheme();
        let (authority, path) = location.split_once('/')?;
        let (found_scheme, rest) = url.split_at_checked(scheme.len())?;
        let (found_authority, rest) = rest.split_once('/')?;
        let same = found_scheme.eq_ignore_ascii_case(scheme)
            && canonical_authority(scheme, found_authority).eq_ignore_ascii_case(authority);
        same.then(|| rest.strip_prefix(path)).flatten()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The authority without a port that the scheme has anyway.
fn canonical_authority<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let default = match scheme {
        "https://" => ":443",
        _ => ":80",
    };
    authority.strip_suffix(default).unwrap_or(authority)
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // The colons of an IPv6 address stand inside the brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    host.split('.').all(label) || address(host).is_some_and(|address| address.is_ipv6())
}

fn address(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

/// A prefix is no longer than half of the longest URL, in bytes.
const MAX_LEN: usize = 256;

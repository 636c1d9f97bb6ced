//! Prefixes of URLs that may be fetched: a scheme, a host and a path, compared as text.

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

use crate::http_client::is_loopback;
use crate::mask::Excerpt;

/// A prefix that cannot be allowed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PrefixError {
    /// The prefix has another form.
    #[error(
        "`{found}` cannot be an allowed URL prefix (expected `{scheme}`, a lower-case host, optionally a port, and a \
         path that ends in `/`)"
    )]
    Malformed {
        /// The prefix.
        found: Excerpt,
        /// The expected scheme.
        scheme: &'static str,
    },
    /// Plain http is allowed on loopback addresses only.
    #[error("`{0}` is not on a loopback address: plain http is allowed nowhere else")]
    NotLoopback(Excerpt),
}

/// Each of `prefixes` that `url` begins with, and the rest of `url`.
pub(super) fn matches<'l, 'u>(
    prefixes: &'l [Prefix],
    url: &'u str,
) -> impl Iterator<Item = (&'l Prefix, &'u str)> {
    prefixes.iter().filter_map(|prefix| Some((prefix, prefix.strip(url)?)))
}

/// Prefixes for errors.
pub(super) fn texts(prefixes: &[Prefix]) -> Vec<Box<str>> {
    prefixes.iter().map(|prefix| prefix.0.clone()).collect()
}

/// An allowed prefix in canonical form: scheme, host, port unless it is the scheme's default, path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Prefix(Box<str>);

impl Prefix {
    /// Prefixes of this crate's own, which are known to be canonical.
    pub(super) fn documented(prefixes: &[&str]) -> Vec<Self> {
        prefixes.iter().map(|text| Self((*text).into())).collect()
    }

    pub(super) fn new(text: &str, scheme: &'static str) -> Result<Self, PrefixError> {
        let malformed = || PrefixError::Malformed { found: Excerpt::of_url(text), scheme };
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
            || path.strip_suffix('/').is_some_and(|path| path.split('/').all(segment));
        let good_port = port.is_none_or(|text| {
            text.parse::<u16>().is_ok_and(|port| port > 0 && port.to_string() == text)
        });
        if text.len() > MAX_LEN || !is_host(host) || !good_port || !good_path {
            return Err(malformed());
        }
        let authority = without_default_port(scheme, authority);
        Ok(Self(format!("{scheme}{authority}/{path}").into()))
    }

    /// A prefix of plain `http` on a loopback address.
    pub(super) fn loopback(text: &str) -> Result<Self, PrefixError> {
        let prefix = Self::new(text, "http://")?;
        match is_loopback(prefix.host()) {
            true => Ok(prefix),
            false => Err(PrefixError::NotLoopback(Excerpt::of_url(text))),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn host(&self) -> &str {
        let (_, authority) = self.split_scheme();
        split_port(authority.split('/').next().unwrap_or_default()).0
    }

    fn split_scheme(&self) -> (&str, &str) {
        let end = self.0.find("://").map_or(0, |at| at + "://".len());
        self.0.split_at_checked(end).unwrap_or_default()
    }

    /// The rest of `url` after this prefix.
    fn strip<'u>(&self, url: &'u str) -> Option<&'u str> {
        let (scheme, location) = self.split_scheme();
        let (authority, path) = location.split_once('/')?;
        let (found_scheme, rest) = url.split_at_checked(scheme.len())?;
        let (found_authority, rest) = rest.split_once('/')?;
        let same = found_scheme.eq_ignore_ascii_case(scheme)
            && without_default_port(scheme, found_authority).eq_ignore_ascii_case(authority);
        same.then(|| rest.strip_prefix(path)).flatten()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let default = match scheme {
        "https://" => ":443",
        _ => ":80",
    };
    authority.strip_suffix(default).unwrap_or(authority)
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // The colons of an IPv6 address are inside the brackets.
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
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

/// The longest prefix, in bytes: half of the longest URL.
const MAX_LEN: usize = 256;

//! URLs that may be fetched, and the reasons why others may not.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use crate::mask::Excerpt;

/// The URL of a signing certificate, allowed by a [`CertificateLocation`](super::CertificateLocation) and in
/// canonical form.
///
/// Only such a URL is fetched, and it is the key of the cache.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct CertificateUrl<'u>(pub(super) Cow<'u, str>);

impl CertificateUrl<'_> {
    /// The longest accepted URL, in bytes; Microsoft's has 93.
    pub const MAX_LEN: usize = 512;

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL, which no longer borrows from the request.
    pub fn into_owned(self) -> CertificateUrl<'static> {
        CertificateUrl(Cow::Owned(self.0.into_owned()))
    }

    /// Whether Microsoft documents the file name, or did until 2019.
    pub fn is_documented(&self) -> bool {
        let name = self.0.rsplit('/').next();
        name == Some(DOCUMENTED_NAME) || name == Some(FORMER_NAME)
    }
}

impl fmt::Display for CertificateUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CertificateUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateUrl({})", self.0)
    }
}

/// A URL that may not be fetched.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum LocationError {
    /// The URL of an issuer's certificate or a revocation list is not allowed.
    #[error("`{url}` is under none of the allowed locations ({})", list(.allowed))]
    Authority {
        /// The URL.
        url: Excerpt,
        /// The allowed prefixes.
        allowed: Vec<Box<str>>,
    },
    /// A certificate URL contains a blank, a control or non-ASCII character, or one of `@ ? # % \`.
    #[error(
        "certificate URL `{url}` refused: `{}` at offset {offset} is not allowed in it",
        .found.escape_ascii()
    )]
    Character {
        /// The URL.
        url: Excerpt,
        /// The byte.
        found: u8,
        /// Its offset, in bytes.
        offset: usize,
    },
    /// The part of a certificate URL after the allowed prefix is not the name of a certificate file.
    #[error(
        "certificate URL `{url}` refused: its file name is not `<name>.cer` with a name of letters, digits, `.`, `_` \
         and `-`"
    )]
    FileName {
        /// The URL.
        url: Excerpt,
    },
    /// The scheme, host, port or path of a certificate URL is not allowed.
    #[error(
        "certificate URL `{url}` refused: it is under none of the allowed locations ({})",
        list(.allowed)
    )]
    NotAllowed {
        /// The URL.
        url: Excerpt,
        /// The allowed prefixes.
        allowed: Vec<Box<str>>,
    },
    /// A certificate URL is longer than [`CertificateUrl::MAX_LEN`].
    #[error(
        "certificate URL `{url}` refused: it has {found} bytes (expected at most {})",
        CertificateUrl::MAX_LEN
    )]
    TooLong {
        /// The URL.
        url: Excerpt,
        /// Its length, in bytes.
        found: usize,
    },
}

fn list(allowed: &[Box<str>]) -> String {
    if allowed.is_empty() {
        return "there are none".to_owned();
    }
    let quoted: Vec<_> = allowed.iter().map(|each| format!("`{each}`")).collect();
    quoted.join(", ")
}

/// The certificate's file name since 2019-11-26. Source: "Partner Center webhooks".
pub(super) const DOCUMENTED_NAME: &str = "pcnotifications-dispatch.microsoft.com.cer";
/// The file name before 2019-11-26. Source: the same page, versions of 2018.
const FORMER_NAME: &str = "pcnotifications.microsoft.com.cer";

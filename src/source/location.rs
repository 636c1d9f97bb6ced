//! Which certificate URLs may be fetched: a decision about text, before any I/O.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use crate::cloud::DOCUMENTED_CERTIFICATE_LOCATION;
use crate::excerpt::Excerpt;

use super::prefix::{Prefix, PrefixError};

/// The certificate URLs that may be fetched.
///
/// A URL is compared with each allowed prefix as text, byte for byte but for the case of scheme and host. It is
/// never parsed by a URL library, which would repair it (drop a tab, turn `\` into `/`, resolve `..`) and so
/// let what is checked and what is fetched differ. Hosts are compared whole: under `blob.core.windows.net`
/// anybody can open an account.
///
/// By default one prefix is allowed, `https://3psostorageacct.blob.core.windows.net/cert/`.
/// Source: "Partner Center webhooks", "How to authenticate the callback".
///
/// # Example
///
/// ```
/// use partner_center_webhooks::source::{CertificateLocation, LocationRefusal};
///
/// let location = CertificateLocation::default();
/// let url = location.check("HTTPS://3psostorageacct.blob.core.windows.net:443/cert/a.cer")?;
/// assert_eq!(url.as_str(), "https://3psostorageacct.blob.core.windows.net/cert/a.cer");
///
/// let error = location.check("https://evil.blob.core.windows.net/cert/a.cer").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "certificate URL `https://evil.blob.core.windows.net/cert/a.cer` refused: \
///      it is under none of the allowed locations (`https://3psostorageacct.blob.core.windows.net/cert/`)",
/// );
/// # Ok::<(), partner_center_webhooks::source::LocationError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateLocation {
    prefixes: Vec<Prefix>,
}

impl CertificateLocation {
    /// Allows nothing: a start for a list of one's own.
    pub const fn none() -> Self {
        Self {
            prefixes: Vec::new(),
        }
    }

    /// Allows the files directly under `prefix` too, as in `https://host.example/certificates/`.
    ///
    /// # Errors
    ///
    /// [`PrefixError`] unless `prefix` is `https`, a lower-case host name, perhaps a port, and a path that ends in
    /// `/`.
    pub fn also_allow(mut self, prefix: &str) -> Result<Self, PrefixError> {
        self.prefixes.push(Prefix::new(prefix, "https://")?);
        Ok(self)
    }

    /// Allows the files directly under a plain-`http` prefix on a loopback address, as in
    /// `http://127.0.0.1:8080/cert/`: for tests and emulators.
    ///
    /// Dangerous in production: whoever can listen on that port of this machine can serve certificates. They
    /// are still verified like any other.
    ///
    /// # Errors
    ///
    /// [`PrefixError`] unless the host is a literal loopback address (or `localhost`), and the rest as for
    /// [`also_allow`](Self::also_allow).
    pub fn danger_also_allow_loopback_http(mut self, prefix: &str) -> Result<Self, PrefixError> {
        let allowed = Prefix::new(prefix, "http://")?;
        match allowed.is_loopback() {
            true => self.prefixes.push(allowed),
            false => return Err(PrefixError::NotLoopback(Excerpt::of_url(prefix))),
        }
        Ok(self)
    }

    /// Judges the URL of a callback.
    ///
    /// Accepted is: an allowed scheme and host in any ASCII case, no port or the scheme's own, the allowed path,
    /// then `<name>.cer` with a name of `[A-Za-z0-9._-]` that does not begin with a dot; at most
    /// [`CertificateUrl::MAX_LEN`] bytes. So there is no user info, query, fragment, `%`, `\`, dot segment,
    /// blank, control or non-ASCII character.
    ///
    /// # Errors
    ///
    /// [`LocationError`], which names the first thing that is not allowed.
    pub fn check<'u>(&self, url: &'u str) -> Result<CertificateUrl<'u>, LocationError> {
        self.judge(url).map_err(|refusal| LocationError {
            url: Excerpt::of_url(url),
            refusal,
        })
    }

    fn judge<'u>(&self, url: &'u str) -> Result<CertificateUrl<'u>, LocationRefusal> {
        if url.len() > CertificateUrl::MAX_LEN {
            return Err(LocationRefusal::TooLong { found: url.len() });
        }
        let unwanted = |byte: &u8| !byte.is_ascii_graphic() || br#"@?#%\"#.contains(byte);
        if let Some(offset) = url.bytes().position(|byte| unwanted(&byte)) {
            let found = url.as_bytes().get(offset).copied().unwrap_or_default();
            return Err(LocationRefusal::Character { found, offset });
        }
        let elsewhere = || LocationRefusal::NotAllowed {
            allowed: self
                .prefixes
                .iter()
                .map(|prefix| prefix.as_str().into())
                .collect(),
        };
        let mut under = self
            .prefixes
            .iter()
            .filter_map(|prefix| Some((prefix, prefix.strip(url)?)))
            .peekable();
        if under.peek().is_none() {
            return Err(elsewhere());
        }
        let (prefix, name) = under
            .find(|(_, name)| is_file_name(name))
            .ok_or(LocationRefusal::FileName)?;
        Ok(CertificateUrl(match url.starts_with(prefix.as_str()) {
            true => Cow::Borrowed(url),
            false => Cow::Owned(format!("{prefix}{name}")),
        }))
    }

    /// The file that Microsoft documents under each allowed prefix: what to expect before the first callback.
    pub fn documented_urls(&self) -> impl Iterator<Item = CertificateUrl<'static>> {
        self.prefixes
            .iter()
            .map(|prefix| CertificateUrl(format!("{prefix}{DOCUMENTED_NAME}").into()))
    }
}

impl Default for CertificateLocation {
    fn default() -> Self {
        Self {
            prefixes: vec![Prefix::documented(DOCUMENTED_CERTIFICATE_LOCATION)],
        }
    }
}

/// The URL of a signing certificate, allowed by a [`CertificateLocation`] and in canonical form.
///
/// It alone is fetched, and it alone keys the cache.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct CertificateUrl<'u>(Cow<'u, str>);

impl CertificateUrl<'_> {
    /// The longest URL that is looked at, in bytes: Microsoft's has 85.
    pub const MAX_LEN: usize = 512;

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL, independent of what it was read from.
    pub fn into_owned(self) -> CertificateUrl<'static> {
        CertificateUrl(Cow::Owned(self.0.into_owned()))
    }

    /// Whether the file name is one that Microsoft documents, or did until 2019.
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

/// A certificate URL that may not be fetched.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("certificate URL `{url}` refused: {refusal}")]
#[non_exhaustive]
pub struct LocationError {
    /// The URL, as the sender wrote it.
    pub url: Excerpt,
    /// What is not allowed about it.
    pub refusal: LocationRefusal,
}

/// What is not allowed about a certificate URL.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum LocationRefusal {
    /// A character that has no place in one: a blank, control or non-ASCII one, or one of `@ ? # % \`.
    #[error("`{}` at offset {offset} may not be in it", .found.escape_ascii())]
    Character {
        /// The byte.
        found: u8,
        /// Where, in bytes.
        offset: usize,
    },
    /// Its scheme, host, port or path is none that is allowed.
    #[error("it is under none of the allowed locations ({})", list(.allowed))]
    NotAllowed {
        /// The allowed prefixes.
        allowed: Vec<Box<str>>,
    },
    /// What follows the allowed prefix is not the name of a certificate file.
    #[error("its file name is not `<name>.cer` with a name of letters, digits, `.`, `_` and `-`")]
    FileName,
    /// It is longer than [`CertificateUrl::MAX_LEN`].
    #[error("it has {found} bytes (expected at most {})", CertificateUrl::MAX_LEN)]
    TooLong {
        /// Its length, in bytes.
        found: usize,
    },
}

/// Whether `name` is `<stem>.cer`.
fn is_file_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.strip_suffix(".cer")
        .is_some_and(|stem| !stem.is_empty() && !stem.starts_with('.') && stem.bytes().all(plain))
}

pub(super) fn list(allowed: &[Box<str>]) -> String {
    if allowed.is_empty() {
        return "there are none".to_owned();
    }
    let quoted: Vec<_> = allowed.iter().map(|each| format!("`{each}`")).collect();
    quoted.join(", ")
}

/// The certificate's file name since 2019-11-26. Source: "Partner Center webhooks".
const DOCUMENTED_NAME: &str = "pcnotifications-dispatch.microsoft.com.cer";
/// Its name before. Source: the same page, versions of 2018.
const FORMER_NAME: &str = "pcnotifications.microsoft.com.cer";

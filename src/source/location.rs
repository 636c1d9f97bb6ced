//! Which URLs may be fetched: decided from their text, before any I/O.

use std::borrow::Cow;

use crate::cloud::DOCUMENTED_CERTIFICATE_LOCATION;
use crate::mask::Excerpt;

use super::allow_list::{Prefix, PrefixError, matches, texts};
use super::url::{CertificateUrl, DOCUMENTED_NAME, LocationError};

/// The certificate URLs that may be fetched.
///
/// A URL is compared with each allowed prefix as text, byte for byte except for the case of scheme and host. No URL library
/// parses it, because a library would repair it (drop a tab, turn `\` into `/`, resolve `..`), and the checked URL could differ
/// from the fetched one. Hosts are compared as a whole, because anyone can open an account under `blob.core.windows.net`.
///
/// By default one prefix is allowed, `https://3psostorageacct.blob.core.windows.net/cert/`.
/// Source: "Partner Center webhooks", "How to authenticate the callback".
///
/// # Example
///
/// ```
/// use partner_center_webhooks::source::CertificateLocation;
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
pub struct CertificateLocation(Vec<Prefix>);

impl CertificateLocation {
    /// Allows nothing.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Also allows the files directly under `prefix`, such as `https://host.example/certificates/`.
    ///
    /// # Errors
    ///
    /// [`PrefixError`] unless `prefix` is `https`, a lower-case host name, optionally a port, and a path that ends in
    /// `/`.
    pub fn also_allow(mut self, prefix: &str) -> Result<Self, PrefixError> {
        self.0.push(Prefix::new(prefix, "https://")?);
        Ok(self)
    }

    /// Also allows the files directly under a plain-`http` prefix on a loopback address, such as
    /// `http://127.0.0.1:8080/cert/`: for tests and emulators.
    ///
    /// Dangerous in production: any process that can listen on that port of this machine can serve certificates. They
    /// are still verified like any other.
    ///
    /// # Errors
    ///
    /// [`PrefixError`] unless the host is a literal loopback address (or `localhost`), and the rest as for
    /// [`also_allow`](Self::also_allow).
    pub fn danger_also_allow_loopback_http(mut self, prefix: &str) -> Result<Self, PrefixError> {
        self.0.push(Prefix::loopback(prefix)?);
        Ok(self)
    }

    /// Checks the URL of a callback.
    ///
    /// An accepted URL has an allowed scheme and host in any ASCII case, no port or the scheme's default, the allowed
    /// path, then `<name>.cer` with a name of `[A-Za-z0-9._-]` that does not begin with a dot; at most
    /// [`CertificateUrl::MAX_LEN`] bytes. So there is no user info, query, fragment, `%`, `\`, dot segment, blank,
    /// control or non-ASCII character.
    ///
    /// # Errors
    ///
    /// [`LocationError`], with the first thing that is not allowed.
    pub fn check<'u>(&self, url: &'u str) -> Result<CertificateUrl<'u>, LocationError> {
        let about = || Excerpt::of_url(url);
        if url.len() > CertificateUrl::MAX_LEN {
            return Err(LocationError::TooLong { url: about(), found: url.len() });
        }
        let unwanted = |byte: &u8| !byte.is_ascii_graphic() || br#"@?#%\"#.contains(byte);
        if let Some(offset) = url.bytes().position(|byte| unwanted(&byte)) {
            return Err(LocationError::Character {
                url: about(),
                found: url.as_bytes().get(offset).copied().unwrap_or_default(),
                offset,
            });
        }
        let mut matches = matches(&self.0, url).peekable();
        if matches.peek().is_none() {
            return Err(LocationError::NotAllowed { url: about(), allowed: texts(&self.0) });
        }
        let (prefix, name) = matches
            .find(|(_, name)| is_certificate_file(name))
            .ok_or_else(|| LocationError::FileName { url: about() })?;
        Ok(CertificateUrl(match url.starts_with(prefix.as_str()) {
            true => Cow::Borrowed(url),
            false => Cow::Owned(format!("{prefix}{name}")),
        }))
    }

    /// The URL of the documented file under each allowed prefix: the URLs to expect before the first callback.
    pub fn documented_urls(&self) -> impl Iterator<Item = CertificateUrl<'static>> {
        let url = |prefix| CertificateUrl(format!("{prefix}{DOCUMENTED_NAME}").into());
        self.0.iter().map(url)
    }
}

impl Default for CertificateLocation {
    fn default() -> Self {
        Self(Prefix::documented(&[DOCUMENTED_CERTIFICATE_LOCATION]))
    }
}

/// Whether `name` is `<stem>.cer`.
fn is_certificate_file(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.strip_suffix(".cer")
        .is_some_and(|stem| !stem.is_empty() && !stem.starts_with('.') && stem.bytes().all(plain))
}

/// The URLs that issuers' certificates, or revocation lists, may be fetched from.
///
/// These URLs come from certificates, and a certificate that is not yet trusted can name any URL. So they are compared
/// with allowed prefixes as text, like [`CertificateLocation`] does. Plain http is usual here, because issuers'
/// certificates and lists are signed, and are not trusted without their signature (RFC 5280, section 8).
///
/// # Example
///
/// ```
/// use partner_center_webhooks::source::DistributionLocation;
///
/// let issuers = DistributionLocation::issuers();
/// assert!(issuers.check("http://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20RSA%20Root%20G2%20-%20xsign.crt").is_ok());
/// assert!(issuers.check("http://169.254.169.254/pkiops/certs/a.crt").is_err());
/// assert!(issuers.check("http://www.microsoft.com/elsewhere/a.crt").is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DistributionLocation(Vec<Prefix>);

impl DistributionLocation {
    /// Where Microsoft and DigiCert publish the certificates of CAs.
    ///
    /// Source: "Azure Certificate Authority details", hosts to allow; the URLs in Microsoft's certificates of 2020 to 2026.
    pub fn issuers() -> Self {
        Self(Prefix::documented(&[
            "http://www.microsoft.com/pkiops/certs/",
            "http://www.microsoft.com/pki/mscorp/",
            "http://caissuers.microsoft.com/pkiops/certs/",
            "http://cacerts.digicert.com/",
        ]))
    }

    /// Where Microsoft and DigiCert publish revocation lists. Source: as for [`issuers`](Self::issuers).
    pub fn revocation_lists() -> Self {
        Self(Prefix::documented(&[
            "http://www.microsoft.com/pkiops/crl/",
            "http://www.microsoft.com/pki/mscorp/crl/",
            "http://crl2.microsoft.com/pkiops/crl/",
            "http://crl3.digicert.com/",
            "http://crl4.digicert.com/",
        ]))
    }

    /// Allows nothing, so nothing is fetched.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Also allows the files under `prefix`, such as `http://pki.example/certificates/`.
    ///
    /// # Errors
    ///
    /// [`PrefixError`] unless `prefix` is `http` or `https`, a lower-case host name, optionally a port, and a path that
    /// ends in `/`.
    pub fn also_allow(mut self, prefix: &str) -> Result<Self, PrefixError> {
        let prefix = Prefix::new(prefix, "http://").or_else(|_| Prefix::new(prefix, "https://"))?;
        self.0.push(prefix);
        Ok(self)
    }

    /// Checks a URL, and returns its canonical form.
    ///
    /// An accepted URL has an allowed prefix, then a file, optionally in folders, of letters, digits, `.`, `_`, `-`, `(`,
    /// `)` and `%20`; no segment begins with a dot. At most 512 bytes.
    ///
    /// # Errors
    ///
    /// [`LocationError::Authority`] if the URL may not be fetched.
    pub fn check(&self, url: &str) -> Result<String, LocationError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-()".contains(&byte);
        let segment = |segment: &str| {
            let spaceless = segment.replace("%20", "_");
            !spaceless.is_empty() && !spaceless.starts_with('.') && spaceless.bytes().all(plain)
        };
        let is_short = url.len() <= CertificateUrl::MAX_LEN;
        matches(&self.0, url)
            .next()
            .filter(|(_, rest)| is_short && rest.split('/').all(segment))
            .map(|(prefix, rest)| format!("{prefix}{rest}"))
            .ok_or_else(|| LocationError::Authority {
                url: Excerpt::of_url(url),
                allowed: texts(&self.0),
            })
    }
}

//! Which URLs that stand in certificates may be fetched: their issuers' certificates, and revocation lists.

use thiserror::Error;

use super::location::list;
use super::prefix::{Prefix, PrefixError};
use crate::excerpt::Excerpt;

/// The places that issuers' certificates, or revocation lists, may be fetched from.
///
/// A certificate names such URLs itself, and a certificate that is not yet trusted may name anything. So they are
/// compared with allowed prefixes as text, as [`CertificateLocation`](super::CertificateLocation) does. Plain http is the
/// rule here: what is fetched is signed, and is worth nothing without its signature (RFC 5280, 8).
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
pub struct DistributionLocation {
    prefixes: Vec<Prefix>,
}

impl DistributionLocation {
    /// Where Microsoft and DigiCert publish the certificates of CAs.
    ///
    /// Source: "Azure Certificate Authority details", hosts to allow; the URLs in Microsoft's certificates of 2020 to 2026.
    pub fn issuers() -> Self {
        Self::documented(&[
            "http://www.microsoft.com/pkiops/certs/",
            "http://www.microsoft.com/pki/mscorp/",
            "http://caissuers.microsoft.com/pkiops/certs/",
            "http://cacerts.digicert.com/",
        ])
    }

    /// Where they publish revocation lists. Source: as for [`issuers`](Self::issuers).
    pub fn revocation_lists() -> Self {
        Self::documented(&[
            "http://www.microsoft.com/pkiops/crl/",
            "http://www.microsoft.com/pki/mscorp/crl/",
            "http://crl2.microsoft.com/pkiops/crl/",
            "http://crl3.digicert.com/",
            "http://crl4.digicert.com/",
        ])
    }

    /// Allows nothing: so nothing is fetched.
    pub const fn none() -> Self {
        Self {
            prefixes: Vec::new(),
        }
    }

    /// Allows the files under `prefix` too, as in `http://pki.example/certificates/`.
    ///
    /// # Errors
    ///
    /// [`PrefixError`] unless `prefix` is `http` or `https`, a lower-case host name, perhaps a port, and a path that ends in
    /// `/`.
    pub fn also_allow(mut self, prefix: &str) -> Result<Self, PrefixError> {
        let allowed =
            Prefix::new(prefix, "http://").or_else(|_| Prefix::new(prefix, "https://"))?;
        self.prefixes.push(allowed);
        Ok(self)
    }

    fn documented(prefixes: &[&str]) -> Self {
        Self {
            prefixes: prefixes
                .iter()
                .map(|prefix| Prefix::documented(prefix))
                .collect(),
        }
    }

    /// Judges a URL and gives its canonical form.
    ///
    /// Accepted is an allowed prefix, then a file, perhaps in folders, of letters, digits, `.`, `_`, `-`, `(`, `)` and `%20`;
    /// no part of it begins with a dot. At most 512 bytes.
    ///
    /// # Errors
    ///
    /// [`DistributionError`] if it may not be fetched.
    pub fn check(&self, url: &str) -> Result<String, DistributionError> {
        let refused = || DistributionError {
            url: Excerpt::of_url(url),
            allowed: self
                .prefixes
                .iter()
                .map(|prefix| prefix.as_str().into())
                .collect(),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-()".contains(&byte);
        let segment = |segment: &str| {
            let spaceless = segment.replace("%20", "_");
            !spaceless.is_empty() && !spaceless.starts_with('.') && spaceless.bytes().all(plain)
        };
        if url.len() > super::CertificateUrl::MAX_LEN {
            return Err(refused());
        }
        let (prefix, rest) = self
            .prefixes
            .iter()
            .find_map(|prefix| Some((prefix, prefix.strip(url)?)))
            .ok_or_else(refused)?;
        match rest.split('/').all(segment) {
            true => Ok(format!("{prefix}{rest}")),
            false => Err(refused()),
        }
    }
}

/// A URL in a certificate that may not be fetched.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{url}` is under none of the allowed locations ({})", list(.allowed))]
#[non_exhaustive]
pub struct DistributionError {
    /// The URL.
    pub url: Excerpt,
    /// The allowed prefixes.
    pub allowed: Vec<Box<str>>,
}

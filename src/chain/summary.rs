//! A certificate in an error message or a log.

use std::fmt;

use rustls_pki_types::UnixTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::certificate::Certificate;
use crate::mask::Excerpt;

/// A summary of a certificate for error messages and logs; each text is bounded and escaped.
///
/// Times are text, so that summaries can be compared and stored.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::chain::{Certificate, CertificateSummary};
/// use partner_center_webhooks::testing::Issuer;
///
/// let signer = Issuer::new()?.signer()?;
/// let summary = CertificateSummary::of(&Certificate::parse(signer.certificate())?);
/// assert_eq!(summary.dns_names[0].to_string(), "pcnotifications-dispatch.microsoft.com");
/// assert!(summary.to_string().starts_with("subject `"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CertificateSummary {
    /// The subject.
    pub subject: Excerpt,
    /// The issuer.
    pub issuer: Excerpt,
    /// The first DNS names, at most ten.
    pub dns_names: Vec<Excerpt>,
    /// The number of further DNS names.
    pub more_dns_names: usize,
    /// The beginning of the validity (RFC 3339, UTC).
    pub not_before: String,
    /// The end of the validity (RFC 3339, UTC).
    pub not_after: String,
    /// The URLs of the issuer's certificate, at most two.
    pub issuer_urls: Vec<Excerpt>,
}

impl CertificateSummary {
    /// Summarizes `certificate`.
    pub fn of(certificate: &Certificate<'_>) -> Self {
        let names = certificate.dns_names().iter().take(10).map(Excerpt::of);
        let urls = certificate.issuer_urls().iter().take(2);
        Self {
            subject: certificate.subject().excerpt(),
            issuer: certificate.issuer().excerpt(),
            dns_names: names.collect(),
            more_dns_names: certificate.dns_names().len().saturating_sub(10),
            not_before: rfc3339(certificate.not_before()),
            not_after: rfc3339(certificate.not_after()),
            issuer_urls: urls.map(|url| Excerpt::of_url(url.as_bytes())).collect(),
        }
    }
}

impl fmt::Display for CertificateSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subject `{}`, DNS names ", self.subject)?;
        list(f, &self.dns_names)?;
        if self.more_dns_names > 0 {
            write!(f, " and {} more", self.more_dns_names)?;
        }
        let Self { issuer, not_before, not_after, .. } = self;
        write!(f, ", issuer `{issuer}`, valid from {not_before} to {not_after}")?;
        if !self.issuer_urls.is_empty() {
            f.write_str(", issuer's certificate at ")?;
            list(f, &self.issuer_urls)?;
        }
        Ok(())
    }
}

/// Items in backticks, or `(none)`.
fn list(f: &mut fmt::Formatter<'_>, items: &[Excerpt]) -> fmt::Result {
    if items.is_empty() {
        return f.write_str("(none)");
    }
    items.iter().enumerate().try_for_each(|(index, item)| {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}`{item}`")
    })
}

/// A time in RFC 3339, UTC.
///
/// Times beyond the year 9999 are written in seconds.
pub(crate) fn rfc3339(time: UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{} s after 1970", time.as_secs()))
}

//! What stands in a certificate, for people to read.

use std::time::Duration;

use partner_center_webhooks::Excerpt;
use partner_center_webhooks::chain::{
    Certificate, CertificateDer, CertificateSummary, PublicKey, UnixTime,
};
use partner_center_webhooks::crypto::{Backend as _, DefaultBackend};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The signing certificate.
#[derive(Serialize)]
pub(crate) struct Facts {
    pub(crate) subject: String,
    pub(crate) dns_names: Vec<String>,
    pub(crate) issuer: String,
    pub(crate) not_before: String,
    pub(crate) not_after: String,
    /// Negative once it has ended.
    pub(crate) days_left: i64,
    pub(crate) key: String,
    pub(crate) is_ca: bool,
    /// Nothing without a key usage.
    pub(crate) digital_signature: Option<bool>,
    /// Nothing without an extended key usage.
    pub(crate) purposes: Option<Vec<String>>,
    pub(crate) issuer_urls: Vec<String>,
    pub(crate) revocation_list_urls: Vec<String>,
    pub(crate) sha256: String,
}

impl Facts {
    pub(crate) fn of(
        certificate: &Certificate<'_>,
        der: &CertificateDer<'_>,
        now: UnixTime,
    ) -> Self {
        let summary = CertificateSummary::of(certificate);
        let names = certificate.dns_names().iter();
        Self {
            subject: summary.subject.to_string(),
            dns_names: names.map(|name| Excerpt::of(name).to_string()).collect(),
            issuer: summary.issuer.to_string(),
            not_before: summary.not_before,
            not_after: summary.not_after,
            days_left: days_left(certificate.not_after(), now),
            key: match certificate.public_key() {
                PublicKey::Rsa { bits, exponent, .. } => match exponent {
                    Some(exponent) => format!("RSA, {bits} bits, exponent {exponent}"),
                    None => format!("RSA, {bits} bits, exponent of more than 64 bits"),
                },
                other => other.algorithm().into(),
            },
            is_ca: certificate.is_ca(),
            digital_signature: certificate.digital_signature(),
            purposes: certificate
                .purposes()
                .map(|purposes| purposes.iter().map(|oid| purpose(oid)).collect()),
            issuer_urls: excerpts(certificate.issuer_urls()),
            revocation_list_urls: excerpts(certificate.revocation_list_urls()),
            sha256: sha256(der),
        }
    }
}

/// Enough of a certificate to tell it from its twins: re-issues of one name and one key.
#[derive(Clone, Serialize)]
pub(crate) struct Known {
    pub(crate) subject: String,
    pub(crate) not_after: String,
    pub(crate) sha256: String,
}

impl Known {
    pub(crate) fn of(der: &CertificateDer<'_>) -> Self {
        let summary = Certificate::parse(der).map(|parsed| CertificateSummary::of(&parsed));
        let (subject, not_after) = summary.map_or_else(
            |error| (error.to_string(), "?".to_owned()),
            |summary| (summary.subject.to_string(), summary.not_after),
        );
        Self { subject, not_after, sha256: sha256(der) }
    }
}

/// Whole days from `now` to `end`; negative if it is past.
pub(crate) fn days_left(end: UnixTime, now: UnixTime) -> i64 {
    let seconds = |time: UnixTime| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    seconds(end).saturating_sub(seconds(now)).div_euclid(24 * 60 * 60)
}

/// A time as RFC 3339 has it, in UTC.
pub(crate) fn rfc3339(time: UnixTime) -> String {
    let since = Duration::from_secs(time.as_secs());
    (OffsetDateTime::UNIX_EPOCH.checked_add(time::Duration::try_from(since).unwrap_or_default()))
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{} s after 1970", since.as_secs()))
}

fn excerpts(urls: &[Box<str>]) -> Vec<String> {
    let excerpts = urls.iter().map(|url| Excerpt::of_url(url.as_bytes()));
    excerpts.map(|excerpt| excerpt.to_string()).collect()
}

fn purpose(oid: &str) -> String {
    match oid {
        "1.3.6.1.5.5.7.3.1" => "serverAuth".to_owned(),
        "1.3.6.1.5.5.7.3.2" => "clientAuth".to_owned(),
        other => other.to_owned(),
    }
}

fn sha256(der: &CertificateDer<'_>) -> String {
    let digest = DefaultBackend::new().sha256(der);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

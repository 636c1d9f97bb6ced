//! The content of a certificate, for people to read.

use crate::chain::{
    Certificate, CertificateDer, CertificateSummary, ChainVerifier, PublicKey, UnixTime,
};
use crate::mask::Excerpt;

/// The signing certificate.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) subject: String,
    pub(super) dns_names: Vec<String>,
    pub(super) issuer: String,
    pub(super) not_before: String,
    pub(super) not_after: String,
    /// Negative if it has expired.
    pub(super) days_left: i64,
    pub(super) key: String,
    pub(super) is_ca: bool,
    /// `None` without a key usage.
    pub(super) digital_signature: Option<bool>,
    /// `None` without an extended key usage.
    pub(super) purposes: Option<Vec<String>>,
    pub(super) issuer_urls: Vec<String>,
    pub(super) revocation_list_urls: Vec<String>,
    pub(super) sha256: String,
}

impl Facts {
    pub(super) fn of(
        chain: &ChainVerifier,
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
            sha256: chain.fingerprint(der).to_string(),
        }
    }
}

/// What tells a certificate from its twins, which have the same name and key.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) subject: String,
    pub(super) not_after: String,
    pub(super) sha256: String,
}

impl Known {
    pub(super) fn of(chain: &ChainVerifier, der: &CertificateDer<'_>) -> Self {
        let summary = Certificate::parse(der).map(|parsed| CertificateSummary::of(&parsed));
        let (subject, not_after) = summary.map_or_else(
            |error| (error.to_string(), "?".to_owned()),
            |summary| (summary.subject.to_string(), summary.not_after),
        );
        Self { subject, not_after, sha256: chain.fingerprint(der).to_string() }
    }
}

/// Whole days from `now` to `end`; negative if `end` is in the past.
pub(super) fn days_left(end: UnixTime, now: UnixTime) -> i64 {
    let seconds = |time: UnixTime| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    seconds(end).saturating_sub(seconds(now)).div_euclid(24 * 60 * 60)
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

//! Kept signers as text, PEM with explanatory lines: written at a shutdown, read at the next start.
//!
//! ```text
//! revoked: SHA-256 NOT-AFTER                 for each revoked certificate; times in Unix seconds
//! url: https://…/pcnotifications.cer         for each signer
//! until: current | TIME                      when its signatures stop being accepted
//! exported: TIME                             when it was written; of an old text, when that was written
//! -----BEGIN CERTIFICATE----- …
//! complete: COUNT                            of revoked certificates and signers, to detect a text that was cut off
//! ```

use std::fmt::Write as _;
use std::time::Duration;

use rustls_pki_types::UnixTime;
use thiserror::Error;

use super::imports::{Import, MAX_IMPORTS};
use super::set::SignerSet;
use super::times;
use crate::chain::{
    CertificateDer, Fingerprint, ParseError, RevokedCertificate, certificate_to_pem,
    certificates_from_pem,
};
use crate::mask::Excerpt;
use crate::source::{CertificateLocation, CertificateUrl};

/// The content of a text of kept signers.
///
/// Nothing in it is trusted: signers are verified again, and a revocation can only refuse.
#[derive(Debug, Default)]
pub(crate) struct Exported {
    pub(super) signers: Vec<Import>,
    pub(super) revoked: Vec<RevokedCertificate>,
}

/// A fault of a text of kept signers. An operator only reads it: the remedy is always the same.
#[derive(Clone, Debug, Error)]
pub(crate) enum KeptSignersError {
    /// The text was cut off or changed.
    #[error(
        "the text of kept signers was cut off or changed: it has {found} signers and revoked certificates, and its last line{}; \
         use the text that `kept_signers_pem` returned, unchanged, or omit it: the receiver then fetches its signers again",
        stated.map_or_else(|| format!(" is not `{COUNT} …`"), |stated| format!(" says {stated}"))
    )]
    Incomplete {
        /// The number in the text.
        found: usize,
        /// The number in the last line.
        stated: Option<usize>,
    },
    /// A line that describes a certificate is missing or malformed.
    #[error(
        "certificate {number} of the kept signers has no usable line `{name}: …` before it: use the text that `kept_signers_pem` returned, unchanged"
    )]
    Line {
        /// The certificate, counted from 1.
        number: usize,
        /// `url`, `until` or `exported`.
        name: &'static str,
    },
    /// A line about a revoked certificate is malformed.
    #[error(
        "`{line}` is not a revoked certificate (expected `revoked: ` with 64 hexadecimal digits and a time): use the text that `kept_signers_pem` returned, unchanged"
    )]
    Revoked {
        /// The line.
        line: Excerpt,
    },
    /// A certificate is malformed.
    #[error("certificate {number} of the kept signers: {error}")]
    Pem {
        /// The certificate, counted from 1.
        number: usize,
        /// The fault.
        error: ParseError,
    },
    /// The text has more signers than a receiver keeps.
    #[error(
        "the text has {found} kept signers, and at most {limit} are allowed: do not join the texts of several receivers"
    )]
    TooMany {
        /// The number in the text.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

/// Reads a text of kept signers. URLs that are not allowed any more are skipped.
///
/// An empty text is valid: a first start has nothing else. The last line is checked first: a file that was cut off while it was
/// written must not look like fewer signers.
pub(crate) fn parse(
    pem: &str,
    location: &CertificateLocation,
) -> Result<Exported, KeptSignersError> {
    let last = pem.lines().rfind(|line| !line.trim().is_empty());
    let stated = last.and_then(|line| line.strip_prefix(COUNT)?.trim().parse().ok());
    let found = count(pem);
    if last.is_some() && stated != Some(found) {
        return Err(KeptSignersError::Incomplete { found, stated });
    }
    let blocks: Vec<_> = pem.split_inclusive(END).filter(|block| block.contains(END)).collect();
    if blocks.len() > MAX_IMPORTS {
        return Err(KeptSignersError::TooMany { found: blocks.len(), limit: MAX_IMPORTS });
    }
    let numbered = blocks.iter().enumerate();
    let imports = numbered.map(|(index, block)| import(block, index.saturating_add(1), location));
    let signers = imports.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    let lines = pem.lines().filter(|line| line.starts_with(REVOKED)).take(MAX_REVOKED);
    let revoked = lines.map(|line| {
        revoked(line).ok_or_else(|| KeptSignersError::Revoked { line: Excerpt::of(line) })
    });
    Ok(Exported { signers, revoked: revoked.collect::<Result<_, _>>()? })
}

/// Counts the signers and the revoked certificates of a text.
///
/// It counts what can be lost, and is the same for the writer and the reader.
fn count(pem: &str) -> usize {
    let revoked = pem.lines().filter(|line| line.starts_with(REVOKED));
    pem.matches(END).count().saturating_add(revoked.count())
}

/// `None` unless it is `revoked: ` with 64 hexadecimal digits and a time in Unix seconds.
fn revoked(line: &str) -> Option<RevokedCertificate> {
    let (fingerprint, not_after) = line.strip_prefix(REVOKED)?.trim().split_once(' ')?;
    let not_after = Duration::from_secs(not_after.parse().ok()?);
    Some(RevokedCertificate {
        fingerprint: Fingerprint::from_hex(fingerprint)?,
        not_after: UnixTime::since_unix_epoch(not_after),
    })
}

/// `None` if its URL is not allowed any more: the operator has changed the configuration since. `block` ends with the certificate.
fn import(
    block: &str,
    number: usize,
    location: &CertificateLocation,
) -> Result<Option<Import>, KeptSignersError> {
    let line = |name: &'static str| {
        let mut lines = block.lines().filter_map(|line| line.split_once(':'));
        let value = lines.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim());
        value.ok_or(KeptSignersError::Line { number, name })
    };
    let time = |name: &'static str| {
        let seconds = line(name)?.parse().map_err(|_| KeptSignersError::Line { number, name })?;
        Ok(Duration::from_secs(seconds))
    };
    let until = match line("until")? {
        CURRENT => Duration::MAX,
        _ => time("until")?,
    };
    let exported = time("exported")?;
    let url = line("url")?;
    let certificates = certificates_from_pem(block.as_bytes())
        .map_err(|error| KeptSignersError::Pem { number, error })?;
    let certificate = certificates
        .into_iter()
        .next()
        .ok_or(KeptSignersError::Pem { number, error: ParseError::NoPem })?;
    let allowed = location.check(url).ok();
    Ok(allowed.map(|url| Import {
        url: url.into_owned(),
        until,
        exported,
        certificate,
        is_out_of_time: false,
    }))
}

/// Writes `rows`, then the imports that do not verify yet: the next receiver may find the missing evidence.
///
/// Revocations come first, so that a reader that stops early errs on the safe side.
pub(super) fn write(
    revoked: &[RevokedCertificate],
    rows: &[(CertificateUrl<'static>, SignerSet)],
    imports: &[Import],
    now: Duration,
) -> String {
    let mut text = String::new();
    for each in revoked {
        let (fingerprint, not_after) = (each.fingerprint, each.not_after.as_secs());
        let _ = writeln!(text, "{REVOKED} {fingerprint} {not_after}");
    }
    for (url, set) in rows {
        for kept in set.kept() {
            let exported = kept.exported.unwrap_or(now);
            let certificate = kept.signer.certificate();
            write_signer(&mut text, url, kept.until, exported, certificate);
        }
    }
    // Without those that expired, unless the clock is far off.
    let is_of_use = |import: &&Import| now < import.end().saturating_add(times::FORMER_AGE);
    for import in imports.iter().filter(is_of_use).take(3 * times::MAX_URLS) {
        write_signer(&mut text, &import.url, import.until, import.exported, &import.certificate);
    }
    let _ = writeln!(text, "{COUNT} {}", count(&text));
    text
}

/// Its four parts: the URL, the end of its acceptance, the time of the export, and the certificate in PEM.
fn write_signer(
    text: &mut String,
    url: &CertificateUrl<'_>,
    until: Duration,
    exported: Duration,
    certificate: &CertificateDer<'_>,
) {
    let until = match until {
        Duration::MAX => CURRENT.to_owned(),
        until => until.as_secs().to_string(),
    };
    let exported = exported.as_secs();
    let pem = certificate_to_pem(certificate);
    // Writing to a string does not fail.
    let _ = write!(text, "url: {url}\nuntil: {until}\nexported: {exported}\n{pem}");
}

/// The value of `until:` for a signer that its URL served last.
const CURRENT: &str = "current";
/// Begins a line about a revoked certificate.
const REVOKED: &str = "revoked:";
/// The last line.
const COUNT: &str = "complete:";
/// The most that are ever remembered.
const MAX_REVOKED: usize = 256;
/// Ends the description of a signer.
const END: &str = "-----END CERTIFICATE-----";

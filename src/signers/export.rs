//! Signers across a restart: written as PEM, and read again.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls_pki_types::UnixTime;
use thiserror::Error;

use super::fetch::is_about_time;
use super::gather::Target;
use super::table::{Judged, Kept, SignerSet};
use super::{Inner, times};
use crate::chain::{
    CertificateDer, CertificatesError, ChainError, ChainVerifier, Fingerprint, PathError,
    RevokedCertificate, VerifiedSigner, certificate_to_pem, certificates_from_pem,
};
use crate::excerpt::Excerpt;
use crate::source::{CertificateLocation, CertificateUrl};

/// Signers that were kept before the start, or under other rules, and do not verify yet. They are tried again whenever their
/// URL was fetched.
#[derive(Debug, Default)]
pub(super) struct Imports(Mutex<Vec<Import>>);

/// What an earlier receiver kept.
#[derive(Debug, Default)]
pub(crate) struct Exported {
    signers: Vec<Import>,
    revoked: Vec<RevokedCertificate>,
}

/// A signer that was kept before the start.
#[derive(Clone, Debug)]
pub(super) struct Import {
    url: CertificateUrl<'static>,
    /// Until when its signatures are accepted: without end for one that was current.
    until: Duration,
    /// When it was exported.
    exported: Duration,
    certificate: CertificateDer<'static>,
    /// Whether its certificate was not valid when it was last tried. The clock may be wrong.
    is_out_of_time: bool,
}

impl Import {
    /// Whether it is too long ago that it was current: then it may have been replaced before a former's time began.
    fn is_old(&self, now: Duration) -> bool {
        now > self.exported.saturating_add(times::FORMER_AGE)
    }

    /// Until when its signatures are accepted. That of a former is never longer than a former's at the time of the export.
    fn end(&self) -> Duration {
        match self.until {
            Duration::MAX => Duration::MAX,
            until => until.min(self.exported.saturating_add(times::FORMER_AGE)),
        }
    }
}

/// Why a text does not hold signers that were kept.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum KeptSignersError {
    /// The text is cut off, or was changed.
    #[error(
        "the text of kept signers was cut off or changed: it holds {found} signers and revoked certificates, and its last line{}; \
         leave it out, and the receiver fetches its signers anew, or give the text that `kept_signers_pem` returned, unchanged",
        told.map_or_else(|| format!(" is not `{COUNT} …`"), |told| format!(" says {told}"))
    )]
    Incomplete {
        /// How many there are.
        found: usize,
        /// How many the last line tells.
        told: Option<usize>,
    },
    /// A line that says what a certificate is for is missing or malformed.
    #[error(
        "certificate {number} of the kept signers has no usable line `{name}: …` before it: use the text that `kept_signers_pem` returned, unchanged"
    )]
    Line {
        /// Which certificate, counted from 1.
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
        /// Which certificate, counted from 1.
        number: usize,
        /// What is wrong with it.
        error: CertificatesError,
    },
    /// It holds more signers than a receiver keeps.
    #[error(
        "there are {found} kept signers, and at most {limit} are read: use the text of one receiver, and give that of another one to another"
    )]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
}

/// Reads what [`Inner::export`] wrote. A URL that is not allowed any more is left out.
pub(crate) fn parse(
    pem: &str,
    location: &CertificateLocation,
) -> Result<Exported, KeptSignersError> {
    let last = pem.lines().rfind(|line| !line.trim().is_empty());
    let told = last.and_then(|line| line.strip_prefix(COUNT)?.trim().parse().ok());
    let found = count(pem);
    if last.is_some() && told != Some(found) {
        return Err(KeptSignersError::Incomplete { found, told });
    }
    let blocks: Vec<_> = pem
        .split_inclusive(END)
        .filter(|block| block.contains(END))
        .collect();
    if blocks.len() > MAX_IMPORTS {
        return Err(KeptSignersError::TooMany {
            found: blocks.len(),
            limit: MAX_IMPORTS,
        });
    }
    let numbered = blocks.iter().enumerate();
    let imports = numbered.map(|(index, block)| import(block, index.saturating_add(1), location));
    let signers = imports
        .filter_map(Result::transpose)
        .collect::<Result<_, _>>()?;
    let lines = pem
        .lines()
        .filter(|line| line.starts_with(REVOKED))
        .take(MAX_REVOKED);
    let revoked = lines.map(|line| {
        revoked(line).ok_or_else(|| KeptSignersError::Revoked {
            line: Excerpt::of(line),
        })
    });
    Ok(Exported {
        signers,
        revoked: revoked.collect::<Result<_, _>>()?,
    })
}

/// How many signers and revoked certificates a text holds.
fn count(pem: &str) -> usize {
    let revoked = pem.lines().filter(|line| line.starts_with(REVOKED));
    pem.matches(END).count().saturating_add(revoked.count())
}

fn revoked(line: &str) -> Option<RevokedCertificate> {
    let (fingerprint, not_after) = line.strip_prefix(REVOKED)?.trim().split_once(' ')?;
    let not_after = Duration::from_secs(not_after.parse().ok()?);
    Some(RevokedCertificate {
        fingerprint: Fingerprint::from_hex(fingerprint)?,
        not_after: UnixTime::since_unix_epoch(not_after),
    })
}

fn import(
    block: &str,
    number: usize,
    location: &CertificateLocation,
) -> Result<Option<Import>, KeptSignersError> {
    let line = |name: &'static str| {
        let mut lines = block.lines().filter_map(|line| line.split_once(':'));
        let value = lines
            .find(|(found, _)| found.trim() == name)
            .map(|(_, value)| value.trim());
        value.ok_or(KeptSignersError::Line { number, name })
    };
    let until = match line("until")? {
        CURRENT => Duration::MAX,
        seconds => Duration::from_secs(seconds.parse().map_err(|_| KeptSignersError::Line {
            number,
            name: "until",
        })?),
    };
    let exported = line("exported")?;
    let exported = exported.parse().map_err(|_| KeptSignersError::Line {
        number,
        name: "exported",
    })?;
    let url = line("url")?;
    let certificates = certificates_from_pem(block.as_bytes())
        .map_err(|error| KeptSignersError::Pem { number, error })?;
    let certificate = certificates
        .into_iter()
        .next()
        .ok_or(KeptSignersError::Pem {
            number,
            error: CertificatesError::NoPem,
        })?;
    let allowed = location.check(url).ok();
    Ok(allowed.map(|url| Import {
        url: url.into_owned(),
        until,
        exported: Duration::from_secs(exported),
        certificate,
        is_out_of_time: false,
    }))
}

impl Inner {
    /// The signers that are kept, as PEM with a line for the URL and one for the end of each.
    pub(super) fn export(&self, now: Duration) -> String {
        let mut text = String::new();
        for RevokedCertificate {
            fingerprint,
            not_after,
        } in self.store.revoked()
        {
            let _ = writeln!(text, "{REVOKED} {fingerprint} {}", not_after.as_secs());
        }
        for (url, set) in self.table.rows().iter() {
            for kept in set.kept() {
                let exported = kept.exported.unwrap_or(now);
                let certificate = kept.signer.certificate();
                write_signer(&mut text, url, kept.until, exported, certificate);
            }
        }
        // Those that did not verify yet may do so with what the next receiver learns.
        let waiting = self.imports.lock().clone();
        // Not those whose time is over, unless the clock is far off.
        let is_of_use = |import: &&Import| now < import.end().saturating_add(times::FORMER_AGE);
        for import in waiting.iter().filter(is_of_use).take(3 * times::MAX_URLS) {
            let Import {
                url,
                until,
                exported,
                certificate,
                ..
            } = import;
            write_signer(&mut text, url, *until, *exported, certificate);
        }
        let _ = writeln!(text, "{COUNT} {}", count(&text));
        text
    }

    /// Keeps signers that were kept before the start, as far as they verify with what is at hand; the others wait.
    pub(super) fn import(&self, exported: Exported, now: Duration) {
        self.store.remember_revoked(&exported.revoked);
        self.imports.lock().extend(exported.signers.iter().cloned());
        for import in exported.signers {
            self.adopt(&import.url, now, None);
        }
    }

    /// Tries the imports for `url` again, with `twins` of issuers that were seen revoked once they were looked for.
    pub(super) fn adopt(
        &self,
        url: &CertificateUrl<'_>,
        now: Duration,
        twins: Option<&[CertificateDer<'static>]>,
    ) {
        let waiting: Vec<_> = {
            let imports = self.imports.lock();
            let is_meant = |import: &&Import| import.url.as_str() == url.as_str();
            imports.iter().filter(is_meant).cloned().collect()
        };
        for import in waiting {
            let chain = self.chain.load_full();
            let evidence = self.store.at_hand(twins.unwrap_or_default());
            let time = UnixTime::since_unix_epoch(now);
            // Policies are other people's code.
            let assess = || chain.assess(&import.certificate, &evidence, time);
            let Ok(assessment) = catch_unwind(AssertUnwindSafe(assess)) else {
                continue;
            };
            self.store.remember_revoked(&assessment.revoked);
            match assessment.verdict {
                Ok(signer) => {
                    if self.adopted(&import, signer, &chain, now) {
                        self.imports.forget(&import);
                    }
                }
                Err(error) if may_be_kept(&error, twins.is_some()) => {
                    self.imports
                        .note(&import, |it| it.is_out_of_time = is_about_time(&error));
                }
                Err(_) => self.imports.forget(&import),
            }
        }
    }

    /// Keeps an import that was verified; not if the rules were replaced meanwhile.
    fn adopted(
        &self,
        import: &Import,
        signer: VerifiedSigner,
        chain: &Arc<ChainVerifier>,
        now: Duration,
    ) -> bool {
        let former = Kept {
            signer: Arc::new(signer),
            until: import.end(),
            exported: import.is_old(now).then_some(import.exported),
        };
        let signer = Arc::clone(&former.signer);
        let mut is_current = true;
        self.table.update(&import.url, |set| {
            is_current = Arc::ptr_eq(&self.chain.load(), chain);
            match is_current {
                true => Some(SignerSet::with_former(set, former, now)),
                false => set.cloned(),
            }
        });
        if is_current {
            self.known.remember(&import.url);
            self.learn(&signer, chain);
        }
        is_current
    }

    /// Keeps aside signers that were dropped and that other evidence, or a twin of a revoked issuer, may verify: they are tried
    /// again as if they had been kept before the start.
    pub(super) fn set_aside(
        &self,
        url: &CertificateUrl<'static>,
        set: &SignerSet,
        judged: &[Judged],
        now: Duration,
    ) {
        let may_return = |kept: &&Kept| {
            let verdict = judged.iter().find(|judged| judged.is_about(&kept.signer));
            let error = verdict.and_then(|judged| judged.error.as_ref());
            error.is_some_and(|error| error.is_transient() || is_of_issuer(error))
        };
        let aside = set.kept().filter(may_return).map(|kept| Import {
            url: url.clone(),
            until: kept.until,
            exported: kept.exported.unwrap_or(now),
            certificate: kept.signer.certificate().clone(),
            is_out_of_time: false,
        });
        let mut imports = self.imports.lock();
        for import in aside.take(MAX_IMPORTS.saturating_sub(imports.len())) {
            imports.push(import);
        }
    }

    /// Notes that the host serves `current`: what else was current before the start is a former from now on.
    pub(super) fn note_current(
        &self,
        url: &CertificateUrl<'_>,
        current: &VerifiedSigner,
        now: Duration,
    ) {
        let mut imports = self.imports.lock();
        let is_meant = |import: &&mut Import| {
            import.url.as_str() == url.as_str() && import.certificate != *current.certificate()
        };
        for import in imports.iter_mut().filter(is_meant) {
            let since = match import.is_old(now) {
                true => import.exported,
                false => now,
            };
            import.until = import.until.min(since.saturating_add(times::FORMER_AGE));
            import.exported = import.exported.max(since);
        }
    }

    /// Whether a signer for `url` that was kept before the start may still be verified.
    pub(super) fn is_waiting(&self, url: &CertificateUrl<'_>, now: Duration) -> bool {
        let imports = self.imports.lock();
        let mut of_url = (imports.iter()).filter(|import| import.url.as_str() == url.as_str());
        of_url.any(|import| !import.is_out_of_time && now < import.end())
    }

    /// The signers for `url`, apart from the one that it serves, that could not be verified at this time.
    pub(super) fn unverified(&self, url: &CertificateUrl<'_>, now: Duration) -> Vec<Target> {
        let kept = self.table.row(url);
        let unproven = kept.iter().flat_map(|set| set.unproven(now));
        let unproven = unproven
            .map(|signer| Target::of(signer))
            .collect::<Vec<_>>();
        let imports = self.imports.lock();
        let waiting = imports
            .iter()
            .filter(|import| import.url.as_str() == url.as_str());
        let target = |import: &Import| Target {
            certificate: import.certificate.clone(),
            issuers: Vec::new(),
        };
        unproven.into_iter().chain(waiting.map(target)).collect()
    }
}

/// Whether an import that was refused is tried again. A revoked issuer may have a twin, until that was looked for.
fn may_be_kept(error: &ChainError, is_looked_for: bool) -> bool {
    // A clock that is wrong at the start is set right later.
    let is_transient = error.depends_on_evidence() || error.is_transient() || is_about_time(error);
    is_transient && !(is_looked_for && is_of_issuer(error))
}

fn is_of_issuer(error: &ChainError) -> bool {
    matches!(
        error,
        ChainError::Path {
            error: PathError::Revoked,
            ..
        }
    )
}

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
    let _ = write!(
        text,
        "url: {url}\nuntil: {until}\nexported: {exported}\n{pem}"
    );
}

impl Imports {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Import>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, import: &Import, change: impl Fn(&mut Import)) {
        let mut imports = self.lock();
        let is_meant =
            |each: &&mut Import| each.url == import.url && each.certificate == import.certificate;
        imports.iter_mut().filter(is_meant).for_each(change);
    }

    fn forget(&self, import: &Import) {
        self.lock()
            .retain(|each| each.url != import.url || each.certificate != import.certificate);
    }
}

const CURRENT: &str = "current";
const REVOKED: &str = "revoked:";
/// The last line.
const COUNT: &str = "complete:";
/// As many as are ever remembered.
const MAX_REVOKED: usize = 256;
const END: &str = "-----END CERTIFICATE-----";
/// As many as are ever exported: three for each URL, and those that could not be verified.
const MAX_IMPORTS: usize = 6 * times::MAX_URLS;

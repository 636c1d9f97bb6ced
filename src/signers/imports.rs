//! Signers that do not verify yet: imported at the start, or set aside when they were dropped.
//!
//! An import waits because an issuer or a list is missing, an issuer is revoked and may have a twin, or the clock is wrong. It is
//! adopted when it verifies, and forgotten when it is refused for good. Meanwhile a signature of its URL that matches no other
//! signer is not refused for good, because the import may have made it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::gather::is_of_issuer;
use super::set::{Kept, SignerSet};
use super::times;
use super::verdict::{Verdict, is_about_time};
use crate::chain::{CertificateDer, ChainError, VerifiedSigner};
use crate::source::CertificateUrl;

/// Signers that do not verify yet. They are tried again after each fetch of their URL.
#[derive(Debug, Default)]
pub(super) struct Imports(Mutex<Vec<Import>>);

/// A signer that an earlier receiver kept, or this one until it was dropped.
#[derive(Clone, Debug)]
pub(super) struct Import {
    pub(super) url: CertificateUrl<'static>,
    /// Until when its signatures are accepted: [`Duration::MAX`] for one that was current.
    pub(super) until: Duration,
    /// When it was exported.
    pub(super) exported: Duration,
    pub(super) certificate: CertificateDer<'static>,
    /// Whether its certificate was outside its validity at the last try. The clock may be wrong.
    pub(super) is_out_of_time: bool,
}

impl Import {
    /// Whether the export is older than a former signer may be: the signer may have been replaced long since.
    pub(super) fn is_old(&self, now: Duration) -> bool {
        now > self.exported.saturating_add(times::FORMER_AGE)
    }

    /// Until when its signatures are accepted. For a former signer, at most [`times::FORMER_AGE`] from the export.
    pub(super) fn end(&self) -> Duration {
        match self.until {
            Duration::MAX => Duration::MAX,
            until => until.min(self.exported.saturating_add(times::FORMER_AGE)),
        }
    }

    /// URLs are canonical, so equal text is the same place.
    fn is_for(&self, url: &CertificateUrl<'_>) -> bool {
        self.url.as_str() == url.as_str()
    }

    /// The same certificate under another URL is another import.
    fn is_same(&self, other: &Self) -> bool {
        self.url == other.url && self.certificate == other.certificate
    }
}

impl Imports {
    /// They wait until a fetch or a check of their URL tries them.
    pub(super) fn add(&self, imports: &[Import]) {
        self.lock().extend_from_slice(imports);
    }

    /// In the order in which they were added, for the export.
    pub(super) fn all(&self) -> Vec<Import> {
        self.lock().clone()
    }

    /// A copy, because verifying them runs policies, and no lock is held then.
    pub(super) fn of_url(&self, url: &CertificateUrl<'_>) -> Vec<Import> {
        let imports = self.lock();
        let of_url = imports.iter().filter(|import| import.is_for(url));
        of_url.cloned().collect()
    }

    /// After it was adopted, or refused for good.
    pub(super) fn forget(&self, import: &Import) {
        self.lock().retain(|each| !each.is_same(import));
    }

    /// After a failed try: keeps the import for another one, or forgets it. `has_twins` says whether twins of revoked issuers
    /// were searched for.
    pub(super) fn note_failure(&self, import: &Import, error: &ChainError, has_twins: bool) {
        // A clock that is wrong at the start is corrected later.
        let is_transient =
            error.depends_on_evidence() || error.is_transient() || is_about_time(error);
        if !is_transient || (has_twins && is_of_issuer(error)) {
            return self.forget(import);
        }
        let mut imports = self.lock();
        for each in imports.iter_mut().filter(|each| each.is_same(import)) {
            each.is_out_of_time = is_about_time(error);
        }
    }

    /// Sets aside the dropped signers of `set` that other evidence, or a twin of a revoked issuer, may verify.
    ///
    /// So no signer is lost because a list is late, or because a revoked issuer's twin is not found yet.
    pub(super) fn set_aside(
        &self,
        url: &CertificateUrl<'static>,
        set: &SignerSet,
        verdicts: &[Verdict],
        now: Duration,
    ) {
        let may_return = |kept: &&Kept| {
            let verdict = verdicts.iter().find(|verdict| verdict.is_about(&kept.signer));
            let error = verdict.and_then(|verdict| verdict.error.as_ref());
            error.is_some_and(|error| error.is_transient() || is_of_issuer(error))
        };
        let aside = set.kept().filter(may_return).map(|kept| Import {
            url: url.clone(),
            until: kept.until,
            exported: kept.exported.unwrap_or(now),
            certificate: kept.signer.certificate().clone(),
            is_out_of_time: false,
        });
        let mut imports = self.lock();
        let room = MAX_IMPORTS.saturating_sub(imports.len());
        imports.extend(aside.take(room));
    }

    /// Notes that the host serves `current`: every other import of the URL is a former signer from now on.
    pub(super) fn note_current(
        &self,
        url: &CertificateUrl<'_>,
        current: &VerifiedSigner,
        now: Duration,
    ) {
        let mut imports = self.lock();
        let is_former = |import: &&mut Import| {
            import.is_for(url) && import.certificate != *current.certificate()
        };
        for import in imports.iter_mut().filter(is_former) {
            let since = match import.is_old(now) {
                true => import.exported,
                false => now,
            };
            import.until = import.until.min(since.saturating_add(times::FORMER_AGE));
            import.exported = import.exported.max(since);
        }
    }

    /// Whether an import for `url` may still verify.
    ///
    /// An import outside its validity does not count: otherwise a wrong date in an old export would turn every refusal into a 503.
    pub(super) fn is_waiting(&self, url: &CertificateUrl<'_>, now: Duration) -> bool {
        let imports = self.lock();
        let mut of_url = imports.iter().filter(|import| import.is_for(url));
        of_url.any(|import| !import.is_out_of_time && now < import.end())
    }

    /// Every change under the lock is complete, so a poisoned lock is usable.
    fn lock(&self) -> MutexGuard<'_, Vec<Import>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most that are ever exported: three for each URL, and as many that do not verify.
pub(super) const MAX_IMPORTS: usize = 6 * times::MAX_URLS;

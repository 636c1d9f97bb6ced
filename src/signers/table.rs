//! What is kept: an immutable table that is replaced as a whole, so that reading it takes no lock.

use std::sync::Arc;

use rustls_pki_types::UnixTime;

use super::{SignerError, Signers, is_within};
use crate::chain::VerifiedSigner;
use crate::source::CertificateUrl;

#[derive(Clone, Debug, Default)]
pub(super) struct Table(Vec<(CertificateUrl<'static>, SignersOfUrl)>);

impl Table {
    /// The signers of `url`, if one of them is good at the time `now`.
    pub(super) fn get(&self, url: &CertificateUrl<'_>, now: UnixTime) -> Option<SignersOfUrl> {
        let (_, signers) = self
            .0
            .iter()
            .find(|(kept, _)| kept.as_str() == url.as_str())?;
        signers
            .iter()
            .any(|signer| signer.is_valid_at(now))
            .then(|| signers.clone())
    }

    /// Whether `url` ever verified, as far as is remembered.
    pub(super) fn knows(&self, url: &CertificateUrl<'_>) -> bool {
        self.0.iter().any(|(kept, _)| kept.as_str() == url.as_str())
    }

    /// The table with `signer` as the current one of `url`.
    pub(super) fn with(
        &self,
        url: &CertificateUrl<'static>,
        signer: Arc<VerifiedSigner>,
        now: UnixTime,
    ) -> (Self, SignersOfUrl) {
        let mut table = self.clone();
        let mut signers = SignersOfUrl::new(signer, now);
        match table.0.iter_mut().find(|(kept, _)| kept == url) {
            Some((_, before)) => {
                signers.former = before.former_after(&signers.current, now);
                *before = signers.clone();
            }
            None => {
                table.make_room();
                table.0.push((url.clone(), signers.clone()));
            }
        }
        (table, signers)
    }

    /// The table after `url` was fetched in vain.
    pub(super) fn after_failure(
        &self,
        url: &CertificateUrl<'static>,
        error: &SignerError,
        now: UnixTime,
    ) -> Self {
        let mut table = self.clone();
        for (kept, signers) in &mut table.0 {
            if kept == url {
                signers.last_error = Some(Arc::new(error.clone()));
                signers.fetched_at = now.as_secs();
                signers.refresh_at = now.as_secs().saturating_add(Signers::REFRESH_RETRY_SECONDS);
            }
        }
        table
    }

    /// The table with the signers of some URLs judged anew: those that do not pass are dropped.
    pub(super) fn judged(
        &self,
        is_meant: impl Fn(&CertificateUrl<'_>) -> bool,
        judge: impl Fn(&Arc<VerifiedSigner>) -> Option<Arc<VerifiedSigner>>,
    ) -> Self {
        let pass = |(url, signers): &(CertificateUrl<'static>, SignersOfUrl)| {
            let signers = match is_meant(url) {
                true => signers.judged(&judge)?,
                false => signers.clone(),
            };
            Some((url.clone(), signers))
        };
        Self(self.0.iter().filter_map(pass).collect())
    }

    /// Drops what ends first, but not what Microsoft documents.
    fn make_room(&mut self) {
        if self.0.len() < Signers::MAX_URLS {
            return;
        }
        let worth = |(url, signers): &(CertificateUrl<'_>, SignersOfUrl)| {
            (url.is_documented(), signers.current.valid_until().as_secs())
        };
        let least = self.0.iter().map(worth).min();
        if let Some(at) = self.0.iter().position(|kept| Some(worth(kept)) == least) {
            self.0.swap_remove(at);
        }
    }
}

/// The signers of one URL: the current one and, until it ends, the one before.
#[derive(Clone, Debug)]
pub struct SignersOfUrl {
    current: Arc<VerifiedSigner>,
    former: Option<Arc<VerifiedSigner>>,
    fetched_at: u64,
    refresh_at: u64,
    /// Why the last fetch failed, if it did.
    last_error: Option<Arc<SignerError>>,
}

impl SignersOfUrl {
    pub(super) fn new(current: Arc<VerifiedSigner>, now: UnixTime) -> Self {
        let now = now.as_secs();
        let week_before_end = current
            .valid_until()
            .as_secs()
            .saturating_sub(Signers::REFRESH_BEFORE_END_SECONDS);
        let day_before_lists_end = current.revocation_lists_end().map_or(u64::MAX, |end| {
            end.as_secs().saturating_sub(Signers::REFRESH_AGE_SECONDS)
        });
        let age = match current.misses_lists() {
            true => Signers::REVOCATION_RETRY_SECONDS,
            false => Signers::REFRESH_AGE_SECONDS,
        };
        Self {
            current,
            former: None,
            last_error: None,
            fetched_at: now,
            refresh_at: now
                .saturating_add(age)
                .min(week_before_end)
                .min(day_before_lists_end)
                .max(now.saturating_add(Signers::REFRESH_RETRY_SECONDS)),
        }
    }

    /// Those of the signers that pass, or nothing if none does.
    fn judged(
        &self,
        judge: impl Fn(&Arc<VerifiedSigner>) -> Option<Arc<VerifiedSigner>>,
    ) -> Option<Self> {
        let mut passed = self.iter().filter_map(judge);
        Some(Self {
            current: passed.next()?,
            former: passed.next(),
            last_error: self.last_error.clone(),
            ..*self
        })
    }

    /// The signer whose certificate the URL served last.
    pub fn current(&self) -> &Arc<VerifiedSigner> {
        &self.current
    }

    /// The signers to try, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<VerifiedSigner>> {
        std::iter::once(&self.current).chain(&self.former)
    }

    /// Whether `signer`'s certificate is among these.
    pub(super) fn holds(&self, signer: &VerifiedSigner) -> bool {
        self.iter()
            .any(|held| held.fingerprint() == signer.fingerprint())
    }

    pub(super) fn last_error(&self) -> Option<&SignerError> {
        self.last_error.as_deref()
    }

    pub(super) fn fetched_at(&self) -> u64 {
        self.fetched_at
    }

    pub(super) fn refresh_is_due(&self, now: UnixTime) -> bool {
        let now = now.as_secs();
        !is_within(
            self.fetched_at,
            self.refresh_at.saturating_sub(self.fetched_at),
            now,
        )
    }

    /// Which signer stands behind `current` once it has taken its place here.
    fn former_after(&self, current: &VerifiedSigner, now: UnixTime) -> Option<Arc<VerifiedSigner>> {
        self.iter()
            .find(|signer| signer.fingerprint() != current.fingerprint() && signer.is_valid_at(now))
            .cloned()
    }
}

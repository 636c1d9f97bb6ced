//! URLs that are exempt from the quota.

use std::collections::{HashSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::{FetchError, Unavailable};
use super::quota::Quota;
use super::times;
use crate::mask::Excerpt;
use crate::source::CertificateUrl;

/// The configured URLs, and those that verified once. They are remembered apart from their signers, so that one failed fetch does
/// not subject the partner's own URL to the quota.
#[derive(Debug)]
pub(super) struct KnownUrls {
    configured: HashSet<Box<str>>,
    state: Mutex<State>,
}

/// One lock for both: a URL that is remembered while its download is counted would otherwise be charged.
#[derive(Debug)]
struct State {
    /// In the order of their first verification.
    ///
    /// At most [`times::MAX_VERIFIED_URLS`]. A search through them costs less than the fetch that it decides about.
    verified: VecDeque<Box<str>>,
    quota: Quota,
}

impl KnownUrls {
    /// `configured` are URLs in canonical form, as [`CertificateUrl::as_str`] returns them.
    pub(super) fn new(configured: Vec<Box<str>>, per_minute: NonZeroU32) -> Self {
        Self {
            configured: configured.into_iter().collect(),
            state: Mutex::new(State { verified: VecDeque::new(), quota: Quota::new(per_minute) }),
        }
    }

    /// Takes a download from the quota, unless `url` is known.
    ///
    /// The error has the time until the next download, which becomes the `Retry-After`.
    pub(super) fn may_fetch(
        &self,
        url: &CertificateUrl<'_>,
        now: Duration,
    ) -> Result<(), Unavailable> {
        if url.is_documented() || self.configured.contains(url.as_str()) || self.has_verified(url) {
            return Ok(());
        }
        let mut state = self.state();
        let per_minute = state.quota.per_minute();
        state.quota.take(now.as_secs()).map_err(|wait| {
            let url = Excerpt::of_url(url.as_str());
            Unavailable::new(FetchError::Quota { url, per_minute }, wait)
        })
    }

    /// Whether a signer of `url` was ever verified, as far as that is remembered.
    pub(super) fn has_verified(&self, url: &CertificateUrl<'_>) -> bool {
        self.state().verified.iter().any(|known| **known == *url.as_str())
    }

    /// Remembers that a signer of `url` was verified. Forgets the URL that verified first if there are too many.
    pub(super) fn remember(&self, url: &CertificateUrl<'_>) {
        if self.has_verified(url) {
            return;
        }
        let mut state = self.state();
        state.verified.push_back(url.as_str().into());
        if state.verified.len() > times::MAX_VERIFIED_URLS {
            state.verified.pop_front();
        }
    }

    /// Every change under the lock is complete, so a poisoned lock is usable.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Finds the signers of a URL for one callback, and decides whether the callback waits.
//!
//! | kept signers | signature | the callback |
//! |---|---|---|
//! | none | | waits for a fetch, at most its patience |
//! | good | | continues; due refreshes and checks start in the background |
//! | good and fresh | matches none | is refused for good, unless a signer of the URL cannot be verified at this time |
//! | good and older | matches none | waits for a fetch, and for a second one if the first had started before it arrived, and is not fresh |

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::UnixTime;

use super::error::{FetchError, Unavailable};
use super::fetch::{Declined, Reason};
use super::give_way::give_way;
use super::inner::Inner;
use super::set::SignerSet;
use super::times;
use crate::mask::Excerpt;
use crate::source::CertificateUrl;
use crate::spawn::single_flight::Start;

impl Inner {
    /// The usable signers of `url`: the hot path, two loads and a short search.
    ///
    /// `now` is the time since 1970. A signer that new evidence refuses is gone before the table is read.
    pub(super) async fn find(
        self: &Arc<Self>,
        url: &CertificateUrl<'_>,
        now: Duration,
    ) -> Result<SignerSet, Unavailable> {
        self.reverify_with_new_evidence(now);
        match self.table.get(url, now) {
            Some(set) if !set.refresh_is_due(now) && !set.check_is_due(now) => Ok(set),
            // Boxed, because these futures are large and seldom needed.
            Some(set) => Box::pin(self.keep_up(url, set, now)).await,
            None => Box::pin(self.find_cold(url, now)).await,
        }
    }

    /// The signers of `url` after a signature failed under `tried`, for a callback that arrived at `arrival`. `None` if `tried`
    /// is what the URL serves: then the signature is refused for good.
    ///
    /// The loop needs two rounds: the fetch that is joined first may have started before the callback arrived, and would prove
    /// nothing about a certificate that was replaced in between.
    pub(super) async fn find_newer(
        self: &Arc<Self>,
        url: &CertificateUrl<'_>,
        tried: &SignerSet,
        arrival: u64,
        now: Duration,
    ) -> Result<Option<SignerSet>, Unavailable> {
        let time = UnixTime::since_unix_epoch(now);
        let mut kept = self.table.get(url, now);
        // A fetch that was joined may have started too early. The one after it did not.
        let mut fetches = 0..MAX_FETCHES;
        loop {
            match kept {
                Some(set) if set.has_other_than(tried, time) => return Ok(Some(set)),
                Some(set) if set.is_fresh(arrival, now) => return self.refused(url, now),
                _ if fetches.next().is_none() => return Err(self.late(url, now)),
                _ => {}
            }
            kept = match self.fetched(url, now, Reason::Mismatch).await {
                Ok(set) => Some(set),
                // The fetch may have verified a signer that waited for it.
                Err(unavailable) => match self.table.get(url, now) {
                    Some(set) if set.has_other_than(tried, time) => return Ok(Some(set)),
                    _ => return Err(self.unless_unverified(url, unavailable, now)),
                },
            };
        }
    }

    /// Starts due fetches and checks in the background, and returns the kept signers.
    ///
    /// They get a few turns of the runtime to complete, so that a client without a network, as in tests, needs no second callback.
    async fn keep_up(
        self: &Arc<Self>,
        url: &CertificateUrl<'_>,
        set: SignerSet,
        now: Duration,
    ) -> Result<SignerSet, Unavailable> {
        let refresh = set.refresh_is_due(now).then(|| self.start_fetch(url, now, Reason::Refresh));
        if let Some(Start::Started(fetch)) = refresh {
            // Its outcome is in the table, and a check follows it.
            give_way(fetch).await;
        } else if let Some(check) = self.start_check(url, now) {
            give_way(check).await;
        }
        // The signer may just have been found revoked.
        match self.table.get(url, now) {
            Some(set) => Ok(set),
            None => self.find_cold(url, now).await,
        }
    }

    /// The signers of a URL without a usable one: a fetch decides.
    ///
    /// If it fails, a signer may have been adopted from an import meanwhile.
    async fn find_cold(
        self: &Arc<Self>,
        url: &CertificateUrl<'_>,
        now: Duration,
    ) -> Result<SignerSet, Unavailable> {
        let unavailable = match self.fetched(url, now, Reason::Cold).await {
            Ok(set) => return Ok(set),
            Err(unavailable) => unavailable,
        };
        // The fetch may have verified an import.
        match self.table.get(url, now) {
            Some(set) => Ok(set),
            None => Err(self.unless_unverified(url, unavailable, now)),
        }
    }

    /// The outcome of a fetch that is joined or started.
    ///
    /// A failure that was joined is reported with its age, because it was not made for this callback.
    async fn fetched(
        self: &Arc<Self>,
        url: &CertificateUrl<'_>,
        now: Duration,
        reason: Reason,
    ) -> Result<SignerSet, Unavailable> {
        let (waiter, is_joined) = match self.start_fetch(url, now, reason) {
            Start::Joined(waiter) => (waiter, true),
            Start::Started(waiter) => (waiter, false),
            Start::Declined(Declined::Settled(set)) => return Ok(set),
            Start::Declined(Declined::Refused(unavailable)) => return Err(unavailable),
            Start::Cooling(failure) => return Err(Unavailable::remembered(&failure, now)),
        };
        match waiter.await {
            Ok(Ok(set)) => Ok(set),
            Ok(Err(error)) => Err(match self.fetches.failure(&url.clone().into_owned()) {
                // It started before this callback arrived, perhaps long before.
                Some(failure) if is_joined => Unavailable::remembered(&failure, now),
                Some(failure) => Unavailable::after(&failure, now),
                None => Unavailable::new(error, times::FRESH),
            }),
            Err(_) => Err(self.late(url, now)),
        }
    }

    /// Refuses a signature for good, unless a signer that cannot be verified at this time may have made it.
    fn refused(
        &self,
        url: &CertificateUrl<'_>,
        now: Duration,
    ) -> Result<Option<SignerSet>, Unavailable> {
        match self.has_unverified(url, now) {
            true => Err(unverified(url)),
            false => Ok(None),
        }
    }

    /// A revoked certificate is a final refusal, too, unless there is a signer that cannot be verified at this time.
    fn unless_unverified(
        &self,
        url: &CertificateUrl<'_>,
        unavailable: Unavailable,
        now: Duration,
    ) -> Unavailable {
        match unavailable.error.is_revoked() && self.has_unverified(url, now) {
            true => unverified(url),
            false => unavailable,
        }
    }

    /// Whether a signer of `url`, kept or imported, may verify with other evidence.
    fn has_unverified(&self, url: &CertificateUrl<'_>, now: Duration) -> bool {
        let kept = self.table.row(url);
        let is_unproven = kept.is_some_and(|set| set.unproven(now).next().is_some());
        is_unproven || self.imports.is_waiting(url, now)
    }

    /// The error of a callback whose patience ended. In an outage, the sender waits as long as the outage has lasted.
    fn late(&self, url: &CertificateUrl<'_>, now: Duration) -> Unavailable {
        let error =
            FetchError::Late { url: Excerpt::of_url(url.as_str()), patience: self.patience };
        let failure = self.fetches.failure(&url.clone().into_owned());
        let outage = failure.map_or(Duration::ZERO, |failure| failure.since.age(now));
        Unavailable::new(error, times::CERTIFICATE.max(outage))
    }
}

fn unverified(url: &CertificateUrl<'_>) -> Unavailable {
    let url = Excerpt::of_url(url.as_str());
    Unavailable::new(FetchError::Unverified { url }, times::REFRESH_RETRY)
}

/// The most fetches that a callback waits for when its signature does not match.
///
/// One for the fetch that was under way, and one that started after the callback arrived.
const MAX_FETCHES: usize = 2;

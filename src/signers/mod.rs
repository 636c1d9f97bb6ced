//! Stages 2 and 3 together: finds signers, verifies them, keeps them and refreshes them.
//!
//! [`Signers`] stands around any [`CertificateSource`] and a [`ChainVerifier`] and keeps *verified* signers, never
//! bytes that are still to be judged.
//!
//! # The life of a URL
//!
//! ```text
//!                callback                    path holds
//!    unknown ───────────────► being fetched ───────────────► kept ◄──────────────────────────────────┐
//!       ▲                        │    ▲                       │  │                                   │
//!       │         failure        │    │ cool-down is over     │  │ refresh is due (a day, a week     │ same or
//!       │                        ▼    │                       │  │ before its end): in the back-     │ another
//!       │                       cooling                       │  │ ground, callbacks go on           │ certificate
//!       │                    503, Retry-After                 │  ├──────────────► being fetched ─────┤
//!       │                                                     │  │ signature does not match, and the │
//!       │                                                     │  │ certificate is older than 5 s:    │
//!       │                                                     │  │ that callback waits               │
//!       │ revoked, or its proof ends                          │  └──────────────► being fetched ─────┘
//!       └─────────────────────────────────────────────────────┘
//!                    replaced: former for seven days, then gone
//! ```
//!
//! # What it promises
//!
//! - A hit costs a few atomic loads and a look through at most [`Signers::MAX_URLS`] entries: no lock, no allocation.
//! - **Fetches belong to nobody's request.** They run in tasks of their own ([`Spawn`]), under deadlines of 5 s for the
//!   certificate, 5 s for its issuers and 3 s for revocation lists, whatever the HTTP client does. However many callbacks wait
//!   for one URL, it is fetched once. An attempt is recorded when it starts.
//! - **A callback whose URL has a good signer never waits for the network.**
//! - A callback without a signer waits for the path, 5 s by default. Then it fails, and the fetch goes on. Revocation lists
//!   are part of the wait only in [`Revocation::Required`].
//! - **A signature is refused for good only under a fresh certificate**: fetched after the callback came, or within the five
//!   seconds before. Under an older one a mismatch causes a fetch, one for however many callbacks; if the fetch that was under
//!   way had started before the callback came, a second one.
//! - **Revocation covers every signer that is kept.** A certificate that was seen revoked once stays refused, whatever
//!   happens to the list.
//! - At most two signers that were replaced are accepted for seven days: a repeated delivery may carry their signature.
//! - A failure is remembered for 5 s, and up to 15 s when failures repeat. Meanwhile nothing is fetched.
//! - URLs that never verified share a quota of downloads, so that made-up names cost the certificate host nothing.
//!   Documented and configured names, and those that verified once, never wait on it.
//! - Nothing is forgotten when the clock jumps: validity is asked at each use. The five seconds of a fresh certificate, and
//!   cool-downs, are measured by [`Spawn::instant`], too: a clock that is set back does not make them longer.
//! - No lock is held while an HTTP client, a policy, a tracker or a subscriber runs, and a panic in one is an error of that
//!   fetch.

mod error;
mod evidence;
mod export;
mod fetch;
mod gather;
mod known;
mod quota;
mod table;
mod times;

use std::future::poll_fn;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls_pki_types::UnixTime;

use crate::chain::{CertificateDer, ChainVerifier, Revocation, VerifiedSigner};
use crate::excerpt::Excerpt;
use crate::single_flight::{SingleFlight, Start, Waiter};
use crate::source::{Authorities, CertificateSource, CertificateUrl};
use crate::spawn::{DefaultSpawn, Spawn};
use crate::trace;

pub(crate) use error::fetching;
pub use error::{SignerError, Unavailable};
use evidence::EvidenceStore;
use export::Imports;
pub use export::KeptSignersError;
pub(crate) use export::{Exported, parse as parse_kept_signers};
use fetch::{Flight, interrupted, judge};
use known::KnownUrls;
pub use table::SignerSet;
use table::{Fetched, Judged, Table, Verdicts};

/// Finds, verifies, keeps and refreshes signers. Cheap to clone; clones share what they keep.
#[derive(Clone, Debug)]
pub struct Signers {
    inner: Arc<Inner>,
}

/// What signers can be told, apart from where they come from and what is trusted.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) new_downloads_per_minute: NonZeroU32,
    /// URLs that never wait on the quota.
    pub(crate) configured_urls: Vec<Box<str>>,
    pub(crate) patience: Duration,
    pub(crate) spawn: Arc<dyn Spawn>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            new_downloads_per_minute: Signers::NEW_DOWNLOADS_PER_MINUTE,
            configured_urls: Vec::new(),
            patience: Signers::PATIENCE,
            spawn: Arc::new(DefaultSpawn::new()),
        }
    }
}

impl Signers {
    /// How many URLs are kept, each with its current signer and two that it replaced: Microsoft has published two in eight
    /// years.
    pub const MAX_URLS: usize = times::MAX_URLS;
    /// How old a certificate may be at most when a signature is refused for good under it.
    pub const FRESH: Duration = times::FRESH;
    /// How long a callback without a signer waits by default.
    pub const PATIENCE: Duration = times::PATIENCE;
    /// For how long a signer that was replaced is accepted.
    pub const FORMER_AGE: Duration = times::FORMER_AGE;
    /// A signer is fetched anew when it was kept for a day, or has less than a week left; in seconds.
    pub const REFRESH_AGE_SECONDS: u64 = times::REFRESH_AGE.as_secs();
    /// See [`Self::REFRESH_AGE_SECONDS`].
    pub const REFRESH_BEFORE_END_SECONDS: u64 = times::REFRESH_BEFORE_END.as_secs();
    /// How long to wait from one attempt to refresh to the next if it changes nothing, in seconds.
    pub const REFRESH_RETRY_SECONDS: u64 = times::REFRESH_RETRY.as_secs();
    /// When to ask again for revocation lists that could not be fetched: an hour, in seconds.
    pub const REVOCATION_RETRY_SECONDS: u64 = times::REVOCATION_RETRY.as_secs();
    /// The default quota of downloads for URLs that never verified, in a minute.
    pub const NEW_DOWNLOADS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);

    /// Keeps signers from `source` that `chain` trusts. Nothing is fetched from certificate authorities.
    pub fn new(source: impl CertificateSource + 'static, chain: ChainVerifier) -> Self {
        Self::with_settings(Arc::new(source), None, chain, Settings::default())
    }

    /// The same with issuers' certificates and revocation lists from `authorities` (`None` disables fetching), and with
    /// another quota than [`Self::NEW_DOWNLOADS_PER_MINUTE`].
    pub fn build(
        source: Arc<dyn CertificateSource>,
        authorities: Option<Authorities>,
        chain: ChainVerifier,
        new_downloads_per_minute: NonZeroU32,
    ) -> Self {
        let settings = Settings {
            new_downloads_per_minute,
            ..Settings::default()
        };
        Self::with_settings(source, authorities, chain, settings)
    }

    pub(crate) fn with_settings(
        source: Arc<dyn CertificateSource>,
        authorities: Option<Authorities>,
        chain: ChainVerifier,
        settings: Settings,
    ) -> Self {
        let Settings {
            new_downloads_per_minute,
            configured_urls,
            patience,
            spawn,
        } = settings;
        let fetch = times::fetch(patience);
        let inner = Inner {
            source,
            store: Arc::new(EvidenceStore::new(authorities, &spawn)),
            chain: ArcSwap::from_pointee(chain),
            table: Table::default(),
            known: KnownUrls::new(configured_urls, new_downloads_per_minute),
            imports: Imports::default(),
            judged: AtomicU64::new(0),
            patience,
            fetches: SingleFlight::new(Arc::clone(&spawn), fetch, |url, cause| {
                interrupted(url, times::CERTIFICATE, cause)
            }),
            checks: SingleFlight::new(Arc::clone(&spawn), times::CHECK, |url, cause| {
                interrupted(url, times::LISTS, cause)
            }),
            spawn,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Replaces the chain verifier: trust anchors, intermediates, policies, how much is asked of revocation.
    ///
    /// Signers that are kept are verified anew with what is at hand, without any fetch, and are dropped if they do not
    /// pass. Callbacks under way go on. Of two replacements at the same time, the one that ends last holds.
    pub fn replace_chain(
        &self,
        change: impl FnOnce(ChainVerifier) -> ChainVerifier,
        now: UnixTime,
    ) {
        let inner = &self.inner;
        let chain = change(ChainVerifier::clone(&inner.chain.load()));
        let chain = Arc::new(chain);
        let replaced = inner.table.between_writes(|| inner.chain.swap(chain));
        // Its policies are somebody's, and so are their destructors.
        drop(replaced);
        inner.judge_anew(|_| true, seconds(now), Verdicts::NewRules, &[]);
        inner.fetches.forget_failures();
    }

    /// Replaces where issuers' certificates and revocation lists come from. `None` disables fetching.
    pub fn replace_authorities(&self, authorities: Option<Authorities>) {
        self.inner.store.replace_authorities(authorities);
    }

    /// The issuers' certificates that were fetched: to be configured as intermediates after a restart.
    pub fn learned_issuers(&self) -> Vec<CertificateDer<'static>> {
        self.inner.store.learned()
    }

    /// The signers that are kept, as PEM with explanatory lines.
    pub(crate) fn export(&self, now: Duration) -> String {
        self.inner.export(now)
    }

    /// Keeps signers that were exported before the start.
    pub(crate) fn import(&self, exported: Exported, now: Duration) {
        self.inner.import(exported, now);
    }

    /// The signers of `url` that are good at the time `now`, from memory or, if there is none, from the source.
    ///
    /// # Errors
    ///
    /// [`Unavailable`].
    pub async fn find(
        &self,
        url: &CertificateUrl<'_>,
        now: UnixTime,
    ) -> Result<SignerSet, Unavailable> {
        self.find_at(url, seconds(now)).await
    }

    /// [`find`](Self::find), for a clock that knows more than seconds.
    pub(crate) async fn find_at(
        &self,
        url: &CertificateUrl<'_>,
        now: Duration,
    ) -> Result<SignerSet, Unavailable> {
        self.inner.judge_by_new_lists(now);
        match self.inner.table.get(url, now) {
            Some(set) if !set.refresh_is_due(now) && !set.check_is_due(now) => Ok(set),
            // Apart, because their futures are large, and seldom needed.
            Some(set) => Box::pin(self.inner.keep_up(url, set, now)).await,
            None => Box::pin(self.inner.find_cold(url, now)).await,
        }
    }

    /// Finds the signers of `url`, and waits for the check of their revocation lists.
    pub(crate) async fn warm_up(
        &self,
        url: &CertificateUrl<'_>,
        now: Duration,
    ) -> Result<SignerSet, Unavailable> {
        self.find_at(url, now).await?;
        if let Some(check) = self.inner.join_check(url, now) {
            // It may show that the signer is revoked.
            let _ = check.await;
        }
        self.find_at(url, now).await
    }

    /// The signers of `url` after a signature failed under `tried`; nothing if the signature is to be refused for good,
    /// because `tried` is what the URL serves.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if that cannot be known now: the certificate may have been replaced, and could not be fetched.
    pub async fn find_newer(
        &self,
        url: &CertificateUrl<'_>,
        tried: &SignerSet,
        now: UnixTime,
    ) -> Result<Option<SignerSet>, Unavailable> {
        self.find_newer_at(url, tried, self.arrival(), seconds(now))
            .await
    }

    /// What tells fetches that start from here on from those that started before.
    pub(crate) fn arrival(&self) -> u64 {
        self.inner.fetches.started()
    }

    /// [`find_newer`](Self::find_newer) for a callback that came at this [arrival](Self::arrival), and for a clock that knows
    /// more than seconds.
    pub(crate) async fn find_newer_at(
        &self,
        url: &CertificateUrl<'_>,
        tried: &SignerSet,
        arrival: u64,
        now: Duration,
    ) -> Result<Option<SignerSet>, Unavailable> {
        let inner = &self.inner;
        let time = UnixTime::since_unix_epoch(now);
        let mut kept = inner.table.get(url, now);
        // A flight that was joined may have started too early. The one after it did not.
        for _ in 0..MAX_FETCHES {
            match kept {
                Some(set) if set.has_other_than(tried, time) => return Ok(Some(set)),
                Some(set) if set.is_fresh(arrival, now) => return inner.refused(url, now),
                _ => {}
            }
            kept = match inner.fetched(url, now, Reason::Mismatch).await {
                Ok(set) => Some(set),
                // The fetch may have verified a signer that waited for it.
                Err(unavailable) => match inner.table.get(url, now) {
                    Some(set) if set.has_other_than(tried, time) => return Ok(Some(set)),
                    _ => return Err(inner.unless_unverified(url, unavailable, now)),
                },
            };
        }
        match kept {
            Some(set) if set.has_other_than(tried, time) => Ok(Some(set)),
            Some(set) if set.is_fresh(arrival, now) => inner.refused(url, now),
            _ => Err(inner.late(url, now)),
        }
    }
}

/// Why a fetch is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reason {
    /// There is no signer.
    Cold,
    /// A signature failed under the signers that are kept.
    Mismatch,
    /// The signer is good, and old.
    Refresh,
}

#[derive(Debug)]
struct Inner {
    source: Arc<dyn CertificateSource>,
    store: Arc<EvidenceStore>,
    chain: ArcSwap<ChainVerifier>,
    table: Table,
    known: KnownUrls,
    imports: Imports,
    /// By which state of the lists the signers were judged.
    judged: AtomicU64,
    patience: Duration,
    fetches: SingleFlight<CertificateUrl<'static>, SignerSet, SignerError>,
    checks: SingleFlight<CertificateUrl<'static>, (), SignerError>,
    spawn: Arc<dyn Spawn>,
}

/// Why a fetch is not started although none is under way.
enum Declined {
    /// The table has what was wanted since a moment ago.
    Settled(SignerSet),
    /// No more may be started now.
    Refused(Unavailable),
}

type Started = Start<SignerSet, SignerError, Declined>;
/// The end of a check.
type Check = Waiter<Result<(), SignerError>>;

impl Inner {
    /// Starts what is due in the background, and goes on with what is kept.
    async fn keep_up(
        self: &Arc<Self>,
        url: &CertificateUrl<'_>,
        set: SignerSet,
        now: Duration,
    ) -> Result<SignerSet, Unavailable> {
        let refresh = set
            .refresh_is_due(now)
            .then(|| self.start_fetch(url, now, Reason::Refresh));
        if let Some(Start::Started(fetch)) = refresh {
            // Its outcome is in the table, and a check follows it.
            give_way(fetch).await;
        } else if let Some(check) = self.start_check(url, now) {
            give_way(check).await;
        }
        // What was just learned may be that the signer is revoked.
        match self.table.get(url, now) {
            Some(set) => Ok(set),
            None => self.find_cold(url, now).await,
        }
    }

    async fn find_cold(
        self: &Arc<Self>,
        url: &CertificateUrl<'_>,
        now: Duration,
    ) -> Result<SignerSet, Unavailable> {
        let unavailable = match self.fetched(url, now, Reason::Cold).await {
            Ok(set) => return Ok(set),
            Err(unavailable) => unavailable,
        };
        // What was learned may have verified a signer that was kept before the start.
        match self.table.get(url, now) {
            Some(set) => Ok(set),
            None => Err(self.unless_unverified(url, unavailable, now)),
        }
    }

    /// What a fetch comes to that is joined or started.
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
                // It started before this callback came, perhaps long before.
                Some(failure) if is_joined => Unavailable::remembered(&failure, now),
                Some(failure) => Unavailable::after(&failure, now),
                None => Unavailable::new(error, times::FRESH),
            }),
            Err(_) => Err(self.late(url, now)),
        }
    }

    /// A signature that matches no signer is refused for good, unless there is one that could not be verified at this time.
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

    /// That the URL serves a revoked certificate is final, too, unless there is a signer that could not be verified.
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

    fn has_unverified(&self, url: &CertificateUrl<'_>, now: Duration) -> bool {
        let kept = self.table.row(url);
        let is_unproven = kept.is_some_and(|set| set.unproven(now).next().is_some());
        is_unproven || self.is_waiting(url, now)
    }

    fn late(&self, url: &CertificateUrl<'_>, now: Duration) -> Unavailable {
        let error = SignerError::Late {
            url: Excerpt::of_url(url.as_str()),
            patience: self.patience,
        };
        let failure = self.fetches.failure(&url.clone().into_owned());
        let outage = failure.map_or(Duration::ZERO, |failure| failure.since.age(now));
        Unavailable::new(error, times::CERTIFICATE.max(outage))
    }

    fn start_fetch(
        self: &Arc<Self>,
        url: &CertificateUrl<'_>,
        now: Duration,
        reason: Reason,
    ) -> Started {
        let url = url.clone().into_owned();
        let may_start = || match (reason, self.table.get(&url, now)) {
            (Reason::Cold, Some(set)) => Err(Declined::Settled(set)),
            (Reason::Refresh, Some(set)) if !set.refresh_is_due(now) => Err(Declined::Settled(set)),
            (Reason::Mismatch, Some(set)) if set.is_fresh(u64::MAX, now) => {
                Err(Declined::Settled(set))
            }
            _ => {
                self.known.may_fetch(&url, now).map_err(Declined::Refused)?;
                self.table
                    .update(&url, |set| Some(set?.with_refresh_attempt(now)));
                Ok(())
            }
        };
        let is_routine = reason != Reason::Mismatch;
        let work = |number| {
            let flight = Flight {
                url: url.clone(),
                number,
                now,
                is_routine,
            };
            fetch::fetch(Arc::downgrade(self), flight)
        };
        self.fetches.join_or_start(&url, now, may_start, work)
    }

    /// Starts a check of the signers of `url` against revocation lists, if one is due.
    fn start_check(self: &Arc<Self>, url: &CertificateUrl<'_>, now: Duration) -> Option<Check> {
        match self.check(url, now)? {
            Start::Started(waiter) => Some(waiter),
            Start::Cooling(_) | Start::Declined(()) | Start::Joined(_) => None,
        }
    }

    /// The same, or the check that is under way.
    fn join_check(self: &Arc<Self>, url: &CertificateUrl<'_>, now: Duration) -> Option<Check> {
        match self.check(url, now)? {
            Start::Started(waiter) | Start::Joined(waiter) => Some(waiter),
            Start::Cooling(_) | Start::Declined(()) => None,
        }
    }

    fn check(
        self: &Arc<Self>,
        url: &CertificateUrl<'_>,
        now: Duration,
    ) -> Option<Start<(), SignerError, ()>> {
        if self.chain.load().revocation() == Revocation::DangerOff {
            return None;
        }
        let url = url.clone().into_owned();
        let may_start = || {
            let is_due = |set: &SignerSet| set.check_is_due(now);
            self.table.row(&url).filter(is_due).ok_or(())?;
            self.table
                .update(&url, |set| Some(set?.with_check_attempt(now)));
            Ok(())
        };
        let work = |_| {
            let check = fetch::check(Arc::downgrade(self), url.clone(), now);
            async move {
                check.await;
                Ok(())
            }
        };
        Some(self.checks.join_or_start(&url, now, may_start, work))
    }

    /// Keeps a signer that was fetched.
    fn land(
        self: &Arc<Self>,
        url: &CertificateUrl<'static>,
        signer: Arc<VerifiedSigner>,
        verified_by: &Arc<ChainVerifier>,
        fetched: &Fetched,
    ) -> Result<SignerSet, SignerError> {
        let (mut signer, mut verified_by) = (signer, Arc::clone(verified_by));
        loop {
            let chain = self.chain.load_full();
            if !Arc::ptr_eq(&chain, &verified_by) {
                // Replaced meanwhile.
                signer = self.assess(&chain, &signer, fetched.at.time)?;
                verified_by = chain;
                continue;
            }
            let mut is_current = true;
            let kept = self.table.update(url, |set| {
                // A chain verifier is put in place before the table is judged by it.
                is_current = Arc::ptr_eq(&self.chain.load(), &verified_by);
                match is_current {
                    true => Some(SignerSet::with_current(
                        set,
                        Arc::clone(&signer),
                        fetched.clone(),
                    )),
                    false => set.cloned(),
                }
            });
            if let Some(set) = kept.filter(|_| is_current) {
                self.known.remember(url);
                self.learn(&signer, &verified_by);
                return Ok(set);
            }
        }
    }

    fn learn(&self, signer: &VerifiedSigner, chain: &ChainVerifier) {
        let is_fetched =
            |issuer: &&CertificateDer<'static>| !chain.intermediates().contains(issuer);
        let fetched: Vec<_> = signer
            .issuers()
            .iter()
            .filter(is_fetched)
            .cloned()
            .collect();
        self.store.learn(&fetched);
    }

    fn assess(
        &self,
        chain: &ChainVerifier,
        signer: &VerifiedSigner,
        now: Duration,
    ) -> Result<Arc<VerifiedSigner>, SignerError> {
        let evidence = self.store.at_hand(signer.issuers());
        let time = UnixTime::since_unix_epoch(now);
        let verdict = chain.verify_with(signer.certificate(), &evidence, time);
        verdict.map(Arc::new).map_err(|error| SignerError::Chain {
            error,
            problems: Vec::new(),
        })
    }

    /// After a fetch that failed: a signer that it showed to be revoked goes, all others stay.
    fn note_failure(&self, url: &CertificateUrl<'static>, error: &SignerError, now: Duration) {
        if error.is_revoked() {
            self.judge_anew(|_| true, now, Verdicts::Landed, &[]);
        }
        if self.known.has_verified(url) {
            trace::not_renewed(error);
        }
    }

    /// Judges every signer if lists came that none was judged by: after everybody's time for them was over, say.
    fn judge_by_new_lists(&self, now: Duration) {
        let generation = self.store.generation();
        // One caller does it; the others go on with what is kept.
        if self.judged.load(Ordering::Acquire) != generation
            && self.judged.swap(generation, Ordering::AcqRel) != generation
        {
            self.judge_anew(|_| true, now, Verdicts::Landed, &[]);
        }
    }

    /// Judges the signers of some URLs anew, and drops those that do not pass.
    fn judge_anew(
        &self,
        is_meant: impl Fn(&CertificateUrl<'_>) -> bool,
        now: Duration,
        verdicts: Verdicts,
        twins: &[CertificateDer<'static>],
    ) {
        for (url, set) in self.table.rows().iter().filter(|(url, _)| is_meant(url)) {
            loop {
                // Other people's code runs here: policies. So it runs under no lock.
                let chain = self.chain.load_full();
                let judge_one = |signer| judge(&self.store, &chain, signer, now, verdicts, twins);
                let judged: Vec<_> = (set.iter())
                    .map(|signer| {
                        // A policy that panics has not let it pass.
                        catch_unwind(AssertUnwindSafe(|| judge_one(signer)))
                            .unwrap_or_else(|_| Judged::panicked(signer, verdicts))
                    })
                    .collect();
                let mut is_current = true;
                self.table.update(url, |set| {
                    is_current = Arc::ptr_eq(&self.chain.load(), &chain);
                    match is_current {
                        true => set?.judged(&judged),
                        false => set.cloned(),
                    }
                });
                if is_current {
                    self.set_aside(url, set, &judged, now);
                    self.note_dropped(url, set, &judged, now);
                    break;
                }
            }
        }
    }

    /// If the current signer is dropped within five seconds of its fetch, the next callback is told why, and does not fetch it
    /// again at once.
    fn note_dropped(
        &self,
        url: &CertificateUrl<'static>,
        before: &SignerSet,
        judged: &[Judged],
        now: Duration,
    ) {
        let verdict = judged
            .iter()
            .find(|judged| judged.is_about(before.current()));
        let error = verdict.and_then(|judged| judged.error.clone());
        let fetched = before
            .fetched_at()
            .filter(|_| before.is_fresh(u64::MAX, now));
        if let (Some(error), Some(fetched)) = (error, fetched) {
            let problems = Vec::new();
            let error = SignerError::Chain { error, problems };
            // It tells about the certificate that was served then, not now.
            self.fetches.fail(url, fetched, error);
        }
    }
}

/// Gives what was just started a few turns, so that whatever needs no network is complete: or carries it to its end where
/// nothing else does.
async fn give_way<T: Clone + Send + 'static>(waiter: Waiter<T>) {
    if waiter.is_caller_driven() {
        let _ = waiter.await;
        return;
    }
    let mut waiter = pin!(waiter);
    let mut turns = 0..TURNS;
    poll_fn(|context| {
        if waiter.as_mut().poll(context).is_ready() || turns.next().is_none() {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// How many fetches a callback waits for at most whose signature does not match.
const MAX_FETCHES: usize = 2;
/// Four tasks stand behind each other in a check, and a client without a network takes a turn or two.
const TURNS: u32 = 64;

fn unverified(url: &CertificateUrl<'_>) -> Unavailable {
    let url = Excerpt::of_url(url.as_str());
    Unavailable::new(SignerError::Unverified { url }, times::REFRESH_RETRY)
}

fn seconds(now: UnixTime) -> Duration {
    Duration::from_secs(now.as_secs())
}

//! Stages 2 and 3 together: finds signers, verifies them, keeps them and refreshes them.
//!
//! [`Signers`] stands around any [`CertificateSource`] and a [`ChainVerifier`] and keeps *verified* signers, never
//! bytes that are still to be judged. What it promises:
//!
//! - A hit costs one atomic load and a look through at most [`Signers::MAX_URLS`] entries: no lock, no allocation.
//! - However many callbacks wait for one URL, it is fetched once. Whoever started the fetch may go away: the others
//!   carry it on. A fetch that everybody left is begun anew, at most once a second.
//! - A failure is remembered for [`Signers::NEGATIVE_SECONDS`], so that a failing host is not asked for every callback.
//! - URLs that never verified share a quota of downloads, so that made-up names cost the certificate host nothing.
//!   Names that Microsoft documents, and URLs that verified before, never wait on it.
//! - A signer is used until its proof ends, whatever happens to the host meanwhile. It is refreshed before, and when a
//!   signature fails under it, at most once in [`Signers::REFETCH_SECONDS`] for each URL.
//! - The signer that was replaced stays good until its own end: a repeated delivery may carry its signature.
//!
//! It needs no runtime and no background task: the callbacks that wait drive the fetch.

mod gather;
mod quota;
mod table;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use rustls_pki_types::UnixTime;
use thiserror::Error;

use crate::Excerpt;
use crate::chain::{CertificateDer, ChainError, ChainVerifier, VerifiedSigner};
use crate::source::{Authorities, CertificateSource, CertificateUrl, SourceError};
use crate::trace;

use gather::{Knowledge, warn_of_ends};
use quota::Quota;
pub use table::SignersOfUrl;
use table::Table;

/// Finds, verifies, keeps and refreshes signers. Cheap to clone; clones share what they keep.
#[derive(Clone, Debug)]
pub struct Signers {
    inner: Arc<Inner>,
}

impl Signers {
    /// How many URLs are kept, each with its current signer and the one before: Microsoft has published two in eight
    /// years.
    pub const MAX_URLS: usize = 16;
    /// For how long a failure is remembered, in seconds.
    pub const NEGATIVE_SECONDS: u64 = 10;
    /// How often a URL is fetched again at most because signatures fail under its signer, in seconds.
    pub const REFETCH_SECONDS: u64 = 60;
    /// A signer is fetched anew when it was kept for a day, or has less than a week left; in seconds.
    pub const REFRESH_AGE_SECONDS: u64 = 24 * 60 * 60;
    /// See [`Self::REFRESH_AGE_SECONDS`].
    pub const REFRESH_BEFORE_END_SECONDS: u64 = 7 * 24 * 60 * 60;
    /// How long to wait from one attempt to refresh to the next if it changes nothing, in seconds.
    pub const REFRESH_RETRY_SECONDS: u64 = 10 * 60;
    /// When to ask again for revocation lists that could not be had: an hour, in seconds.
    pub const REVOCATION_RETRY_SECONDS: u64 = 60 * 60;
    /// The default quota of downloads for URLs that never verified, in a minute.
    pub const NEW_DOWNLOADS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);

    /// Keeps signers from `source` that `chain` trusts. Nothing is fetched from certificate authorities.
    pub fn new(source: impl CertificateSource + 'static, chain: ChainVerifier) -> Self {
        Self::build(
            Arc::new(source),
            None,
            chain,
            Self::NEW_DOWNLOADS_PER_MINUTE,
        )
    }

    /// The same with issuers' certificates and revocation lists from `authorities`, if that is something, and with another
    /// quota than [`Self::NEW_DOWNLOADS_PER_MINUTE`].
    pub fn build(
        source: Arc<dyn CertificateSource>,
        authorities: Option<Authorities>,
        chain: ChainVerifier,
        new_downloads_per_minute: NonZeroU32,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                source,
                knowledge: Arc::new(Knowledge::new(authorities)),
                chain: ArcSwap::from_pointee(chain),
                table: ArcSwap::default(),
                state: Mutex::new(State {
                    flights: HashMap::new(),
                    failures: HashMap::new(),
                    departures: 0,
                    quota: Quota::new(new_downloads_per_minute),
                }),
            }),
        }
    }

    /// Replaces the chain verifier: trust anchors, intermediates, policies, how much is asked of revocation.
    ///
    /// Signers that are kept are verified anew with what is at hand, without any fetch, and are dropped if they do not
    /// pass. Callbacks under way go on.
    pub fn replace_chain(
        &self,
        change: impl FnOnce(ChainVerifier) -> ChainVerifier,
        now: UnixTime,
    ) {
        let inner = &self.inner;
        let mut state = inner.state();
        let chain = change(ChainVerifier::clone(&inner.chain.load()));
        let table = inner
            .table
            .load()
            .judged(|_| true, |signer| inner.judge(&chain, signer, now).ok());
        inner.chain.store(Arc::new(chain));
        inner.table.store(Arc::new(table));
        state.failures.clear();
    }

    /// Replaces where issuers' certificates and revocation lists come from; nothing: from nowhere.
    pub fn replace_authorities(&self, authorities: Option<Authorities>) {
        self.inner.knowledge.replace_authorities(authorities);
    }

    /// The issuers' certificates that were fetched: to be configured as intermediates after a restart.
    pub fn learned_issuers(&self) -> Vec<CertificateDer<'static>> {
        self.inner.knowledge.learned()
    }

    /// The signers of `url` that are good at the time `now`, from memory or, if there is none, from the source.
    ///
    /// # Errors
    ///
    /// [`SignerError`].
    pub async fn find(
        &self,
        url: &CertificateUrl<'_>,
        now: UnixTime,
    ) -> Result<SignersOfUrl, SignerError> {
        let found = self.inner.table.load().get(url, now);
        match found.filter(|found| !found.refresh_is_due(now)) {
            Some(found) => Ok(found),
            // Apart, for its future is large, and seldom needed.
            None => Box::pin(self.find_by_fetching(url, now)).await,
        }
    }

    async fn find_by_fetching(
        &self,
        url: &CertificateUrl<'_>,
        now: UnixTime,
    ) -> Result<SignersOfUrl, SignerError> {
        if let Some(found) = self.inner.table.load().get(url, now) {
            // Whoever is the first to see that it is due waits for it, and the others push it on. If it fails, nothing is
            // lost yet, unless what was learned is that the signer is revoked.
            let outcome = match self.inner.depart(url, now, Reason::Refresh) {
                Ok(Departure::Started(flight)) => Some(flight.await),
                Ok(Departure::Joined(flight)) => flight.now_or_never(),
                Ok(Departure::Settled(_)) | Err(_) => None,
            };
            return match outcome {
                None => Ok(found),
                Some(Ok(refreshed)) => Ok(refreshed),
                Some(Err(error)) => self.inner.table.load().get(url, now).ok_or(error),
            };
        }
        match self.inner.depart(url, now, Reason::Unknown)? {
            Departure::Started(flight) | Departure::Joined(flight) => flight.await,
            Departure::Settled(found) => Ok(found),
        }
    }

    /// The signers of `url` after a signature failed under `tried`: fetched anew, unless that was done within the last
    /// [`Self::REFETCH_SECONDS`]. Nothing if the current one is among those still.
    ///
    /// # Errors
    ///
    /// [`SignerError`] if the last fetch failed: then nobody knows whether the certificate was replaced.
    pub async fn find_newer(
        &self,
        url: &CertificateUrl<'_>,
        tried: &SignersOfUrl,
        now: UnixTime,
    ) -> Result<Option<SignersOfUrl>, SignerError> {
        let newer = |found: &SignersOfUrl| !tried.holds(found.current());
        if let Some(found) = self.inner.table.load().get(url, now).filter(newer) {
            return Ok(Some(found));
        }
        let found = match self.inner.depart(url, now, Reason::Mismatch)? {
            Departure::Started(flight) | Departure::Joined(flight) => flight.await?,
            Departure::Settled(found) => match found.last_error() {
                Some(error) => return Err(error.clone()),
                None => found,
            },
        };
        Ok(Some(found).filter(newer))
    }
}

/// Why there is no signer for a URL.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SignerError {
    /// What was fetched is not trusted.
    #[error(transparent)]
    Chain(ChainError),
    /// Too many URLs that never verified were asked for. A later attempt may succeed.
    #[error(
        "`{url}` was not fetched: it has never verified, and the quota of {per_minute} downloads a minute for such URLs \
         is used up"
    )]
    Quota {
        /// The URL.
        url: Excerpt,
        /// The quota.
        per_minute: NonZeroU32,
        /// When to try again.
        retry_after: Duration,
    },
    /// Nothing could be fetched. A later attempt may succeed.
    #[error(transparent)]
    Source(SourceError),
}

/// Why a flight is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reason {
    /// A signature failed under the signers that are kept.
    Mismatch,
    /// The signer is good, and old.
    Refresh,
    /// There is no signer.
    Unknown,
}

#[derive(Debug)]
struct Inner {
    source: Arc<dyn CertificateSource>,
    knowledge: Arc<Knowledge>,
    chain: ArcSwap<ChainVerifier>,
    table: ArcSwap<Table>,
    state: Mutex<State>,
}

/// What is needed when the table does not answer. What is over is forgotten whenever the lock is taken.
#[derive(Debug)]
struct State {
    flights: HashMap<CertificateUrl<'static>, Flight>,
    failures: HashMap<CertificateUrl<'static>, Failure>,
    /// How many flights there were, which numbers them.
    departures: u64,
    quota: Quota,
}

impl State {
    fn forget_what_is_over(&mut self, now: u64) {
        self.flights.retain(|_, flight| flight.is_under_way(now));
        self.failures
            .retain(|_, failure| is_within(failure.at, Signers::NEGATIVE_SECONDS, now));
    }
}

type Outcome = Result<SignersOfUrl, SignerError>;
type FlightOutcome = Shared<BoxFuture<'static, Outcome>>;

#[derive(Debug)]
struct Flight {
    number: u64,
    started: u64,
    outcome: FlightOutcome,
}

impl Flight {
    /// Whether somebody drives it, or it began this very second. One that everybody left may have run out of its time
    /// meanwhile, through no fault of the host.
    fn is_under_way(&self, now: u64) -> bool {
        self.outcome.strong_count() > Some(1) || is_within(self.started, 1, now)
    }
}

#[derive(Debug)]
struct Failure {
    at: u64,
    error: SignerError,
}

/// What asking for a flight came to.
enum Departure {
    /// There was one already.
    Joined(FlightOutcome),
    /// None is needed, for the table has what was wanted since a moment ago, or none is allowed so soon after the last.
    Settled(SignersOfUrl),
    /// There is one now.
    Started(FlightOutcome),
}

impl Inner {
    /// Joins the flight for `url`, or starts one if `reason` allows it.
    fn depart(
        self: &Arc<Self>,
        url: &CertificateUrl<'_>,
        now: UnixTime,
        reason: Reason,
    ) -> Result<Departure, SignerError> {
        let seconds = now.as_secs();
        let url = url.clone().into_owned();
        let mut state = self.state();
        state.forget_what_is_over(seconds);

        if let Some(flight) = state.flights.get(&url) {
            return Ok(Departure::Joined(flight.outcome.clone()));
        }
        // The lock is held: a flight that landed since the caller looked has left its mark in the table.
        let table = self.table.load();
        let kept = table.get(&url, now);
        match (reason, kept) {
            (Reason::Unknown, Some(found)) => return Ok(Departure::Settled(found)),
            (Reason::Refresh, Some(found)) if !found.refresh_is_due(now) => {
                return Ok(Departure::Settled(found));
            }
            (Reason::Mismatch, Some(found))
                if is_within(found.fetched_at(), Signers::REFETCH_SECONDS, seconds) =>
            {
                return Ok(Departure::Settled(found));
            }
            (Reason::Refresh | Reason::Mismatch, Some(_)) => {}
            (_, None) => self.may_ask(&url, &mut state, seconds)?,
        }

        state.departures = state.departures.wrapping_add(1);
        let number = state.departures;
        let outcome = self.fly(url.clone(), number, now).boxed().shared();
        let flight = Flight {
            number,
            started: seconds,
            outcome: outcome.clone(),
        };
        state.flights.insert(url, flight);
        Ok(Departure::Started(outcome))
    }

    /// Whether the host may be asked for a URL without a signer.
    fn may_ask(
        &self,
        url: &CertificateUrl<'static>,
        state: &mut State,
        now: u64,
    ) -> Result<(), SignerError> {
        if let Some(failure) = state.failures.get(url) {
            return Err(failure.error.clone());
        }
        if url.is_documented() || self.table.load().knows(url) {
            return Ok(());
        }
        state
            .quota
            .take(now)
            .map_err(|retry_after| SignerError::Quota {
                url: Excerpt::of(url.as_str()),
                per_minute: state.quota.per_minute(),
                retry_after,
            })
    }

    /// Fetches, verifies, keeps. Holds no strong reference to `self`, which keeps the flight.
    fn fly(
        self: &Arc<Self>,
        url: CertificateUrl<'static>,
        number: u64,
        now: UnixTime,
    ) -> impl Future<Output = Outcome> + Send + 'static {
        let keeper: Weak<Self> = Arc::downgrade(self);
        let source = Arc::clone(&self.source);
        let knowledge = Arc::clone(&self.knowledge);
        let chain = self.chain.load_full();
        async move {
            let outcome = match source.fetch(&url).await {
                Ok(bundle) => {
                    let gathered = knowledge.gather(&chain, &bundle, now).await;
                    let verified = chain.verify_with(bundle.signing(), &gathered.evidence, now);
                    verified.map(Arc::new).map_err(|error| {
                        let may_pass = gathered.issuer_may_come;
                        SignerError::Chain(error.after_fetching(gathered.problems, may_pass))
                    })
                }
                Err(error) => Err(SignerError::Source(error)),
            };
            match keeper.upgrade() {
                Some(inner) => inner.land(&url, number, outcome, &chain, now),
                None => outcome.map(|signer| SignersOfUrl::new(signer, now)),
            }
        }
    }

    /// Ends a flight: a success goes to the table, a failure is remembered. Signers that are kept for the URL are judged
    /// anew, for what was learned may be that one of them is revoked.
    fn land(
        &self,
        url: &CertificateUrl<'static>,
        number: u64,
        outcome: Result<Arc<VerifiedSigner>, SignerError>,
        verified_by: &Arc<ChainVerifier>,
        now: UnixTime,
    ) -> Outcome {
        let mut state = self.state();
        if state
            .flights
            .get(url)
            .is_some_and(|flight| flight.number == number)
        {
            state.flights.remove(url);
        }
        let chain = self.chain.load_full();
        let outcome = outcome.and_then(|signer| match Arc::ptr_eq(&chain, verified_by) {
            true => Ok(signer),
            // Replaced meanwhile.
            false => self.judge(&chain, &signer, now).map_err(SignerError::Chain),
        });
        let table = self.table.load();
        let judged = || {
            let rejudge = |signer: &_| self.rejudge(&chain, signer, now);
            table.judged(|kept| kept == url, rejudge)
        };
        match outcome {
            Ok(signer) => {
                warn_of_ends(&signer, now);
                let fetched: Vec<_> = signer
                    .issuers()
                    .iter()
                    .filter(|issuer| !chain.intermediates().contains(issuer))
                    .cloned()
                    .collect();
                self.knowledge.learn(&fetched);
                let (table, signers) = judged().with(url, signer, now);
                self.table.store(Arc::new(table));
                Ok(signers)
            }
            Err(error) => {
                if table.knows(url) {
                    trace::not_renewed(&error);
                }
                if let Some(kept) = table.get(url, now) {
                    warn_of_ends(kept.current(), now);
                }
                let table = match &error {
                    SignerError::Chain(_) => judged(),
                    _ => Table::clone(&table),
                };
                self.table
                    .store(Arc::new(table.after_failure(url, &error, now)));
                // What a chain verifier refused that was replaced meanwhile is for the new one to judge.
                let is_outdated = !Arc::ptr_eq(&chain, verified_by);
                if is_outdated && matches!(error, SignerError::Chain(_)) {
                    return Err(error);
                }
                let failure = Failure {
                    at: now.as_secs(),
                    error: error.clone(),
                };
                state.failures.insert(url.clone(), failure);
                Err(error)
            }
        }
    }

    /// Verifies a signer that this chain verifier has proven anew. Passing trouble is no reason to drop it.
    fn rejudge(
        &self,
        chain: &ChainVerifier,
        signer: &Arc<VerifiedSigner>,
        now: UnixTime,
    ) -> Option<Arc<VerifiedSigner>> {
        match self.judge(chain, signer, now) {
            Ok(signer) => Some(signer),
            Err(error) if error.may_pass() => Some(Arc::clone(signer)),
            Err(_) => None,
        }
    }

    /// Verifies a signer anew with what is at hand.
    fn judge(
        &self,
        chain: &ChainVerifier,
        signer: &VerifiedSigner,
        now: UnixTime,
    ) -> Result<Arc<VerifiedSigner>, ChainError> {
        let evidence = self.knowledge.at_hand(signer.issuers());
        chain
            .verify_with(signer.certificate(), &evidence, now)
            .map(Arc::new)
    }

    /// No holder of the lock can leave the state half-changed, so a panic elsewhere does not matter.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `now` is in the `seconds` from `start` on. A clock that was set back counts as a period that is over.
fn is_within(start: u64, seconds: u64, now: u64) -> bool {
    start <= now && now.saturating_sub(start) < seconds
}

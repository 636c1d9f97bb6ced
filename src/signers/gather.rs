//! What helps to verify a signing certificate: learned from authorities, kept, and gathered when it is needed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use super::is_within;
use crate::Excerpt;
use crate::chain::{
    CertificateDer, ChainVerifier, Evidence, Need, RevocationList, UnixTime, VerifiedSigner,
};
use crate::source::{Authorities, AuthorityError, CertificateBundle};
use crate::trace;

/// Issuers' certificates and revocation lists, and where more can be had.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    authorities: ArcSwapOption<Authorities>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// In the order in which they were learned.
    issuers: Vec<CertificateDer<'static>>,
    lists: HashMap<Box<str>, KeptList>,
    /// When a URL last failed.
    failures: HashMap<Box<str>, u64>,
    issuer_flights: Flights<Vec<CertificateDer<'static>>>,
    list_flights: Flights<Bytes>,
}

type Flight<T> = BoxFuture<'static, Result<T, AuthorityError>>;
type Flights<T> = HashMap<Box<str>, WeakShared<Flight<T>>>;

#[derive(Clone, Debug)]
struct KeptList {
    list: RevocationList,
    fetched_at: u64,
}

/// What was gathered, and what could not be.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) evidence: Evidence,
    /// What went wrong, in the order of the attempts.
    pub(super) problems: Vec<String>,
    /// Whether one of the issuers could not be had for a reason that may pass.
    pub(super) issuer_may_come: bool,
}

impl Knowledge {
    pub(super) fn new(authorities: Option<Authorities>) -> Self {
        Self {
            authorities: ArcSwapOption::from_pointee(authorities),
            kept: Mutex::default(),
        }
    }

    pub(super) fn replace_authorities(&self, authorities: Option<Authorities>) {
        self.authorities.store(authorities.map(Arc::new));
    }

    /// The issuers' certificates that were fetched.
    pub(super) fn learned(&self) -> Vec<CertificateDer<'static>> {
        self.kept().issuers.clone()
    }

    /// What is known without asking anybody.
    pub(super) fn at_hand(&self, served: &[CertificateDer<'static>]) -> Evidence {
        let kept = self.kept();
        Evidence {
            issuers: served.iter().chain(&kept.issuers).cloned().collect(),
            revocation_lists: kept.lists.values().map(|kept| kept.list.clone()).collect(),
        }
    }

    /// Gathers whatever `chain` needs to verify the signing certificate of `bundle`, within [`MAX_ISSUERS`] and
    /// [`MAX_ROUNDS`].
    pub(super) async fn gather(
        &self,
        chain: &ChainVerifier,
        bundle: &CertificateBundle,
        now: UnixTime,
    ) -> Gathered {
        let mut gathered = Gathered {
            evidence: self.at_hand(bundle.intermediates()),
            ..Gathered::default()
        };
        gathered.evidence.revocation_lists = self.fresh_lists(now);
        let mut tried = HashSet::new();
        let mut issuers = 0;
        for _ in 0..MAX_ROUNDS {
            let mut progress = false;
            for need in chain.needs(bundle.signing(), &gathered.evidence, now) {
                progress = match &need {
                    Need::Issuer { urls, .. } => {
                        self.issuer(&need, urls, &mut tried, &mut issuers, now, &mut gathered)
                            .await
                    }
                    Need::RevocationList { urls, .. } => {
                        self.list(chain, urls, &mut tried, now, &mut gathered).await
                    }
                };
                // Each certificate and each list may change what is needed.
                if progress {
                    break;
                }
            }
            if !progress {
                break;
            }
        }
        gathered
    }

    /// Fetches the certificate of an issuer; whether one was found that was not known.
    async fn issuer(
        &self,
        need: &Need,
        urls: &[Box<str>],
        tried: &mut HashSet<Box<str>>,
        count: &mut usize,
        now: UnixTime,
        gathered: &mut Gathered,
    ) -> bool {
        for url in urls {
            if *count >= MAX_ISSUERS || !tried.insert(url.clone()) {
                continue;
            }
            *count = count.saturating_add(1);
            match self.fetch_issuers(url, now).await {
                Ok(found) => {
                    let new: Vec<_> = found
                        .into_iter()
                        .filter(|der| need.accepts(der) && !gathered.evidence.issuers.contains(der))
                        .collect();
                    if !new.is_empty() {
                        self.kept().learn(&new);
                        gathered.evidence.issuers.extend(new);
                        return true;
                    }
                }
                Err(error) => {
                    gathered.issuer_may_come |= error.may_pass();
                    gathered.problems.push(error.to_string());
                }
            }
        }
        false
    }

    /// Fetches a revocation list, or takes the one that is kept and still in force; whether there is one.
    async fn list(
        &self,
        chain: &ChainVerifier,
        urls: &[Box<str>],
        tried: &mut HashSet<Box<str>>,
        now: UnixTime,
        gathered: &mut Gathered,
    ) -> bool {
        let untried: Vec<_> = urls
            .iter()
            .filter(|url| tried.insert((*url).clone()))
            .collect();
        if untried.is_empty() {
            return false;
        }
        for url in &untried {
            let about = Excerpt::of(url.as_bytes());
            let problem = match self
                .fetch_list(url, now)
                .await
                .map(|der| RevocationList::from_der(&der))
            {
                Ok(Ok(list)) if !list.is_current(now) => {
                    format!("the list at `{about}` is not in force")
                }
                Ok(Ok(list)) if !chain.believes(&list, &gathered.evidence) => {
                    format!("the list at `{about}` was not signed by an issuer that is known")
                }
                Ok(Ok(list)) => {
                    let newest = self.kept().keep(url, list, now);
                    gathered.evidence.revocation_lists.push(newest);
                    return true;
                }
                Ok(Err(error)) => format!("`{about}`: {error}"),
                Err(error) => error.to_string(),
            };
            gathered.problems.push(problem);
        }
        let kept = self.kept();
        let old = untried.iter().find_map(|url| kept.lists.get(*url));
        match old.filter(|old| old.list.is_current(now)) {
            Some(old) => {
                gathered.evidence.revocation_lists.push(old.list.clone());
                true
            }
            None => false,
        }
    }

    async fn fetch_issuers(
        &self,
        url: &str,
        now: UnixTime,
    ) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
        let fetch = |authorities: Arc<Authorities>, url: String| {
            async move { authorities.issuers(&url).await }.boxed()
        };
        self.ask(url, now, |kept| &mut kept.issuer_flights, fetch)
            .await
    }

    async fn fetch_list(&self, url: &str, now: UnixTime) -> Result<Bytes, AuthorityError> {
        let fetch = |authorities: Arc<Authorities>, url: String| {
            async move { authorities.revocation_list(&url).await }.boxed()
        };
        self.ask(url, now, |kept| &mut kept.list_flights, fetch)
            .await
    }

    /// Fetches something once, however many ask for it, and not again at once if it failed.
    async fn ask<T: Clone + Send + 'static>(
        &self,
        url: &str,
        now: UnixTime,
        flights: impl FnOnce(&mut Kept) -> &mut Flights<T>,
        fetch: impl FnOnce(Arc<Authorities>, String) -> Flight<T>,
    ) -> Result<T, AuthorityError> {
        let Some(authorities) = self.authorities.load_full() else {
            return Err(AuthorityError::NotAsked);
        };
        let flight = {
            let mut kept = self.kept();
            kept.may_ask(url, now)?;
            join(flights(&mut kept), url, || {
                fetch(authorities, url.to_owned())
            })
        };
        let outcome = flight.await;
        if let Err(error) = &outcome {
            trace::authority_failed(error);
            self.kept().failures.insert(url.into(), now.as_secs());
        }
        outcome
    }

    /// The lists that need not be fetched anew.
    fn fresh_lists(&self, now: UnixTime) -> Vec<RevocationList> {
        let kept = self.kept();
        let fresh = kept.lists.values().filter(|kept| kept.is_fresh(now));
        fresh.map(|kept| kept.list.clone()).collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn learn(&mut self, issuers: &[CertificateDer<'static>]) {
        for issuer in issuers {
            if !self.issuers.contains(issuer) {
                self.issuers.push(issuer.clone());
            }
        }
        let excess = self.issuers.len().saturating_sub(MAX_LEARNED);
        self.issuers.drain(..excess);
    }

    /// Keeps the newer of `list` and what is kept, and returns it: an old list that is still in force shall not hide what a
    /// newer one told.
    fn keep(&mut self, url: &str, list: RevocationList, now: UnixTime) -> RevocationList {
        let before = self.lists.get(url).map(|kept| kept.list.clone());
        let list = match before {
            Some(before) if before.this_update() > list.this_update() => before,
            _ => list,
        };
        let kept = KeptList {
            list: list.clone(),
            fetched_at: now.as_secs(),
        };
        self.lists.insert(url.into(), kept);
        while self.lists.len() > MAX_LISTS {
            let soonest = self
                .lists
                .iter()
                .min_by_key(|(_, kept)| kept.list.next_update().as_secs())
                .map(|(url, _)| url.clone());
            soonest.and_then(|url| self.lists.remove(&url));
        }
        list
    }

    /// A URL that failed a moment ago is not asked again.
    fn may_ask(&mut self, url: &str, now: UnixTime) -> Result<(), AuthorityError> {
        self.failures
            .retain(|_, at| is_within(*at, super::Signers::NEGATIVE_SECONDS, now.as_secs()));
        match self.failures.contains_key(url) {
            true => Err(AuthorityError::FailedBefore {
                url: Excerpt::of(url),
            }),
            false => Ok(()),
        }
    }
}

impl KeptList {
    /// Whether it is younger than a day and has a quarter of its time left.
    fn is_fresh(&self, now: UnixTime) -> bool {
        let end = self.list.next_update().as_secs();
        let life = end.saturating_sub(self.fetched_at);
        let left = end.saturating_sub(now.as_secs());
        is_within(
            self.fetched_at,
            super::Signers::REFRESH_AGE_SECONDS,
            now.as_secs(),
        ) && left > life / 4
    }
}

/// Joins the flight for `url`, or starts one. It ends with the last of those who wait for it.
fn join<T: Clone>(
    flights: &mut Flights<T>,
    url: &str,
    start: impl FnOnce() -> Flight<T>,
) -> Shared<Flight<T>> {
    flights.retain(|_, flight| flight.upgrade().is_some());
    if let Some(under_way) = flights.get(url).and_then(WeakShared::upgrade) {
        return under_way;
    }
    let started = start().shared();
    if let Some(weak) = started.downgrade() {
        flights.insert(url.into(), weak);
    }
    started
}

/// Warns of what will end within a week.
pub(super) fn warn_of_ends(signer: &VerifiedSigner, now: UnixTime) {
    let week = super::Signers::REFRESH_BEFORE_END_SECONDS;
    let left = |end: UnixTime| end.as_secs().saturating_sub(now.as_secs());
    for (what, end) in signer.ends() {
        if left(end) < week {
            trace::ends_soon(&what, left(end) / (24 * 60 * 60));
        }
    }
}

/// How many issuers' certificates are fetched for one signing certificate.
const MAX_ISSUERS: usize = 4;
/// How many times it is asked what is needed: four issuers and as many lists, and one for each list of a twin.
const MAX_ROUNDS: usize = 12;
/// How many learned certificates are kept. Microsoft has some 40 current TLS CAs.
const MAX_LEARNED: usize = 64;
/// How many lists are kept: four for a path, and some for paths before and beside it.
const MAX_LISTS: usize = 16;

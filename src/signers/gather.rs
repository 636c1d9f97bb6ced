//! What helps to verify a signing certificate: learned from authorities, kept, and gathered when it is needed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared, join_all};

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
    /// By URL and the key that signed it.
    lists: HashMap<(Box<str>, Box<[u8]>), KeptList>,
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
    issuers_asked: usize,
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

    /// Keeps issuers that are on a path that holds, and no other: what is merely fetched may be anybody's.
    pub(super) fn learn(&self, issuers: &[CertificateDer<'static>]) {
        self.kept().learn(issuers);
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
        // First with the lists that need not be fetched anew, so that the others are asked for.
        let kept = std::mem::replace(
            &mut gathered.evidence.revocation_lists,
            self.fresh_lists(now),
        );
        let mut tried = HashSet::new();
        self.rounds(chain, bundle, &mut tried, now, &mut gathered)
            .await;
        // Then with whatever is known: a list that is kept and in force counts, whatever its successor says.
        gathered.evidence.revocation_lists.extend(kept);
        self.rounds(chain, bundle, &mut tried, now, &mut gathered)
            .await;
        gathered
    }

    async fn rounds(
        &self,
        chain: &ChainVerifier,
        bundle: &CertificateBundle,
        tried: &mut HashSet<Box<str>>,
        now: UnixTime,
        gathered: &mut Gathered,
    ) {
        for _ in 0..MAX_ROUNDS {
            let needs = chain.needs(bundle.signing(), &gathered.evidence, now);
            let untried = needs.iter().filter_map(|need| {
                let Need::RevocationList { urls, .. } = need else {
                    return None;
                };
                let urls = urls.iter().take(MAX_LIST_URLS);
                let urls = urls.filter(|url| tried.insert((*url).clone()));
                Some((need, urls.collect::<Vec<_>>()))
            });
            let untried: Vec<_> = untried.collect();
            // All lists at once: one that does not come holds nobody up for longer than another.
            let lists = untried
                .iter()
                .flat_map(|(need, urls)| urls.iter().map(move |url| (*need, *url)))
                .map(|(need, url)| self.list(chain, need, url, now));
            let mut progress = false;
            for outcome in join_all(lists).await {
                match outcome {
                    Ok(list) => {
                        gathered.evidence.revocation_lists.push(list);
                        progress = true;
                    }
                    Err(problem) => gathered.problems.push(problem),
                }
            }
            for need in &needs {
                if !progress && let Need::Issuer { urls, .. } = need {
                    progress = self.issuer(chain, need, urls, tried, now, gathered).await;
                }
            }
            if !progress {
                break;
            }
        }
    }

    /// Fetches the certificate of an issuer; whether one was found that was not known.
    async fn issuer(
        &self,
        chain: &ChainVerifier,
        need: &Need,
        urls: &[Box<str>],
        tried: &mut HashSet<Box<str>>,
        now: UnixTime,
        gathered: &mut Gathered,
    ) -> bool {
        for url in urls {
            if gathered.issuers_asked >= MAX_ISSUERS || !tried.insert(url.clone()) {
                continue;
            }
            gathered.issuers_asked = gathered.issuers_asked.saturating_add(1);
            match self.fetch_issuers(url, now).await {
                Ok(found) => {
                    let new: Vec<_> = found
                        .into_iter()
                        .filter(|der| {
                            chain.is_needed_issuer(need, der)
                                && !gathered.evidence.issuers.contains(der)
                        })
                        .collect();
                    if !new.is_empty() {
                        gathered.evidence.issuers.extend(new);
                        return true;
                    }
                    // Somebody on the way may have put another in its place.
                    gathered.issuer_may_come = true;
                    let about = Excerpt::of(url.as_bytes());
                    gathered
                        .problems
                        .push(format!("`{about}` does not serve the issuer"));
                }
                Err(error) => {
                    gathered.issuer_may_come |= error.may_pass();
                    gathered.problems.push(error.to_string());
                }
            }
        }
        false
    }

    /// Fetches a revocation list.
    async fn list(
        &self,
        chain: &ChainVerifier,
        need: &Need,
        url: &str,
        now: UnixTime,
    ) -> Result<RevocationList, String> {
        let about = Excerpt::of(url.as_bytes());
        let der = self
            .fetch_list(url, now)
            .await
            .map_err(|error| error.to_string())?;
        let list = RevocationList::from_der(&der).map_err(|error| format!("`{about}`: {error}"))?;
        if !list.is_current(now) {
            return Err(format!("the list at `{about}` is not in force"));
        }
        if !chain.is_needed_list(need, &list) {
            return Err(format!(
                "the list at `{about}` was not signed by the issuer that it should be of"
            ));
        }
        self.kept().keep(need, url, list.clone(), now);
        Ok(list)
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

    /// Keeps `list`, unless a newer one under the same key is kept that is still in force: an old list shall not hide what
    /// a newer one told.
    fn keep(&mut self, need: &Need, url: &str, list: RevocationList, now: UnixTime) {
        let Need::RevocationList { issuer_key, .. } = need else {
            return;
        };
        let key = (Box::from(url), issuer_key.clone());
        let newer = self
            .lists
            .get(&key)
            .map(|kept| kept.list.clone())
            .filter(|before| before.is_current(now) && before.this_update() > list.this_update());
        let kept = KeptList {
            list: newer.unwrap_or(list),
            fetched_at: now.as_secs(),
        };
        self.lists.insert(key, kept);
        while self.lists.len() > MAX_LISTS {
            let soonest = self
                .lists
                .iter()
                .min_by_key(|(_, kept)| kept.list.next_update().as_secs())
                .map(|(key, _)| key.clone());
            soonest.and_then(|key| self.lists.remove(&key));
        }
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
/// How many URLs of one list are asked. Microsoft's certificates name two.
const MAX_LIST_URLS: usize = 4;
/// How many learned certificates are kept. Microsoft has some 40 current TLS CAs.
const MAX_LEARNED: usize = 64;
/// How many lists are kept: four for a path, and some for paths before and beside it.
const MAX_LISTS: usize = 16;

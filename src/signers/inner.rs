//! What clones of [`Signers`](super::Signers) share: the kept signers and the rules under which they are kept.
//!
//! Two rules keep this free of deadlocks and races:
//!
//! - Foreign code (policies, HTTP clients, log subscribers) runs under no lock.
//! - A verdict is stored only if the chain verifier that gave it is still in place ([`Inner::update_under`]). Otherwise the work is
//!   repeated under the new one.

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls_pki_types::UnixTime;

use super::error::SignerError;
use super::evidence::EvidenceStore;
use super::gather::Gatherer;
use super::imports::Imports;
use super::known::KnownUrls;
use super::set::{Fetched, SignerSet};
use super::table::Table;
use super::times;
use super::verdict::{Rules, Verdict};
use crate::chain::{CertificateDer, ChainVerifier, VerifiedSigner};
use crate::log;
use crate::source::{Authorities, CertificateSource, CertificateUrl};
use crate::spawn::single_flight::SingleFlight;
use crate::spawn::{DefaultSpawn, Spawn};

/// Settings other than the certificate source and the chain verifier.
///
/// The receiver's builder fills them in; [`Signers::new`](super::Signers::new) uses the defaults.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The quota for URLs that never verified.
    pub(crate) new_downloads_per_minute: NonZeroU32,
    /// URLs that are exempt from the quota.
    pub(crate) configured_urls: Vec<Box<str>>,
    /// How long a callback without a signer waits for a fetch.
    pub(crate) patience: Duration,
    /// Runs fetches and checks.
    pub(crate) spawn: Arc<dyn Spawn>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            new_downloads_per_minute: times::NEW_DOWNLOADS_PER_MINUTE,
            configured_urls: Vec::new(),
            patience: times::PATIENCE,
            spawn: Arc::new(DefaultSpawn::new()),
        }
    }
}

/// Tasks hold it weakly: a receiver that is dropped ends its fetches, and no fetch keeps a receiver alive.
#[derive(Debug)]
pub(super) struct Inner {
    /// Where signing certificates come from: over HTTP, or the application's own.
    pub(super) source: Arc<dyn CertificateSource>,
    /// Issuers, lists and revocations. Shared with the gatherers of tasks under way.
    pub(super) store: Arc<EvidenceStore>,
    /// Replaced as a whole while callbacks go on. Each piece of work loads it once, and is checked against it before it is stored.
    pub(super) chain: ArcSwap<ChainVerifier>,
    /// The verified signers. Read for each callback.
    pub(super) table: Table,
    /// The URLs that need no quota.
    pub(super) known: KnownUrls,
    /// Signers that do not verify yet.
    pub(super) imports: Imports,
    /// The [generation](EvidenceStore::generation) of the evidence that kept signers were last verified with.
    verified_with: AtomicU64,
    pub(super) patience: Duration,
    /// One at a time for each URL. Cools down after failures.
    pub(super) fetches: SingleFlight<CertificateUrl<'static>, SignerSet, SignerError>,
    /// The same for checks against revocation lists: a check that hangs must not delay the fetch of a replaced certificate.
    pub(super) checks: SingleFlight<CertificateUrl<'static>, (), SignerError>,
    pub(super) spawn: Arc<dyn Spawn>,
}

impl Inner {
    /// No I/O. The first callback or a warm-up starts the first fetch.
    pub(super) fn new(
        source: Arc<dyn CertificateSource>,
        authorities: Option<Authorities>,
        chain: ChainVerifier,
        settings: Settings,
    ) -> Self {
        let Settings { new_downloads_per_minute, configured_urls, patience, spawn } = settings;
        let fetch = times::fetch(patience);
        Self {
            source,
            store: Arc::new(EvidenceStore::new(authorities, &spawn)),
            chain: ArcSwap::from_pointee(chain),
            table: Table::default(),
            known: KnownUrls::new(configured_urls, new_downloads_per_minute),
            imports: Imports::default(),
            verified_with: AtomicU64::new(0),
            patience,
            fetches: SingleFlight::new(Arc::clone(&spawn), fetch, |url, cause| {
                SignerError::interrupted(url, times::CERTIFICATE, cause)
            }),
            checks: SingleFlight::new(Arc::clone(&spawn), times::CHECK, |url, cause| {
                SignerError::interrupted(url, times::LISTS, cause)
            }),
            spawn,
        }
    }

    /// See [`Signers::replace_chain`](super::Signers::replace_chain).
    ///
    /// The order matters: the new verifier is in place before the table is verified with it, so a fetch that ends meanwhile finds it
    /// and repeats its own work. Failures are forgotten, because the change may have been their remedy.
    pub(super) fn replace_chain(
        &self,
        change: impl FnOnce(ChainVerifier) -> ChainVerifier,
        now: Duration,
    ) {
        let chain = change(ChainVerifier::clone(&self.chain.load()));
        let chain = Arc::new(chain);
        let replaced = self.table.between_writes(|| self.chain.swap(chain));
        // The application's policies have destructors of their own: they run under no lock.
        drop(replaced);
        self.reverify(|_| true, now, Rules::Replaced, &[]);
        self.fetches.forget_failures();
    }

    /// A gatherer with the current chain verifier.
    pub(super) fn gatherer(&self, now: Duration) -> Gatherer {
        Gatherer {
            store: Arc::clone(&self.store),
            chain: self.chain.load_full(),
            spawn: Arc::clone(&self.spawn),
            now,
        }
    }

    /// Updates the signers of `url`, unless `chain` was replaced: a verifier is in place before the table is verified with it.
    /// Returns whether it is still in place.
    ///
    /// If it was replaced, the row stays as it is, and the caller verifies again under the new one.
    pub(super) fn update_under(
        &self,
        chain: &Arc<ChainVerifier>,
        url: &CertificateUrl<'_>,
        change: impl FnOnce(Option<&SignerSet>) -> Option<SignerSet>,
    ) -> bool {
        let mut is_current = true;
        self.table.update(url, |set| {
            is_current = Arc::ptr_eq(&self.chain.load(), chain);
            match is_current {
                true => change(set),
                false => set.cloned(),
            }
        });
        is_current
    }

    /// Keeps a signer that was fetched.
    ///
    /// The loop ends: it repeats only if an operator replaced the verifier in the meantime. A signer that the new verifier
    /// refuses is the same error as a refused certificate.
    pub(super) fn keep(
        &self,
        url: &CertificateUrl<'static>,
        signer: Arc<VerifiedSigner>,
        verified_by: &Arc<ChainVerifier>,
        fetched: &Fetched,
    ) -> Result<SignerSet, SignerError> {
        let (mut signer, mut chain) = (signer, Arc::clone(verified_by));
        loop {
            let mut kept = None;
            let is_kept = self.update_under(&chain, url, |set| {
                let fetched = fetched.clone();
                kept = Some(SignerSet::with_current(set, Arc::clone(&signer), fetched));
                kept.clone()
            });
            if let Some(set) = kept.filter(|_| is_kept) {
                self.known.remember(url);
                self.learn(&signer, &chain);
                return Ok(set);
            }
            chain = self.chain.load_full();
            signer = self.verify_again(&chain, &signer, fetched.at.time)?;
        }
    }

    /// Learns the issuers of `signer` that are not configured.
    ///
    /// So that a restart with [`Signers::learned_issuers`](super::Signers::learned_issuers) needs no fetch for them.
    pub(super) fn learn(&self, signer: &VerifiedSigner, chain: &ChainVerifier) {
        let is_fetched =
            |issuer: &&CertificateDer<'static>| !chain.intermediates().contains(issuer);
        let issuers = signer.issuers().iter().filter(is_fetched);
        let fetched: Vec<_> = issuers.cloned().collect();
        self.store.learn(&fetched);
    }

    /// Verifies `signer` again with the evidence at hand.
    ///
    /// Without a fetch: the evidence that its path needs was gathered when it was fetched.
    pub(super) fn verify_again(
        &self,
        chain: &ChainVerifier,
        signer: &VerifiedSigner,
        now: Duration,
    ) -> Result<Arc<VerifiedSigner>, SignerError> {
        let evidence = self.store.at_hand(signer.issuers());
        let time = UnixTime::since_unix_epoch(now);
        let verdict = chain.verify_with(signer.certificate(), &evidence, time);
        verdict.map(Arc::new).map_err(|error| SignerError::Chain { error, problems: Vec::new() })
    }

    /// After a failed fetch: drops kept signers that it showed to be revoked.
    ///
    /// The failure itself is remembered by the single flight. Only URLs that verified before are logged here: the failures of others
    /// are those of single callbacks, which are logged as refusals.
    pub(super) fn note_failure(
        &self,
        url: &CertificateUrl<'static>,
        error: &SignerError,
        now: Duration,
    ) {
        if error.is_revoked() {
            self.reverify(|_| true, now, Rules::Unchanged, &[]);
        }
        if self.known.has_verified(url) {
            log::receiver::not_renewed(error);
        }
    }

    /// Verifies every kept signer again if there is evidence that none was verified with: a list that arrived late, for example.
    ///
    /// It is called for each callback, and costs two atomic loads when there is nothing new.
    pub(super) fn reverify_with_new_evidence(&self, now: Duration) {
        let generation = self.store.generation();
        // One caller does it; the others use the kept signers.
        if self.verified_with.load(Ordering::Acquire) != generation
            && self.verified_with.swap(generation, Ordering::AcqRel) != generation
        {
            self.reverify(|_| true, now, Rules::Unchanged, &[]);
        }
    }

    /// Verifies the kept signers of some URLs again, and drops those that fail.
    ///
    /// A policy that panics is an error of that signer alone. A row that changed meanwhile keeps the signers that were added.
    pub(super) fn reverify(
        &self,
        is_meant: impl Fn(&CertificateUrl<'_>) -> bool,
        now: Duration,
        rules: Rules,
        twins: &[CertificateDer<'static>],
    ) {
        for (url, set) in self.table.rows().iter().filter(|(url, _)| is_meant(url)) {
            loop {
                // Policies are the application's code, so this runs under no lock.
                let gatherer = self.gatherer(now);
                let verify = |signer| Verdict::on(signer, &gatherer, rules, twins);
                let verdicts: Vec<_> = (set.iter())
                    .map(|signer| {
                        catch_unwind(AssertUnwindSafe(|| verify(signer)))
                            .unwrap_or_else(|_| Verdict::panicked(signer, rules))
                    })
                    .collect();
                if self.update_under(&gatherer.chain, url, |set| set?.after(&verdicts)) {
                    self.imports.set_aside(url, set, &verdicts, now);
                    self.note_dropped(url, set, &verdicts, now);
                    break;
                }
            }
        }
    }

    /// If the current signer is dropped within five seconds of its fetch, remembers the error as that fetch's failure: the next
    /// callback gets it, and does not fetch again at once.
    ///
    /// Without it, each callback would fetch the same refused certificate again, one after the other.
    fn note_dropped(
        &self,
        url: &CertificateUrl<'static>,
        before: &SignerSet,
        verdicts: &[Verdict],
        now: Duration,
    ) {
        let verdict = verdicts.iter().find(|verdict| verdict.is_about(before.current()));
        let error = verdict.and_then(|verdict| verdict.error.clone());
        let fetched = before.fetched_at().filter(|_| before.is_fresh(u64::MAX, now));
        if let (Some(error), Some(fetched)) = (error, fetched) {
            let problems = Vec::new();
            let error = SignerError::Chain { error, problems };
            // It is about the certificate that was served then.
            self.fetches.fail(url, fetched, error);
        }
    }
}

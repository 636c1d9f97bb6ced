//! Stages 2 and 3 together: finds signers, verifies them, keeps them and refreshes them.
//!
//! [`Signers`] combines any [`CertificateSource`] with a [`ChainVerifier`]. It keeps *verified* signers, never certificates that
//! are still to be verified.
//!
//! # The life of a URL
//!
//! ```text
//!                callback                    path holds
//!    unknown ───────────────► being fetched ───────────────► kept ◄──────────────────────────────────┐
//!       ▲                        │    ▲                       │  │                                   │
//!       │         failure        │    │ cool-down is over     │  │ refresh is due (after a day, or a │ same or
//!       │                        ▼    │                       │  │ week before expiry): in the back- │ another
//!       │                       cooling                       │  │ ground, callbacks go on           │ certificate
//!       │                    503, Retry-After                 │  ├──────────────► being fetched ─────┤
//!       │                                                     │  │ signature does not match, and the │
//!       │                                                     │  │ certificate is older than 5 s:    │
//!       │                                                     │  │ that callback waits               │
//!       │ revoked, or its proof expires                       │  └──────────────► being fetched ─────┘
//!       └─────────────────────────────────────────────────────┘
//!                    replaced: former for seven days, then gone
//! ```
//!
//! # Guarantees
//!
//! - A hit costs a few atomic loads and a search through at most [`Signers::MAX_URLS`] entries: no lock, no allocation.
//! - **No request owns a fetch.** Fetches run in tasks of their own ([`Spawn`](crate::spawn::Spawn)), with deadlines of 5 s for the
//!   certificate, 5 s for its issuers and 3 s for revocation lists, whatever the HTTP client does. All callbacks that wait for a
//!   URL share one fetch. An attempt is recorded when it starts.
//! - **A callback whose URL has a good signer never waits for the network.**
//! - A callback without a signer waits for the path, 5 s by default. Then it fails, and the fetch goes on. It waits for
//!   revocation lists only with [`Revocation::Required`](crate::chain::Revocation::Required).
//! - **A signature is refused for good only under a fresh certificate**: fetched after the callback arrived, or at most 5 s
//!   before. Under an older one, a mismatch causes one fetch, shared by all callbacks. If the fetch under way had started before
//!   the callback arrived, a second one follows.
//! - **Revocation covers every kept signer.** A certificate that was once seen revoked stays refused, even if the list is lost.
//! - At most two replaced signers are accepted, for seven days: a repeated delivery may carry their signature.
//! - A failure is remembered for 5 s, and for up to 15 s when failures repeat. Meanwhile nothing is fetched.
//! - URLs that never verified share a quota of downloads, so that invented names cost the certificate host nothing.
//!   Documented and configured URLs, and those that verified once, are exempt.
//! - A clock that jumps loses nothing: validity is checked at each use. The 5 s of a fresh certificate and cool-downs are also
//!   measured by [`Spawn::instant`](crate::spawn::Spawn::instant), so that a clock that is set back does not prolong them.
//! - No lock is held while an HTTP client, a policy, a tracker or a subscriber runs. A panic in one is an error of that fetch.

mod check;
mod error;
mod evidence;
mod export;
mod fetch;
mod find;
mod gather;
mod give_way;
mod imports;
mod inner;
mod known;
mod quota;
mod restart;
mod set;
mod table;
mod times;
mod verdict;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::UnixTime;

use crate::chain::{CertificateDer, ChainVerifier};
use crate::source::{Authorities, CertificateSource, CertificateUrl};
use inner::Inner;

pub(crate) use error::fetching;
pub use error::{FetchError, SignerError, Unavailable};
pub(crate) use export::{Exported, parse as parse_kept_signers};
pub(crate) use inner::Settings;
pub use set::SignerSet;

/// Finds, verifies, keeps and refreshes signers. Cheap to clone; clones share the kept signers.
#[derive(Clone, Debug)]
pub struct Signers {
    inner: Arc<Inner>,
}

impl Signers {
    /// The most URLs that are kept, each with its current signer and two that it replaced. Microsoft has published two URLs in
    /// eight years.
    pub const MAX_URLS: usize = times::MAX_URLS;
    /// The greatest age of a certificate under which a signature is refused for good.
    pub const FRESH: Duration = times::FRESH;
    /// How long a callback without a signer waits by default.
    pub const PATIENCE: Duration = times::PATIENCE;
    /// How long a replaced signer is accepted.
    pub const FORMER_AGE: Duration = times::FORMER_AGE;
    /// A signer is refreshed when it has been kept for a day, in seconds, or expires within a week. Attempts are at least ten
    /// minutes apart.
    pub const REFRESH_AGE_SECONDS: u64 = times::REFRESH_AGE.as_secs();
    /// The time until revocation lists that could not be fetched are requested again: an hour, in seconds.
    pub const REVOCATION_RETRY_SECONDS: u64 = times::REVOCATION_RETRY.as_secs();
    /// The default quota of downloads a minute for URLs that never verified.
    pub const NEW_DOWNLOADS_PER_MINUTE: NonZeroU32 = times::NEW_DOWNLOADS_PER_MINUTE;

    /// Keeps signers from `source` that `chain` trusts. Nothing is fetched from certificate authorities.
    pub fn new(source: impl CertificateSource + 'static, chain: ChainVerifier) -> Self {
        Self::with_settings(Arc::new(source), None, chain, Settings::default())
    }

    /// [`new`](Self::new) with issuers' certificates and revocation lists from `authorities` (`None` disables fetching), and
    /// with another quota than [`Self::NEW_DOWNLOADS_PER_MINUTE`].
    pub fn build(
        source: Arc<dyn CertificateSource>,
        authorities: Option<Authorities>,
        chain: ChainVerifier,
        new_downloads_per_minute: NonZeroU32,
    ) -> Self {
        let settings = Settings { new_downloads_per_minute, ..Settings::default() };
        Self::with_settings(source, authorities, chain, settings)
    }

    pub(crate) fn with_settings(
        source: Arc<dyn CertificateSource>,
        authorities: Option<Authorities>,
        chain: ChainVerifier,
        settings: Settings,
    ) -> Self {
        Self { inner: Arc::new(Inner::new(source, authorities, chain, settings)) }
    }

    /// Replaces the chain verifier: trust anchors, intermediates, policies, how revocation is checked.
    ///
    /// Kept signers are verified again with the evidence at hand, without a fetch, and are dropped if they fail. Callbacks in
    /// progress are not interrupted. Of two concurrent replacements, the later to complete wins.
    pub fn replace_chain(
        &self,
        change: impl FnOnce(ChainVerifier) -> ChainVerifier,
        now: UnixTime,
    ) {
        self.inner.replace_chain(change, seconds(now));
    }

    /// Replaces the source of issuers' certificates and revocation lists. `None` disables fetching.
    pub fn replace_authorities(&self, authorities: Option<Authorities>) {
        self.inner.store.replace_authorities(authorities);
    }

    /// The issuers' certificates that were fetched. Configure them as intermediates after a restart.
    pub fn learned_issuers(&self) -> Vec<CertificateDer<'static>> {
        self.inner.store.learned()
    }

    /// The kept signers, as PEM with explanatory lines.
    pub(crate) fn export(&self, now: Duration) -> String {
        self.inner.export(now)
    }

    /// Keeps signers that an earlier receiver exported.
    pub(crate) fn import(&self, exported: &Exported, now: Duration) {
        self.inner.import(exported, now);
    }

    /// The signers of `url` that are good at the time `now`: from memory or, if there is none, from the source.
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

    /// [`find`](Self::find), for a clock of more than whole seconds.
    pub(crate) async fn find_at(
        &self,
        url: &CertificateUrl<'_>,
        now: Duration,
    ) -> Result<SignerSet, Unavailable> {
        self.inner.find(url, now).await
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

    /// The signers of `url` after a signature failed under `tried`. `None` if `tried` is what the URL serves: then the
    /// signature is refused for good.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if that is unknown: the certificate may have been replaced, and could not be fetched.
    pub async fn find_newer(
        &self,
        url: &CertificateUrl<'_>,
        tried: &SignerSet,
        now: UnixTime,
    ) -> Result<Option<SignerSet>, Unavailable> {
        self.find_newer_at(url, tried, self.arrival(), seconds(now)).await
    }

    /// Separates fetches that start from here on from those that started before.
    pub(crate) fn arrival(&self) -> u64 {
        self.inner.fetches.started()
    }

    /// [`find_newer`](Self::find_newer) for a callback that arrived at this [arrival](Self::arrival), and for a clock of more
    /// than whole seconds.
    pub(crate) async fn find_newer_at(
        &self,
        url: &CertificateUrl<'_>,
        tried: &SignerSet,
        arrival: u64,
        now: Duration,
    ) -> Result<Option<SignerSet>, Unavailable> {
        self.inner.find_newer(url, tried, arrival, now).await
    }
}

fn seconds(now: UnixTime) -> Duration {
    Duration::from_secs(now.as_secs())
}

//! Stages 2 and 3 together: finds signers, verifies them, keeps them and refreshes them.
//!
//! [`Signers`] combines any [`CertificateSource`] with a [`ChainVerifier`]. It keeps *verified* signers, never unverified
//! certificates.
//!
//! Most applications never call it: [`Receiver`](crate::Receiver) does. Use it alone to verify callbacks in your own pipeline,
//! for example in a gateway that forwards only genuine bodies.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use partner_center_webhooks::chain::ChainVerifier;
//! use partner_center_webhooks::crypto::DefaultBackend;
//! use partner_center_webhooks::signers::Signers;
//! use partner_center_webhooks::source::{CertificateBundle, CertificateLocation};
//! use partner_center_webhooks::testing::Issuer;
//!
//! let issuer = Issuer::new()?; // a throw-away CA
//! let signer = issuer.signer()?;
//! let chain = ChainVerifier::new(DefaultBackend::new(), issuer.anchors()?)
//!     .with_intermediates(issuer.intermediates());
//! let source = CertificateBundle::new(signer.certificate().clone(), Vec::new()); // in production: Download
//! let signers = Signers::new(source, chain);
//!
//! let location = CertificateLocation::default();
//! let url = "https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-dispatch.microsoft.com.cer";
//! let url = location.check(url)?;
//! let set = signers.find(&url, issuer.now()).await?; // fetched and verified
//! assert_eq!(set.current().certificate(), signer.certificate());
//! assert_eq!(set.iter().count(), 1); // there are no former signers yet
//! # Ok(()) }) }
//! ```
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | current signer | the one whose certificate the URL served last |
//! | former signer | one that was replaced: still accepted, because Partner Center repeats deliveries for days |
//! | import | a signer that does not verify yet: exported by an earlier process, or set aside when it was dropped |
//! | evidence | issuers' certificates, revocation lists, and certificates that are known to be revoked |
//! | fresh | fetched after the callback arrived, or at most 5 s before: a mismatch is final |
//! | due | a refresh or a check whose time has come; it runs in the background |
//! | cool-down | the time after a failure in which nothing is fetched, and callers get that failure |
//! | patience | how long a callback waits for a fetch; the fetch itself goes on |
//!
//! # The life of a URL
//!
//! ```text
//!                callback                    path valid
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
//! - **No request owns a fetch.** Fetches run in tasks of their own ([`Spawn`](crate::spawn::Spawn)), with deadlines whatever the
//!   HTTP client does: 5 s for the certificate, then twice 5 s for issuers and 3 s for lists, 23 s in all. A check of lists has 30 s.
//!   Without a runtime, callers drive them: see [`CallerDriven`](crate::spawn::CallerDriven). All callbacks that wait for a
//!   URL share one fetch. An attempt is recorded when it starts.
//! - **A callback that a kept signer signed never waits for the network.**
//! - A callback without a signer waits for the path, 5 s by default. Then it fails, and the fetch goes on. It waits for
//!   revocation lists only with [`Revocation::Required`](crate::chain::Revocation::Required).
//! - **A signature is refused for good only under a fresh certificate**: fetched after the callback arrived, or at most 5 s
//!   before. Under an older one, a mismatch causes one fetch, shared by all callbacks. If the fetch under way had started before
//!   the callback arrived, and more than 5 s before its end, a second one follows.
//! - **Revocation covers every kept signer.** A certificate that was once seen revoked stays refused, even if the list is lost.
//! - At most two replaced signers are accepted, for seven days: a repeated delivery may carry their signature.
//! - A failure is remembered for 5 s, and for up to 15 s when failures repeat. Meanwhile nothing is fetched.
//! - URLs that never had a verified signer share a quota of downloads, so that made-up names cost the certificate host nothing.
//!   Documented and configured URLs, and those that once had a verified signer, are exempt.
//! - A jump of the clock drops no signer: validity is checked at each use. The 5 s of a fresh certificate and cool-downs are
//!   also measured by [`Spawn::instant`](crate::spawn::Spawn::instant), so that a clock that is set back does not prolong them.
//! - No lock is held while an HTTP client, a policy or a log subscriber runs. A panic in one fails only that fetch.
//!
//! # Bounds
//!
//! Strangers choose certificate URLs, so everything that grows with URLs, signatures or lists has a limit:
//!
//! | kept | at most | dropped first |
//! |---|---|---|
//! | URLs with verified signers | 16 | the one whose signers expire first, a documented one last |
//! | signers of a URL | the current one and 2 former ones | the former one that was replaced first |
//! | URLs that once had a verified signer, without the signers | 256 | the one that had it first |
//! | failures, after their cool-down | 512 | all whose cool-down is over |
//! | imports from one text | 96 | the text is refused |
//! | issuers' certificates, lists, revocations | 64, 32, 256 | the oldest certificate; the list or revocation that expires first |

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

pub(crate) use error::{EvidenceError, fetching};
pub use error::{FetchError, SignerError, Unavailable};
pub(crate) use export::{Exported, parse as parse_kept_signers};
pub(crate) use gather::{EvidenceFetch, Gatherer, Target};
pub(crate) use inner::Settings;
pub use set::SignerSet;

/// Finds, verifies, keeps and refreshes signers. Cheap to clone; clones share the kept signers.
///
/// Every method takes the time as an argument, so that tests and replays choose it. Hits read an immutable table without a lock;
/// everything else is described in the [module](self).
#[derive(Clone, Debug)]
pub struct Signers {
    inner: Arc<Inner>,
}

impl Signers {
    /// The most URLs that are kept, each with its current signer and two that it replaced. Microsoft has published two URLs in
    /// eight years.
    ///
    /// When it is full, the URL whose signers expire first is dropped, one that Microsoft documents last.
    pub const MAX_URLS: usize = times::MAX_URLS;
    /// The greatest age of a certificate under which a signature is refused for good.
    ///
    /// Five seconds: the host served the certificate so recently that a mismatch is considered a forgery. A genuine callback
    /// under a certificate that was replaced within these seconds is refused with 401. It is also the least time between two
    /// fetches that strangers' signatures cause for one URL.
    pub const FRESH: Duration = times::FRESH;
    /// How long a callback without a signer waits by default.
    ///
    /// Five seconds, less than any known sender waits. The fetch goes on for longer: see [`FetchError::Late`].
    pub const PATIENCE: Duration = times::PATIENCE;
    /// How long a replaced signer is accepted.
    ///
    /// Seven days. The documentation gives no time for the ten deliveries of an event; the longest delay that it mentions is 48 hours.
    pub const FORMER_AGE: Duration = times::FORMER_AGE;
    /// A signer is refreshed when it has been kept for a day, in seconds, or expires within a week. Attempts are at least ten
    /// minutes apart.
    pub const REFRESH_AGE_SECONDS: u64 = times::REFRESH_AGE.as_secs();
    /// The time until revocation lists that could not be fetched are requested again: an hour, in seconds.
    ///
    /// Until then the signer stays accepted with [`Revocation::BestEffort`](crate::chain::Revocation::BestEffort), and a
    /// warning is logged once the lists are too old to be evidence.
    pub const REVOCATION_RETRY_SECONDS: u64 = times::REVOCATION_RETRY.as_secs();
    /// The default quota of downloads a minute for URLs that never verified.
    ///
    /// 60, in bursts of at most 16. Genuine callbacks use one or two URLs, so the quota only limits invented names.
    pub const NEW_DOWNLOADS_PER_MINUTE: NonZeroU32 = times::NEW_DOWNLOADS_PER_MINUTE;

    /// Keeps signers from `source` that `chain` trusts. Nothing is fetched from certificate authorities.
    ///
    /// The settings are the defaults: [`Self::PATIENCE`], [`Self::NEW_DOWNLOADS_PER_MINUTE`], and
    /// [`DefaultSpawn`](crate::spawn::DefaultSpawn). So an intermediate that `source` does not serve must be configured in `chain`, and
    /// revocation stays unknown.
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
    ///
    /// # Example: another name is expected
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use partner_center_webhooks::chain::ChainVerifier;
    /// # use partner_center_webhooks::crypto::DefaultBackend;
    /// # use partner_center_webhooks::signers::Signers;
    /// # use partner_center_webhooks::source::{CertificateBundle, CertificateLocation};
    /// # use partner_center_webhooks::testing::Issuer;
    /// # let issuer = Issuer::new()?;
    /// # let signer = issuer.signer()?;
    /// # let chain = ChainVerifier::new(DefaultBackend::new(), issuer.anchors()?)
    /// #     .with_intermediates(issuer.intermediates());
    /// # let source = CertificateBundle::new(signer.certificate().clone(), Vec::new());
    /// # let signers = Signers::new(source, chain);
    /// # let location = CertificateLocation::default();
    /// # let url = location.check("https://3psostorageacct.blob.core.windows.net/cert/a.cer")?;
    /// assert!(signers.find(&url, issuer.now()).await.is_ok());
    /// let name = "pcnotifications-new.microsoft.com".parse()?;
    /// signers.replace_chain(|chain| chain.with_signer_name(name), issuer.now());
    /// assert!(signers.find(&url, issuer.now()).await.is_err()); // the kept signer was dropped
    /// # Ok(()) }) }
    /// ```
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
    ///
    /// Only certificates on a verified path are kept, at most 64. The configured intermediates are not among them.
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
    ///
    /// A hit starts due refreshes and checks in the background, and does not wait for them. Without a usable signer, all callers of
    /// the URL share one fetch and wait for it, each at most its patience.
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
    ///
    /// Returns at once if `tried` lacks a kept signer, or if the certificate is [fresh](Self::FRESH). Otherwise it waits for a fetch,
    /// which is shared by all callers of the URL.
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

    /// The age of a [fresh](Self::FRESH) certificate that was fetched before this [arrival](Self::arrival), and the time until a
    /// mismatch causes another fetch.
    pub(crate) fn age_at(
        &self,
        url: &CertificateUrl<'_>,
        arrival: u64,
        now: Duration,
    ) -> Option<(Duration, Duration)> {
        let age = self.inner.table.get(url, now)?.age_before(arrival, now)?;
        Some((age, Self::FRESH.saturating_sub(age)))
    }
}

/// The public interface counts in whole seconds, as certificates do; cool-downs need fractions.
fn seconds(now: UnixTime) -> Duration {
    Duration::from_secs(now.as_secs())
}

//! Errors when a URL has no usable signer, and when a retry may succeed.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use thiserror::Error;

use super::times;
use crate::chain::{ChainError, ParseError};
use crate::mask::Excerpt;
use crate::source::{CertificateUrl, SourceError};
use crate::spawn::single_flight::{Failure, Interrupted};

/// The reason why a URL has no usable signer: a verdict on its certificate, or a failed fetch.
///
/// A verdict is about the certificate: another certificate, or another configuration, changes it. A failed fetch says nothing
/// about the certificate, and is transient.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use partner_center_webhooks::chain::{ChainError, ChainVerifier};
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::signers::{SignerError, Signers};
/// use partner_center_webhooks::source::{CertificateBundle, CertificateLocation};
/// use partner_center_webhooks::testing::Issuer;
///
/// let issuer = Issuer::new()?; // not a CA of Microsoft's
/// let source = CertificateBundle::new(issuer.signer()?.certificate().clone(), Vec::new());
/// let signers = Signers::new(source, ChainVerifier::microsoft(DefaultBackend::new()));
///
/// let location = CertificateLocation::default();
/// let url = location.check("https://3psostorageacct.blob.core.windows.net/cert/a.cer")?;
/// let unavailable = signers.find(&url, issuer.now()).await.unwrap_err();
/// assert!(matches!(
///     *unavailable.error,
///     SignerError::Chain { error: ChainError::UnknownIssuer { .. }, .. }
/// ));
/// assert_eq!(unavailable.retry_after.as_secs(), 5); // nothing is fetched until then
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SignerError {
    /// The certificate is not trusted.
    #[error("{error}{}", fetching(.problems))]
    Chain {
        /// The verdict of the chain verifier.
        error: ChainError,
        /// The failures to fetch issuers' certificates and revocation lists, in order.
        problems: Vec<String>,
    },
    /// There is no verdict on the certificate.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// The reason why a certificate could not be fetched for a callback. A later attempt may succeed.
///
/// Messages name the URL, or the revoked certificate, and what an operator can do. Callbacks get 503 with the
/// `Retry-After` of [`Unavailable`].
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The fetch was stopped: its deadline passed, it panicked, or its runtime was shut down.
    #[error(
        "fetching `{url}` {}",
        interruption(*panicked, *limit)
    )]
    Interrupted {
        /// The URL.
        url: Excerpt,
        /// The deadline.
        limit: Duration,
        /// Whether the source panicked.
        panicked: bool,
    },
    /// The fetch takes longer than a callback waits. It goes on in the background.
    #[error(
        "the certificate at `{url}`, or an issuer's certificate or a list that its chain needs from port 80 of a certificate \
         authority, is still being fetched after {patience:?}, the longest that a callback waits; the fetch goes on"
    )]
    Late {
        /// The URL.
        url: Excerpt,
        /// The longest that a callback waits.
        patience: Duration,
    },
    /// The quota of downloads for URLs that never verified is used up.
    #[error(
        "`{url}` was not fetched: no signer at this URL was ever verified, and the quota of {per_minute} downloads a minute for \
         such URLs is used up; if genuine callbacks name it, configure it with `warm_up_url`"
    )]
    Quota {
        /// The URL.
        url: Excerpt,
        /// The quota.
        per_minute: NonZeroU32,
    },
    /// The certificate that was served last is revoked, and it may not be fetched again yet, although it may have been replaced
    /// since.
    #[error("{error}{}", fetching(.problems))]
    Revoked {
        /// The verdict on that certificate: [`ChainError::Revoked`].
        error: ChainError,
        /// The failures to fetch issuers' certificates and revocation lists, in order.
        problems: Vec<String>,
    },
    /// The certificate source failed.
    #[error(transparent)]
    Source(SourceError),
    /// A kept signer cannot be verified at this time, so it is unknown whether it signed the callback.
    #[error(
        "a former signer of `{url}` cannot be verified at this time, because an issuer's certificate or a revocation list is \
         missing: check that certificate authorities are reachable over port 80; if the signer comes from \
         `kept_signers_pem`, also configure the certificates from `learned_issuers_pem`"
    )]
    Unverified {
        /// The URL.
        url: Excerpt,
    },
}

impl SignerError {
    /// The error of a fetch of `url` that ended without an outcome.
    pub(super) fn interrupted(
        url: &CertificateUrl<'_>,
        limit: Duration,
        cause: Interrupted,
    ) -> Self {
        let url = Excerpt::of_url(url.as_str());
        let panicked = cause == Interrupted::Panicked;
        FetchError::Interrupted { url, limit, panicked }.into()
    }

    /// Whether the signing certificate is revoked. Only another certificate resolves this error.
    pub fn is_revoked(&self) -> bool {
        matches!(self, Self::Chain { error: ChainError::Revoked { .. }, .. })
    }
}

/// The cause of an interruption, in words.
fn interruption(panicked: bool, limit: Duration) -> String {
    match panicked {
        true => "panicked: this is a fault of the certificate source, its HTTP client or a policy"
            .to_owned(),
        false => format!(
            "was stopped: the certificate source exceeded its deadline of {limit:?}, or its runtime is blocked"
        ),
    }
}

/// The suffix of a message that names at most four failures to fetch evidence.
///
/// Four are enough: a path has two intermediates, and each names two URLs.
pub(crate) fn fetching(problems: &[String]) -> String {
    let problems: Vec<_> = problems.iter().take(4).map(String::as_str).collect();
    match problems.is_empty() {
        true => String::new(),
        false => format!("; fetching it failed: {}", problems.join("; ")),
    }
}

/// The reason why an issuer's certificate or a revocation list is missing.
///
/// It becomes a line of text in `problems`, because the verdict on the certificate decides.
#[derive(Clone, Debug, Error)]
pub(crate) enum EvidenceError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("{error} (the next attempt to fetch `{url}` is possible in {} s)", retry_after.as_secs())]
    FailedBefore { url: Excerpt, error: Box<Self>, retry_after: Duration },
    #[error("the list at `{url}` is not signed by the expected issuer")]
    ForeignList { url: Excerpt },
    #[error(
        "fetching `{url}` was stopped: the HTTP client panicked, or exceeded its deadline of {limit:?}"
    )]
    Interrupted { url: Excerpt, limit: Duration },
    #[error("the {what}s did not arrive within {limit:?}")]
    Late { what: &'static str, limit: Duration },
    #[error("the list at `{url}` is not in force")]
    ListNotInForce { url: Excerpt },
    #[error("`{url}`: {error}")]
    NotAList { url: Excerpt, error: ParseError },
    #[error("`{url}` does not serve the issuer's certificate")]
    NotTheIssuer { url: Excerpt },
}

/// There is no usable signer now: the reason, and when to retry.
///
/// `E` is [`SignerError`], or [`FetchError`] where a verdict is impossible.
///
/// The message includes the age, because a remembered failure is not a new one.
///
/// # Example: a host that is down
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # use partner_center_webhooks::chain::ChainVerifier;
/// # use partner_center_webhooks::crypto::DefaultBackend;
/// # use partner_center_webhooks::http_client::BoxFuture;
/// # use partner_center_webhooks::source::{CertificateBundle, CertificateLocation, CertificateUrl};
/// # use partner_center_webhooks::testing::Issuer;
/// use std::time::Duration;
///
/// use partner_center_webhooks::signers::{FetchError, SignerError, Signers};
/// use partner_center_webhooks::source::{CertificateSource, SourceError, StatusRefusal};
///
/// #[derive(Debug)]
/// struct Down;
///
/// impl CertificateSource for Down {
///     fn fetch<'a>(
///         &'a self,
///         url: &'a CertificateUrl<'a>,
///     ) -> BoxFuture<'a, Result<CertificateBundle, SourceError>> {
///         let refusal = StatusRefusal::new(url.as_str(), 503);
///         Box::pin(async { Err(SourceError::Status(Box::new(refusal))) })
///     }
/// }
///
/// # let now = Issuer::new()?.now();
/// # let location = CertificateLocation::default();
/// # let url = location.check("https://3psostorageacct.blob.core.windows.net/cert/a.cer")?;
/// let signers = Signers::new(Down, ChainVerifier::microsoft(DefaultBackend::new()));
/// let first = signers.find(&url, now).await.unwrap_err();
/// assert!(matches!(*first.error, SignerError::Fetch(FetchError::Source(_))));
/// assert_eq!((first.failed_ago, first.retry_after), (None, Duration::from_secs(5)));
///
/// let second = signers.find(&url, now).await.unwrap_err();
/// assert!(second.failed_ago.is_some()); // the same failure: nothing was fetched
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unavailable<E = SignerError> {
    /// The reason.
    pub error: Box<E>,
    /// The age of the failed attempt, if it was not made for this callback.
    pub failed_ago: Option<Duration>,
    /// When to retry: from 1 to 300 seconds.
    pub retry_after: Duration,
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for Unavailable<E> {}

impl<E: fmt::Display> fmt::Display for Unavailable<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        match self.failed_ago {
            Some(ago) => write!(
                f,
                " (the attempt was made {} s ago; the next one is possible in {} s)",
                ago.as_secs(),
                self.retry_after.as_secs()
            ),
            None => Ok(()),
        }
    }
}

impl Unavailable {
    /// Whether the URL serves a revoked certificate, according to an attempt for this callback or at most five seconds before. An
    /// older certificate may have been replaced since.
    pub(crate) fn is_revoked_now(&self) -> bool {
        let is_fresh = self.failed_ago.is_none_or(|ago| ago < times::FRESH);
        is_fresh && self.error.is_revoked()
    }

    /// The longest `Retry-After`.
    pub const LONGEST_RETRY: Duration = Duration::from_secs(300);

    /// An error with a retry time that is rounded up to seconds and limited to 1 to 300.
    pub fn new(error: impl Into<SignerError>, retry_after: Duration) -> Self {
        // A sender that returns a moment early would fail again.
        let seconds =
            retry_after.as_secs().saturating_add(u64::from(retry_after.subsec_nanos() > 0));
        Self {
            error: Box::new(error.into()),
            failed_ago: None,
            retry_after: Duration::from_secs(seconds.max(1)).min(Self::LONGEST_RETRY),
        }
    }

    /// The error after a failed attempt.
    ///
    /// The retry time is the longest of: the rest of the cool-down, the `Retry-After` of the certificate host, the time until the
    /// certificate is valid, and the age of the outage. So ten tries of an obedient sender outlast an outage of some minutes.
    pub(super) fn after(failure: &Failure<SignerError>, now: Duration) -> Self {
        let outage = failure.since.age(now);
        let (valid_from, host) = match &failure.error {
            SignerError::Chain { error, .. } => (error.retry_at(), None),
            SignerError::Fetch(FetchError::Source(error)) => (None, error.retry_after()),
            SignerError::Fetch(_) => (None, None),
        };
        let host = host.unwrap_or_default();
        let until_valid = valid_from
            .map_or(Duration::ZERO, |at| Duration::from_secs(at.as_secs()).saturating_sub(now));
        Self::new(failure.error.clone(), failure.wait(now).max(outage).max(until_valid).max(host))
    }

    /// [`after`](Self::after), for a callback that came later than the attempt: with its age.
    ///
    /// The message says so, because the host may have recovered since.
    pub(super) fn remembered(failure: &Failure<SignerError>, now: Duration) -> Self {
        Self { failed_ago: Some(failure.at.age(now)), ..Self::after(failure, now) }
    }
}

//! All stages in one call: [`Receiver`] verifies callbacks, keeps their signers, and reads the events.
//!
//! An error has its response: [`Error::status`] and [`Error::retry_after`].
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use partner_center_webhooks::crypto::DefaultBackend;
//! use partner_center_webhooks::testing::Issuer;
//! use partner_center_webhooks::{ErrorKind, EventName};
//!
//! let issuer = Issuer::new()?; // a throw-away CA: signs as Partner Center does
//! let signer = issuer.signer()?;
//! let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
//!
//! let callback = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
//! let received = receiver.receive(&callback.headers, &callback.body).await?;
//! assert_eq!(*received.event().name(), EventName::InvoiceReady);
//!
//! let forged = callback.with_body(r#"{"EventName":"subscription-updated"}"#);
//! let error = receiver.receive(&forged.headers, &forged.body).await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Signature);
//! assert_eq!(error.status(), 401);
//! # Ok(()) }) }
//! ```
//!
//! # Headers
//!
//! Every method that takes headers takes pairs of a name and a value: `&HeaderMap` of `http` 0.2 or 1, that of another framework,
//! or any iterator of references to strings and bytes. They are read in one pass, without copies or allocations.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! # use partner_center_webhooks::{crypto::DefaultBackend, testing::Issuer};
//! # let issuer = Issuer::new()?;
//! # let signer = issuer.signer()?;
//! # let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
//! # let callback = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
//! # let text = |name| callback.headers[name].to_str().map(str::to_owned);
//! // As a serverless host or a gateway passes them:
//! let headers: Vec<(String, String)> = vec![
//!     ("Authorization".to_owned(), text("authorization")?),
//!     ("X-MS-Certificate-Url".to_owned(), text("x-ms-certificate-url")?),
//!     ("X-MS-Signature-Algorithm".to_owned(), text("x-ms-signature-algorithm")?),
//! ];
//! let pairs = headers.iter().map(|(name, value)| (name, value));
//! assert!(receiver.receive(pairs, &callback.body).await.is_ok());
//! # Ok(()) }) }
//! ```
//!
//! # In production
//!
//! - **Fetches run in the background**, in tasks of their own with deadlines: 5 s for the certificate, 23 s with all that its path
//!   needs. Build the receiver in the tokio runtime that keeps running (other runtimes: [`ReceiverBuilder::spawn`]; without one,
//!   callbacks drive the fetches, see [`spawn`](crate::spawn)). A URL is fetched once for all its callbacks. A callback that a
//!   kept signer signed never waits for the network; any other waits at most 5 s, and then gets 503.
//! - **Rotations**: a signature is refused for good only under a certificate that was fetched after the callback arrived or at most
//!   five seconds before. A new certificate is fetched when its first signature arrives, unless the old one was fetched less
//!   than five seconds before (401). While the host is down, callbacks under a new certificate get 503, as forged ones do, and
//!   those under a kept one are still accepted. Two former signers stay accepted for seven days.
//! - **Restarts**: store [`Receiver::kept_signers_pem`] and [`Receiver::learned_issuers_pem`], and pass them to the next receiver
//!   ([`ReceiverBuilder::kept_signers_pem`], [`ReceiverBuilder::intermediates`]). Then it needs no fetch at the start, and
//!   deliveries under a former certificate are accepted. Without them, these get 401, are counted as forged, and their events are
//!   lost. Ignore a damaged file: a receiver works without it.
//! - **Changes at run time**: [`Receiver::replace_chain`] sets new anchors, intermediates, policies or names while callbacks go on.
//! - **Expiry**: with feature `tracing`, a warning is logged when a signing certificate or an issuer expires in less than a
//!   week, or a revocation list in less than a day.
//! - **Cost**: one RSA verification, 14 µs on a core of a small machine, plus 4 %. No locks, and only the event is allocated.
//!   `cargo bench --all-features --bench receive` prints each figure beside that of the raw primitive.
//!   `benches/throughput.sh` prints the requests per second of an axum server: 0.95 of the rate with the RSA primitive alone,
//!   if server and load generator have a core each.
//! - **Strangers** can cause at most 60 fetches a minute and 16 at once, a shared quota, and at most one in five seconds for a known
//!   URL.

mod admitted;
mod builder;
#[cfg(all(feature = "reqwest", any(feature = "aws-lc-rs", feature = "rustcrypto")))]
mod defaults;
mod error;
mod received;
mod stages;

use std::fmt;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use futures_util::future::join_all;
use rustls_pki_types::UnixTime;

use crate::chain::{ChainVerifier, certificate_to_pem};
use crate::mask::Excerpt;
use crate::signature::VerifiedBody;
use crate::source::Authorities;
use stages::Stages;

pub use admitted::Admitted;
pub use builder::{BuildError, ReceiverBuilder};
pub use error::{Error, ErrorKind, Verdict};
pub use received::Received;

/// Verifies callbacks and reads their events. Cheap to clone; clones share their signers.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::event::EventName;
/// use partner_center_webhooks::testing::Issuer;
/// use partner_center_webhooks::{ErrorKind, Receiver};
///
/// // In production: Receiver::builder().build()?
/// let issuer = Issuer::new()?;
/// let signer = issuer.signer()?;
/// let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
///
/// let callback = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
/// let received = receiver.receive(&callback.headers, &callback.body).await?;
/// assert_eq!(*received.event().name(), EventName::InvoiceReady);
///
/// let error = receiver.receive(&callback.headers, r#"{"EventName":"test-created"}"#).await.unwrap_err();
/// assert_eq!((error.kind(), error.status().as_u16()), (ErrorKind::Signature, 401));
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
pub struct Receiver {
    stages: Stages,
}

impl Receiver {
    /// The default limit on bodies: 256 KiB, more than a thousand times Microsoft's documented sample of 195 bytes.
    pub const BODY_LIMIT: usize = 256 * 1024;

    /// Verifies a callback and reads its event.
    ///
    /// `headers` are pairs, see the [module](self). `body` are the bytes as they arrived, before anything parsed or decompressed
    /// them. A body that does not verify and is shorter than its `Content-Length` was cut short: [`Error::Body`]. The future may be
    /// dropped at any time.
    ///
    /// # Errors
    ///
    /// [`Error`]: respond with its [`status`](Error::status). An unknown event name is not an error.
    pub async fn receive<'h, N, V, B>(
        &self,
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
        body: B,
    ) -> Result<Received<B>, Error>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
        B: AsRef<[u8]>,
    {
        let headers = self.stages.read(headers);
        let length = Some(body.as_ref().len());
        Admitted::new(&self.stages, headers, length)?.receive(body).await
    }

    /// Verifies a callback without reading its event, for applications with a model of their own.
    ///
    /// # Errors
    ///
    /// [`Error`], never of kind [`Event`](crate::ErrorKind::Event).
    pub async fn verify<'h, N, V, B>(
        &self,
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
        body: B,
    ) -> Result<VerifiedBody<B>, Error>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
        B: AsRef<[u8]>,
    {
        let headers = self.stages.read(headers);
        let length = Some(body.as_ref().len());
        Admitted::new(&self.stages, headers, length)?.verify(body).await
    }

    /// [`receive`](Self::receive), reading the body in chunks.
    ///
    /// A body whose headers are refused, or that is announced as too long, is not read at all; any other is read no further
    /// than the [limit](Self::body_limit). A body of one chunk is not copied. A deadline for the sender is the caller's task.
    /// The future may be dropped at any time.
    ///
    /// # Errors
    ///
    /// [`Error`]: respond with its [`status`](Error::status).
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use std::convert::Infallible;
    ///
    /// use partner_center_webhooks::crypto::DefaultBackend;
    /// use partner_center_webhooks::testing::Issuer;
    ///
    /// let issuer = Issuer::new()?;
    /// let signer = issuer.signer()?;
    /// let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    /// let callback = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
    ///
    /// let chunks = callback.body.chunks(7).map(Ok::<_, Infallible>);
    /// let body = futures_util::stream::iter(chunks);
    /// let received = receiver.receive_stream(&callback.headers, body).await?;
    /// assert_eq!(received.body().as_bytes(), callback.body);
    /// # Ok(()) }) }
    /// ```
    pub async fn receive_stream<'h, N, V, D, E>(
        &self,
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
        body: impl Stream<Item = Result<D, E>>,
    ) -> Result<Received<Bytes>, Error>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
        D: Buf,
    {
        let headers = self.stages.read(headers);
        let length = headers.announced;
        Admitted::new(&self.stages, headers, length)?.receive_stream(body).await
    }

    /// Checks the headers alone, before the body is read. Takes about a microsecond.
    ///
    /// # Errors
    ///
    /// [`Error`] of kind [`Envelope`](crate::ErrorKind::Envelope) or [`Location`](crate::ErrorKind::Location).
    pub fn admit<'h, N, V>(
        &'h self,
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
    ) -> Result<Admitted<'h>, Error>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
    {
        Admitted::new(&self.stages, self.stages.read(headers), None)
    }

    /// [`admit`](Self::admit) with the length of the body, or with the announced one.
    #[cfg_attr(not(feature = "inbox"), expect(dead_code, reason = "used by feature `inbox`"))]
    pub(crate) fn admit_sized<'a, 'h: 'a, N, V>(
        &'a self,
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
        length: Option<usize>,
    ) -> Result<Admitted<'a>, Error>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
    {
        let headers = self.stages.read(headers);
        let length = length.or(headers.announced);
        Admitted::new(&self.stages, headers, length)
    }

    /// The time by the receiver's clock.
    #[cfg_attr(not(feature = "inbox"), expect(dead_code, reason = "used by feature `inbox`"))]
    pub(crate) fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(self.stages.now())
    }

    /// Fetches and verifies the expected signing certificates, so that a configuration error shows at deployment and not at the
    /// first event.
    ///
    /// Their URLs are those given to [`ReceiverBuilder::warm_up_url`] or, without any, that of the documented certificate under
    /// each allowed location. Returns the failures; the receiver still works, and tries again later.
    ///
    /// Waits for the revocation lists, too, 30 s at most, even where a callback would not. Without a warm-up, the first
    /// callbacks are accepted before the lists arrive ([`Revocation::BestEffort`](crate::chain::Revocation)).
    #[must_use = "log the failures at least"]
    pub async fn warm_up(&self) -> Vec<WarmUpFailure> {
        let settings = &self.stages.settings;
        let mut urls = Vec::new();
        let mut failures = Vec::new();
        for url in &settings.warm_up_urls {
            match settings.location.check(url) {
                Ok(url) => urls.push(url.into_owned()),
                Err(error) => failures.push(WarmUpFailure {
                    url: Excerpt::of_url(url.as_bytes()),
                    error: error.into(),
                }),
            }
        }
        if settings.warm_up_urls.is_empty() {
            urls.extend(settings.location.documented_urls());
        }
        let now = self.stages.now();
        let attempts = urls.iter().map(async |url| {
            let error = self.stages.signers.warm_up(url, now).await.err()?.into();
            let url = Excerpt::of_url(url.as_str());
            Some(WarmUpFailure { url, error })
        });
        failures.extend(join_all(attempts).await.into_iter().flatten());
        failures
    }

    /// Replaces the chain verifier while callbacks are received: trust anchors, intermediates, policies, the signer name, how
    /// revocation is checked. It applies to all clones of this receiver.
    ///
    /// Kept signers are verified again, without a fetch, and are dropped if they fail.
    ///
    /// # Example: an operator has replaced a file
    ///
    /// ```no_run
    /// # fn reload(receiver: &partner_center_webhooks::Receiver) -> Result<(), Box<dyn std::error::Error>> {
    /// use partner_center_webhooks::chain::Anchors;
    ///
    /// let anchors = Anchors::from_pem(&std::fs::read("anchors.pem")?)?;
    /// receiver.replace_chain(|chain| chain.with_anchors(anchors));
    /// # Ok(()) }
    /// ```
    pub fn replace_chain(&self, change: impl FnOnce(ChainVerifier) -> ChainVerifier) {
        let now = UnixTime::since_unix_epoch(self.stages.now());
        self.stages.signers.replace_chain(change, now);
    }

    /// Replaces the source of issuers' certificates and revocation lists while callbacks are received. `None` disables fetching.
    pub fn replace_authorities(&self, authorities: Option<Authorities>) {
        self.stages.signers.replace_authorities(authorities);
    }

    /// The issuers' certificates that were fetched, as PEM. Configure them as intermediates at the next start
    /// ([`certificates_from_pem`](crate::chain::certificates_from_pem)), so that it does not depend on a fetch.
    pub fn learned_issuers_pem(&self) -> String {
        let learned = self.stages.signers.learned_issuers();
        learned.iter().map(certificate_to_pem).collect()
    }

    /// The kept signers, as PEM with explanatory lines, for the next start ([`ReceiverBuilder::kept_signers_pem`]).
    ///
    /// Partner Center repeats deliveries. A node that starts after the certificate was replaced does not know the previous one,
    /// and would refuse deliveries signed with it. With this text it accepts them, and works before the certificate host is
    /// reached. The current signer stays current until the host serves another certificate.
    ///
    /// Write the text at shutdown and from time to time, atomically (to a new file that is then renamed): a text that was cut off
    /// is refused. If it is older than seven days, signers that were replaced since are not accepted again.
    pub fn kept_signers_pem(&self) -> String {
        self.stages.signers.export(self.stages.now())
    }

    /// The limit on the length of a body, in bytes.
    pub fn body_limit(&self) -> usize {
        self.stages.settings.body_limit
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stages.fmt(f)
    }
}

/// A signing certificate that [`Receiver::warm_up`] could not fetch or did not trust.
#[derive(Debug)]
#[non_exhaustive]
pub struct WarmUpFailure {
    /// The URL.
    pub url: Excerpt,
    /// The reason.
    pub error: Error,
}

//! All stages in one call.

mod admitted;
mod builder;
#[cfg(all(
    feature = "reqwest",
    any(feature = "aws-lc-rs", feature = "rustcrypto")
))]
mod defaults;
mod stream;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue};
use rustls_pki_types::UnixTime;

use crate::body::typed::FromVerifiedBody;
use crate::body::{BodyError, BodyLimit};
use crate::chain::{ChainVerifier, VerifiedSigner, certificate_to_pem};
use crate::envelope::{EnvelopeError, EnvelopeReader, SignatureEnvelope};
use crate::error::Error;
use crate::event::Event;
use crate::excerpt::Excerpt;
use crate::signature::{BodyDigest, SignatureError, VerifiedBody};
use crate::signers::{SignerSet, Signers};
use crate::source::{Authorities, CertificateLocation};
use crate::trace;

pub use admitted::Admitted;
pub use builder::{BuildError, ReceiverBuilder};

/// Verifies callbacks and reads their events. Cheap to clone; clones share their signers.
///
/// # Example
///
/// ```
/// # #[cfg(all(feature = "testing", feature = "reqwest", feature = "aws-lc-rs"))]
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
/// # #[cfg(not(all(feature = "testing", feature = "reqwest", feature = "aws-lc-rs")))] fn main() {}
/// ```
#[derive(Clone)]
pub struct Receiver {
    settings: Arc<Settings>,
    signers: Signers,
}

struct Settings {
    body_limit: BodyLimit,
    /// The time since 1970.
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    location: CertificateLocation,
    reader: EnvelopeReader,
    warm_up_urls: Vec<Box<str>>,
}

impl Receiver {
    /// Verifies a callback and reads its event.
    ///
    /// `body` are the bytes as they came, before anything parsed or decompressed them. A body that does not verify and is
    /// shorter than its `Content-Length` was cut short, and is to be delivered again. The future may be dropped at any time.
    ///
    /// # Errors
    ///
    /// [`Error`]: answer the request with its [`status`](Error::status). An event name that is not known is no error.
    pub async fn receive<B: AsRef<[u8]>>(
        &self,
        headers: &HeaderMap,
        body: B,
    ) -> Result<Received<B>, Error> {
        let envelope = self.settings.reader.from_headers(headers);
        let length = Some(body.as_ref().len());
        let admitted = self.admit_envelope(envelope, announced(headers), length)?;
        admitted.receive(body).await
    }

    /// Verifies a callback and leaves its body to the caller's own model.
    ///
    /// # Errors
    ///
    /// [`Error`], never of kind [`Event`](crate::ErrorKind::Event).
    pub async fn verify<B: AsRef<[u8]>>(
        &self,
        headers: &HeaderMap,
        body: B,
    ) -> Result<VerifiedBody<B>, Error> {
        let envelope = self.settings.reader.from_headers(headers);
        let length = Some(body.as_ref().len());
        let admitted = self.admit_envelope(envelope, announced(headers), length)?;
        admitted.verify(body).await
    }

    /// Judges the headers alone: the part of the work that costs a microsecond, to be done before the body is read.
    ///
    /// # Errors
    ///
    /// [`Error`] of kind [`Envelope`](crate::ErrorKind::Envelope) or [`Location`](crate::ErrorKind::Location).
    pub fn admit<'h>(&'h self, headers: &'h HeaderMap) -> Result<Admitted<'h>, Error> {
        let envelope = self.settings.reader.from_headers(headers);
        self.admit_envelope(envelope, announced(headers), None)
    }

    /// The same for a framework whose headers are of another type: (name, value) pairs, in any order.
    ///
    /// # Errors
    ///
    /// As [`admit`](Self::admit).
    pub fn admit_pairs<'h, N: AsRef<str>>(
        &'h self,
        pairs: impl IntoIterator<Item = (N, &'h [u8])>,
    ) -> Result<Admitted<'h>, Error> {
        let (envelope, announced) = self.read_pairs(pairs);
        self.admit_envelope(envelope, announced, None)
    }

    /// What the headers say of the signature, and the length that they announce.
    fn read_pairs<'h, N: AsRef<str>>(
        &self,
        pairs: impl IntoIterator<Item = (N, &'h [u8])>,
    ) -> (Result<SignatureEnvelope<'h>, EnvelopeError>, Option<usize>) {
        let mut announced = None;
        let pairs = pairs.into_iter().inspect(|(name, value)| {
            if name.as_ref().eq_ignore_ascii_case(CONTENT_LENGTH.as_str()) {
                announced.get_or_insert(*value);
            }
        });
        let envelope = self.settings.reader.from_pairs(pairs);
        (envelope, announced.and_then(number))
    }

    /// Judges headers whose body has this length, or is announced with it. A body that is too long is refused before all else,
    /// and an empty one that nobody signed is refused as empty.
    fn admit_envelope<'h>(
        &'h self,
        envelope: Result<SignatureEnvelope<'h>, EnvelopeError>,
        announced: Option<usize>,
        length: Option<usize>,
    ) -> Result<Admitted<'h>, Error> {
        let settings = &*self.settings;
        let length = length.map_or(Ok(()), |length| settings.body_limit.check(length));
        let envelope = match (length, envelope) {
            (Err(error @ BodyError::TooLong { .. }), _)
            | (Err(error), Err(EnvelopeError::MissingSignature { .. })) => Err(error.into()),
            (_, envelope) => envelope.map_err(Error::from),
        };
        let envelope = envelope.map_err(log_refusal)?;
        let url = settings
            .location
            .check(envelope.certificate_url())
            .map_err(|error| log_refusal(error.into()))?;
        Ok(Admitted {
            receiver: self,
            envelope,
            url,
            announced,
        })
    }

    /// Stages 2 to 4.
    async fn prove<B: AsRef<[u8]>>(
        &self,
        Admitted { envelope, url, .. }: &Admitted<'_>,
        body: B,
    ) -> Result<VerifiedBody<B>, Error> {
        // In this order: what started before has read its clock before.
        let arrival = self.signers.arrival();
        let now = (self.settings.clock)();
        let mut signers = self.signers.find_at(url, now).await?;
        let time = UnixTime::since_unix_epoch(now);
        let under = |signers: &SignerSet, body| {
            VerifiedBody::verify_under_any(body, envelope, signers.usable(time), time)
        };
        let mut body = body;
        loop {
            let mismatch: SignatureError = match under(&signers, body) {
                Ok(verified) => return Ok(verified),
                Err((returned, mismatch)) => {
                    body = returned;
                    mismatch
                }
            };
            // The certificate behind the URL may have been replaced. That ends: each round has a signer that was not tried.
            // Apart, because its future is large, and seldom needed.
            let newer = self.signers.find_newer_at(url, &signers, arrival, now);
            match Box::pin(newer).await {
                Ok(Some(newer)) => signers = newer,
                Ok(None) => return Err(mismatch.into()),
                Err(unavailable) => return Err(Error::of_mismatch(mismatch, unavailable)),
            }
        }
    }

    /// Fetches and verifies the signing certificates that are to be expected, so that a fault of configuration shows at
    /// deployment and not at the first event.
    ///
    /// They are the URLs given to [`ReceiverBuilder::warm_up_url`] or, if none was, the documented certificate under
    /// each allowed location. Returns those that failed; the receiver works all the same, and will try again.
    ///
    /// It waits for their revocation lists, too, 30 s at most, also where a callback would not: without it, the callbacks of the
    /// first moments are accepted before the lists have been fetched ([`Revocation::BestEffort`](crate::chain::Revocation)).
    #[must_use = "what failed is worth a log line at least"]
    pub async fn warm_up(&self) -> Vec<WarmUpFailure> {
        let settings = &self.settings;
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
        let now = (settings.clock)();
        let attempts = urls.iter().map(async |url| {
            let error = self.signers.warm_up(url, now).await.err()?.into();
            let url = Excerpt::of_url(url.as_str());
            Some(WarmUpFailure { url, error })
        });
        failures.extend(join_all(attempts).await.into_iter().flatten());
        failures
    }

    /// Replaces the chain verifier while callbacks go on: trust anchors, intermediates, policies, the signer name, how much
    /// is asked of revocation. All clones of this receiver see it.
    ///
    /// Signers that are kept are verified anew, without any fetch; those that do not pass are dropped.
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
        let now = UnixTime::since_unix_epoch((self.settings.clock)());
        self.signers.replace_chain(change, now);
    }

    /// Replaces where issuers' certificates and revocation lists come from, while callbacks go on; nothing: from nowhere.
    pub fn replace_authorities(&self, authorities: Option<Authorities>) {
        self.signers.replace_authorities(authorities);
    }

    /// The issuers' certificates that were fetched, as PEM: give them to the next start as intermediates
    /// ([`certificates_from_pem`](crate::chain::certificates_from_pem)), so that it does not depend on a fetch.
    pub fn learned_issuers_pem(&self) -> String {
        let learned = self.signers.learned_issuers();
        learned.iter().map(certificate_to_pem).collect()
    }

    /// The signers that are kept, as PEM with explanatory lines: give them to the next start
    /// ([`ReceiverBuilder::kept_signers_pem`]).
    ///
    /// Partner Center repeats deliveries. A node that starts after the certificate was replaced does not know the one before,
    /// and would refuse them. With this text it accepts them, and it works before the certificate host has been reached. What
    /// was current stays so until the host serves another certificate. Write it at a shutdown and from time to time, in one
    /// step (to a new file that is then renamed): a text that is cut off is refused, and in one that is older than seven
    /// days a signer that was replaced since is not good again.
    pub fn kept_signers_pem(&self) -> String {
        self.signers.export((self.settings.clock)())
    }

    /// How long a body may be.
    pub fn body_limit(&self) -> BodyLimit {
        self.settings.body_limit
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("body_limit", &self.settings.body_limit)
            .field("location", &self.settings.location)
            .field("signers", &self.signers)
            .finish_non_exhaustive()
    }
}

/// A genuine callback: its event, and its body as Partner Center signed it.
#[derive(Clone, Debug)]
#[must_use]
pub struct Received<B> {
    event: Event,
    body: VerifiedBody<B>,
}

impl<B: AsRef<[u8]>> Received<B> {
    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The body.
    pub fn body(&self) -> &VerifiedBody<B> {
        &self.body
    }

    /// SHA-256 of the body, by which repeated deliveries are known.
    pub fn digest(&self) -> BodyDigest {
        self.body.digest()
    }

    /// Who signed it.
    pub fn signer(&self) -> &Arc<VerifiedSigner> {
        self.body.signer()
    }

    /// Event and body.
    pub fn into_parts(self) -> (Event, VerifiedBody<B>) {
        (self.event, self.body)
    }
}

impl Received<Bytes> {
    /// The body in a type of the handler's own.
    ///
    /// # Errors
    ///
    /// [`Error::Format`], which is logged.
    #[cfg_attr(
        not(any(feature = "actix-web", feature = "axum")),
        expect(dead_code, reason = "for the extractors of the adapters")
    )]
    pub(crate) fn body_as<T: FromVerifiedBody>(&self) -> Result<T, Error> {
        let body = self.body.clone().into_inner();
        T::from_verified_body(body).map_err(|error| log_unreadable(error.into(), self.digest()))
    }
}

/// A signing certificate that [`Receiver::warm_up`] could not have, or did not trust.
#[derive(Debug)]
#[non_exhaustive]
pub struct WarmUpFailure {
    /// The URL.
    pub url: Excerpt,
    /// Why.
    pub error: Error,
}

/// An event's name for the log: escaped and cut only if somebody listens.
struct LoggedName<'e>(&'e Event);

impl fmt::Display for LoggedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Excerpt::of(self.0.name().as_str()).fmt(f)
    }
}

fn log_accepted<B: AsRef<[u8]>>(body: &VerifiedBody<B>, event: Option<&Event>) {
    let name = event.map(LoggedName);
    let name = name.as_ref().map(|name| -> &dyn fmt::Display { name });
    trace::accepted(&body.digest(), &body.signer().fingerprint(), name);
}

/// Logs a refusal, and hands it on.
fn log_refusal(error: Error) -> Error {
    log(error, None)
}

/// Logs that a genuine body could not be read, with the digest by which it is found again.
fn log_unreadable(error: Error, digest: BodyDigest) -> Error {
    log(error, Some(&digest))
}

fn log(error: Error, digest: Option<&dyn fmt::Display>) -> Error {
    let refused = match error.needs_repair() {
        true => trace::refused_until_repair,
        false => trace::refused,
    };
    let (kind, verdict) = (error.kind().as_str(), error.verdict().as_str());
    refused(kind, error.status().as_u16(), verdict, digest, &error);
    error
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(CONTENT_LENGTH)
        .map(HeaderValue::as_bytes)
        .and_then(number)
}

/// A length that is not a number is the server's business.
fn number(length: &[u8]) -> Option<usize> {
    str::from_utf8(length).ok()?.parse().ok()
}

//! All stages in one call.

mod builder;
#[cfg(all(
    feature = "reqwest",
    any(feature = "aws-lc-rs", feature = "rustcrypto")
))]
mod defaults;
mod stream;

use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;
use http::HeaderMap;
use rustls_pki_types::UnixTime;

use crate::Excerpt;
use crate::body::BodyLimit;
use crate::chain::{ChainVerifier, VerifiedSigner, certificate_to_pem};
use crate::envelope::{EnvelopeError, EnvelopeReader, SignatureEnvelope};
use crate::error::Error;
use crate::event::{Event, EventName};
use crate::signature::{BodyDigest, SignatureError, VerifiedBody};
use crate::signers::Signers;
use crate::source::{Authorities, CertificateLocation, CertificateUrl};
use crate::trace;

pub use builder::ReceiverBuilder;

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
    clock: Box<dyn Fn() -> UnixTime + Send + Sync>,
    location: CertificateLocation,
    reader: EnvelopeReader,
    warm_up_urls: Vec<Box<str>>,
}

impl Receiver {
    /// Verifies a callback and reads its event.
    ///
    /// `body` are the bytes as they came, before anything parsed or decompressed them. The future may be dropped at any
    /// time.
    ///
    /// # Errors
    ///
    /// [`Error`]: answer the request with its [`status`](Error::status). An event name that is not known is no error.
    pub async fn receive<B: AsRef<[u8]>>(
        &self,
        headers: &HeaderMap,
        body: B,
    ) -> Result<Received<B>, Error> {
        self.settings
            .body_limit
            .check(body.as_ref().len())
            .map_err(|error| told(error.into()))?;
        self.receive_admitted(&self.admit(headers)?, body).await
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
        self.settings
            .body_limit
            .check(body.as_ref().len())
            .map_err(|error| told(error.into()))?;
        self.verify_admitted(&self.admit(headers)?, body).await
    }

    /// Judges the headers alone: the part of the work that costs a microsecond, to be done before the body is read.
    ///
    /// # Errors
    ///
    /// [`Error`] of kind [`Envelope`](crate::ErrorKind::Envelope) or [`Location`](crate::ErrorKind::Location).
    pub fn admit<'h>(&self, headers: &'h HeaderMap) -> Result<Admitted<'h>, Error> {
        self.admit_envelope(self.settings.reader.from_headers(headers))
    }

    /// The same for a framework whose headers are of another type: (name, value) pairs, in any order.
    ///
    /// # Errors
    ///
    /// As [`admit`](Self::admit).
    pub fn admit_pairs<'h, N: AsRef<str>>(
        &self,
        pairs: impl IntoIterator<Item = (N, &'h [u8])>,
    ) -> Result<Admitted<'h>, Error> {
        self.admit_envelope(self.settings.reader.from_pairs(pairs))
    }

    fn admit_envelope<'h>(
        &self,
        envelope: Result<SignatureEnvelope<'h>, EnvelopeError>,
    ) -> Result<Admitted<'h>, Error> {
        let envelope = envelope.map_err(|error| told(error.into()))?;
        let url = self
            .settings
            .location
            .check(envelope.certificate_url())
            .map_err(|error| told(error.into()))?;
        Ok(Admitted { envelope, url })
    }

    /// [`receive`](Self::receive), with headers that were judged before.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn receive_admitted<B: AsRef<[u8]>>(
        &self,
        admitted: &Admitted<'_>,
        body: B,
    ) -> Result<Received<B>, Error> {
        let body = self.prove(admitted, body).await.map_err(told)?;
        let event = Event::from_slice(body.as_bytes()).map_err(|error| told(error.into()))?;
        log_accepted(&body, Some(&LoggedName(event.name())));
        Ok(Received { event, body })
    }

    /// [`verify`](Self::verify), with headers that were judged before.
    ///
    /// # Errors
    ///
    /// [`Error`], never of kind [`Event`](crate::ErrorKind::Event).
    pub async fn verify_admitted<B: AsRef<[u8]>>(
        &self,
        admitted: &Admitted<'_>,
        body: B,
    ) -> Result<VerifiedBody<B>, Error> {
        let body = self.prove(admitted, body).await.map_err(told)?;
        log_accepted(&body, None);
        Ok(body)
    }

    /// Stages 2 to 4.
    async fn prove<B: AsRef<[u8]>>(
        &self,
        Admitted { envelope, url }: &Admitted<'_>,
        body: B,
    ) -> Result<VerifiedBody<B>, Error> {
        self.settings.body_limit.check(body.as_ref().len())?;
        let now = (self.settings.clock)();
        let signers = self.signers.find(url, now).await?;
        let under = |signers: &crate::signers::SignersOfUrl, body| {
            VerifiedBody::verify_under_any(body, envelope, signers.iter(), now)
        };
        let (body, mismatch): (B, SignatureError) = match under(&signers, body) {
            Ok(verified) => return Ok(verified),
            Err(failed) => failed,
        };
        // The certificate behind the URL may have been replaced.
        // Apart, for its future is large, and seldom needed.
        match Box::pin(self.signers.find_newer(url, &signers, now)).await? {
            Some(newer) => under(&newer, body).map_err(|(_, error)| error.into()),
            None => Err(mismatch.into()),
        }
    }

    /// Fetches and verifies the signing certificates that are to be expected, so that a fault of configuration shows at
    /// deployment and not at the first event.
    ///
    /// They are the URLs given to [`ReceiverBuilder::warm_up_url`] or, if none was, the documented certificate under
    /// each allowed location. Returns those that failed; the receiver works all the same, and will try again.
    #[must_use = "what failed is worth a log line at least"]
    pub async fn warm_up(&self) -> Vec<WarmUpFailure> {
        let settings = &self.settings;
        let mut urls = Vec::new();
        let mut failures = Vec::new();
        for url in &settings.warm_up_urls {
            match settings.location.check(url) {
                Ok(url) => urls.push(url.into_owned()),
                Err(error) => failures.push(WarmUpFailure {
                    url: Excerpt::of(url.as_bytes()),
                    error: error.into(),
                }),
            }
        }
        if settings.warm_up_urls.is_empty() {
            urls.extend(settings.location.documented_urls());
        }
        let now = (settings.clock)();
        let attempts = urls.iter().map(async |url| {
            let error = self.signers.find(url, now).await.err()?.into();
            let url = Excerpt::of(url.as_str());
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
        let now = (self.settings.clock)();
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

/// Headers that name an acceptable algorithm and an allowed certificate URL, and hold a well-formed signature.
#[derive(Clone, Debug)]
#[must_use]
pub struct Admitted<'h> {
    envelope: SignatureEnvelope<'h>,
    url: CertificateUrl<'h>,
}

impl<'h> Admitted<'h> {
    /// What the headers say.
    pub fn envelope(&self) -> &SignatureEnvelope<'h> {
        &self.envelope
    }

    /// The certificate URL, in canonical form.
    pub fn certificate_url(&self) -> &CertificateUrl<'h> {
        &self.url
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
struct LoggedName<'e>(&'e EventName);

impl fmt::Display for LoggedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Excerpt::of(self.0.as_str()).fmt(f)
    }
}

fn log_accepted<B: AsRef<[u8]>>(body: &VerifiedBody<B>, event: Option<&dyn fmt::Display>) {
    trace::accepted(&body.digest(), &body.signer().fingerprint(), event);
}

/// Logs a refusal, and hands it on.
fn told(error: Error) -> Error {
    trace::refused(error.kind().as_str(), error.status().as_u16(), &error);
    error
}

//! From a request to a stored callback: the part that all adapters share.

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use thiserror::Error;
use tokio::time::Instant;

use super::callback::VerifiedCallback;
use super::contract::{Inbox, Stored};
use super::error::InboxError;
use super::refused::{RefusedRequest, RefusedRing};
use super::report::{self, InFlight};
use crate::envelope::EnvelopeError;
use crate::event::{Event, EventName};
use crate::receiver::{Error, Receiver};
use crate::signature::BodyDigest;

/// Verifies callbacks and stores them. Cheap to clone.
///
/// The adapters `inbox::axum`, `inbox::actix_web` and `inbox::tower` call it; for another framework, call
/// [`accept`](Self::accept), and respond with 2xx only if it succeeds.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use std::convert::Infallible;
/// use std::sync::Arc;
///
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::inbox::{InboxEndpoint, Stored};
/// use partner_center_webhooks::testing::{Issuer, MemoryInbox};
///
/// let issuer = Issuer::new()?;
/// let signer = issuer.signer()?;
/// let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
/// let endpoint = InboxEndpoint::new(receiver, Arc::new(MemoryInbox::new()));
///
/// let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
/// let body = |bytes| futures_util::stream::iter([Ok::<_, Infallible>(bytes)]);
/// let accepted = endpoint.accept(&request.headers, body(request.body.clone())).await?;
/// assert_eq!(accepted.stored, Stored::New); // durable: respond with 200
///
/// let refused = endpoint.accept(&request.headers, body("{}".into())).await.unwrap_err();
/// assert_eq!(refused.status().as_u16(), 401);
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct InboxEndpoint {
    receiver: Receiver,
    inbox: Arc<dyn Inbox>,
    ring: Option<Arc<Ring>>,
    events: Option<Arc<HashSet<EventName>>>,
    peer: Option<SocketAddr>,
}

struct Ring {
    ring: Arc<dyn RefusedRing>,
    last: Mutex<Option<Instant>>,
}

/// A callback that is durable.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Accepted {
    /// The callback.
    pub callback: VerifiedCallback,
    /// Whether it was stored before.
    pub stored: Stored,
}

impl InboxEndpoint {
    /// How often a refused request is kept at most: ten times a second, so that a flood does not occupy the disk.
    pub const KEEP_INTERVAL: Duration = Duration::from_millis(100);

    /// Stores in `inbox` what `receiver` verifies.
    pub fn new(receiver: Receiver, inbox: Arc<dyn Inbox>) -> Self {
        Self { receiver, inbox, ring: None, events: None, peer: None }
    }

    /// Keeps refused requests in `ring`, but not those without a signature: they are the noise of a public endpoint. They are kept in
    /// the background, on the current tokio runtime, and [ten a second](Self::KEEP_INTERVAL) at most. The response does not wait for
    /// that, and does not depend on it.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use std::{convert::Infallible, num::NonZeroU32, sync::Arc};
    /// # use partner_center_webhooks::{crypto::DefaultBackend, testing::{Issuer, MemoryInbox}};
    /// use partner_center_webhooks::inbox::{InboxEndpoint, RefusedRing as _};
    ///
    /// # let issuer = Issuer::new()?;
    /// # let signer = issuer.signer()?;
    /// # let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    /// let inbox = Arc::new(MemoryInbox::new());
    /// let endpoint = InboxEndpoint::new(receiver, inbox.clone()).with_refused_ring(inbox.clone());
    ///
    /// let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
    /// let forged = futures_util::stream::iter([Ok::<_, Infallible>(bytes::Bytes::from("{}"))]);
    /// assert!(endpoint.accept(&request.headers, forged).await.is_err());
    /// let kept = loop {
    ///     match inbox.refused(NonZeroU32::MIN).await?.pop() {
    ///         Some(kept) => break kept,
    ///         None => tokio::task::yield_now().await,
    ///     }
    /// };
    /// assert_eq!((kept.kind.as_str(), kept.status, kept.body.as_ref()), ("signature", 401, b"{}".as_slice()));
    /// # Ok(()) }) }
    /// ```
    pub fn with_refused_ring(mut self, ring: Arc<dyn RefusedRing>) -> Self {
        self.ring = Some(Arc::new(Ring { ring, last: Mutex::new(None) }));
        self
    }

    /// Has only these events handled. All others are stored as [`Ignored`](super::State::Ignored): they are kept, and can be retried.
    /// Genuine bodies that are not events are to be handled, so that somebody sees them.
    pub fn with_events(mut self, names: impl IntoIterator<Item = EventName>) -> Self {
        self.events = Some(Arc::new(names.into_iter().collect()));
        self
    }

    /// For one request: the address of the peer, which is kept with it if it is refused. Behind a proxy that is the proxy, and the
    /// kept `x-forwarded-for` names the client.
    ///
    /// The adapters do it: actix-web's with the peer of its request, those of axum and tower with the extension `SocketAddr` of the
    /// request, if there is one.
    pub fn with_peer(mut self, peer: Option<SocketAddr>) -> Self {
        self.peer = peer;
        self
    }

    /// Verifies a callback and stores it. Returns after the commit.
    ///
    /// `headers` and `body` are those of [`Receiver::receive_stream`]. A genuine body that is not an event is stored, too. The
    /// future may be dropped at any time: the callback may be stored nevertheless.
    ///
    /// # Errors
    ///
    /// [`EndpointError`]: respond with its [`status`](EndpointError::status).
    pub async fn accept<'h, N, V, D, E>(
        &self,
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
        body: impl Stream<Item = Result<D, E>>,
    ) -> Result<Accepted, EndpointError>
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
        D: Buf,
    {
        let request = InFlight::begin();
        let headers: Vec<_> = headers.into_iter().collect();
        let pairs = || headers.iter().map(|&(name, value)| (name, value));
        let mut read = Bytes::new();
        let verified = async {
            let admitted = self.receiver.admit_sized(pairs(), None)?;
            let body = admitted.read_stream(body).await?;
            read = body.clone();
            VerifiedCallback::verify(&self.receiver, &admitted, body).await
        };
        let callback = match verified.await {
            Ok(callback) => callback,
            Err(error) => {
                request.refused(&error);
                self.keep(pairs(), read, &error);
                return Err(EndpointError::Refused(error));
            }
        };
        let callback = match self.handles(&callback) {
            true => callback,
            false => callback.ignored(),
        };
        let digest = callback.digest();
        let begun = Instant::now();
        let stored = self.inbox.store(&callback).await;
        report::committed(begun.elapsed());
        match stored {
            Ok(stored) => {
                request.stored(stored, &digest, callback.event().map(Event::name));
                Ok(Accepted { callback, stored })
            }
            Err(error) => {
                request.unavailable(&error);
                Err(EndpointError::Inbox { digest, error })
            }
        }
    }

    fn handles(&self, callback: &VerifiedCallback) -> bool {
        match (&self.events, callback.event()) {
            (Some(events), Some(event)) => events.contains(event.name()),
            _ => true,
        }
    }

    /// Keeps a refused request in the background.
    fn keep<'h, N, V>(
        &self,
        headers: impl IntoIterator<Item = (&'h N, &'h V)>,
        body: Bytes,
        error: &Error,
    ) where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
    {
        let is_noise = matches!(error, Error::Envelope(EnvelopeError::MissingSignature { .. }));
        let Some(ring) = self.ring.as_ref().filter(|_| !is_noise) else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if ring.may_keep(Instant::now()) {
            let mut request = RefusedRequest::new(headers, body, error);
            request.remote = self.peer.map(|peer| peer.to_string());
            let ring = Arc::clone(ring);
            runtime.spawn(async move {
                if let Err(error) = ring.ring.keep(&request).await {
                    report::failed("keep", &error);
                }
            });
        }
    }
}

impl Ring {
    fn may_keep(&self, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last
            .is_none_or(|last| now.saturating_duration_since(last) >= InboxEndpoint::KEEP_INTERVAL);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

impl fmt::Debug for InboxEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxEndpoint")
            .field("receiver", &self.receiver)
            .field("inbox", &self.inbox)
            .finish_non_exhaustive()
    }
}

/// The reason why a request was not stored. The message is for logs: send nothing but the status.
///
/// | variant | status | `Retry-After` | what Partner Center does |
/// |---|---|---|---|
/// | [`Inbox`](Self::Inbox) | 503 | 30 s | delivers it again; if it was stored after all, that delivery is a duplicate |
/// | [`Refused`](Self::Refused) | [`Error::status`] | [`Error::retry_after`] | 503: delivers it again; 4xx: drops it, because it is a forgery |
///
/// # Example
///
/// ```
/// use http::{Response, StatusCode};
/// use partner_center_webhooks::inbox::{EndpointError, InboxError};
/// use partner_center_webhooks::signature::BodyDigest;
///
/// let digest = BodyDigest::from_bytes([7; 32]);
/// let error = EndpointError::Inbox { digest, error: InboxError::unavailable("connection refused") };
/// let response: Response<String> = error.to_response();
/// assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
/// assert_eq!(response.headers()["retry-after"], "30");
/// assert!(error.to_string().contains("check that the database runs"));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It is genuine, and it is unknown whether it is stored.
    #[error("callback {digest} is genuine, and it is unknown whether it is stored: {error}")]
    Inbox {
        /// SHA-256 of the body.
        digest: BodyDigest,
        /// The error of the inbox.
        error: InboxError,
    },
    /// It is not genuine, or that is unknown.
    #[error(transparent)]
    Refused(#[from] Error),
}

impl EndpointError {
    /// The status of the response: that of [`Error::status`], or 503 if the inbox failed.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Inbox { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused(error) => error.status(),
        }
    }

    /// The `Retry-After` of the response: that of [`Error::retry_after`], or [`InboxError::RETRY_AFTER`].
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Inbox { .. } => Some(InboxError::RETRY_AFTER),
            Self::Refused(error) => error.retry_after(),
        }
    }

    /// The response: [`status`](Self::status), [`retry_after`](Self::retry_after), and an empty body.
    pub fn to_response<B: Default>(&self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status();
        if let Some(wait) = self.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        response
    }
}

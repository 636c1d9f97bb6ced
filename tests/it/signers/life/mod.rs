//! The life of a signer, from its first fetch to its end: hosts that hang, rotations, revocation, strangers, panics.

mod caller_driven;
mod clocks;
mod hangs;
mod host;
mod panics;
mod restarts;
mod revoked;
mod rotation;
mod runtimes;
mod sockets;
mod strangers;
mod stress;
mod withdrawn;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use partner_center_webhooks::chain::{ChainVerifier, Revocation, UnixTime};
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};
use partner_center_webhooks::source::{
    Authorities, CertificateBundle, CertificateLocation, CertificateSource, CertificateUrl,
    DistributionLocation, SourceError,
};
use partner_center_webhooks::testing::{Issuer, SignedRequest, Signer};
use partner_center_webhooks::{ErrorKind, Receiver};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{DISPATCH_URL, EVENT, ISSUER, NOW, Scripted, later};

const BASE: &str = "http://pki.example/";
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// How long the sender waits for a response.
const SENDER: Duration = Duration::from_secs(10);

/// An issuer that publishes its certificates and lists.
fn published() -> Issuer {
    ISSUER.published_at(BASE).unwrap()
}

fn authorities(client: impl HttpClient + 'static) -> Authorities {
    let location = DistributionLocation::none().also_allow(BASE).unwrap();
    Authorities::new(Arc::new(client))
        .with_issuer_location(location.clone())
        .with_revocation_list_location(location)
}

/// Has the anchor, but no intermediate.
fn bare_chain(revocation: Revocation) -> ChainVerifier {
    ChainVerifier::new(AwsLcRs::new(), ISSUER.anchors().unwrap()).with_revocation(revocation)
}

/// Has the anchor and the intermediate, as a network with port 80 closed needs.
fn chain_of(issuer: &Issuer, revocation: Revocation) -> ChainVerifier {
    bare_chain(revocation).with_intermediates(issuer.intermediates())
}

fn dispatch() -> CertificateUrl<'static> {
    CertificateLocation::default().check(DISPATCH_URL).unwrap()
}

/// A good signer with a key of its own, valid until 90 days from now.
fn successor(issuer: &Issuer) -> Signer {
    let recipe = issuer.signing_certificate().new_key().unwrap();
    recipe.valid(NOW, later(90 * DAY)).issue().unwrap()
}

fn callback(signer: &Signer) -> SignedRequest {
    signer.callback(EVENT).unwrap()
}

/// An unsigned body under the headers of a genuine callback.
fn forged(signer: &Signer) -> SignedRequest {
    callback(signer).with_body(r#"{"EventName":"forged"}"#)
}

/// The response to a sender: status, `Retry-After` in seconds, and the logged error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Seen {
    status: u16,
    retry: Option<u64>,
    kind: Option<ErrorKind>,
}

const ACCEPTED: Seen = Seen { status: 200, retry: None, kind: None };
const MISMATCH: Seen = refused(ErrorKind::Signature);
const REVOKED: Seen = refused(ErrorKind::Chain);
/// The sender did not wait any longer.
const GIVEN_UP: Seen = Seen { status: 408, retry: None, kind: None };

/// A refusal for good.
const fn refused(kind: ErrorKind) -> Seen {
    Seen { status: 401, retry: None, kind: Some(kind) }
}

/// A refusal for now.
const fn later_by(kind: ErrorKind, seconds: u64) -> Seen {
    Seen { status: 503, retry: Some(seconds), kind: Some(kind) }
}

/// The response to one delivery.
async fn response(receiver: &Receiver, callback: &SignedRequest) -> Seen {
    match receiver.receive(&callback.headers, &callback.body).await {
        Ok(_) => ACCEPTED,
        Err(error) => Seen {
            status: error.status().as_u16(),
            retry: error.retry_after().map(|wait| wait.as_secs()),
            kind: Some(error.kind()),
        },
    }
}

/// The response within the sender's patience, and the time that it took by tokio's clock.
async fn timed(receiver: &Receiver, callback: &SignedRequest) -> (Seen, Duration) {
    let started = Instant::now();
    let response = timeout(SENDER, response(receiver, callback)).await;
    (response.unwrap_or(GIVEN_UP), started.elapsed())
}

/// A stopped clock that can be set, in seconds since [`NOW`].
#[derive(Clone, Debug, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::SeqCst);
    }

    fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    fn seconds(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// For [`ReceiverBuilder::clock`](partner_center_webhooks::receiver::ReceiverBuilder::clock).
    fn reader(&self) -> impl Fn() -> UnixTime + Send + Sync + 'static {
        let clock = self.clone();
        move || later(clock.seconds())
    }
}

/// A clock that runs with tokio's, from [`NOW`] on.
fn with_tokio() -> impl Fn() -> UnixTime + Send + Sync + 'static {
    let start = Instant::now();
    move || later(start.elapsed().as_secs())
}

async fn wait(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

/// A firewall that drops packets to port 80: no response, and no refusal either. It obeys its deadline.
#[derive(Clone, Debug)]
struct BlackHole;

impl HttpClient for BlackHole {
    fn send(
        &self,
        _: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        Box::pin(async move {
            let deadline = limits.deadline;
            sleep(deadline).await;
            Err(HttpClientError::Timeout { deadline })
        })
    }
}

/// Blocks requests while it is closed, and never responds to them.
#[derive(Clone, Debug, Default)]
struct Valve<T> {
    inner: T,
    is_closed: Arc<AtomicBool>,
}

impl<T> Valve<T> {
    fn of(inner: T) -> Self {
        Self { inner, is_closed: Arc::default() }
    }

    fn close(&self, close: bool) {
        self.is_closed.store(close, Ordering::SeqCst);
    }

    async fn pass(&self) {
        if self.is_closed.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

impl<T: HttpClient> HttpClient for Valve<T> {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        Box::pin(async move {
            self.pass().await;
            self.inner.send(request, limits).await
        })
    }
}

impl<T: CertificateSource> CertificateSource for Valve<T> {
    fn fetch<'a>(
        &'a self,
        url: &'a CertificateUrl<'a>,
    ) -> BoxFuture<'a, Result<CertificateBundle, SourceError>> {
        Box::pin(async move {
            self.pass().await;
            self.inner.fetch(url).await
        })
    }
}

/// A certificate host that takes 50 ms to respond.
#[derive(Clone, Debug)]
struct Quick(Scripted);

impl CertificateSource for Quick {
    fn fetch<'a>(
        &'a self,
        url: &'a CertificateUrl<'a>,
    ) -> BoxFuture<'a, Result<CertificateBundle, SourceError>> {
        Box::pin(async move {
            sleep(Duration::from_millis(50)).await;
            self.0.fetch(url).await
        })
    }
}

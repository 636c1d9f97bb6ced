//! The base of every fake: its state behind one lock, the HTTP server with its connection faults, and the clock.
//!
//! ```text
//! request ──► control (the test kit's own endpoints; not recorded)
//!         └─► standing fault, or else the next injected one ──► record
//!               ├─ responds without processing: Status, Throttle, Redirect, Drop
//!               └─ process ──► Slow, CutJson, Truncated, DropAfter change how the response arrives
//! ```
//!
//! The lock is held while a request is processed, so requests are processed one after the other, and a test that reads the
//! state sees whole requests only. It is never held while a request is sent.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls_pki_types::UnixTime;
use time::OffsetDateTime;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use super::fault::{Fault, Faults};
use super::request::RecordedRequest;
use super::response::{Body, Cut, whole};

/// The mutable part of a fake.
pub(crate) trait State: Sized + Send + 'static {
    /// The part that all fakes have.
    fn base(&mut self) -> &mut Base;

    /// Handles a request to the test kit itself, which is neither recorded nor subject to faults. Runs without the lock.
    fn control(service: &Arc<Service<Self>>, request: &RecordedRequest) -> Option<Response<Body>> {
        let _ = (service, request);
        None
    }

    /// A fault that applies to `request` for as long as the state says so. Takes precedence over injected ones.
    fn standing_fault(&self, request: &RecordedRequest) -> Option<Fault> {
        let _ = request;
        None
    }

    /// Processes a request to the fake.
    fn process(
        &mut self,
        service: &Arc<Service<Self>>,
        request: &RecordedRequest,
    ) -> Response<Bytes>;

    /// Aborts background work; called when the fake is dropped.
    fn stop(&mut self) {}
}

/// The part of the state that all fakes have: the clock, the faults still to inject, and the requests received so far.
#[derive(Default)]
pub(crate) struct Base {
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) requests: Vec<RecordedRequest>,
}

/// A fake's base URL, and its state behind a lock. All connections share it.
pub(crate) struct Service<S> {
    base_url: String,
    state: Mutex<S>,
}

impl<S> Service<S> {
    /// Without a trailing slash.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Locks the state.
    pub(crate) fn state(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: State> Service<S> {
    /// Records a request. Returns the fault that applies to it.
    fn receive(&self, request: RecordedRequest) -> Option<Fault> {
        let mut state = self.state();
        let standing = state.standing_fault(&request);
        let base = state.base();
        let fault = standing.or_else(|| base.faults.next(request.method(), request.path()));
        base.requests.push(request);
        fault
    }
}

/// A running server. Dropping it stops the server and the fake's deliveries.
pub(crate) struct Server<S: State> {
    service: Arc<Service<S>>,
    task: JoinHandle<()>,
}

impl<S: State> Server<S> {
    /// Starts a server on a free port of 127.0.0.1.
    pub(crate) async fn start(state: S) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        Ok(Self::on(listener, base_url, state))
    }

    /// Starts a server on `listener`, which clients reach at `base_url` (no trailing slash).
    pub(crate) fn on(listener: TcpListener, base_url: String, state: S) -> Self {
        let service = Arc::new(Service { base_url, state: Mutex::new(state) });
        let task = tokio::spawn(serve(listener, Arc::clone(&service)));
        Self { service, task }
    }

    pub(crate) fn service(&self) -> &Arc<Service<S>> {
        &self.service
    }

    pub(crate) fn base_url(&self) -> &str {
        self.service.base_url()
    }

    /// Locks the state.
    pub(crate) fn state(&self) -> MutexGuard<'_, S> {
        self.service.state()
    }
}

/// Connections are closed, and deliveries stop in the middle of an attempt or a pause.
impl<S: State> Drop for Server<S> {
    fn drop(&mut self) {
        self.task.abort();
        self.state().stop();
    }
}

impl<S: State> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.base_url()).finish()
    }
}

/// Implements the methods that all fakes share. `$settings` is the field of the state that `configure` changes.
macro_rules! shared_methods {
    ($fake:ty, $field:ident: $settings:ty) => {
        impl $fake {
            /// The base URL, without a trailing slash.
            pub fn base_url(&self) -> &str {
                self.server.base_url()
            }

            /// Changes the settings, from the next request or attempt on. The fake is blocked until `change` returns.
            pub fn configure(&self, change: impl FnOnce(&mut $settings)) {
                change(&mut self.server.state().$field);
            }

            /// Sets the clock, which decides what has expired and gives the times in responses. Default: the system's.
            pub fn set_clock(
                &self,
                clock: impl Fn() -> time::OffsetDateTime + Send + Sync + 'static,
            ) {
                self.server.state().base.clock =
                    $crate::testing::loopback::server::Clock::new(clock);
            }

            /// Injects `fault` into the next request that no fault of [`inject_on`](Self::inject_on) matches. Several faults
            /// apply in order, one per request.
            pub fn inject(&self, fault: $crate::testing::loopback::fault::Fault) {
                self.server.state().base.faults.push(fault);
            }

            /// Injects `fault` into the next request with this method and path prefix.
            pub fn inject_on(
                &self,
                method: http::Method,
                path_prefix: impl Into<String>,
                fault: $crate::testing::loopback::fault::Fault,
            ) {
                self.server.state().base.faults.push_on(method, path_prefix.into(), fault);
            }

            /// Removes all pending faults.
            pub fn clear_faults(&self) {
                self.server.state().base.faults.clear();
            }

            /// The number of pending faults.
            pub fn pending_faults(&self) -> usize {
                self.server.state().base.faults.len()
            }

            /// All requests so far, in order, including those that met a fault.
            pub fn requests(&self) -> Vec<$crate::testing::loopback::request::RecordedRequest> {
                self.server.state().base.requests.clone()
            }
        }
    };
}

pub(crate) use shared_methods;

/// Serves until the future is dropped, and closes all connections with it.
async fn serve<S: State>(listener: TcpListener, service: Arc<Service<S>>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(stream, Arc::clone(&service)));
            }
            // For example out of file descriptors: other connections may close theirs.
            Err(_) => sleep(PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection<S: State>(stream: TcpStream, service: Arc<Service<S>>) {
    let respond = service_fn(|request| respond(request, &service));
    // An error is the client's doing or an injected fault.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), respond).await;
}

/// Responds to a request, or closes its connection, as its fault demands.
async fn respond<S: State>(
    request: Request<Incoming>,
    service: &Arc<Service<S>>,
) -> Result<Response<Body>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let request = RecordedRequest::new(head.method, head.uri, head.headers, body);
    if let Some(response) = S::control(service, &request) {
        return Ok(response);
    }
    let fault = service.receive(request.clone());
    if let Some(response) = fault.as_ref().and_then(Fault::response) {
        return Ok(whole(response));
    }
    if let Some(Fault::Drop) = fault {
        return Err(Cut);
    }
    let response = service.state().process(service, &request);
    match fault {
        Some(Fault::CutJson) => Ok(whole(response.map(|body| half(&body)))),
        Some(Fault::DropAfter) => Err(Cut),
        Some(Fault::Slow(time)) => {
            sleep(time).await;
            Ok(whole(response))
        }
        Some(Fault::Truncated) => Ok(truncated(response)),
        _ => Ok(whole(response)),
    }
}

/// Half of the body, announced with the full length.
fn truncated(mut response: Response<Bytes>) -> Response<Body> {
    let length = HeaderValue::from(response.body().len());
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response.map(|body| {
        let first_half = stream::once(async move { Ok(Frame::data(half(&body))) });
        let cut = stream::once(async {
            // Let the first half reach the client before the connection closes.
            sleep(PAUSE).await;
            Err(Cut)
        });
        StreamBody::new(stream::StreamExt::chain(first_half, cut)).boxed_unsync()
    })
}

/// The first half of the body, rounded down: JSON that is cut there does not parse.
fn half(body: &Bytes) -> Bytes {
    body.slice(..body.len() / 2)
}

/// Tells a fake the time. Default: the system's.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> OffsetDateTime + Send + Sync>);

impl Clock {
    pub(crate) fn new(now: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        (self.0)()
    }

    /// The time in whole seconds; times before 1970 are 1970.
    pub(crate) fn unix_time(&self) -> UnixTime {
        let now = u64::try_from(self.now().unix_timestamp()).unwrap_or_default();
        UnixTime::since_unix_epoch(Duration::from_secs(now))
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&mut self, time: Duration) {
        let earlier = self.clone();
        let time = time.try_into().unwrap_or_default();
        *self = Self::new(move || earlier.now().saturating_add(time));
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(OffsetDateTime::now_utc)
    }
}

/// After a failed `accept`, and before a cut connection closes.
const PAUSE: Duration = Duration::from_millis(20);

//! The HTTP server, and the connection faults.

use std::fmt;
use std::io;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use super::fault::Fault;
use super::request::RecordedRequest;
use super::service::{Service, State};

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

    /// Starts a server on `listener`, which clients reach at `base_url`.
    pub(crate) fn on(listener: TcpListener, base_url: String, state: S) -> Self {
        let service = Arc::new(Service::new(base_url, state));
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

impl<S: State> Drop for Server<S> {
    fn drop(&mut self) {
        self.task.abort();
        self.state().stop();
    }
}

impl<S: State> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.service).finish()
    }
}

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

/// Responds to a request, or closes its connection.
async fn respond<S: State>(
    request: Request<Incoming>,
    service: &Arc<Service<S>>,
) -> Result<Response<UnsyncBoxBody<Bytes, Cut>>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let request = RecordedRequest::new(head.method, head.uri, head.headers, body);
    if let Some(response) = S::control(service, &request) {
        return Ok(whole(response));
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

fn whole(response: Response<Bytes>) -> Response<UnsyncBoxBody<Bytes, Cut>> {
    response.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync())
}

/// Half of the body, announced with the full length.
fn truncated(mut response: Response<Bytes>) -> Response<UnsyncBoxBody<Bytes, Cut>> {
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

fn half(body: &Bytes) -> Bytes {
    body.slice(..body.len() / 2)
}

/// Makes hyper close the connection at once.
#[derive(Debug, Error)]
#[error("the connection is cut on purpose")]
struct Cut;

const PAUSE: Duration = Duration::from_millis(20);

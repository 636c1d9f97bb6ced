//! An HTTP server for callbacks.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use partner_center_webhooks::{Error, Received, Receiver};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::failure::Failure;

/// What happens to requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Handles a genuine callback. With a status other than 2xx it is delivered again.
    fn handle(
        &self,
        received: Received<Bytes>,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;

    /// Notes a refusal.
    fn refused(&self, error: &Error);

    /// Notes a request for another path, or with another method.
    fn unmatched(&self, method: &Method, path: &str);
}

/// Where callbacks are received.
pub(crate) struct Endpoint<H> {
    pub(crate) path: String,
    pub(crate) receiver: Receiver,
    pub(crate) handler: H,
    /// How long a request may take.
    pub(crate) limit: Duration,
}

/// Listens on an address.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::unknown(format_args!("cannot listen on {address}: {error}")))
}

/// Serves until `stop` completes, then lets requests in flight end for `grace`. Returns whether all of them did.
pub(crate) async fn serve<H: Handler>(
    listener: TcpListener,
    endpoint: Arc<Endpoint<H>>,
    stop: impl Future<Output = ()>,
    grace: Duration,
) -> bool {
    let respond = move |request| {
        let endpoint = Arc::clone(&endpoint);
        async move { respond(request, &endpoint).await }
    };
    serve_with(listener, respond, stop, grace).await
}

/// The same for any function of a request.
pub(crate) async fn serve_with<R>(
    listener: TcpListener,
    respond: impl Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    stop: impl Future<Output = ()>,
    grace: Duration,
) -> bool
where
    R: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let connections = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, _)) = accepted else {
            // For example out of file descriptors: other connections may close theirs.
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let respond = respond.clone();
        let service = service_fn(move |request| {
            let response = respond(request);
            async move { Ok::<_, Infallible>(response.await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            // An error is the client's doing.
            let _ = connection.await;
        });
    }
    drop(listener);
    timeout(grace, connections.shutdown()).await.is_ok()
}

async fn respond<H: Handler>(
    request: Request<Incoming>,
    endpoint: &Endpoint<H>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let problem = match (path == endpoint.path, request.method()) {
        (false, _) => Some(StatusCode::NOT_FOUND),
        (true, &Method::POST) => None,
        (true, _) => Some(StatusCode::METHOD_NOT_ALLOWED),
    };
    if let Some(status) = problem {
        endpoint.handler.unmatched(request.method(), path);
        return empty(status);
    }
    // With 503, because the callback may be genuine.
    match timeout(endpoint.limit, receive(request, endpoint)).await {
        Ok(response) => response,
        Err(_) => {
            let limit = endpoint.limit;
            warn!(
                "a request was given up after {limit:?}: its body did not arrive, or its handler is slow"
            );
            empty(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

async fn receive<H: Handler>(
    request: Request<Incoming>,
    endpoint: &Endpoint<H>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.into_data_stream();
    match endpoint.receiver.receive_stream(&head.headers, body).await {
        Ok(received) => endpoint.handler.handle(received).await,
        Err(error) => {
            endpoint.handler.refused(&error);
            error.to_response()
        }
    }
}

pub(crate) fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// Fetches the signing certificate before the first event needs it, so that a faulty configuration shows now.
pub(crate) async fn warm_up(receiver: Receiver) {
    let failures = receiver.warm_up().await;
    for failure in &failures {
        warn!(url = %failure.url, reason = %failure.error, "warm-up failed; callbacks will try again");
    }
    if failures.is_empty() {
        info!("warm-up: the signing certificate is there");
    }
}

/// Writes the address where something listens, for scripts: a new file in the place of an old one.
pub(crate) fn announce(path: Option<&std::path::Path>, url: &str) -> Result<(), Failure> {
    let Some(path) = path else {
        return Ok(());
    };
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let written: io::Result<()> =
        std::fs::write(&new, format!("{url}\n")).and_then(|()| std::fs::rename(&new, path));
    written.map_err(|error| Failure::file("--ready-file", path, error))
}

/// How long the head of a request may take.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

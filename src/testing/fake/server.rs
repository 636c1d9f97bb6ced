//! The network: connections, and what breaks them.

use std::io;
use std::sync::Arc;
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
use super::{Service, State};

/// A server on a free port of 127.0.0.1 that stops when it is dropped.
#[derive(Debug)]
pub(in crate::testing) struct Server(JoinHandle<()>);

impl Server {
    /// Starts one with this `state`.
    pub(in crate::testing) async fn start<S: State>(
        state: S,
    ) -> io::Result<(Self, Arc<Service<S>>)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let service = Arc::new(Service::new(base_url, state));
        let server = Self(tokio::spawn(serve(listener, Arc::clone(&service))));
        Ok((server, service))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What answers.
pub(in crate::testing) trait Site: Send + Sync + 'static {
    /// Answers what is no request to what is faked: no fault meets it, and it is not written down.
    fn control(self: &Arc<Self>, request: &RecordedRequest) -> Option<Response<Bytes>> {
        let _ = request;
        None
    }

    /// Writes down a request, and tells what shall happen to it.
    fn receive(&self, request: RecordedRequest) -> Option<Fault>;

    /// Processes a request.
    fn process(self: &Arc<Self>, request: &RecordedRequest) -> Response<Bytes>;
}

/// Serves until the future is dropped, and all connections with it.
pub(in crate::testing) async fn serve<S: Site>(listener: TcpListener, service: Arc<S>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(stream, Arc::clone(&service)));
            }
            // Out of file descriptors, say: others may close theirs.
            Err(_) => sleep(PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection<S: Site>(stream: TcpStream, service: Arc<S>) {
    let answer = service_fn(|request| answer(request, &service));
    // How a connection ends is the client's choice, or a fault's.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

/// Answers a request, or closes its connection.
async fn answer(
    request: Request<Incoming>,
    service: &Arc<impl Site>,
) -> Result<Response<UnsyncBoxBody<Bytes, Cut>>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let request = RecordedRequest::new(head.method, head.uri, head.headers, body);
    if let Some(answer) = service.control(&request) {
        return Ok(whole(answer));
    }
    let fault = service.receive(request.clone());
    if let Some(answer) = fault.as_ref().and_then(Fault::answer) {
        return Ok(whole(answer));
    }
    if let Some(Fault::Drop) = fault {
        return Err(Cut);
    }
    let answer = service.process(&request);
    match fault {
        Some(Fault::CutJson) => Ok(whole(answer.map(|body| half(&body)))),
        Some(Fault::DropAfter) => Err(Cut),
        Some(Fault::Slow(time)) => {
            sleep(time).await;
            Ok(whole(answer))
        }
        Some(Fault::Truncated) => Ok(truncated(answer)),
        _ => Ok(whole(answer)),
    }
}

fn whole(answer: Response<Bytes>) -> Response<UnsyncBoxBody<Bytes, Cut>> {
    answer.map(|body| {
        Full::new(body)
            .map_err(|never| match never {})
            .boxed_unsync()
    })
}

/// Half of the body, under the length of all of it.
fn truncated(mut answer: Response<Bytes>) -> Response<UnsyncBoxBody<Bytes, Cut>> {
    let length = HeaderValue::from(answer.body().len());
    answer.headers_mut().insert(CONTENT_LENGTH, length);
    answer.map(|body| {
        let beginning = stream::once(async move { Ok(Frame::data(half(&body))) });
        let end = stream::once(async {
            // So that the beginning has left when the connection goes.
            sleep(PAUSE).await;
            Err(Cut)
        });
        StreamBody::new(stream::StreamExt::chain(beginning, end)).boxed_unsync()
    })
}

fn half(body: &Bytes) -> Bytes {
    body.slice(..body.len() / 2)
}

/// Makes hyper close the connection as it stands.
#[derive(Debug, Error)]
#[error("the connection is cut on purpose")]
struct Cut;

const PAUSE: Duration = Duration::from_millis(20);

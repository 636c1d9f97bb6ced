//! A plain HTTP client, for requests on the same machine.
//!
//! The fakes need one that adds no headers: what they send is compared with the documented requests to the letter. It also
//! frees the feature `testing` from reqwest and TLS.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};

/// A client without TLS that opens a connection for each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainClient;

impl HttpClient for PlainClient {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        Box::pin(async move {
            let Limits { deadline, .. } = limits;
            match timeout(deadline, exchange(request, limits.max_body)).await {
                Ok(response) => response,
                Err(_) => Err(HttpClientError::Timeout { deadline }),
            }
        })
    }
}

/// Sends one request over a new connection, and reads the whole response.
async fn exchange(
    mut request: Request<Bytes>,
    limit: usize,
) -> Result<Response<Bytes>, HttpClientError> {
    let stream =
        connect(request.uri()).await.map_err(|error| HttpClientError::Connect(Arc::new(error)))?;
    let transport = |error: hyper::Error| HttpClientError::Transport(Arc::new(error));
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(transport)?;
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    if let Some(Ok(host)) = authority.map(HeaderValue::from_str) {
        request.headers_mut().insert(HOST, host);
    }
    let target = request.uri().path_and_query().cloned();
    *request.uri_mut() = target.map_or_else(Uri::default, Uri::from);

    let response = async {
        let (head, body) =
            sender.send_request(request.map(Full::new)).await.map_err(transport)?.into_parts();
        let body = Limited::new(body, limit).collect().await.map_err(|error| match error
            .downcast::<hyper::Error>(
        ) {
            Ok(error) => transport(*error),
            Err(_) => HttpClientError::BodyTooLong { limit },
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    // The connection makes progress only while it is polled. It is dropped once the response is complete.
    let connection = async {
        let _ = connection.await;
        std::future::pending().await
    };
    match futures_util::future::select(Box::pin(response), Box::pin(connection)).await {
        futures_util::future::Either::Left((response, _)) => response,
        futures_util::future::Either::Right((never, _)) => never,
    }
}

/// Connects to the host of an http URL. Fails for https, because there is no TLS here.
async fn connect(uri: &Uri) -> io::Result<TcpStream> {
    let (Some("http"), Some(host)) = (uri.scheme_str(), uri.host()) else {
        let reason = format!("`{uri}` is not plain http, and no other client was given");
        return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await
}

//! The HTTP client over reqwest.

use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};
use http::uri::Scheme;
use http::{Request, Response, Uri};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

use super::{BoxFuture, HttpClient, HttpClientError, Limits, is_loopback};

/// The [`HttpClient`] over [reqwest](https://docs.rs/reqwest), with rustls and the platform's trust store.
///
/// It follows no redirects, does not decompress, and sends no referrer. Like reqwest, it needs a tokio runtime.
///
/// Plain http to a loopback address bypasses all proxies.
///
/// [`customized`](Self::customized) takes a closure over reqwest's own builder, so a new major version of reqwest requires a
/// new major version of this crate.
#[derive(Clone, Debug)]
pub struct ReqwestClient {
    client: Client,
    /// For loopback addresses. Built on first use.
    direct: Arc<OnceLock<Client>>,
}

impl ReqwestClient {
    /// A client with reqwest's defaults.
    ///
    /// # Errors
    ///
    /// [`HttpClientError::Setup`] if TLS cannot be set up.
    pub fn new() -> Result<Self, HttpClientError> {
        Self::customized(|builder| builder)
    }

    /// A client that `customize` configures: with a proxy, a resolver, or more TLS roots. Redirects stay off.
    ///
    /// # Errors
    ///
    /// [`HttpClientError::Setup`] if reqwest rejects the configuration.
    pub fn customized(
        customize: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<Self, HttpClientError> {
        Ok(Self { client: build(customize(Client::builder()))?, direct: Arc::default() })
    }

    /// The client for `uri`. A secret for a loopback address must not pass through a proxy.
    fn client_for(&self, uri: &Uri) -> Result<&Client, HttpClientError> {
        if uri.scheme() != Some(&Scheme::HTTP) || !uri.host().is_some_and(is_loopback) {
            return Ok(&self.client);
        }
        if let Some(client) = self.direct.get() {
            return Ok(client);
        }
        let client = build(Client::builder().no_proxy())?;
        Ok(self.direct.get_or_init(|| client))
    }
}

fn build(builder: ClientBuilder) -> Result<Client, HttpClientError> {
    builder
        .redirect(Policy::none())
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .referer(false)
        .build()
        .map_err(|error| HttpClientError::Setup(Arc::new(error)))
}

impl HttpClient for ReqwestClient {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        Box::pin(async move {
            let explain = |error: reqwest::Error| match error {
                error if error.is_builder() => {
                    HttpClientError::Setup(Arc::new(error.without_url()))
                }
                error if error.is_connect() && !error.is_timeout() => {
                    HttpClientError::Connect(Arc::new(error.without_url()))
                }
                error if error.is_timeout() => {
                    HttpClientError::Timeout { deadline: limits.deadline }
                }
                error => HttpClientError::Transport(Arc::new(error.without_url())),
            };
            let client = self.client_for(request.uri())?;
            let mut request = reqwest::Request::try_from(request).map_err(explain)?;
            *request.timeout_mut() = Some(limits.deadline);

            let mut received = client.execute(request).await.map_err(explain)?;
            let mut body = BytesMut::new();
            while let Some(chunk) = received.chunk().await.map_err(explain)? {
                if body.len().saturating_add(chunk.len()) > limits.max_body {
                    return Err(HttpClientError::BodyTooLong { limit: limits.max_body });
                }
                body.extend_from_slice(&chunk);
            }

            let mut response = Response::new(body.freeze());
            *response.status_mut() = received.status();
            *response.headers_mut() = received.headers().clone();
            Ok(response)
        })
    }
}
